//! The way back from a deployment whose server does not answer as it should.

use std::{collections::VecDeque, time::Duration};

use mcp_cloud_app::target::sam;

use super::{Application, OnFailure, Reporter};
use crate::{
    deployment::Deployment,
    error::{Error, RolledBack},
    logs::{self, LogEvent, LogQuery},
    plan::Operation,
};

/// How much of a log is shown before it goes: what ended a server is said at the end.
const LAST_LINES: usize = 20;
/// How long nothing is waited for, and then something: lines are found a moment after they were written.
const LOG_PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(4)];

/// What ran before.
struct Before {
    version: String,
    deployment: Deployment,
}

impl Application<'_> {
    /// Brings back what ran before: the alias at once, then the stack. Removes what this run has created.
    pub(super) async fn back_out(&mut self, failed_version: Option<&str>, reporter: &dyn Reporter) -> RolledBack {
        if self.on_failure() == OnFailure::Keep {
            return RolledBack::Not;
        }
        if self.done == Some(Operation::Create) {
            return self.remove_again(reporter).await.into();
        }
        if self.rollout().is_ok_and(|rollout| rollout.deployment.service().is_some()) {
            return self.bring_all_back(reporter).await.into();
        }
        match self.before(failed_version).await {
            Ok(Some(before)) => self.bring_back(before, reporter).await.into(),
            Ok(None) => RolledBack::Not,
            Err(error) => RolledBack::Failed(error.to_string()),
        }
    }

    /// The service first, so that what answered answers again; then the stack around it.
    async fn bring_all_back(&mut self, reporter: &dyn Reporter) -> Result<RolledBack, Error> {
        let version = self.bring_service_back(reporter).await?;
        if self.done.is_some()
            && let Some(stack) = &self.observed.stack
            && let Some(template) = stack.template.clone()
        {
            let before = Deployment { template, tags: stack.tags.clone(), ..self.deployment()?.clone() };
            self.update_to(&before, reporter).await?;
        }
        Ok(version.map_or(RolledBack::Removed, RolledBack::To))
    }

    async fn remove_again(&mut self, reporter: &dyn Reporter) -> Result<RolledBack, Error> {
        self.show_last_lines(reporter).await;
        reporter.note("removing what was created");
        self.remove_service_again().await?;
        if let Some(stack) = self.deployer.observe_stack(self.name).await? {
            self.remove_stack(&stack.name, &stack.id, &[], reporter).await?;
        }
        for left in &self.applied.left_behind {
            reporter.note(&format!("what may hold data is left: {left}; {}", left.hint()));
        }
        Ok(RolledBack::Removed)
    }

    /// Shows what the server logged last, because the log is removed with the rest. That there is nothing to be shown keeps
    /// nobody from removing it.
    async fn show_last_lines(&self, reporter: &dyn Reporter) {
        match self.last_lines().await {
            Ok(lines) if lines.is_empty() => reporter.note("the server has logged nothing"),
            Ok(lines) => {
                reporter.note("what the server has logged last:");
                lines.iter().for_each(|line| reporter.log(line));
            }
            Err(error) => reporter.note(&format!("what the server has logged is not shown: {error}")),
        }
    }

    async fn last_lines(&self) -> Result<VecDeque<LogEvent>, Error> {
        // The group is as young as the deployment, so all of it is asked for.
        let query = LogQuery::new(vec![logs::server_group(self.rollout()?.app, self.deployment()?.target())], 0);
        let mut last = VecDeque::new();
        for pause in LOG_PAUSES {
            self.deployer.sleep(pause).await;
            let mut take = |event| {
                if logs::render(&event).is_some() {
                    last.push_back(event);
                    last.drain(..last.len().saturating_sub(LAST_LINES));
                }
            };
            self.deployer.read_logs(&query, &mut take).await?;
            if !last.is_empty() {
                break;
            }
        }
        Ok(last)
    }

    /// The last revision that answered; without one, what this run found before it changed the stack.
    async fn before(&self, failed_version: Option<&str>) -> Result<Option<Before>, Error> {
        let deployment = self.deployment()?;
        let kept = self.observed.revisions(self.name);
        let last = kept.iter().rev().find(|kept| failed_version != Some(kept.version.to_string().as_str()));
        if let Some(key) = last
            && let Some(revision) = self.deployer.revision(deployment.bucket.name(), self.name, key).await?
        {
            let deployment = Deployment { template: revision.template, tags: revision.tags, ..deployment.clone() };
            return Ok(Some(Before { version: revision.version, deployment }));
        }
        let found = || {
            self.done?;
            let stack = self.observed.stack.as_ref()?;
            let deployment =
                Deployment { template: stack.template.clone()?, tags: stack.tags.clone(), ..deployment.clone() };
            Some(Before { version: self.observed.alias.as_ref()?.version.clone(), deployment })
        };
        Ok(found())
    }

    async fn bring_back(&self, before: Before, reporter: &dyn Reporter) -> Result<RolledBack, Error> {
        let Before { version, deployment } = before;
        reporter.note(&format!("going back to version {version}"));
        self.deployer.move_alias(self.name, sam::ALIAS, &version).await?;
        self.update_to(&deployment, reporter).await?;
        Ok(RolledBack::To(version))
    }
}
