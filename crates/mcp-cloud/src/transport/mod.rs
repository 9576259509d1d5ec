//! MCP over Streamable HTTP: turns an HTTP request into a JSON-RPC message for the handler, and what the handler says
//! into an HTTP reply. It knows no platform; what the way back can carry stands in the request's
//! [`RequestInfo`](crate::RequestInfo).

mod attended;
mod batch;
mod envelope;
mod era;
pub(crate) mod headers;
mod message;
mod reply;
mod result;
mod session;
mod signal;
pub(crate) mod stdio;
mod stream;
#[cfg(test)]
#[cfg(feature = "rmcp")]
mod tests;
mod trace;

use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use tokio::sync::watch;
use tower_service::Service;

use crate::{
    body::Body,
    handler::{ErrorObject, Handler},
    names,
    request_info::RequestInfo,
    transport::{era::Refusal, reply::Replying, session::Sessions},
};

pub use era::{Era, Eras};
pub(crate) use reply::rejection;
pub use session::SessionSettings;
pub(crate) use signal::Signal;
pub use trace::TraceParent;

type Reply = http::Response<Body>;

/// The transport as a service over requests whose body has been read.
#[derive(Clone)]
pub(crate) struct Transport(Arc<Shared>);

/// What every request needs.
pub(crate) struct Shared {
    handler: Arc<dyn Handler>,
    settings: Settings,
    sessions: Option<Arc<Sessions>>,
    stage: watch::Sender<Stage>,
}

/// How far the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// What would go on for ever ends, what was begun is finished.
    Stopping,
    /// What is not finished now never will be.
    Over,
}

/// Waits for a stage. A server that is dropped stops; what it began may be finished all the same.
pub(super) async fn reached(mut stage: watch::Receiver<Stage>, wanted: Stage) {
    let is_dropped = stage.wait_for(|stage| *stage >= wanted).await.is_err();
    if is_dropped && wanted > Stage::Stopping {
        pending::<()>().await;
    }
}

/// How a server speaks.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) eras: Eras,
    pub(crate) sessions: SessionSettings,
    /// What the server says of itself in each modern result, as JSON.
    pub(crate) server_info: Option<Bytes>,
}

impl Transport {
    pub(crate) fn new(handler: Arc<dyn Handler>, settings: Settings) -> Self {
        let sessions = Sessions::new(settings.sessions);
        Self(Arc::new(Shared { handler, settings, sessions, stage: watch::Sender::new(Stage::Serving) }))
    }

    /// Ends what would go on for ever, because the server is about to stop: subscriptions, and the streams of
    /// sessions. Running requests go on.
    pub(crate) fn stop(&self) {
        self.enter(Stage::Stopping);
    }

    /// Ends everything: what is still being answered is answered with an error.
    pub(crate) fn give_up(&self) {
        self.enter(Stage::Over);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.stage.borrow() >= Stage::Stopping
    }

    /// There is no way back.
    fn enter(&self, stage: Stage) {
        self.0.stage.send_if_modified(|current| {
            let further = stage > *current;
            *current = stage.max(*current);
            further
        });
    }
}

impl Service<http::Request<Bytes>> for Transport {
    type Response = Reply;
    type Error = Infallible;
    type Future = TransportFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let reply = match parts.method {
            Method::POST => match self.0.post(parts, body) {
                Ok(exchange) => return TransportFuture::Replying(Replying::new(exchange)),
                Err(reply) => *reply,
            },
            Method::GET => self.0.get(&parts),
            Method::DELETE => self.0.delete(&parts),
            _ => method_not_allowed(&parts.method),
        };
        TransportFuture::Replied(Some(reply))
    }
}

/// A reply, there already or in the making.
#[expect(clippy::large_enum_variant, reason = "it is polled where it was made, and nearly always is the large one")]
pub(crate) enum TransportFuture {
    Replied(Option<Reply>),
    Replying(Replying),
}

impl Future for TransportFuture {
    type Output = Result<Reply, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Replied(reply) => reply.take().map_or(Poll::Pending, Poll::Ready),
            Self::Replying(replying) => Pin::new(replying).poll(context),
        }
        .map(Ok)
    }
}

impl Shared {
    /// Opens a stream of a session, or says that there is none: a modern client never asks for one (MCP 2026-07-28,
    /// basic/transports/streamable-http, Earlier Streamable HTTP Revisions), and where the trigger cannot hold one, or
    /// nothing could ever arrive on it, none is offered.
    fn get(&self, parts: &Parts) -> Reply {
        let capabilities = RequestInfo::capabilities_of(&parts.extensions);
        let Some(sessions) = self.sessions_for(parts).filter(|_| capabilities.can_ask()) else {
            return method_not_allowed(&parts.method);
        };
        let session = match self.named(sessions, parts) {
            Ok(session) => session,
            Err(refusal) => return *refusal,
        };
        let last_event_id = headers::hint(&parts.headers, &names::LAST_EVENT_ID);
        let deadline =
            RequestInfo::of(&parts.extensions).filter(|_| capabilities.is_cut).and_then(|info| info.deadline);
        match session.listen(last_event_id, deadline, self.stage.subscribe()) {
            Some(body) => reply::event_stream(body),
            None => refuse(StatusCode::BAD_REQUEST, "the Last-Event-ID names no event that is still remembered"),
        }
    }

    fn delete(&self, parts: &Parts) -> Reply {
        let Some(sessions) = self.sessions_for(parts) else { return method_not_allowed(&parts.method) };
        match self.named(sessions, parts) {
            Ok(session) => {
                sessions.end(&session.id);
                let mut reply = http::Response::new(Body::empty());
                *reply.status_mut() = StatusCode::NO_CONTENT;
                reply
            }
            Err(refusal) => *refusal,
        }
    }

    /// The session that a request without a body names.
    fn named(&self, sessions: &Sessions, parts: &Parts) -> Result<Arc<session::Session>, Box<Reply>> {
        era::check_version(self.settings.eras, &parts.headers).map_err(|refusal| refused(&refusal, None))?;
        find(sessions, parts, None)
    }

    /// The sessions, for a request that can have to do with one.
    fn sessions_for(&self, parts: &Parts) -> Option<&Arc<Sessions>> {
        let is_modern = headers::hint(&parts.headers, &names::MCP_PROTOCOL_VERSION).is_some_and(era::is_modern);
        self.sessions.as_ref().filter(|_| !is_modern && self.settings.eras != Eras::Modern)
    }
}

/// The session that a request names.
///
/// # Errors
///
/// 400 where it names none, 404 where that one is over (MCP 2025-11-25, basic/transports, Session Management).
fn find(sessions: &Sessions, parts: &Parts, id: Option<&[u8]>) -> Result<Arc<session::Session>, Box<Reply>> {
    let invalid = |status, message: &str| {
        let error = ErrorObject::new(ErrorObject::INVALID_REQUEST, message);
        Box::new(rejection(status, id, &error))
    };
    match headers::single(&parts.headers, &names::MCP_SESSION_ID) {
        Ok(Some(named)) => sessions.find(named).ok_or_else(|| {
            invalid(StatusCode::NOT_FOUND, "this session is over, or is not known here; begin anew with initialize")
        }),
        Ok(None) => Err(invalid(StatusCode::BAD_REQUEST, "the Mcp-Session-Id header is missing")),
        Err(_) => Err(invalid(StatusCode::BAD_REQUEST, "the Mcp-Session-Id header is repeated or not text")),
    }
}

/// Taken, and nothing to say about it.
fn accepted() -> Reply {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

#[cold]
fn refuse(status: StatusCode, message: &str) -> Reply {
    rejection(status, None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message))
}

/// A server without sessions has no stream to `GET` and nothing to `DELETE`.
fn method_not_allowed(method: &Method) -> Reply {
    let message = format!("{method} is not supported here; send JSON-RPC messages with POST");
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

#[cold]
fn refused(refusal: &Refusal, id: Option<&[u8]>) -> Box<Reply> {
    Box::new(rejection(refusal.status, id, &refusal.error))
}
