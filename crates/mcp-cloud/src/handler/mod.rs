//! Handlers: what answers JSON-RPC messages. One trait, one file for each kind that the library brings: an rmcp handler,
//! a [function](json_rpc), and anything at the other end of a [duplex] of messages. `docs/handlers.md` shows each at work.

mod answer;
mod asked;
pub mod duplex;
pub mod json_rpc;
mod outlet;
mod rewrite;
#[cfg(feature = "rmcp")]
pub(crate) mod rmcp;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::byte_str::ByteStr;
pub use crate::transport::{Era, TraceParent};
pub use answer::{Answer, ErrorObject};

/// Answers JSON-RPC messages. A request starts a [`Conversation`]; the transport polls it, passes what it says on, and
/// cancels it by dropping it.
///
/// The handler that a [`Server`](crate::Server) is made of answers everybody. For one client that stays (a session of
/// the legacy era, or the other end of standard input and output) it is asked for a handler of its own.
pub trait Handler: Send + Sync + 'static {
    /// Starts to answer a request. Nothing happens before the conversation is polled, and everything stops when it is
    /// dropped.
    fn call(&self, request: Request) -> Conversation;

    /// Takes what needs no answer. It must not block; what takes time goes into a task of its own.
    fn receive(&self, message: Incoming);

    /// The handler for one client that stays. It is dropped when the client is gone, and with it everything it holds
    /// should end.
    fn connect(&self, client: Client) -> Arc<dyn Handler>;
}

/// A JSON-RPC request or notification, its parameters as they came.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The whole message.
    pub message: Bytes,
    /// Its `id`, as raw JSON: a string or an integer. A notification has none.
    pub id: Option<Bytes>,
    /// Its `method`.
    pub method: ByteStr,
    /// Its `params`, as raw JSON, where it has any.
    pub params: Option<Bytes>,
    /// The era of the protocol it belongs to.
    pub era: Era,
    /// Whether a request to the client, sent while this one is being answered, can be answered in turn. Where it
    /// cannot, it must fail at once: nobody would ever answer it.
    pub can_ask: bool,
    /// Where this request stands in a distributed trace, where the platform or the client says so.
    pub trace: Option<TraceParent>,
    /// The HTTP request that carried it, extensions included: [`RequestInfo`](crate::RequestInfo) among them. Over
    /// standard input it is an empty one.
    pub http: http::request::Parts,
}

impl Request {
    /// The parameters as a type; those of a request without any as an empty object.
    ///
    /// # Errors
    ///
    /// `-32602` where they do not fit.
    pub fn parse_params<T: DeserializeOwned>(&self) -> Result<T, ErrorObject> {
        serde_json::from_slice(self.params.as_deref().unwrap_or(b"{}")).map_err(|error| {
            let message = format!("the parameters do not fit {}: {error}", self.method);
            ErrorObject::new(ErrorObject::INVALID_PARAMS, message)
        })
    }
}

/// What a handler is given that needs no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Incoming {
    /// A notification. Its [`Request::id`] is `None`.
    Notification(Box<Request>),
    /// The client's response to a request that was sent to it, as JSON.
    Response(Bytes),
}

/// What a handler says in answer to one request: messages, then the answer. After the answer it is not polled again.
pub trait Converse: Send {
    /// The next thing the handler says.
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Event>;
}

/// A boxed [`Converse`].
pub type Conversation = Pin<Box<dyn Converse>>;

/// One thing a handler says while it answers a request.
#[derive(Debug)]
pub enum Event {
    /// A JSON-RPC notification for the client that asked, or a request to it, as JSON.
    Message(Bytes),
    /// The answer, which ends the conversation.
    Answer(Answer),
}

/// The way to a client that stays, outside of any request. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<dyn Outbox>);

/// Where a [`Client`]'s messages go.
pub(crate) trait Outbox: Send + Sync {
    fn send(&self, message: Bytes) -> Result<(), Unreachable>;
    fn can_ask(&self) -> bool;
    fn is_gone(&self) -> bool;
}

impl Client {
    pub(crate) fn new(outbox: impl Outbox + 'static) -> Self {
        Self(Arc::new(outbox))
    }

    /// Sends a notification or a request, as JSON, on the client's own stream. If nobody listens yet, it waits there,
    /// within the bounds of that stream.
    ///
    /// # Errors
    ///
    /// [`Unreachable`] when the client is gone or has no such stream.
    pub fn send(&self, message: Bytes) -> Result<(), Unreachable> {
        self.0.send(message)
    }

    /// Whether a request to the client can be answered.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.0.can_ask()
    }

    /// Whether its session is over, so that nothing reaches it any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.is_gone()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A client that a message cannot reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreachable {
    /// Its session, or the request that this belongs to, is over.
    Gone,
    /// It could read the message but not answer it: there is no session, or the trigger lets nothing reach this
    /// process while a request is being answered.
    CannotAnswer,
    /// The message cannot be written as JSON.
    NotJson,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the client that this belongs to is gone",
            Self::CannotAnswer => {
                "a request to the client needs a session, a trigger that streams, and a process that takes other \
                 requests meanwhile, and one of them is missing here; return an input-required result instead"
            }
            Self::NotJson => "the message cannot be written as JSON",
        })
    }
}

impl std::error::Error for Unreachable {}
