//! What became of an event: the function's answer, or why there is none.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::sync::mpsc;

/// What became of an event.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The function replied with one document.
    Buffered {
        /// The document, as the function wrote it.
        body: Bytes,
        /// Its `Content-Type`, if the runtime sent one.
        content_type: Option<String>,
    },
    /// The function's reply is a stream that has begun.
    Streamed(Streamed),
    /// The function reported that it failed on this event.
    FunctionError(FunctionError),
    /// The function reported that it cannot start.
    InitError(FunctionError),
    /// The function did not reply before its deadline.
    Timeout,
    /// The runtime went away before it replied.
    Disconnected,
}

/// The function's own report of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// Value of `Lambda-Runtime-Function-Error-Type`, such as `Runtime.UnknownReason`.
    pub error_type: String,
    /// The JSON document that came with it.
    pub body: Bytes,
}

/// Why a streamed reply ended before its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The function reported a failure in the trailers of its stream.
    #[error("the function failed in mid-stream with `{}`", .0.error_type)]
    Function(FunctionError),
    /// The deadline passed.
    #[error("the function did not end its stream before its deadline")]
    Timeout,
    /// The runtime's connection broke.
    #[error("the function's connection broke in mid-stream")]
    Disconnected,
    /// More than [`STREAMED_BYTES`](super::STREAMED_BYTES) came.
    #[error("the function streamed more than 200 MB")]
    TooLarge,
}

/// A streamed reply, read piece by piece.
///
/// Dropping it does not stop the function, as on Lambda: the rest of the stream is taken and thrown away.
#[derive(Debug)]
pub struct Streamed {
    content_type: Option<String>,
    pieces: mpsc::Receiver<Result<Piece, StreamError>>,
    /// What was read behind the prelude.
    rest: Bytes,
    ended: bool,
}

/// What the Runtime API's server hands to the reader of a stream. A channel that closes without an end or an error is a
/// connection that broke.
#[derive(Debug)]
pub(super) enum Piece {
    Data(Bytes),
    End,
}

/// The head of a streamed HTTP response: `{"statusCode":…,"headers":{…},"cookies":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prelude(pub Value);

/// Why a stream has no usable prelude.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreludeError {
    /// The stream ended, or went on too long, before the eight NUL bytes.
    #[error("there are no eight NUL bytes within the first {limit} bytes of the stream")]
    NoDelimiter {
        /// Where the search ended.
        limit: usize,
    },
    /// What stands before the eight NUL bytes is no JSON.
    #[error("the metadata before the eight NUL bytes is not JSON")]
    NotJson,
    /// The stream broke before its delimiter.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

/// A streamed reply read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// Every byte that came.
    pub bytes: Bytes,
    /// Why it ended early, if it did.
    pub error: Option<StreamError>,
}

const DELIMITER: [u8; 8] = [0; 8];

impl Streamed {
    pub(super) fn new(content_type: Option<String>, pieces: mpsc::Receiver<Result<Piece, StreamError>>) -> Self {
        Self { content_type, pieces, rest: Bytes::new(), ended: false }
    }

    /// The stream's `Content-Type`; `application/vnd.awslambda.http-integration-response` announces a prelude.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Reads the prelude; what follows it stays for [`chunk`](Self::chunk).
    ///
    /// # Errors
    ///
    /// If there is none within the first `limit` bytes, if it is not JSON, or if the stream breaks before its end.
    pub async fn prelude(&mut self, limit: usize) -> Result<Prelude, PreludeError> {
        let mut head = BytesMut::new();
        loop {
            let found = head.windows(DELIMITER.len()).position(|window| window == DELIMITER).filter(|at| *at <= limit);
            if let Some(at) = found {
                let mut rest = head.split_off(at).freeze();
                self.rest = rest.split_off(DELIMITER.len());
                return serde_json::from_slice(&head).map(Prelude).map_err(|_| PreludeError::NotJson);
            }
            if head.len() >= limit.saturating_add(DELIMITER.len()) {
                return Err(PreludeError::NoDelimiter { limit });
            }
            match self.chunk().await {
                Some(chunk) => head.extend_from_slice(&chunk?),
                None => return Err(PreludeError::NoDelimiter { limit }),
            }
        }
    }

    /// The next piece of the stream, never empty; `None` at its end.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, StreamError>> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = ready!(self.pieces.poll_recv(context)).unwrap_or(Err(StreamError::Disconnected));
        Poll::Ready(match piece {
            Ok(Piece::Data(data)) => Some(Ok(data)),
            Ok(Piece::End) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        })
    }

    /// Reads the stream to its end.
    pub async fn collect(mut self) -> Collected {
        let mut bytes = BytesMut::new();
        let mut error = None;
        while let Some(chunk) = self.chunk().await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(why) => error = Some(why),
            }
        }
        Collected { bytes: bytes.freeze(), error }
    }
}
