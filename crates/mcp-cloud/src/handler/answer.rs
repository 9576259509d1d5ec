//! JSON-RPC responses, written once: as the bytes that go out.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    body::Body,
    json::{self, PlainRun},
    spare,
};

/// A JSON-RPC response. Its result or error is the last member of the message, which is how the transport finds it
/// again without parsing.
#[derive(Clone)]
pub struct Answer {
    message: Vec<u8>,
    content: Content,
    plain: PlainRun,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Where the result begins.
    Result(usize),
    Error(i64),
    Batch,
}

impl Answer {
    /// A response that carries a result.
    ///
    /// A result that cannot be written as JSON becomes an internal error that says so.
    pub fn result(id: &[u8], result: &(impl Serialize + ?Sized)) -> Self {
        let mut message = result_head(id, 256);
        let start = message.len();
        match json::write(&mut message, result) {
            Ok(plain) => {
                message.push(b'}');
                Self { message, content: Content::Result(start), plain }
            }
            Err(error) => {
                let message = format!("the result cannot be written as JSON: {error}");
                Self::error(Some(id), &ErrorObject::new(ErrorObject::INTERNAL_ERROR, message))
            }
        }
    }

    /// A response that carries a result that is JSON already.
    pub(crate) fn raw_result(id: &[u8], result: &str) -> Self {
        let mut message = result_head(id, result.len() + 64);
        let start = message.len();
        message.extend_from_slice(result.as_bytes());
        message.push(b'}');
        Self { message, content: Content::Result(start), plain: PlainRun::default() }
    }

    /// A response that carries an error; without an id where the request's could not be read.
    #[cold]
    pub fn error(id: Option<&[u8]>, error: &ErrorObject) -> Self {
        let mut message = spare::bytes(256);
        message.extend_from_slice(br#"{"jsonrpc":"2.0","#);
        if let Some(id) = id {
            message.extend_from_slice(br#""id":"#);
            message.extend_from_slice(id);
            message.push(b',');
        }
        message.extend_from_slice(br#""error":"#);
        let before = message.len();
        if json::write(&mut message, error).is_err() {
            message.truncate(before);
            message.extend_from_slice(br#"{"code":-32603,"message":"the error cannot be written as JSON"}"#);
        }
        message.push(b'}');
        Self { message, content: Content::Error(error.code), plain: PlainRun::default() }
    }

    /// The responses to a batch, in one array (MCP 2025-03-26, basic/index, Batching).
    pub(crate) fn batch(answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut message = vec![b'['];
        for answer in answers {
            if message.len() > 1 {
                message.push(b',');
            }
            message.extend_from_slice(&answer.message);
        }
        message.push(b']');
        Self { message, content: Content::Batch, plain: PlainRun::default() }
    }

    /// The response as it goes out.
    pub fn into_message(self) -> Bytes {
        self.message.into()
    }

    /// The response as a body.
    pub(crate) fn into_body(self) -> Body {
        Body::written(self.message, self.plain)
    }

    /// The run of the response that is known to need no escape where it is quoted.
    pub(crate) fn plain(&self) -> PlainRun {
        self.plain
    }

    /// The response as it goes out.
    #[must_use]
    pub fn as_message(&self) -> &[u8] {
        &self.message
    }

    /// Whether it is a batch without a response: every request in it was cancelled.
    pub(crate) fn is_empty(&self) -> bool {
        self.content == Content::Batch && self.message == b"[]"
    }

    /// The code of the error it carries, if it carries one.
    #[must_use]
    pub fn error_code(&self) -> Option<i64> {
        match self.content {
            Content::Error(code) => Some(code),
            Content::Result(_) | Content::Batch => None,
        }
    }

    /// The result it carries, as raw JSON.
    pub(crate) fn result_json(&self) -> Option<&[u8]> {
        let Content::Result(start) = self.content else { return None };
        self.message.get(start..self.message.len().checked_sub(1)?)
    }

    /// Replaces a part of the result, counted from the result's first byte.
    pub(crate) fn splice_result(&mut self, range: std::ops::Range<usize>, with: &[u8]) {
        let Content::Result(start) = self.content else { return };
        let range = start + range.start..start + range.end;
        if range.start <= range.end && range.end < self.message.len() {
            self.plain.spliced(&range, with.len());
            self.message.splice(range, with.iter().copied());
        }
    }
}

fn result_head(id: &[u8], capacity: usize) -> Vec<u8> {
    let mut message = spare::bytes(capacity);
    message.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    message.extend_from_slice(id);
    message.extend_from_slice(br#","result":"#);
    message
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("bytes", &self.message.len()).field("content", &self.content).finish()
    }
}

/// The `error` member of a JSON-RPC response (JSON-RPC 2.0 §5.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// What kind of error it is.
    pub code: i64,
    /// What happened, in a sentence.
    pub message: String,
    /// What a program may want to know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// The client cancelled the request. The number is the one the Language Server Protocol uses for it, outside the
    /// range that JSON-RPC keeps for itself.
    pub const REQUEST_CANCELLED: i64 = -32800;

    /// An error without data.
    #[cold]
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

impl fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for ErrorObject {}
