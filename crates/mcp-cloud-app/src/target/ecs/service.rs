//! The service as the ECS API takes it, and the stack around it.
//!
//! Both are parts of the one stack that is emitted, so that a service made with the API is the one that the stack would
//! make. Where the stack would name what else is in it, `${Output}` stands for an output of [`surroundings`]; a list with
//! nothing but such a name in it stands for the items of the output, which commas separate.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    OUTPUT_LOAD_BALANCER_FULL_NAME, OUTPUT_REPOSITORY, OUTPUT_SECURITY_GROUPS, OUTPUT_SUBNETS, OUTPUT_TARGET_GROUP,
    OUTPUT_TARGET_GROUP_FULL_NAME, STACK, lower,
    lower::{CLUSTER, Holds, SERVICE},
    shift, task_definition_json,
};
use crate::{
    app::App,
    target::{
        Bundle, Code, Target,
        aws::load_balancer::{LOAD_BALANCER, TARGET_GROUP},
    },
};

/// What a service is made of, as the APIs of ECS and Application Auto Scaling take it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The cluster it is in.
    pub cluster: String,
    /// Its name, and the family of its task definitions.
    pub name: String,
    /// The input of `RegisterTaskDefinition`, with `${IMAGE}`, `${AWS_REGION}` and `${AWS_ACCOUNT_ID}` in it.
    pub task_definition: Value,
    /// The input of `CreateService`, without its cluster and its task definition.
    pub service: Value,
    /// How the number of its tasks changes.
    pub scaling: Scaling,
}

/// How a service scales, in the shape of Application Auto Scaling's API. Which service it is stands in none of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Scaling {
    /// The least and the most: `MinCapacity` and `MaxCapacity`. Without it, the service does not scale by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalable_target: Option<Value>,
    /// Members of PutScalingPolicy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scaling_policies: Vec<Value>,
    /// Members of PutScheduledAction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheduled_actions: Vec<Value>,
}

/// What a task definition outside of the stack names, until it is known: see [`Service::with`].
pub const IMAGE: &str = "IMAGE";
/// The same for the region.
pub const REGION: &str = "AWS_REGION";
/// The same for the account.
pub const ACCOUNT: &str = "AWS_ACCOUNT_ID";

/// The stack around the service: all but the service, its task definition and its scaling.
#[must_use]
pub fn surroundings(app: &App) -> String {
    let mut bundle = Bundle::default();
    bundle.yaml(STACK, Target::Ecs, &lower::stack(app, Holds::Surroundings));
    bundle.files.remove(Path::new(STACK)).unwrap_or_default()
}

impl Service {
    /// Lowers an app to the service that its stack would make.
    #[must_use]
    pub fn of(app: &App, code: &Code) -> Self {
        let stack = serde_json::to_value(lower::stack(app, Holds::Everything(code))).unwrap_or_default();
        let resources = stack.get("Resources").and_then(Value::as_object).cloned().unwrap_or_default();
        let properties = |id: &str| resolved(&resources, id, app);
        let mut service = uncapitalized(properties(SERVICE));
        if let Some(members) = service.as_object_mut() {
            members.remove("cluster");
            members.remove("taskDefinition");
            // The stack may leave it out where scaling decides; the API wants to know how many there are at first.
            members.entry("desiredCount").or_insert(app.ecs.minimum.into());
        }
        for (pointer, output) in [("subnets", OUTPUT_SUBNETS), ("securityGroups", OUTPUT_SECURITY_GROUPS)] {
            let list = service.pointer_mut(&format!("/networkConfiguration/awsvpcConfiguration/{pointer}"));
            if let Some(list) = list {
                *list = json!([placeholder(output)]);
            }
        }
        let task_definition = serde_json::from_str(&task_definition_json(app, code)).unwrap_or_default();
        Self {
            cluster: app.ecs.cluster.clone().unwrap_or_else(|| app.name.clone()),
            name: app.name.clone(),
            task_definition,
            service,
            scaling: scaling(&resources, app),
        }
    }

    /// Puts in what is known by now: an image, a region, an account, the outputs of the stack. What is not known stays
    /// as it is.
    #[must_use]
    pub fn with(&self, known: &BTreeMap<String, String>) -> Self {
        let fill = |value: &Value| filled(value.clone(), known);
        // Variables in it are the user's, and may say what looks like any name.
        let named = [IMAGE, REGION, ACCOUNT, OUTPUT_REPOSITORY];
        let of_task = known.iter().filter(|(name, _)| named.contains(&name.as_str()));
        let of_task = of_task.map(|(name, value)| (name.clone(), value.clone())).collect();
        let scaling = Scaling {
            scalable_target: self.scaling.scalable_target.clone(),
            scaling_policies: self.scaling.scaling_policies.iter().map(fill).collect(),
            scheduled_actions: self.scaling.scheduled_actions.clone(),
        };
        Self {
            task_definition: filled(self.task_definition.clone(), &of_task),
            service: fill(&self.service),
            scaling,
            ..self.clone()
        }
    }
}

fn placeholder(name: &str) -> String {
    format!("${{{name}}}")
}

/// The properties of a resource, with outputs of the stack in the place of what CloudFormation would compute.
fn resolved(resources: &Map<String, Value>, id: &str, app: &App) -> Value {
    let properties = resources.get(id).and_then(|resource| resource.get("Properties")).cloned();
    by_output(properties.unwrap_or_default(), app)
}

fn by_output(value: Value, app: &App) -> Value {
    let mut names = vec![
        (json!({ "Ref": CLUSTER }), app.name.clone()),
        (json!({ "Ref": TARGET_GROUP }), placeholder(OUTPUT_TARGET_GROUP)),
        (json!({ "Fn::GetAtt": [TARGET_GROUP, "TargetGroupFullName"] }), placeholder(OUTPUT_TARGET_GROUP_FULL_NAME)),
        (json!({ "Fn::GetAtt": [LOAD_BALANCER, "LoadBalancerFullName"] }), placeholder(OUTPUT_LOAD_BALANCER_FULL_NAME)),
        (
            json!({ "Fn::Sub": format!("${{{LOAD_BALANCER}.LoadBalancerFullName}}/${{{TARGET_GROUP}.TargetGroupFullName}}") }),
            format!("{}/{}", placeholder(OUTPUT_LOAD_BALANCER_FULL_NAME), placeholder(OUTPUT_TARGET_GROUP_FULL_NAME)),
        ),
    ];
    names.extend(shift::computed().map(|(function, output)| (function, placeholder(output))));
    replaced(value, &|value| {
        names.iter().find(|(function, _)| function == value).map(|(_, text)| Value::String(text.clone()))
    })
}

/// The value, with something else in the place of every part for which there is something else.
fn replaced(value: Value, other: &dyn Fn(&Value) -> Option<Value>) -> Value {
    if let Some(other) = other(&value) {
        return other;
    }
    match value {
        Value::Array(items) => items.into_iter().map(|item| replaced(item, other)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, replaced(value, other))).collect::<Map<_, _>>().into()
        }
        value => value,
    }
}

/// ECS begins the names of members with a small letter, CloudFormation with a large one; they differ in nothing else.
fn uncapitalized(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(uncapitalized).collect(),
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|first| first.to_ascii_lowercase());
                (first.into_iter().chain(letters).collect::<String>(), uncapitalized(value))
            };
            members.into_iter().map(member).collect::<Map<_, _>>().into()
        }
        value => value,
    }
}

fn scaling(resources: &Map<String, Value>, app: &App) -> Scaling {
    let of_type = |wanted: &str| {
        let kind = format!("AWS::ApplicationAutoScaling::{wanted}");
        let ids = resources.iter().filter(move |(_, resource)| resource["Type"] == kind.as_str()).map(|(id, _)| id);
        ids.map(|id| resolved(resources, id, app)).collect::<Vec<_>>()
    };
    let Some(target) = of_type("ScalableTarget").into_iter().next() else { return Scaling::default() };
    let mut scaling_policies = of_type("ScalingPolicy");
    for policy in scaling_policies.iter_mut().filter_map(Value::as_object_mut) {
        policy.remove("ScalingTargetId");
    }
    Scaling {
        scalable_target: Some(json!({ "MinCapacity": app.ecs.minimum, "MaxCapacity": app.ecs.maximum })),
        scaling_policies,
        scheduled_actions: target.get("ScheduledActions").and_then(Value::as_array).cloned().unwrap_or_default(),
    }
}

/// Puts what is known in the place of its name.
fn filled(value: Value, known: &BTreeMap<String, String>) -> Value {
    replaced(value, &|value| match value {
        Value::Array(items) => {
            let [Value::String(only)] = items.as_slice() else { return None };
            let name = only.strip_prefix("${")?.strip_suffix('}')?;
            Some(known.get(name)?.split(',').map(Value::from).collect())
        }
        Value::String(text) if text.contains("${") => {
            let text = known.iter().fold(text.clone(), |text, (name, value)| text.replace(&placeholder(name), value));
            Some(text.into())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_put_in_and_the_rest_stays() {
        let known = BTreeMap::from([("Subnets".to_owned(), "a,b".to_owned()), ("Name".to_owned(), "x".to_owned())]);
        let value = json!({ "subnets": ["${Subnets}"], "label": "${Name}/${Other}", "both": ["${Name}", "${Name}"] });
        let expected = json!({ "subnets": ["a", "b"], "label": "x/${Other}", "both": ["x", "x"] });
        assert_eq!(filled(value, &known), expected);
    }

    #[test]
    fn names_of_members_begin_with_a_small_letter() {
        let value = json!({ "EnableECSManagedTags": true, "Tags": [{ "Key": "Team", "Value": "A" }] });
        assert_eq!(
            uncapitalized(value),
            json!({ "enableECSManagedTags": true, "tags": [{ "key": "Team", "value": "A" }] })
        );
    }
}
