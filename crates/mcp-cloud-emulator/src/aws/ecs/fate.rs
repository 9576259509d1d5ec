//! What becomes of a task: known when it is launched, and seen as time passes.

use serde_json::Value;

use super::{Task, TaskDefinition};
use crate::aws::{ecr, secrets, state::State};

/// What becomes of the tasks of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskFate {
    /// They run, answer health checks, and stay.
    Serves,
    /// The registry does not have the image.
    ImageMissing,
    /// A secret that they need is not there.
    SecretMissing,
    /// They need more memory than they have, soon after they started.
    OutOfMemory,
    /// The essential container exits with this code soon after it started.
    Exits(i64),
    /// The program is for another architecture.
    WrongArchitecture,
    /// The load balancer never gets the answer that it wants from them.
    FailsTargetHealth,
    /// The container's own health check fails.
    FailsHealthCheck,
    /// They answer health checks, and fail at every request.
    FailsRequests,
    /// There is no capacity: they are never started.
    NoCapacity,
}

/// How a task that fails ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    pub(super) stop_code: &'static str,
    pub(super) reason: String,
    /// What the essential container says of it.
    pub(super) container_reason: Option<String>,
    pub(super) exit_code: Option<i64>,
    /// What the program wrote last.
    pub(super) line: Option<&'static str>,
}

impl Ending {
    fn failed_to_start(reason: String) -> Self {
        let container_reason = reason.starts_with("CannotPull").then(|| reason.clone());
        Self { stop_code: "TaskFailedToStart", reason, container_reason, ..Self::default() }
    }

    fn exited(exit_code: i64) -> Self {
        Self {
            stop_code: "EssentialContainerExited",
            reason: "Essential container in task exited".to_owned(),
            exit_code: Some(exit_code),
            ..Self::default()
        }
    }
}

/// What becomes of tasks of this definition: what was decided for an image of theirs, or what has to come of what is not
/// there in the account.
pub(super) fn of(state: &State, definition: &TaskDefinition) -> TaskFate {
    let fits = |image: &str| {
        let mut fates = state.ecs.fates.iter().rev();
        fates.find(|(of, _)| image.contains(of.as_str())).map(|(_, fate)| *fate)
    };
    let images: Vec<&str> = definition.images().collect();
    if let Some(fate) = images.iter().find_map(|image| fits(image)) {
        return fate;
    }
    if images.iter().any(|image| ecr::is_missing(state, image)) {
        TaskFate::ImageMissing
    } else if missing_secret(state, definition).is_some() {
        TaskFate::SecretMissing
    } else {
        TaskFate::Serves
    }
}

/// A secret of this account and region that a task needs and nobody has made.
fn missing_secret(state: &State, definition: &TaskDefinition) -> Option<String> {
    let own = state.arn("secretsmanager", "secret:");
    definition.secrets().find(|reference| {
        // An ARN has seven parts; what follows is a key in the secret, and which version of it.
        let arn: Vec<&str> = reference.split(':').take(7).collect();
        let arn = arn.join(":");
        let there = secrets::named(state, &arn).filter(|(_, secret)| secret.deleted.is_none());
        arn.starts_with(&own) && there.is_none()
    })
}

/// The words in which a task's end is told
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>).
pub(super) fn ending(state: &State, task: &Task, definition: &TaskDefinition) -> Ending {
    let image = definition.images().next().unwrap_or_default();
    match task.fate {
        TaskFate::ImageMissing => {
            let missing = definition.images().find(|image| ecr::is_missing(state, image)).unwrap_or(image);
            Ending::failed_to_start(format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {missing}: \
                 {missing}: not found"
            ))
        }
        TaskFate::SecretMissing => {
            let missing = missing_secret(state, definition).or_else(|| definition.secrets().next());
            let missing = missing.unwrap_or_default();
            Ending::failed_to_start(format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                 failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch \
                 secret {missing} from secrets manager: ResourceNotFoundException: Secrets Manager can't find the \
                 specified secret."
            ))
        }
        TaskFate::OutOfMemory => Ending {
            container_reason: Some("OutOfMemoryError: Container killed due to memory usage".to_owned()),
            ..Ending::exited(137)
        },
        TaskFate::WrongArchitecture => Ending { line: Some("exec /server: exec format error"), ..Ending::exited(1) },
        TaskFate::Exits(code) => Ending { line: Some("the program gives up"), ..Ending::exited(code) },
        TaskFate::FailsTargetHealth => Ending {
            stop_code: "ServiceSchedulerInitiated",
            reason: match task.target_group() {
                Some(group) => format!("Task failed ELB health checks in (target-group {group})"),
                None => "Task failed ELB health checks".to_owned(),
            },
            exit_code: Some(0),
            ..Ending::default()
        },
        TaskFate::FailsHealthCheck => Ending {
            stop_code: "ServiceSchedulerInitiated",
            reason: "Task failed container health checks".to_owned(),
            exit_code: Some(0),
            ..Ending::default()
        },
        TaskFate::Serves | TaskFate::FailsRequests | TaskFate::NoCapacity => Ending::exited(0),
    }
}

impl TaskDefinition {
    fn containers(&self) -> impl Iterator<Item = &Value> {
        self.settings.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten()
    }

    /// The images of its containers, in their order.
    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        self.containers().filter_map(|container| container.get("image")?.as_str())
    }

    /// Where the secrets of its containers come from.
    pub(super) fn secrets(&self) -> impl Iterator<Item = String> {
        let secrets = self.containers().filter_map(|container| container.get("secrets")?.as_array()).flatten();
        secrets.filter_map(|secret| secret.get("valueFrom")?.as_str().map(str::to_owned))
    }
}
