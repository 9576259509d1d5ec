//! What one conversation still has to say, put there by others than the one who polls it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::{Event, Unreachable};

/// A queue of events with one reader.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Event>,
    reader: Option<Waker>,
    closed: bool,
}

impl Outlet {
    /// # Errors
    ///
    /// [`Unreachable::Gone`] when the conversation is over.
    pub(crate) fn push(&self, event: Event) -> Result<(), Unreachable> {
        let reader = {
            let mut inner = self.lock();
            if inner.closed {
                return Err(Unreachable::Gone);
            }
            inner.events.push_back(event);
            inner.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Event> {
        let mut inner = self.lock();
        match inner.events.pop_front() {
            Some(event) => Poll::Ready(event),
            None => {
                inner.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The next event, if there is one already.
    pub(crate) fn try_next(&self) -> Option<Event> {
        self.lock().events.pop_front()
    }

    /// Takes nothing any more.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.events.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
