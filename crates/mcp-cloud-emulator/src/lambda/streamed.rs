//! Streams a function's reply to its client.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Response, StatusCode, response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::Made;
use crate::{
    body::{self, Body, BodyError},
    front_door::Notes,
    runtime_api::{StreamError, Streamed},
    trigger::Failure,
};

/// How long a response's head waits for the body's first byte, so that a stream that ends without any can be answered
/// with an error instead of hanging as it does when deployed.
const FIRST_BYTE: Duration = Duration::from_millis(500);

const EMPTY_STREAM: &str = "empty stream: hangs when deployed";

/// The response with this head and the rest of the stream as its body.
pub(super) async fn response(head: response::Parts, mut streamed: Streamed, notes: Notes) -> Made {
    let first = match timeout(FIRST_BYTE, streamed.chunk()).await {
        Ok(Some(Ok(first))) => Some(first),
        Ok(Some(Err(error))) => return Err((Failure::FunctionError, describe(&error))),
        Ok(None) => {
            let mut response = Response::new(body::full("Gateway Timeout"));
            *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
            return Ok((response, Some(EMPTY_STREAM.to_owned())));
        }
        Err(_) => None,
    };
    let body = StreamedBody { is_empty: first.is_none(), first, streamed, notes };
    Ok((Response::from_parts(head, Body::new(body.boxed_unsync())), None))
}

fn describe(error: &StreamError) -> String {
    match error {
        // The text in it is the function's, and may tell what is nobody's business.
        StreamError::Function(error) => {
            format!("the function failed in mid-stream with `{}`", error.error_type)
        }
        error => error.to_string(),
    }
}

struct StreamedBody {
    first: Option<Bytes>,
    streamed: Streamed,
    is_empty: bool,
    notes: Notes,
}

impl http_body::Body for StreamedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match ready!(self.streamed.poll_chunk(context)) {
            Some(Ok(chunk)) => {
                self.is_empty = false;
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Some(Err(error)) => {
                self.notes.add(describe(&error));
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                if self.is_empty {
                    self.notes.add(EMPTY_STREAM);
                }
                Poll::Ready(None)
            }
        }
    }
}
