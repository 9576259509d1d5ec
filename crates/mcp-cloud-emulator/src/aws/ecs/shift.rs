//! How requests move from the tasks of one deployment to those of the next, where new tasks do not take the places of old
//! ones (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>).

use std::time::Duration;

use serde_json::{Value, json};

use super::{Service, Settings, TaskFate, rollout::Rollout, settings};
use crate::aws::{clock::Time, elb, state::State};

/// All requests, in tenths of a percent.
const ALL: u64 = 1000;
/// After which an alarm has seen what new tasks do.
const ALARM: Duration = Duration::from_secs(60);

/// Where a deployment is on its way to the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has the requests, or takes the places of tasks that have them.
    Settled,
    /// Its tasks start, and nothing is sent to them.
    ScaleUp,
    /// So many tenths of a percent have moved, and the next ones do then.
    Shift { moved: u64, until: Time },
    /// It has all of them; what had them before stays until then.
    Bake { until: Time },
}

/// How requests move.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Tenths of a percent that move first, and with each step from then on.
    first: u64,
    step: u64,
    /// From one step to the next.
    wait: Duration,
    bake: Duration,
}

impl Way {
    /// Absent where tasks take the places of others.
    fn of(settings: &Settings) -> Option<Self> {
        let deployment = settings.get("deploymentConfiguration")?;
        let number = |path: &str| deployment.pointer(path).and_then(Value::as_f64).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "percent and minutes are small")]
        let whole = |number: f64| number.round() as u64;
        let tenths = |path: &str| whole(number(path) * 10.0).clamp(1, ALL);
        let minutes = |path: &str| Duration::from_secs(whole(number(path)) * 60);
        let (first, step, wait) = match deployment.get("strategy").and_then(Value::as_str)? {
            "BLUE_GREEN" => (ALL, ALL, Duration::ZERO),
            "CANARY" => {
                let wait = minutes("/canaryConfiguration/canaryBakeTimeInMinutes");
                (tenths("/canaryConfiguration/canaryPercent"), ALL, wait)
            }
            "LINEAR" => {
                let step = tenths("/linearConfiguration/stepPercent");
                (step, step, minutes("/linearConfiguration/stepBakeTimeInMinutes"))
            }
            _ => return None,
        };
        Some(Self { first, step, wait, bake: minutes("/bakeTimeInMinutes") })
    }
}

/// The groups that requests move between, and the rule that leads to both.
pub(super) fn pair(settings: &Settings) -> Option<(String, String, String)> {
    let balancer = settings::objects(settings.get("loadBalancers")).into_iter().next()?;
    let advanced = balancer.get("advancedConfiguration")?;
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((
        balancer.get("targetGroupArn").and_then(Value::as_str)?.to_owned(),
        text(advanced, "alternateTargetGroupArn")?,
        text(advanced, "productionListenerRule")?,
    ))
}

impl Service {
    /// Where the tasks of a deployment that begins now are targets, and where it is on its way.
    pub(super) fn begin(&self) -> (Option<String>, Stage) {
        let before = self.deployments.iter().find(|of| of.was_completed);
        match (pair(&self.settings), Way::of(&self.settings), before) {
            (Some((one, other, _)), Some(_), Some(before)) => {
                let free = if before.group.as_deref() == Some(&*one) { other } else { one };
                (Some(free), Stage::ScaleUp)
            }
            (None, Some(_), Some(_)) => (self.group(), Stage::ScaleUp),
            _ => (self.group(), Stage::Settled),
        }
    }

    /// Whether requests are moving to the newest deployment.
    pub(super) fn is_moving(&self) -> bool {
        self.deployments.first().is_some_and(|primary| primary.stage != Stage::Settled)
    }

    /// Moves requests, as far as it is time to.
    pub(super) fn move_requests(&mut self, state: &mut State, at: Time) {
        let Some(primary) = self.deployments.first() else { return };
        let (id, stage) = (primary.id.clone(), primary.stage);
        if primary.rollout != Rollout::InProgress {
            return;
        }
        let Some(way) = Way::of(&self.settings) else { return };
        if self.alarm_rings(state).is_some_and(|rings| rings <= at) {
            self.give_up(state, at, "alarm detected");
            return;
        }
        let next = match stage {
            Stage::ScaleUp if self.healthy_of(state, &id) == self.desired => self.give(state, way, way.first, at),
            Stage::Shift { moved, until } if until <= at => self.give(state, way, moved + way.step, at),
            Stage::Bake { until } if until <= at => Stage::Settled,
            stage => stage,
        };
        if let Some(primary) = self.deployments.first_mut() {
            primary.stage = next;
        }
        if let Stage::Shift { until, .. } | Stage::Bake { until } = next {
            self.wake(until);
        }
        if let Some(rings) = self.alarm_rings(state) {
            self.wake(rings);
        }
    }

    /// Gives the newest deployment so many tenths of a percent of the requests.
    fn give(&mut self, state: &mut State, way: Way, tenths: u64, at: Time) -> Stage {
        let moved = tenths.min(ALL);
        self.weigh(state, moved);
        if let Some(primary) = self.deployments.first_mut() {
            primary.has_requests.get_or_insert(at);
        }
        let mut until = at;
        if moved == ALL {
            until.pass(way.bake);
            Stage::Bake { until }
        } else {
            until.pass(way.wait);
            Stage::Shift { moved, until }
        }
    }

    /// Writes into the rule how many tenths of a percent the newest deployment has, as ECS does: whole percent, anew.
    pub(super) fn weigh(&self, state: &mut State, tenths: u64) {
        let Some((one, other, rule)) = pair(&self.settings) else { return };
        let Some(newest) = self.deployments.first().and_then(|of| of.group.clone()) else { return };
        let own = tenths / 10;
        let weight = |group: &String| if *group == newest { own } else { ALL / 10 - own };
        let groups = [&one, &other].map(|group| json!({ "TargetGroupArn": group, "Weight": weight(group) }));
        elb::lead_to(state, &rule, json!(groups));
    }

    /// When the alarms of a deployment have seen its tasks fail, where they do.
    fn alarm_rings(&self, state: &State) -> Option<Time> {
        let alarms = self.settings.get("deploymentConfiguration").and_then(|deployment| deployment.get("alarms"));
        let is_on = |name: &str| alarms.and_then(|alarms| alarms.get(name)?.as_bool()).unwrap_or_default();
        let primary = self.deployments.first().filter(|_| is_on("enable") && is_on("rollback"))?;
        let mut rings = primary.has_requests?;
        rings.pass(ALARM);
        let fails = |fate| fate == TaskFate::FailsRequests;
        self.tasks(state).any(|(_, task)| task.started_by == primary.id && fails(task.fate)).then_some(rings)
    }
}
