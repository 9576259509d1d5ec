//! A stream of a session: what was said on it, within bounds, and the one connection that reads it now. A connection
//! may break; the stream goes on, and the next connection reads on where the last one stopped.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

/// How many events a stream remembers for a client that comes back.
const MAX_EVENTS: usize = 256;
/// How many bytes of events a stream remembers, unless a single event is larger.
const MAX_BYTES: usize = 1024 * 1024;

/// A stream of a session.
#[derive(Debug)]
pub(super) struct Log {
    /// Which of its session's streams it is.
    pub(super) number: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Bytes>,
    bytes: usize,
    /// The position of the first event that is still remembered. Positions count from one.
    first: u64,
    /// The position of the last event that a connection was given.
    delivered: u64,
    ended: bool,
    /// Which connection reads; an earlier one ends.
    reader: u64,
    /// Whether that one is still there.
    is_read: bool,
    /// Whether the connection that reads is to end, and its client to come back.
    interrupted: bool,
    waiting: Option<Waker>,
}

/// What a connection reads.
#[derive(Debug)]
pub(super) enum Read {
    /// The event at this position.
    Event(u64, Bytes),
    /// The client is to come back for the rest.
    Interrupted,
    /// There will be nothing more on this connection.
    End,
}

impl Log {
    pub(super) fn new(number: u64) -> Self {
        Self { number, state: Mutex::new(State { first: 1, ..State::default() }) }
    }

    /// Adds an event. The oldest are forgotten where there are too many.
    pub(super) fn push(&self, event: Bytes) {
        self.change(|state| {
            state.bytes += event.len();
            state.events.push_back(event);
            while state.events.len() > 1 && (state.events.len() > MAX_EVENTS || state.bytes > MAX_BYTES) {
                state.bytes -= state.events.pop_front().map_or(0, |event| event.len());
                state.first += 1;
            }
        });
    }

    /// Nothing more will be said on it.
    pub(super) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    /// Ends the connection that reads, not the stream.
    pub(super) fn interrupt(&self) {
        self.change(|state| state.interrupted = true);
    }

    /// Whether it has ended and everything on it has been given to a connection.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.ended && state.delivered + 1 >= state.first + state.events.len() as u64
    }

    /// Begins to read, in place of whoever reads now: behind the position a client names, or else behind what was
    /// delivered last. Returns the reader's number and where it begins; `None` for a position that is unknown or
    /// forgotten.
    pub(super) fn read_from(&self, behind: Option<u64>) -> Option<(u64, u64)> {
        let (reader, next, superseded) = {
            let mut state = self.lock();
            let end = state.first + state.events.len() as u64;
            let next = match behind {
                Some(behind) => behind.checked_add(1).filter(|next| (state.first..=end).contains(next))?,
                None => (state.delivered + 1).max(state.first),
            };
            state.reader += 1;
            state.is_read = true;
            state.interrupted = false;
            (state.reader, next, state.waiting.take())
        };
        if let Some(superseded) = superseded {
            superseded.wake();
        }
        Some((reader, next))
    }

    /// A connection that reads has ended.
    pub(super) fn leave(&self, reader: u64) {
        let mut state = self.lock();
        if state.reader == reader {
            state.is_read = false;
        }
    }

    /// Whether a connection reads now.
    pub(super) fn is_read(&self) -> bool {
        self.lock().is_read
    }

    pub(super) fn poll(&self, reader: u64, next: u64, context: &mut Context<'_>) -> Poll<Read> {
        let mut state = self.lock();
        if state.reader != reader {
            return Poll::Ready(Read::End);
        }
        let position = next.max(state.first);
        let event = usize::try_from(position - state.first).ok().and_then(|index| state.events.get(index)).cloned();
        if let Some(event) = event {
            state.delivered = state.delivered.max(position);
            return Poll::Ready(Read::Event(position, event));
        }
        if state.ended {
            return Poll::Ready(Read::End);
        }
        if std::mem::take(&mut state.interrupted) {
            return Poll::Ready(Read::Interrupted);
        }
        state.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = self.lock();
            change(&mut state);
            state.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event's id: the stream and the position on it, so that a client that comes back names both.
pub(super) fn event_id(stream: u64, position: u64) -> String {
    format!("{stream}-{position}")
}

/// The stream and the position that a `Last-Event-ID` header names.
pub(super) fn parse_event_id(id: &str) -> Option<(u64, u64)> {
    let (stream, position) = id.trim().split_once('-')?;
    Some((stream.parse().ok()?, position.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(log: &Log, reader: u64, next: u64) -> Option<String> {
        match log.poll(reader, next, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Read::Event(position, event)) => {
                Some(format!("{position}:{}", String::from_utf8_lossy(&event)))
            }
            Poll::Ready(Read::Interrupted) => Some("interrupted".to_owned()),
            Poll::Ready(Read::End) => Some("end".to_owned()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_client_that_comes_back_reads_on_where_it_stopped() {
        let log = Log::new(3);
        for event in ["a", "b", "c"] {
            log.push(event.into());
        }
        let (first, next) = log.read_from(None).unwrap();
        assert_eq!(read(&log, first, next).as_deref(), Some("1:a"));
        let (second, next) = log.read_from(Some(1)).unwrap();
        assert_eq!(read(&log, first, 2).as_deref(), Some("end"), "one connection reads at a time");
        assert_eq!(read(&log, second, next).as_deref(), Some("2:b"));
        log.end();
        assert!(!log.is_over());
        assert_eq!(read(&log, second, 3).as_deref(), Some("3:c"));
        assert_eq!(read(&log, second, 4).as_deref(), Some("end"));
        assert!(log.is_over());
        assert!(log.read_from(Some(4)).is_none() && log.read_from(Some(u64::MAX)).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let log = Log::new(0);
        for _ in 0..MAX_EVENTS + 10 {
            log.push("x".into());
        }
        assert!(log.read_from(Some(9)).is_none(), "forgotten");
        assert!(log.read_from(Some(10)).is_some());
        log.push(vec![0; MAX_BYTES + 1].into());
        let end = (MAX_EVENTS + 11) as u64;
        assert!(log.read_from(Some(end - 2)).is_none(), "a large event pushes out all others, and stays itself");
        assert!(log.read_from(Some(end - 1)).is_some());
    }

    #[test]
    fn an_interrupted_connection_ends_after_what_was_said() {
        let log = Log::new(1);
        let (reader, next) = log.read_from(None).unwrap();
        log.push("a".into());
        log.interrupt();
        assert_eq!(read(&log, reader, next).as_deref(), Some("1:a"));
        assert_eq!(read(&log, reader, 2).as_deref(), Some("interrupted"));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_ids_never_panic(id in ".{0,40}", position: u64) {
            let log = Log::new(0);
            log.push("a".into());
            let _ = parse_event_id(&id).and_then(|(_, position)| log.read_from(Some(position)));
            let _ = log.read_from(Some(position));
            proptest::prop_assert_eq!(parse_event_id(&event_id(7, position)), Some((7, position)));
        }
    }
}
