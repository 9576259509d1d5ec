//! Drift: what is not as the stack made it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    find_index, invalid, resources,
    stack::{Drift, Stack},
};
use crate::aws::{
    state::State,
    wire::{Asked, Fault, Reply},
};

pub(super) fn detect(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("StackName")?;
    let missing = || invalid(format!("Stack [{name}] does not exist"));
    let id = find_index(state, name).ok_or_else(missing)?;
    let detection = state.uuid();
    let stack = state.stacks.get(&id).ok_or_else(missing)?;
    if stack.is_busy() || stack.status == "REVIEW_IN_PROGRESS" {
        return Err(invalid(format!("Drift detection cannot be started on a stack in status [{}]", stack.status)));
    }
    let resources = stack
        .resources
        .values()
        .map(|resource| {
            let found = match resources::live(state, resource) {
                None => ("DELETED", Vec::new()),
                Some(live) => {
                    let differences = differences(&resource.properties, &live);
                    (if differences.is_empty() { "IN_SYNC" } else { "MODIFIED" }, differences)
                }
            };
            (resource.logical_id.clone(), found)
        })
        .collect::<BTreeMap<_, _>>();
    let drift = Drift { id: detection.clone(), time: state.clock, resources };
    if let Some(stack) = state.stacks.get_mut(&id) {
        stack.drift = Some(drift);
    }
    Ok(Reply::of(json!({ "StackDriftDetectionId": detection })))
}

/// Holds what can be seen against what was wanted; secrets are not compared.
fn differences(wanted: &serde_json::Map<String, Value>, live: &Value) -> Vec<Value> {
    let mut differences = Vec::new();
    for (name, actual) in live.as_object().into_iter().flatten() {
        let expected = wanted.get(name);
        let secret = expected.is_some_and(|expected| expected.to_string().contains("{{resolve:"));
        if name == "Tags" || secret || expected == Some(actual) {
            continue;
        }
        differences.push(json!({
            "PropertyPath": format!("/{name}"),
            "ExpectedValue": expected.map(Value::to_string),
            "ActualValue": actual.to_string(),
            "DifferenceType": if expected.is_some() { "NOT_EQUAL" } else { "ADD" },
        }));
    }
    for (name, expected) in wanted {
        let visible = live.as_object().is_some_and(|live| !live.is_empty());
        if visible && live.get(name).is_none() && name == "RetentionInDays" {
            differences.push(json!({
                "PropertyPath": format!("/{name}"), "ExpectedValue": expected.to_string(), "ActualValue": "null",
                "DifferenceType": "REMOVE",
            }));
        }
    }
    differences
}

fn of_detection<'a>(state: &'a State, id: &str) -> Option<(&'a Stack, &'a Drift)> {
    state.stacks.values().find_map(|stack| {
        let drift = stack.drift.as_ref().filter(|drift| drift.id == id)?;
        Some((stack, drift))
    })
}

pub(super) fn status(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let id = asked.required("StackDriftDetectionId")?;
    let missing = || invalid(format!("Drift detection ID [{id}] does not exist"));
    let (stack, drift) = of_detection(state, id).ok_or_else(missing)?;
    let drifted = drift.resources.values().filter(|(status, _)| *status != "IN_SYNC").count();
    Ok(Reply::of(json!({
        "StackId": stack.id,
        "StackDriftDetectionId": id,
        "StackDriftStatus": drift.of_stack(),
        "DetectionStatus": "DETECTION_COMPLETE",
        "DriftedStackResourceCount": drifted,
        "Timestamp": drift.time.iso(),
    })))
}

pub(super) fn resources(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("StackName")?;
    let missing = || invalid(format!("Stack [{name}] does not exist"));
    let id = find_index(state, name).ok_or_else(missing)?;
    let stack = state.stacks.get(&id).ok_or_else(missing)?;
    let filters = asked.list("StackResourceDriftStatusFilters");
    let found = stack.drift.iter().flat_map(|drift| drift.resources.iter().map(move |of| (drift.time, of)));
    let found: Vec<_> = found
        .filter(|(_, (_, (status, _)))| filters.is_empty() || filters.iter().any(|filter| filter == status))
        .filter_map(|(time, (logical_id, (status, differences)))| {
            let resource = stack.resources.get(logical_id)?;
            Some(json!({
                "StackId": stack.id,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": resource.physical_id,
                "ResourceType": resource.kind,
                "StackResourceDriftStatus": status,
                "PropertyDifferences": differences,
                "Timestamp": time.iso(),
            }))
        })
        .collect();
    Ok(Reply::of(json!({ "StackResourceDrifts": found })))
}
