//! The one instance of a function on Lambda Managed Instances: takes several events at once, is never frozen, and
//! outlives the deadlines it misses.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html>.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{Mutex, oneshot},
    time::timeout,
};

use super::{
    function::{Shared, Started},
    instance::{Instance, exit_error, launch_error},
};
use crate::{
    observation::Observation,
    runtime_api::{self, Outcome},
};

/// How long a function may take before it asks for its first event, unless its own timeout is longer ("Init phase").
const INIT_TIMEOUT: Duration = Duration::from_secs(130);

/// The instance, from its first event until it ends.
#[derive(Debug, Default)]
pub(super) struct Managed(Mutex<Option<Arc<Instance>>>);

impl Managed {
    /// Kills the instance, if there is one.
    pub(super) async fn kill(&self, reason: &'static str) {
        let instance = self.0.lock().await.take();
        if let Some(instance) = instance {
            instance.process.kill(reason).await;
        }
    }

    /// The instance, started unless it runs. It is ready as soon as one of its workers asks for an event. Whoever comes
    /// meanwhile waits.
    async fn instance(&self, shared: &Shared, started: &Started) -> Result<Arc<Instance>, Outcome> {
        let mut running = self.0.lock().await;
        if let Some(instance) = running.as_ref().filter(|instance| instance.process.is_running()) {
            return Ok(Arc::clone(instance));
        }
        started.cold();
        let instance = Instance::start(shared).await.map_err(|error| Outcome::InitError(launch_error(&error)))?;
        let ready = timeout(INIT_TIMEOUT.max(shared.settings.timeout), instance.api.ready());
        let is_ready = tokio::select! {
            biased;
            ready = ready => ready,
            exit = instance.process.exited() => return Err(Outcome::FunctionError(exit_error(exit.code))),
        };
        match is_ready {
            // Also if it said that it cannot start, which its first event will find.
            Ok(_) => Ok(Arc::clone(running.insert(Arc::new(instance)))),
            Err(_) => {
                instance.process.kill("did not ask for an event in time").await;
                Err(Outcome::Timeout)
            }
        }
    }
}

/// Carries one event through the instance.
///
/// Lambda refuses what comes while every worker is busy, and takes it to another instance if there is one. Here there is
/// one instance, and the event waits.
pub(super) async fn carry(shared: &Shared, event: Bytes, sender: oneshot::Sender<Outcome>, started: &Started) {
    // The semaphore is never closed.
    let Ok(_permit) = shared.permits.acquire().await else {
        return;
    };
    let instance = match shared.managed.instance(shared, started).await {
        Ok(instance) => instance,
        Err(outcome) => {
            let _ = sender.send(outcome);
            return;
        }
    };
    let request_id = runtime_api::request_id();
    let outcome = instance.invoke(&request_id, event).await;
    if let Outcome::InitError(error) = &outcome {
        shared.program.observer.observe(Observation::InitError { error_type: error.error_type.clone() });
        instance.process.kill("could not start").await;
    }
    // A deadline that passes fails this event alone: the others go on, nobody stops the code that missed it, and its
    // worker is busy until it is done ("Independent timeouts"). A connection that breaks, as that of a worker that
    // crashed, leaves the instance with the workers that remain.
    let _ = sender.send(outcome);
    // A stream is under way until its last byte.
    tokio::select! {
        () = instance.api.done(&request_id) => {}
        _ = instance.process.exited() => {}
    }
}
