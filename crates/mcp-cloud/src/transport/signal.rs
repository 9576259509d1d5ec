//! Something that happens once, and one task that waits for it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Raised once; every clone is the same signal. The task that polled last is woken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signal(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    raised: bool,
    waiting: Option<Waker>,
}

impl Signal {
    pub(crate) fn raise(&self) {
        let waiting = {
            let mut state = self.lock();
            state.raised = true;
            state.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.raised {
            return Poll::Ready(());
        }
        state.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether it was raised since this was asked last; it can be raised again.
    pub(crate) fn take(&self) -> bool {
        std::mem::take(&mut self.lock().raised)
    }

    /// Whether both are the same signal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
