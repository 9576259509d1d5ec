//! Settings as ECS has them: names that begin with a small letter, and defaults where nothing was said.

use serde_json::{Map, Value, json};

/// Members whose own members are names that somebody chose.
const CHOSEN: &[&str] = &["Options", "DockerLabels", "DriverOpts", "Labels"];

/// Properties of CloudFormation in ECS's own words, which begin with a small letter.
pub(in super::super) fn lowered(properties: &Value) -> Value {
    match properties {
        Value::Array(items) => items.iter().map(lowered).collect(),
        Value::Object(members) => {
            let lower = |(name, member): (&String, &Value)| {
                let mut letters = name.chars();
                let first = letters.next().map(char::to_lowercase).into_iter().flatten();
                let member = if CHOSEN.contains(&name.as_str()) { member.clone() } else { lowered(member) };
                (first.chain(letters).collect::<String>(), member)
            };
            Value::Object(members.iter().map(lower).collect())
        }
        plain => plain.clone(),
    }
}

/// The structures of a list.
pub(super) fn objects(list: Option<&Value>) -> Vec<Map<String, Value>> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_object().cloned()).collect()
}

/// Puts in what is not there.
pub(super) fn fill(members: &mut Map<String, Value>, defaults: &[(&str, Value)]) {
    for (name, default) in defaults {
        members.entry(*name).or_insert_with(|| default.clone());
    }
}

/// A container as a task definition says it when it is asked for
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).
pub(super) fn container(mut container: Map<String, Value>) -> Value {
    let none = json!([]);
    fill(
        &mut container,
        &[
            ("cpu", json!(0)),
            ("essential", json!(true)),
            ("portMappings", none.clone()),
            ("environment", none.clone()),
            ("mountPoints", none.clone()),
            ("volumesFrom", none.clone()),
            ("systemControls", none),
        ],
    );
    if let Some(Value::Array(mappings)) = container.get_mut("portMappings") {
        for mapping in mappings.iter_mut().filter_map(Value::as_object_mut) {
            // In the network mode `awsvpc` they are the same.
            let port = mapping.get("containerPort").cloned().unwrap_or_default();
            fill(mapping, &[("hostPort", port), ("protocol", json!("tcp"))]);
        }
    }
    if let Some(Value::Object(check)) = container.get_mut("healthCheck") {
        fill(check, &[("interval", json!(30)), ("timeout", json!(5)), ("retries", json!(3))]);
    }
    if let Some(Value::Object(logging)) = container.get_mut("logConfiguration") {
        fill(logging, &[("secretOptions", json!([]))]);
    }
    Value::Object(container)
}

/// What a service says of itself that nobody told it
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>).
pub(super) fn service(settings: &mut Map<String, Value>) {
    let none = json!([]);
    if !settings.contains_key("capacityProviderStrategy") {
        fill(settings, &[("launchType", json!("EC2"))]);
    }
    fill(
        settings,
        &[
            ("loadBalancers", none.clone()),
            ("serviceRegistries", none.clone()),
            ("placementConstraints", none.clone()),
            ("placementStrategy", none),
            ("platformVersion", json!("LATEST")),
            ("platformFamily", json!("Linux")),
            ("schedulingStrategy", json!("REPLICA")),
            ("deploymentController", json!({ "type": "ECS" })),
            ("deploymentConfiguration", json!({})),
            ("healthCheckGracePeriodSeconds", json!(0)),
            ("enableECSManagedTags", json!(false)),
            ("enableExecuteCommand", json!(false)),
            ("propagateTags", json!("NONE")),
            ("availabilityZoneRebalancing", json!("ENABLED")),
        ],
    );
    if let Some(Value::Object(deployment)) = settings.get_mut("deploymentConfiguration") {
        let off = json!({ "enable": false, "rollback": false });
        fill(
            deployment,
            &[
                ("deploymentCircuitBreaker", off),
                ("maximumPercent", json!(200)),
                ("minimumHealthyPercent", json!(100)),
                ("strategy", json!("ROLLING")),
                ("bakeTimeInMinutes", json!(0)),
            ],
        );
    }
    for percent in ["/canaryConfiguration/canaryPercent", "/linearConfiguration/stepPercent"] {
        // It is no whole number, whatever was said.
        let deployment = settings.get_mut("deploymentConfiguration");
        if let Some(said) = deployment.and_then(|deployment| deployment.pointer_mut(percent)) {
            *said = json!(said.as_f64());
        }
    }
    if let Some(Value::Array(strategy)) = settings.get_mut("capacityProviderStrategy") {
        for item in strategy.iter_mut().filter_map(Value::as_object_mut) {
            fill(item, &[("base", json!(0)), ("weight", json!(0))]);
        }
    }
    let network = settings.get_mut("networkConfiguration").and_then(|network| network.get_mut("awsvpcConfiguration"));
    if let Some(network) = network.and_then(Value::as_object_mut) {
        fill(network, &[("securityGroups", json!([])), ("assignPublicIp", json!("DISABLED"))]);
    }
}
