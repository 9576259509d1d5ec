//! A function's instances: started when there is an event and none is free, frozen in between, killed at the deadline.

use std::{
    io,
    net::SocketAddr,
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

use crate::{
    observation::{Observation, Start},
    process::{Freeze, Process, Program},
    runtime_api::{FunctionError, Outcome, RuntimeApi, Settings},
};

/// How long a request waits for an instance that has just replied.
const SETTLING: Duration = Duration::from_millis(200);

const REGION: &str = "us-east-1";

/// How a function is run.
#[derive(Debug, Clone)]
pub(crate) struct FunctionSettings {
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) freeze: Freeze,
    /// How many instances there may be at once; further events wait.
    pub(crate) instances: usize,
}

/// A function. Dropping it kills its instances.
#[derive(Debug)]
pub(crate) struct Function {
    shared: Arc<Shared>,
    /// Tells the tasks that carry invocations to let go of their instances.
    stopping: watch::Sender<bool>,
}

#[derive(Debug)]
struct Shared {
    program: Program,
    settings: FunctionSettings,
    /// Last in, first out, as Lambda prefers the instance it used last.
    idle: Mutex<Vec<Instance>>,
    permits: Semaphore,
    /// How many instances have replied and not asked for their next event yet.
    settling: watch::Sender<usize>,
}

/// An execution environment.
#[derive(Debug)]
struct Instance {
    api: RuntimeApi,
    process: Process,
}

/// Whether an invocation started its instance; known as soon as there is an outcome.
#[derive(Debug, Clone, Default)]
pub(super) struct Started(Arc<AtomicBool>);

impl Started {
    pub(super) fn get(&self) -> Start {
        if self.0.load(Ordering::Acquire) { Start::Cold } else { Start::Warm }
    }
}

impl Function {
    pub(crate) fn new(program: Program, settings: FunctionSettings) -> Self {
        let permits = Semaphore::new(settings.instances.max(1));
        Self {
            shared: Arc::new(Shared {
                program,
                settings,
                idle: Mutex::default(),
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
            tokio::select! {
                biased;
                // An error means that the function has been dropped.
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = carry(&shared, event, sender, &carried) => {}
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

    /// A free instance. One that has just replied is waited for: its client's next request is faster here than it
    /// would be over a network, and would start an instance that it does not start when deployed.
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
            started.0.store(true, Ordering::Release);
            match Instance::start(shared).await {
                Ok(instance) => instance,
                Err(error) => {
                    let _ = sender.send(Outcome::InitError(launch_error(&error)));
                    return;
                }
            }
        }
    };
    let outcome = tokio::select! {
        // What the runtime still said counts more than that it then ended.
        biased;
        outcome = instance.api.invoke(event) => outcome,
        exit = instance.process.exited() => Outcome::FunctionError(exit_error(exit.code)),
    };
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
    // Before its outcome is known, so that whoever acts on it finds the instance settling.
    let settling = (!matches!(outcome, Outcome::Streamed(_))).then(|| Settling::new(&shared.settling));
    let _ = sender.send(outcome);
    settle(shared, instance, settling).await;
}

/// Waits until the instance is done with its event, which is when it asks for the next one.
async fn settle(shared: &Shared, instance: Instance, settling: Option<Settling<'_>>) {
    let deadline = instance.api.deadline().unwrap_or_else(|| Instant::now() + shared.settings.timeout);
    let done = async {
        instance.api.replied().await;
        let settling = settling.unwrap_or_else(|| Settling::new(&shared.settling));
        instance.api.ready().await;
        settling
    };
    let settling = tokio::select! {
        biased;
        settling = done => settling,
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

impl Instance {
    async fn start(shared: &Shared) -> io::Result<Self> {
        let name = shared.program.name();
        let api = RuntimeApi::listen(Settings {
            timeout: shared.settings.timeout,
            function_arn: format!("arn:aws:lambda:{REGION}:123456789012:function:{name}"),
        })
        .await?;
        let env = environment(shared, &name, api.address());
        let process = shared.program.start(&env)?;
        Ok(Self { api, process })
    }
}

/// The variables of every function with an OS-only runtime
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
fn environment(shared: &Shared, name: &str, api: SocketAddr) -> Vec<(&'static str, String)> {
    let task_root = shared
        .program
        .path
        .parent()
        .map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()))
        .map_or_else(|| "/var/task".to_owned(), |folder| folder.display().to_string());
    let stream = format!("2026/01/01/[$LATEST]{:016x}", crate::runtime_api::random()[0]);
    vec![
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", shared.settings.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
    ]
}

fn launch_error(error: &io::Error) -> FunctionError {
    function_error("Runtime.InvalidEntrypoint", &error.to_string())
}

fn exit_error(code: Option<i32>) -> FunctionError {
    let how = code.map_or_else(|| "signal: killed".to_owned(), |code| format!("exit status {code}"));
    function_error("Runtime.ExitError", &format!("Runtime exited with error: {how}"))
}

fn function_error(error_type: &str, message: &str) -> FunctionError {
    let body = serde_json::json!({"errorType": error_type, "errorMessage": message});
    FunctionError { error_type: error_type.to_owned(), body: body.to_string().into() }
}
