//! The body of a reply that reads a session's stream.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body::Frame;
use tokio::{sync::watch, time::Sleep};

use super::{
    Busy,
    log::{Log, Read, event_id},
};
use crate::transport::{
    Stage,
    attended::last_moment,
    reached,
    stream::{KEEP_ALIVE, event},
};

/// How long a client waits before it comes back, in milliseconds.
const RETRY_MS: u64 = 500;

/// A connection that reads a stream of a session.
pub(super) struct Reader {
    log: Arc<Log>,
    reader: u64,
    next: u64,
    /// Whether the first event is still to come that tells the client where it would come back to.
    prime: bool,
    ended: bool,
    silence: Option<Duration>,
    keep_alive: Option<Pin<Box<Sleep>>>,
    deadline: Option<Pin<Box<Sleep>>>,
    stopping: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _busy: Busy,
}

/// How a connection may be used.
pub(super) struct Line {
    pub(super) silence: Option<Duration>,
    pub(super) deadline: Option<Instant>,
    /// Tells that the server is about to stop, to a stream that would go on for ever.
    pub(super) stage: Option<watch::Receiver<Stage>>,
    /// Whether the client knows events without data (2025-11-25 and later); an older one would choke on one.
    pub(super) primed: bool,
}

impl Reader {
    /// Reads behind a position, or what has not been delivered yet. `None` where that position is unknown.
    pub(super) fn new(log: Arc<Log>, behind: Option<u64>, line: Line, busy: Busy) -> Option<Self> {
        let (reader, next) = log.read_from(behind)?;
        let Line { silence, deadline, stage, primed } = line;
        Some(Self {
            log,
            reader,
            next,
            prime: primed && behind.is_none(),
            ended: false,
            silence,
            keep_alive: silence.map(|silence| Box::pin(tokio::time::sleep(silence))),
            deadline: deadline.map(|deadline| Box::pin(tokio::time::sleep_until(last_moment(deadline)))),
            stopping: stage.map(|stage| Box::pin(reached(stage, Stage::Stopping)) as _),
            _busy: busy,
        })
    }

    /// Whether the connection has to end, although the stream has not.
    fn is_at_its_end(&mut self, context: &mut Context<'_>) -> bool {
        self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(context).is_ready())
            || self.stopping.as_mut().is_some_and(|stopping| stopping.as_mut().poll(context).is_ready())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.log.leave(self.reader);
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let send = |bytes: Bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        if std::mem::take(&mut self.prime) {
            let id = event_id(self.log.number, self.next - 1);
            return send(format!("id: {id}\nretry: {RETRY_MS}\ndata: \n\n").into());
        }
        match self.log.poll(self.reader, self.next, context) {
            Poll::Ready(Read::Event(position, message)) => {
                self.next = position + 1;
                if let (Some(silence), Some(alarm)) = (self.silence, &mut self.keep_alive) {
                    alarm.as_mut().reset(tokio::time::Instant::now() + silence);
                }
                send(event(Some(&event_id(self.log.number, position)), &message))
            }
            Poll::Ready(Read::Interrupted) => {
                self.ended = true;
                send(format!("retry: {RETRY_MS}\n\n").into())
            }
            Poll::Ready(Read::End) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending if self.is_at_its_end(context) => {
                self.ended = true;
                send(format!("retry: {RETRY_MS}\n\n").into())
            }
            Poll::Pending => {
                let (Some(silence), Some(alarm)) = (self.silence, &mut self.keep_alive) else { return Poll::Pending };
                if alarm.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                alarm.as_mut().reset(tokio::time::Instant::now() + silence);
                // Registers the new alarm.
                context.waker().wake_by_ref();
                send(Bytes::from_static(KEEP_ALIVE))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
