//! The body of an event stream: every message of a conversation as an SSE event
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), the answer last.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;

use super::{era::Era, reply::Attended};
use crate::handler::Event;

/// A conversation as the body of a reply.
pub(super) struct EventStream {
    attended: Option<Attended>,
    era: Era,
    written: Bytes,
}

impl EventStream {
    /// The rest of a conversation whose first events are written already.
    pub(super) fn new(attended: Attended, era: Era, written: Bytes) -> Self {
        Self { attended: Some(attended), era, written }
    }
}

impl http_body::Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.written.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.written)))));
        }
        let Some(attended) = &mut self.attended else { return Poll::Ready(None) };
        let Poll::Ready(event) = attended.poll_next(context) else { return Poll::Pending };
        let message = match event {
            Event::Message(message) => message,
            Event::Answer(answer) => {
                self.attended = None;
                answer.into_message()
            }
        };
        let mut event = Vec::with_capacity(message.len() + 32);
        write_event(&mut event, &message);
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.attended.is_none() && self.written.is_empty()
    }
}

/// A client that goes away cancels a modern request (MCP 2026-07-28, basic/patterns/cancellation), which dropping the
/// conversation does. In the legacy era it does not (2025-11-25, basic/transports, Sending Messages): the handler
/// finishes what it began.
impl Drop for EventStream {
    fn drop(&mut self) {
        if self.era == Era::Modern {
            return;
        }
        let Some(mut attended) = self.attended.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move { while let Event::Message(_) = poll_fn(|cx| attended.poll_next(cx)).await {} });
    }
}

/// Appends a message as one event. Each of its lines gets a `data:` field of its own.
pub(super) fn write_event(out: &mut Vec<u8>, message: &[u8]) {
    out.extend_from_slice(b"event: message\n");
    for line in message.split(|&byte| byte == b'\n' || byte == b'\r') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}
