//! The body of an event stream that lives and dies with its request: every message of a conversation as an SSE event
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), the answer last.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;

use super::attended::{Attended, Said};

/// A comment: keeps a connection open, and is no event.
pub(super) const KEEP_ALIVE: &[u8] = b":\n\n";

/// A conversation as the body of a reply.
pub(super) struct EventStream {
    attended: Option<Attended>,
    written: Bytes,
}

impl EventStream {
    /// The rest of a conversation whose first events are written already.
    pub(super) fn new(attended: Attended, written: Bytes) -> Self {
        Self { attended: Some(attended), written }
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
        loop {
            let Some(attended) = &mut self.attended else { return Poll::Ready(None) };
            let Poll::Ready(said) = attended.poll_next(context) else { return Poll::Pending };
            let message = match said {
                Said::Message(message) => message,
                Said::Answer(answer) => {
                    self.attended = None;
                    answer.into_message()
                }
                Said::Nothing => return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(KEEP_ALIVE))))),
                // Only a session can be come back to.
                Said::Reconnect => continue,
                Said::Cancelled => {
                    self.attended = None;
                    return Poll::Ready(None);
                }
            };
            return Poll::Ready(Some(Ok(Frame::data(event(None, &message)))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.attended.is_none() && self.written.is_empty()
    }
}

/// A message as one event.
pub(super) fn event(id: Option<&str>, message: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(message.len() + 48);
    write_event(&mut event, id, message);
    event.into()
}

/// Appends a message as one event. Each of its lines gets a `data:` field of its own.
pub(super) fn write_event(out: &mut Vec<u8>, id: Option<&str>, message: &[u8]) {
    out.extend_from_slice(b"event: message\n");
    if let Some(id) = id {
        for piece in ["id: ", id, "\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
    for line in message.split(|&byte| byte == b'\n' || byte == b'\r') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}
