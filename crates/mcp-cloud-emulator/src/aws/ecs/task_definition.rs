//! Task definitions: families of revisions, each of which stays what it is.

use serde_json::{Map, Value, json};

use super::{Settings, client, insert, settings, with_tags};
use crate::aws::{
    clock::Time,
    state::State,
    wire::{Asked, Fault, Reply},
};

/// CPU units, and the least, the most and the steps of memory in MiB that go with them on Fargate
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>).
const SIZES: &[(u64, u64, u64, u64)] = &[
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// A revision.
#[derive(Debug, Clone)]
pub(in super::super) struct TaskDefinition {
    pub(in super::super) arn: String,
    pub(in super::super) status: &'static str,
    /// As it was given, with the defaults filled in.
    pub(in super::super) settings: Settings,
    pub(in super::super) tags: Vec<Value>,
    registered: Time,
    deregistered: Option<Time>,
    by: String,
}

impl TaskDefinition {
    fn described(&self) -> Value {
        let mut described = Value::Object(self.settings.clone());
        insert(&mut described, "taskDefinitionArn", self.arn.clone());
        insert(&mut described, "revision", self.revision());
        insert(&mut described, "status", self.status);
        insert(&mut described, "registeredAt", self.registered.seconds());
        insert(&mut described, "registeredBy", self.by.clone());
        if let Some(time) = self.deregistered {
            insert(&mut described, "deregisteredAt", time.seconds());
        }
        described
    }

    /// Its number in its family.
    pub(super) fn revision(&self) -> u64 {
        self.arn.rsplit(':').next().and_then(|revision| revision.parse().ok()).unwrap_or_default()
    }

    /// A setting that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }
}

/// Family and revision of a name such as `hello`, `hello:3` or an ARN.
fn parts(id: &str) -> (&str, Option<u64>) {
    let name = id.split_once(":task-definition/").map_or(id, |(_, name)| name);
    match name.rsplit_once(':') {
        Some((family, revision)) => (family, revision.parse().ok()),
        None => (name, None),
    }
}

/// Finds a revision; for a family alone the newest that is active.
pub(in super::super) fn find<'a>(state: &'a State, id: &str) -> Option<&'a TaskDefinition> {
    let (family, revision) = parts(id);
    let family = state.ecs.families.get(family)?;
    match revision {
        Some(revision) => family.get(usize::try_from(revision).ok()?.checked_sub(1)?)?.as_ref(),
        None => family.iter().rev().flatten().find(|of| of.status == "ACTIVE"),
    }
}

/// A revision that tasks can be made of.
pub(super) fn usable<'a>(state: &'a State, id: &str) -> Result<&'a TaskDefinition, Fault> {
    let found = find(state, id).ok_or_else(|| client("TaskDefinition not found."))?;
    if found.status == "ACTIVE" { Ok(found) } else { Err(client("TaskDefinition is inactive")) }
}

/// Registers a revision; the reason why not where Fargate would not take it.
pub(in super::super) fn add(state: &mut State, given: &Settings) -> Result<TaskDefinition, Fault> {
    let mut kept: Settings = given.clone();
    let tags = settings::objects(kept.remove("tags").as_ref()).into_iter().map(Value::Object).collect();
    let family = given.get("family").and_then(Value::as_str).filter(|family| !family.is_empty());
    let family = family.ok_or_else(|| client("Family should not be null or empty."))?.to_owned();
    check(given)?;
    let containers =
        settings::objects(given.get("containerDefinitions")).into_iter().map(settings::container).collect();
    kept.insert("containerDefinitions".to_owned(), Value::Array(containers));
    for role in ["taskRoleArn", "executionRoleArn"] {
        if let Some(name) = kept.get(role).and_then(Value::as_str).filter(|name| !name.starts_with("arn:")) {
            let arn = format!("arn:aws:iam::{}:role/{name}", state.account_id);
            kept.insert(role.to_owned(), arn.into());
        }
    }
    let on_fargate = is_for_fargate(given);
    let compatibilities = if on_fargate { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) };
    let attribute = |name: &str| json!({ "name": format!("com.amazonaws.ecs.capability.{name}") });
    settings::fill(
        &mut kept,
        &[
            ("volumes", json!([])),
            ("placementConstraints", json!([])),
            ("compatibilities", compatibilities),
            ("requiresAttributes", json!([attribute("docker-remote-api.1.18"), attribute("task-eni")])),
            ("networkMode", json!("bridge")),
        ],
    );
    let revision = state.ecs.families.get(&family).map_or(0, Vec::len) + 1;
    let registered = TaskDefinition {
        arn: state.arn("ecs", &format!("task-definition/{family}:{revision}")),
        status: "ACTIVE",
        settings: kept,
        tags,
        registered: state.clock,
        deregistered: None,
        by: state.identity(),
    };
    state.ecs.families.entry(family).or_default().push(Some(registered.clone()));
    Ok(registered)
}

fn is_for_fargate(given: &Settings) -> bool {
    let needed = given.get("requiresCompatibilities").and_then(Value::as_array);
    needed.is_some_and(|needed| needed.iter().any(|of| of == "FARGATE"))
}

fn check(given: &Settings) -> Result<(), Fault> {
    let containers = settings::objects(given.get("containerDefinitions"));
    if containers.is_empty() {
        return Err(client("Container definitions should not be null or empty."));
    }
    if containers.iter().any(|of| of.get("image").and_then(Value::as_str).is_none_or(str::is_empty)) {
        return Err(client("Container.image should not be null or empty."));
    }
    if !containers.iter().any(|of| of.get("essential") != Some(&json!(false))) {
        return Err(client("Task definition must have at least one essential container."));
    }
    if !is_for_fargate(given) {
        return Ok(());
    }
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    if text("networkMode") != Some("awsvpc") {
        return Err(client("Fargate only supports network mode ‘awsvpc’."));
    }
    let number = |name: &str| text(name).and_then(|value| value.parse::<u64>().ok());
    let (Some(cpu), Some(memory)) = (number("cpu"), number("memory")) else {
        return Err(client("Fargate requires that 'cpu' be defined at the task level."));
    };
    let fits = SIZES.iter().any(|(of, least, most, step)| {
        *of == cpu && (*least..=*most).contains(&memory) && memory.is_multiple_of(*step)
    });
    if !fits {
        return Err(client("No Fargate configuration exists for given values."));
    }
    let needs_role = containers.iter().any(|of| of.contains_key("secrets") || of.contains_key("logConfiguration"));
    if needs_role && text("executionRoleArn").is_none() {
        return Err(client(
            "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
        ));
    }
    Ok(())
}

pub(super) fn register(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let registered = add(state, &asked.parameters)?;
    Ok(Reply::of(json!({ "taskDefinition": registered.described(), "tags": registered.tags })))
}

fn unable() -> Fault {
    client("Unable to describe task definition.")
}

pub(super) fn describe(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let found = find(state, asked.text("taskDefinition").unwrap_or_default()).ok_or_else(unable)?;
    let mut members = Map::from_iter([("taskDefinition".to_owned(), found.described())]);
    if with_tags(asked) {
        members.insert("tags".to_owned(), json!(found.tags));
    }
    Ok(Reply::of(Value::Object(members)))
}

pub(super) fn list(state: &State, asked: &Asked) -> Reply {
    let status = asked.text("status").unwrap_or("ACTIVE");
    let family = asked.text("familyPrefix");
    let families = state.ecs.families.iter().filter(|(name, _)| family.is_none_or(|family| family == *name));
    let found = families.flat_map(|(_, revisions)| revisions.iter().flatten()).filter(|of| of.status == status);
    let mut found: Vec<&str> = found.map(|of| of.arn.as_str()).collect();
    if asked.text("sort") == Some("DESC") {
        found.reverse();
    }
    let most = asked.number("maxResults").and_then(|most| usize::try_from(most).ok()).unwrap_or(100).clamp(1, 100);
    let start = asked.text("nextToken").and_then(|token| token.parse::<usize>().ok()).unwrap_or_default();
    let page: Vec<_> = found.iter().skip(start).take(most).collect();
    let next = Some(start.saturating_add(most)).filter(|next| *next < found.len()).map(|next| next.to_string());
    Reply::of(json!({ "taskDefinitionArns": page, "nextToken": next }))
}

fn find_mut<'a>(state: &'a mut State, id: &str) -> Option<&'a mut Option<TaskDefinition>> {
    let (family, revision) = parts(id);
    let at = usize::try_from(revision?).ok()?.checked_sub(1)?;
    state.ecs.families.get_mut(family)?.get_mut(at)
}

/// Takes a revision out of use; those who run it go on.
pub(in super::super) fn end(state: &mut State, id: &str) -> Option<TaskDefinition> {
    let now = state.clock;
    let found = find_mut(state, id)?.as_mut()?;
    if found.status == "ACTIVE" {
        found.status = "INACTIVE";
        found.deregistered = Some(now);
    }
    Some(found.clone())
}

pub(super) fn deregister(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let id = asked.text("taskDefinition").unwrap_or_default();
    let missing = || {
        client("The specified task definition does not exist. Specify a valid account, family, revision and try again.")
    };
    let ended = end(state, id).ok_or_else(missing)?;
    Ok(Reply::of(json!({ "taskDefinition": ended.described() })))
}

/// A revision goes for good at once when nobody runs it, and otherwise when the last of them is gone, which is not waited
/// for here.
pub(super) fn delete(state: &mut State, asked: &Asked) -> Reply {
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for id in asked.list("taskDefinitions") {
        let failure = match find(state, &id) {
            None => Some("The specified task definition does not exist."),
            Some(of) if of.status == "ACTIVE" => Some(
                "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
            ),
            Some(_) => None,
        };
        if let Some(reason) = failure {
            failures.push(json!({ "arn": id, "reason": reason }));
            continue;
        }
        let Some(place) = find_mut(state, &id) else { continue };
        if let Some(mut of) = place.take() {
            of.status = "DELETE_IN_PROGRESS";
            deleted.push(of.described());
        }
    }
    Reply::of(json!({ "taskDefinitions": deleted, "failures": failures }))
}
