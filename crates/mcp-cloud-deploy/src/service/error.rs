//! What can go wrong with a service, and what to do about it.

use std::{fmt, time::Duration};

use thiserror::Error;

use super::{
    reason::StopKind,
    state::{ServiceName, last},
};

/// Why a service is not what it is to be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A deployment came to another end than the one that was wanted.
    #[error(transparent)]
    Rollout(Box<FailedRollout>),
    /// There is no such service.
    #[error("there is no service `{service}`")]
    NoService {
        /// The service.
        service: ServiceName,
    },
    /// The app runs somewhere else than on ECS.
    #[error("`{app}` runs on Lambda, where there are no tasks")]
    NotAService {
        /// The app.
        app: String,
    },
    /// There is no task to open a session in.
    #[error("no task of the service `{service}` runs{}", of_task(task.as_deref()))]
    NoTask {
        /// The service.
        service: ServiceName,
        /// The task that was asked for.
        task: Option<String>,
    },
    /// The container cannot be asked to run commands.
    #[error("the task {task} takes no commands")]
    NoSessions {
        /// The task.
        task: String,
    },
    /// What was deleted is still there.
    #[error("the service `{service}` is still being deleted after {}", minutes(*limit))]
    StillThere {
        /// The service.
        service: ServiceName,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A task beside the service went on for too long, and was stopped.
    #[error("the task {task} was not done within {}, and is stopped", minutes(*limit))]
    TaskTooLong {
        /// The task.
        task: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// JSON that is not what it has to be.
    #[error("cannot read {what}: {problem}")]
    Malformed {
        /// What was to be read.
        what: &'static str,
        /// Where, and what is wrong with it.
        problem: String,
    },
}

/// A deployment that came to another end than the one that was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRollout {
    /// The service.
    pub service: ServiceName,
    /// The ARN of the task definition that was wanted.
    pub wanted: String,
    /// How it ended.
    pub ending: Ending,
    /// Why, in AWS's words, as far as they were heard.
    pub cause: Option<String>,
    /// What kind of cause that is.
    pub kind: Option<StopKind>,
    /// The ARN of the task definition whose tasks serve now; absent where none do.
    pub serving: Option<String>,
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// ECS gave it up.
    Failed,
    /// ECS gave it up, and went back to the one before.
    RolledBack,
    /// Somebody began another one meanwhile, of this task definition.
    Overtaken(String),
    /// It was not done in this time, and goes on.
    TimedOut(Duration),
    /// The service was deleted meanwhile.
    Gone,
}

impl std::error::Error for FailedRollout {}

impl fmt::Display for FailedRollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the deployment of `{}` to the service `{}` ", last(&self.wanted), self.service)?;
        match &self.ending {
            Ending::Failed => f.write_str("failed")?,
            Ending::RolledBack => f.write_str("failed and was rolled back")?,
            Ending::Overtaken(by) => write!(f, "gave way to another one, of `{}`", last(by))?,
            Ending::TimedOut(limit) => write!(f, "is not done after {}", minutes(*limit))?,
            Ending::Gone => return f.write_str("ended because the service was deleted"),
        }
        if let Some(cause) = &self.cause {
            write!(f, ": {}", cause.trim_end_matches('.'))?;
        }
        match &self.serving {
            Some(serving) => write!(f, "; `{}` serves", last(serving)),
            None => f.write_str("; nothing serves"),
        }
    }
}

impl Error {
    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Rollout(failed) => match (failed.kind.and_then(StopKind::hint), &failed.ending) {
                (_, Ending::Overtaken(_) | Ending::Gone) => "find out who else deploys it, and repeat the command",
                (Some(hint), _) => hint,
                (None, Ending::TimedOut(_)) => {
                    "it may still come to its end: `mcp-cloud status` says how it does; `mcp-cloud logs` may say what it \
                     waits for"
                }
                (None, _) => "`mcp-cloud logs` may say why; mend the cause and repeat the command",
            },
            Self::NoService { .. } => "run `mcp-cloud deploy`, or name another region, account or environment",
            Self::NotAService { .. } => {
                "`mcp-cloud destroy` and `mcp-cloud deploy --target ecs` make it a service; `mcp-cloud invoke` calls it where it is"
            }
            Self::NoTask { .. } => "`mcp-cloud status` says what runs; `mcp-cloud start` starts it",
            Self::NoSessions { .. } => {
                "write `exec = true` under `[ecs]` and deploy; the tasks that are started then take commands after some seconds"
            }
            Self::StillThere { .. } => "calls that still go on hold it up; repeat the command in some minutes",
            Self::TaskTooLong { .. } => "give it more time, or find out with `mcp-cloud logs` what it does",
            Self::Malformed { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

fn of_task(task: Option<&str>) -> String {
    task.map(|task| format!(" by the id `{task}`")).unwrap_or_default()
}

/// A time as it stands in a sentence.
pub(crate) fn minutes(limit: Duration) -> String {
    match limit.as_secs() {
        seconds if seconds % 60 == 0 && seconds > 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
