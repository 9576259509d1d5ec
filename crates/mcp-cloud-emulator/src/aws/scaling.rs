//! Application Auto Scaling: how far a service or the concurrency of a function may be scaled, by what, and when. Nothing
//! is scaled by it here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    ecs,
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

const ALARM: &str = "AWS::CloudWatch::Alarm";

/// Everything of Application Auto Scaling, by the id of what is scaled: `service/cluster/name`, `function:name:alias`.
#[derive(Debug, Clone, Default)]
pub(super) struct Scaling {
    pub(super) targets: BTreeMap<String, Value>,
    /// By the policy's name, too.
    pub(super) policies: BTreeMap<(String, String), Value>,
    /// By the action's name, too.
    pub(super) actions: BTreeMap<(String, String), Value>,
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    ecs::settle(state);
    let given = &asked.parameters;
    match asked.action.as_str() {
        "RegisterScalableTarget" => register(state, given).map(|arn| Reply::of(json!({ "ScalableTargetARN": arn }))),
        "DeregisterScalableTarget" => deregister(state, asked),
        "DescribeScalableTargets" => Ok(targets(state, asked)),
        "PutScalingPolicy" => {
            let policy = put_policy(state, given)?;
            Ok(Reply::of(json!({ "PolicyARN": policy.get("PolicyARN"), "Alarms": policy.get("Alarms") })))
        }
        "DeleteScalingPolicy" => delete_policy(state, asked),
        "DescribeScalingPolicies" => Ok(of_target(&state.scaling.policies, asked, "PolicyNames", "ScalingPolicies")),
        "PutScheduledAction" => put_action(state, given).map(|()| Reply::empty()),
        "DeleteScheduledAction" => delete_action(state, asked),
        "DescribeScheduledActions" => {
            Ok(of_target(&state.scaling.actions, asked, "ScheduledActionNames", "ScheduledActions"))
        }
        "ListTagsForResource" => tags(state, asked),
        _ => Err(unknown(asked)),
    }
}

type Members = Map<String, Value>;

fn text<'a>(given: &'a Members, name: &str) -> &'a str {
    given.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(400, "ValidationException", message)
}

/// What a call is about, in the words in which it is not found.
fn place(given: &Members) -> String {
    format!(
        "service namespace: {}, resource ID: {}, scalable dimension: {}",
        text(given, "ServiceNamespace"),
        text(given, "ResourceId"),
        text(given, "ScalableDimension")
    )
}

fn not_found(message: String) -> Fault {
    Fault::new(400, "ObjectNotFoundException", message)
}

fn check_target(state: &State, given: &Members) -> Result<(), Fault> {
    let missing = || not_found(format!("No scalable target registered for {}", place(given)));
    state.scaling.targets.get(text(given, "ResourceId")).map(drop).ok_or_else(missing)
}

/// Registers what may be scaled, or changes how far; what is not said stays.
pub(super) fn register(state: &mut State, given: &Members) -> Result<String, Fault> {
    let id = text(given, "ResourceId").to_owned();
    let role = match (text(given, "ServiceNamespace"), text(given, "ScalableDimension")) {
        ("ecs", "ecs:service:DesiredCount") => {
            let mut parts = id.split('/').skip(1).map(str::to_owned);
            let service = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            if state.ecs.services.get(&service).is_none_or(|service| service.status != "ACTIVE") {
                return Err(invalid(format!("ECS service doesn't exist: {id}")));
            }
            "ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
        }
        ("lambda", "lambda:function:ProvisionedConcurrency") => {
            "lambda.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency"
        }
        _ => {
            let message = "Unsupported service namespace, resource type or scalable dimension";
            return Err(invalid(format!("{message}: {}", place(given))));
        }
    };
    let there = state.scaling.targets.get(&id).cloned();
    let arn = match &there {
        Some(there) => there.get("ScalableTargetARN").and_then(Value::as_str).unwrap_or_default().to_owned(),
        None => {
            let number = state.hex(34);
            state.arn("application-autoscaling", &format!("scalable-target/{number}"))
        }
    };
    let mut target = there.unwrap_or_else(|| {
        json!({
            "ServiceNamespace": text(given, "ServiceNamespace"),
            "ResourceId": id,
            "ScalableDimension": text(given, "ScalableDimension"),
            "RoleARN": format!("arn:aws:iam::{}:role/aws-service-role/{role}", state.account_id),
            "CreationTime": state.clock.seconds(),
            "ScalableTargetARN": arn,
            "Tags": {},
            "SuspendedState": {
                "DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false,
            },
        })
    });
    if let Some(members) = target.as_object_mut() {
        for name in ["MinCapacity", "MaxCapacity", "Tags"] {
            members.extend(given.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        let suspended = given.get("SuspendedState").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(Value::Object(there)) = members.get_mut("SuspendedState") {
            there.extend(suspended);
        }
    }
    let capacity = |name: &str| target.get(name).and_then(Value::as_u64);
    match (capacity("MinCapacity"), capacity("MaxCapacity")) {
        (Some(least), Some(most)) if least > most => {
            return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
        }
        (Some(_), Some(_)) => {}
        _ => return Err(invalid("You must specify both minimum and maximum capacity for a new scalable target")),
    }
    state.scaling.targets.insert(id, target);
    Ok(arn)
}

/// Removes what may be scaled, and its policies and actions.
pub(super) fn remove(state: &mut State, id: &str) -> bool {
    let was_there = state.scaling.targets.remove(id).is_some();
    let names: Vec<String> =
        state.scaling.policies.keys().filter(|(of, _)| of == id).map(|(_, name)| name.clone()).collect();
    for name in names {
        remove_policy(state, id, &name);
    }
    state.scaling.actions.retain(|(of, _), _| of != id);
    was_there
}

fn deregister(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let missing = || not_found(format!("No scalable target found for {}", place(&asked.parameters)));
    let was_there = remove(state, text(&asked.parameters, "ResourceId"));
    was_there.then(Reply::empty).ok_or_else(missing)
}

/// Whether something is of the namespace that is asked for.
fn is_of(thing: &Value, asked: &Asked) -> bool {
    asked.text("ServiceNamespace").is_none_or(|namespace| thing.get("ServiceNamespace") == Some(&json!(namespace)))
}

fn targets(state: &State, asked: &Asked) -> Reply {
    let ids = asked.list("ResourceIds");
    let found = state.scaling.targets.iter().filter(|(id, _)| ids.is_empty() || ids.contains(id));
    let found = found.filter(|(_, target)| is_of(target, asked));
    let found: Vec<Value> = found
        .map(|(_, target)| {
            let mut target = target.clone();
            if let Some(members) = target.as_object_mut() {
                members.remove("Tags");
            }
            target
        })
        .collect();
    Reply::of(json!({ "ScalableTargets": found }))
}

fn of_target(things: &BTreeMap<(String, String), Value>, asked: &Asked, filter: &str, member: &str) -> Reply {
    let (id, names) = (asked.text("ResourceId"), asked.list(filter));
    let fits = |of: &str, name: &String| id.is_none_or(|id| id == of) && (names.is_empty() || names.contains(name));
    let found: Vec<&Value> = things
        .iter()
        .filter(|((of, name), thing)| fits(of, name) && is_of(thing, asked))
        .map(|(_, thing)| thing)
        .collect();
    Reply::of(json!({ member: found }))
}

/// Puts a policy there, with the alarms that a target to be tracked needs.
pub(super) fn put_policy(state: &mut State, given: &Members) -> Result<Value, Fault> {
    check_target(state, given)?;
    let (id, name) = (text(given, "ResourceId").to_owned(), text(given, "PolicyName").to_owned());
    if name.is_empty() {
        return Err(invalid("The policy name must not be empty"));
    }
    let there = state.scaling.policies.get(&(id.clone(), name.clone())).cloned();
    let mut policy = there.unwrap_or_else(|| {
        let (number, namespace) = (state.uuid(), text(given, "ServiceNamespace"));
        let arn =
            state.arn("autoscaling", &format!("scalingPolicy:{number}:resource/{namespace}/{id}:policyName/{name}"));
        let alarms: Vec<Value> = ["AlarmHigh", "AlarmLow"]
            .iter()
            .map(|kind| {
                let alarm = format!("TargetTracking-{id}-{kind}-{}", state.uuid());
                let arn = state.arn("cloudwatch", &format!("alarm:{alarm}"));
                state.things.insert((ALARM.to_owned(), alarm.clone()), json!({ "AlarmName": alarm }));
                json!({ "AlarmName": alarm, "AlarmARN": arn })
            })
            .collect();
        json!({ "PolicyARN": arn, "CreationTime": state.clock.seconds(), "Alarms": alarms })
    });
    if let Some(members) = policy.as_object_mut() {
        members.extend(given.clone());
        if let Some(Value::Object(tracking)) = members.get_mut("TargetTrackingScalingPolicyConfiguration") {
            tracking.entry("DisableScaleIn").or_insert(json!(false));
        }
    }
    state.scaling.policies.insert((id, name), policy.clone());
    Ok(policy)
}

/// Removes a policy and its alarms.
pub(super) fn remove_policy(state: &mut State, id: &str, name: &str) -> bool {
    let Some(policy) = state.scaling.policies.remove(&(id.to_owned(), name.to_owned())) else { return false };
    let alarms = policy.get("Alarms").and_then(Value::as_array).into_iter().flatten();
    for alarm in alarms.filter_map(|alarm| alarm.get("AlarmName")?.as_str()) {
        state.things.remove(&(ALARM.to_owned(), alarm.to_owned()));
    }
    true
}

fn delete_policy(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (given, name) = (&asked.parameters, asked.text("PolicyName").unwrap_or_default());
    let missing = || not_found(format!("No scaling policy found for {}, policy name: {name}", place(given)));
    remove_policy(state, text(given, "ResourceId"), name).then(Reply::empty).ok_or_else(missing)
}

/// Puts an action there; what is not said of one that is there stays.
pub(super) fn put_action(state: &mut State, given: &Members) -> Result<(), Fault> {
    check_target(state, given)?;
    let (id, name) = (text(given, "ResourceId").to_owned(), text(given, "ScheduledActionName").to_owned());
    let key = (id, name.clone());
    let number = state.uuid();
    let arn = state.arn(
        "autoscaling",
        &format!(
            "scheduledAction:{number}:resource/{}/{}:scheduledActionName/{name}",
            text(given, "ServiceNamespace"),
            key.0
        ),
    );
    let fresh = json!({ "ScheduledActionARN": arn, "CreationTime": state.clock.seconds() });
    let mut action = state.scaling.actions.get(&key).cloned().unwrap_or(fresh);
    if let Some(members) = action.as_object_mut() {
        members.extend(given.clone());
    }
    let schedule = text(action.as_object().unwrap_or(given), "Schedule");
    if !["cron(", "rate(", "at("].iter().any(|start| schedule.starts_with(start)) {
        return Err(invalid("Schedule must be specified, as an at, rate or cron expression"));
    }
    state.scaling.actions.insert(key, action);
    Ok(())
}

fn delete_action(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (given, name) = (&asked.parameters, asked.text("ScheduledActionName").unwrap_or_default());
    let key = (text(given, "ResourceId").to_owned(), name.to_owned());
    let missing =
        || not_found(format!("No scheduled action found for {}, scheduled action name: {name}", place(given)));
    state.scaling.actions.remove(&key).map(|_| Reply::empty()).ok_or_else(missing)
}

fn tags(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let arn = asked.text("ResourceARN").unwrap_or_default();
    let mut targets = state.scaling.targets.values();
    let found = targets.find(|target| target.get("ScalableTargetARN") == Some(&json!(arn)));
    let missing = || Fault::new(400, "ResourceNotFoundException", format!("The resource {arn} was not found"));
    Ok(Reply::of(json!({ "Tags": found.ok_or_else(missing)?.get("Tags") })))
}
