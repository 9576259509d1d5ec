//! A plain asynchronous function as a handler: requests in, results out, no SDK between.
//!
//! ```no_run
//! use mcp_cloud::{Server, handler::ErrorObject};
//! use serde_json::json;
//!
//! # async fn serve() -> Result<(), mcp_cloud::ServeError> {
//! Server::json_rpc(|request, _context| async move {
//!     match &*request.method {
//!         "tools/list" => Ok(json!({ "tools": [] })),
//!         other => Err(ErrorObject::new(ErrorObject::METHOD_NOT_FOUND, format!("there is no method {other}"))),
//!     }
//! })
//! .serve()
//! .await
//! # }
//! ```
//!
//! `examples/json_rpc.rs` has tools, reports progress and asks the client; `docs/handlers.md` tells more.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use bytes::Bytes;
use pin_project_lite::pin_project;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use super::{
    Answer, Client, Conversation, Converse, ErrorObject, Event, Handler, Incoming, Request, Unreachable,
    asked::{Asked, id_of},
    outlet::Outlet,
};
use crate::json::{Raw, read};

type Waiting = oneshot::Sender<Bytes>;

/// What a function may do besides answering. Cheap to clone; of no use once the request is answered.
#[derive(Clone)]
pub struct Context {
    outlet: Arc<Outlet>,
    asked: Arc<Asked<Waiting>>,
    can_ask: bool,
    client: Option<Client>,
}

impl Context {
    /// Sends a notification that goes before the answer, on the same stream: `notifications/progress`, for instance.
    ///
    /// # Errors
    ///
    /// [`Unreachable`] when the request has been answered or cancelled, or the parameters cannot be written as JSON.
    pub fn notify(&self, method: &str, params: &impl Serialize) -> Result<(), Unreachable> {
        self.say(None, method, params)
    }

    /// Sends a request to the client and waits for its result: `sampling/createMessage`, for instance. Clients of the
    /// legacy era answer such requests, and only in a session.
    ///
    /// # Errors
    ///
    /// At once, `-32603`, where the client could not answer ([`Request::can_ask`]); the client's own error otherwise.
    pub async fn request<R: DeserializeOwned>(&self, method: &str, params: &impl Serialize) -> Result<R, ErrorObject> {
        let failed = |message: String| ErrorObject::new(ErrorObject::INTERNAL_ERROR, message);
        if !self.can_ask {
            return Err(failed(format!("{method}: {}", Unreachable::CannotAnswer)));
        }
        let (waiting, response) = oneshot::channel();
        // Whoever has stopped waiting need not be kept.
        self.asked.retain(|waiting| !waiting.is_closed());
        let id = self.asked.register(waiting);
        self.say(Some(id), method, params).map_err(|error| failed(error.to_string()))?;
        let response = response.await.map_err(|_| failed(Unreachable::Gone.to_string()))?;
        let response = read::<Response<'_>>(&response);
        match response.map_err(|error| failed(format!("the client's response to {method} is none: {error}")))? {
            Response { error: Some(error), .. } => Err(error),
            Response { result, .. } => {
                let result = result.map_or("null", Raw::get);
                serde_json::from_str(result)
                    .map_err(|error| failed(format!("the client's result of {method} does not fit: {error}")))
            }
        }
    }

    /// The way to the client outside of this request, where the client stays.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    fn say(&self, id: Option<i64>, method: &str, params: &impl Serialize) -> Result<(), Unreachable> {
        #[derive(Serialize)]
        struct Message<'a, P> {
            jsonrpc: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<i64>,
            method: &'a str,
            params: &'a P,
        }
        let message = serde_json::to_vec(&Message { jsonrpc: "2.0", id, method, params });
        self.outlet.push(Event::Message(message.map_err(|_| Unreachable::NotJson)?.into()))
    }
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    result: Option<Raw<'a>>,
    error: Option<ErrorObject>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("can_ask", &self.can_ask).finish_non_exhaustive()
    }
}

/// Serves a function. A notification calls it too, with a [`Request`] that has no id; what it returns then is dropped.
pub(crate) struct JsonRpcHandler<F> {
    function: Arc<F>,
    asked: Arc<Asked<Waiting>>,
    client: Option<Client>,
}

impl<F> JsonRpcHandler<F> {
    pub(crate) fn new(function: F) -> Self {
        Self { function: Arc::new(function), asked: Arc::default(), client: None }
    }

    fn context(&self, can_ask: bool) -> Context {
        Context { outlet: Arc::default(), asked: Arc::clone(&self.asked), can_ask, client: self.client.clone() }
    }
}

impl<F, A, R> Handler for JsonRpcHandler<F>
where
    F: Fn(Request, Context) -> A + Send + Sync + 'static,
    A: Future<Output = Result<R, ErrorObject>> + Send + 'static,
    R: Serialize + 'static,
{
    fn call(&self, request: Request) -> Conversation {
        let id = request.id.clone().unwrap_or_default();
        let context = self.context(request.can_ask);
        let outlet = Arc::clone(&context.outlet);
        let function = Arc::clone(&self.function);
        let call = async move {
            match function(request, context).await {
                Ok(result) => Answer::result(&id, &result),
                Err(error) => Answer::error(Some(&id), &error),
            }
        };
        Box::pin(Call { call, outlet, answer: None })
    }

    fn receive(&self, message: Incoming) {
        match message {
            Incoming::Response(response) => {
                if let Some(waiting) = id_of(&response).and_then(|id| self.asked.take(id)) {
                    let _ = waiting.send(response);
                }
            }
            Incoming::Notification(notification) => {
                let context = self.context(false);
                context.outlet.close();
                let call = (self.function)(*notification, context);
                tokio::spawn(async move { drop(call.await) });
            }
        }
    }

    fn connect(&self, client: Client) -> Arc<dyn Handler> {
        Arc::new(Self { function: Arc::clone(&self.function), asked: Arc::default(), client: Some(client) })
    }
}

pin_project! {
    /// A function at work.
    struct Call<F> {
        #[pin]
        call: F,
        outlet: Arc<Outlet>,
        answer: Option<Answer>,
    }

    impl<F> PinnedDrop for Call<F> {
        fn drop(this: Pin<&mut Self>) {
            this.outlet.close();
        }
    }
}

impl<F: Future<Output = Answer> + Send> Converse for Call<F> {
    fn poll_next(self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Event> {
        let this = self.project();
        if this.answer.is_none()
            && let Poll::Ready(answer) = this.call.poll(context)
        {
            *this.answer = Some(answer);
        }
        // Whatever was said before the function returned goes out before the answer.
        if this.answer.is_none() {
            return this.outlet.poll(context);
        }
        if let Some(said) = this.outlet.try_next() {
            return Poll::Ready(said);
        }
        this.outlet.close();
        this.answer.take().map_or(Poll::Pending, |answer| Poll::Ready(Event::Answer(answer)))
    }
}
