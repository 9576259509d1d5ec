//! Tasks: launched, run, stopped; of a service or once.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Settings, TaskDefinition, TaskFate, client, cluster, fate, insert, invalid, last_part, settings, task_definition,
    with_tags,
};
use crate::aws::{
    clock::Time,
    elb, logs,
    state::State,
    wire::{Asked, Fault, Reply},
};

/// From the launch until there is a machine.
const PROVISIONING: Duration = Duration::from_secs(10);
/// Until the image is there and the containers start.
const PENDING: Duration = Duration::from_secs(30);
/// Until a target is found healthy.
const HEALTHY: Duration = Duration::from_secs(20);
/// After which a program that fails has failed.
const FAILING: Duration = Duration::from_secs(5);
/// How long a task that is run once works.
const ONCE: Duration = Duration::from_secs(30);
/// From the signal until the program has exited, as one that was asked kindly does.
const STOPPING: Duration = Duration::from_secs(2);
const DEPROVISIONING: Duration = Duration::from_secs(5);
/// For how long a task that stopped is known.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// What a container's own health check takes to fail, for three times half a minute.
const CHECKS: Duration = Duration::from_secs(90);

/// How far a task has come (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Provisioning,
    Pending,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

/// Where a load balancer finds a task.
#[derive(Debug, Clone)]
pub(in super::super) struct Target {
    pub(in super::super) group: String,
    pub(in super::super) port: u64,
    /// As the load balancer says it.
    pub(in super::super) state: &'static str,
}

/// A task.
#[derive(Debug, Clone)]
pub(in super::super) struct Task {
    id: String,
    arn: String,
    pub(super) cluster: String,
    /// Of which service or family.
    pub(super) group: String,
    /// The deployment that launched it, or what whoever ran it said.
    pub(super) started_by: String,
    pub(super) definition: String,
    pub(super) fate: TaskFate,
    stage: Stage,
    /// Whether it is to run, as far as its cluster is concerned.
    pub(super) is_wanted: bool,
    pub(super) is_healthy: bool,
    /// When something happens to it next.
    pub(super) due: Option<Time>,
    created: Time,
    started: Option<Time>,
    stopping: Option<Time>,
    stopped: Option<Time>,
    ending: Option<fate::Ending>,
    pub(in super::super) address: String,
    interface: String,
    pub(in super::super) zone: String,
    subnet: String,
    /// None before it runs, and after it is gone.
    pub(in super::super) targets: Vec<Target>,
    /// How it was launched.
    launch: Launch,
    pub(super) tags: Vec<Value>,
}

/// How a task is launched.
#[derive(Debug, Clone, Default)]
pub(super) struct Launch {
    pub(super) cluster: String,
    pub(super) group: String,
    pub(super) started_by: String,
    /// Settings of the service or of the call: its network, where it runs, its overrides.
    pub(super) settings: Settings,
    pub(super) tags: Vec<Value>,
    /// Groups of targets, and the port that they reach.
    pub(super) groups: Vec<(String, u64)>,
}

/// What happened to a task when its time came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happened {
    Nothing,
    /// It runs, and load balancers were told of it.
    Registered,
    Healthy,
    /// It ends by itself, or by its scheduler because it does not answer.
    Failed,
    /// The health checks of the load balancer fail.
    Unhealthy,
    /// What was drained stops.
    Drained,
    Stopped,
    Forgotten,
}

/// Launches a task.
pub(super) fn launch(state: &mut State, definition: &TaskDefinition, launch: Launch, at: Time) -> String {
    let id = state.hex(32);
    let fate = fate::of(state, definition);
    let octet = |digits: &str| u8::from_str_radix(digits, 16).unwrap_or(1);
    let subnets =
        launch.settings.get("networkConfiguration").and_then(|network| network.pointer("/awsvpcConfiguration/subnets"));
    let subnets: Vec<&str> =
        subnets.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    // They are spread over the subnets, each of which is in another zone.
    let number = usize::from(octet(id.get(4..6).unwrap_or_default()));
    let at_subnet = number.checked_rem(subnets.len()).unwrap_or_default();
    let zone = ["a", "b", "c"].get(at_subnet % 3).copied().unwrap_or("a");
    let mut due = at;
    due.pass(PROVISIONING);
    let task = Task {
        arn: state.arn("ecs", &format!("task/{}/{id}", launch.cluster)),
        cluster: launch.cluster.clone(),
        group: launch.group.clone(),
        started_by: launch.started_by.clone(),
        definition: definition.arn.clone(),
        fate,
        stage: Stage::Provisioning,
        is_wanted: true,
        is_healthy: false,
        due: Some(due),
        created: at,
        started: None,
        stopping: None,
        stopped: None,
        ending: None,
        address: format!(
            "10.0.{}.{}",
            octet(id.get(0..2).unwrap_or_default()) % 16,
            octet(id.get(2..4).unwrap_or_default())
        ),
        interface: format!("eni-0{}", id.get(..16).unwrap_or_default()),
        zone: format!("{}{zone}", state.region),
        subnet: subnets.get(at_subnet).copied().unwrap_or_default().to_owned(),
        targets: Vec::new(),
        tags: launch.tags.clone(),
        launch,
        id: id.clone(),
    };
    state.ecs.tasks.insert(id.clone(), task);
    id
}

impl Task {
    pub(super) fn has_stopped(&self) -> bool {
        self.stage == Stage::Stopped
    }

    pub(super) fn is_of_service(&self) -> bool {
        self.group.starts_with("service:")
    }

    /// The group of targets that it is or was in first.
    pub(super) fn target_group(&self) -> Option<&str> {
        self.launch.groups.first().map(|(group, _)| group.as_str())
    }

    pub(super) fn port(&self) -> u64 {
        self.launch.groups.first().map_or(0, |(_, port)| *port)
    }

    pub(super) fn last_status(&self) -> &'static str {
        match self.stage {
            Stage::Provisioning => "PROVISIONING",
            Stage::Pending => "PENDING",
            Stage::Running => "RUNNING",
            Stage::Deactivating => "DEACTIVATING",
            Stage::Stopping => "STOPPING",
            Stage::Deprovisioning => "DEPROVISIONING",
            Stage::Stopped => "STOPPED",
        }
    }

    /// Whether it counts as running: one that is drained still answers.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Deactivating)
    }

    pub(super) fn is_pending(&self) -> bool {
        self.stage < Stage::Running
    }

    fn come(&mut self, stage: Stage, at: Time, then: Duration) {
        self.stage = stage;
        let mut due = at;
        due.pass(then);
        self.due = Some(due);
    }

    /// Begins to stop it: from its load balancers first, then by a signal.
    pub(super) fn stop(&mut self, at: Time, ending: fate::Ending, drain: Duration) {
        if self.stage >= Stage::Deactivating {
            return;
        }
        self.is_wanted = false;
        self.is_healthy = false;
        self.stopping = Some(at);
        self.ending = Some(ending);
        match self.stage {
            Stage::Running if !self.targets.is_empty() => {
                self.targets.iter_mut().for_each(|target| target.state = "draining");
                self.come(Stage::Deactivating, at, drain);
            }
            Stage::Running => self.come(Stage::Stopping, at, STOPPING),
            _ => self.come(Stage::Deprovisioning, at, DEPROVISIONING),
        }
    }
}

/// Lets come what is due for a task.
pub(super) fn advance(state: &mut State, id: &str, at: Time) -> Happened {
    let Some(mut task) = state.ecs.tasks.remove(id) else { return Happened::Nothing };
    task.due = None;
    let happened = match task.stage {
        Stage::Provisioning => {
            task.come(Stage::Pending, at, PENDING);
            Happened::Nothing
        }
        Stage::Pending => start(state, &mut task, at),
        Stage::Running => run_on(state, &mut task, at),
        Stage::Deactivating => {
            task.targets.clear();
            task.come(Stage::Stopping, at, STOPPING);
            Happened::Drained
        }
        Stage::Stopping => {
            task.come(Stage::Deprovisioning, at, DEPROVISIONING);
            Happened::Nothing
        }
        Stage::Deprovisioning => {
            task.targets.clear();
            task.stopped = Some(at);
            task.come(Stage::Stopped, at, REMEMBERED);
            Happened::Stopped
        }
        Stage::Stopped => return Happened::Forgotten,
    };
    state.ecs.tasks.insert(id.to_owned(), task);
    happened
}

/// The end of a task that fails.
fn ending(state: &State, task: &Task) -> fate::Ending {
    task_definition::find(state, &task.definition)
        .map(|definition| fate::ending(state, task, definition))
        .unwrap_or_default()
}

fn start(state: &mut State, task: &mut Task, at: Time) -> Happened {
    if matches!(task.fate, TaskFate::ImageMissing | TaskFate::SecretMissing) {
        let ending = ending(state, task);
        task.stop(at, ending, Duration::ZERO);
        return Happened::Failed;
    }
    task.started = Some(at);
    let groups = task.launch.groups.clone();
    task.targets =
        groups.iter().map(|(group, port)| Target { group: group.clone(), port: *port, state: "initial" }).collect();
    let then = match task.fate {
        TaskFate::OutOfMemory | TaskFate::WrongArchitecture | TaskFate::Exits(_) => FAILING,
        TaskFate::FailsHealthCheck => CHECKS,
        TaskFate::FailsTargetHealth => task.target_group().map_or(CHECKS, |group| elb::until_unhealthy(state, group)),
        _ if !task.is_of_service() => ONCE,
        _ if task.targets.is_empty() => Duration::ZERO,
        _ => HEALTHY,
    };
    task.come(Stage::Running, at, then);
    if task.targets.is_empty() { Happened::Nothing } else { Happened::Registered }
}

fn run_on(state: &mut State, task: &mut Task, at: Time) -> Happened {
    match task.fate {
        TaskFate::FailsTargetHealth if task.targets.iter().any(|target| target.state == "initial") => {
            // The load balancer knows; the scheduler stops it when its time of grace is over.
            task.targets.iter_mut().for_each(|target| target.state = "unhealthy");
            let grace = task.launch.settings.get("healthCheckGracePeriodSeconds").and_then(Value::as_u64);
            let mut end = task.started.unwrap_or(at);
            end.pass(Duration::from_secs(grace.unwrap_or_default()));
            let mut soon = at;
            soon.pass(FAILING);
            task.due = Some(end.max(soon));
            Happened::Nothing
        }
        TaskFate::FailsTargetHealth | TaskFate::FailsHealthCheck => {
            // It stays in its load balancer for as long as any other, and its health is known there.
            let drain = task.target_group().map_or(Duration::ZERO, |group| elb::deregistration_delay(state, group));
            let ending = ending(state, task);
            task.stop(at, ending, drain);
            Happened::Unhealthy
        }
        TaskFate::Serves
        | TaskFate::FailsRequests
        | TaskFate::NoCapacity
        | TaskFate::ImageMissing
        | TaskFate::SecretMissing
            if task.is_of_service() =>
        {
            task.is_healthy = true;
            task.targets.iter_mut().for_each(|target| target.state = "healthy");
            Happened::Healthy
        }
        _ => {
            let ending = ending(state, task);
            if let Some(line) = ending.line {
                write(state, task, line);
            }
            // It is gone already: there is nothing to drain.
            task.targets.clear();
            task.stop(at, ending, Duration::ZERO);
            Happened::Failed
        }
    }
}

/// Writes to where the first container's driver writes: `prefix/container/task`.
fn write(state: &mut State, task: &Task, line: &str) {
    let Some(definition) = task_definition::find(state, &task.definition) else { return };
    let container = definition.settings.get("containerDefinitions").and_then(|containers| containers.get(0)).cloned();
    let Some(container) = container else { return };
    let option = |name: &str| container.get("logConfiguration")?.get("options")?.get(name)?.as_str();
    if let (Some(group), Some(prefix)) = (option("awslogs-group"), option("awslogs-stream-prefix")) {
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        logs::put(state, group, &format!("{prefix}/{name}/{}", task.id), line);
    }
}

impl Task {
    pub(super) fn described(&self, state: &State) -> Value {
        let detail = |name: &str, value: &str| json!({ "name": name, "value": value });
        let attached = match self.stage {
            Stage::Provisioning => "PRECREATED",
            Stage::Stopped => "DELETED",
            _ => "ATTACHED",
        };
        let setting = |name: &str| self.launch.settings.get(name).cloned();
        let definition = task_definition::find(state, &self.definition);
        let size = |name: &str| definition.and_then(|definition| definition.text(name)).map(str::to_owned);
        let time = |time: Option<Time>| time.map(Time::seconds);
        let overrides = setting("overrides").unwrap_or_else(|| json!({ "containerOverrides": [] }));
        let mut described = json!({
            "taskArn": self.arn,
            "clusterArn": state.arn("ecs", &format!("cluster/{}", self.cluster)),
            "taskDefinitionArn": self.definition,
            "group": self.group,
            "startedBy": self.started_by,
            "lastStatus": self.last_status(),
            "desiredStatus": if self.is_wanted { "RUNNING" } else { "STOPPED" },
            "healthStatus": if self.is_healthy { "HEALTHY" } else { "UNKNOWN" },
            "createdAt": self.created.seconds(),
            "availabilityZone": self.zone,
            "connectivity": "CONNECTED",
            "cpu": size("cpu"),
            "memory": size("memory"),
            "enableExecuteCommand": setting("enableExecuteCommand").unwrap_or(json!(false)),
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "version": 1,
            "overrides": overrides,
            "tags": [],
            "attachments": [{
                "id": self.interface, "type": "ElasticNetworkInterface", "status": attached, "details": [
                    detail("subnetId", &self.subnet),
                    detail("networkInterfaceId", &self.interface),
                    detail("privateIPv4Address", &self.address),
                ],
            }],
            "containers": self.containers(definition),
        });
        for (name, value) in
            [("startedAt", time(self.started)), ("stoppingAt", time(self.stopping)), ("stoppedAt", time(self.stopped))]
        {
            if let Some(value) = value {
                insert(&mut described, name, value);
            }
        }
        if let Some(ending) = &self.ending {
            insert(&mut described, "stopCode", ending.stop_code);
            insert(&mut described, "stoppedReason", ending.reason.clone());
        }
        described
    }

    fn containers(&self, definition: Option<&TaskDefinition>) -> Vec<Value> {
        let containers = definition.and_then(|definition| definition.settings.get("containerDefinitions"));
        let mut described = Vec::new();
        for (number, container) in settings::objects(containers).iter().enumerate() {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
            let status = match self.stage {
                Stage::Provisioning | Stage::Pending => "PENDING",
                Stage::Running | Stage::Deactivating => "RUNNING",
                _ => "STOPPED",
            };
            let mut of = json!({
                "containerArn": format!("{}/{number}", self.arn.replacen(":task/", ":container/", 1)),
                "taskArn": self.arn,
                "name": name,
                "image": image,
                "imageDigest": image.split_once('@').map(|(_, digest)| digest),
                "runtimeId": format!("{}-{number}", self.id),
                "lastStatus": status,
                "healthStatus": if self.is_healthy { "HEALTHY" } else { "UNKNOWN" },
                "networkBindings": [],
                "networkInterfaces": [{ "attachmentId": self.interface, "privateIpv4Address": self.address }],
                "cpu": "0",
            });
            let ending = self.ending.as_ref().filter(|_| status == "STOPPED");
            // What fails is the first container; the others are stopped with it.
            if let Some(ending) = ending.filter(|_| self.started.is_some()) {
                let exit_code = if number == 0 { ending.exit_code.unwrap_or_default() } else { 0 };
                insert(&mut of, "exitCode", exit_code);
            }
            if let Some(reason) = ending.and_then(|ending| ending.container_reason.clone()).filter(|_| number == 0) {
                insert(&mut of, "reason", reason);
            }
            described.push(of);
        }
        described
    }
}

pub(super) fn list(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let cluster = cluster(state, asked)?;
    let service = asked.text("serviceName").map(last_part);
    if let Some(name) = service
        && !state.ecs.services.contains_key(&(cluster.clone(), name.to_owned()))
    {
        return Err(Fault::new(400, "ServiceNotFoundException", "Service not found."));
    }
    let is_wanted = asked.text("desiredStatus") != Some("STOPPED");
    let family = asked.text("family").map(|family| format!(":task-definition/{family}:"));
    let found = state.ecs.tasks.values().filter(|task| {
        task.cluster == cluster
            && task.is_wanted == is_wanted
            && service.is_none_or(|name| task.group == format!("service:{name}"))
            && family.as_deref().is_none_or(|family| task.definition.contains(family))
            && asked.text("startedBy").is_none_or(|by| task.started_by == by)
    });
    let mut found: Vec<(Time, &str)> = found.map(|task| (task.created, task.arn.as_str())).collect();
    // The newest first, as ECS mostly says them.
    found.sort();
    let arns: Vec<&str> = found.into_iter().rev().map(|(_, arn)| arn).collect();
    Ok(Reply::of(json!({ "taskArns": arns })))
}

pub(super) fn describe(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let cluster = cluster(state, asked)?;
    let asked_for = asked.list("tasks");
    if asked_for.is_empty() || asked_for.len() > 100 {
        return Err(invalid("Tasks cannot be empty."));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for id in asked_for {
        let task = state.ecs.tasks.get(last_part(&id)).filter(|task| task.cluster == cluster);
        let Some(task) = task else {
            let arn = state.arn("ecs", &format!("task/{cluster}/{}", last_part(&id)));
            failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            continue;
        };
        let mut described = task.described(state);
        if with_tags(asked) {
            insert(&mut described, "tags", task.tags.clone());
        }
        found.push(described);
    }
    Ok(Reply::of(json!({ "tasks": found, "failures": failures })))
}

pub(super) fn run(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let cluster = cluster(state, asked)?;
    let definition = task_definition::usable(state, asked.text("taskDefinition").unwrap_or_default())?.clone();
    let awsvpc = definition.text("networkMode") == Some("awsvpc");
    if awsvpc && !asked.parameters.contains_key("networkConfiguration") {
        return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
    }
    let family = definition.text("family").unwrap_or_default();
    let how = Launch {
        cluster,
        group: asked.text("group").map_or_else(|| format!("family:{family}"), str::to_owned),
        started_by: asked.text("startedBy").unwrap_or_default().to_owned(),
        settings: asked.parameters.clone(),
        tags: settings::objects(asked.parameters.get("tags")).into_iter().map(Value::Object).collect(),
        groups: Vec::new(),
    };
    if fate::of(state, &definition) == TaskFate::NoCapacity {
        let reason = "Capacity is unavailable at this time. Please try again later or in a different availability zone";
        return Ok(Reply::of(json!({ "tasks": [], "failures": [{ "reason": reason }] })));
    }
    let mut tasks = Vec::new();
    for _ in 0..asked.number("count").unwrap_or(1).clamp(1, 10) {
        let now = state.clock;
        let id = launch(state, &definition, how.clone(), now);
        tasks.extend(state.ecs.tasks.get(&id).map(|task| task.described(state)));
    }
    Ok(Reply::of(json!({ "tasks": tasks, "failures": [] })))
}

fn find(state: &State, asked: &Asked) -> Result<String, Fault> {
    let cluster = cluster(state, asked)?;
    let id = last_part(asked.text("task").unwrap_or_default());
    let there = state.ecs.tasks.get(id).filter(|task| task.cluster == cluster);
    there.map(|_| id.to_owned()).ok_or_else(|| invalid("The referenced task was not found."))
}

pub(super) fn stop(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let id = find(state, asked)?;
    let now = state.clock;
    let group = state.ecs.tasks.get(&id).and_then(|task| task.target_group().map(str::to_owned));
    let drain = group.map_or(Duration::ZERO, |group| elb::deregistration_delay(state, &group));
    let ending = fate::Ending {
        stop_code: "UserInitiated",
        reason: asked.text("reason").unwrap_or("Task stopped by user").to_owned(),
        exit_code: Some(0),
        ..fate::Ending::default()
    };
    if let Some(task) = state.ecs.tasks.get_mut(&id) {
        task.stop(now, ending, drain);
    }
    super::rollout::schedule_all(state, now);
    let task = state.ecs.tasks.get(&id).map(|task| task.described(state));
    Ok(Reply::of(json!({ "task": task })))
}

pub(super) fn execute(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let id = find(state, asked)?;
    let session = state.hex(17);
    let task = state.ecs.tasks.get(&id).ok_or_else(|| client("The referenced task was not found."))?;
    let enabled = task.launch.settings.get("enableExecuteCommand") == Some(&json!(true));
    if !enabled || task.stage != Stage::Running {
        return Err(invalid(
            "The execute command failed because execute command was not enabled when the task was run or the execute \
             command agent isn't running. Wait and try again or run a new task with execute command enabled and try \
             again.",
        ));
    }
    let definition = task_definition::find(state, &task.definition);
    let containers = task.containers(definition);
    let named = |of: &&Value| asked.text("container").is_none_or(|name| of.get("name") == Some(&json!(name)));
    let container = containers.iter().find(named).ok_or_else(|| invalid("The referenced container was not found."))?;
    let url =
        format!("wss://ssmmessages.{}.amazonaws.com/v1/data-channel/ecs-execute-command-0{session}", state.region);
    Ok(Reply::of(json!({
        "clusterArn": state.arn("ecs", &format!("cluster/{}", task.cluster)),
        "containerArn": container.get("containerArn"),
        "containerName": container.get("name"),
        "interactive": asked.is_on("interactive"),
        "taskArn": task.arn,
        "session": {
            "sessionId": format!("ecs-execute-command-0{session}"),
            "streamUrl": format!("{url}?role=publish_subscribe"),
            "tokenValue": format!("token-of-{session}"),
        },
    })))
}
