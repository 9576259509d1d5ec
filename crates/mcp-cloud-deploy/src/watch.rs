//! Watches a stack until an operation ends, and finds what it failed of.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{
    aws::Deployer,
    error::{AwsError, Error},
    observe::{Stack, StackState},
};

/// Hears of each resource whose state changes, in order.
pub type Report<'a> = dyn Fn(&ResourceEvent) + 'a;

/// The first question comes soon, because a small change is quick; the later ones are kind to the account's rate limit.
const FIRST_POLL: Duration = Duration::from_millis(400);
const SLOWEST_POLL: Duration = Duration::from_secs(3);

/// What happened to a resource of a stack, or to the stack itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceEvent {
    /// The resource's name in the template; for the stack, the stack's.
    pub logical_id: String,
    /// Its CloudFormation type.
    pub resource_type: String,
    /// CloudFormation's name of its new state.
    pub status: String,
    /// CloudFormation's reason, if it gives one.
    pub reason: Option<String>,
    /// What it is outside of the stack: a name or an ARN. Absent while it has none.
    pub physical_id: Option<String>,
}

/// Something that is there no longer for the stack's sake: the template says that it outlives the stack, or somebody chose
/// to leave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftBehind {
    /// What its name in the template was.
    pub logical_id: String,
    /// Its CloudFormation type.
    pub resource_type: String,
    /// What it is found by: a name or an ARN.
    pub physical_id: String,
}

impl LeftBehind {
    /// What is left behind, when that is what happened to a resource. A version goes with its function, and one that
    /// stays has all its versions.
    pub(crate) fn of(event: &ResourceEvent) -> Option<Self> {
        if event.resource_type == "AWS::Lambda::Version" {
            return None;
        }
        let physical_id = event.physical_id.clone().filter(|_| event.status == "DELETE_SKIPPED")?;
        Some(Self { logical_id: event.logical_id.clone(), resource_type: event.resource_type.clone(), physical_id })
    }

    /// Says how it is removed: one sentence, lower case, no final period.
    ///
    /// Cloud Control takes any type that CloudFormation makes
    /// (<https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations-delete.html>).
    #[must_use]
    pub fn hint(&self) -> String {
        let Self { resource_type, physical_id, .. } = self;
        format!(
            "once nobody needs it, run `aws cloudcontrol delete-resource --type-name {resource_type} --identifier \
             {physical_id}`"
        )
    }
}

/// As it stands in a list.
impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}), {}", self.physical_id, self.resource_type, self.logical_id)
    }
}

impl ResourceEvent {
    /// Whether the resource failed by itself. Those that were stopped because another failed do not count.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        let stopped = self.reason.as_deref().is_some_and(|reason| reason.to_ascii_lowercase().contains("cancelled"));
        self.status.ends_with("_FAILED") && !stopped
    }

    /// Whether Lambda could not use the role, as happens when it is so new that it is not known everywhere.
    pub(crate) fn is_of_a_role_that_is_new(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| reason.contains("cannot be assumed by Lambda"))
    }
}

/// As it stands in an error: the resource, its state and the reason.
impl fmt::Display for ResourceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}) {}", self.logical_id, self.resource_type, self.status)?;
        match &self.reason {
            Some(reason) => write!(f, ": {}", reason.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

/// An event with what tells it from others.
#[derive(Debug, Clone)]
pub(crate) struct StackEvent {
    pub(crate) id: String,
    /// Whether it is about the stack itself.
    pub(crate) of_stack: bool,
    pub(crate) resource: ResourceEvent,
}

/// An operation that is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched<'a> {
    pub(crate) stack: &'a str,
    pub(crate) stack_id: &'a str,
    /// The state it ends in when it goes well.
    pub(crate) expected: &'a str,
}

/// What the events so far tell.
#[derive(Debug, Default)]
struct Progress {
    failure: Option<ResourceEvent>,
    ending: Option<String>,
}

impl Progress {
    fn take(&mut self, event: &StackEvent) {
        if event.of_stack {
            // Until a rollback has ended, the stack's state still goes on.
            let status = &event.resource.status;
            self.ending = (StackState::of(status) != StackState::Busy).then(|| status.clone());
        } else if self.failure.is_none() && event.resource.is_failure() {
            self.failure = Some(event.resource.clone());
        }
    }
}

impl Deployer {
    /// Begins an operation on a stack and waits until it ends; what happened before is not reported.
    pub(crate) async fn operate(
        &self,
        watched: Watched<'_>,
        begin: impl Future<Output = Result<(), AwsError>>,
        report: &Report<'_>,
    ) -> Result<(), Error> {
        let before = self.latest_event(watched.stack_id).await?;
        begin.await?;
        self.watch(watched, before, report).await
    }

    /// Waits until an operation ends. The events decide, not the stack's state: right after a call that may still be
    /// the state before.
    async fn watch(&self, watched: Watched<'_>, mut after: Option<String>, report: &Report<'_>) -> Result<(), Error> {
        let mut progress = Progress::default();
        let mut pause = FIRST_POLL;
        loop {
            let Some(events) = self.stack_events(watched.stack_id, after.as_deref()).await? else {
                // No events are kept of a stack that is gone.
                return ended(watched, "DELETE_COMPLETE", progress.failure);
            };
            for event in events {
                progress.take(&event);
                report(&event.resource);
                after = Some(event.id);
            }
            if let Some(ending) = progress.ending.take() {
                return ended(watched, &ending, progress.failure);
            }
            self.sleep(pause).await;
            pause = pause.mul_f32(1.3).min(SLOWEST_POLL);
        }
    }

    /// Waits until an operation that somebody else began has ended, however it ends.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails.
    pub async fn settle(&self, stack: &Stack, report: &Report<'_>) -> Result<(), Error> {
        let mut after = self.latest_event(&stack.id).await?;
        let mut pause = FIRST_POLL;
        while self.stack_status(&stack.id).await?.is_some_and(|status| StackState::of(&status) == StackState::Busy) {
            for event in self.stack_events(&stack.id, after.as_deref()).await?.unwrap_or_default() {
                report(&event.resource);
                after = Some(event.id);
            }
            self.sleep(pause).await;
            pause = pause.mul_f32(1.3).min(SLOWEST_POLL);
        }
        Ok(())
    }
}

fn ended(watched: Watched<'_>, status: &str, failure: Option<ResourceEvent>) -> Result<(), Error> {
    if status == watched.expected {
        return Ok(());
    }
    Err(Error::StackFailed {
        stack: watched.stack.to_owned(),
        status: status.to_owned(),
        failure: failure.map(Box::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(of_stack: bool, id: &str, status: &str, reason: Option<&str>) -> StackEvent {
        let resource = ResourceEvent {
            logical_id: id.to_owned(),
            resource_type: "AWS::Lambda::Function".to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            physical_id: None,
        };
        StackEvent { id: format!("{id}-{status}"), of_stack, resource }
    }

    #[test]
    fn first_resource_that_failed_by_itself_is_the_reason() {
        let mut progress = Progress::default();
        for event in [
            event(true, "hello", "CREATE_IN_PROGRESS", None),
            event(false, "Role", "CREATE_FAILED", Some("Resource creation cancelled")),
            event(false, "Function", "CREATE_FAILED", Some("The runtime is not supported.")),
            event(false, "LogGroup", "CREATE_FAILED", Some("Access denied")),
            event(true, "hello", "ROLLBACK_IN_PROGRESS", None),
        ] {
            progress.take(&event);
        }
        assert_eq!(progress.ending, None, "a rollback is still going on");
        let failure = progress.failure.expect("a resource failed");
        assert_eq!(
            failure.to_string(),
            "`Function` (AWS::Lambda::Function) CREATE_FAILED: The runtime is not supported"
        );
    }

    #[test]
    fn operation_ends_with_the_stack_and_not_with_its_resources() {
        let mut progress = Progress::default();
        progress.take(&event(false, "Function", "CREATE_COMPLETE", None));
        assert_eq!(progress.ending, None);
        progress.take(&event(true, "hello", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None));
        assert_eq!(progress.ending, None);
        progress.take(&event(true, "hello", "UPDATE_COMPLETE", None));
        assert_eq!(progress.ending.as_deref(), Some("UPDATE_COMPLETE"));
    }

    #[test]
    fn rollback_is_a_failure_although_it_completed() {
        let watched = Watched { stack: "hello", stack_id: "arn", expected: "UPDATE_COMPLETE" };
        assert!(ended(watched, "UPDATE_COMPLETE", None).is_ok());
        let error = ended(watched, "UPDATE_ROLLBACK_COMPLETE", None).expect_err("it was rolled back");
        assert_eq!(error.to_string(), "the stack `hello` ended in UPDATE_ROLLBACK_COMPLETE");
    }
}
