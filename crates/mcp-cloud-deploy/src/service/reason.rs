//! What tasks stop of, and what to do about it.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::state::{Task, last, optional};

/// A task that stopped, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskStop {
    /// The task's id.
    pub task: String,
    /// The ARN of its task definition.
    pub task_definition: String,
    /// AWS's code: `EssentialContainerExited`, `TaskFailedToStart`, `ServiceSchedulerInitiated`, …
    pub code: Option<String>,
    /// AWS's sentence.
    pub reason: Option<String>,
    /// Its containers.
    pub containers: Vec<ContainerStop>,
}

/// What a container of a task ended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerStop {
    /// Its name in the task definition.
    pub name: String,
    /// What its program exited with; absent where it never ran.
    pub exit_code: Option<i64>,
    /// AWS's sentence, if it has one.
    pub reason: Option<String>,
}

/// Why a task stopped, as far as AWS's words tell
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>). Those that say most are
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StopKind {
    /// Somebody wanted it to: it was one too many, or it was stopped by hand.
    Wanted,
    /// Nothing that is known here.
    Unknown,
    /// Its program ended.
    Exited,
    /// The load balancer did not get the answer that it asks for.
    TargetUnhealthy,
    /// The container's own check failed.
    Unhealthy,
    /// AWS took the Spot capacity back.
    Spot,
    /// AWS had no machine for it.
    Capacity,
    /// Something that it needs could not be set up: the network, the logs.
    Start,
    /// It used more memory than it has.
    Memory,
    /// A secret could not be read.
    Secret,
    /// The image could not be pulled.
    Image,
    /// The program is for another processor.
    Architecture,
}

impl StopKind {
    /// Reads it from AWS's words.
    pub(super) fn of(text: &str, code: Option<&str>) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["exec format error", "descriptor matching platform", "no matching manifest for"]) {
            return Self::Architecture;
        }
        if says(&["CannotPullContainerError", "CannotPullImageManifestError"]) {
            return Self::Image;
        }
        if says(&["unable to pull secrets", "unable to retrieve secret", "retrieve secrets", "secret"])
            && text.contains("ResourceInitializationError")
        {
            return Self::Secret;
        }
        if says(&["OutOfMemory"]) {
            return Self::Memory;
        }
        if says(&["ResourceInitializationError", "CannotStartContainerError", "CannotCreateVolumeError"]) {
            return Self::Start;
        }
        if says(&["RESOURCE:", "Capacity is unavailable", "capacity is unavailable"]) {
            return Self::Capacity;
        }
        if says(&["failed ELB health checks"]) {
            return Self::TargetUnhealthy;
        }
        if says(&["failed container health checks"]) {
            return Self::Unhealthy;
        }
        match code {
            Some("SpotInterruption" | "TerminationNotice") => Self::Spot,
            Some("EssentialContainerExited") => Self::Exited,
            Some("UserInitiated" | "ServiceSchedulerInitiated") => Self::Wanted,
            _ => Self::Unknown,
        }
    }

    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(self) -> Option<&'static str> {
        let hint = match self {
            Self::Wanted | Self::Unknown => return None,
            Self::Exited => {
                "`mcp-cloud logs` may say why the server ended (`exec format error` means that the image is for another \
                 processor); mend that and repeat the command"
            }
            Self::TargetUnhealthy => {
                "the load balancer asks for the health path at the server's port, and gets no answer or not 200; \
                 `mcp-cloud logs` may say why, and a server that is slow to start needs a longer grace period"
            }
            Self::Unhealthy => "the server does not answer its own `--health` in time; `mcp-cloud logs` may say why",
            Self::Spot => "AWS took Spot capacity back; repeat the command, or use less of it",
            Self::Capacity => {
                "AWS has no room for such tasks at the moment; repeat the command later, or use less Spot"
            }
            Self::Start => {
                "check that the subnets of the tasks have a way to AWS's services, that the log group is there, and that \
                 the execution role may write to it"
            }
            Self::Memory => "raise `memory` under `[resources]` in `mcp-cloud.toml`",
            Self::Secret => {
                "check that the secret is there with the key that is asked for, that the execution role may read it, and \
                 that the subnets of the tasks have a way to it; `mcp-cloud secrets list` shows what there is"
            }
            Self::Image => {
                "check that the registry has the image by this name, that the execution role may pull it, and that the \
                 subnets of the tasks have a way to the registry"
            }
            Self::Architecture => {
                "the image is for another processor than the task; build it for the `architecture` that \
                 `mcp-cloud.toml` says"
            }
        };
        Some(hint)
    }
}

impl TaskStop {
    /// Why it stopped.
    #[must_use]
    pub fn kind(&self) -> StopKind {
        let mut text = self.reason.clone().unwrap_or_default();
        for reason in self.containers.iter().filter_map(|container| container.reason.as_deref()) {
            text.push('\n');
            text.push_str(reason);
        }
        let kind = StopKind::of(&text, self.code.as_deref());
        // Killed, and nobody wanted it: what kills then is the lack of memory.
        let killed = self.containers.iter().any(|container| container.exit_code == Some(137));
        if kind == StopKind::Exited && killed { StopKind::Memory } else { kind }
    }

    /// Whether it stopped by itself. Those that were one too many, or that somebody stopped, do not count.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.kind() != StopKind::Wanted
    }
}

/// As it stands in an error.
impl fmt::Display for TaskStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| text.trim().trim_end_matches('.').to_owned();
        write!(f, "task {} stopped", self.task)?;
        let reason = self.reason.as_deref().or(self.code.as_deref()).map(plain).unwrap_or_default();
        if !reason.is_empty() {
            write!(f, ": {reason}")?;
        }
        for container in &self.containers {
            let said = container.reason.as_deref().map(plain).filter(|said| !reason.contains(said.as_str()));
            match (container.exit_code, said) {
                (Some(code), Some(said)) => write!(f, "; `{}` exited with {code}: {said}", container.name)?,
                (Some(code), None) => write!(f, "; `{}` exited with {code}", container.name)?,
                (None, Some(said)) => write!(f, "; `{}`: {said}", container.name)?,
                (None, None) => {}
            }
        }
        Ok(())
    }
}

impl From<&Task> for TaskStop {
    fn from(task: &Task) -> Self {
        let containers = task.raw.get("containers").and_then(Value::as_array).into_iter().flatten();
        Self {
            task: last(&task.arn).to_owned(),
            task_definition: task.task_definition.clone(),
            code: optional(&task.raw, "stopCode"),
            reason: optional(&task.raw, "stoppedReason"),
            containers: containers
                .map(|container| ContainerStop {
                    name: optional(container, "name").unwrap_or_default(),
                    exit_code: container.get("exitCode").and_then(Value::as_i64),
                    reason: optional(container, "reason"),
                })
                .collect(),
        }
    }
}
