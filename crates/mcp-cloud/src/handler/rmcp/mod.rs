//! The rmcp handler: any `rmcp::ServerHandler`, built once, called in line.
//!
//! A request is parsed into rmcp's types once, by its method, and handed to the handler directly: no task and no
//! channel for a request that only answers. What a handler sends while it works goes through an rmcp peer, and a peer
//! belongs to a running service; so each request is lent a service of its own, which writes into that request's
//! conversation. A peer that the handler kept is not lent again.

mod connection;
mod mirror;
mod parse;
mod peer;

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use rmcp::{
    ServerHandler, Service,
    model::{ClientRequest, ErrorData, GetExtensions, JsonRpcMessage},
    service::RequestContext,
};

use super::{Answer, Client, Conversation, Converse, Era, ErrorObject, Event, Handler, Incoming, Request, asked};
use connection::{Connection, Main};
use parse::Typed;
use peer::{Lent, Logging};

/// The key of `_meta` that names the level from which on a modern request wants log messages.
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// Serves an `rmcp::ServerHandler`.
pub(crate) struct RmcpHandler<H: ServerHandler> {
    handler: Arc<H>,
    connection: Arc<Connection>,
    main: OnceLock<Main>,
}

impl<H: ServerHandler> RmcpHandler<H> {
    pub(crate) fn new(handler: H) -> Self {
        Self::connected(Arc::new(handler), None)
    }

    fn connected(handler: Arc<H>, client: Option<Client>) -> Self {
        Self { handler, connection: Arc::new(Connection::new(client)), main: OnceLock::new() }
    }

    /// What the server says of itself in each modern result, as JSON.
    pub(crate) fn server_info(&self) -> Option<Bytes> {
        serde_json::to_vec(&ServerHandler::get_info(&*self.handler).server_info).ok().map(Bytes::from)
    }

    /// What must hold before the handler sees a request.
    fn admit(&self, request: &Request, typed: &Typed) -> Result<Logging, ErrorObject> {
        if request.era == Era::Legacy {
            return Ok(Logging::ALL);
        }
        if let ClientRequest::CallToolRequest(call) = &typed.request
            && let Some(tool) = self.handler.get_tool(&call.params.name)
        {
            mirror::check(&request.http.headers, &tool.input_schema, call.params.arguments.as_ref())?;
        }
        let level = typed.meta.log_level();
        if level.is_none() && typed.meta.contains_key(LOG_LEVEL) {
            let message = format!("{LOG_LEVEL} in params._meta is not a level of log messages");
            return Err(ErrorObject::new(ErrorObject::INVALID_PARAMS, message));
        }
        Ok(Logging::from_level(level))
    }
}

impl<H: ServerHandler> Handler for RmcpHandler<H> {
    fn call(&self, request: Request) -> Conversation {
        let id = request.id.clone().unwrap_or_default();
        let parsed = parse::request(&id, &request.method, request.params.as_deref());
        let admitted = parsed.and_then(|typed| self.admit(&request, &typed).map(|logging| (typed, logging)));
        let (mut typed, logging) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => return Answered::with(Answer::error(Some(&id), &error)),
        };
        // What the platform measured is closer to this server than nothing, and further than what the client says.
        if let Some(trace) = &request.trace
            && typed.meta.get_traceparent().is_none()
        {
            typed.meta.set_traceparent(trace.as_str());
        }
        let mut reusable = true;
        if let ClientRequest::InitializeRequest(initialize) = &typed.request {
            // A handler that answers it writes what the client said into its peer.
            reusable = false;
            if self.connection.client.is_some() {
                let _ = self.connection.info.set(initialize.params.clone());
            }
        }
        let mut lent = self.connection.lend();
        lent.allow(request.can_ask, logging);
        let handler = Arc::clone(&self.handler);
        let mut context = RequestContext::new(typed.id, lent.peer().clone());
        context.meta = typed.meta;
        context.extensions.insert(request.http);
        let work = async move {
            // Also when this future is dropped: what the handler has spawned learns that the request is over.
            let _over = context.ct.clone().drop_guard();
            match handler.handle_request(typed.request, context).await {
                Ok(result) => Answer::result(&id, &result),
                Err(error) => Answer::error(Some(&id), &error_object(error)),
            }
        };
        lent.work.set(work);
        let borrowed = Borrowed { lent: Some(lent), connection: Arc::clone(&self.connection), reusable };
        Box::pin(Call { borrowed, answer: None })
    }

    fn receive(&self, message: Incoming) {
        match message {
            Incoming::Response(response) => {
                if let Some(waiting) = asked::id_of(&response).and_then(|id| self.connection.asked.take(id)) {
                    waiting.deliver(&response);
                }
            }
            Incoming::Notification(notification) => {
                let parsed = parse::notification(&notification.method, notification.params.as_deref());
                let Ok(mut typed) = parsed else {
                    tracing::debug!(method = &*notification.method, "a notification whose parameters do not fit");
                    return;
                };
                typed.extensions_mut().insert(notification.http);
                let main = self.main.get_or_init(|| Main::start(Arc::clone(&self.handler) as _, &self.connection));
                main.hand_over(JsonRpcMessage::notification(typed));
            }
        }
    }

    fn connect(&self, client: Client) -> Arc<dyn Handler> {
        Arc::new(Self::connected(Arc::clone(&self.handler), Some(client)))
    }
}

fn error_object(error: ErrorData) -> ErrorObject {
    ErrorObject { code: error.code.0.into(), message: error.message.into_owned(), data: error.data }
}

/// A service that goes back to where it was borrowed from, whatever becomes of the request.
struct Borrowed {
    lent: Option<Box<Lent>>,
    connection: Arc<Connection>,
    reusable: bool,
}

impl Borrowed {
    fn give_back(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        if self.reusable || self.connection.client.is_some() {
            self.connection.take_back(lent);
        } else {
            self.connection.discard(&lent);
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // The request was given up: what it still wanted to say must not reach the next one.
        if let Some(lent) = self.lent.take() {
            self.connection.discard(&lent);
        }
    }
}

/// A handler at work in what it was lent.
struct Call {
    borrowed: Borrowed,
    answer: Option<Answer>,
}

impl Converse for Call {
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Event> {
        let this = self.get_mut();
        let Some(lent) = this.borrowed.lent.as_mut() else { return Poll::Pending };
        if this.answer.is_none()
            && let Poll::Ready(answer) = lent.work.poll(context)
        {
            this.answer = Some(answer);
        }
        // Whatever was sent before the handler answered goes out before the answer.
        let message = match this.answer {
            Some(_) => lent.outgoing.try_recv().ok(),
            None => match lent.outgoing.poll_recv(context) {
                Poll::Ready(message) => message,
                Poll::Pending => return Poll::Pending,
            },
        };
        if let Some(message) = message {
            return Poll::Ready(Event::Message(message));
        }
        let Some(answer) = this.answer.take() else { return Poll::Pending };
        this.borrowed.give_back();
        Poll::Ready(Event::Answer(answer))
    }
}

/// A conversation that was over before it began.
struct Answered(Option<Answer>);

impl Answered {
    fn with(answer: Answer) -> Conversation {
        Box::pin(Self(Some(answer)))
    }
}

impl Converse for Answered {
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Event> {
        self.0.take().map_or(Poll::Pending, |answer| Poll::Ready(Event::Answer(answer)))
    }
}
