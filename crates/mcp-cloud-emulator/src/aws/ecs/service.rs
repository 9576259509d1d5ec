//! What is asked of services.

use serde_json::{Map, Value, json};

use super::{
    Rollout, Settings, Task, TaskDefinition, client, cluster, insert, invalid, last_part, rollout, settings,
    shift::Stage, task_definition, with_tags,
};
use crate::aws::{
    clock::Time,
    elb,
    state::State,
    wire::{Asked, Fault, Reply},
};

/// The most events that are kept.
const EVENTS: usize = 100;

/// A service.
#[derive(Debug, Clone)]
pub(in super::super) struct Service {
    pub(in super::super) arn: String,
    pub(in super::super) name: String,
    pub(in super::super) cluster: String,
    pub(in super::super) status: &'static str,
    pub(in super::super) desired: u64,
    /// As they are described.
    pub(in super::super) settings: Settings,
    pub(in super::super) tags: Vec<Value>,
    /// The first is the primary one.
    pub(in super::super) deployments: Vec<Deployment>,
    /// Oldest first.
    events: Vec<(String, Time, String)>,
    created: Time,
    by: String,
    token: Option<String>,
    pub(super) is_steady: bool,
    /// When it does something by itself.
    pub(super) due: Option<Time>,
}

/// A definition on its way into a service.
#[derive(Debug, Clone)]
pub(in super::super) struct Deployment {
    pub(in super::super) id: String,
    pub(in super::super) task_definition: String,
    pub(in super::super) rollout: Rollout,
    pub(super) reason: String,
    /// One after the other.
    pub(super) failed: u64,
    pub(super) was_completed: bool,
    pub(super) next_launch: Time,
    created: Time,
    pub(super) updated: Time,
    /// Settings of the service that belong to it.
    pub(super) settings: Settings,
    /// The group that its tasks are targets of, where there are several that they might be.
    pub(super) group: Option<String>,
    pub(super) stage: Stage,
    /// Since when requests move to it.
    pub(super) has_requests: Option<Time>,
}

/// Settings that belong to a deployment: a change makes another one.
const OF_DEPLOYMENT: &[&str] =
    &["networkConfiguration", "capacityProviderStrategy", "launchType", "platformVersion", "loadBalancers"];
/// Settings that can be changed.
const CHANGEABLE: &[&str] = &[
    "networkConfiguration",
    "capacityProviderStrategy",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "deploymentConfiguration",
    "deploymentController",
    "placementConstraints",
    "placementStrategy",
    "healthCheckGracePeriodSeconds",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "propagateTags",
    "availabilityZoneRebalancing",
];

impl Service {
    /// Its tasks, those that stopped too.
    pub(super) fn tasks<'a>(&self, state: &'a State) -> impl Iterator<Item = (&'a String, &'a Task)> + use<'a> {
        let (cluster, group) = (self.cluster.clone(), format!("service:{}", self.name));
        state.ecs.tasks.iter().filter(move |(_, task)| task.cluster == cluster && task.group == group)
    }

    pub(super) fn deployment(&mut self, id: &str) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|of| of.id == id)
    }

    /// Adds an event, in the words after the service's name.
    pub(super) fn say(&mut self, state: &mut State, at: Time, message: &str) {
        let id = state.uuid();
        self.events.push((id, at, format!("(service {}) {message}", self.name)));
        let surplus = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..surplus);
    }

    fn deploy(&mut self, state: &mut State, task_definition: &str, at: Time) {
        let digits = u64::from_str_radix(&state.hex(15), 16).unwrap_or_default();
        let id = format!("ecs-svc/{digits:019}");
        let of = |name: &&str| Some(((*name).to_owned(), self.settings.get(*name)?.clone()));
        let (group, stage) = self.begin();
        let deployment = Deployment {
            reason: format!("ECS deployment {id} in progress."),
            id,
            task_definition: task_definition.to_owned(),
            rollout: Rollout::InProgress,
            failed: 0,
            was_completed: false,
            next_launch: at,
            created: at,
            updated: at,
            settings: OF_DEPLOYMENT.iter().filter_map(of).collect(),
            group,
            stage,
            has_requests: None,
        };
        self.deployments.insert(0, deployment);
        self.is_steady = false;
    }

    /// A deployment that comes to nothing: what it is called, whether it is over, and whether it was given up.
    pub(in super::super) fn outcome(&self, deployment: &str) -> Rollout {
        match self.deployments.iter().find(|of| of.id == deployment) {
            Some(of) => of.rollout,
            // Another one took its place.
            None => Rollout::Failed,
        }
    }

    pub(super) fn described(&self, state: &State) -> Value {
        let count = |deployment: Option<&str>, fits: fn(&Task) -> bool| {
            let tasks = self.tasks(state).filter(|(_, task)| deployment.is_none_or(|id| task.started_by == id));
            tasks.filter(|(_, task)| fits(task)).count()
        };
        let deployments: Vec<Value> = self.deployments.iter().enumerate().map(|(number, of)| {
            let mut described = json!({
                "id": of.id,
                "status": if number == 0 { "PRIMARY" } else { "ACTIVE" },
                "taskDefinition": of.task_definition,
                "desiredCount": if number == 0 { self.desired } else { count(Some(&of.id), |task| task.is_wanted) as u64 },
                "runningCount": count(Some(&of.id), Task::is_running),
                "pendingCount": count(Some(&of.id), Task::is_pending),
                "failedTasks": of.failed,
                "createdAt": of.created.seconds(),
                "updatedAt": of.updated.seconds(),
                "rolloutState": match of.rollout {
                    Rollout::InProgress => "IN_PROGRESS",
                    Rollout::Completed => "COMPLETED",
                    Rollout::Failed => "FAILED",
                },
                "rolloutStateReason": of.reason,
                "platformFamily": "Linux",
            });
            for (name, value) in of.settings.iter().filter(|(name, _)| *name != "loadBalancers") {
                insert(&mut described, name, value.clone());
            }
            // What LATEST stood for.
            insert(&mut described, "platformVersion", "1.4.0");
            described
        }).collect();
        let events: Vec<Value> = self
            .events
            .iter()
            .rev()
            .map(|(id, at, message)| json!({ "id": id, "createdAt": at.seconds(), "message": message }))
            .collect();
        let mut described = Value::Object(self.settings.clone());
        let role =
            format!("arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", state.account_id);
        let of_service = json!({
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": state.arn("ecs", &format!("cluster/{}", self.cluster)),
            "status": self.status,
            "desiredCount": self.desired,
            "runningCount": count(None, Task::is_running),
            "pendingCount": count(None, Task::is_pending),
            "taskDefinition": self.deployments.first().map(|primary| primary.task_definition.clone()),
            "deployments": deployments,
            "events": events,
            "roleArn": role,
            "createdAt": self.created.seconds(),
            "createdBy": self.by,
        });
        if let Value::Object(members) = of_service {
            members.into_iter().for_each(|(name, member)| insert(&mut described, &name, member));
        }
        described
    }

    /// What makes it this service and no other, for an inventory.
    pub(in super::super) fn content(&self) -> Value {
        let primary = self.deployments.first().map(|primary| &primary.task_definition);
        json!([primary, self.desired, self.settings, self.tags])
    }
}

/// Groups of targets, and the port that they reach.
pub(super) fn parse_groups(settings: &Settings) -> Vec<(String, u64)> {
    let of = |of: Map<String, Value>| {
        Some((of.get("targetGroupArn")?.as_str()?.to_owned(), of.get("containerPort")?.as_u64()?))
    };
    settings::objects(settings.get("loadBalancers")).into_iter().filter_map(of).collect()
}

fn not_found() -> Fault {
    Fault::new(400, "ServiceNotFoundException", "Service not found.")
}

fn key(state: &State, asked: &Asked) -> Result<(String, String), Fault> {
    Ok((cluster(state, asked)?, last_part(asked.text("service").unwrap_or_default()).to_owned()))
}

/// What cannot be, as ECS says it.
fn check(state: &State, settings: &Settings, definition: &TaskDefinition) -> Result<(), Fault> {
    let awsvpc = definition.text("networkMode") == Some("awsvpc");
    if awsvpc && !settings.contains_key("networkConfiguration") {
        return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
    }
    let containers = settings::objects(definition.settings.get("containerDefinitions"));
    let deployment = settings.get("deploymentConfiguration");
    let strategy = deployment.and_then(|deployment| deployment.get("strategy")?.as_str()).unwrap_or("ROLLING");
    for (strategies, member) in [("CANARY", "canaryConfiguration"), ("LINEAR", "linearConfiguration")] {
        if strategy != strategies && deployment.is_some_and(|deployment| deployment.get(member).is_some()) {
            return Err(invalid(format!("{member} is only valid when the deployment strategy is {strategies}.")));
        }
    }
    for balancer in settings::objects(settings.get("loadBalancers")) {
        let text = |name: &str| balancer.get(name).and_then(Value::as_str).unwrap_or_default();
        let (group, name) = (text("targetGroupArn"), text("containerName"));
        if !elb::is_there(state, group) {
            return Err(invalid(format!("The target group {group} does not exist.")));
        }
        if !elb::is_associated(state, group) {
            let message =
                format!("The target group with targetGroupArn {group} does not have an associated load balancer.");
            return Err(invalid(message));
        }
        if strategy != "ROLLING" {
            check_pair(state, balancer.get("advancedConfiguration"))?;
        }
        let container = containers.iter().find(|of| of.get("name") == Some(&json!(name)));
        let missing = || invalid(format!("The container {name} does not exist in the task definition."));
        let ports = settings::objects(container.ok_or_else(missing)?.get("portMappings"));
        let port = balancer.get("containerPort");
        if !ports.iter().any(|of| of.get("containerPort") == port) {
            let port = port.unwrap_or(&Value::Null);
            return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
        }
    }
    Ok(())
}

/// What requests are moved with has to be there.
fn check_pair(state: &State, advanced: Option<&Value>) -> Result<(), Fault> {
    let text = |name: &str| advanced.and_then(|advanced| advanced.get(name)?.as_str()).unwrap_or_default();
    if advanced.is_none() || text("roleArn").is_empty() {
        return Err(invalid("advancedConfiguration field is required for all loadBalancers when using this strategy."));
    }
    let (group, rule) = (text("alternateTargetGroupArn"), text("productionListenerRule"));
    if !elb::is_there(state, group) {
        return Err(invalid(format!("The target group {group} does not exist.")));
    }
    if !elb::has_rule(state, rule) {
        return Err(invalid(format!("The listener rule {rule} does not exist.")));
    }
    Ok(())
}

/// Makes a service of members in ECS's words.
pub(in super::super) fn make(state: &mut State, given: &Settings) -> Result<Value, Fault> {
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    let cluster = last_part(text("cluster").unwrap_or("default")).to_owned();
    super::cluster_named(state, &cluster)?;
    let name = text("serviceName").unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(invalid("Service name cannot be empty."));
    }
    let key = (cluster.clone(), name.clone());
    match state.ecs.services.get(&key) {
        Some(there) if there.status == "DRAINING" => {
            return Err(invalid("Unable to Start a service that is still Draining."));
        }
        Some(there) if there.status == "ACTIVE" => {
            let again = there.token.is_some() && there.token.as_deref() == text("clientToken");
            let described = there.described(state);
            return if again { Ok(described) } else { Err(invalid("Creation of service was not idempotent.")) };
        }
        _ => {}
    }
    let definition = task_definition::usable(state, text("taskDefinition").unwrap_or_default())?.clone();
    let mut kept = given.clone();
    for of_call in ["cluster", "serviceName", "taskDefinition", "desiredCount", "clientToken", "tags", "role"] {
        kept.remove(of_call);
    }
    settings::service(&mut kept);
    check(state, &kept, &definition)?;
    let at = state.clock;
    let mut service = Service {
        arn: state.arn("ecs", &format!("service/{cluster}/{name}")),
        name,
        cluster,
        status: "ACTIVE",
        desired: given.get("desiredCount").and_then(Value::as_u64).unwrap_or_default(),
        settings: kept,
        tags: settings::objects(given.get("tags")).into_iter().map(Value::Object).collect(),
        deployments: Vec::new(),
        events: Vec::new(),
        created: at,
        by: state.identity(),
        token: text("clientToken").map(str::to_owned),
        is_steady: false,
        due: None,
    };
    // What another service of this name left behind is none of its business.
    let left: Vec<String> = service.tasks(state).map(|(id, _)| id.clone()).collect();
    left.iter().for_each(|id| drop(state.ecs.tasks.remove(id)));
    service.deploy(state, &definition.arn, at);
    let described = service.described(state);
    state.ecs.services.insert(key.clone(), service);
    rollout::schedule(state, &key, at);
    Ok(described)
}

pub(super) fn create(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    cluster(state, asked)?;
    let service = make(state, &asked.parameters)?;
    Ok(Reply::of(json!({ "service": service })))
}

/// Changes a service by members in ECS's words.
pub(in super::super) fn change(state: &mut State, key: &(String, String), given: &Settings) -> Result<Value, Fault> {
    let there = state.ecs.services.get(key).ok_or_else(not_found)?;
    if there.status != "ACTIVE" {
        return Err(Fault::new(400, "ServiceNotActiveException", "Service was not ACTIVE."));
    }
    let mut service = there.clone();
    let primary = service.deployments.first().map(|primary| primary.task_definition.clone()).unwrap_or_default();
    let asked_for = given.get("taskDefinition").and_then(Value::as_str);
    let definition = match asked_for {
        Some(id) => task_definition::usable(state, id)?.clone(),
        None => task_definition::find(state, &primary).ok_or_else(|| client("TaskDefinition not found."))?.clone(),
    };
    let before = service.settings.clone();
    for name in CHANGEABLE {
        if let Some(value) = given.get(*name).filter(|value| !value.is_null()) {
            service.settings.insert((*name).to_owned(), value.clone());
        }
    }
    settings::service(&mut service.settings);
    check(state, &service.settings, &definition)?;
    if let Some(desired) = given.get("desiredCount").and_then(Value::as_u64) {
        service.is_steady &= service.desired == desired;
        service.desired = desired;
    }
    let differs = |name: &&&str| before.get(**name) != service.settings.get(**name);
    let forced = given.get("forceNewDeployment").and_then(Value::as_bool).unwrap_or_default();
    let at = state.clock;
    if forced || definition.arn != primary || OF_DEPLOYMENT.iter().any(|name| differs(&name)) {
        service.deploy(state, &definition.arn, at);
    }
    let described = service.described(state);
    state.ecs.services.insert(key.clone(), service);
    rollout::schedule(state, key, at);
    Ok(described)
}

pub(super) fn update(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let key = key(state, asked)?;
    let service = change(state, &key, &asked.parameters)?;
    Ok(Reply::of(json!({ "service": service })))
}

/// Lets a service go; its tasks are drained first.
pub(in super::super) fn end(state: &mut State, key: &(String, String)) {
    let at = state.clock;
    if let Some(service) = state.ecs.services.get_mut(key).filter(|service| service.status == "ACTIVE") {
        service.status = "DRAINING";
        service.desired = 0;
        service.due = None;
    }
    rollout::schedule(state, key, at);
}

pub(super) fn delete(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let key = key(state, asked)?;
    let service = state.ecs.services.get(&key).filter(|service| service.status != "INACTIVE").ok_or_else(not_found)?;
    if service.desired > 0 && !asked.is_on("force") {
        return Err(invalid("The service cannot be stopped while it is scaled above 0."));
    }
    end(state, &key);
    let service = state.ecs.services.get(&key).map(|service| service.described(state));
    Ok(Reply::of(json!({ "service": service })))
}

pub(super) fn describe(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let cluster = cluster(state, asked)?;
    let names = asked.list("services");
    if names.is_empty() || names.len() > 10 {
        return Err(invalid("Services cannot be empty."));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let name = last_part(&name);
        let Some(service) = state.ecs.services.get(&(cluster.clone(), name.to_owned())) else {
            let arn = state.arn("ecs", &format!("service/{cluster}/{name}"));
            failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            continue;
        };
        let mut described = service.described(state);
        if with_tags(asked) {
            insert(&mut described, "tags", service.tags.clone());
        }
        found.push(described);
    }
    Ok(Reply::of(json!({ "services": found, "failures": failures })))
}

pub(super) fn list(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let cluster = cluster(state, asked)?;
    let services = state.ecs.services.values().filter(|of| of.cluster == cluster && of.status != "INACTIVE");
    let arns: Vec<&str> = services.map(|of| of.arn.as_str()).collect();
    Ok(Reply::of(json!({ "serviceArns": arns })))
}
