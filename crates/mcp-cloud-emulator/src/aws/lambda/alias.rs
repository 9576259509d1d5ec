//! Aliases, and the instances that are kept ready behind them.

use serde_json::{Map, Value, json};

use super::{Function, find, function_arn};
use crate::aws::{
    state::State,
    wire::{Asked, Fault, Reply},
};

fn missing(state: &State, name: &str, alias: &str) -> Fault {
    let arn = function_arn(state, name, Some(alias));
    Fault::new(404, "ResourceNotFoundException", format!("Cannot find alias arn: {arn}"))
}

fn described(state: &State, name: &str, alias_name: &str) -> Result<Value, Fault> {
    let alias = state.functions.get(name).and_then(|function| function.aliases.get(alias_name));
    let alias = alias.ok_or_else(|| missing(state, name, alias_name))?;
    let mut described = json!({
        "AliasArn": function_arn(state, name, Some(alias_name)),
        "Name": alias_name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    });
    if let (false, Some(members)) = (alias.weights.is_empty(), described.as_object_mut()) {
        members.insert("RoutingConfig".to_owned(), json!({ "AdditionalVersionWeights": alias.weights }));
    }
    Ok(described)
}

pub(super) fn get(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (_, name, _) = find(state, asked)?;
    described(state, &name, asked.required("Name")?).map(Reply::of)
}

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (function, name, _) = find(state, asked)?;
    let names: Vec<String> = function.aliases.keys().cloned().collect();
    let aliases: Result<Vec<_>, _> = names.iter().map(|alias| described(state, &name, alias)).collect();
    Ok(Reply::of(json!({ "Aliases": aliases? })))
}

fn no_such_version(state: &State, name: &str, version: &str) -> Fault {
    let arn = function_arn(state, name, Some(version));
    Fault::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

pub(super) fn update(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let revision = state.uuid();
    let (_, name, _) = find(state, asked)?;
    let alias_name = asked.required("Name")?;
    described(state, &name, alias_name)?;
    let weights = asked
        .parameters
        .get("RoutingConfig")
        .map(|routing| routing.get("AdditionalVersionWeights").and_then(Value::as_object).cloned().unwrap_or_default());
    let wanted =
        asked.text("FunctionVersion").into_iter().chain(weights.iter().flat_map(Map::keys).map(String::as_str));
    for version in wanted {
        let there = |function: &Function| function.edition(Some(version)).is_some() || version == "$LATEST";
        if !state.functions.get(&name).is_some_and(there) {
            return Err(no_such_version(state, &name, version));
        }
    }
    let alias = state.functions.get_mut(&name).and_then(|function| function.aliases.get_mut(alias_name));
    if let Some(alias) = alias {
        if asked.text("RevisionId").is_some_and(|known| known != alias.revision) {
            let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias \
                           API to retrieve the latest Revision Id";
            return Err(Fault::new(412, "PreconditionFailedException", message));
        }
        if let Some(version) = asked.text("FunctionVersion") {
            version.clone_into(&mut alias.version);
        }
        if let Some(description) = asked.text("Description") {
            description.clone_into(&mut alias.description);
        }
        if let Some(weights) = weights {
            alias.weights = weights;
        }
        alias.revision = revision;
    }
    described(state, &name, alias_name).map(Reply::of)
}

fn no_provisioned() -> Fault {
    Fault::new(
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )
}

pub(super) fn provisioned(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let now = state.clock;
    let (function, _, qualifier) = find(state, asked)?;
    let wanted = qualifier.and_then(|qualifier| function.provisioned.get(&qualifier)).ok_or_else(no_provisioned)?;
    Ok(Reply::of(json!({
        "RequestedProvisionedConcurrentExecutions": wanted,
        "AvailableProvisionedConcurrentExecutions": wanted,
        "AllocatedProvisionedConcurrentExecutions": wanted,
        "Status": "READY",
        "LastModified": now.lambda(),
    })))
}

pub(super) fn put_provisioned(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let now = state.clock;
    let wanted = asked.number("ProvisionedConcurrentExecutions").unwrap_or_default();
    let (function, _, qualifier) = find(state, asked)?;
    function.provisioned.insert(qualifier.unwrap_or_default(), wanted);
    let reply = json!({
        "RequestedProvisionedConcurrentExecutions": wanted,
        "Status": "IN_PROGRESS",
        "LastModified": now.lambda(),
    });
    Ok(Reply::of(reply).with_status(202))
}

pub(super) fn delete_provisioned(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (function, _, qualifier) = find(state, asked)?;
    function.provisioned.remove(&qualifier.unwrap_or_default()).ok_or_else(no_provisioned)?;
    Ok(Reply::empty().with_status(204))
}
