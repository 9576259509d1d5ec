//! Resources of Application Auto Scaling. Their properties are called like the members of its calls.

use serde_json::{Map, Value, json};

use super::{
    handler_says,
    resources::{Made, text},
};
use crate::aws::{ecs, scaling, state::State, wire::Fault};

type Properties = Map<String, Value>;

fn refused(fault: &Fault) -> String {
    handler_says(&fault.message, "ApplicationAutoScaling", fault.status, "InvalidRequest")
}

/// What the id of a target in a stack is made of.
const PARTS: [&str; 3] = ["ResourceId", "ScalableDimension", "ServiceNamespace"];

pub(super) fn create_target(state: &mut State, properties: &Properties) -> Result<Made, String> {
    update_target(state, properties)?;
    let parts: Vec<&str> = PARTS.iter().filter_map(|name| text(properties, name)).collect();
    let id = parts.join("|");
    Ok(Made::new(id.clone(), &[("Id", id)]))
}

/// Its scheduled actions are properties of it.
pub(super) fn update_target(state: &mut State, properties: &Properties) -> Result<(), String> {
    ecs::settle(state);
    let id = text(properties, "ResourceId").unwrap_or_default().to_owned();
    let mut target = properties.clone();
    target.remove("Tags");
    let actions = target.remove("ScheduledActions");
    scaling::register(state, &target).map_err(|fault| refused(&fault))?;
    state.scaling.actions.retain(|(of, _), _| *of != id);
    for action in actions.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
        let mut action = action.clone();
        action.extend(PARTS.iter().filter_map(|name| Some(((*name).to_owned(), properties.get(*name)?.clone()))));
        scaling::put_action(state, &action).map_err(|fault| refused(&fault))?;
    }
    Ok(())
}

/// The id of what is scaled, in the id of a target in a stack.
fn scaled(id: &str) -> &str {
    id.split('|').next().unwrap_or(id)
}

pub(super) fn delete_target(state: &mut State, id: &str) {
    scaling::remove(state, scaled(id));
}

pub(super) fn live_target(state: &State, id: &str) -> Option<Value> {
    let target = state.scaling.targets.get(scaled(id))?;
    Some(json!({ "MinCapacity": target.get("MinCapacity"), "MaxCapacity": target.get("MaxCapacity") }))
}

/// A policy names its target by the target's id in the stack, or by what it is about.
fn of_policy(properties: &Properties) -> Properties {
    let mut policy = properties.clone();
    if let Some(id) = policy.remove("ScalingTargetId") {
        let parts: Vec<&str> = id.as_str().unwrap_or_default().split('|').collect();
        policy.extend(PARTS.iter().zip(parts).map(|(name, part)| ((*name).to_owned(), part.into())));
    }
    policy
}

pub(super) fn put_policy(state: &mut State, properties: &Properties) -> Result<Made, String> {
    let policy = scaling::put_policy(state, &of_policy(properties)).map_err(|fault| refused(&fault))?;
    let arn = policy.get("PolicyARN").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Made::new(arn.clone(), &[("Arn", arn)]))
}

fn key(state: &State, arn: &str) -> Option<(String, String)> {
    let mut policies = state.scaling.policies.iter();
    policies.find(|(_, policy)| policy.get("PolicyARN") == Some(&json!(arn))).map(|(key, _)| key.clone())
}

pub(super) fn delete_policy(state: &mut State, arn: &str) {
    if let Some((id, name)) = key(state, arn) {
        scaling::remove_policy(state, &id, &name);
    }
}

pub(super) fn live_policy(state: &State, arn: &str) -> Option<Value> {
    key(state, arn).map(|_| json!({}))
}
