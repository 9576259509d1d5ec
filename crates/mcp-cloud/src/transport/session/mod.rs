//! Sessions of the legacy era, in this process's memory (MCP 2025-11-25, basic/transports, Session Management).
//!
//! A session is a handler of its own for one client, the requests it runs, and its streams: one of its own, which the
//! client reads with `GET`, and one for each request that has more to say than its answer. A stream outlives the
//! connection that reads it.
//!
//! Whoever wants sessions elsewhere than in this memory replaces [`Sessions`]: the transport asks it to open a session,
//! to find one and to end one, and knows nothing else of where they are.

mod log;
mod reader;

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    Stage,
    attended::{Attended, Said},
    signal::Signal,
};
use crate::{
    body::Body,
    capabilities::Capabilities,
    handler::{Client, Handler, Outbox, Unreachable},
    tasks::spawn,
};
use log::Log;
use reader::{Line, Reader};

/// How many ended streams a session remembers, for clients that lost the end.
const MAX_ENDED: usize = 16;

/// Where sessions of the legacy era are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    pub(crate) kept: bool,
    idle: Duration,
    most: usize,
}

impl SessionSettings {
    /// No sessions: every request stands for itself, and any instance can answer it.
    #[must_use]
    pub const fn none() -> Self {
        Self { kept: false, idle: Duration::from_secs(3600), most: 10_000 }
    }

    /// Sessions in the memory of this process, for clients of the legacy era. They get what needs one: requests from
    /// the server in mid-call, a stream of their own, and streams that can be resumed. Every request of a session must
    /// reach this process, so there may be no other instance, or something before them must keep a client at one. A
    /// request that reaches another is answered with 404, upon which its client begins anew, if it is a good one.
    #[must_use]
    pub const fn in_memory() -> Self {
        Self { kept: true, ..Self::none() }
    }

    /// Ends sessions that nothing was heard of for so long; an hour, unless set. As long as somebody waits for a reply or
    /// reads a stream of it, a session is not idle. What it still runs when it ends is cancelled.
    #[must_use]
    pub const fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// Keeps at most so many sessions; 10 000, unless set. The one that was idle the longest makes room for another.
    #[must_use]
    pub const fn with_most(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

/// The sessions of this process.
pub(super) struct Sessions {
    settings: SessionSettings,
    table: Mutex<HashMap<Box<str>, Arc<Session>>>,
    reaping: AtomicBool,
}

impl Sessions {
    pub(super) fn new(settings: SessionSettings) -> Option<Arc<Self>> {
        let sessions = Self { settings, table: Mutex::default(), reaping: AtomicBool::new(false) };
        settings.kept.then(|| Arc::new(sessions))
    }

    /// Opens a session. `None` where there are as many as there may be and none of them is idle, or where the
    /// operating system has no random bytes for its id.
    pub(super) fn open(self: &Arc<Self>, handler: &dyn Handler, capabilities: Capabilities) -> Option<Arc<Session>> {
        let id = random_id()?;
        let session = Session::new(id.clone(), handler, capabilities);
        let mut table = self.lock();
        if table.len() >= self.settings.most {
            let idle = table.values().filter(|session| session.busy.load(Ordering::Relaxed) == 0);
            let oldest = idle.min_by_key(|session| session.last_used()).map(|session| session.id.clone())?;
            table.remove(&oldest)?.end();
        }
        table.insert(id, Arc::clone(&session));
        drop(table);
        self.reap();
        Some(session)
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Session>> {
        let session = self.lock().get(id).cloned()?;
        session.touch();
        Some(session)
    }

    /// Ends a session. Returns whether there was one.
    pub(super) fn end(&self, id: &str) -> bool {
        let session = self.lock().remove(id);
        session.is_some_and(|session| {
            session.end();
            true
        })
    }

    /// Ends idle sessions, now and then, as long as there are any.
    fn reap(self: &Arc<Self>) {
        if self.reaping.swap(true, Ordering::AcqRel) {
            return;
        }
        let sessions = Arc::downgrade(self);
        let pause = (self.settings.idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(60));
        spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let Some(sessions) = Weak::upgrade(&sessions) else { return };
                if !sessions.end_idle() {
                    return;
                }
            }
        });
    }

    /// Ends idle sessions, and says whether any are left.
    fn end_idle(&self) -> bool {
        let mut table = self.lock();
        table.retain(|_, session| {
            let is_idle =
                session.busy.load(Ordering::Relaxed) == 0 && session.last_used().elapsed() >= self.settings.idle;
            if is_idle {
                session.end();
            }
            !is_idle
        });
        if table.is_empty() {
            self.reaping.store(false, Ordering::Release);
        }
        !table.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Session>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 random bits, as text.
fn random_id() -> Option<Box<str>> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    let mut id = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(id, "{byte:02x}").ok()?;
    }
    Some(id.into())
}

/// A session.
pub(super) struct Session {
    pub(super) id: Box<str>,
    pub(super) handler: Arc<dyn Handler>,
    /// The protocol version that was agreed on.
    version: OnceLock<Box<str>>,
    capabilities: Capabilities,
    /// The stream that belongs to no request.
    own: Arc<Log>,
    last_stream: AtomicU64,
    streams: Mutex<VecDeque<Arc<Log>>>,
    running: Mutex<HashMap<Bytes, Signal>>,
    busy: AtomicUsize,
    last_used: Mutex<Instant>,
    gone: Arc<AtomicBool>,
}

impl Session {
    fn new(id: Box<str>, handler: &dyn Handler, capabilities: Capabilities) -> Arc<Self> {
        let own = Arc::new(Log::new(0));
        let gone = Arc::new(AtomicBool::new(false));
        let outbox = OwnStream {
            log: Arc::clone(&own),
            gone: Arc::clone(&gone),
            can_ask: capabilities.can_ask(),
            opened: Instant::now(),
        };
        Arc::new(Self {
            id,
            handler: handler.connect(Client::new(outbox)),
            version: OnceLock::new(),
            capabilities,
            own,
            last_stream: AtomicU64::new(0),
            streams: Mutex::default(),
            running: Mutex::default(),
            busy: AtomicUsize::new(0),
            last_used: Mutex::new(Instant::now()),
            gone,
        })
    }

    /// The protocol version that was agreed on, as soon as it was.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.get().map(|version| &**version)
    }

    pub(super) fn agree(&self, version: &str) {
        let _ = self.version.set(version.into());
    }

    /// Enters a request, so that it can be cancelled by its id, which raises the signal.
    pub(super) fn run(self: &Arc<Self>, id: Bytes) -> (Running, Signal) {
        let cancelled = Signal::default();
        self.lock_running().insert(id.clone(), cancelled.clone());
        let running = Running { id, cancelled: cancelled.clone(), session: Arc::clone(self) };
        (running, cancelled)
    }

    /// Cancels a request by its id, as raw JSON.
    pub(super) fn cancel(&self, id: &[u8]) {
        if let Some(cancelled) = self.lock_running().remove(id) {
            cancelled.raise();
        }
    }

    /// Carries a conversation on, on a stream of its own that begins with what was said already.
    pub(super) fn carry(self: &Arc<Self>, mut attended: Attended, said: Option<Bytes>) -> Body {
        let log = Arc::new(Log::new(self.last_stream.fetch_add(1, Ordering::Relaxed) + 1));
        if let Some(message) = said {
            log.push(message);
        }
        self.remember(&log);
        // It ends with the answer, which comes before the server ends.
        let line = self.line(attended.silence, None, None);
        let reader = Reader::new(Arc::clone(&log), None, line, Busy::new(self));
        spawn(async move {
            loop {
                match attended.next().await {
                    Said::Message(message) => log.push(message),
                    Said::Answer(answer) => {
                        log.push(answer.into_message());
                        break;
                    }
                    // The connection that reads keeps itself alive.
                    Said::Nothing => {}
                    Said::Reconnect => {
                        attended.outlive_connection();
                        log.interrupt();
                    }
                    Said::Cancelled => break,
                }
            }
            log.end();
        });
        reader.map_or_else(Body::empty, Body::stream)
    }

    /// The stream of its own, or the one that a client comes back to, by the id of the last event it saw.
    pub(super) fn listen(
        self: &Arc<Self>,
        last_event_id: Option<&str>,
        deadline: Option<Instant>,
        stage: watch::Receiver<Stage>,
    ) -> Option<Body> {
        let (log, behind) = match last_event_id {
            None => (Arc::clone(&self.own), None),
            Some(id) => {
                let (stream, position) = log::parse_event_id(id)?;
                (self.stream(stream)?, Some(position))
            }
        };
        // The stream of a request ends with its answer; the session's own would go on for ever.
        let stage = (log.number == self.own.number).then_some(stage);
        let line = self.line(self.capabilities.keep_alive(), deadline, stage);
        Reader::new(log, behind, line, Busy::new(self)).map(Body::stream)
    }

    fn line(
        &self,
        silence: Option<Duration>,
        deadline: Option<Instant>,
        stage: Option<watch::Receiver<Stage>>,
    ) -> Line {
        Line { silence, deadline, stage, primed: self.version().is_some_and(|version| version >= "2025-11-25") }
    }

    fn stream(&self, number: u64) -> Option<Arc<Log>> {
        if number == self.own.number {
            return Some(Arc::clone(&self.own));
        }
        self.lock_streams().iter().find(|log| log.number == number).cloned()
    }

    /// Keeps a stream for clients that come back, and forgets the oldest of those that are over.
    fn remember(&self, log: &Arc<Log>) {
        let mut streams = self.lock_streams();
        let mut surplus = streams.iter().filter(|log| log.is_over()).count().saturating_sub(MAX_ENDED - 1);
        streams.retain(|log| {
            let forgotten = surplus > 0 && log.is_over();
            surplus -= usize::from(forgotten);
            !forgotten
        });
        streams.push_back(Arc::clone(log));
    }

    /// Ends everything that goes on in it.
    fn end(&self) {
        self.gone.store(true, Ordering::Relaxed);
        for cancelled in std::mem::take(&mut *self.lock_running()).into_values() {
            cancelled.raise();
        }
        self.own.end();
        for log in &*self.lock_streams() {
            log.end();
        }
    }

    fn touch(&self) {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last_used(&self) -> Instant {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_streams(&self) -> MutexGuard<'_, VecDeque<Arc<Log>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_running(&self) -> MutexGuard<'_, HashMap<Bytes, Signal>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a request under way in its session. The request leaves it when this is dropped.
pub(super) struct Running {
    id: Bytes,
    cancelled: Signal,
    session: Arc<Session>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.session.lock_running();
        if running.get(&self.id).is_some_and(|found| found.is(&self.cancelled)) {
            running.remove(&self.id);
        }
    }
}

/// Keeps a session from being idle: somebody reads a reply or a stream of it. A handler that works for nobody does not.
pub(super) struct Busy(Arc<Session>);

impl Busy {
    pub(super) fn new(session: &Arc<Session>) -> Self {
        session.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(session))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.touch();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A session's own stream, as the way to its client.
struct OwnStream {
    log: Arc<Log>,
    gone: Arc<AtomicBool>,
    can_ask: bool,
    opened: Instant,
}

/// How long a client has from its `initialize` to the `GET` for its stream.
const OPENING: Duration = Duration::from_secs(5);

impl Outbox for OwnStream {
    fn send(&self, message: Bytes) -> Result<(), Unreachable> {
        if self.is_gone() {
            return Err(Unreachable::Gone);
        }
        self.log.push(message);
        Ok(())
    }

    fn can_ask(&self) -> bool {
        self.can_ask && !self.is_gone() && (self.log.is_read() || self.opened.elapsed() < OPENING)
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}
