//! Waits for a deployment of a service, and holds its end against the truth.
//!
//! A service that is stable again may be so because ECS went back to what ran before, and whoever only waits for that takes
//! it for a success. So the deployment that was begun is followed by its id: it has to be the one that counts in the end,
//! complete, of the task definition that was asked for, with as many tasks as are to run, and each of them a healthy
//! target.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::Serialize;

use super::{
    error::{Ending, Error, FailedRollout},
    reason::{StopKind, TaskStop},
    state::{Rollout, ServiceEvent, ServiceName, ServiceState, TargetHealth, Task, last},
};
use crate::aws::{Deployer, Desired};

/// The first question comes soon, because a service may be done already; the later ones are kind to the rate limit.
const FIRST_POLL: Duration = Duration::from_secs(1);
const SLOWEST_POLL: Duration = Duration::from_secs(5);
/// What takes hours is asked about less often: so many times within the limit, but every half a minute.
const QUESTIONS: u32 = 240;
const SLOWEST_POLL_OF_ALL: Duration = Duration::from_secs(30);
/// For how long what was just made may not be seen everywhere
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>).
const UNSEEN: Duration = Duration::from_secs(30);

/// What happens while a service is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RolloutEvent {
    /// AWS says something about the service.
    Service(ServiceEvent),
    /// The numbers of tasks changed, or the state.
    Progress(Rollout),
    /// A task of the deployment stopped.
    TaskStopped(TaskStop),
    /// A target of the load balancer does otherwise than before.
    Target(TargetHealth),
}

/// As it stands in a list.
impl fmt::Display for RolloutEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(event) => f.write_str(event.message.trim_end_matches('.')),
            Self::Progress(rollout) => {
                let Rollout { task_definition, running, desired, pending, failed_tasks, .. } = rollout;
                write!(f, "{running} of {desired} tasks of `{}` run", last(task_definition))?;
                if *pending > 0 {
                    write!(f, ", {pending} about to")?;
                }
                if *failed_tasks > 0 {
                    write!(f, ", {failed_tasks} failed")?;
                }
                Ok(())
            }
            Self::TaskStopped(stop) => stop.fmt(f),
            Self::Target(target) => target.fmt(f),
        }
    }
}

/// How ids of deployments begin
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html>).
const DEPLOYMENT: &str = "ecs-svc/";

/// What has been heard of a deployment.
#[derive(Debug, Default)]
struct Heard {
    /// The task definition that is waited for, by its ARN.
    wanted: String,
    /// The deployment that was begun.
    id: Option<String>,
    events: BTreeSet<String>,
    tasks: BTreeSet<String>,
    targets: Option<BTreeMap<(String, Option<u16>), TargetHealth>>,
    progress: Option<Rollout>,
    /// The stop that says most, and when it was.
    stop: Option<(TaskStop, Option<i64>)>,
    unhealthy: Option<TargetHealth>,
    /// What AWS could not do.
    unable: Option<String>,
}

/// Where a deployment is.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// It is not seen yet.
    Unseen,
    GoesOn,
    /// All of it runs, as ECS says.
    Complete,
    Ended(Ending),
}

impl Deployer {
    /// Waits until a service runs nothing but a task definition, by its ARN, with every task that is to run, each a
    /// healthy target of its load balancers.
    ///
    /// `report` hears of everything once: what AWS says of the service, tasks of the deployment that stop, targets whose
    /// health changes. The limit counts the time that is waited, not what calls take.
    ///
    /// # Errors
    ///
    /// [`Error::Rollout`] as soon as ECS has given the deployment up, whatever it does then, and when another one takes its
    /// place, when the service goes, and when it is not done within the limit; [`crate::Error::Aws`] when a call fails.
    pub async fn rollout(
        &self,
        name: &ServiceName,
        wanted_task_definition: &str,
        limit: Duration,
        report: &dyn Fn(&RolloutEvent),
    ) -> Result<(), crate::Error> {
        let mut heard = Heard { wanted: wanted_task_definition.to_owned(), ..Heard::default() };
        let (mut waited, mut pause) = (Duration::ZERO, FIRST_POLL);
        let slowest = (limit / QUESTIONS).clamp(SLOWEST_POLL, SLOWEST_POLL_OF_ALL);
        loop {
            let state = self.service(name).await?.filter(|state| state.status != "DRAINING");
            let standing = match &state {
                Some(state) => heard.standing(state, wanted_task_definition),
                None if heard.id.is_none() => Standing::Unseen,
                None => Standing::Ended(Ending::Gone),
            };
            if let Some(state) = &state {
                self.hear(name, state, &mut heard, report).await?;
            }
            let state = state.unwrap_or_default();
            let ending = match standing {
                Standing::Complete if self.is_healthy(name, &state, &heard).await? => return Ok(()),
                Standing::Ended(ending) => Some(ending),
                Standing::Unseen if waited >= UNSEEN => Some(match state.primary() {
                    Some(primary) => Ending::Overtaken(primary.task_definition.clone()),
                    None => Ending::Gone,
                }),
                _ if waited >= limit => Some(Ending::TimedOut(limit)),
                _ => None,
            };
            if let Some(ending) = ending {
                let failed = heard.failed(name, &state, wanted_task_definition, ending);
                return Err(Error::Rollout(Box::new(failed)).into());
            }
            self.sleep(pause).await;
            waited += pause;
            pause = pause.mul_f32(1.3).min(slowest);
        }
    }

    /// Takes in what is new, and reports it.
    async fn hear(
        &self,
        name: &ServiceName,
        state: &ServiceState,
        heard: &mut Heard,
        report: &dyn Fn(&RolloutEvent),
    ) -> Result<(), crate::Error> {
        heard.take_events(state, report);
        let stopped = self.task_arns(name, Desired::Stopped).await?;
        let new: Vec<_> = stopped.into_iter().filter(|arn| !heard.tasks.contains(arn)).collect();
        for task in self.tasks(&name.cluster, &new).await? {
            // One that is on its way to the end may not say yet why.
            if task.status != "STOPPED" && task.stopped.is_none() {
                continue;
            }
            heard.tasks.insert(task.arn.clone());
            if heard.owns(&task) {
                let stop = TaskStop::from(&task);
                heard.take_stop(&stop, task.stopped);
                report(&RolloutEvent::TaskStopped(stop));
            }
        }
        let mut targets = BTreeMap::new();
        for group in state.target_groups() {
            for target in self.target_health(group).await? {
                targets.insert((target.target.clone(), target.port), target);
            }
        }
        heard.take_targets(targets, report);
        Ok(())
    }

    /// Whether each task of the deployment is a healthy target of each load balancer; without one, nothing is asked.
    async fn is_healthy(&self, name: &ServiceName, state: &ServiceState, heard: &Heard) -> Result<bool, crate::Error> {
        let groups = state.memberships();
        if groups == 0 || state.desired == 0 {
            return Ok(true);
        }
        let targets: Vec<_> = heard.targets.iter().flat_map(BTreeMap::values).collect();
        let running = self.task_arns(name, Desired::Running).await?;
        let tasks = self.tasks(&name.cluster, &running).await?;
        let of_deployment = tasks.iter().filter(|task| heard.owns(task));
        let mut healthy = 0;
        for task in of_deployment.filter(|task| task.status == "RUNNING") {
            let Some(address) = &task.address else { return Ok(false) };
            let own = targets.iter().filter(|target| target.target == *address && target.state == "healthy");
            if own.count() < groups {
                return Ok(false);
            }
            healthy += 1;
        }
        Ok(healthy >= state.desired)
    }
}

impl Heard {
    /// Whether a task is of the deployment. An emulator may not say so as AWS does, and then it is the definition that counts.
    fn owns(&self, task: &Task) -> bool {
        let says = task.started_by.starts_with(DEPLOYMENT);
        self.id.as_ref().is_some_and(|id| *id == task.started_by || !says && task.task_definition == self.wanted)
    }

    /// Where the deployment is. The first one of the task definition that counts is the one that was begun.
    fn standing(&mut self, state: &ServiceState, wanted: &str) -> Standing {
        let Some(primary) = state.primary() else { return Standing::Unseen };
        if self.id.is_none() {
            let begun = state.deployments.iter().find(|one| {
                let failed = one.rollout_state.as_deref() == Some("FAILED");
                one.task_definition == wanted && (one.status == "PRIMARY" || failed)
            });
            let Some(begun) = begun else { return Standing::Unseen };
            self.id = Some(begun.id.clone());
            // What happened before it began is not its doing, and one that was complete before has nothing to tell.
            let complete = begun.rollout_state.as_deref() == Some("COMPLETED");
            let old = |event: &&ServiceEvent| complete || event.millis < begun.created;
            self.events.extend(state.events.iter().filter(old).map(|event| event.id.clone()));
        }
        let own = state.deployments.iter().find(|one| Some(&one.id) == self.id.as_ref());
        let failed = own.is_some_and(|own| own.rollout_state.as_deref() == Some("FAILED"));
        if Some(&primary.id) != self.id.as_ref() {
            // Only who was given up is rolled back from. One that is no longer listed had no tasks left.
            let goes_back = primary.reason.as_deref().is_some_and(|reason| reason.contains("rolling back"));
            let ending = if failed || goes_back || own.is_none() && primary.task_definition != wanted {
                Ending::RolledBack
            } else {
                Ending::Overtaken(primary.task_definition.clone())
            };
            return Standing::Ended(ending);
        }
        if failed {
            return Standing::Ended(Ending::Failed);
        }
        let complete = match primary.rollout_state.as_deref() {
            Some(state) => state == "COMPLETED",
            // Where ECS does not say, being alone is as much.
            None => state.deployments.len() == 1,
        };
        let all = primary.task_definition == wanted
            && state.running == state.desired
            && primary.running == primary.desired
            && state.pending == 0;
        if complete && all { Standing::Complete } else { Standing::GoesOn }
    }

    fn take_events(&mut self, state: &ServiceState, report: &dyn Fn(&RolloutEvent)) {
        if self.id.is_none() {
            return;
        }
        for event in &state.events {
            if self.events.insert(event.id.clone()) {
                if event.message.contains("unable to") {
                    self.unable = Some(event.message.clone());
                }
                report(&RolloutEvent::Service(event.clone()));
            }
        }
        let own = state.deployments.iter().find(|one| Some(&one.id) == self.id.as_ref());
        if let Some(own) = own.filter(|own| self.progress.as_ref() != Some(own)) {
            self.progress = Some(own.clone());
            report(&RolloutEvent::Progress(own.clone()));
        }
    }

    /// Of those that say as much, the last one counts.
    fn take_stop(&mut self, stop: &TaskStop, at: Option<i64>) {
        let says = (stop.kind(), at);
        if stop.is_failure() && self.stop.as_ref().is_none_or(|(known, known_at)| (known.kind(), *known_at) <= says) {
            self.stop = Some((stop.clone(), at));
        }
    }

    fn take_targets(&mut self, targets: BTreeMap<(String, Option<u16>), TargetHealth>, report: &dyn Fn(&RolloutEvent)) {
        for (key, target) in &targets {
            // How those do that were there before is no news.
            let known = self.targets.as_ref().map(|known| known.get(key));
            if known.is_some_and(|known| known != Some(target)) {
                report(&RolloutEvent::Target(target.clone()));
            }
            if target.state == "unhealthy" || target.state == "unused" {
                self.unhealthy = Some(target.clone());
            }
        }
        self.targets = Some(targets);
    }

    /// Says what is known of a failure: the best stop of a task, a target that is not well, what AWS was unable to do, and
    /// what it says of the deployment, in this order.
    fn failed(self, service: &ServiceName, state: &ServiceState, wanted: &str, ending: Ending) -> FailedRollout {
        let own = state.deployments.iter().find(|one| Some(&one.id) == self.id.as_ref());
        let (cause, kind) = match (self.stop, self.unhealthy, self.unable) {
            (Some((stop, _)), Some(target), _) if stop.kind() == StopKind::TargetUnhealthy => {
                (Some(format!("{stop}; {target}")), Some(StopKind::TargetUnhealthy))
            }
            (Some((stop, _)), _, _) => (Some(stop.to_string()), Some(stop.kind())),
            (None, Some(target), _) => (Some(target.to_string()), Some(StopKind::TargetUnhealthy)),
            (None, None, Some(message)) => {
                let kind = StopKind::of(&message, None);
                (Some(message), Some(kind))
            }
            (None, None, None) => (own.and_then(|own| own.reason.clone()), None),
        };
        let mut others: Vec<_> = state.deployments.iter().filter(|one| Some(&one.id) != self.id.as_ref()).collect();
        others.sort_by_key(|one| std::cmp::Reverse(one.running));
        let serving = others.first().filter(|one| one.running > 0).map(|one| one.task_definition.clone());
        FailedRollout { service: service.clone(), wanted: wanted.to_owned(), ending, cause, kind, serving }
    }
}
