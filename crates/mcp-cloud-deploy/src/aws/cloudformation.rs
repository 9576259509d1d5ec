//! CloudFormation in the words of this crate.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_cloudformation::{
    primitives::{DateTime, DateTimeFormat},
    types::{self, Capability, ChangeSetStatus, ChangeSetType, ExecutionStatus, Tag, TemplateStage},
};

use super::Deployer;
use crate::{
    apply::{Change, ChangeSet},
    artifact::sha256,
    deployment::Deployment,
    error::{AwsError, Error},
    observe::{Stack, StackMark},
    plan::Operation,
    watch::StackEvent,
};

/// How often a change set is asked whether it is ready; AWS takes some seconds.
const CHANGE_SET_POLL: Duration = Duration::from_millis(700);
/// AWS says this when a change set would change nothing, and nothing but the text tells.
const EMPTY_CHANGE_SET: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];

/// A change set that AWS computed, or the news that there is nothing to change.
pub(crate) enum Computed {
    Changes(ChangeSet),
    Nothing { id: String },
}

impl Deployer {
    /// Reads a stack with its template and its change sets; `None` when there is none of that name.
    pub(crate) async fn stack(&self, name: &str) -> Result<Option<Stack>, Error> {
        let attempt = || format!("describe the stack `{name}`");
        let found = match self.cloudformation.describe_stacks().stack_name(name).send().await {
            Ok(found) => found,
            Err(error) => {
                let error = AwsError::new(attempt(), error);
                return if does_not_exist(&error) { Ok(None) } else { Err(error.into()) };
            }
        };
        let Some(stack) = found.stacks().first() else { return Ok(None) };
        let status = stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
        if status == "DELETE_COMPLETE" {
            return Ok(None);
        }
        let id = stack.stack_id().unwrap_or(name).to_owned();
        let tags = stack
            .tags()
            .iter()
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
            // AWS's own, which nobody can set.
            .filter(|(key, _)| !key.starts_with("aws:"))
            .collect();
        let outputs = stack
            .outputs()
            .iter()
            .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
            .collect();
        let changed = mark(stack).changed;
        Ok(Some(Stack {
            template: self.template(&id, &status).await?,
            change_sets: self.change_sets(name).await?,
            name: name.to_owned(),
            id,
            status,
            reason: stack.stack_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
            tags,
            outputs,
            changed,
            protected: stack.enable_termination_protection().unwrap_or_default(),
        }))
    }

    /// The template as it was given; a stack that was never created has none.
    async fn template(&self, stack: &str, status: &str) -> Result<Option<String>, AwsError> {
        if status == "REVIEW_IN_PROGRESS" {
            return Ok(None);
        }
        self.cloudformation
            .get_template()
            .stack_name(stack)
            .template_stage(TemplateStage::Original)
            .send()
            .await
            .map(|found| found.template_body().map(str::to_owned))
            .map_err(|error| AwsError::new("read the template of the stack", error))
    }

    /// The change sets that are not done; the one that was executed last may stay listed.
    async fn change_sets(&self, stack: &str) -> Result<Vec<String>, AwsError> {
        let mut names = Vec::new();
        let mut pages = self.cloudformation.list_change_sets().stack_name(stack).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new("list the change sets of the stack", error))?;
            let done = Some(&ExecutionStatus::ExecuteComplete);
            let left = page.summaries().iter().filter(|summary| summary.execution_status() != done);
            names.extend(left.filter_map(|summary| summary.change_set_name().map(str::to_owned)));
        }
        Ok(names)
    }

    /// Has CloudFormation compute what would change. Nothing that runs is touched.
    pub(crate) async fn create_change_set(
        &self,
        deployment: &Deployment,
        name: &str,
        operation: Operation,
    ) -> Result<Computed, Error> {
        let id = match self.request_change_set(deployment, name, operation).await {
            // No other run has this name: the answer to the first call was lost, and the call was repeated.
            Err(error) if error.is("AlreadyExistsException") => self.change_set_id(&deployment.stack, name).await?,
            requested => requested?,
        };
        loop {
            let (status, reason, changes, stack_id) = self.describe_change_set(&id).await?;
            match status {
                ChangeSetStatus::CreateComplete => {
                    return Ok(Computed::Changes(ChangeSet { id, stack_id, operation, changes }));
                }
                ChangeSetStatus::Failed if EMPTY_CHANGE_SET.iter().any(|text| reason.contains(text)) => {
                    return Ok(Computed::Nothing { id });
                }
                ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress => {
                    self.sleep(CHANGE_SET_POLL).await;
                }
                _ => {
                    return Err(Error::ChangeSetFailed { stack: deployment.stack.clone(), reason });
                }
            }
        }
    }

    /// Returns the ARN of the change set.
    async fn request_change_set(
        &self,
        deployment: &Deployment,
        name: &str,
        operation: Operation,
    ) -> Result<String, AwsError> {
        let attempt = || format!("create a change set for the stack `{}`", deployment.stack);
        self.cloudformation
            .create_change_set()
            .stack_name(&deployment.stack)
            .change_set_name(name)
            .change_set_type(match operation {
                Operation::Create => ChangeSetType::Create,
                Operation::Update => ChangeSetType::Update,
            })
            .template_body(&deployment.template)
            .set_capabilities(Some(deployment.capabilities().iter().copied().map(Capability::from).collect()))
            .set_tags(Some(tags(&deployment.tags)))
            .send()
            .await
            .map(|created| created.id().unwrap_or(name).to_owned())
            .map_err(|error| AwsError::new(attempt(), error))
    }

    async fn change_set_id(&self, stack: &str, name: &str) -> Result<String, AwsError> {
        self.cloudformation
            .describe_change_set()
            .stack_name(stack)
            .change_set_name(name)
            .send()
            .await
            .map(|found| found.change_set_id().unwrap_or(name).to_owned())
            .map_err(|error| AwsError::new("read the change set", error))
    }

    async fn describe_change_set(&self, id: &str) -> Result<(ChangeSetStatus, String, Vec<Change>, String), AwsError> {
        let mut changes = Vec::new();
        let mut next_token = None;
        loop {
            let page = self
                .cloudformation
                .describe_change_set()
                .change_set_name(id)
                .set_next_token(next_token)
                .send()
                .await
                .map_err(|error| AwsError::new("read the change set", error))?;
            changes.extend(page.changes().iter().filter_map(|change| change.resource_change()).map(Change::from));
            next_token = page.next_token().map(str::to_owned);
            if next_token.is_none() {
                let status = page.status().cloned().unwrap_or(ChangeSetStatus::CreatePending);
                let reason = page.status_reason().unwrap_or("no reason given").to_owned();
                return Ok((status, reason, changes, page.stack_id().unwrap_or_default().to_owned()));
            }
        }
    }

    /// Executes a change set. A call that is repeated because its answer was lost has no effect of its own.
    pub(crate) async fn execute_change_set(&self, id: &str, run: &str) -> Result<(), AwsError> {
        self.cloudformation
            .execute_change_set()
            .change_set_name(id)
            .client_request_token(token("execute", run, id))
            .send()
            .await
            .map(drop)
            .map_err(|error| AwsError::new("execute the change set", error))
    }

    /// Takes up a rollback that failed.
    pub(crate) async fn continue_rollback(&self, stack: &str, skip: &[String]) -> Result<(), AwsError> {
        self.cloudformation
            .continue_update_rollback()
            .stack_name(stack)
            .set_resources_to_skip((!skip.is_empty()).then(|| skip.to_vec()))
            .send()
            .await
            .map(drop)
            .map_err(|error| AwsError::new("take up the rollback of the stack", error))
    }

    /// Deletes a change set; one that is gone, or whose stack is, is no error.
    pub(crate) async fn delete_change_set(&self, stack: &str, name: &str) -> Result<(), AwsError> {
        let deleted = self.cloudformation.delete_change_set().stack_name(stack).change_set_name(name).send().await;
        match deleted.map_err(|error| AwsError::new(format!("delete the change set `{name}`"), error)) {
            Err(error) if !error.is("ChangeSetNotFound") && !does_not_exist(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Has a stack deleted. What is left behind can only be what could not be deleted before.
    pub(crate) async fn delete_stack(&self, stack: &str, leave: &[String]) -> Result<(), AwsError> {
        self.cloudformation
            .delete_stack()
            .stack_name(stack)
            .set_retain_resources((!leave.is_empty()).then(|| leave.to_vec()))
            .send()
            .await
            .map(drop)
            .map_err(|error| AwsError::new(format!("delete the stack `{stack}`"), error))
    }

    /// Reads what changes whenever a stack does; `None` when there is none of that name.
    pub(crate) async fn stack_mark(&self, name: &str) -> Result<Option<StackMark>, AwsError> {
        let found = self.cloudformation.describe_stacks().stack_name(name).send().await;
        match found.map_err(|error| AwsError::new(format!("describe the stack `{name}`"), error)) {
            Ok(found) => Ok(found.stacks().first().map(mark).filter(|mark| mark.status != "DELETE_COMPLETE")),
            Err(error) if does_not_exist(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads CloudFormation's name of a stack's state; `None` when the stack is gone.
    pub(crate) async fn stack_status(&self, stack: &str) -> Result<Option<String>, AwsError> {
        match self.cloudformation.describe_stacks().stack_name(stack).send().await {
            Ok(found) => Ok(found.stacks().first().and_then(|stack| Some(stack.stack_status()?.as_str().to_owned()))),
            Err(error) => {
                let error = AwsError::new(format!("describe the stack `{stack}`"), error);
                if does_not_exist(&error) { Ok(None) } else { Err(error) }
            }
        }
    }

    /// The newest event of a stack: what comes after it belongs to the next operation.
    pub(crate) async fn latest_event(&self, stack: &str) -> Result<Option<String>, AwsError> {
        match self.cloudformation.describe_stack_events().stack_name(stack).send().await {
            Ok(page) => Ok(page.stack_events().first().and_then(|event| event.event_id().map(str::to_owned))),
            Err(error) => {
                let error = AwsError::new("read the events of the stack", error);
                if does_not_exist(&error) { Ok(None) } else { Err(error) }
            }
        }
    }

    /// Reads the events after the one named, oldest first, or all of them; `None` when the stack is gone.
    pub(crate) async fn stack_events(
        &self,
        stack: &str,
        after: Option<&str>,
    ) -> Result<Option<Vec<StackEvent>>, AwsError> {
        let mut events = Vec::new();
        let mut pages = self.cloudformation.describe_stack_events().stack_name(stack).into_paginator().send();
        'pages: while let Some(page) = pages.next().await {
            let page = match page.map_err(|error| AwsError::new("read the events of the stack", error)) {
                Ok(page) => page,
                Err(error) if does_not_exist(&error) => return Ok(None),
                Err(error) => return Err(error),
            };
            for event in page.stack_events() {
                if after.is_some() && event.event_id() == after {
                    break 'pages;
                }
                events.push(StackEvent::from(event));
            }
        }
        events.reverse();
        Ok(Some(events))
    }
}

fn mark(stack: &types::Stack) -> StackMark {
    StackMark {
        id: stack.stack_id().unwrap_or_default().to_owned(),
        status: stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        changed: stack.last_updated_time().or(stack.creation_time()).and_then(rfc3339),
    }
}

/// The same for the same call of the same run; at most 128 characters, of which few kinds are allowed.
fn token(call: &str, run: &str, subject: &str) -> String {
    let subject = sha256(subject.as_bytes());
    format!("{call}-{run}-{}", subject.get(..16).unwrap_or_default())
}

/// CloudFormation has no code of its own for a stack that is not there.
fn does_not_exist(error: &AwsError) -> bool {
    error.is("ValidationError") && error.message.as_deref().is_some_and(|message| message.contains("does not exist"))
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn rfc3339(time: &DateTime) -> Option<String> {
    time.fmt(DateTimeFormat::DateTime).ok()
}

impl From<&types::ResourceChange> for Change {
    fn from(change: &types::ResourceChange) -> Self {
        let mut properties: Vec<_> = change
            .details()
            .iter()
            .filter_map(|detail| {
                let target = detail.target()?;
                target.name().or(target.attribute().map(types::ResourceAttribute::as_str)).map(str::to_owned)
            })
            .collect();
        properties.sort();
        properties.dedup();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            action: text(change.action().map(types::ChangeAction::as_str)),
            logical_id: text(change.logical_resource_id()),
            resource_type: text(change.resource_type()),
            replacement: change.replacement().map(|replacement| replacement.as_str().to_owned()),
            properties,
        }
    }
}

impl From<&types::StackEvent> for StackEvent {
    fn from(event: &types::StackEvent) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let stack = event.physical_resource_id().is_some() && event.physical_resource_id() == event.stack_id();
        Self {
            id: text(event.event_id()),
            of_stack: stack,
            resource: crate::watch::ResourceEvent {
                logical_id: text(event.logical_resource_id()),
                resource_type: text(event.resource_type()),
                status: text(event.resource_status().map(types::ResourceStatus::as_str)),
                reason: event.resource_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
                physical_id: event.physical_resource_id().filter(|id| !id.is_empty()).map(str::to_owned),
            },
        }
    }
}
