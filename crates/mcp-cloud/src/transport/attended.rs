//! A conversation that is looked after: it always comes to an end, and in time.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{sync::watch, time::Sleep};

use super::{Stage, reached, result::Finish, session::Running, signal::Signal};
use crate::{
    capabilities::Capabilities,
    handler::{Answer, Conversation, ErrorObject, Event},
    json::{PlainRun, escaped_length_around},
    tasks::Task,
};

/// What is left for the last message, between the moment a handler is given up and the moment the platform cuts the
/// line.
const DEADLINE_MARGIN: Duration = Duration::from_millis(250);

/// The last moment at which something can still be said.
pub(super) fn last_moment(deadline: Instant) -> tokio::time::Instant {
    deadline.checked_sub(DEADLINE_MARGIN).unwrap_or(deadline).into()
}

/// A conversation under way. An error stands in for an answer where the handler panics, where its answer is larger
/// than the trigger carries, and where it is still at work when the platform is about to cut the line.
pub(super) struct Attended {
    pub(super) id: Bytes,
    pub(super) conversation: Option<Conversation>,
    pub(super) finish: Finish,
    pub(super) capabilities: Capabilities,
    pub(super) deadline: Option<Instant>,
    /// How long the reply may say nothing, where it can say something.
    pub(super) silence: Option<Duration>,
    /// Whether the handler goes on when nobody reads the reply any more.
    pub(super) runs_on: bool,
    /// Whether it is a subscription, which ends well where others are given up.
    pub(super) is_subscription: bool,
    /// Tells that the server is about to stop, and that it stops.
    pub(super) stage: Option<watch::Receiver<Stage>>,
    /// Raised by a handler that wants the client to come back for the rest.
    pub(super) reconnect: Option<Signal>,
    /// Raised when the client cancels it by its id.
    pub(super) cancelled: Option<Signal>,
    /// Its place among the session's running requests.
    pub(super) running: Option<Running>,
    pub(super) span: tracing::Span,
    pub(super) watches: Option<Box<Watches>>,
}

/// What a conversation says, and what happens to it.
pub(super) enum Said {
    Message(Bytes),
    Answer(Answer),
    /// It has been silent for as long as it may.
    Nothing,
    /// The client is to come back for the rest.
    Reconnect,
    /// The client cancelled it: no answer is owed.
    Cancelled,
}

/// What is watched while the handler has to wait. Most answer at once, and need none of it.
pub(super) struct Watches {
    deadline: Option<Pin<Box<Sleep>>>,
    silence: Option<(Duration, Pin<Box<Sleep>>)>,
    stopping: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Attended {
    /// A conversation that has not begun, which nothing limits and nobody can cancel but by dropping it.
    pub(super) fn new(id: Bytes, finish: Finish, capabilities: Capabilities) -> Self {
        Self {
            id,
            conversation: None,
            finish,
            capabilities,
            deadline: None,
            silence: None,
            runs_on: false,
            is_subscription: false,
            stage: None,
            reconnect: None,
            cancelled: None,
            running: None,
            span: tracing::Span::none(),
            watches: None,
        }
    }

    pub(super) async fn next(&mut self) -> Said {
        poll_fn(|context| self.poll_next(context)).await
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Said> {
        let Some(conversation) = &mut self.conversation else { return Poll::Ready(Said::Cancelled) };
        let conversation = conversation.as_mut();
        let span = &self.span;
        match catch_unwind(AssertUnwindSafe(|| span.in_scope(|| conversation.poll_next(context)))) {
            Ok(Poll::Ready(Event::Message(message))) => {
                self.heard();
                Poll::Ready(Said::Message(message))
            }
            Ok(Poll::Ready(Event::Answer(mut answer))) => {
                self.finish.apply(&mut answer);
                if let Some(error) = too_large(answer.as_message(), answer.plain(), self.capabilities) {
                    answer = Answer::error(self.id(), &error);
                }
                self.conversation = None;
                Poll::Ready(Said::Answer(answer))
            }
            Ok(Poll::Pending) => self.watch(context),
            Err(_) => {
                let error = ErrorObject::new(ErrorObject::INTERNAL_ERROR, "the server failed while it was answering");
                Poll::Ready(self.give_up(&error))
            }
        }
    }

    fn watch(&mut self, context: &mut Context<'_>) -> Poll<Said> {
        if self.cancelled.as_ref().is_some_and(|cancelled| cancelled.poll(context).is_ready()) {
            self.conversation = None;
            return Poll::Ready(Said::Cancelled);
        }
        if self.reconnect.as_ref().is_some_and(|reconnect| reconnect.poll(context).is_ready() && reconnect.take()) {
            return Poll::Ready(Said::Reconnect);
        }
        let watches = self.watches.get_or_insert_with(|| {
            // A subscription would go on for ever; everything else has until the very end.
            let last = if self.is_subscription { Stage::Stopping } else { Stage::Over };
            Box::new(Watches {
                deadline: self.deadline.map(|deadline| Box::pin(tokio::time::sleep_until(last_moment(deadline)))),
                silence: self.silence.map(|silence| (silence, Box::pin(tokio::time::sleep(silence)))),
                stopping: self.stage.clone().map(|stage| Box::pin(reached(stage, last)) as _),
            })
        });
        let stopping = watches.stopping.as_mut().is_some_and(|stopping| stopping.as_mut().poll(context).is_ready());
        if stopping {
            return Poll::Ready(self.end("the server was stopped before it had answered; ask again"));
        }
        if watches.deadline.as_mut().is_some_and(|alarm| alarm.as_mut().poll(context).is_ready()) {
            return Poll::Ready(
                self.end("the server had not answered when the platform's time limit for this request was reached"),
            );
        }
        if let Some((silence, alarm)) = &mut watches.silence
            && alarm.as_mut().poll(context).is_ready()
        {
            alarm.as_mut().reset(tokio::time::Instant::now() + *silence);
            return Poll::Ready(Said::Nothing);
        }
        Poll::Pending
    }

    /// Something was said: the silence begins anew.
    fn heard(&mut self) {
        if let Some(Watches { silence: Some((silence, alarm)), .. }) = self.watches.as_deref_mut() {
            alarm.as_mut().reset(tokio::time::Instant::now() + *silence);
        }
    }

    /// Ends a conversation that the platform or the server's end leaves no more time for.
    fn end(&mut self, message: &'static str) -> Said {
        if self.is_subscription {
            let id = String::from_utf8_lossy(&self.id);
            let result =
                format!(r#"{{"resultType":"complete","_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#);
            let mut answer = Answer::raw_result(&self.id, &result);
            self.finish.apply(&mut answer);
            self.conversation = None;
            return Said::Answer(answer);
        }
        self.give_up(&ErrorObject::new(ErrorObject::INTERNAL_ERROR, message))
    }

    fn give_up(&mut self, error: &ErrorObject) -> Said {
        self.conversation = None;
        Said::Answer(Answer::error(self.id(), error))
    }

    /// The request's id; a batch has none of its own.
    pub(super) fn id(&self) -> Option<&[u8]> {
        Some(&*self.id).filter(|id| !id.is_empty())
    }

    /// Goes on when the connection has ended that the platform would have cut.
    pub(super) fn outlive_connection(&mut self) {
        self.deadline = None;
        if let Some(watches) = &mut self.watches {
            watches.deadline = None;
        }
    }
}

/// In the legacy era a client that goes away cancels nothing (2025-11-25, basic/transports, Sending Messages): the
/// handler finishes what it began. In the modern era it does (2026-07-28, basic/patterns/cancellation), and so does
/// the end of a request on a platform that stands still between requests.
impl Drop for Attended {
    fn drop(&mut self) {
        if !self.runs_on {
            return;
        }
        let Some(mut conversation) = self.conversation.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (cancelled, running) = (self.cancelled.take(), self.running.take());
        let task: Task = Box::pin(async move {
            let _running = running;
            poll_fn(|context| {
                if cancelled.as_ref().is_some_and(|cancelled| cancelled.poll(context).is_ready()) {
                    return Poll::Ready(());
                }
                loop {
                    match conversation.as_mut().poll_next(context) {
                        Poll::Ready(Event::Message(_)) => {}
                        Poll::Ready(Event::Answer(_)) => return Poll::Ready(()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            })
            .await;
        });
        runtime.spawn(task);
    }
}

/// What a reply's head and, where it is quoted, the document around it may take, in bytes.
const HEAD: usize = 1024;

/// Why a body cannot be sent, if it cannot. Both sizes stand in it.
pub(super) fn too_large(body: &[u8], plain: PlainRun, capabilities: Capabilities) -> Option<ErrorObject> {
    let limit = capabilities.max_response_body?;
    let room = limit.saturating_sub(HEAD);
    // An escape takes six bytes at most.
    let fits_anyhow = if capabilities.response_is_quoted { room / 6 } else { room };
    if body.len() <= fits_anyhow {
        return None;
    }
    let size = if capabilities.response_is_quoted { escaped_length_around(body, plain) } else { body.len() };
    (size > room).then(|| {
        let message = format!(
            "the reply takes {size} bytes, and this trigger carries {room} at most; ask for less, or in several parts"
        );
        ErrorObject::new(ErrorObject::INTERNAL_ERROR, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_measured_as_the_trigger_carries_it() {
        let limited = Capabilities { max_response_body: Some(HEAD + 100), ..Capabilities::SOCKET };
        let quoted = Capabilities { response_is_quoted: true, ..limited };
        let too_large = |body: &[u8], capabilities| too_large(body, PlainRun::default(), capabilities);
        assert!(too_large(&[b'a'; 100], limited).is_none());
        assert!(too_large(&[b'a'; 101], limited).unwrap().message.contains("101"));
        assert!(too_large(&[b'"'; 50], quoted).is_none());
        assert!(too_large(&[b'"'; 51], quoted).unwrap().message.contains("102"));
        assert!(too_large(&[b'a'; 100], quoted).is_none());
        assert!(too_large(&[0; 17], quoted).is_some());
        assert!(too_large(&[b'a'; 1_000_000], Capabilities::SOCKET).is_none());
    }
}
