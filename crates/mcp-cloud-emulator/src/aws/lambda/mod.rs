//! Lambda: functions with their versions, aliases, URLs and policies.
//!
//! - [`function`]: what a function is.
//! - [`configuration`]: how it is described.
//! - [`run`]: what is behind a URL or an invocation.

mod alias;
mod configuration;
mod function;
mod run;

use serde_json::{Value, json};

pub use self::run::{Deployed, Invoked};
pub(super) use self::{
    function::{Alias, Edition, Function, Url},
    run::{behind_url, invocation, invoked},
};
use super::{
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "GetAccountSettings" => Ok(account_settings(state)),
        "ListFunctions" => Ok(configuration::list(state)),
        "GetFunction" => configuration::function(state, asked),
        "GetFunctionConfiguration" => configuration::configuration(state, asked),
        "UpdateFunctionConfiguration" => configuration::update(state, asked),
        "ListVersionsByFunction" => configuration::versions(state, asked),
        "PublishVersion" => publish(state, asked),
        "DeleteFunction" => delete(state, asked),
        "GetAlias" => alias::get(state, asked),
        "ListAliases" => alias::list(state, asked),
        "UpdateAlias" => alias::update(state, asked),
        "GetFunctionUrlConfig" => url(state, asked),
        "ListFunctionUrlConfigs" => urls(state, asked),
        "GetPolicy" => policy(state, asked),
        "GetFunctionConcurrency" => concurrency(state, asked),
        "GetProvisionedConcurrencyConfig" => alias::provisioned(state, asked),
        "PutProvisionedConcurrencyConfig" => alias::put_provisioned(state, asked),
        "DeleteProvisionedConcurrencyConfig" => alias::delete_provisioned(state, asked),
        _ => Err(unknown(asked)),
    }
}

/// A function's name and what comes after it, from a name, a name with a qualifier, or an ARN.
fn named(asked: &Asked) -> Result<(String, Option<String>), Fault> {
    let given = asked.required("FunctionName")?;
    let rest = given.split_once(":function:").map_or(given, |(_, rest)| rest);
    let (name, of_name) = rest.split_once(':').map_or((rest, None), |(name, qualifier)| (name, Some(qualifier)));
    let qualifier = asked.text("Qualifier").or(of_name).filter(|qualifier| *qualifier != "$LATEST");
    Ok((name.to_owned(), qualifier.map(str::to_owned)))
}

fn not_found(arn: &str) -> Fault {
    Fault::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

fn function_arn(state: &State, name: &str, qualifier: Option<&str>) -> String {
    match qualifier {
        Some(qualifier) => state.arn("lambda", &format!("function:{name}:{qualifier}")),
        None => state.arn("lambda", &format!("function:{name}")),
    }
}

/// The function that is meant, with the qualifier.
fn find<'a>(state: &'a mut State, asked: &Asked) -> Result<(&'a mut Function, String, Option<String>), Fault> {
    let (name, qualifier) = named(asked)?;
    let missing = not_found(&function_arn(state, &name, None));
    let function = state.functions.get_mut(&name).ok_or(missing)?;
    Ok((function, name, qualifier))
}

fn account_settings(state: &State) -> Reply {
    let reserved: u64 = state.functions.values().filter_map(|function| function.reserved).sum();
    let size: usize = state.functions.values().map(Function::code_size).sum();
    Reply::of(json!({
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800_u64, "CodeSizeUnzipped": 262_144_000, "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000_u64.saturating_sub(reserved),
        },
        "AccountUsage": { "TotalCodeSize": size, "FunctionCount": state.functions.len() },
    }))
}

fn publish(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let now = state.clock;
    let revision = state.uuid();
    let (function, name, _) = find(state, asked)?;
    let published = function.publish(now, revision).unwrap_or_else(|latest| latest).to_string();
    let reply = configuration::described(state, &name, Some(&published))?;
    Ok(Reply::of(reply).with_status(201))
}

fn delete(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (function, name, qualifier) = find(state, asked)?;
    let Some(qualifier) = qualifier else {
        state.functions.remove(&name);
        return Ok(Reply::empty().with_status(204));
    };
    let pointing = function.aliases.iter().find(|(_, alias)| alias.versions().any(|version| version == qualifier));
    if let Some((alias, _)) = pointing {
        let message = format!("Version {qualifier} is referenced by the alias {alias}");
        return Err(Fault::new(409, "ResourceConflictException", message));
    }
    if let Ok(number) = qualifier.parse() {
        function.versions.remove(&number);
    }
    Ok(Reply::empty().with_status(204))
}

fn described_url(state: &State, name: &str, qualifier: &str, url: &Url) -> Value {
    let mut described = json!({
        "FunctionArn": function_arn(state, name, Some(qualifier).filter(|qualifier| !qualifier.is_empty())),
        "FunctionUrl": url.address(&state.region),
        "AuthType": url.auth_type,
        "InvokeMode": url.invoke_mode,
        "CreationTime": state.clock.lambda(),
        "LastModifiedTime": state.clock.lambda(),
    });
    if let (Some(cors), Some(members)) = (&url.cors, described.as_object_mut()) {
        members.insert("Cors".to_owned(), cors.clone());
    }
    described
}

fn url(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (_, name, qualifier) = find(state, asked)?;
    let qualifier = qualifier.unwrap_or_default();
    let found = state.functions.get(&name).and_then(|function| function.urls.get(&qualifier));
    let missing = || Fault::new(404, "ResourceNotFoundException", "The resource you requested does not exist.");
    let found = found.ok_or_else(missing)?;
    Ok(Reply::of(described_url(state, &name, &qualifier, found)))
}

fn urls(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (_, name, _) = find(state, asked)?;
    let urls = state.functions.get(&name).into_iter().flat_map(|function| &function.urls);
    let urls: Vec<_> = urls.map(|(qualifier, url)| described_url(state, &name, qualifier, url)).collect();
    Ok(Reply::of(json!({ "FunctionUrlConfigs": urls })))
}

fn policy(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (function, name, qualifier) = find(state, asked)?;
    let statements = function.policies.get(&qualifier.clone().unwrap_or_default()).cloned().unwrap_or_default();
    if statements.is_empty() {
        return Err(Fault::new(404, "ResourceNotFoundException", "The resource you requested does not exist."));
    }
    let revision = function.revision.clone();
    let resource = function_arn(state, &name, qualifier.as_deref());
    let statements: Vec<Value> = statements
        .into_iter()
        .map(|(id, mut statement)| {
            if let Some(members) = statement.as_object_mut() {
                members.insert("Sid".to_owned(), id.into());
                members.insert("Resource".to_owned(), resource.clone().into());
            }
            statement
        })
        .collect();
    let document = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
    Ok(Reply::of(json!({ "Policy": document.to_string(), "RevisionId": revision })))
}

fn concurrency(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (function, ..) = find(state, asked)?;
    Ok(Reply::of(match function.reserved {
        Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
        None => json!({}),
    }))
}
