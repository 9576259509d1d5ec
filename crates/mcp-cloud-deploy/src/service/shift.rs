//! How requests move from old tasks to new ones while a service is deployed, as far as its settings tell
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>).
//!
//! Settings are those that CreateService takes, or what ECS answers of a service: they have the same names.

use std::time::Duration;

use serde_json::{Value, json};

/// How long requests take to move, and old tasks stay after that; nothing where new tasks take the places of old ones.
///
/// It comes on top of the time that new tasks take to start.
#[must_use]
pub fn moves_for(service: &Value) -> Duration {
    let Some(deployment) = service.get("deploymentConfiguration") else { return Duration::ZERO };
    let number = |path: &str| deployment.pointer(path).and_then(Value::as_f64).filter(|number| *number > 0.0);
    let minutes = |path: &str| number(path).unwrap_or_default();
    let moving = match deployment.get("strategy").and_then(Value::as_str) {
        Some("BLUE_GREEN") => 0.0,
        Some("CANARY") => minutes("/canaryConfiguration/canaryBakeTimeInMinutes"),
        Some("LINEAR") => {
            // After the last step there is nothing to wait for but the end.
            let steps = (100.0 / number("/linearConfiguration/stepPercent").unwrap_or(100.0)).ceil();
            (steps - 1.0).max(0.0) * minutes("/linearConfiguration/stepBakeTimeInMinutes")
        }
        _ => return Duration::ZERO,
    };
    Duration::try_from_secs_f64((moving + minutes("/bakeTimeInMinutes")) * 60.0).unwrap_or_default()
}

/// Whether ECS moves requests of a service between two target groups.
#[must_use]
pub fn moves_requests(service: &Value) -> bool {
    balancers(service).any(|balancer| pair(balancer).is_some())
}

/// The rule that decides which target group has the requests of a service, by its ARN.
pub(crate) fn production_rule(service: &Value) -> Option<&str> {
    balancers(service).find_map(|balancer| balancer.pointer("/advancedConfiguration/productionListenerRule")?.as_str())
}

/// The settings of a deployment that moves all requests as soon as its tasks are well, and lets nobody wait for what was
/// there before; nothing where new tasks take the places of old ones.
pub(crate) fn at_once(service: &Value) -> Option<Value> {
    if !moves_requests(service) {
        return None;
    }
    let mut deployment = service.get("deploymentConfiguration")?.clone();
    let settings = deployment.as_object_mut()?;
    settings.remove("canaryConfiguration");
    settings.remove("linearConfiguration");
    settings.insert("strategy".to_owned(), json!("BLUE_GREEN"));
    settings.insert("bakeTimeInMinutes".to_owned(), json!(0));
    Some(deployment)
}

/// Writes the target groups of each load balancer in an order that says nothing: which of them has the requests is another
/// one after each deployment, and no change of anything. Names of outputs that are not known yet stay where they are.
pub(super) fn without_sides(service: &mut Value) {
    let balancers = service.get_mut("loadBalancers").and_then(Value::as_array_mut);
    for balancer in balancers.into_iter().flatten() {
        let swapped = pair(balancer).filter(|(one, other)| one > other && [one, other].iter().all(|arn| is_known(arn)));
        let Some((second, first)) = swapped.map(|(one, other)| (json!(one), json!(other))) else { continue };
        let Some(members) = balancer.as_object_mut() else { continue };
        members.insert("targetGroupArn".to_owned(), first);
        if let Some(advanced) = members.get_mut("advancedConfiguration").and_then(Value::as_object_mut) {
            advanced.insert("alternateTargetGroupArn".to_owned(), second);
        }
    }
    // ECS says percent with a fraction.
    for path in ["/canaryConfiguration/canaryPercent", "/linearConfiguration/stepPercent"] {
        let percent = service.get_mut("deploymentConfiguration").and_then(|settings| settings.pointer_mut(path));
        if let Some(percent) = percent {
            *percent = json!(percent.as_f64());
        }
    }
}

/// Leaves the target groups of an update as the service has them, where they are the same but for their sides.
pub(crate) fn keep_sides(update: &mut Value, there: &Value) {
    let plain = |service: &Value| {
        let mut plain = json!({ "loadBalancers": service.get("loadBalancers") });
        without_sides(&mut plain);
        plain
    };
    if plain(update) == plain(there)
        && let (Some(update), Some(balancers)) = (update.as_object_mut(), there.get("loadBalancers"))
    {
        update.insert("loadBalancers".to_owned(), balancers.clone());
    }
}

fn balancers(service: &Value) -> impl Iterator<Item = &Value> {
    service.get("loadBalancers").and_then(Value::as_array).into_iter().flatten()
}

fn is_known(arn: &str) -> bool {
    arn.starts_with("arn:")
}

/// The target groups of a load balancer's entry, where there are two.
fn pair(balancer: &Value) -> Option<(&str, &str)> {
    let other = balancer.pointer("/advancedConfiguration/alternateTargetGroupArn")?.as_str()?;
    Some((balancer.get("targetGroupArn")?.as_str()?, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(deployment: Value) -> Value {
        json!({ "deploymentConfiguration": deployment, "loadBalancers": [{
            "targetGroupArn": "arn:b", "containerPort": 8080, "advancedConfiguration": { "alternateTargetGroupArn": "arn:a" },
        }] })
    }

    #[test]
    fn moving_takes_each_step_but_the_last_and_the_time_after_it() {
        for (deployment, minutes) in [
            (json!({ "strategy": "ROLLING", "bakeTimeInMinutes": 7 }), 0),
            (json!({}), 0),
            (json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5 }), 5),
            (
                json!({ "strategy": "CANARY", "bakeTimeInMinutes": 5, "canaryConfiguration": { "canaryPercent": 10.0, "canaryBakeTimeInMinutes": 30 } }),
                35,
            ),
            (
                json!({ "strategy": "LINEAR", "bakeTimeInMinutes": 1, "linearConfiguration": { "stepPercent": 10, "stepBakeTimeInMinutes": 3 } }),
                28,
            ),
            (
                json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 33.4, "stepBakeTimeInMinutes": 1 } }),
                2,
            ),
            (
                json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 0, "stepBakeTimeInMinutes": -1 } }),
                0,
            ),
        ] {
            let found = moves_for(&service(deployment.clone()));
            assert_eq!(found, Duration::from_secs(minutes * 60), "{deployment}");
        }
    }

    #[test]
    fn way_back_takes_no_steps() {
        let linear =
            json!({ "strategy": "LINEAR", "maximumPercent": 200, "linearConfiguration": { "stepPercent": 10 } });
        let expected = json!({ "strategy": "BLUE_GREEN", "maximumPercent": 200, "bakeTimeInMinutes": 0 });
        assert_eq!(at_once(&service(linear)), Some(expected));
        assert_eq!(
            at_once(&json!({ "deploymentConfiguration": {}, "loadBalancers": [{ "targetGroupArn": "a" }] })),
            None
        );
    }

    #[test]
    fn sides_stay_as_they_are_and_other_groups_do_not() {
        let there = service(json!({}));
        let mut swapped = there.clone();
        swapped["loadBalancers"][0]["targetGroupArn"] = json!("arn:a");
        swapped["loadBalancers"][0]["advancedConfiguration"]["alternateTargetGroupArn"] = json!("arn:b");
        let mut update = swapped.clone();
        keep_sides(&mut update, &there);
        assert_eq!(update, there);
        let mut other = swapped.clone();
        other["loadBalancers"][0]["targetGroupArn"] = json!("arn:c");
        let mut update = other.clone();
        keep_sides(&mut update, &there);
        assert_eq!(update, other);
        let (mut one, mut two) = (there, swapped);
        without_sides(&mut one);
        without_sides(&mut two);
        assert_eq!(one, two);
    }
}
