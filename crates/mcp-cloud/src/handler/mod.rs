//! Handlers: what answers JSON-RPC messages. One trait, one file for each kind.

#[cfg(feature = "rmcp")]
pub(crate) mod rmcp;

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use serde::Serialize;

/// Answers JSON-RPC requests. A request starts a [`Conversation`]; the transport polls it, passes what it says on, and
/// ends it by dropping it.
pub trait Handler: Send + Sync + 'static {
    /// Starts to answer a request. Nothing happens before the conversation is polled, and everything stops when it is
    /// dropped.
    fn call(&self, request: Request) -> Conversation;

    /// Serves one client over standard input and output until the input ends.
    ///
    /// # Errors
    ///
    /// When the streams fail or the client does not speak the protocol.
    fn serve_stdio(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>>;
}

/// A JSON-RPC request, its parameters as they came.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The whole message.
    pub message: Bytes,
    /// Its `id`, as raw JSON: a string or an integer.
    pub id: Bytes,
    /// Its `method`.
    pub method: Box<str>,
    /// Its `params`, as raw JSON, where it has any.
    pub params: Option<Bytes>,
    /// The HTTP request that carried it, extensions included.
    pub http: http::request::Parts,
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
    /// A JSON-RPC notification for the client that asked, as JSON.
    Message(Bytes),
    /// The answer, which ends the conversation.
    Answer(Answer),
}

/// A JSON-RPC response, written once: as the bytes that go out.
#[derive(Clone)]
pub struct Answer {
    message: Bytes,
    error: Option<i64>,
}

impl Answer {
    /// A response that carries a result.
    ///
    /// A result that cannot be written as JSON becomes an internal error that says so.
    pub fn result(id: &[u8], result: &impl Serialize) -> Self {
        let mut message = Vec::with_capacity(256);
        message.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
        message.extend_from_slice(id);
        message.extend_from_slice(br#","result":"#);
        match serde_json::to_writer(&mut message, result) {
            Ok(()) => {
                message.push(b'}');
                Self { message: message.into(), error: None }
            }
            Err(error) => Self::error(
                Some(id),
                &ErrorObject::new(
                    ErrorObject::INTERNAL_ERROR,
                    format!("the result cannot be written as JSON: {error}"),
                ),
            ),
        }
    }

    /// A response that carries an error; without an id where the request's could not be read.
    pub fn error(id: Option<&[u8]>, error: &ErrorObject) -> Self {
        let mut message = Vec::with_capacity(256);
        message.extend_from_slice(br#"{"jsonrpc":"2.0","#);
        if let Some(id) = id {
            message.extend_from_slice(br#""id":"#);
            message.extend_from_slice(id);
            message.push(b',');
        }
        message.extend_from_slice(br#""error":"#);
        let before = message.len();
        if serde_json::to_writer(&mut message, error).is_err() {
            message.truncate(before);
            message.extend_from_slice(br#"{"code":-32603,"message":"the error cannot be written as JSON"}"#);
        }
        message.push(b'}');
        Self { message: message.into(), error: Some(error.code) }
    }

    /// The response as it goes out.
    pub fn into_message(self) -> Bytes {
        self.message
    }

    /// The code of the error it carries, if it carries one.
    pub fn error_code(&self) -> Option<i64> {
        self.error
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("bytes", &self.message.len()).field("error", &self.error).finish()
    }
}

/// The `error` member of a JSON-RPC response (JSON-RPC 2.0 §5.1).
#[derive(Debug, Clone, Serialize)]
pub struct ErrorObject {
    /// What kind of error it is.
    pub code: i64,
    /// What happened, in a sentence.
    pub message: String,
    /// What a program may want to know about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

impl ErrorObject {
    /// The bytes are not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// The JSON is not a request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The server failed.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// A header contradicts the body or is missing (MCP 2026-07-28, basic/index, Error Codes).
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The client did not declare a capability the method needs (same place).
    pub const MISSING_CLIENT_CAPABILITY: i64 = -32021;
    /// The server does not speak that version (same place).
    pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;

    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The same error with something a program may want to know about it.
    #[must_use]
    pub fn with_data(mut self, data: serde_json::Value) -> Self {
        self.data = Some(data);
        self
    }
}
