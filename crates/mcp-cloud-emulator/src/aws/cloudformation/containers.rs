//! Resources of ECR and ECS: repositories, clusters, task definitions, and services, which are waited for.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    handler_says,
    resources::{Made, Owner, already_exists, not_found, text},
    stack::Resource,
};
use crate::aws::{
    clock::Time,
    ecr::{self, WithImages},
    ecs::{self, Rollout},
    state::State,
    wire::Fault,
};

type Properties = Map<String, Value>;

pub(super) const SERVICE: &str = "AWS::ECS::Service";
/// For how long a service is waited for
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting.html>).
const PATIENCE: Duration = Duration::from_secs(3 * 3600);

fn refused(fault: &Fault) -> String {
    let message = format!("Invalid request provided: {}", fault.message);
    handler_says(&message, "Ecs", fault.status, "InvalidRequest")
}

/// Properties in ECS's own words.
fn members(properties: &Properties) -> Properties {
    ecs::lowered(&Value::Object(properties.clone())).as_object().cloned().unwrap_or_default()
}

pub(super) fn create_repository(state: &mut State, owner: Owner<'_>, properties: &Properties) -> Result<Made, String> {
    let name = match text(properties, "RepositoryName") {
        Some(name) => name.to_owned(),
        None => format!("{}-{}-{}", owner.stack_name, owner.logical_id, state.letters(12)).to_lowercase(),
    };
    ecr::make(state, &name, properties).map_err(|_| already_exists("AWS::ECR::Repository", &name))?;
    let arn = state.arn("ecr", &format!("repository/{name}"));
    let uri = format!("{}/{name}", ecr::host(state));
    Ok(Made::new(name, &[("Arn", arn), ("RepositoryUri", uri)]))
}

pub(super) fn update_repository(state: &mut State, name: &str, properties: &Properties) -> Result<(), String> {
    let missing = || not_found(name, "Ecr");
    state.ecr.repositories.get_mut(name).ok_or_else(missing)?.properties = properties.clone();
    Ok(())
}

/// Deletes a repository; one with images only if the template says so.
pub(super) fn delete_repository(state: &mut State, resource: &Resource) -> Result<(), String> {
    let empties = resource.properties.get("EmptyOnDelete") == Some(&json!(true));
    let with_images = if empties { WithImages::Deleted } else { WithImages::Refused };
    match ecr::remove(state, &resource.physical_id, with_images) {
        Err(fault) if fault.code == "RepositoryNotEmptyException" => {
            Err(handler_says(&fault.message, "Ecr", fault.status, "GeneralServiceException"))
        }
        // One that is gone already is as good as removed.
        _ => Ok(()),
    }
}

pub(super) fn create_task_definition(state: &mut State, properties: &Properties) -> Result<Made, String> {
    let registered = ecs::add_task_definition(state, &members(properties)).map_err(|fault| refused(&fault))?;
    Ok(Made::new(registered.arn.clone(), &[("TaskDefinitionArn", registered.arn)]))
}

pub(super) fn delete_task_definition(state: &mut State, arn: &str) {
    ecs::end_task_definition(state, arn);
}

pub(super) fn live_task_definition(state: &State, arn: &str) -> Option<Value> {
    ecs::task_definition(state, arn).filter(|of| of.status == "ACTIVE").map(|_| json!({}))
}

pub(super) fn create_service(state: &mut State, owner: Owner<'_>, properties: &Properties) -> Result<Made, String> {
    let mut given = members(properties);
    if text(properties, "ServiceName").is_none() {
        let name = format!("{}-{}-{}", owner.stack_name, owner.logical_id, state.letters(12));
        given.insert("serviceName".to_owned(), name.into());
    }
    given.entry("desiredCount").or_insert_with(|| json!(1));
    given.entry("launchType").or_insert_with(|| json!("FARGATE"));
    if given.contains_key("capacityProviderStrategy") {
        given.remove("launchType");
    }
    let service = ecs::make_service(state, &given).map_err(|fault| refused(&fault))?;
    let of = |name: &str| service.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Made::new(of("serviceArn"), &[("Name", of("serviceName")), ("ServiceArn", of("serviceArn"))]))
}

/// Cluster and name in a service's ARN.
fn key(arn: &str) -> (String, String) {
    let rest = arn.split_once(":service/").map_or(arn, |(_, rest)| rest);
    rest.split_once('/').map_or_else(Default::default, |(cluster, name)| (cluster.to_owned(), name.to_owned()))
}

pub(super) fn update_service(state: &mut State, arn: &str, properties: &Properties) -> Result<(), String> {
    ecs::settle(state);
    ecs::change_service(state, &key(arn), &members(properties)).map(drop).map_err(|fault| refused(&fault))
}

pub(super) fn live_service(state: &State, arn: &str) -> Option<Value> {
    let service = state.ecs.services.get(&key(arn)).filter(|service| service.status == "ACTIVE")?;
    Some(json!({ "TaskDefinition": service.deployments.first().map(|primary| &primary.task_definition) }))
}

/// The deployment of a service that was just made or changed, which is to be waited for.
pub(super) fn deployment(state: &State, resource: &Resource) -> Option<String> {
    let service = (resource.kind == SERVICE).then(|| state.ecs.services.get(&key(&resource.physical_id))).flatten()?;
    service.deployments.first().map(|primary| primary.id.clone())
}

/// Whether a deployment has come to its end, and how; `None` while it goes on.
pub(super) fn settled(state: &mut State, arn: &str, deployment: &str, since: Time) -> Option<Result<(), String>> {
    ecs::settle(state);
    let Some(service) = state.ecs.services.get(&key(arn)) else {
        return Some(Err(handler_says("Service not found.", "Ecs", 400, "NotFound")));
    };
    let mut end = since;
    end.pass(PATIENCE);
    match service.outcome(deployment) {
        Rollout::Completed => Some(Ok(())),
        Rollout::Failed if state.misfortunes.of_breaker() => Some(Ok(())),
        Rollout::Failed => Some(Err(says(
            "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.",
            "GeneralServiceException",
        ))),
        Rollout::InProgress if state.clock > end => Some(Err(says("Exceeded attempts to wait", "NotStabilized"))),
        Rollout::InProgress => None,
    }
}

/// What a handler says of something that no call was refused for.
fn says(message: &str, code: &str) -> String {
    format!(
        "Resource handler returned message: \"{message}\" (RequestToken: 00000000-0000-4000-a000-000000000001, \
         HandlerErrorCode: {code})"
    )
}

/// Lets a service go; whether it still has tasks that stop.
pub(super) fn leaves(state: &mut State, resource: &Resource) -> bool {
    if resource.kind != SERVICE {
        return false;
    }
    let key = key(&resource.physical_id);
    ecs::settle(state);
    ecs::end_service(state, &key);
    state.ecs.services.get(&key).is_some_and(|service| service.status == "DRAINING")
}

pub(super) fn check_cluster(state: &mut State, name: &str) -> Result<(), String> {
    ecs::settle(state);
    match ecs::holds_cluster(state, name) {
        Some((code, message)) => Err(handler_says(message, "Ecs", 400, code)),
        None => Ok(()),
    }
}
