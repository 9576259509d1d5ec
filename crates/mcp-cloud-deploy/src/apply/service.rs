//! The steps that bring a service on ECS to what is wanted, and those that take it away.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Application, Reporter, StepOutcome};
use crate::{
    deployment::ServiceWorkload,
    error::Error,
    service::{
        RolloutEvent, Scaling, ServiceName, ServiceState, Switched, as_it_is, as_update, at_once, changes, keep_sides,
        minutes, moves_for, production_rule,
    },
};

/// How long new tasks may take until all of them answer: an image is pulled, the health check passes, and the old ones
/// drain for two minutes at most. The circuit breaker ends what fails much earlier. What requests take to move comes on
/// top of it.
const ROLLOUT_LIMIT: Duration = Duration::from_secs(20 * 60);

impl Application<'_> {
    pub(super) async fn push_image(&self, reporter: &dyn Reporter) -> Result<StepOutcome, Error> {
        let image = &self.workload()?.image;
        let Some(contents) = &image.contents else {
            return Ok(StepOutcome::Skipped("it is an image of somebody else"));
        };
        let outputs = self.outputs().await?;
        let repository = outputs.get(mcp_cloud_app::target::ecs::OUTPUT_REPOSITORY);
        let repository = repository.ok_or(Error::Misuse("an image needs a repository to be pushed to"))?;
        let reference = format!("{repository}:{}", contents.tag());
        self.deployer.push_image(&reference, contents, &|note| reporter.note(note)).await?;
        Ok(StepOutcome::Done)
    }

    pub(super) async fn register_task_definition(&mut self, family: &str) -> Result<StepOutcome, Error> {
        let outputs = self.outputs().await?;
        let wanted = self.workload()?.service.with(&outputs).task_definition;
        let newest = self.deployer.task_definition(family).await?;
        if let Some(newest) = newest.filter(|newest| newest.status == "ACTIVE")
            && changes((Some(&newest.raw), None), (Some(&wanted), None)).is_empty()
        {
            self.task_definition = Some(newest.arn);
            return Ok(StepOutcome::Skipped("the newest revision is what is wanted"));
        }
        self.task_definition = Some(self.deployer.register_task_definition(&wanted).await?);
        Ok(StepOutcome::Done)
    }

    /// Makes or changes the service, and waits. When its tasks do not come to answer, what ran before runs again.
    pub(super) async fn change_service(
        &mut self,
        name: &ServiceName,
        reporter: &dyn Reporter,
    ) -> Result<StepOutcome, Error> {
        let outputs = self.outputs().await?;
        let wanted = self.workload()?.service.with(&outputs);
        let there = self.deployer.service(name).await?;
        let named = there.as_ref().map(|there| there.task_definition.clone());
        let task_definition = self.task_definition.clone().or(named);
        let task_definition = task_definition.ok_or(Error::Misuse("a service needs a task definition"))?;
        let body = with(&wanted.service, &[("cluster", &name.cluster), ("taskDefinition", &task_definition)]);
        let outcome = match &there {
            None => {
                self.deployer.create_service(&body).await?;
                StepOutcome::Done
            }
            Some(there) if self.is_already(there, &body, &task_definition, &wanted.scaling) => {
                StepOutcome::Skipped("it is so already")
            }
            Some(there) => {
                let mut update = as_update(&body);
                keep_sides(&mut update, &there.raw);
                if wanted.scaling.scalable_target.is_none() {
                    update["desiredCount"] = body["desiredCount"].clone();
                }
                self.deployer.update_service(name, &update).await?;
                self.retag(there, &body).await?;
                StepOutcome::Done
            }
        };
        self.changed_service = outcome == StepOutcome::Done;
        let moves = moves_for(&body);
        if there.is_some() && self.changed_service && !moves.is_zero() {
            reporter.note(&format!("requests move to the new tasks once those are well, for {}", minutes(moves)));
        }
        self.require_rollout(name, &task_definition, moves, reporter).await?;
        Ok(outcome)
    }

    /// Has a service that rests work again, and waits. When its tasks do not come to answer, it is as it was before.
    pub(super) async fn start_service(
        &mut self,
        name: &ServiceName,
        reporter: &dyn Reporter,
    ) -> Result<StepOutcome, Error> {
        let desired = self.workload()?.service.service.get("desiredCount").and_then(Value::as_u64);
        let desired = desired.and_then(|count| count.try_into().ok()).unwrap_or(1);
        let switched = self.deployer.start_service(name, desired).await?;
        let state = self.deployer.service(name).await?.unwrap_or_default();
        self.require_rollout(name, &state.task_definition, Duration::ZERO, reporter).await?;
        Ok(match switched {
            Switched::Now => StepOutcome::Done,
            Switched::Before => StepOutcome::Skipped("it works already"),
        })
    }

    /// Waits for a rollout. When it fails, what ran before runs again.
    async fn require_rollout(
        &mut self,
        name: &ServiceName,
        task_definition: &str,
        moves: Duration,
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        match self.wait_for_rollout(name, task_definition, moves, reporter).await {
            Err(Error::Service(source)) => {
                // The way back is a deployment of its own, and would make every step as large as itself.
                let rolled_back = Box::pin(self.back_out(None, reporter)).await;
                Err(Error::RolloutFailed { failure: Box::new(source), rolled_back })
            }
            waited => waited,
        }
    }

    fn is_already(&self, there: &ServiceState, body: &Value, task_definition: &str, scaling: &Scaling) -> bool {
        let counts = scaling.scalable_target.is_some() || body["desiredCount"] == json!(there.desired);
        counts
            && there.task_definition == task_definition
            && changes((None, Some(&there.raw)), (None, Some(body))).is_empty()
    }

    /// What is already tagged otherwise is not changed by an update.
    async fn retag(&self, there: &ServiceState, body: &Value) -> Result<(), Error> {
        let text = |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).map(str::to_owned);
        let tags = body.get("tags").and_then(Value::as_array).into_iter().flatten();
        let tags: Vec<_> = tags.filter_map(|tag| Some((text(tag, "key")?, text(tag, "value")?))).collect();
        let tags: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Ok(self.deployer.tag_ecs(&there.arn(), &tags).await?)
    }

    async fn wait_for_rollout(
        &self,
        name: &ServiceName,
        task_definition: &str,
        moves: Duration,
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        let report = |event: &RolloutEvent| reporter.note(&event.to_string());
        self.deployer.rollout(name, task_definition, ROLLOUT_LIMIT.saturating_add(moves), &report).await
    }

    pub(super) async fn scale_service(&self, name: &ServiceName) -> Result<StepOutcome, Error> {
        let outputs = self.outputs().await?;
        let scaling = self.workload()?.service.with(&outputs).scaling;
        let changed = self.deployer.apply_scaling(name, &scaling).await?;
        Ok(if changed { StepOutcome::Done } else { StepOutcome::Skipped("it is so already") })
    }

    pub(super) async fn remove_service(&self, name: &ServiceName) -> Result<(), Error> {
        self.deployer.apply_scaling(name, &Scaling::default()).await?;
        self.deployer.remove_service(name).await
    }

    /// Says on the service which of its revisions answered.
    pub(super) async fn mark_revision(&self, version: u64) -> Result<(), Error> {
        let name = self.workload()?.name();
        let Some(there) = self.deployer.service(&name).await? else { return Ok(()) };
        let version = version.to_string();
        Ok(self.deployer.tag_ecs(&there.arn(), &[(crate::observe::TAG_REVISION, &version)]).await?)
    }

    /// The number of the revision that is being kept: that of its record, or the next one.
    pub(super) fn service_version(&self) -> Result<u64, Error> {
        let deployment = self.deployment()?;
        let (kept, fingerprint) = (self.observed.revisions(self.name), deployment.fingerprint());
        let same = kept.iter().rev().find(|kept| kept.fingerprint == fingerprint);
        let last = kept.last().map(|last| last.version).unwrap_or_default();
        Ok(same.map_or(last + 1, |same| same.version))
    }

    /// Brings back the service that this run found; removes the one that it made.
    pub(super) async fn bring_service_back(&self, reporter: &dyn Reporter) -> Result<Option<String>, Error> {
        let name = self.workload()?.name();
        let Some(before) = self.observed.service.as_ref() else { return Ok(None) };
        let Some(state) = &before.state else {
            reporter.note("removing the service that was created");
            self.remove_service(&name).await?;
            return Ok(None);
        };
        if state.desired == 0 {
            reporter.note("letting the service rest again");
            if before.rests_by_the_clock() {
                self.deployer.scale_service(&name, 0).await?;
            } else {
                self.deployer.stop_service(&name).await?;
            }
        }
        if self.changed_service {
            let number = state.task_definition.rsplit(':').next().unwrap_or_default();
            reporter.note(&format!("going back to revision {number} of the task definition"));
            self.move_back_at_once(&name, &state.task_definition, reporter).await?;
            let mut update = with(&as_it_is(&state.raw), &[("taskDefinition", &state.task_definition)]);
            if let Some(now) = self.deployer.service(&name).await? {
                keep_sides(&mut update, &now.raw);
            }
            self.deployer.update_service(&name, &update).await?;
            self.wait_for_rollout(&name, &state.task_definition, moves_for(&update), reporter).await?;
            self.deployer.apply_scaling(&name, &before.scaling).await?;
        }
        Ok(Some(before.revision().map_or_else(|| "before".to_owned(), |revision| revision.to_string())))
    }

    /// Moves requests back to tasks of this definition without steps: what is gone back from should not serve for as long as
    /// it took to come. How the service is deployed otherwise is for the caller to say again, and begins no deployment.
    async fn move_back_at_once(
        &self,
        name: &ServiceName,
        task_definition: &str,
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        let there = self.deployer.service(name).await?;
        let Some(there) = there.filter(|there| there.task_definition != task_definition) else { return Ok(()) };
        let Some(deployment) = at_once(&there.raw) else { return Ok(()) };
        let update = json!({ "taskDefinition": task_definition, "deploymentConfiguration": deployment });
        self.deployer.update_service(name, &update).await?;
        self.wait_for_rollout(name, task_definition, Duration::ZERO, reporter).await
    }

    /// The rule that ECS moves requests by, and where it has moved them.
    pub(super) async fn where_requests_are(&self) -> Result<Option<(String, BTreeMap<String, i32>)>, Error> {
        let state = self.observed.service.as_ref().and_then(|there| there.state.as_ref());
        let Some(rule) = state.and_then(|state| production_rule(&state.raw)) else { return Ok(None) };
        Ok(Some((rule.to_owned(), self.deployer.weights(rule).await?)))
    }

    /// Undoes what CloudFormation does to that rule when anything about it changes, tags too: it writes the weights of the
    /// template, and so would send everybody to where tasks were once (<https://github.com/aws/aws-cdk/issues/36649>).
    pub(super) async fn keep_requests(
        &self,
        rule: &str,
        weights: &BTreeMap<String, i32>,
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        let now = self.deployer.weights(rule).await?;
        if now.is_empty() || weights.is_empty() || now == *weights {
            return Ok(());
        }
        reporter.note("moving requests back to the target group that has the tasks");
        Ok(self.deployer.weigh(rule, weights).await?)
    }

    /// Everything that a first deployment made beside its stack.
    pub(super) async fn remove_service_again(&self) -> Result<(), Error> {
        let Some(workload) = self.deployment()?.service() else { return Ok(()) };
        let name = workload.name();
        self.remove_service(&name).await?;
        let task_definitions = self.deployer.task_definitions(&name.service).await?;
        Ok(self.deployer.remove_task_definitions(&task_definitions).await?)
    }

    pub(super) fn workload(&self) -> Result<&ServiceWorkload, Error> {
        self.deployment()?.service().ok_or(Error::Misuse("a step of a service needs one"))
    }

    /// The outputs of the stack as it is now.
    async fn outputs(&self) -> Result<BTreeMap<String, String>, Error> {
        Ok(self.stack_now().await?.outputs)
    }
}

/// The document with further members.
fn with(document: &Value, members: &[(&str, &str)]) -> Value {
    let mut document = document.clone();
    if let Some(object) = document.as_object_mut() {
        object.extend(members.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    }
    document
}
