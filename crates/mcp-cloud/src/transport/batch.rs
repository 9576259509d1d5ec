//! Several messages in one request (MCP 2025-03-26, basic/index, Batching): every request of a batch runs at the same
//! time, and all responses go out together.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::attended::{Attended, Said};
use crate::handler::{Answer, Converse, Event};

/// The requests of a batch as one conversation, whose answer is the array of theirs.
pub(super) struct Batch {
    running: Vec<Attended>,
    answers: Vec<Answer>,
}

impl Batch {
    /// The requests that run, and the answers there are already.
    pub(super) fn new(running: Vec<Attended>, answers: Vec<Answer>) -> Self {
        Self { running, answers }
    }
}

impl Converse for Batch {
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Event> {
        let mut index = 0;
        let Self { running, answers } = &mut *self;
        while let Some(attended) = running.get_mut(index) {
            match attended.poll_next(context) {
                Poll::Pending => index += 1,
                Poll::Ready(Said::Message(message)) => return Poll::Ready(Event::Message(message)),
                Poll::Ready(Said::Answer(answer)) => {
                    answers.push(answer);
                    running.swap_remove(index);
                }
                // No answer is owed (2025-03-26, basic/utilities/cancellation).
                Poll::Ready(Said::Cancelled) => drop(running.swap_remove(index)),
                // The batch as a whole keeps its connection alive, and is not interrupted.
                Poll::Ready(Said::Nothing | Said::Reconnect) => {}
            }
        }
        if !running.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Event::Answer(Answer::batch(std::mem::take(answers))))
    }
}
