//! ECS in the words of this crate. What is sent is JSON that the emitters write, and what comes back stays JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Deployer, raw::Exchange};
use crate::{
    error::AwsError,
    service::{ServiceName, ServiceState, Task, TaskDefinition},
};

/// What ECS says of a service that is not there.
const NO_SERVICE: [&str; 3] = ["ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"];
/// ECS has no code of its own for a task definition that is not there.
const NO_TASK_DEFINITION: [&str; 3] = ["Unable to describe task definition", "not found", "does not exist"];
/// What passes by itself and is no throttling to the SDK: two that register the same family at the same time, a role that
/// is so new that it is not known everywhere, and a target group whose listener is just being made.
const PASSING: [&str; 4] = [
    "Too many concurrent attempts",
    "Unable to assume role",
    "Unable to assume the service linked role",
    "does not have an associated load balancer",
];
/// A new role is known everywhere within a minute, mostly.
const TRIES: u32 = 12;
const PAUSE: Duration = Duration::from_secs(5);
/// What `DescribeTasks` takes at a time.
const TASKS_AT_A_TIME: usize = 100;
/// What `DeleteTaskDefinitions` takes at a time.
const DEFINITIONS_AT_A_TIME: usize = 10;

impl Deployer {
    /// Looks whether a cluster is there and takes services.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn has_cluster(&self, name: &str) -> Result<bool, AwsError> {
        let exchange = Exchange::of(&json!({ "clusters": [name] }));
        let sent = self.ecs.describe_clusters().customize().interceptor(exchange.clone()).send().await;
        let found = exchange.answer(format!("look at the cluster `{name}`"), sent)?;
        let status = found.pointer("/clusters/0/status").and_then(Value::as_str);
        Ok(matches!(status, Some("ACTIVE" | "PROVISIONING")))
    }

    /// Reads a service with its tags; `None` when there is none, when it was deleted, and when its cluster is gone.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn service(&self, name: &ServiceName) -> Result<Option<ServiceState>, AwsError> {
        let body = json!({ "cluster": name.cluster, "services": [name.service], "include": ["TAGS"] });
        let exchange = Exchange::of(&body);
        let sent = self.ecs.describe_services().customize().interceptor(exchange.clone()).send().await;
        let found = match exchange.answer(format!("look at the service `{name}`"), sent) {
            Err(error) if not_there(&error) => return Ok(None),
            found => found?,
        };
        let state = found.pointer("/services/0").cloned().map(ServiceState::from);
        Ok(state.filter(|state| state.status != "INACTIVE"))
    }

    /// Creates a service and returns it as AWS has it. What is said twice within some minutes makes one service: a call
    /// whose answer was lost is repeated under the same token.
    ///
    /// # Errors
    ///
    /// When AWS refuses it; what passes by itself is waited for, at most a minute.
    pub async fn create_service(&self, body: &Value) -> Result<ServiceState, AwsError> {
        let name = text(body, "serviceName");
        let body = with_token(body);
        let mut tries = 1..TRIES;
        loop {
            let exchange = Exchange::of(&body);
            let sent = self.ecs.create_service().customize().interceptor(exchange.clone()).send().await;
            match exchange.answer(format!("create the service `{name}`"), sent) {
                Err(error) if passes(&error) && tries.next().is_some() => self.sleep(PAUSE).await,
                created => return Ok(ServiceState::from(created?.get("service").cloned().unwrap_or_default())),
            }
        }
    }

    /// Changes a service: what `changed` has of UpdateService's members, and nothing else of it.
    ///
    /// With another task definition, or with `forceNewDeployment`, a rollout begins; [`rollout`](Self::rollout) awaits it.
    ///
    /// # Errors
    ///
    /// When AWS refuses it; what passes by itself is waited for, at most a minute.
    pub async fn update_service(&self, name: &ServiceName, changed: &Value) -> Result<ServiceState, AwsError> {
        let body = with(changed, [("cluster", &name.cluster), ("service", &name.service)]);
        let mut tries = 1..TRIES;
        loop {
            let exchange = Exchange::of(&body);
            let sent = self.ecs.update_service().customize().interceptor(exchange.clone()).send().await;
            match exchange.answer(format!("change the service `{name}`"), sent) {
                Err(error) if passes(&error) && tries.next().is_some() => self.sleep(PAUSE).await,
                updated => return Ok(ServiceState::from(updated?.get("service").cloned().unwrap_or_default())),
            }
        }
    }

    /// Has as many tasks run. Repeating it changes nothing; where the service scales by itself, it may be other soon.
    ///
    /// # Errors
    ///
    /// When AWS refuses it.
    pub async fn scale_service(&self, name: &ServiceName, desired: u32) -> Result<ServiceState, AwsError> {
        self.update_service(name, &json!({ "desiredCount": desired })).await
    }

    /// Has a service deleted, tasks and all; one that is gone is no error.
    pub(crate) async fn delete_service(&self, name: &ServiceName) -> Result<(), AwsError> {
        let body = json!({ "cluster": name.cluster, "service": name.service, "force": true });
        let exchange = Exchange::of(&body);
        let sent = self.ecs.delete_service().customize().interceptor(exchange.clone()).send().await;
        match exchange.answer(format!("delete the service `{name}`"), sent) {
            Err(error) if !not_there(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Puts tags on a service, a task definition or a cluster; those of the same key are replaced.
    ///
    /// # Errors
    ///
    /// When AWS refuses it.
    pub async fn tag_ecs(&self, arn: &str, tags: &[(&str, &str)]) -> Result<(), AwsError> {
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let exchange = Exchange::of(&json!({ "resourceArn": arn, "tags": tags }));
        let sent = self.ecs.tag_resource().customize().interceptor(exchange.clone()).send().await;
        exchange.answer(format!("put tags on `{arn}`"), sent).map(drop)
    }

    /// Reads a task definition with its tags, by its ARN, `family:revision`, or its family alone, which means the newest;
    /// `None` when there is none. One that was deregistered is still there, with another status.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn task_definition(&self, name_or_arn: &str) -> Result<Option<TaskDefinition>, AwsError> {
        let exchange = Exchange::of(&json!({ "taskDefinition": name_or_arn, "include": ["TAGS"] }));
        let sent = self.ecs.describe_task_definition().customize().interceptor(exchange.clone()).send().await;
        match exchange.answer(format!("read the task definition `{name_or_arn}`"), sent) {
            Ok(found) => Ok(TaskDefinition::of(found)),
            Err(error) if no_task_definition(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Registers a revision and returns its ARN. Repeating it makes another one.
    ///
    /// # Errors
    ///
    /// When AWS refuses it.
    pub async fn register_task_definition(&self, body: &Value) -> Result<String, AwsError> {
        let family = text(body, "family");
        let attempt = format!("register the task definition `{family}`");
        let mut tries = 1..TRIES;
        loop {
            let exchange = Exchange::of(body);
            let sent = self.ecs.register_task_definition().customize().interceptor(exchange.clone()).send().await;
            let registered = match exchange.answer(attempt.as_str(), sent) {
                Err(error) if passes(&error) && tries.next().is_some() => {
                    self.sleep(PAUSE).await;
                    continue;
                }
                registered => registered?,
            };
            let arn = registered.pointer("/taskDefinition/taskDefinitionArn").and_then(Value::as_str);
            return match arn {
                Some(arn) => Ok(arn.to_owned()),
                None => Err(AwsError::refused(attempt, None, Some("the answer names none"))),
            };
        }
    }

    /// Lists the active revisions of a family by their ARNs, newest first.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub async fn task_definitions(&self, family: &str) -> Result<Vec<String>, AwsError> {
        let body = json!({ "familyPrefix": family, "status": "ACTIVE", "sort": "DESC" });
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let exchange = Exchange::of(&paged(&body, next));
            let sent = self.ecs.list_task_definitions().customize().interceptor(exchange.clone()).send().await;
            let page = exchange.answer(format!("list the revisions of `{family}`"), sent)?;
            found.extend(texts(page.get("taskDefinitionArns")));
            next = page.get("nextToken").and_then(Value::as_str).map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deregisters revisions and has them deleted; those that are gone are no error. Tasks that run from them run on.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub async fn remove_task_definitions(&self, arns: &[String]) -> Result<(), AwsError> {
        for arn in arns {
            let exchange = Exchange::of(&json!({ "taskDefinition": arn }));
            let sent = self.ecs.deregister_task_definition().customize().interceptor(exchange.clone()).send().await;
            match exchange.answer(format!("deregister the task definition `{arn}`"), sent) {
                Err(error) if !no_task_definition(&error) && !error.says("is not active") => return Err(error),
                _ => {}
            }
        }
        for arns in arns.chunks(DEFINITIONS_AT_A_TIME) {
            let exchange = Exchange::of(&json!({ "taskDefinitions": arns }));
            let sent = self.ecs.delete_task_definitions().customize().interceptor(exchange.clone()).send().await;
            // What could not be deleted is told in the answer, and is out of use all the same: what a task still runs from
            // is deleted when the task ends.
            exchange.answer("delete old task definitions", sent)?;
        }
        Ok(())
    }

    /// Lists the tasks of a service that are to run, or those that ended within the last hour; none where the service is
    /// gone.
    pub(crate) async fn task_arns(&self, name: &ServiceName, state: Desired) -> Result<Vec<String>, AwsError> {
        let body = json!({ "cluster": name.cluster, "serviceName": name.service, "desiredStatus": state.as_str() });
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let exchange = Exchange::of(&paged(&body, next));
            let sent = self.ecs.list_tasks().customize().interceptor(exchange.clone()).send().await;
            let page = match exchange.answer(format!("list the tasks of `{name}`"), sent) {
                Err(error) if not_there(&error) => return Ok(found),
                page => page?,
            };
            found.extend(texts(page.get("taskArns")));
            next = page.get("nextToken").and_then(Value::as_str).map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Reads tasks; those that are forgotten, and all of a cluster that is gone, are left out.
    pub(crate) async fn tasks(&self, cluster: &str, arns: &[String]) -> Result<Vec<Task>, AwsError> {
        let mut found = Vec::new();
        for arns in arns.chunks(TASKS_AT_A_TIME) {
            let exchange = Exchange::of(&json!({ "cluster": cluster, "tasks": arns }));
            let sent = self.ecs.describe_tasks().customize().interceptor(exchange.clone()).send().await;
            let page = match exchange.answer("look at the tasks", sent) {
                Err(error) if not_there(&error) => return Ok(found),
                page => page?,
            };
            found.extend(page.get("tasks").and_then(Value::as_array).into_iter().flatten().map(Task::from));
        }
        Ok(found)
    }

    /// Starts one task beside the service and returns it. A call whose answer was lost is repeated under the same token.
    pub(crate) async fn start_task(&self, body: &Value) -> Result<Task, AwsError> {
        let attempt = "start a task";
        let exchange = Exchange::of(&with_token(body));
        let sent = self.ecs.run_task().customize().interceptor(exchange.clone()).send().await;
        let started = exchange.answer(attempt, sent)?;
        match started.pointer("/tasks/0") {
            Some(task) => Ok(Task::from(task)),
            None => {
                let said = |name: &str| started.pointer(&format!("/failures/0/{name}")).and_then(Value::as_str);
                Err(AwsError::refused(attempt.to_owned(), said("reason"), said("detail")))
            }
        }
    }

    /// Has a task stopped; one that is gone is no error.
    pub(crate) async fn stop_task(&self, cluster: &str, task: &str, reason: &str) -> Result<(), AwsError> {
        let exchange = Exchange::of(&json!({ "cluster": cluster, "task": task, "reason": reason }));
        let sent = self.ecs.stop_task().customize().interceptor(exchange.clone()).send().await;
        match exchange.answer("stop the task", sent) {
            Err(error) if !not_there(&error) && !error.says("not found") => Err(error),
            _ => Ok(()),
        }
    }

    /// Opens a session in a container. The answer holds a token.
    pub(crate) async fn open_session(&self, body: &Value) -> Result<Value, AwsError> {
        let exchange = Exchange::of(body);
        let sent = self.ecs.execute_command().customize().interceptor(exchange.clone()).send().await;
        exchange.answer("run a command in the task", sent)
    }
}

/// What ECS wants a task to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Desired {
    Running,
    Stopped,
}

impl Desired {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

fn not_there(error: &AwsError) -> bool {
    NO_SERVICE.iter().any(|code| error.is(code))
}

fn no_task_definition(error: &AwsError) -> bool {
    (error.is("ClientException") || error.is("InvalidParameterException"))
        && NO_TASK_DEFINITION.iter().any(|text| error.says(text))
}

fn passes(error: &AwsError) -> bool {
    (error.is("ClientException") || error.is("InvalidParameterException"))
        && PASSING.iter().any(|text| error.says(text))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned))
}

/// An object with more members.
fn with<const N: usize>(value: &Value, members: [(&str, &String); N]) -> Value {
    let mut map = value.as_object().cloned().unwrap_or_else(Map::new);
    map.extend(members.map(|(name, value)| (name.to_owned(), Value::String(value.clone()))));
    Value::Object(map)
}

fn paged(body: &Value, next: Option<String>) -> Value {
    match next {
        Some(token) => with(body, [("nextToken", &token)]),
        None => body.clone(),
    }
}

/// Names a call, so that the same one again does nothing more. Without random numbers it has no name, and a lost answer
/// may be an error.
fn with_token(body: &Value) -> Value {
    let mut bytes = [0; 16];
    if body.get("clientToken").is_some() || getrandom::fill(&mut bytes).is_err() {
        return body.clone();
    }
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    with(body, [("clientToken", &token)])
}
