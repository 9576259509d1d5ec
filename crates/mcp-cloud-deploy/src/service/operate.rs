//! What is done to a service between deployments: tasks beside it, sessions in it, rest and work, and its removal.

use std::{fmt, time::Duration};

use mcp_cloud_app::{App, Target};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    error::Error,
    reason::TaskStop,
    rollout::RolloutEvent,
    scaling::Rest,
    state::{ServiceName, ServiceState, Task, TaskDefinition, last, optional, text},
};
use crate::{
    aws::{Deployer, Desired},
    observe::Stack,
};

const POLL: Duration = Duration::from_secs(3);
/// Tasks have at most two minutes to end, and the load balancer may keep their connections for as long before.
const REMOVAL: Duration = Duration::from_secs(20 * 60);
/// Who has started a task beside the service.
const STARTED_BY: &str = "mcp-cloud";
/// By this variable the plugin of the session manager takes the session, whose token would otherwise be in the list of
/// processes (<https://github.com/aws/session-manager-plugin>, release 1.2.497.0).
const SESSION_VARIABLE: &str = "AWS_SSM_START_SESSION_RESPONSE";

/// A task that is run beside the service, once.
#[derive(Clone, PartialEq)]
pub struct OneOff {
    /// The container whose program is another one than usual, and whose exit code counts.
    pub container: String,
    /// What is run there; the image's own program where it is empty.
    pub command: Vec<String>,
    /// For how long it may go on.
    pub limit: Duration,
}

impl fmt::Debug for OneOff {
    /// Arguments may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneOff").field("container", &self.container).finish_non_exhaustive()
    }
}

/// What became of a task that was run once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskRun {
    /// The task's id.
    pub task: String,
    /// What its program exited with; absent where it never ran.
    pub exit_code: Option<i64>,
    /// Why it stopped, in AWS's words.
    pub stop: TaskStop,
    /// Where it wrote its log.
    pub log: Option<LogStream>,
}

/// A stream of logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogStream {
    /// The log group.
    pub group: String,
    /// The stream in it.
    pub stream: String,
}

/// A session in a container, for the plugin of the session manager to take up.
#[derive(Clone, PartialEq)]
pub struct ExecSession {
    /// The task's id.
    pub task: String,
    /// The name and the value of the variable that the plugin finds the session in. The value holds a token.
    pub variable: (&'static str, String),
    /// What the plugin is run with, without its own name: the variable, the region, the operation, no profile, the target.
    pub arguments: Vec<String>,
}

impl fmt::Debug for ExecSession {
    /// The token stays out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSession").field("task", &self.task).finish_non_exhaustive()
    }
}

/// How many tasks a service has, and had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scaled {
    /// How many it was to have before.
    pub before: u32,
    /// How many it is to have.
    pub tasks: u32,
    /// Between which numbers it changes that by itself; absent where it does not.
    pub bounds: Option<(u32, u32)>,
}

impl Scaled {
    /// Whether scaling will have another number soon.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.bounds.is_some_and(|(least, most)| !(least..=most).contains(&self.tasks))
    }
}

/// Whether something had to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switched {
    /// It was otherwise before.
    Now,
    /// It was so already.
    Before,
}

impl Deployer {
    /// Finds the service that an app runs as.
    ///
    /// # Errors
    ///
    /// [`Error::NoService`] where nothing of ours is deployed, [`Error::NotAService`] where it is a function;
    /// [`crate::Error::Aws`] when a call fails.
    pub async fn service_of(&self, app: &App) -> Result<ServiceName, crate::Error> {
        let cluster = app.ecs.cluster.clone().unwrap_or_else(|| app.name.clone());
        let service = ServiceName { cluster, service: app.name.clone() };
        match self.observe_stack(&app.name).await?.filter(Stack::is_ours) {
            None => Err(Error::NoService { service }.into()),
            Some(stack) if stack.target() != Target::Ecs => Err(Error::NotAService { app: app.name.clone() }.into()),
            Some(_) => Ok(service),
        }
    }

    /// Waits until a service has as many tasks as it is to have, each of the revision that it is of, and each healthy.
    ///
    /// # Errors
    ///
    /// [`Error::NoService`]; [`Error::Rollout`] as [`rollout`](Self::rollout) has it; [`crate::Error::Aws`] when a call fails.
    pub async fn wait_for_tasks(
        &self,
        name: &ServiceName,
        limit: Duration,
        report: &dyn Fn(&RolloutEvent),
    ) -> Result<(), crate::Error> {
        let state = self.present(name).await?;
        self.rollout(name, &state.task_definition, limit, report).await
    }

    /// Has a service run this many tasks, and says what it did before and between which numbers it scales by itself.
    ///
    /// # Errors
    ///
    /// [`Error::NoService`]; [`crate::Error::Aws`] when a call fails.
    pub async fn set_tasks(&self, name: &ServiceName, desired: u32) -> Result<Scaled, crate::Error> {
        let state = self.present(name).await?;
        let target = self.scalable_target(name).await?;
        let bound = |member: &str| target.as_ref()?.get(member)?.as_u64()?.try_into().ok();
        let bounds = bound("MinCapacity").zip(bound("MaxCapacity"));
        if state.desired != desired {
            self.scale_service(name, desired).await?;
        }
        Ok(Scaled { before: state.desired, tasks: desired, bounds })
    }

    /// Runs a task once, as the service runs its own: the same revision, in the same network. Waits until it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::NoService`]; [`Error::TaskTooLong`], after the task was stopped; [`crate::Error::Aws`] when a call fails, or
    /// there is no room for the task.
    pub async fn run_task(&self, name: &ServiceName, one_off: &OneOff) -> Result<TaskRun, crate::Error> {
        let state = self.present(name).await?;
        let started = self.start_task(&one_off_body(name, &state, one_off)).await?;
        let definition = self.task_definition(&started.task_definition).await?;
        let mut waited = Duration::ZERO;
        let ended = loop {
            // What was just started may not be seen everywhere yet.
            let task = self.tasks(&name.cluster, std::slice::from_ref(&started.arn)).await?.pop();
            if let Some(task) = task.filter(|task| task.status == "STOPPED") {
                break task;
            }
            if waited >= one_off.limit {
                self.stop_task(&name.cluster, &started.arn, "mcp-cloud: it took too long").await?;
                let too_long = Error::TaskTooLong { task: started.id().to_owned(), limit: one_off.limit };
                return Err(too_long.into());
            }
            self.sleep(POLL).await;
            waited += POLL;
        };
        let stop = TaskStop::from(&ended);
        let container = stop.containers.iter().find(|container| container.name == one_off.container);
        Ok(TaskRun {
            task: ended.id().to_owned(),
            exit_code: container.and_then(|container| container.exit_code),
            log: definition.and_then(|definition| log_stream(&definition, &one_off.container, ended.id())),
            stop,
        })
    }

    /// Opens a session with a command in a container of a task of the service: the one that is named by its id, or any.
    ///
    /// # Errors
    ///
    /// [`Error::NoTask`]; [`Error::NoSessions`] where commands are not allowed, or the agent does not run yet;
    /// [`crate::Error::Aws`] when a call fails.
    pub async fn execute_command(
        &self,
        name: &ServiceName,
        task: Option<&str>,
        container: &str,
        command: &[String],
    ) -> Result<ExecSession, crate::Error> {
        let running = self.task_arns(name, Desired::Running).await?;
        let mut tasks = self.tasks(&name.cluster, &running).await?;
        tasks.retain(|found| found.status == "RUNNING" && task.is_none_or(|task| found.id() == task));
        let takes_commands = |task: &Task| task.raw.get("enableExecuteCommand").and_then(Value::as_bool) == Some(true);
        let Some(found) = tasks.iter().find(|task| takes_commands(task)).or(tasks.first()) else {
            return Err(Error::NoTask { service: name.clone(), task: task.map(str::to_owned) }.into());
        };
        let containers = found.raw.get("containers").and_then(Value::as_array).into_iter().flatten();
        let runtime_id =
            containers.filter(|one| text(one, "name") == container).find_map(|one| optional(one, "runtimeId"));
        let (true, Some(runtime_id)) = (takes_commands(found), runtime_id) else {
            return Err(Error::NoSessions { task: found.id().to_owned() }.into());
        };
        let body = json!({
            "cluster": name.cluster,
            "task": found.arn,
            "container": container,
            "command": command_line(command),
            "interactive": true,
        });
        let opened = self.open_session(&body).await?;
        // The plugin reads the names that the session manager itself gives them.
        let session = json!({
            "SessionId": opened.pointer("/session/sessionId"),
            "StreamUrl": opened.pointer("/session/streamUrl"),
            "TokenValue": opened.pointer("/session/tokenValue"),
        });
        let target = format!("ecs:{}_{}_{runtime_id}", last(&name.cluster), found.id());
        let arguments = [
            SESSION_VARIABLE.to_owned(),
            self.region().to_owned(),
            "StartSession".to_owned(),
            String::new(),
            json!({ "Target": target }).to_string(),
        ];
        Ok(ExecSession {
            task: found.id().to_owned(),
            variable: (SESSION_VARIABLE, session.to_string()),
            arguments: arguments.into(),
        })
    }

    /// Lets a service rest: scaling by itself is suspended, so that nothing starts it again, and it has no tasks. Returns
    /// before the last of them has ended.
    ///
    /// # Errors
    ///
    /// [`Error::NoService`]; [`crate::Error::Aws`] when a call fails.
    pub async fn stop_service(&self, name: &ServiceName) -> Result<Switched, crate::Error> {
        let state = self.present(name).await?;
        let suspended = self.suspend_scaling(name, Rest::Begins).await?;
        if state.desired > 0 {
            self.scale_service(name, 0).await?;
        }
        Ok(if suspended || state.desired > 0 { Switched::Now } else { Switched::Before })
    }

    /// Has a service that rests work again: as many tasks as are said, and no fewer than it scales to, which it does by
    /// itself again. One that works is left as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NoService`]; [`crate::Error::Aws`] when a call fails.
    pub async fn start_service(&self, name: &ServiceName, desired: u32) -> Result<Switched, crate::Error> {
        let state = self.present(name).await?;
        let target = self.scalable_target(name).await?;
        let minimum =
            target.and_then(|target| target.get("MinCapacity")?.as_u64()?.try_into().ok()).unwrap_or_default();
        if state.desired == 0 {
            self.scale_service(name, desired.max(minimum)).await?;
        }
        let resumed = self.suspend_scaling(name, Rest::Ends).await?;
        Ok(if resumed || state.desired == 0 { Switched::Now } else { Switched::Before })
    }

    /// Removes a service, and returns when neither it nor one of its tasks is left. One that is gone is no error, and one
    /// that somebody else removes is waited for.
    ///
    /// # Errors
    ///
    /// [`Error::StillThere`] after 20 minutes; [`crate::Error::Aws`] when a call fails.
    pub async fn remove_service(&self, name: &ServiceName) -> Result<(), crate::Error> {
        // Once the service is gone, nothing else says which tasks were its own.
        let mut tasks = self.task_arns(name, Desired::Running).await?;
        tasks.extend(self.task_arns(name, Desired::Stopped).await?);
        if self.service(name).await?.is_some_and(|state| state.status != "DRAINING") {
            self.delete_service(name).await?;
        }
        let mut waited = Duration::ZERO;
        loop {
            let is_there = self.service(name).await?.is_some();
            // An answer costs a call; while the service is there, its tasks are.
            if !is_there && self.tasks(&name.cluster, &tasks).await?.iter().all(|task| task.status == "STOPPED") {
                return Ok(());
            }
            if waited >= REMOVAL {
                return Err(Error::StillThere { service: name.clone(), limit: REMOVAL }.into());
            }
            self.sleep(POLL).await;
            waited += POLL;
        }
    }

    async fn present(&self, name: &ServiceName) -> Result<ServiceState, crate::Error> {
        let state = self.service(name).await?.filter(|state| state.status == "ACTIVE");
        state.ok_or_else(|| Error::NoService { service: name.clone() }.into())
    }
}

/// Words as one line that the agent takes apart again as a shell would, without running one
/// (<https://github.com/aws/amazon-ssm-agent>).
fn command_line(words: &[String]) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    let word = |word: &String| {
        if !word.is_empty() && word.chars().all(harmless) {
            return word.clone();
        }
        format!("'{}'", word.replace('\'', "'\\''"))
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The body of RunTask. It is no task for Spot: nothing starts it a second time.
fn one_off_body(name: &ServiceName, state: &ServiceState, one_off: &OneOff) -> Value {
    let mut overrides = json!({ "name": one_off.container });
    if !one_off.command.is_empty() {
        overrides["command"] = json!(one_off.command);
    }
    let mut body = json!({
        "cluster": name.cluster,
        "taskDefinition": state.task_definition,
        "count": 1,
        "launchType": "FARGATE",
        "startedBy": STARTED_BY,
        "overrides": { "containerOverrides": [overrides] },
    });
    for member in ["networkConfiguration", "platformVersion", "enableECSManagedTags"] {
        if let Some(value) = state.raw.get(member).filter(|value| !value.is_null()) {
            body[member] = value.clone();
        }
    }
    body
}

/// Where a container of a task writes its log, by the name that the driver `awslogs` makes
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html>).
fn log_stream(definition: &TaskDefinition, container: &str, task: &str) -> Option<LogStream> {
    let containers = definition.raw.get("containerDefinitions")?.as_array()?;
    let container = containers.iter().find(|one| text(one, "name") == container)?;
    let options = container.pointer("/logConfiguration/options")?;
    let (group, prefix) = (optional(options, "awslogs-group")?, optional(options, "awslogs-stream-prefix")?);
    Some(LogStream { group, stream: format!("{prefix}/{}/{task}", text(container, "name")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_stay_apart_and_whole() {
        let words = ["/bin/sh", "-c", "echo \"it's $HOME\"", ""].map(str::to_owned);
        assert_eq!(command_line(&words), r#"/bin/sh -c 'echo "it'\''s $HOME"' ''"#);
    }
}
