//! The rmcp handler: any `rmcp::ServerHandler`, built once, called in line.
//!
//! A request is parsed into rmcp's types once, by its method, and handed to the handler directly: no task and no
//! channel for a request that only answers. What a handler sends while it works goes through an rmcp peer, and a peer
//! belongs to a running service; so each request is lent a service of its own, whose transport has nothing to read and
//! writes into that request's conversation.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use pin_project_lite::pin_project;
use rmcp::{
    RoleServer, ServerHandler, Service, ServiceExt,
    model::{
        CallToolRequestParams, ClientJsonRpcMessage, ClientRequest, ErrorData, GetExtensions, GetMeta, JsonRpcMessage,
        RequestId, ServerJsonRpcMessage,
    },
    service::{NotificationContext, RequestContext, RunningService, serve_directly},
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::sync::mpsc;

use super::{Answer, Conversation, Converse, ErrorObject, Event, Handler, Request};

/// Serves an `rmcp::ServerHandler`.
pub(crate) struct RmcpHandler<H> {
    handler: Arc<H>,
    idle: Arc<Mutex<Vec<Lent>>>,
}

impl<H: ServerHandler> RmcpHandler<H> {
    pub(crate) fn new(handler: H) -> Self {
        Self { handler: Arc::new(handler), idle: Arc::default() }
    }

    fn lend(&self) -> Lent {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(Lent::new)
    }
}

impl<H: ServerHandler> Handler for RmcpHandler<H> {
    fn call(&self, request: Request) -> Conversation {
        let Request { message, id, method, params, http } = request;
        let typed = match parse(&message, &id, &method, params.as_deref()) {
            Ok(typed) => typed,
            Err(error) => return Box::pin(Refusal(Some(Answer::error(Some(&id), &error)))),
        };
        let lent = self.lend();
        let handler = Arc::clone(&self.handler);
        // A handler that answers `initialize` writes what the client said into its peer.
        let reusable = !matches!(typed.request, ClientRequest::InitializeRequest(_));
        let mut context = RequestContext::new(typed.id, lent.service.peer().clone());
        context.meta = typed.meta;
        context.extensions = typed.extensions;
        context.extensions.insert(http);
        let call = async move {
            match handler.handle_request(typed.request, context).await {
                Ok(result) => Answer::result(&id, &result),
                Err(error) => Answer::error(Some(&id), &error_object(error)),
            }
        };
        Box::pin(Call { call, lent: Some(lent), reusable, idle: Arc::clone(&self.idle), answer: None })
    }

    fn serve_stdio(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>> {
        Box::pin(async move {
            let running = Arc::clone(&self.handler).serve(rmcp::transport::stdio()).await.map_err(io::Error::other)?;
            running.waiting().await.map_err(io::Error::other)?;
            Ok(())
        })
    }
}

/// A request in rmcp's types.
struct Typed {
    id: RequestId,
    request: ClientRequest,
    meta: rmcp::model::RequestMetaObject,
    extensions: rmcp::model::Extensions,
}

fn parse(message: &[u8], id: &[u8], method: &str, params: Option<&[u8]>) -> Result<Typed, ErrorObject> {
    let invalid = |error: serde_json::Error| match error.classify() {
        Category::Data => {
            ErrorObject::new(ErrorObject::INVALID_PARAMS, format!("the parameters do not fit {method}: {error}"))
        }
        // The envelope skips what it does not need, a string that is no Unicode text for instance.
        _ => ErrorObject::new(ErrorObject::PARSE_ERROR, format!("the body is not JSON: {error}")),
    };
    let id = serde_json::from_slice(id).map_err(invalid)?;
    // The common case first, and without the detour through a buffered copy that finding `_meta` among flattened
    // fields costs.
    if method == "tools/call" {
        let mut params: CallToolRequestParams = serde_json::from_slice(params.unwrap_or(b"{}")).map_err(invalid)?;
        let meta = params.meta.take().unwrap_or_default();
        let request = ClientRequest::CallToolRequest(rmcp::model::Request::new(params));
        return Ok(Typed { id, request, meta, extensions: Default::default() });
    }
    let mut request = request_of(message, method).map_err(invalid)?;
    let meta = std::mem::take(request.get_meta_mut());
    let extensions = std::mem::take(request.extensions_mut());
    Ok(Typed { id, request, meta, extensions })
}

/// Parses the message as the request its method names, instead of trying each kind in turn.
fn request_of(message: &[u8], method: &str) -> Result<ClientRequest, serde_json::Error> {
    fn read<T: DeserializeOwned>(
        message: &[u8],
        make: fn(T) -> ClientRequest,
    ) -> Result<ClientRequest, serde_json::Error> {
        serde_json::from_slice(message).map(make)
    }
    match method {
        "ping" => read(message, ClientRequest::PingRequest),
        "initialize" => read(message, ClientRequest::InitializeRequest),
        "server/discover" => read(message, ClientRequest::DiscoverRequest),
        "completion/complete" => read(message, ClientRequest::CompleteRequest),
        "logging/setLevel" => read(message, ClientRequest::SetLevelRequest),
        "prompts/get" => read(message, ClientRequest::GetPromptRequest),
        "prompts/list" => read(message, ClientRequest::ListPromptsRequest),
        "resources/list" => read(message, ClientRequest::ListResourcesRequest),
        "resources/templates/list" => read(message, ClientRequest::ListResourceTemplatesRequest),
        "resources/read" => read(message, ClientRequest::ReadResourceRequest),
        "resources/subscribe" => read(message, ClientRequest::SubscribeRequest),
        "resources/unsubscribe" => read(message, ClientRequest::UnsubscribeRequest),
        "subscriptions/listen" => read(message, ClientRequest::SubscriptionsListenRequest),
        "tools/list" => read(message, ClientRequest::ListToolsRequest),
        "tasks/get" => read(message, ClientRequest::GetTaskRequest),
        "tasks/update" => read(message, ClientRequest::UpdateTaskRequest),
        "tasks/cancel" => read(message, ClientRequest::CancelTaskRequest),
        "skills/list" => read(message, ClientRequest::ListSkillsRequest),
        "skills/get" => read(message, ClientRequest::GetSkillRequest),
        "resources/directory/read" => read(message, ClientRequest::ReadResourceDirectoryRequest),
        _ => read(message, ClientRequest::CustomRequest),
    }
}

fn error_object(error: ErrorData) -> ErrorObject {
    ErrorObject { code: error.code.0.into(), message: error.message.into_owned(), data: error.data }
}

/// A conversation that was over before it began.
struct Refusal(Option<Answer>);

impl Converse for Refusal {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Event> {
        self.0.take().map_or(Poll::Pending, |answer| Poll::Ready(Event::Answer(answer)))
    }
}

pin_project! {
    /// A handler at work, and the service it was lent.
    struct Call<F> {
        #[pin]
        call: F,
        lent: Option<Lent>,
        reusable: bool,
        idle: Arc<Mutex<Vec<Lent>>>,
        answer: Option<Answer>,
    }
}

impl<F: Future<Output = Answer> + Send> Converse for Call<F> {
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Event> {
        let this = self.project();
        if this.answer.is_none()
            && let Poll::Ready(answer) = this.call.poll(context)
        {
            *this.answer = Some(answer);
        }
        let Some(lent) = this.lent else { return Poll::Pending };
        // Whatever was sent before the handler answered goes out before the answer.
        let message = match this.answer {
            Some(_) => lent.outgoing.try_recv().ok(),
            None => match lent.outgoing.poll_recv(context) {
                Poll::Ready(message) => message,
                Poll::Pending => return Poll::Pending,
            },
        };
        if let Some(message) = message {
            // Its peer may have been handed on: what comes later must not reach another request.
            *this.reusable = false;
            return Poll::Ready(Event::Message(message));
        }
        let Some(answer) = this.answer.take() else { return Poll::Pending };
        if let Some(lent) = this.lent.take()
            && *this.reusable
        {
            this.idle.lock().unwrap_or_else(PoisonError::into_inner).push(lent);
        }
        Poll::Ready(Event::Answer(answer))
    }
}

/// A running rmcp service that a request borrows for its peer.
struct Lent {
    service: RunningService<RoleServer, NoService>,
    outgoing: mpsc::UnboundedReceiver<Bytes>,
}

impl Lent {
    fn new() -> Self {
        let (sender, outgoing) = mpsc::unbounded_channel();
        Self { service: serve_directly(NoService, Outgoing(sender), None), outgoing }
    }
}

/// The service behind a lent peer: it is never called, because its transport has nothing to read.
struct NoService;

impl Service<RoleServer> for NoService {
    async fn handle_request(
        &self,
        _: ClientRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<rmcp::model::ServerResult, ErrorData> {
        Err(ErrorData::internal_error("a lent peer takes no requests", None))
    }

    async fn handle_notification(
        &self,
        _: rmcp::model::ClientNotification,
        _: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn get_info(&self) -> rmcp::model::ServerConfig {
        Default::default()
    }
}

/// A transport that has nothing to read and writes into one request's conversation.
struct Outgoing(mpsc::UnboundedSender<Bytes>);

impl rmcp::transport::Transport<RoleServer> for Outgoing {
    type Error = io::Error;

    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let sent = match &message {
            // Nobody could answer: the client's reply would arrive with another request, perhaps at another instance.
            JsonRpcMessage::Request(_) => Err(io::Error::other(
                "a request to the client needs a session, and this connection is stateless; \
                 return an input-required result instead",
            )),
            _ => serde_json::to_vec(&message).map_err(io::Error::other).and_then(|message| {
                self.0.send(message.into()).map_err(|_| io::Error::other("the request this belongs to is over"))
            }),
        };
        std::future::ready(sent)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        std::future::pending().await
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}
