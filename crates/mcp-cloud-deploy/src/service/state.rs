//! A service, its task definition and its tasks, as AWS has them.

use std::{collections::BTreeMap, fmt};

use aws_smithy_types::{DateTime, date_time::Format};
use serde::Serialize;
use serde_json::Value;

/// A service, and the cluster it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceName {
    /// The cluster: its name or its ARN.
    pub cluster: String,
    /// The service's own name.
    pub service: String,
}

/// As it stands in errors.
impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", last(&self.cluster), self.service)
    }
}

/// What is known of a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceState {
    /// `ACTIVE`, or `DRAINING` while its last tasks end.
    pub status: String,
    /// How many tasks are to run.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are about to.
    pub pending: u32,
    /// The ARN of the task definition that new tasks are made from.
    pub task_definition: String,
    /// Its deployments, the current one (`PRIMARY`) first.
    pub deployments: Vec<Rollout>,
    /// What happened to it, oldest first; AWS keeps a hundred.
    pub events: Vec<ServiceEvent>,
    /// What AWS answered.
    #[serde(skip)]
    pub raw: Value,
}

/// A deployment of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rollout {
    /// Its id, by which tasks know that they are of it.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` while it makes room for another, `INACTIVE`.
    pub status: String,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`; absent where something else than ECS deploys.
    pub rollout_state: Option<String>,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// How many of its tasks failed since one of them ran.
    pub failed_tasks: u32,
    /// How many of its tasks run.
    pub running: u32,
    /// How many are to run.
    pub desired: u32,
    /// How many are about to.
    pub pending: u32,
    /// The ARN of its task definition.
    pub task_definition: String,
    /// When it began, in milliseconds since 1970.
    pub created: Option<i64>,
}

/// What happened to a service, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceEvent {
    /// Its id.
    pub id: String,
    /// When, in RFC 3339.
    pub at: Option<String>,
    /// What.
    pub message: String,
    /// When, in milliseconds since 1970.
    #[serde(skip)]
    pub(super) millis: Option<i64>,
}

/// A revision of a task definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskDefinition {
    /// Its ARN.
    pub arn: String,
    /// The family that it is a revision of.
    pub family: String,
    /// Its number.
    pub revision: u64,
    /// `ACTIVE`; `INACTIVE` when it was deregistered; `DELETE_IN_PROGRESS`.
    pub status: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What AWS answered: the task definition itself, with the tags as a member of it.
    #[serde(skip)]
    pub raw: Value,
}

/// How a target of the load balancer does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TargetHealth {
    /// The address of the task.
    pub target: String,
    /// The port of the task.
    pub port: Option<u16>,
    /// `initial`, `healthy`, `unhealthy`, `draining`, `unused`, …
    pub state: String,
    /// AWS's code of why, such as `Target.ResponseCodeMismatch`.
    pub reason: Option<String>,
    /// AWS's sentence of why.
    pub description: Option<String>,
}

/// As it stands in a list.
impl fmt::Display for TargetHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "target {}", self.target)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, " is {}", self.state)?;
        match self.description.as_deref().or(self.reason.as_deref()) {
            Some(reason) => write!(f, ": {}", reason.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// The ARN of its task definition.
    pub task_definition: String,
    /// Who started it; for one of a service, the id of the deployment.
    pub started_by: String,
    /// Where it is on its way: `PROVISIONING`, `PENDING`, `RUNNING`, `DEPROVISIONING`, `STOPPED`, …
    pub status: String,
    /// Its address in the network, once it has one.
    pub address: Option<String>,
    /// When it stopped, or began to, in milliseconds since 1970.
    pub stopped: Option<i64>,
    /// What AWS answered.
    pub raw: Value,
}

impl Task {
    /// Its id, which is the end of its ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        last(&self.arn)
    }
}

/// The name at the end of an ARN, or the name itself.
pub(super) fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

pub(super) fn text(value: &Value, name: &str) -> String {
    optional(value, name).unwrap_or_default()
}

pub(super) fn optional(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn count(value: &Value, name: &str) -> u32 {
    value.get(name).and_then(Value::as_u64).and_then(|count| count.try_into().ok()).unwrap_or_default()
}

/// AWS says seconds with a fraction.
fn millis(value: &Value, name: &str) -> Option<i64> {
    let seconds = value.get(name)?.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "there are not that many milliseconds")]
    Some((seconds * 1000.0).round() as i64)
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

impl From<Value> for ServiceState {
    fn from(raw: Value) -> Self {
        let mut deployments: Vec<_> = items(&raw, "deployments").map(Rollout::from).collect();
        deployments.sort_by_key(|deployment| deployment.status != "PRIMARY");
        let mut events: Vec<_> = items(&raw, "events").map(ServiceEvent::from).collect();
        events.reverse();
        Self {
            status: text(&raw, "status"),
            desired: count(&raw, "desiredCount"),
            running: count(&raw, "runningCount"),
            pending: count(&raw, "pendingCount"),
            task_definition: text(&raw, "taskDefinition"),
            deployments,
            events,
            raw,
        }
    }
}

impl ServiceState {
    /// The deployment that is to be.
    #[must_use]
    pub fn primary(&self) -> Option<&Rollout> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    /// The ARN of the service.
    #[must_use]
    pub fn arn(&self) -> String {
        text(&self.raw, "serviceArn")
    }

    /// The target groups that its tasks are targets of, by their ARNs. Where deployments move requests from one group to
    /// another, both are among them: a task is in one of the two.
    pub fn target_groups(&self) -> impl Iterator<Item = &str> {
        items(&self.raw, "loadBalancers").flat_map(|one| {
            let groups = ["/targetGroupArn", "/advancedConfiguration/alternateTargetGroupArn"];
            groups.into_iter().filter_map(move |path| one.pointer(path)?.as_str())
        })
    }

    /// How many target groups each of its tasks is in.
    #[must_use]
    pub fn memberships(&self) -> usize {
        items(&self.raw, "loadBalancers").filter(|one| one.get("targetGroupArn").is_some()).count()
    }
}

impl From<&Value> for Rollout {
    fn from(raw: &Value) -> Self {
        Self {
            id: text(raw, "id"),
            status: text(raw, "status"),
            rollout_state: optional(raw, "rolloutState"),
            reason: optional(raw, "rolloutStateReason"),
            failed_tasks: count(raw, "failedTasks"),
            running: count(raw, "runningCount"),
            desired: count(raw, "desiredCount"),
            pending: count(raw, "pendingCount"),
            task_definition: text(raw, "taskDefinition"),
            created: millis(raw, "createdAt"),
        }
    }
}

impl From<&Value> for ServiceEvent {
    fn from(raw: &Value) -> Self {
        let millis = millis(raw, "createdAt");
        let at = millis.and_then(|millis| DateTime::from_secs(millis.div_euclid(1000)).fmt(Format::DateTime).ok());
        Self { id: text(raw, "id"), at, message: text(raw, "message"), millis }
    }
}

impl TaskDefinition {
    pub(crate) fn of(mut answer: Value) -> Option<Self> {
        let mut raw = answer.get_mut("taskDefinition")?.take();
        let tags = answer.get_mut("tags").map(Value::take).filter(|tags| !tags.is_null());
        if let (Some(raw), Some(tags)) = (raw.as_object_mut(), tags) {
            raw.insert("tags".to_owned(), tags);
        }
        Some(Self {
            arn: optional(&raw, "taskDefinitionArn")?,
            family: text(&raw, "family"),
            revision: raw.get("revision").and_then(Value::as_u64).unwrap_or_default(),
            status: text(&raw, "status"),
            tags: items(&raw, "tags").map(|tag| (text(tag, "key"), text(tag, "value"))).collect(),
            raw,
        })
    }
}

impl From<&Value> for Task {
    fn from(raw: &Value) -> Self {
        let interface =
            |container: &Value| optional(items(container, "networkInterfaces").next()?, "privateIpv4Address");
        let attached = || {
            let details = items(raw, "attachments").flat_map(|attachment| items(attachment, "details"));
            let mut addresses = details.filter(|detail| text(detail, "name") == "privateIPv4Address");
            addresses.find_map(|detail| optional(detail, "value"))
        };
        Self {
            arn: text(raw, "taskArn"),
            task_definition: text(raw, "taskDefinitionArn"),
            started_by: text(raw, "startedBy"),
            status: text(raw, "lastStatus"),
            address: items(raw, "containers").find_map(interface).or_else(attached),
            stopped: millis(raw, "stoppedAt").or_else(|| millis(raw, "stoppingAt")),
            raw: raw.clone(),
        }
    }
}
