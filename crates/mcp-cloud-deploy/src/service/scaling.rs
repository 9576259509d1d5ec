//! How a service scales by itself: between which numbers, by what load, and at what times.

pub use mcp_cloud_app::target::ecs::Scaling;
use serde_json::{Map, Value, json};

use super::state::ServiceName;
use crate::{
    aws::{Deployer, scaling::Kind},
    error::AwsError,
};

/// What is ours of a target; what it is of, and whether it rests, is not.
const TARGET: [&str; 2] = ["MinCapacity", "MaxCapacity"];
const POLICY: [&str; 5] = [
    "PolicyName",
    "PolicyType",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
];
const SCHEDULED_ACTION: [&str; 6] =
    ["ScheduledActionName", "Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction"];
/// What AWS fills in, or means where nothing is said
/// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>).
const DEFAULTS: [(&str, &str); 2] = [("DisableScaleIn", "false"), ("Timezone", "\"UTC\"")];

impl Deployer {
    /// Reads how a service scales; what only AWS says is left out, so that it can be compared.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub async fn scaling(&self, name: &ServiceName) -> Result<Scaling, AwsError> {
        let Some(target) = self.scalable_target(name).await? else { return Ok(Scaling::default()) };
        let policies = self.scaled_by(name, Kind::Policy).await?;
        let actions = self.scaled_by(name, Kind::ScheduledAction).await?;
        Ok(Scaling {
            scalable_target: Some(ours(&target, &TARGET)),
            scaling_policies: policies.iter().map(|policy| ours(policy, &POLICY)).collect(),
            scheduled_actions: actions.iter().map(|action| ours(action, &SCHEDULED_ACTION)).collect(),
        })
    }

    /// Has a service scale like this and in no other way: puts what differs, and removes what is not wanted. Repeating it
    /// changes nothing, and says so by `false`. Whether scaling rests is left as it is.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub async fn apply_scaling(&self, name: &ServiceName, wanted: &Scaling) -> Result<bool, AwsError> {
        let found = self.scaling(name).await?;
        let Some(target) = &wanted.scalable_target else {
            if found.scalable_target.is_some() {
                self.remove_scalable_target(name).await?;
            }
            return Ok(found.scalable_target.is_some());
        };
        let mut changed = false;
        if found.scalable_target.as_ref().is_none_or(|found| !is_now(found, wanted)) {
            self.put_scalable_target(name, target).await?;
            changed = true;
        }
        for (kind, found, wanted) in [
            (Kind::Policy, &found.scaling_policies, &wanted.scaling_policies),
            (Kind::ScheduledAction, &found.scheduled_actions, &wanted.scheduled_actions),
        ] {
            let named = |list: &[Value], name: &str| list.iter().find(|one| kind.name_of(one) == name).cloned();
            // What goes first makes no room for nothing: with the last policy gone, the service stays as it is.
            for one in found.iter().map(|one| kind.name_of(one)).filter(|one| named(wanted, one).is_none()) {
                self.remove_scaled_by(name, kind, &one).await?;
                changed = true;
            }
            for one in wanted {
                if named(found, &kind.name_of(one)).is_none_or(|found| !same(&found, one)) {
                    self.put_scaled_by(name, kind, one).await?;
                    changed = true;
                }
            }
        }
        Ok(changed)
    }

    /// Has a service scale by itself no more; one that does not is no error.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub async fn remove_scaling(&self, name: &ServiceName) -> Result<(), AwsError> {
        self.remove_scalable_target(name).await
    }

    /// Has scaling rest or go on; `false` where there is none, or it does so already.
    pub(super) async fn suspend_scaling(&self, name: &ServiceName, rest: Rest) -> Result<bool, AwsError> {
        let Some(target) = self.scalable_target(name).await? else { return Ok(false) };
        let rests = rest == Rest::Begins;
        let suspended = ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"];
        let is_so = |name: &&str| {
            let state = target.get("SuspendedState").and_then(|state| state.get(*name));
            state.and_then(Value::as_bool).unwrap_or_default() == rests
        };
        if suspended.iter().all(is_so) {
            return Ok(false);
        }
        let state: Map<_, _> = suspended.into_iter().map(|name| (name.to_owned(), Value::Bool(rests))).collect();
        self.put_scalable_target(name, &json!({ "SuspendedState": state })).await?;
        Ok(true)
    }
}

/// What becomes of scaling by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Begins,
    Ends,
}

fn ours(value: &Value, members: &[&str]) -> Value {
    let map = value.as_object().into_iter().flatten();
    let ours = map.filter(|(name, _)| members.contains(&name.as_str()));
    Value::Object(ours.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Whether two mean the same: AWS answers `50.0` for `50`, and may leave out what it means anyway.
fn same(one: &Value, other: &Value) -> bool {
    plain(one) == plain(other)
}

/// Whether a target is as it is wanted, or as one of the hours makes it that are wanted: what the clock does is no change.
pub(crate) fn is_now(target: &Value, wanted: &Scaling) -> bool {
    let by_the_clock = wanted.scheduled_actions.iter().filter_map(|action| action.get("ScalableTargetAction"));
    wanted.scalable_target.iter().chain(by_the_clock).any(|wanted| same(target, wanted))
}

/// What is written in several ways, in one of them.
pub(crate) fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let is_default = |name: &str, value: &Value| {
                value.is_null()
                    || value.as_array().is_some_and(Vec::is_empty)
                    || DEFAULTS.iter().any(|(known, default)| {
                        *known == name && default.parse().is_ok_and(|default: Value| default == *value)
                    })
            };
            let members = map.iter().filter(|(name, value)| !is_default(name, value));
            Value::Object(members.map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), |number| json!(number)),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_defaults_that_aws_writes_in_its_way_are_no_difference() {
        let wanted = json!({ "PolicyName": "cpu", "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 50 } });
        let found = json!({
            "PolicyName": "cpu",
            "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 50.0, "DisableScaleIn": false },
        });
        assert!(same(&wanted, &found));
        let other = json!({ "PolicyName": "cpu", "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 51 } });
        assert!(!same(&wanted, &other));
    }

    #[test]
    fn what_the_clock_does_is_no_difference() {
        let hours = |name: &str, least: u32, most: u32| {
            let bounds = json!({ "MinCapacity": least, "MaxCapacity": most });
            json!({ "ScheduledActionName": name, "Schedule": "cron(0 8 * * ? *)", "ScalableTargetAction": bounds })
        };
        let wanted = Scaling {
            scalable_target: Some(json!({ "MinCapacity": 2, "MaxCapacity": 4 })),
            scaling_policies: Vec::new(),
            scheduled_actions: vec![hours("begin", 2, 4), hours("end", 0, 0)],
        };
        assert!(is_now(&json!({ "MinCapacity": 2, "MaxCapacity": 4 }), &wanted));
        assert!(is_now(&json!({ "MinCapacity": 0, "MaxCapacity": 0 }), &wanted));
        assert!(!is_now(&json!({ "MinCapacity": 1, "MaxCapacity": 4 }), &wanted));
        assert!(!is_now(
            &json!({ "MinCapacity": 0, "MaxCapacity": 0 }),
            &Scaling { scheduled_actions: Vec::new(), ..wanted }
        ));
    }

    #[test]
    fn scaling_is_read_in_the_shape_of_the_api() {
        let text = r#"{ "ScalableTarget": { "MinCapacity": 1, "MaxCapacity": 4 }, "ScheduledActions": [{ "ScheduledActionName": "end" }] }"#;
        let scaling: Scaling = serde_json::from_str(text).unwrap();
        assert_eq!(scaling.scalable_target, Some(json!({ "MinCapacity": 1, "MaxCapacity": 4 })));
        assert_eq!((scaling.scaling_policies.len(), scaling.scheduled_actions.len()), (0, 1));
        assert!(serde_json::from_str::<Scaling>(r#"{ "Policies": [] }"#).is_err(), "a member that nobody reads");
    }
}
