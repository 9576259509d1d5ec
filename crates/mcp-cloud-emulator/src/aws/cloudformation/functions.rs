//! Resources of Lambda: functions, versions, aliases, URLs and permissions.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    handler_says,
    resources::{Made, Owner, already_exists, not_found, text},
    stack::Resource,
    values::with_secrets,
};
use crate::aws::{
    lambda::{Alias, Edition, Function, Url},
    state::State,
};

type Properties = Map<String, Value>;

fn refused(message: &str) -> String {
    handler_says(message, "Lambda", 400, "InvalidRequest")
}

/// The archive that a function's properties name.
fn code(state: &State, properties: &Properties) -> Result<Bytes, String> {
    let code = properties.get("Code").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(inline) = text(&code, "ZipFile").or(text(&code, "ImageUri")) {
        return Ok(Bytes::from(inline.to_owned()));
    }
    let of = |name: &str| text(&code, name).unwrap_or_default();
    let says = |code: &str, message: &str| {
        refused(&format!("Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"))
    };
    let bucket = state.buckets.get(of("S3Bucket")).filter(|bucket| bucket.owner == state.account_id);
    let bucket = bucket.ok_or_else(|| says("NoSuchBucket", "The specified bucket does not exist"))?;
    if bucket.region != state.region {
        let message = "The bucket is in this region: ";
        return Err(says(
            "PermanentRedirect",
            &format!("{message}{}. Please use this region to retry the request", bucket.region),
        ));
    }
    let object = bucket.objects.get(of("S3Key"));
    object.map(|object| object.bytes.clone()).ok_or_else(|| says("NoSuchKey", "The specified key does not exist."))
}

fn settings(state: &State, properties: &Properties) -> Result<Properties, String> {
    let resolved = with_secrets(state, &Value::Object(properties.clone()))?;
    let mut settings = resolved.as_object().cloned().unwrap_or_default();
    settings.remove("Code");
    settings.remove("FunctionName");
    let size: usize = settings
        .get("Environment")
        .and_then(|environment| environment.get("Variables")?.as_object())
        .map(|variables| variables.iter().map(|(name, value)| name.len() + value.to_string().len()).sum())
        .unwrap_or_default();
    if size > 4096 {
        return Err(refused(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit.",
        ));
    }
    Ok(settings)
}

fn reserved(properties: &Properties) -> Option<u64> {
    properties.get("ReservedConcurrentExecutions").and_then(Value::as_u64)
}

pub(super) fn create(state: &mut State, owner: Owner<'_>, properties: &Properties) -> Result<Made, String> {
    let name = match text(properties, "FunctionName") {
        Some(name) => name.to_owned(),
        None => format!("{}-{}-{}", owner.stack_name, owner.logical_id, state.letters(12)),
    };
    if state.functions.contains_key(&name) {
        return Err(already_exists("AWS::Lambda::Function", &name));
    }
    let code = code(state, properties)?;
    let edition = Edition::new(code, settings(state, properties)?, state.clock);
    let mut function = Function::new(edition, state.uuid());
    function.reserved = reserved(properties);
    state.functions.insert(name.clone(), function);
    let arn = state.arn("lambda", &format!("function:{name}"));
    Ok(Made::new(name, &[("Arn", arn)]))
}

pub(super) fn update(state: &mut State, resource: &Resource, properties: &Properties) -> Result<(), String> {
    let name = &resource.physical_id;
    let settings = settings(state, properties)?;
    // The archive is fetched again only when another one is named.
    let changed = resource.properties.get("Code") != properties.get("Code");
    let code = if changed { Some(code(state, properties)?) } else { None };
    let (now, revision) = (state.clock, state.uuid());
    let arn = state.arn("lambda", &format!("function:{name}"));
    let says = || handler_says(&format!("Function not found: {arn}"), "Lambda", 404, "NotFound");
    let function = state.functions.get_mut(name).ok_or_else(says)?;
    function.latest = Edition::new(code.unwrap_or_else(|| function.latest.code.clone()), settings, now);
    function.reserved = reserved(properties);
    function.revision = revision;
    Ok(())
}

/// Name and qualifier of a function's name or ARN.
fn parts(id: &str) -> (&str, &str) {
    let rest = id.split_once(":function:").map_or(id, |(_, rest)| rest);
    rest.split_once(':').unwrap_or((rest, ""))
}

fn function<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Function, String> {
    let arn = state.arn("lambda", &format!("function:{name}"));
    let says = || handler_says(&format!("Function not found: {arn}"), "Lambda", 404, "NotFound");
    state.functions.get_mut(name).ok_or_else(says)
}

fn of_function(properties: &Properties) -> String {
    parts(text(properties, "FunctionName").unwrap_or_default()).0.to_owned()
}

pub(super) fn publish(state: &mut State, properties: &Properties) -> Result<Made, String> {
    let name = of_function(properties);
    let (now, revision) = (state.clock, state.uuid());
    let published = function(state, &name)?.publish(now, revision);
    let number = published.map_err(|there| {
        let message = format!(
            "A version for this Lambda function exists ( {there} ). Modify the function to create a new version."
        );
        handler_says(&message, "Lambda", 400, "AlreadyExists")
    })?;
    let arn = state.arn("lambda", &format!("function:{name}:{number}"));
    Ok(Made::new(arn.clone(), &[("Version", number.to_string()), ("FunctionArn", arn)]))
}

pub(super) fn delete_version(state: &mut State, arn: &str) -> Result<(), String> {
    let (name, number) = parts(arn);
    let Some(function) = state.functions.get_mut(name) else { return Ok(()) };
    if function.aliases.values().any(|alias| alias.versions().any(|version| version == number)) {
        return Err(handler_says(
            &format!("Version {number} is referenced by an alias"),
            "Lambda",
            409,
            "ResourceConflict",
        ));
    }
    if let Ok(number) = number.parse() {
        function.versions.remove(&number);
    }
    Ok(())
}

fn point(alias: &mut Alias, properties: &Properties) {
    let version = properties.get("FunctionVersion").map(|version| match version {
        Value::String(version) => version.clone(),
        other => other.to_string(),
    });
    alias.version = version.unwrap_or_default();
    text(properties, "Description").unwrap_or_default().clone_into(&mut alias.description);
    let weights =
        properties.get("RoutingConfig").and_then(|routing| routing.get("AdditionalVersionWeights")?.as_array());
    alias.weights = weights
        .into_iter()
        .flatten()
        .filter_map(|weight| {
            Some((weight.get("FunctionVersion")?.as_str()?.to_owned(), weight.get("FunctionWeight")?.clone()))
        })
        .collect();
}

fn ready(properties: &Properties) -> Option<u64> {
    properties.get("ProvisionedConcurrencyConfig")?.get("ProvisionedConcurrentExecutions")?.as_u64()
}

fn set_alias(state: &mut State, name: &str, alias_name: &str, properties: &Properties) -> Result<(), String> {
    let revision = state.uuid();
    let function = function(state, name)?;
    let mut alias = Alias { version: String::new(), weights: Map::new(), description: String::new(), revision };
    point(&mut alias, properties);
    if function.edition(Some(&alias.version)).is_none() {
        return Err(handler_says(&format!("Function not found: {name}:{}", alias.version), "Lambda", 404, "NotFound"));
    }
    function.aliases.insert(alias_name.to_owned(), alias);
    match ready(properties) {
        Some(ready) => function.provisioned.insert(alias_name.to_owned(), ready),
        None => function.provisioned.remove(alias_name),
    };
    Ok(())
}

pub(super) fn create_alias(state: &mut State, properties: &Properties) -> Result<Made, String> {
    let name = of_function(properties);
    let alias_name = text(properties, "Name").unwrap_or_default().to_owned();
    let arn = state.arn("lambda", &format!("function:{name}:{alias_name}"));
    if function(state, &name)?.aliases.contains_key(&alias_name) {
        return Err(handler_says(&format!("Alias already exists: {arn}"), "Lambda", 409, "AlreadyExists"));
    }
    set_alias(state, &name, &alias_name, properties)?;
    Ok(Made::new(arn.clone(), &[("AliasArn", arn)]))
}

pub(super) fn update_alias(state: &mut State, resource: &Resource, properties: &Properties) -> Result<(), String> {
    let (name, alias_name) = parts(&resource.physical_id);
    if !function(state, name)?.aliases.contains_key(alias_name) {
        return Err(not_found(&resource.physical_id, "Lambda"));
    }
    set_alias(state, name, alias_name, properties)
}

pub(super) fn delete_alias(state: &mut State, arn: &str) {
    let (name, alias_name) = parts(arn);
    if let Some(function) = state.functions.get_mut(name) {
        function.aliases.remove(alias_name);
        function.provisioned.remove(alias_name);
        function.urls.remove(alias_name);
        function.policies.remove(alias_name);
    }
}

pub(super) fn live_alias(state: &State, arn: &str) -> Option<Value> {
    let (name, alias_name) = parts(arn);
    let function = state.functions.get(name)?;
    let alias = function.aliases.get(alias_name)?;
    let mut live = json!({ "FunctionVersion": alias.version });
    if let (Some(ready), Some(members)) = (function.provisioned.get(alias_name), live.as_object_mut()) {
        members.insert("ProvisionedConcurrencyConfig".to_owned(), json!({ "ProvisionedConcurrentExecutions": ready }));
    }
    Some(live)
}

pub(super) fn live_version(state: &State, arn: &str) -> Option<Value> {
    let (name, number) = parts(arn);
    state.functions.get(name)?.versions.get(&number.parse().ok()?)?;
    Some(json!({}))
}

/// The function's name and the qualifier that a URL belongs to.
fn url_place(properties: &Properties) -> (String, String) {
    let (name, qualifier) = parts(text(properties, "TargetFunctionArn").unwrap_or_default());
    (name.to_owned(), text(properties, "Qualifier").unwrap_or(qualifier).to_owned())
}

pub(super) fn create_url(state: &mut State, properties: &Properties) -> Result<Made, String> {
    let (name, qualifier) = url_place(properties);
    let id = state.hex(32);
    let region = state.region.clone();
    let arn = match qualifier.as_str() {
        "" => state.arn("lambda", &format!("function:{name}")),
        qualifier => state.arn("lambda", &format!("function:{name}:{qualifier}")),
    };
    let function = function(state, &name)?;
    if function.urls.contains_key(&qualifier) {
        let message = format!(
            "Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig exists for this Lambda function"
        );
        return Err(handler_says(&message, "Lambda", 409, "AlreadyExists"));
    }
    let mut url = Url { id, auth_type: String::new(), invoke_mode: String::new(), cors: None };
    set_url(&mut url, properties);
    let address = url.address(&region);
    function.urls.insert(qualifier, url);
    Ok(Made::new(arn.clone(), &[("FunctionUrl", address), ("FunctionArn", arn)]))
}

fn set_url(url: &mut Url, properties: &Properties) {
    text(properties, "AuthType").unwrap_or("AWS_IAM").clone_into(&mut url.auth_type);
    text(properties, "InvokeMode").unwrap_or("BUFFERED").clone_into(&mut url.invoke_mode);
    url.cors = properties.get("Cors").cloned();
}

pub(super) fn update_url(state: &mut State, resource: &Resource, properties: &Properties) -> Result<(), String> {
    let (name, qualifier) = url_place(&resource.properties);
    let missing = || not_found(&resource.physical_id, "Lambda");
    set_url(function(state, &name)?.urls.get_mut(&qualifier).ok_or_else(missing)?, properties);
    Ok(())
}

pub(super) fn delete_url(state: &mut State, resource: &Resource) {
    let (name, qualifier) = url_place(&resource.properties);
    // Another one may be there already: a URL is replaced by making the new one first.
    let address = resource.attributes.get("FunctionUrl");
    let region = state.region.clone();
    if let Some(function) = state.functions.get_mut(&name)
        && function.urls.get(&qualifier).is_some_and(|url| Some(&url.address(&region)) == address)
    {
        function.urls.remove(&qualifier);
    }
}

pub(super) fn live_url(state: &State, resource: &Resource) -> Option<Value> {
    let (name, qualifier) = url_place(&resource.properties);
    let url = state.functions.get(&name)?.urls.get(&qualifier)?;
    Some(json!({ "AuthType": url.auth_type }))
}

pub(super) fn create_permission(state: &mut State, owner: Owner<'_>, properties: &Properties) -> Result<Made, String> {
    let (name, qualifier) = parts(text(properties, "FunctionName").unwrap_or_default());
    let id = format!("{}-{}-{}", owner.stack_name, owner.logical_id, state.letters(12));
    let of = |name: &str| properties.get(name).cloned().unwrap_or_default();
    let principal = match text(properties, "Principal") {
        Some("*") => json!("*"),
        Some(service) if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        other => json!({ "AWS": other }),
    };
    let mut condition = Map::new();
    if let Some(arn) = properties.get("SourceArn") {
        condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": arn }));
    }
    if let Some(auth_type) = properties.get("FunctionUrlAuthType") {
        condition.insert("StringEquals".to_owned(), json!({ "lambda:FunctionUrlAuthType": auth_type }));
    }
    if let Some(via_url) = properties.get("InvokedViaFunctionUrl") {
        condition.insert("Bool".to_owned(), json!({ "lambda:InvokedViaFunctionUrl": via_url }));
    }
    let statement =
        json!({ "Effect": "Allow", "Principal": principal, "Action": of("Action"), "Condition": condition });
    let function = function(state, name)?;
    if !qualifier.is_empty() && function.edition(Some(qualifier)).is_none() {
        return Err(handler_says(&format!("Cannot find alias arn: {name}:{qualifier}"), "Lambda", 404, "NotFound"));
    }
    function.policies.entry(qualifier.to_owned()).or_default().insert(id.clone(), statement);
    Ok(Made::new(id.clone(), &[("Id", id)]))
}

pub(super) fn delete_permission(state: &mut State, resource: &Resource) {
    let (name, qualifier) = parts(text(&resource.properties, "FunctionName").unwrap_or_default());
    if let Some(policy) = state.functions.get_mut(name).and_then(|function| function.policies.get_mut(qualifier)) {
        policy.remove(&resource.physical_id);
    }
}

pub(super) fn live_permission(state: &State, resource: &Resource) -> Option<Value> {
    let (name, qualifier) = parts(text(&resource.properties, "FunctionName").unwrap_or_default());
    state.functions.get(name)?.policies.get(qualifier)?.get(&resource.physical_id)?;
    Some(json!({}))
}
