//! Whether the service that a stack is around runs as it is to, and whether what it stands on is there.

use std::sync::Arc;

use mcp_cloud_app::{App, Target, target::ecs};

use super::{
    Finding, Group, chain,
    stack::{NOT_DEPLOYED, is_elsewhere},
};
use crate::{
    aws::{Deployer, Desired},
    error::{AwsError, Error},
    image::ecr_repository,
    observe::Stack,
    service::{self, Rollout, ServiceName, ServiceState, TargetHealth, TaskStop},
};

/// ECS's names of how far a deployment is
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
const COMPLETED: &str = "COMPLETED";
const FAILED: &str = "FAILED";
/// What a target says that answers, one that is only just asked, and one that is about to go.
const HEALTHY: &str = "healthy";
const INITIAL: &str = "initial";
const DRAINING: &str = "draining";

/// Looks at what the file names, and at the service of a stack that is there.
pub(super) async fn findings(app: Arc<App>, deployer: Arc<Deployer>, stack: Option<Arc<Stack>>) -> Vec<Finding> {
    let mut findings = named(&app, &deployer).await;
    let question = Group::Service.ask(format!("service `{}`", app.name));
    let Some(stack) = stack.filter(|stack| stack.template.is_some()) else {
        findings.push(question.skip(NOT_DEPLOYED));
        return findings;
    };
    if is_elsewhere(&stack, Target::Ecs) {
        findings.push(question.skip("what is deployed is none"));
        return findings;
    }
    let outputs = &stack.outputs;
    let (Some(cluster), Some(service)) = (outputs.get(ecs::OUTPUT_CLUSTER), outputs.get(ecs::OUTPUT_SERVICE)) else {
        findings.push(question.skip("the stack does not say what it is called; the next deployment mends that"));
        return findings;
    };
    let name = ServiceName { cluster: cluster.clone(), service: service.clone() };
    let question = Group::Service.ask(format!("service `{name}`"));
    let state = match deployer.service(&name).await {
        Ok(Some(state)) => state,
        Ok(None) => {
            let hint = "run `mcp-cloud deploy`, which makes it".to_owned();
            findings.push(question.ng("is not there, although the stack around it is", hint));
            return findings;
        }
        Err(error) => {
            findings.push(refused(question, error));
            return findings;
        }
    };
    findings.push(match state.status.as_str() {
        "ACTIVE" => question.ok(format!("ACTIVE, of `{}`", last(&state.task_definition))),
        status => question.skip(format!("{status}; it is on its way to its end")),
    });
    findings.push(last_deployment(&state));
    let (tasks, targets, image) =
        tokio::join!(tasks(&deployer, &name, &state), targets(&deployer, &state), image(&deployer, &state));
    findings.extend([tasks, targets, image]);
    findings
}

/// What others made and the file names: a deployment would fail without it.
async fn named(app: &App, deployer: &Deployer) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(cluster) = &app.ecs.cluster {
        let question = Group::Service.ask(format!("cluster `{cluster}`"));
        findings.push(match deployer.has_cluster(cluster).await {
            Ok(true) => question.ok("takes services"),
            Ok(false) => question.ng(
                "is not there, or takes no services",
                "name one that does with `ecs.cluster` in `mcp-cloud.toml`, or leave that out so that one is made"
                    .to_owned(),
            ),
            Err(error) => refused(question, error),
        });
    }
    if let Some(uri) = &app.ecs.repository {
        let question = Group::Service.ask(format!("repository `{uri}`"));
        findings.push(match own_repository(uri, deployer) {
            None => question.skip("it is in no registry of this account and region"),
            Some(repository) => match deployer.repository(repository).await {
                Ok(Some(_)) => question.ok("is there"),
                Ok(None) => question.ng(
                    "is not there",
                    "name one that is there with `ecs.repository` in `mcp-cloud.toml`, or leave that out so that one is \
                     made"
                        .to_owned(),
                ),
                Err(error) => refused(question, error),
            },
        });
    }
    findings
}

/// The name of a repository that this account and region answers for.
fn own_repository<'a>(uri: &'a str, deployer: &Deployer) -> Option<&'a str> {
    let own = format!("{}.dkr.ecr.{}.", deployer.account(), deployer.region());
    ecr_repository(uri).filter(|_| uri.starts_with(&own))
}

/// How the deployment ended that was begun last.
fn last_deployment(state: &ServiceState) -> Finding {
    let question = Group::Service.ask("its last deployment");
    let Some(primary) = state.primary() else { return question.skip("AWS does not say") };
    let reason = primary.reason.as_ref().map(|reason| format!(": {}", reason.trim_end_matches('.')));
    let reason = reason.unwrap_or_default();
    match primary.rollout_state.as_deref() {
        Some(FAILED) => question.ng(
            format!("{FAILED}{reason}"),
            "mend the cause and run `mcp-cloud deploy`; `mcp-cloud logs` may say what it is".to_owned(),
        ),
        Some(COMPLETED) | None => match taken_back(state, primary) {
            Some(failure) => question.ok(format!("{failure}; what ran before runs again")),
            None => question.ok(COMPLETED),
        },
        Some(going_on) => question.skip(format!("{going_on}{reason}; `mcp-cloud status` says how far it is")),
    }
}

/// What the circuit breaker said of the deployment that it went back from. What came after that would be another
/// deployment than the one that it went back to.
fn taken_back<'a>(state: &'a ServiceState, primary: &Rollout) -> Option<&'a str> {
    let back = format!("rolling back to deployment {}", primary.id);
    let at = state.events.iter().rposition(|event| event.message.contains(&back))?;
    let before = state.events.iter().take(at).rev();
    let failure = before.map(|event| event.message.as_str()).find(|message| message.contains("deployment failed"))?;
    Some(failure.trim_end_matches('.'))
}

/// Whether as many tasks run as are to.
async fn tasks(deployer: &Deployer, name: &ServiceName, state: &ServiceState) -> Finding {
    let question = Group::Service.ask("its tasks");
    let ServiceState { desired, running, pending, .. } = *state;
    let starting = if pending > 0 { format!(", {pending} about to") } else { String::new() };
    let answer = format!("{running} of {desired} run{starting}");
    if desired == 0 {
        return question.skip("it rests: none is to run");
    }
    if running >= desired {
        return question.ok(answer);
    }
    if state.primary().and_then(|primary| primary.rollout_state.as_deref()) == Some("IN_PROGRESS") {
        return question.skip(format!("{answer}; a deployment goes on"));
    }
    match last_stop(deployer, name).await {
        Ok(Some(stop)) => {
            let hint = stop.kind().hint().unwrap_or("`mcp-cloud logs` may say why the others ended");
            question.ng(format!("{answer}: {stop}"), hint.to_owned())
        }
        Ok(None) => question.ng(answer, "`mcp-cloud logs` may say why the others ended".to_owned()),
        Err(error) => refused(question, error),
    }
}

/// The task that ended last without being asked to.
async fn last_stop(deployer: &Deployer, name: &ServiceName) -> Result<Option<TaskStop>, AwsError> {
    let stopped = deployer.task_arns(name, Desired::Stopped).await?;
    let mut tasks = deployer.tasks(&name.cluster, &stopped).await?;
    tasks.sort_by_key(|task| task.stopped);
    Ok(tasks.iter().rev().map(TaskStop::from).find(TaskStop::is_failure))
}

/// Whether the load balancer finds as many tasks well as are to run.
async fn targets(deployer: &Deployer, state: &ServiceState) -> Finding {
    let question = Group::Service.ask("targets of the load balancer");
    let mut targets = Vec::new();
    for group in state.target_groups() {
        match deployer.target_health(group).await {
            Ok(found) => targets.extend(found),
            Err(error) => return refused(question, error),
        }
    }
    judge_targets(question, &targets, state)
}

fn judge_targets(question: super::Question, targets: &[TargetHealth], state: &ServiceState) -> Finding {
    if state.desired == 0 {
        return question.skip("it rests: none is to answer");
    }
    let healthy = targets.iter().filter(|target| target.state == HEALTHY).count();
    let answer = format!("{healthy} of {} healthy", state.desired);
    let unwell = targets.iter().find(|target| ![HEALTHY, INITIAL, DRAINING].contains(&target.state.as_str()));
    match unwell {
        Some(unwell) => {
            question.ng(format!("{answer}; {unwell}"), service::StopKind::TargetUnhealthy.hint().map(str::to_owned))
        }
        None if healthy >= state.desired as usize => question.ok(answer),
        None if targets.iter().any(|target| target.state == INITIAL) => {
            question.skip(format!("{answer}; others are only just asked"))
        }
        None => question.ng(answer, "`mcp-cloud logs` may say why no more of them answer".to_owned()),
    }
}

/// Whether the image is still there: a task that starts now has to pull it.
async fn image(deployer: &Deployer, state: &ServiceState) -> Finding {
    let question = Group::Service.ask("its image");
    let definition = match deployer.task_definition(&state.task_definition).await {
        Ok(definition) => definition,
        Err(error) => return refused(question, error),
    };
    let reference = definition.as_ref().and_then(|definition| service::image(&definition.raw, ecs::CONTAINER));
    let Some(reference) = reference else { return question.skip("the task definition does not say which") };
    let own = reference.split_once('@').and_then(|(uri, digest)| Some((own_repository(uri, deployer)?, digest)));
    let Some((repository, digest)) = own else {
        return question.skip(format!("`{reference}` is in no registry of this account and region"));
    };
    match deployer.image_manifest(repository, digest).await {
        Ok(Some(_)) => question.ok(format!("`{repository}@{digest}` is in its repository")),
        Ok(None) => question.ng(
            format!("`{repository}@{digest}` is gone from its repository, so that no other task can start"),
            "run `mcp-cloud deploy`, which pushes what is missing".to_owned(),
        ),
        Err(error) => refused(question, error),
    }
}

fn refused(question: super::Question, error: AwsError) -> Finding {
    question.ng(chain(&error), Error::from(error).hint())
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::doctor::Verdict;

    fn state(deployments: Value, events: Value) -> ServiceState {
        let raw = json!({ "status": "ACTIVE", "desiredCount": 2, "deployments": deployments, "events": events });
        ServiceState::from(raw)
    }

    fn primary(rollout_state: &str) -> Value {
        json!([{ "id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": rollout_state, "rolloutStateReason": "Why." }])
    }

    #[test]
    fn end_of_the_last_deployment_decides() {
        for (rollout_state, verdict, answer) in [
            ("COMPLETED", Verdict::Ok, "COMPLETED"),
            ("IN_PROGRESS", Verdict::Skip, "IN_PROGRESS: Why; `mcp-cloud status` says how far it is"),
            ("FAILED", Verdict::Ng, "FAILED: Why"),
        ] {
            let finding = last_deployment(&state(primary(rollout_state), json!([])));
            assert_eq!((finding.verdict, finding.answer.as_str()), (verdict, answer));
            assert_eq!(finding.hint.is_some(), verdict == Verdict::Ng);
        }
    }

    #[test]
    fn what_the_circuit_breaker_went_back_from_is_told_until_something_else_is_deployed() {
        // AWS says the newest first.
        let events = json!([
            { "id": "3", "message": "(service hello) (deployment ecs-svc/1) deployment completed." },
            { "id": "2", "message": "(service hello) rolling back to deployment ecs-svc/1." },
            { "id": "1", "message": "(service hello) (deployment ecs-svc/2) deployment failed: tasks failed to start." },
        ]);
        let finding = last_deployment(&state(primary("COMPLETED"), events.clone()));
        assert_eq!(finding.verdict, Verdict::Ok, "what serves is well");
        assert!(finding.answer.contains("tasks failed to start; what ran before runs again"), "{finding:?}");
        let next = json!([{ "id": "ecs-svc/3", "status": "PRIMARY", "rolloutState": "COMPLETED" }]);
        assert_eq!(last_deployment(&state(next, events)).answer, "COMPLETED");
    }

    #[test]
    fn targets_that_do_not_answer_are_named() {
        let target =
            |state: &str| TargetHealth { target: "10.0.0.7".into(), state: state.into(), ..TargetHealth::default() };
        let state = state(primary("COMPLETED"), json!([]));
        let judged = |states: &[&str]| {
            let targets: Vec<_> = states.iter().map(|state| target(state)).collect();
            judge_targets(Group::Service.ask("targets"), &targets, &state)
        };
        for (states, verdict) in [
            (["healthy", "healthy", "draining"].as_slice(), Verdict::Ok),
            (&["healthy", "initial"], Verdict::Skip),
            (&["healthy", "unhealthy"], Verdict::Ng),
            (&["healthy"], Verdict::Ng),
        ] {
            let finding = judged(states);
            assert_eq!(finding.verdict, verdict, "{states:?}: {finding:?}");
            assert_eq!(finding.hint.is_some(), verdict == Verdict::Ng, "{finding:?}");
        }
        assert!(judged(&["healthy", "unhealthy"]).answer.contains("10.0.0.7 is unhealthy"));
    }
}
