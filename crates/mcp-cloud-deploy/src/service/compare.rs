//! What differs between a service and its task definition as they are and as they are wanted.
//!
//! Both are turned into a template of CloudFormation, so that a plan shows their fields as it shows those of stacks, with
//! the same care for secrets ([`crate::change`]). What AWS fills in, and what is its own, is left out first.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{shift, state::last};
use crate::{
    change::{Blueprint, Changes},
    observe::TAG_REVISION,
};

/// What RegisterTaskDefinition takes; all else is AWS's own.
const OF_TASK_DEFINITION: [&str; 18] = [
    "containerDefinitions",
    "cpu",
    "enableFaultInjection",
    "ephemeralStorage",
    "executionRoleArn",
    "family",
    "inferenceAccelerators",
    "ipcMode",
    "memory",
    "networkMode",
    "pidMode",
    "placementConstraints",
    "proxyConfiguration",
    "requiresCompatibilities",
    "runtimePlatform",
    "tags",
    "taskRoleArn",
    "volumes",
];
/// What CreateService takes, but for what is said when it is called and for the number of tasks, which changes by itself.
const OF_SERVICE: [&str; 18] = [
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "deploymentConfiguration",
    "deploymentController",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "launchType",
    "loadBalancers",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "schedulingStrategy",
    "serviceName",
    "serviceRegistries",
    "tags",
];
/// What AWS fills in for a container
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).
const CONTAINER_DEFAULTS: [(&str, &str); 13] = [
    ("cpu", "0"),
    ("disableNetworking", "false"),
    ("essential", "true"),
    ("healthCheck.interval", "30"),
    ("healthCheck.retries", "3"),
    ("healthCheck.timeout", "5"),
    ("interactive", "false"),
    ("privileged", "false"),
    ("pseudoTerminal", "false"),
    ("readonlyRootFilesystem", "false"),
    ("linuxParameters.initProcessEnabled", "false"),
    ("versionConsistency", "\"enabled\""),
    ("restartPolicy.enabled", "false"),
];
/// What AWS fills in for a task definition of Fargate.
const TASK_DEFINITION_DEFAULTS: [(&str, &str); 5] = [
    ("enableFaultInjection", "false"),
    // Emulators say what AWS leaves out.
    ("ipcMode", "\"\""),
    ("pidMode", "\"\""),
    ("runtimePlatform.cpuArchitecture", "\"X86_64\""),
    ("runtimePlatform.operatingSystemFamily", "\"LINUX\""),
];
/// What AWS fills in for a service
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>).
const SERVICE_DEFAULTS: [(&str, &str); 20] = [
    ("availabilityZoneRebalancing", "\"ENABLED\""),
    ("deploymentConfiguration.alarms.enable", "false"),
    ("deploymentConfiguration.alarms.rollback", "false"),
    ("deploymentConfiguration.bakeTimeInMinutes", "0"),
    ("deploymentConfiguration.deploymentCircuitBreaker.enable", "false"),
    ("deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask", "true"),
    ("deploymentConfiguration.deploymentCircuitBreaker.rollback", "false"),
    ("deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.type", "\"BOUNDED_PERCENT\""),
    ("deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.value", "50"),
    ("deploymentConfiguration.maximumPercent", "200"),
    ("deploymentConfiguration.minimumHealthyPercent", "100"),
    ("deploymentConfiguration.strategy", "\"ROLLING\""),
    ("deploymentController.type", "\"ECS\""),
    ("enableECSManagedTags", "false"),
    ("enableExecuteCommand", "false"),
    ("healthCheckGracePeriodSeconds", "0"),
    ("networkConfiguration.awsvpcConfiguration.assignPublicIp", "\"DISABLED\""),
    ("platformVersion", "\"LATEST\""),
    ("propagateTags", "\"NONE\""),
    ("schedulingStrategy", "\"REPLICA\""),
];
/// What a service is made with and cannot be changed by UpdateService.
const FIXED: [&str; 6] = ["clientToken", "launchType", "role", "schedulingStrategy", "serviceName", "tags"];
/// Maps whose members people name.
const NAMED_BY_PEOPLE: [&str; 4] = ["dockerLabels", "driverOpts", "labels", "options"];
/// The logical ids of both, which are those of the emitted stack.
pub(crate) const TASK_DEFINITION: &str = "TaskDefinition";
pub(crate) const SERVICE: &str = "Service";

/// Writes a task definition and a service as a template, each as it is sent to ECS or as ECS answers it.
///
/// Left out are: what is AWS's own, what AWS would fill in, the number of tasks, and which revision the service is of.
#[must_use]
pub fn as_template(task_definition: Option<&Value>, service: Option<&Value>) -> String {
    json!({ "Resources": resources(task_definition, service) }).to_string()
}

/// The resources of [`as_template`], by their logical ids.
pub(crate) fn resources(task_definition: Option<&Value>, service: Option<&Value>) -> Map<String, Value> {
    let mut resources = Map::new();
    if let Some(value) = task_definition {
        let properties = capitalized(&plain_task_definition(value));
        resources.insert(
            TASK_DEFINITION.to_owned(),
            json!({ "Type": "AWS::ECS::TaskDefinition", "Properties": properties }),
        );
    }
    if let Some(value) = service {
        let mut properties = capitalized(&plain_service(value));
        if let (Some(map), true) = (properties.as_object_mut(), task_definition.is_some()) {
            map.insert(TASK_DEFINITION.to_owned(), json!({ "Ref": TASK_DEFINITION }));
        }
        resources.insert(SERVICE.to_owned(), json!({ "Type": "AWS::ECS::Service", "Properties": properties }));
    }
    resources
}

/// Computes what leads from one task definition and service to others; either of each may be absent. What
/// [`as_template`] leaves out is no change.
pub fn changes(before: (Option<&Value>, Option<&Value>), after: (Option<&Value>, Option<&Value>)) -> Changes {
    let (one, other) = (as_template(before.0, before.1), as_template(after.0, after.1));
    let nothing = BTreeMap::new();
    let blueprint = |template| Some(Blueprint { template, parameters: &nothing, tags: &nothing });
    Changes::between(blueprint(&one), blueprint(&other))
}

/// The image of a container of a task definition, as it is sent to ECS or as ECS answers it.
#[must_use]
pub fn image<'a>(task_definition: &'a Value, container: &str) -> Option<&'a str> {
    let containers = task_definition.get("containerDefinitions")?.as_array()?;
    let named = |one: &&Value| one.get("name").and_then(Value::as_str) == Some(container);
    containers.iter().find(named)?.get("image")?.as_str()
}

/// What UpdateService takes of what CreateService takes; the service itself, its tags and its number of tasks are said
/// otherwise.
#[must_use]
pub fn as_update(create: &Value) -> Value {
    let mut update = create.clone();
    if let Some(map) = update.as_object_mut() {
        map.retain(|name, _| !FIXED.contains(&name.as_str()) && name != "cluster" && name != "desiredCount");
    }
    update
}

/// What UpdateService takes to make a service what it is, by what ECS answers of it.
#[must_use]
pub fn as_it_is(answered: &Value) -> Value {
    as_update(&ours(answered, &OF_SERVICE))
}

fn plain_task_definition(value: &Value) -> Value {
    let mut plain = ours(value, &OF_TASK_DEFINITION);
    for role in ["executionRoleArn", "taskRoleArn"] {
        // A role may be given by its name, and ECS adds the rest.
        if let Some(Value::String(arn)) = plain.get_mut(role) {
            *arn = last(arn).to_owned();
        }
    }
    let containers = plain.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let mappings = container.get_mut("portMappings").and_then(Value::as_array_mut);
        for mapping in mappings.into_iter().flatten().filter_map(Value::as_object_mut) {
            // In a network of its own, a task has no other port for it.
            if mapping.get("hostPort") == mapping.get("containerPort") {
                mapping.remove("hostPort");
            }
            mapping.retain(|name, value| name != "protocol" || value != "tcp");
        }
        without(container, &CONTAINER_DEFAULTS);
    }
    without(&mut plain, &TASK_DEFINITION_DEFAULTS);
    pruned(plain)
}

fn plain_service(value: &Value) -> Value {
    let mut plain = ours(value, &OF_SERVICE);
    let cluster = value.get("clusterArn").or_else(|| value.get("cluster")).and_then(Value::as_str);
    if let (Some(map), Some(cluster)) = (plain.as_object_mut(), cluster) {
        map.insert("cluster".to_owned(), json!(last(cluster)));
    }
    let strategy = plain.get_mut("capacityProviderStrategy").and_then(Value::as_array_mut);
    for provider in strategy.into_iter().flatten() {
        without(provider, &[("base", "0")]);
    }
    shift::without_sides(&mut plain);
    without(&mut plain, &SERVICE_DEFAULTS);
    pruned(plain)
}

fn ours(value: &Value, members: &[&str]) -> Value {
    let map = value.as_object().into_iter().flatten();
    let mut ours: Map<_, _> = map
        .filter(|(name, _)| members.contains(&name.as_str()))
        .map(|(name, one)| (name.clone(), one.clone()))
        .collect();
    if let Some(Value::Array(tags)) = ours.get_mut("tags") {
        // AWS's own, which nobody can set, and the one that says what was verified.
        let is_ours = |key: &str| !key.starts_with("aws:") && key != TAG_REVISION;
        tags.retain(|tag| tag.get("key").and_then(Value::as_str).is_none_or(is_ours));
    }
    Value::Object(ours)
}

/// Takes away what says no more than its absence.
fn without(value: &mut Value, defaults: &[(&str, &str)]) {
    for (path, default) in defaults {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        let pointer: String =
            parent.split('.').filter(|name| !name.is_empty()).map(|name| format!("/{name}")).collect();
        let Some(map) = value.pointer_mut(&pointer).and_then(Value::as_object_mut) else { continue };
        let default = default.parse::<Value>().ok();
        if default.is_some() && map.get(name) == default.as_ref() {
            map.remove(name);
        }
    }
}

/// Takes away what is empty, at every depth.
fn pruned(value: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(map) => {
            map.into_iter().map(|(name, value)| (name, pruned(value))).filter(|(_, value)| !is_empty(value)).collect()
        }
        Value::Array(items) => items.into_iter().map(pruned).collect(),
        other => other,
    }
}

/// CloudFormation's names for the same.
fn capitalized(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let renamed = map.iter().map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|first| first.to_ascii_uppercase());
                let value = if NAMED_BY_PEOPLE.contains(&name.as_str()) { value.clone() } else { capitalized(value) };
                (first.into_iter().chain(letters).collect::<String>(), value)
            });
            renamed.collect()
        }
        Value::Array(items) => items.iter().map(capitalized).collect(),
        other => other.clone(),
    }
}
