//! ECS: task definitions, services that keep tasks running, and tasks that are run once.
//!
//! - [`task_definition`]: what tasks are made of, with AWS's defaults.
//! - [`service`]: what is asked of services; [`rollout`] does it as time passes.
//! - [`task`]: tasks, from their start to their stop; [`fate`]: what becomes of them.

mod fate;
mod rollout;
mod service;
mod settings;
mod task;
mod task_definition;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

pub use self::fate::TaskFate;
pub(super) use self::{
    rollout::{Rollout, settle},
    service::{Service, change as change_service, end as end_service, make as make_service},
    settings::lowered,
    task::Task,
    task_definition::{
        TaskDefinition, add as add_task_definition, end as end_task_definition, find as task_definition,
    },
};
use super::{
    lambda::Deployed,
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

const CLUSTER: &str = "AWS::ECS::Cluster";

/// Everything of ECS but its clusters, which are among the things.
#[derive(Debug, Clone, Default)]
pub(super) struct Ecs {
    /// By family; the first is revision 1, and nothing is left of one that was deleted.
    pub(super) families: BTreeMap<String, Vec<Option<TaskDefinition>>>,
    /// By cluster and name; those that are gone too, until another takes their name.
    pub(super) services: BTreeMap<(String, String), Service>,
    /// By id; those that stopped too.
    pub(super) tasks: BTreeMap<String, Task>,
    /// What becomes of tasks that run an image whose reference contains this; the last that fits counts.
    fates: Vec<(String, TaskFate)>,
    /// Whether what takes its time comes with the next question.
    hurries: bool,
}

impl Ecs {
    /// Decides what becomes of tasks that run an image whose reference contains this text.
    pub(super) fn destine(&mut self, image: &str, fate: TaskFate) {
        self.fates.push((image.to_owned(), fate));
    }

    /// Has what takes its time come with the next question.
    pub(super) fn hurry(&mut self) {
        self.hurries = true;
    }
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    settle(state);
    match asked.action.as_str() {
        "DescribeClusters" => Ok(clusters(state, asked)),
        "RegisterTaskDefinition" => task_definition::register(state, asked),
        "DescribeTaskDefinition" => task_definition::describe(state, asked),
        "ListTaskDefinitions" => Ok(task_definition::list(state, asked)),
        "DeregisterTaskDefinition" => task_definition::deregister(state, asked),
        "DeleteTaskDefinitions" => Ok(task_definition::delete(state, asked)),
        "CreateService" => service::create(state, asked),
        "UpdateService" => service::update(state, asked),
        "DeleteService" => service::delete(state, asked),
        "DescribeServices" => service::describe(state, asked),
        "ListServices" => service::list(state, asked),
        "ListTasks" => task::list(state, asked),
        "DescribeTasks" => task::describe(state, asked),
        "RunTask" => task::run(state, asked),
        "StopTask" => task::stop(state, asked),
        "ExecuteCommand" => task::execute(state, asked),
        "TagResource" => tag(state, asked),
        "UntagResource" => untag(state, asked),
        "ListTagsForResource" => {
            let tags = tags_of(state, asked)?.clone();
            Ok(Reply::of(json!({ "tags": tags })))
        }
        _ => Err(unknown(asked)),
    }
}

pub(super) fn client(message: impl Into<String>) -> Fault {
    Fault::new(400, "ClientException", message)
}

pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterException", message)
}

/// The last part of an ARN; a name stays what it is.
fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// The cluster that a call is about.
fn cluster(state: &State, asked: &Asked) -> Result<String, Fault> {
    let name = last_part(asked.text("cluster").unwrap_or("default")).to_owned();
    cluster_named(state, &name).map(|()| name)
}

fn cluster_named(state: &State, name: &str) -> Result<(), Fault> {
    let key = (CLUSTER.to_owned(), name.to_owned());
    let missing = || Fault::new(400, "ClusterNotFoundException", "Cluster not found.");
    state.things.contains_key(&key).then_some(()).ok_or_else(missing)
}

/// What answers for a group of targets, as whoever deployed it last sees it: the newest of its healthy tasks.
pub(super) fn behind(state: &State, groups: &[String]) -> Option<Deployed> {
    let answers =
        |task: &&Task| task.targets.iter().any(|target| target.state == "healthy" && groups.contains(&target.group));
    let task = state
        .ecs
        .tasks
        .values()
        .filter(answers)
        .max_by_key(|task| task_definition(state, &task.definition).map(TaskDefinition::revision))?;
    let definition = task_definition(state, &task.definition)?;
    let container = definition.settings.get("containerDefinitions")?.as_array()?.first()?;
    let variables = container.get("environment").and_then(Value::as_array).into_iter().flatten();
    let variable = |of: &Value| Some((of.get("name")?.as_str()?.to_owned(), of.get("value")?.as_str()?.to_owned()));
    Some(Deployed {
        function_name: last_part(&task.group).rsplit(':').next().unwrap_or_default().to_owned(),
        qualifier: None,
        version: container.get("image")?.as_str()?.to_owned(),
        code: Bytes::new(),
        environment: variables.filter_map(variable).collect(),
        handler: String::new(),
        memory: 0,
        timeout: 0,
        auth_type: None,
        invoke_mode: None,
    })
}

/// Makes a cluster as somebody else would.
pub(super) fn make_cluster(state: &mut State, name: &str) {
    state.things.insert((CLUSTER.to_owned(), name.to_owned()), json!({ "ClusterName": name }));
}

/// Why a cluster cannot be deleted, if it cannot.
pub(super) fn holds_cluster(state: &State, name: &str) -> Option<(&'static str, &'static str)> {
    let mut services = state.ecs.services.values().filter(|service| service.cluster == name);
    if services.any(|service| service.status != "INACTIVE") {
        let message = "The Cluster cannot be deleted while Services are active.";
        return Some(("ClusterContainsServicesException", message));
    }
    let mut tasks = state.ecs.tasks.values().filter(|task| task.cluster == name);
    let holds = tasks.any(|task| !task.has_stopped());
    holds.then_some(("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."))
}

fn clusters(state: &State, asked: &Asked) -> Reply {
    let mut names = asked.list("clusters");
    if names.is_empty() {
        names.push("default".to_owned());
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let name = last_part(&name);
        let arn = state.arn("ecs", &format!("cluster/{name}"));
        let Some(properties) = state.things.get(&(CLUSTER.to_owned(), name.to_owned())) else {
            failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            continue;
        };
        let services = state.ecs.services.values().filter(|service| service.cluster == name);
        let active = services.filter(|service| service.status == "ACTIVE").count();
        let tasks = |status: &str| {
            let tasks = state.ecs.tasks.values().filter(|task| task.cluster == name);
            tasks.filter(|task| task.last_status() == status).count()
        };
        let lowered = settings::lowered(properties);
        let member = |name: &str| lowered.get(name).cloned().unwrap_or_else(|| json!([]));
        found.push(json!({
            "clusterArn": arn,
            "clusterName": name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": tasks("RUNNING"),
            "pendingTasksCount": tasks("PENDING") + tasks("PROVISIONING"),
            "activeServicesCount": active,
            "statistics": [],
            "tags": member("tags"),
            "settings": member("clusterSettings"),
            "capacityProviders": member("capacityProviders"),
            "defaultCapacityProviderStrategy": member("defaultCapacityProviderStrategy"),
        }));
    }
    Reply::of(json!({ "clusters": found, "failures": failures }))
}

/// The tags of a service, a task definition or a task.
fn tags_of<'a>(state: &'a mut State, asked: &Asked) -> Result<&'a mut Vec<Value>, Fault> {
    let arn = asked.text("resourceArn").unwrap_or_default();
    let missing = || invalid("The specified resource could not be found.");
    let ecs = &mut state.ecs;
    if arn.contains(":task-definition/") {
        let mut definitions = ecs.families.values_mut().flatten().flatten();
        return definitions.find(|of| of.arn == arn).map(|of| &mut of.tags).ok_or_else(missing);
    }
    if arn.contains(":task/") {
        return ecs.tasks.get_mut(last_part(arn)).map(|task| &mut task.tags).ok_or_else(missing);
    }
    let mut services = ecs.services.values_mut();
    services.find(|of| of.arn == arn && of.status != "INACTIVE").map(|of| &mut of.tags).ok_or_else(missing)
}

fn tag(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let added = settings::objects(asked.parameters.get("tags"));
    let tags = tags_of(state, asked)?;
    for tag in added {
        tags.retain(|there| there.get("key") != tag.get("key"));
        tags.push(Value::Object(tag));
    }
    Ok(Reply::empty())
}

fn untag(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let keys = asked.list("tagKeys");
    let tags = tags_of(state, asked)?;
    tags.retain(|tag| !tag.get("key").and_then(Value::as_str).is_some_and(|key| keys.iter().any(|gone| gone == key)));
    Ok(Reply::empty())
}

/// Whether an answer is to say the tags.
fn with_tags(asked: &Asked) -> bool {
    asked.list("include").iter().any(|include| include == "TAGS")
}

/// What is there, in an answer.
fn insert(members: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = members.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

type Settings = Map<String, Value>;
