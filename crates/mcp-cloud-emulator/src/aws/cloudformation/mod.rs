//! CloudFormation: stacks that come to be what a template says, and everything that can happen on the way.
//!
//! - [`template`], [`conditions`], [`sam`], [`values`]: what is wanted.
//! - [`changes`], [`change_sets`]: what would change.
//! - [`operation`]: what goes on; [`resources`], [`functions`], [`containers`] and [`scaling`] do it.
//! - [`stack`]: what there is; [`drift`]: whether it still is.

mod change_sets;
mod changes;
mod conditions;
mod containers;
mod drift;
mod functions;
mod kinds;
mod operation;
mod resources;
mod sam;
mod sam_api;
mod scaling;
mod stack;
mod template;
mod values;

use std::time::Duration;

use serde_json::json;

use self::operation::Operation;
pub(super) use self::stack::Stack;
use super::{
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

/// How long a stage of an operation takes.
const STAGE: Duration = Duration::from_secs(2);
/// Events of one page.
const PAGE: usize = 100;

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "DescribeStacks" => describe(state, asked),
        "ListStacks" => Ok(list(state)),
        "GetTemplate" => template(state, asked),
        "DescribeStackEvents" => events(state, asked),
        "DescribeStackResources" | "ListStackResources" | "DescribeStackResource" => resources_of(state, asked),
        "ListChangeSets" => change_sets::list(state, asked),
        "CreateChangeSet" => change_sets::create(state, asked),
        "DescribeChangeSet" => change_sets::describe(state, asked),
        "ExecuteChangeSet" => change_sets::execute(state, asked),
        "DeleteChangeSet" => change_sets::delete(state, asked),
        "DeleteStack" => delete(state, asked),
        "ContinueUpdateRollback" => continue_rollback(state, asked),
        "UpdateTerminationProtection" => protect(state, asked),
        "DetectStackDrift" => drift::detect(state, asked),
        "DescribeStackDriftDetectionStatus" => drift::status(state, asked),
        "DescribeStackResourceDrifts" => drift::resources(state, asked),
        "ValidateTemplate" => validate(asked),
        _ => Err(unknown(asked)),
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(400, "ValidationError", message)
}

/// What CloudFormation says when a resource's handler fails.
pub(super) fn handler_says(message: &str, service: &str, status: u16, code: &str) -> String {
    format!(
        "Resource handler returned message: \"{message} (Service: {service}, Status Code: {status}, Request ID: \
         00000000-0000-4000-a000-000000000000)\" (RequestToken: 00000000-0000-4000-a000-000000000001, \
         HandlerErrorCode: {code})"
    )
}

/// The id of a stack: by its ARN whatever became of it, by its name while it is there.
fn find_index(state: &State, name: &str) -> Option<String> {
    if state.stacks.contains_key(name) {
        return Some(name.to_owned());
    }
    state.stacks.values().find(|stack| stack.name == name && stack.exists()).map(|stack| stack.id.clone())
}

fn does_not_exist(name: &str) -> Fault {
    invalid(format!("Stack with id {name} does not exist"))
}

/// Lets what goes on with a stack go on by one stage.
fn advance(state: &mut State, id: &str) {
    if let Some(mut stack) = state.stacks.remove(id) {
        stack.advance(state);
        state.stacks.insert(id.to_owned(), stack);
    }
}

fn describe(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let Some(name) = asked.text("StackName") else {
        let stacks: Vec<_> = state.stacks.values().filter(|stack| stack.exists()).map(Stack::described).collect();
        return Ok(Reply::of(json!({ "Stacks": stacks })));
    };
    let id = find_index(state, name).ok_or_else(|| does_not_exist(name))?;
    advance(state, &id);
    let stack = state.stacks.get(&id).filter(|stack| stack.exists() || name == id);
    let stack = stack.ok_or_else(|| does_not_exist(name))?;
    Ok(Reply::of(json!({ "Stacks": [stack.described()] })))
}

fn list(state: &State) -> Reply {
    let stacks: Vec<_> = state.stacks.values().map(Stack::described).collect();
    Reply::of(json!({ "StackSummaries": stacks }))
}

fn find<'a>(state: &'a mut State, asked: &Asked) -> Result<&'a mut Stack, Fault> {
    let name = asked.required("StackName")?;
    let missing = || does_not_exist(name);
    let id = find_index(state, name).ok_or_else(missing)?;
    state.stacks.get_mut(&id).ok_or_else(missing)
}

fn template(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let stack = find(state, asked)?;
    let body = match asked.text("TemplateStage") {
        Some("Processed") => stack.definition.processed.to_string(),
        _ => stack.definition.body.clone(),
    };
    Ok(Reply::of(json!({ "TemplateBody": body, "StagesAvailable": ["Original", "Processed"] })))
}

/// Pages begin with the newest; the token is the number of events that are older, which new ones do not change.
fn events(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("StackName")?;
    let missing = || invalid(format!("Stack [{name}] does not exist"));
    let id = find_index(state, name).ok_or_else(missing)?;
    if asked.text("NextToken").is_none() {
        advance(state, &id);
    }
    let stack = state.stacks.get(&id).ok_or_else(missing)?;
    let older = asked.number("NextToken").and_then(|older| usize::try_from(older).ok()).unwrap_or(stack.events.len());
    let start = older.saturating_sub(PAGE);
    let page = stack.events.get(start..older).unwrap_or_default();
    let page: Vec<_> = page.iter().rev().map(|event| event.described(stack)).collect();
    let next = (start > 0).then(|| start.to_string());
    Ok(Reply::of(json!({ "StackEvents": page, "NextToken": next })))
}

fn resources_of(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let wanted = asked.text("LogicalResourceId").map(str::to_owned);
    let stack = find(state, asked)?;
    let found = stack.resources.values().filter(|of| wanted.as_deref().is_none_or(|wanted| of.logical_id == wanted));
    let found: Vec<_> = found.map(|resource| resource.described(stack)).collect();
    match (asked.action.as_str(), wanted) {
        ("ListStackResources", _) => Ok(Reply::of(json!({ "StackResourceSummaries": found }))),
        ("DescribeStackResources", _) => Ok(Reply::of(json!({ "StackResources": found }))),
        (_, wanted) => {
            let (wanted, name) = (wanted.unwrap_or_default(), &stack.name);
            let missing = || invalid(format!("Resource {wanted} does not exist for stack {name}"));
            Ok(Reply::of(json!({ "StackResourceDetail": found.first().ok_or_else(missing)? })))
        }
    }
}

fn delete(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("StackName")?;
    // A stack that is not there is as good as deleted.
    let Some(mut stack) = find_index(state, name).and_then(|id| state.stacks.remove(&id)) else {
        return Ok(Reply::empty());
    };
    let begun = begin_deletion(state, &mut stack, asked);
    state.stacks.insert(stack.id.clone(), stack);
    begun.map(|()| Reply::empty())
}

fn begin_deletion(state: &mut State, stack: &mut Stack, asked: &Asked) -> Result<(), Fault> {
    if stack.is_protected {
        let message = format!("Stack [{}] cannot be deleted while TerminationProtection is enabled", stack.name);
        return Err(invalid(message));
    }
    let mut spared = asked.list("RetainResources");
    let forced = asked.text("DeletionMode") == Some("FORCE_DELETE_STACK");
    if (forced || !spared.is_empty()) && stack.status != "DELETE_FAILED" {
        return Err(invalid(format!(
            "Invalid operation on stack [{}]. When you delete a stack, specify which resources to retain only when the \
             stack is in the DELETE_FAILED state.",
            stack.id
        )));
    }
    match stack.status.as_str() {
        "DELETE_IN_PROGRESS" | "DELETE_COMPLETE" => return Ok(()),
        "CREATE_IN_PROGRESS" | "ROLLBACK_IN_PROGRESS" => {}
        _ if stack.is_busy() => {
            return Err(invalid(format!("Stack [{}] cannot be deleted while in status {}", stack.id, stack.status)));
        }
        _ => {}
    }
    if forced {
        let left = stack.resources.values().filter(|resource| resource.status == "DELETE_FAILED");
        spared = left.map(|resource| resource.logical_id.clone()).collect();
    }
    let token = asked.text("ClientRequestToken").map(str::to_owned);
    stack.operation = Some(Operation::delete(stack, spared, token));
    stack.stuck = None;
    stack.change_sets.clear();
    stack.set_status(state, "DELETE_IN_PROGRESS", Some("User Initiated"));
    Ok(())
}

fn continue_rollback(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let skipped = asked.list("ResourcesToSkip");
    let name = asked.required("StackName")?;
    let id = find_index(state, name).ok_or_else(|| does_not_exist(name))?;
    let Some(mut stack) = state.stacks.remove(&id) else { return Err(does_not_exist(name)) };
    let result = match stack.stuck.take().filter(|_| stack.status == "UPDATE_ROLLBACK_FAILED") {
        None => Err(invalid("ContinueUpdateRollback cannot be called from current stack status")),
        Some(operation) => {
            let failed = |logical_id: &String| {
                stack.resources.get(logical_id).is_some_and(|resource| resource.status == "UPDATE_FAILED")
            };
            if let Some(other) = skipped.iter().find(|logical_id| !failed(logical_id)) {
                let message =
                    format!("Resource(s) [{other}] cannot be skipped: only resources in UPDATE_FAILED state can be");
                stack.stuck = Some(operation);
                Err(invalid(message))
            } else {
                let mut operation = operation;
                operation.go_on(skipped);
                stack.operation = Some(operation);
                stack.set_status(state, "UPDATE_ROLLBACK_IN_PROGRESS", Some("User Initiated"));
                Ok(Reply::empty())
            }
        }
    };
    state.stacks.insert(id, stack);
    result
}

fn protect(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let protected = asked.is_on("EnableTerminationProtection");
    let stack = find(state, asked)?;
    stack.is_protected = protected;
    Ok(Reply::of(json!({ "StackId": stack.id })))
}

fn validate(asked: &Asked) -> Result<Reply, Fault> {
    let body = asked.required("TemplateBody")?;
    match template::Definition::read(body, &std::collections::BTreeMap::new()) {
        Err(template::Refusal::AtOnce(message)) => Err(invalid(message)),
        _ => Ok(Reply::of(json!({ "Capabilities": [], "Parameters": [] }))),
    }
}
