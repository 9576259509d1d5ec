//! Holds what CloudFormation will do against the plan, and what runs then against what a client needs.

use mcp_cloud_app::target::sam::OUTPUT_ENDPOINT;

use super::{Application, Change, Reporter, StepOutcome};
use crate::{
    change::{Changes, unexpected},
    deployment::Workload,
    error::Error,
    mcp::Gate,
    observe::Stack,
    plan::record_key,
    revision::Revision,
};

impl Application<'_> {
    /// What nobody has seen is not executed.
    pub(super) async fn hold_against_plan(
        &self,
        planned: &Changes,
        changes: &[Change],
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        let beyond: Vec<_> = unexpected(planned, changes).iter().map(ToString::to_string).collect();
        if beyond.is_empty() || reporter.agree(&beyond).await {
            return Ok(());
        }
        Err(Error::BeyondPlan { beyond })
    }

    /// Asks the server. If it does not answer as it should, what ran before runs again.
    pub(super) async fn ask(&mut self, reporter: &dyn Reporter) -> Result<StepOutcome, Error> {
        let rollout = self.rollout()?;
        let stack = self.stack_now().await?;
        let Some(url) = stack.outputs.get(OUTPUT_ENDPOINT) else {
            return Ok(StepOutcome::Skipped("the stack does not say where its endpoint is"));
        };
        let gate = Gate::on(rollout.app, rollout.deployment.target(), url).with_token(rollout.token.clone());
        let answers = gate.ask(&self.deployer.http(), &|question| reporter.question(question)).await;
        if let Some(failed) = answers.failed().next() {
            let question = failed.to_string();
            let rolled_back = self.back_out(stack.published_version().as_deref(), reporter).await;
            return Err(Error::GateFailed { question, rolled_back });
        }
        self.applied.questions = answers.questions.clone();
        self.answers = Some(answers);
        Ok(StepOutcome::Done)
    }

    /// Writes down what a later run needs to go back to this revision.
    pub(super) async fn keep_revision(&self, bucket: &str) -> Result<StepOutcome, Error> {
        let rollout = self.rollout()?;
        let deployment = rollout.deployment;
        let stack = self.stack_now().await?;
        let number = match &deployment.workload {
            Workload::Function { .. } => stack.published_version().and_then(|version| version.parse().ok()),
            Workload::Service(_) => Some(self.service_version()?),
        };
        let Some(number) = number else {
            return Ok(StepOutcome::Skipped("the stack does not say which version it published"));
        };
        let answers = self.answers.as_ref();
        let revision = Revision {
            form: Revision::FORM,
            version: number.to_string(),
            code_sha256: deployment.code_sha256().to_owned(),
            template: deployment.template.clone(),
            tags: deployment.tags.clone(),
            service: deployment.service().map(|workload| workload.service.clone()),
            source: rollout.source.clone(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            identity: self.deployer.identity().to_owned(),
            surface: answers.and_then(|answers| answers.surface.clone()),
            deployed: None,
        };
        self.deployer.keep(bucket, self.name, &record_key(deployment, number), &revision).await?;
        if deployment.service().is_some() {
            self.mark_revision(number).await?;
        }
        Ok(StepOutcome::Done)
    }

    pub(super) async fn stack_now(&self) -> Result<Stack, Error> {
        let gone = || Error::NotDeployed { stack: self.name.to_owned() };
        self.deployer.observe_stack(self.name).await?.ok_or_else(gone)
    }
}
