//! The Lambda Runtime API (version 2018-06-01) of one execution environment.
//!
//! Listens on 127.0.0.1 for one runtime, hands it one event at a time and takes its replies, buffered or streamed,
//! with the platform's deadline, size limits and order of calls. The runtime may live in a child process, or in the
//! same process as a test. Where freezing, killing and starting belong is [`Emulator`](crate::Emulator)'s business.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and, for streamed replies,
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>.

mod outcome;
mod server;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::AbortHandle,
    time::{Instant, timeout_at},
};

pub use outcome::{Collected, FunctionError, Outcome, Prelude, PreludeError, StreamError, Streamed};

/// Largest buffered reply and largest event: 6 MB and what the envelope needs
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const PAYLOAD_BYTES: usize = 6 * 1024 * 1024 + 100;
/// Largest streamed reply: 200 MB.
pub const STREAMED_BYTES: usize = 200 * 1024 * 1024;
/// How long a function may take before it asks for its first event.
pub const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the runtime is told about its function.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long an invocation may take, from handing the event over to the last byte of the reply.
    pub timeout: Duration,
    /// Sent as `Lambda-Runtime-Invoked-Function-Arn`.
    pub function_arn: String,
}

impl Default for Settings {
    /// 30 seconds, and the ARN of a function named `function`.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            function_arn: "arn:aws:lambda:us-east-1:123456789012:function:function".to_owned(),
        }
    }
}

/// The Runtime API of one execution environment. Stops listening when dropped.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl RuntimeApi {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If the operating system refuses the socket.
    pub async fn listen(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared =
            Arc::new(Shared { settings, state: Mutex::default(), moment: watch::Sender::new(Moment::Starting) });
        let accepting = tokio::spawn(server::accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, accepting })
    }

    /// The address for `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands `event` to the runtime, once it asks for one, and returns its answer.
    ///
    /// Events are handed over one at a time: a second call waits until the runtime has asked again. A streamed answer is
    /// returned as soon as its head is there; its deadline holds until its last byte.
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Outcome {
        let limit = Instant::now() + INIT_TIMEOUT + self.shared.settings.timeout;
        let (delivery, reply, deadline) = loop {
            let mut moment = self.shared.moment.subscribe();
            let waited = timeout_at(limit, moment.wait_for(|moment| matches!(moment, Moment::Asking | Moment::Failed)));
            if !matches!(waited.await, Ok(Ok(_))) {
                return Outcome::Timeout;
            }
            let mut state = self.shared.lock();
            if let Some(error) = &state.init_error {
                return Outcome::InitError(error.clone());
            }
            let Some(waiter) = state.waiter.take() else {
                // Another call was faster.
                self.shared.moment.send_replace(Moment::Busy);
                continue;
            };
            let (reply_sender, reply) = oneshot::channel();
            let deadline = Instant::now() + self.shared.settings.timeout;
            let request_id = request_id();
            state.current = Some(Current { request_id: request_id.clone(), reply: Some(reply_sender), deadline });
            self.shared.moment.send_replace(Moment::Busy);
            let deadline_ms = epoch_millis(SystemTime::now() + self.shared.settings.timeout);
            break ((waiter, request_id, deadline_ms), reply, deadline);
        };
        let (waiter, request_id, deadline_ms) = delivery;
        let delivered = waiter.send(Delivery {
            request_id: request_id.clone(),
            deadline_ms,
            function_arn: self.shared.settings.function_arn.clone(),
            event: event.into(),
        });
        if delivered.is_err() {
            // The runtime hung up between asking and now, which only a crash does.
            self.shared.forget(&request_id);
            return Outcome::Disconnected;
        }
        match timeout_at(deadline, reply).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Disconnected,
            Err(_) => {
                self.shared.forget(&request_id);
                Outcome::Timeout
            }
        }
    }

    /// When the event under way has to be done with; `None` if there is none.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let state = self.shared.lock();
        state.current.as_ref().map(|current| current.deadline)
    }

    /// Waits until the runtime has replied to the event under way, to the last byte.
    pub(crate) async fn replied(&self) {
        let mut moment = self.shared.moment.subscribe();
        // The sender lives as long as `self`.
        let _ = moment.wait_for(|moment| !matches!(moment, Moment::Starting | Moment::Busy)).await;
    }

    /// Waits until the runtime asks for an event and no other one is under way.
    ///
    /// Returns `false` if it said that it cannot start.
    pub async fn ready(&self) -> bool {
        let mut moment = self.shared.moment.subscribe();
        let reached = moment.wait_for(|moment| matches!(moment, Moment::Asking | Moment::Failed)).await;
        // The sender lives as long as `self`.
        reached.is_ok_and(|moment| *moment == Moment::Asking)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What the calls of one runtime share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    state: Mutex<State>,
    /// Changes with `state`, for those who wait.
    moment: watch::Sender<Moment>,
}

/// Where the runtime stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// It has not asked for an event yet.
    Starting,
    /// It waits for an event.
    Asking,
    /// It works on one.
    Busy,
    /// It has replied, and not asked for another one yet.
    Replied,
    /// It said that it cannot start.
    Failed,
}

#[derive(Debug, Default)]
struct State {
    /// The runtime's pending call of `next`.
    waiter: Option<oneshot::Sender<Delivery>>,
    /// The event it works on.
    current: Option<Current>,
    init_error: Option<FunctionError>,
}

#[derive(Debug)]
struct Current {
    request_id: String,
    /// `None` once the runtime has begun to reply.
    reply: Option<oneshot::Sender<Outcome>>,
    deadline: Instant,
}

/// An event on its way to the runtime.
#[derive(Debug)]
struct Delivery {
    request_id: String,
    deadline_ms: u64,
    function_arn: String,
    event: Bytes,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no reply to `request_id` any more.
    fn forget(&self, request_id: &str) {
        let mut state = self.lock();
        if state.current.as_ref().is_some_and(|current| current.request_id == request_id) {
            state.current = None;
        }
    }
}

fn epoch_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A new id in the form of a random UUID.
pub(crate) fn request_id() -> String {
    let [a, b] = random();
    let (a, b) = (a & 0xffff_ffff_ffff_0fff | 0x4000, b & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    )
}

/// 128 bits that differ each time. Every `RandomState` has keys of its own; they need not be secret here.
pub(crate) fn random() -> [u64; 2] {
    use std::hash::{BuildHasher as _, RandomState};
    [(); 2].map(|()| RandomState::new().hash_one(0_u8))
}
