//! How functions and their versions are described, and changed past CloudFormation.

use serde_json::{Map, Value, json};

use super::{find, function_arn, named, not_found};
use crate::aws::{
    state::State,
    wire::{Asked, Fault, Reply},
};

/// Settings that are said as they were given.
const PLAIN: &[&str] = &["Runtime", "Handler", "Role", "Description", "Layers", "Architectures", "TracingConfig"];

pub(super) fn list(state: &mut State) -> Reply {
    let names: Vec<String> = state.functions.keys().cloned().collect();
    let functions: Vec<_> = names.iter().filter_map(|name| described(state, name, None).ok()).collect();
    Reply::of(json!({ "Functions": functions }))
}

pub(super) fn configuration(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (name, qualifier) = named(asked)?;
    described(state, &name, qualifier.as_deref()).map(Reply::of)
}

pub(super) fn function(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (name, qualifier) = named(asked)?;
    let configuration = described(state, &name, qualifier.as_deref())?;
    let found = state.functions.get(&name);
    let tags: Map<String, Value> = found
        .and_then(|function| function.latest.settings.get("Tags")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(|tag| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.clone())))
        .collect();
    let mut reply = json!({
        "Configuration": configuration,
        "Code": { "RepositoryType": "S3", "Location": format!("https://awslambda.s3.{}.amazonaws.com/code", state.region) },
        "Tags": tags,
    });
    if let (Some(reserved), Some(members)) = (found.and_then(|function| function.reserved), reply.as_object_mut()) {
        members.insert("Concurrency".to_owned(), json!({ "ReservedConcurrentExecutions": reserved }));
    }
    Ok(Reply::of(reply))
}

pub(super) fn versions(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (function, name, _) = find(state, asked)?;
    let numbers: Vec<String> = function.versions.keys().map(u64::to_string).collect();
    let most = asked.number("MaxItems").and_then(|most| usize::try_from(most).ok()).unwrap_or(50).clamp(1, 50);
    let start = asked.text("Marker").and_then(|marker| marker.parse::<usize>().ok()).unwrap_or_default();
    let all: Vec<Option<&str>> =
        std::iter::once(None).chain(numbers.iter().map(|number| Some(number.as_str()))).collect();
    let mut page = Vec::new();
    for qualifier in all.iter().skip(start).take(most) {
        page.push(described(state, &name, *qualifier)?);
    }
    let next = Some(start.saturating_add(most)).filter(|next| *next < all.len()).map(|next| next.to_string());
    Ok(Reply::of(json!({ "Versions": page, "NextMarker": next })))
}

/// A function's configuration; each look lets an update that is going on come nearer to its end.
pub(super) fn described(state: &mut State, name: &str, qualifier: Option<&str>) -> Result<Value, Fault> {
    let arn = function_arn(state, name, qualifier);
    let missing = || not_found(&arn);
    let function = state.functions.get_mut(name).ok_or_else(missing)?;
    let updating = function.updating > 0 && qualifier.is_none();
    if updating {
        function.updating -= 1;
    }
    let (version, edition) = function.edition(qualifier).ok_or_else(missing)?;
    let number = |name: &str, default: u64| {
        let value = edition.settings.get(name);
        value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok())).unwrap_or(default)
    };
    let mut described = json!({
        "FunctionName": name,
        "FunctionArn": arn,
        "CodeSize": edition.code.len(),
        "CodeSha256": edition.code_sha256,
        "MemorySize": number("MemorySize", 128),
        "Timeout": number("Timeout", 3),
        "LastModified": edition.modified.lambda(),
        "Version": version,
        "RevisionId": function.revision,
        "State": "Active",
        "LastUpdateStatus": if updating { "InProgress" } else { "Successful" },
        "PackageType": edition.text("PackageType").unwrap_or("Zip"),
        "Architectures": ["x86_64"],
        "TracingConfig": { "Mode": "PassThrough" },
        "EphemeralStorage": edition.settings.get("EphemeralStorage").cloned().unwrap_or(json!({ "Size": 512 })),
        "LoggingConfig": logging(edition.settings.get("LoggingConfig"), name),
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
    });
    let Some(members) = described.as_object_mut() else { return Ok(described) };
    for plain in PLAIN {
        if let Some(value) = edition.settings.get(*plain) {
            members.insert((*plain).to_owned(), value.clone());
        }
    }
    if let Some(layers) = edition.settings.get("Layers").and_then(Value::as_array) {
        let layers = layers.iter().map(|arn| json!({ "Arn": arn, "CodeSize": 0 })).collect();
        members.insert("Layers".to_owned(), Value::Array(layers));
    }
    for (name, settings) in [("Environment", "Environment"), ("VpcConfig", "VpcConfig")] {
        if let Some(value) = edition.settings.get(settings) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    Ok(described)
}

fn logging(settings: Option<&Value>, name: &str) -> Value {
    let of = |member: &str| settings.and_then(|settings| settings.get(member)?.as_str());
    let mut logging = json!({
        "LogFormat": of("LogFormat").unwrap_or("Text"),
        "LogGroup": of("LogGroup").map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned),
    });
    for level in ["ApplicationLogLevel", "SystemLogLevel"] {
        if let (Some(value), Some(members)) = (of(level), logging.as_object_mut()) {
            members.insert(level.to_owned(), value.into());
        }
    }
    logging
}

pub(super) fn update(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let now = state.clock;
    let revision = state.uuid();
    let (function, name, _) = find(state, asked)?;
    if function.updating > 0 {
        let message = format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {}",
            function_arn(state, &name, None)
        );
        return Err(Fault::new(409, "ResourceConflictException", message));
    }
    for (setting, value) in &asked.parameters {
        if setting != "FunctionName" && setting != "RevisionId" {
            function.latest.settings.insert(setting.clone(), value.clone());
        }
    }
    function.latest.modified = now;
    function.revision = revision;
    function.updating = 1;
    described(state, &name, None).map(Reply::of)
}
