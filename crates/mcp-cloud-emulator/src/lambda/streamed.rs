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
use tokio::time::{Instant, Sleep, sleep, timeout};

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

/// The response with this head and the rest of the stream as its body, cut when nothing comes for as long as
/// `idle_timeout`.
pub(super) async fn response(
    head: response::Parts,
    mut streamed: Streamed,
    idle_timeout: Option<Duration>,
    notes: Notes,
) -> Made {
    let idle = idle_timeout.map(Idle::new);
    let first = match timeout(idle_timeout.unwrap_or(FIRST_BYTE).min(FIRST_BYTE), streamed.chunk()).await {
        Ok(Some(Ok(first))) => Some(first),
        Ok(Some(Err(error))) => return Err((Failure::FunctionError, describe(&error))),
        Ok(None) => {
            let mut response = Response::new(body::full("Gateway Timeout"));
            *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
            return Ok((response, Some(EMPTY_STREAM.to_owned())));
        }
        Err(_) => None,
    };
    let body = StreamedBody { is_empty: first.is_none(), first, streamed, idle, notes };
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

/// Counts the time for which nothing came.
struct Idle {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        Self { limit, sleep: Box::pin(sleep(limit)) }
    }

    fn begin_again(&mut self) {
        // Where the sum is out of range there is no limit to speak of.
        if let Some(until) = Instant::now().checked_add(self.limit) {
            self.sleep.as_mut().reset(until);
        }
    }
}

struct StreamedBody {
    first: Option<Bytes>,
    streamed: Streamed,
    idle: Option<Idle>,
    is_empty: bool,
    notes: Notes,
}

impl StreamedBody {
    fn begin_again(&mut self) {
        if let Some(idle) = &mut self.idle {
            idle.begin_again();
        }
    }

    /// Ready when nothing came for longer than the gateway waits.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<Duration> {
        match &mut self.idle {
            Some(idle) => idle.sleep.as_mut().poll(context).map(|()| idle.limit),
            None => Poll::Pending,
        }
    }
}

impl http_body::Body for StreamedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            self.begin_again();
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Poll::Ready(chunk) = self.streamed.poll_chunk(context) else {
            let limit = ready!(self.poll_idle(context));
            let error = BodyError::Idle { limit };
            self.notes.add(format!("{error}: it cuts the stream, and the function goes on"));
            return Poll::Ready(Some(Err(error)));
        };
        match chunk {
            Some(Ok(chunk)) => {
                self.is_empty = false;
                self.begin_again();
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
