//! What the runtime has asked for, what it works on, and what is still taken from it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

use super::{FunctionError, Outcome, Settings};

/// How many events whose deadline has passed are remembered, as Lambda does.
const OVERDUE: usize = 1000;

/// What the calls of one runtime share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    state: Mutex<State>,
    /// Says that `state` has changed, to those who wait.
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The runtime's pending calls of `next`, the oldest first.
    waiters: VecDeque<oneshot::Sender<Delivery>>,
    /// The events it works on, by their request ids.
    under_way: HashMap<String, Current>,
    /// Ids of events that it did not reply to in time, the oldest first.
    overdue: VecDeque<String>,
    init_error: Option<FunctionError>,
}

#[derive(Debug)]
struct Current {
    /// `None` once the runtime has begun to reply.
    reply: Option<oneshot::Sender<Outcome>>,
    /// Whether the runtime has replied to the last byte.
    has_replied: bool,
    deadline: Instant,
}

/// An event on its way to the runtime.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) request_id: String,
    pub(super) deadline_ms: u64,
    pub(super) function_arn: String,
    pub(super) event: Bytes,
}

/// Whether an event was handed over.
#[derive(Debug)]
pub(super) enum HandedOver {
    /// It was; the outcome will come here, by this deadline.
    To(oneshot::Receiver<Outcome>, Instant),
    /// The runtime hung up after it asked.
    Disconnected,
    /// The runtime said that it cannot start.
    Failed(FunctionError),
}

/// Why a call of the runtime's is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It asked for an event before it replied to the one before.
    Busy,
    UnknownId,
    SecondReply,
    /// The deadline of the event has passed.
    Overdue,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::default(), changes: watch::Sender::new(()) }
    }

    /// Whether the runtime may work on several events at once.
    pub(super) fn is_concurrent(&self) -> bool {
        self.settings.concurrency > 1
    }

    /// Takes a call of `next`, which waits for what it returns.
    ///
    /// A classic runtime has one such call; a second one takes the place of the first. A concurrent one may have any
    /// number, as it has in AWS's own code, whose queue ends at ten thousand.
    pub(super) fn ask(&self) -> Result<oneshot::Receiver<Delivery>, Refused> {
        let (waiter, delivery) = oneshot::channel();
        let mut state = self.lock();
        if self.is_concurrent() {
            state.waiters.retain(|waiter| !waiter.is_closed());
        } else {
            if state.under_way.values().any(|current| current.reply.is_some()) {
                return Err(Refused::Busy);
            }
            state.under_way.clear();
            state.waiters.clear();
        }
        state.waiters.push_back(waiter);
        self.changed(state);
        Ok(delivery)
    }

    /// Waits until the runtime asks for an event and may have one, and hands it over.
    pub(super) async fn hand_over(&self, delivery: impl Fn() -> Delivery) -> HandedOver {
        self.when(|state| {
            if let Some(error) = &state.init_error {
                return Some(HandedOver::Failed(error.clone()));
            }
            if state.under_way.len() >= self.settings.concurrency.max(1) {
                return None;
            }
            while let Some(waiter) = state.waiters.pop_front() {
                let (reply, outcome) = oneshot::channel();
                let delivery = delivery();
                let deadline = Instant::now() + self.settings.timeout;
                let request_id = delivery.request_id.clone();
                if waiter.send(delivery).is_ok() {
                    let current = Current { reply: Some(reply), has_replied: false, deadline };
                    state.under_way.insert(request_id, current);
                    return Some(HandedOver::To(outcome, deadline));
                }
                // It hung up between asking and now, which only a crash does. Of several workers the others live on.
                if !self.is_concurrent() {
                    return Some(HandedOver::Disconnected);
                }
            }
            None
        })
        .await
    }

    /// Takes the right to reply to `id` by its deadline, which there is once.
    pub(super) fn claim(&self, id: &str) -> Result<(oneshot::Sender<Outcome>, Instant), Refused> {
        let mut state = self.lock();
        if let Some(current) = state.under_way.get_mut(id) {
            let reply = current.reply.take().ok_or(Refused::SecondReply)?;
            return Ok((reply, current.deadline));
        }
        match state.overdue.iter().position(|overdue| overdue == id) {
            Some(at) if self.is_concurrent() => {
                state.overdue.remove(at);
                Err(Refused::Overdue)
            }
            _ => Err(Refused::UnknownId),
        }
    }

    /// Notes that the runtime has replied to `id`, to the last byte.
    pub(super) fn replied(&self, id: &str) {
        let mut state = self.lock();
        if self.is_concurrent() {
            state.under_way.remove(id);
        } else if let Some(current) = state.under_way.get_mut(id) {
            // Known until the runtime asks for the next event, to tell a second reply from one to a foreign id.
            current.has_replied = true;
        }
        self.changed(state);
    }

    /// Takes no reply to `id` any more, because its deadline has passed.
    pub(super) fn give_up(&self, id: &str) {
        let mut state = self.lock();
        if state.under_way.remove(id).is_some() {
            if state.overdue.len() == OVERDUE {
                state.overdue.pop_front();
            }
            state.overdue.push_back(id.to_owned());
        }
        self.changed(state);
    }

    /// Notes that the runtime cannot start.
    pub(super) fn fail(&self, error: FunctionError) {
        let mut state = self.lock();
        state.init_error = Some(error);
        self.changed(state);
    }

    /// When `id` has to be done with; `None` if it is not under way.
    pub(super) fn deadline(&self, id: &str) -> Option<Instant> {
        self.lock().under_way.get(id).map(|current| current.deadline)
    }

    /// Waits until nothing more will come for `id`.
    pub(super) async fn done(&self, id: &str) {
        self.when(|state| state.under_way.get(id).is_none_or(|current| current.has_replied).then_some(())).await;
    }

    /// Waits until the runtime asks for an event; `false` if it said that it cannot start.
    pub(super) async fn ready(&self) -> bool {
        self.when(|state| match (&state.init_error, state.waiters.is_empty()) {
            (Some(_), _) => Some(false),
            (None, false) => Some(true),
            (None, true) => None,
        })
        .await
    }

    /// Waits until `pick` finds something in the state.
    async fn when<T>(&self, mut pick: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let found = pick(&mut self.lock());
            if let Some(found) = found {
                return found;
            }
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }

    fn changed(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.changes.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
