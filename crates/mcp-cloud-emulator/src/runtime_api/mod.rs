//! The Lambda Runtime API (version 2018-06-01) of one execution environment.
//!
//! Listens on 127.0.0.1 for one runtime, hands it one event at a time and takes its replies, buffered or streamed,
//! with the platform's deadline, size limits and order of calls. The runtime may live in a child process, or in the
//! same process as a test. Where freezing, killing and starting belong is [`Emulator`](crate::Emulator)'s business.
//!
//! With a [concurrency](Settings::concurrency) above one it is the Runtime API of Lambda Managed Instances: the same
//! calls, but the runtime keeps several of `next` open, each on a connection of its own, each is answered with another
//! event, and replies come in any order.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>, for streamed replies
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming>, and for several
//! events at once <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-managed-instances>
//! and, where that page is silent, `internal/lambda-managed-instances` of
//! <https://github.com/aws/aws-lambda-runtime-interface-emulator>.

mod outcome;
mod server;
mod state;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::{
    net::TcpListener,
    task::AbortHandle,
    time::{Instant, timeout, timeout_at},
};

use state::{Delivery, HandedOver, Shared};

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
    /// How many events the runtime may work on at once: one in a classic function, more on Lambda Managed Instances.
    pub concurrency: usize,
}

impl Default for Settings {
    /// 30 seconds, the ARN of a function named `function`, and one event at a time.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            function_arn: "arn:aws:lambda:us-east-1:123456789012:function:function".to_owned(),
            concurrency: 1,
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
        let shared = Arc::new(Shared::new(settings));
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
    /// As many events are under way at once as [`Settings::concurrency`] says: a further call waits until the runtime has
    /// replied to one and asked again. A streamed answer is returned as soon as its head is there; its deadline holds
    /// until its last byte.
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Outcome {
        self.invoke_as(&request_id(), event.into()).await
    }

    /// Hands `event` to the runtime as the request `id`.
    pub(crate) async fn invoke_as(&self, id: &str, event: Bytes) -> Outcome {
        let settings = &self.shared.settings;
        let handing_over = self.shared.hand_over(|| Delivery {
            request_id: id.to_owned(),
            deadline_ms: epoch_millis(SystemTime::now() + settings.timeout),
            function_arn: settings.function_arn.clone(),
            event: event.clone(),
        });
        let (outcome, deadline) = match timeout(INIT_TIMEOUT + settings.timeout, handing_over).await {
            Ok(HandedOver::To(outcome, deadline)) => (outcome, deadline),
            Ok(HandedOver::Disconnected) => return Outcome::Disconnected,
            Ok(HandedOver::Failed(error)) => return Outcome::InitError(error),
            Err(_) => return Outcome::Timeout,
        };
        match timeout_at(deadline, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Disconnected,
            Err(_) => {
                self.shared.give_up(id);
                Outcome::Timeout
            }
        }
    }

    /// When the request `id` has to be done with; `None` if it is not under way.
    pub(crate) fn deadline(&self, id: &str) -> Option<Instant> {
        self.shared.deadline(id)
    }

    /// Waits until the runtime has replied to the request `id`, to the last byte, or may not any more.
    pub(crate) async fn done(&self, id: &str) {
        self.shared.done(id).await;
    }

    /// Waits until the runtime asks for an event.
    ///
    /// Returns `false` if it said that it cannot start.
    pub async fn ready(&self) -> bool {
        self.shared.ready().await
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.accepting.abort();
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
