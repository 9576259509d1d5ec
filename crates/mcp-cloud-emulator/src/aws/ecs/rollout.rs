//! What services do as time passes: launch, register, replace, drain, give up, go back.

use std::time::Duration;

use serde_json::Value;

use super::{
    Service, TaskFate, fate,
    service::{Deployment, parse_groups},
    task::{self, Happened, Launch},
    task_definition,
};
use crate::aws::{clock::Time, elb, state::State};

/// More than ever happens between two calls; what has no end would hang otherwise.
const MOST: usize = 100_000;
/// After which a launch that found no capacity is tried again.
const PLACEMENT: Duration = Duration::from_secs(60);
/// What comes with the next question in an account that hurries.
const SOON: Duration = Duration::from_secs(600);
/// For how long a service that is gone is known.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// How a deployment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

type Key = (String, String);

/// Lets everything happen that has to have happened by now.
pub(in super::super) fn settle(state: &mut State) {
    for _ in 0..MOST {
        let Some(at) = next(state).filter(|at| *at <= state.clock) else { break };
        happen(state, at);
    }
    let mut soon = state.clock;
    soon.pass(SOON);
    if state.ecs.hurries
        && let Some(at) = next(state).filter(|at| *at <= soon)
    {
        state.clock = at;
        happen(state, at);
    }
}

/// When something happens next.
fn next(state: &State) -> Option<Time> {
    let tasks = state.ecs.tasks.values().filter_map(|task| task.due);
    tasks.chain(state.ecs.services.values().filter_map(|service| service.due)).min()
}

/// Lets happen what is due at this time.
fn happen(state: &mut State, at: Time) {
    let tasks = state.ecs.tasks.iter().filter(|(_, task)| task.due.is_some_and(|due| due <= at));
    let due: Vec<String> = tasks.map(|(id, _)| id.clone()).collect();
    for id in due {
        let happened = task::advance(state, &id, at);
        tell(state, &id, happened, at);
    }
    schedule_all(state, at);
}

/// Has every service look after its tasks.
pub(super) fn schedule_all(state: &mut State, at: Time) {
    let keys: Vec<Key> = state.ecs.services.keys().cloned().collect();
    for key in keys {
        schedule(state, &key, at);
    }
}

/// Has a service look after its tasks.
pub(super) fn schedule(state: &mut State, key: &Key, at: Time) {
    let Some(mut service) = state.ecs.services.remove(key) else { return };
    match service.status {
        "ACTIVE" => service.pursue(state, at),
        "DRAINING" => service.drain(state, at),
        // What is gone is forgotten some time.
        _ if service.due.is_some_and(|due| due <= at) => return,
        _ => {}
    }
    state.ecs.services.insert(key.clone(), service);
}

/// Tells the service of a task what happened to it.
fn tell(state: &mut State, id: &str, happened: Happened, at: Time) {
    let Some(task) = state.ecs.tasks.get(id).cloned() else { return };
    let Some(name) = task.group.strip_prefix("service:") else { return };
    let key = (task.cluster.clone(), name.to_owned());
    let Some(mut service) = state.ecs.services.remove(&key) else { return };
    let group = task.target_group().unwrap_or_default();
    match happened {
        Happened::Registered => service.say(state, at, &format!("registered 1 targets in (target-group {group})")),
        Happened::Healthy => {
            if let Some(deployment) = service.deployment(&task.started_by) {
                deployment.failed = 0;
            }
        }
        Happened::Failed => service.count_failure(state, &task.started_by, at),
        Happened::Unhealthy if task.fate == TaskFate::FailsHealthCheck => {
            service.say(state, at, &format!("(task {id}) failed container health checks."));
            service.count_failure(state, &task.started_by, at);
        }
        Happened::Unhealthy => {
            let port = task.port();
            let reason = "(reason Health checks failed)";
            service.say(state, at, &format!("(port {port}) is unhealthy in (target-group {group}) due to {reason}."));
            service.say(state, at, "has begun draining connections on 1 tasks.");
            service.say(state, at, &format!("deregistered 1 targets in (target-group {group})"));
            service.count_failure(state, &task.started_by, at);
        }
        Happened::Drained => service.say(state, at, &format!("has stopped 1 running tasks: (task {id}).")),
        Happened::Nothing | Happened::Stopped | Happened::Forgotten => {}
    }
    state.ecs.services.insert(key, service);
}

impl Service {
    fn number(&self, name: &str, default: u64) -> u64 {
        let deployment = self.settings.get("deploymentConfiguration");
        deployment.and_then(|deployment| deployment.get(name)?.as_u64()).unwrap_or(default)
    }

    fn breaker(&self, name: &str) -> bool {
        let deployment = self.settings.get("deploymentConfiguration");
        let breaker = deployment.and_then(|deployment| deployment.get("deploymentCircuitBreaker"));
        breaker.and_then(|breaker| breaker.get(name)?.as_bool()).unwrap_or_default()
    }

    /// How many failures end a deployment
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>).
    fn threshold(&self) -> u64 {
        self.desired.div_ceil(2).clamp(3, 200)
    }

    fn count_failure(&mut self, state: &mut State, deployment: &str, at: Time) {
        let Some(deployment) = self.deployment(deployment) else { return };
        deployment.failed += 1;
        let failed = deployment.failed;
        // Each launch after a failure waits longer, up to a quarter of an hour.
        let wait = Duration::from_secs(10 << failed.saturating_sub(3).min(7)).min(Duration::from_secs(900));
        deployment.next_launch = at;
        deployment.next_launch.pass(wait);
        if failed == 3 {
            let advice = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
            self.say(state, at, &format!("is unable to consistently start tasks successfully. {advice}"));
        }
    }

    /// Comes nearer to what is wanted.
    fn pursue(&mut self, state: &mut State, at: Time) {
        self.due = None;
        self.break_circuit(state, at);
        self.make_room(state, at);
        self.launch(state, at);
        self.shrink(state, at);
        self.tidy(state, at);
    }

    fn break_circuit(&mut self, state: &mut State, at: Time) {
        let (enabled, rolls_back, threshold) = (self.breaker("enable"), self.breaker("rollback"), self.threshold());
        let Some(primary) = self.deployments.first_mut() else { return };
        if !enabled || primary.rollout != Rollout::InProgress || primary.failed < threshold {
            return;
        }
        primary.rollout = Rollout::Failed;
        primary.updated = at;
        "ECS deployment circuit breaker: tasks failed to start.".clone_into(&mut primary.reason);
        let failed = primary.id.clone();
        self.say(state, at, &format!("(deployment {failed}) deployment failed: tasks failed to start."));
        let before = self.deployments.iter().position(|of| of.was_completed).filter(|at| *at > 0 && rolls_back);
        let Some(before) = before else { return };
        // What worked is what is wanted again, and what is still there of it stays.
        let mut back = self.deployments.remove(before);
        back.rollout = Rollout::InProgress;
        back.updated = at;
        back.failed = 0;
        back.next_launch = at;
        back.reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {}.", back.id);
        self.say(state, at, &format!("rolling back to deployment {}.", back.id));
        self.settings.extend(back.settings.clone());
        self.deployments.insert(0, back);
        let doomed = self.wanted_of(state, &failed);
        let group = self.group();
        self.stop(
            state,
            &doomed,
            &format!("Scaling activity initiated by (deployment {failed})"),
            group.as_deref(),
            at,
        );
    }

    /// Ids of the tasks of a deployment that are to run.
    fn wanted_of(&self, state: &State, deployment: &str) -> Vec<String> {
        self.tasks(state)
            .filter(|(_, task)| task.started_by == deployment && task.is_wanted)
            .map(|(id, _)| id.clone())
            .collect()
    }

    fn healthy_of(&self, state: &State, deployment: &str) -> u64 {
        let tasks = self.tasks(state).filter(|(_, task)| task.started_by == deployment && task.is_wanted);
        count(tasks.filter(|(_, task)| task.is_healthy))
    }

    fn launch(&mut self, state: &mut State, at: Time) {
        let most = self.desired.saturating_mul(self.number("maximumPercent", 200)) / 100;
        let there = count(self.tasks(state).filter(|(_, task)| task.is_wanted));
        let Some(primary) = self.deployments.first() else { return };
        let (id, definition, next) = (primary.id.clone(), primary.task_definition.clone(), primary.next_launch);
        if primary.rollout == Rollout::Failed {
            return;
        }
        let missing = self.desired.saturating_sub(self.wanted_of(state, &id).len() as u64);
        let missing = missing.min(most.max(self.desired).saturating_sub(there));
        if missing == 0 {
            return;
        }
        if next > at {
            self.due = Some(next);
            return;
        }
        let Some(definition) = task_definition::find(state, &definition).cloned() else { return };
        if fate::of(state, &definition) == TaskFate::NoCapacity {
            self.say(
                state,
                at,
                "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in \
                 a different availability zone. For more information, see the Troubleshooting section of the Amazon ECS \
                 Developer Guide.",
            );
            let mut again = at;
            again.pass(PLACEMENT);
            self.due = Some(again);
            return;
        }
        let how = Launch {
            cluster: self.cluster.clone(),
            group: format!("service:{}", self.name),
            started_by: id,
            settings: self.settings.clone(),
            tags: if self.settings.get("propagateTags") == Some(&"SERVICE".into()) {
                self.tags.clone()
            } else {
                Vec::new()
            },
            groups: parse_groups(&self.settings),
        };
        let launched: Vec<String> = (0..missing)
            .map(|_| task::launch(state, &definition, how.clone(), at))
            .map(|id| format!("(task {id})"))
            .collect();
        self.is_steady = false;
        self.say(state, at, &format!("has started {missing} tasks: {}.", launched.join(" ")));
    }

    /// Stops tasks of deployments that are not wanted any more, as far as enough others are healthy.
    fn make_room(&mut self, state: &mut State, at: Time) {
        let Some(primary) = self.deployments.first() else { return };
        let (primary, given_up) = (primary.id.clone(), primary.rollout == Rollout::Failed);
        if given_up {
            return;
        }
        let least = self.desired.saturating_mul(self.number("minimumHealthyPercent", 100)).div_ceil(100);
        let most = self.desired.saturating_mul(self.number("maximumPercent", 200)) / 100;
        let healthy = self.healthy_of(state, &primary);
        let old: Vec<(String, bool)> = self
            .tasks(state)
            .filter(|(_, task)| task.started_by != primary && task.is_wanted)
            .map(|(id, task)| (id.clone(), task.is_healthy))
            .collect();
        let healthy_old = count(old.iter().filter(|(_, is_healthy)| *is_healthy));
        // Those that the new ones stand in for, and where there is no room for a new one, as many as may be missing.
        let replaced = (old.len() as u64).saturating_sub(self.desired.saturating_sub(healthy));
        let is_full = most <= self.desired && self.wanted_of(state, &primary).len() as u64 <= healthy;
        let spare = (healthy + healthy_old).saturating_sub(least);
        let stopped = if is_full { spare } else { replaced.min(spare) };
        let (mut useless, healthy): (Vec<_>, Vec<_>) = old.into_iter().partition(|(_, is_healthy)| !is_healthy);
        useless.retain(|_| is_full || replaced > 0);
        let doomed =
            useless.into_iter().chain(healthy.into_iter().take(usize::try_from(stopped).unwrap_or(usize::MAX)));
        let doomed: Vec<String> = doomed.map(|(id, _)| id).collect();
        let group = self.group();
        let reason = format!("Scaling activity initiated by (deployment {primary})");
        self.stop(state, &doomed, &reason, group.as_deref(), at);
    }

    /// Stops what is too much.
    fn shrink(&mut self, state: &mut State, at: Time) {
        let Some(primary) = self.deployments.first().map(|primary| primary.id.clone()) else { return };
        let wanted = self.wanted_of(state, &primary);
        let surplus = wanted.len().saturating_sub(usize::try_from(self.desired).unwrap_or(usize::MAX));
        let doomed: Vec<String> = wanted.into_iter().rev().take(surplus).collect();
        let group = self.group();
        let reason = format!("Scaling activity initiated by (deployment {primary})");
        self.stop(state, &doomed, &reason, group.as_deref(), at);
    }

    fn stop(&mut self, state: &mut State, ids: &[String], reason: &str, group: Option<&str>, at: Time) {
        let drain = group.map_or(Duration::ZERO, |group| elb::deregistration_delay(state, group));
        let (mut drained, mut stopped) = (0_usize, Vec::new());
        for id in ids {
            let Some(task) = state.ecs.tasks.get_mut(id) else { continue };
            if task.targets.is_empty() {
                stopped.push(format!("(task {id})"));
            } else {
                drained += 1;
            }
            let ending = fate::Ending {
                stop_code: "ServiceSchedulerInitiated",
                reason: reason.to_owned(),
                exit_code: Some(0),
                ..fate::Ending::default()
            };
            task.stop(at, ending, drain);
        }
        if drained > 0 {
            self.say(state, at, &format!("has begun draining connections on {drained} tasks."));
            let group = group.unwrap_or_default();
            self.say(state, at, &format!("deregistered {drained} targets in (target-group {group})"));
        }
        if !stopped.is_empty() {
            self.say(state, at, &format!("has stopped {} running tasks: {}.", stopped.len(), stopped.join(" ")));
        }
        self.is_steady &= ids.is_empty();
    }

    /// Ends deployments that have nothing left to do, and finds whether the service is as it should be.
    fn tidy(&mut self, state: &mut State, at: Time) {
        let unfinished: Vec<String> = self
            .tasks(state)
            .filter(|(_, task)| !task.has_stopped())
            .map(|(_, task)| task.started_by.clone())
            .collect();
        let Some(primary) = self.deployments.first() else { return };
        let id = primary.id.clone();
        let as_wanted = self.healthy_of(state, &id) == self.desired
            && unfinished.iter().all(|of| *of == id)
            && unfinished.len() as u64 == self.desired;
        let completes = as_wanted && primary.rollout == Rollout::InProgress;
        if completes && let Some(primary) = self.deployments.first_mut() {
            primary.rollout = Rollout::Completed;
            primary.was_completed = true;
            primary.updated = at;
            primary.reason = format!("ECS deployment {id} completed.");
        }
        let done = self.deployments.first().is_some_and(|of| of.rollout == Rollout::Completed);
        let is_over = |of: &Deployment| (done || of.rollout == Rollout::Failed) && !unfinished.contains(&of.id);
        self.deployments.retain(|of| of.id == id || !is_over(of));
        if completes {
            self.say(state, at, &format!("(deployment {id}) deployment completed."));
        }
        if as_wanted && done && !self.is_steady {
            self.is_steady = true;
            self.say(state, at, "has reached a steady state.");
        }
    }

    /// Stops everything, and is gone when everything has stopped.
    fn drain(&mut self, state: &mut State, at: Time) {
        let wanted: Vec<String> =
            self.tasks(state).filter(|(_, task)| task.is_wanted).map(|(id, _)| id.clone()).collect();
        let group = self.group();
        let reason = format!("Service {} was deleted", self.name);
        self.stop(state, &wanted, &reason, group.as_deref(), at);
        if self.tasks(state).all(|(_, task)| task.has_stopped()) {
            self.status = "INACTIVE";
            self.deployments.clear();
            let mut due = at;
            due.pass(REMEMBERED);
            self.due = Some(due);
        }
    }

    fn group(&self) -> Option<String> {
        self.settings
            .get("loadBalancers")
            .and_then(Value::as_array)?
            .first()?
            .get("targetGroupArn")?
            .as_str()
            .map(str::to_owned)
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.map(|_| 1_u64).sum()
}
