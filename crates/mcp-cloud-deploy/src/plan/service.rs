//! The plans for a service on ECS: the stack around it goes the way of every stack, the service itself the way of the ECS
//! API.

use mcp_cloud_app::target::ecs;
use serde_json::{Map, Value, json};

use super::{
    Choices, Operation, Plan, Step,
    deploy::{change_stack, create_bucket, leftovers, old_records, prepare_stack, verify},
    rollback::deployed,
};
use crate::{
    change::{self, Blueprint, Changes},
    deployment::{Deployment, ServiceWorkload},
    error::Error,
    observe::{Observed, ObservedService, StackState},
    service::{SERVICE, TASK_DEFINITION, is_now, moves_requests, plain, resources},
};

pub(super) fn deploy(
    deployment: &Deployment,
    workload: &ServiceWorkload,
    observed: &Observed,
    choices: &Choices,
) -> Result<Plan, Error> {
    let mut steps = create_bucket(deployment, observed)?;
    let (prepared, operation) = prepare_stack(deployment, observed, None, choices)?;
    if prepared.iter().any(|step| matches!(step, Step::RemoveStack { .. })) {
        steps.extend(destroy(observed));
    }
    steps.extend(prepared);
    steps.extend(operation.into_iter().flat_map(|operation| change_stack(&deployment.stack, operation)));
    // What a stack that is made anew was around before is gone with it.
    let there = observed.service.as_ref().filter(|_| operation != Some(Operation::Create));
    keeps_moving(workload, there)?;
    let changes = changes(deployment, workload, observed, operation);
    steps.extend(push(workload, there));
    let changed = rollout(workload, there, &changes, operation);
    let mut same = operation.is_none() && changed.is_empty() && is_verified(deployment, observed);
    steps.extend(changed);
    if let Some(start) = start(workload, there, same) {
        steps.push(start);
        same = false;
    }
    if !same {
        steps.extend(verify(deployment));
        steps.extend(prune(deployment, workload, observed));
    }
    Ok(Plan { steps, changes, drift: Vec::new() })
}

/// Goes back to the service of a revision, and then to the stack around it.
pub(super) fn rollback(
    deployment: &Deployment,
    workload: &ServiceWorkload,
    version: &str,
    observed: &Observed,
) -> Result<Plan, Error> {
    let stack = deployed(&deployment.stack, observed)?;
    let there = observed.service.as_ref();
    if is_pushed(workload, there) == Some(false) {
        return Err(Error::ImageGone { version: version.to_owned(), digest: workload.image.digest.clone() });
    }
    keeps_moving(workload, there)?;
    let is_there = stack.state() == StackState::Healthy && deployment.matches(stack);
    let operation = (!is_there).then_some(Operation::Update);
    let changes = changes(deployment, workload, observed, operation);
    let mut steps = rollout(workload, there, &changes, None);
    if let Some(operation) = operation {
        steps.extend(leftovers(stack));
        steps.extend(change_stack(&deployment.stack, operation));
    }
    let same = steps.is_empty() && is_verified(deployment, observed);
    let start = start(workload, there, same);
    let same = same && start.is_none();
    steps.extend(start);
    if !same {
        steps.extend(verify(deployment));
    }
    Ok(Plan { steps, changes, drift: Vec::new() })
}

/// A service whose requests are moved between two target groups stays one: the stack would take away the one that they may
/// be in, and the rule that leads there, before the service has left.
fn keeps_moving(workload: &ServiceWorkload, there: Option<&ObservedService>) -> Result<(), Error> {
    let moves = there.and_then(|there| there.state.as_ref()).is_some_and(|state| moves_requests(&state.raw));
    if moves && !moves_requests(&workload.service.service) {
        return Err(Error::StopsMoving { service: workload.name().to_string() });
    }
    Ok(())
}

/// What has to go before the stack around a service can.
pub(super) fn destroy(observed: &Observed) -> Vec<Step> {
    let Some(there) = &observed.service else { return Vec::new() };
    let mut steps = Vec::new();
    if there.state.is_some() || there.scaling.scalable_target.is_some() {
        steps.push(Step::RemoveService { service: there.name.clone() });
    }
    if !there.task_definitions.is_empty() {
        steps.push(Step::RemoveTaskDefinitions {
            family: there.name.service.clone(),
            revisions: there.task_definitions.clone(),
        });
    }
    steps
}

/// What is there as one template, with the service in it as if the stack held it: what is compared, and paid for.
#[must_use]
pub fn template_before(observed: &Observed) -> Option<String> {
    let template = observed.stack.as_ref()?.template.as_deref()?;
    Some(with_service(
        template,
        observed.service.as_ref().map(|there| parts_there(there, &there.scaling)).unwrap_or_default(),
    ))
}

/// What is wanted as one template, with the service in it as if the stack held it.
#[must_use]
pub fn template_after(deployment: &Deployment, observed: &Observed) -> String {
    let parts = deployment.service().map(|workload| parts_wanted(workload, observed)).unwrap_or_default();
    with_service(&deployment.template, parts)
}

/// Whether what is there is what is wanted, apart from whether it was asked.
#[must_use]
pub fn is_current(deployment: &Deployment, observed: &Observed) -> bool {
    let Some(stack) = observed.stack.as_ref().filter(|stack| deployment.matches(stack)) else { return false };
    deployment
        .service()
        .is_none_or(|workload| stack.is_ours() && changes(deployment, workload, observed, None).is_empty())
}

fn changes(
    deployment: &Deployment,
    workload: &ServiceWorkload,
    observed: &Observed,
    operation: Option<Operation>,
) -> Changes {
    let stack = observed.stack.as_ref().filter(|_| operation != Some(Operation::Create));
    let there = observed.service.as_ref();
    let before = stack.and_then(|stack| {
        let parts = there.map(|there| parts_there(there, &workload.service.scaling)).unwrap_or_default();
        Some(with_service(stack.template.as_deref()?, parts))
    });
    // A stack that stays as it is must not differ by how its template is written.
    let template = match (operation, stack.and_then(|stack| stack.template.as_deref())) {
        (None, Some(template)) => template,
        _ => &deployment.template,
    };
    let after = with_service(template, parts_wanted(workload, observed));
    let before = before.as_deref().zip(stack.map(|stack| &stack.tags)).and_then(|(template, tags)| {
        let blueprint = stack?.blueprint()?;
        Some(Blueprint { template, tags, ..blueprint })
    });
    let tags = match (operation, stack) {
        (None, Some(stack)) => &stack.tags,
        _ => &deployment.tags,
    };
    Changes::between(before, Some(Blueprint { template: &after, tags, ..deployment.blueprint() }))
}

/// The resources that a service would be in a stack, by their logical ids.
type Parts = Map<String, Value>;

/// What is there. What the clock has made of its scaling stands as it is `wanted` at all other times.
fn parts_there(there: &ObservedService, wanted: &ecs::Scaling) -> Parts {
    let task_definition = there.task_definition.as_ref().map(|task_definition| &task_definition.raw);
    let desired = there.state.as_ref().map(|state| state.desired);
    let mut scaling = there.scaling.clone();
    if scaling.scalable_target.as_ref().is_some_and(|target| is_now(target, wanted)) {
        scaling.scalable_target.clone_from(&wanted.scalable_target);
    }
    let mut parts = parts(task_definition, there.state.as_ref().map(|state| &state.raw), desired, &scaling);
    // A service that is gone leaves nothing that scales.
    parts.retain(|id, _| there.state.is_some() || id == TASK_DEFINITION);
    parts
}

fn parts_wanted(workload: &ServiceWorkload, observed: &Observed) -> Parts {
    let outputs = observed.stack.as_ref().map(|stack| stack.outputs.clone()).unwrap_or_default();
    let wanted = workload.service.with(&outputs);
    let desired = wanted.service.get("desiredCount").and_then(Value::as_u64).and_then(|count| count.try_into().ok());
    let mut service = wanted.service;
    service["cluster"] = json!(wanted.cluster);
    parts(Some(&wanted.task_definition), Some(&service), desired, &wanted.scaling)
}

/// As ECS takes them or as it answers them.
fn parts(
    task_definition: Option<&Value>,
    service: Option<&Value>,
    desired: Option<u32>,
    scaling: &ecs::Scaling,
) -> Parts {
    let mut parts = resources(task_definition, service);
    let Some(target) = &scaling.scalable_target else {
        // Where nothing scales, the number is what was said.
        if let Some(Value::Object(service)) = parts.get_mut(SERVICE).and_then(|service| service.get_mut("Properties")) {
            service.extend(desired.map(|desired| ("DesiredCount".to_owned(), json!(desired))));
        }
        return parts;
    };
    let mut target = target.clone();
    target["ScheduledActions"] = plain(&json!(scaling.scheduled_actions));
    let mut add = |id: &str, kind: &str, properties: &Value| {
        let kind = format!("AWS::ApplicationAutoScaling::{kind}");
        parts.insert(id.to_owned(), json!({ "Type": kind, "Properties": plain(properties) }));
    };
    add("ScalableTarget", "ScalableTarget", &target);
    for policy in &scaling.scaling_policies {
        let name = policy.get("PolicyName").and_then(Value::as_str).unwrap_or_default();
        add(&format!("ScalingPolicy-{name}"), "ScalingPolicy", policy);
    }
    parts
}

/// The template with further resources in it. One that cannot be read stays as it is, and the comparison says so.
fn with_service(template: &str, parts: Parts) -> String {
    if parts.is_empty() {
        return template.to_owned();
    }
    let Ok(mut parsed) = change::parse(template) else { return template.to_owned() };
    if let Some(resources) = parsed.get_mut("Resources").and_then(Value::as_object_mut) {
        resources.extend(parts);
    }
    parsed.to_string()
}

/// Whether the image is in the repository of the stack; nothing where it is in another.
fn is_pushed(workload: &ServiceWorkload, there: Option<&ObservedService>) -> Option<bool> {
    let (_, digests) = there?.images.as_ref()?;
    Some(digests.contains(&workload.image.digest))
}

fn push(workload: &ServiceWorkload, there: Option<&ObservedService>) -> Option<Step> {
    let contents = workload.image.contents.as_ref()?;
    let repository = there.and_then(|there| there.images.as_ref()).map(|(repository, _)| repository.clone());
    (is_pushed(workload, there) != Some(true)).then(|| Step::PushImage {
        repository,
        digest: workload.image.digest.clone(),
        bytes: contents.bytes(),
    })
}

/// Brings the service to what is wanted. After a change of the stack, what stands around it may have other names.
fn rollout(
    workload: &ServiceWorkload,
    there: Option<&ObservedService>,
    changes: &Changes,
    operation: Option<Operation>,
) -> Vec<Step> {
    let wanted = &workload.service;
    let service = workload.name();
    let is_changed = |id: &str| changes.resource(id).is_some();
    let is_there = there.is_some_and(|there| there.state.is_some());
    let active = there.and_then(|there| there.task_definition.as_ref()).is_some_and(|there| there.status == "ACTIVE");
    let registers = is_changed(TASK_DEFINITION) || !active;
    let mut steps = Vec::new();
    if registers {
        steps.push(Step::RegisterTaskDefinition { family: wanted.name.clone() });
    }
    if registers || !is_there || is_changed(SERVICE) || operation.is_some() {
        let operation = if is_there { Operation::Update } else { Operation::Create };
        steps.push(Step::ChangeService { service: service.clone(), operation });
    }
    let bounds = wanted.scaling.scalable_target.as_ref().and_then(bounds);
    if is_scaled_otherwise(changes) || bounds.is_some() && (!is_there || operation.is_some()) {
        steps.push(Step::ScaleService { service, bounds });
    }
    steps
}

/// Has a service work that rests: one without tasks cannot be asked. Out of its working hours it is left alone unless there
/// is something to ask. Where nothing scales, the number of tasks is a part of the service.
fn start(workload: &ServiceWorkload, there: Option<&ObservedService>, same: bool) -> Option<Step> {
    let rests = there.filter(|there| there.rests() && workload.service.scaling.scalable_target.is_some())?;
    (!same || !rests.rests_by_the_clock()).then(|| Step::StartService { service: workload.name() })
}

/// The fewest and the most tasks.
fn bounds(target: &Value) -> Option<(u32, u32)> {
    let number = |name: &str| target.get(name)?.as_u64()?.try_into().ok();
    Some((number("MinCapacity")?, number("MaxCapacity")?))
}

fn is_scaled_otherwise(changes: &Changes) -> bool {
    changes.resources.iter().any(|change| change.resource_type.starts_with("AWS::ApplicationAutoScaling::"))
}

/// Whether what runs was asked, and answered.
fn is_verified(deployment: &Deployment, observed: &Observed) -> bool {
    let Some(revision) = observed.service.as_ref().and_then(ObservedService::revision) else { return false };
    let fingerprint = deployment.fingerprint();
    let mut kept = observed.revisions(&deployment.stack).into_iter();
    kept.any(|kept| kept.version == revision && kept.fingerprint == fingerprint)
}

/// What is older than the revisions that are kept.
fn prune(deployment: &Deployment, workload: &ServiceWorkload, observed: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(there) = &observed.service {
        let current = there.task_definition.as_ref().map(|current| current.arn.as_str());
        // The one that is being registered is kept as well; a record says all that is needed to register it again.
        let old = there.task_definitions.iter().skip(deployment.keep.saturating_sub(1));
        let revisions: Vec<_> = old.filter(|arn| Some(arn.as_str()) != current).cloned().collect();
        if !revisions.is_empty() {
            steps.push(Step::RemoveTaskDefinitions { family: workload.service.name.clone(), revisions });
        }
    }
    let (old, _) = old_records(deployment, observed);
    let keys: Vec<_> = old.iter().map(|revision| revision.key(&deployment.stack)).collect();
    if !keys.is_empty() {
        steps.push(Step::RemoveObjects { bucket: deployment.bucket.name().to_owned(), keys });
    }
    steps
}
