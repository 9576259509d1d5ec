//! A function's instances: started when there is an event and none is free, frozen in between, killed at the deadline.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, oneshot, watch},
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    instance::{Instance, launch_error},
    managed::{self, Managed},
};
use crate::{
    observation::{Observation, Start},
    process::{Freeze, Program},
    runtime_api::{self, Outcome},
};

/// How long a request waits for an instance that has replied or begun to.
const SETTLING: Duration = Duration::from_millis(200);

/// How a function is run.
#[derive(Debug, Clone)]
pub(crate) struct FunctionSettings {
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) freeze: Freeze,
    /// How many instances there may be at once; further events wait.
    pub(crate) instances: usize,
    /// How many events an instance takes at once. With more than one there is one instance, and it is not frozen.
    pub(crate) concurrency: usize,
}

impl FunctionSettings {
    /// Whether it runs as on Lambda Managed Instances.
    pub(super) fn is_managed(&self) -> bool {
        self.concurrency > 1
    }
}

/// A function. Dropping it kills its instances.
#[derive(Debug)]
pub(crate) struct Function {
    shared: Arc<Shared>,
    /// Tells the tasks that carry invocations to let go of their instances.
    stopping: watch::Sender<bool>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) program: Program,
    pub(super) settings: FunctionSettings,
    /// Last in, first out, as Lambda prefers the instance it used last.
    idle: Mutex<Vec<Instance>>,
    /// The one instance of a function that takes several events at once.
    pub(super) managed: Managed,
    /// How many events may be under way at once.
    pub(super) permits: Semaphore,
    /// How many instances have replied, or begun to, and not asked for their next event yet.
    settling: watch::Sender<usize>,
}

/// Whether an invocation started its instance; known as soon as there is an outcome.
#[derive(Debug, Clone, Default)]
pub(super) struct Started(Arc<AtomicBool>);

impl Started {
    pub(super) fn get(&self) -> Start {
        if self.0.load(Ordering::Acquire) { Start::Cold } else { Start::Warm }
    }

    pub(super) fn cold(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Function {
    pub(crate) fn new(program: Program, settings: FunctionSettings) -> Self {
        let at_once = if settings.is_managed() { settings.concurrency } else { settings.instances.max(1) };
        let permits = Semaphore::new(at_once.min(Semaphore::MAX_PERMITS));
        Self {
            shared: Arc::new(Shared {
                program,
                settings,
                idle: Mutex::default(),
                managed: Managed::default(),
                permits,
                settling: watch::Sender::new(0),
            }),
            stopping: watch::Sender::new(false),
        }
    }

    /// Begins an invocation, which goes on even if nobody waits for its outcome.
    pub(super) fn invoke(&self, event: Bytes) -> (Started, oneshot::Receiver<Outcome>) {
        let (sender, outcome) = oneshot::channel();
        let started = Started::default();
        let mut stopping = self.stopping.subscribe();
        let shared = Arc::clone(&self.shared);
        let carried = started.clone();
        tokio::spawn(async move {
            let carrying = async {
                if shared.settings.is_managed() {
                    managed::carry(&shared, event, sender, &carried).await;
                } else {
                    carry(&shared, event, sender, &carried).await;
                }
            };
            tokio::select! {
                biased;
                // An error means that the function has been dropped.
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = carrying => {}
            }
        });
        (started, outcome)
    }

    /// Kills every instance.
    pub(crate) async fn stop(&self) {
        self.stopping.send_replace(true);
        // Instances at work are killed when their tasks let go of them; one may have become free just before.
        loop {
            let idle = std::mem::take(&mut *self.shared.idle());
            for instance in idle {
                instance.process.kill("stopped").await;
            }
            self.shared.managed.kill("stopped").await;
            if timeout(Duration::from_millis(20), self.shared.program.ended()).await.is_ok() {
                return;
            }
        }
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free instance. One that has replied, or begun to, is waited for a little: its client's next request is faster
    /// here than it would be over a network, and would start an instance that it does not start when deployed.
    async fn free(&self) -> Option<Instance> {
        let mut settling = self.settling.subscribe();
        let until = Instant::now() + SETTLING;
        loop {
            let count = *settling.borrow_and_update();
            let instance = self.warm();
            if instance.is_some() || count == 0 {
                return instance;
            }
            if !matches!(timeout_at(until, settling.changed()).await, Ok(Ok(()))) {
                return self.warm();
            }
        }
    }

    fn warm(&self) -> Option<Instance> {
        let mut idle = self.idle();
        idle.retain(|instance| instance.process.is_running());
        idle.pop()
    }
}

/// Carries one event through an instance, and makes the instance free again or ends it.
async fn carry(shared: &Shared, event: Bytes, sender: oneshot::Sender<Outcome>, started: &Started) {
    // The semaphore is never closed.
    let Ok(_permit) = shared.permits.acquire().await else {
        return;
    };
    let instance = match shared.free().await {
        Some(instance) => {
            instance.process.thaw();
            instance
        }
        None => {
            started.cold();
            match Instance::start(shared).await {
                Ok(instance) => instance,
                Err(error) => {
                    let _ = sender.send(Outcome::InitError(launch_error(&error)));
                    return;
                }
            }
        }
    };
    let request_id = runtime_api::request_id();
    let outcome = instance.invoke(&request_id, event).await;
    let ended = match &outcome {
        Outcome::Timeout => Some("did not reply before its deadline"),
        Outcome::Disconnected => Some("closed its connection to the Runtime API"),
        Outcome::InitError(error) => {
            shared.program.observer.observe(Observation::InitError { error_type: error.error_type.clone() });
            Some("could not start")
        }
        _ => None,
    };
    if let Some(reason) = ended {
        // First, so that the next event cannot meet the old instance.
        instance.process.kill(reason).await;
    }
    if ended.is_some() {
        let _ = sender.send(outcome);
        return;
    }
    // Before its outcome is known, so that whoever acts on it finds the instance settling. A stream may be all that its
    // client waits for long before its last byte: nobody but the client knows.
    let settling = Settling::new(&shared.settling);
    let _ = sender.send(outcome);
    settle(shared, instance, &request_id, settling).await;
}

/// Waits until the instance is done with its event, which is when it asks for the next one.
async fn settle(shared: &Shared, instance: Instance, request_id: &str, settling: Settling<'_>) {
    let deadline = instance.api.deadline(request_id).unwrap_or_else(|| Instant::now() + shared.settings.timeout);
    let done = async {
        instance.api.done(request_id).await;
        instance.api.ready().await;
    };
    tokio::select! {
        biased;
        () = done => {}
        _ = instance.process.exited() => return,
        () = sleep_until(deadline) => {
            instance.process.kill("was not done before its deadline").await;
            return;
        }
    };
    if shared.settings.freeze == Freeze::BetweenInvocations {
        instance.process.freeze();
    }
    shared.idle().push(instance);
    drop(settling);
}

/// Counts an instance as settling for as long as it lives.
struct Settling<'a>(&'a watch::Sender<usize>);

impl<'a> Settling<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
