//! Change sets: computed, read, executed once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    changes::{self, Action, Change, TagsOfStack},
    find_index, invalid,
    operation::{OnFailure, Operation},
    stack::Stack,
    template::{Definition, Refusal},
};
use crate::aws::{
    clock::Time,
    state::State,
    wire::{Asked, Fault, Reply},
};

/// A template that does something else than the one before.
#[derive(Debug, Clone)]
pub(super) struct ChangeSet {
    id: String,
    pub(super) name: String,
    description: Option<String>,
    creates: bool,
    status: &'static str,
    execution: &'static str,
    reason: Option<String>,
    /// What comes out when it has been computed: a reason where it fails.
    outcome: Option<String>,
    definition: Definition,
    tags: BTreeMap<String, String>,
    capabilities: Vec<String>,
    changes: Vec<Change>,
    created: Time,
    on_failure: OnFailure,
    executed_with: Option<String>,
}

impl ChangeSet {
    /// Whether it is still to be executed or removed.
    pub(super) fn is_open(&self) -> bool {
        self.execution != "EXECUTE_COMPLETE"
    }

    /// Computed a little more whenever somebody looks.
    fn advance(&mut self) {
        match self.status {
            "CREATE_PENDING" => self.status = "CREATE_IN_PROGRESS",
            "CREATE_IN_PROGRESS" => match self.outcome.take() {
                Some(reason) => (self.status, self.reason) = ("FAILED", Some(reason)),
                None => (self.status, self.execution) = ("CREATE_COMPLETE", "AVAILABLE"),
            },
            _ => {}
        }
    }

    fn summary(&self, stack: &Stack) -> Value {
        json!({
            "ChangeSetId": self.id,
            "ChangeSetName": self.name,
            "StackId": stack.id,
            "StackName": stack.name,
            "Description": self.description,
            "CreationTime": self.created.iso(),
            "Status": self.status,
            "StatusReason": self.reason,
            "ExecutionStatus": self.execution,
        })
    }
}

pub(super) fn tags(asked: &Asked) -> BTreeMap<String, String> {
    let tags = asked.parameters.get("Tags").and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(|tag| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.as_str()?.to_owned())))
        .collect()
}

fn parameters(asked: &Asked, stack: &Stack) -> BTreeMap<String, String> {
    let parameters = asked.parameters.get("Parameters").and_then(Value::as_array).into_iter().flatten();
    let value = |parameter: &Value| {
        let name = parameter.get("ParameterKey")?.as_str()?.to_owned();
        let given = parameter.get("ParameterValue").and_then(Value::as_str).map(str::to_owned);
        let before = || stack.definition.parameters.get(&name)?.as_str().map(str::to_owned);
        let value = given.or_else(before)?;
        Some((name, value))
    };
    parameters.filter_map(value).collect()
}

pub(super) fn create(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (name, set_name) = (asked.required("StackName")?.to_owned(), asked.required("ChangeSetName")?.to_owned());
    let creates = asked.text("ChangeSetType") == Some("CREATE");
    let mut stack = match find_index(state, &name).and_then(|id| state.stacks.remove(&id)) {
        Some(stack) => stack,
        None if creates => Stack::new(state, &name),
        None => return Err(invalid(format!("Stack [{name}] does not exist"))),
    };
    let is_new = stack.change_sets.is_empty() && stack.status == "REVIEW_IN_PROGRESS";
    let made = make(state, &stack, asked, &set_name, creates);
    let id = stack.id.clone();
    let reply = match made {
        Ok(set) => {
            let reply = Reply::of(json!({ "Id": set.id, "StackId": id }));
            stack.change_sets.push(set);
            Ok(reply)
        }
        // A stack that would only be there for this change set is not made.
        Err(fault) if is_new && creates => return Err(fault),
        Err(fault) => Err(fault),
    };
    state.stacks.insert(id, stack);
    reply
}

fn make(state: &mut State, stack: &Stack, asked: &Asked, name: &str, creates: bool) -> Result<ChangeSet, Fault> {
    let in_review = stack.status == "REVIEW_IN_PROGRESS";
    if creates && !in_review {
        return Err(invalid(format!(
            "Stack [{}] already exists and cannot be created again with the changeSet [{name}].",
            stack.name
        )));
    }
    let updatable = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"];
    if !creates && !updatable.contains(&stack.status.as_str()) {
        return Err(invalid(format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status)));
    }
    if stack.change_sets.iter().any(|set| set.name == name) {
        return Err(Fault::new(400, "AlreadyExistsException", format!("ChangeSet {name} already exists")));
    }
    let body = match asked.text("TemplateBody") {
        Some(body) => body.to_owned(),
        None if asked.is_on("UsePreviousTemplate") => stack.definition.body.clone(),
        None => return Err(invalid("Either Template URL or Template Body must be specified.")),
    };
    let capabilities = asked.list("Capabilities");
    let (definition, mut outcome) = match Definition::read(&body, &parameters(asked, stack)) {
        Ok(definition) => (definition, None),
        Err(Refusal::AtOnce(message)) => return Err(invalid(message)),
        Err(Refusal::Later(reason)) => (Definition::default(), Some(reason)),
    };
    if let Some(capability) = definition.missing_capability(&capabilities) {
        let message = format!("Requires capabilities : [{capability}]");
        return Err(Fault::new(400, "InsufficientCapabilitiesException", message));
    }
    // Without tags in the call, those that are there stay.
    let given = asked.parameters.contains_key("Tags");
    let tags = if given { tags(asked) } else { stack.tags.clone() };
    let tags_change = if !creates && tags != stack.tags { TagsOfStack::Change } else { TagsOfStack::Stay };
    let changes = changes::compute(&stack.definition, &definition, &stack.resources, tags_change);
    let same_outputs = stack.definition.outputs == definition.outputs;
    if outcome.is_none() && !creates && changes.is_empty() && same_outputs {
        // A template that was transformed is found to be the same later, and in other words.
        outcome = Some(match body.contains("AWS::Serverless") {
            true => "No updates are to be performed.".to_owned(),
            false => {
                "The submitted information didn't contain changes. Submit different information to create a change \
                      set."
                    .to_owned()
            }
        });
    }
    let uuid = state.uuid();
    Ok(ChangeSet {
        id: state.arn("cloudformation", &format!("changeSet/{name}/{uuid}")),
        name: name.to_owned(),
        description: asked.text("Description").map(str::to_owned),
        creates,
        status: "CREATE_PENDING",
        execution: "UNAVAILABLE",
        reason: None,
        outcome,
        definition,
        tags,
        capabilities,
        changes,
        created: state.clock,
        on_failure: match asked.text("OnStackFailure") {
            Some("DELETE") => OnFailure::Delete,
            Some("DO_NOTHING") => OnFailure::DoNothing,
            _ => OnFailure::RollBack,
        },
        executed_with: None,
    })
}

fn no_such_set(name: &str) -> Fault {
    Fault::new(404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist"))
}

/// The stack and the place of a change set in it.
fn find(state: &State, asked: &Asked) -> Result<(String, usize), Fault> {
    let name = asked.required("ChangeSetName")?;
    if let Some(stack_name) = asked.text("StackName").filter(|_| !name.starts_with("arn:")) {
        let missing = || Fault::new(404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist"));
        let id = find_index(state, stack_name).ok_or_else(missing)?;
        let sets = state.stacks.get(&id).map(|stack| &stack.change_sets);
        let at = sets.and_then(|sets| sets.iter().position(|set| set.name == name));
        return at.map(|at| (id, at)).ok_or_else(missing);
    }
    let found = state.stacks.values().find_map(|stack| {
        let at = stack.change_sets.iter().position(|set| set.id == name)?;
        Some((stack.id.clone(), at))
    });
    found.ok_or_else(|| no_such_set(name))
}

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("StackName")?;
    let missing = || invalid(format!("Stack [{name}] does not exist"));
    let stack = find_index(state, name).and_then(|id| state.stacks.get(&id)).ok_or_else(missing)?;
    let summaries: Vec<_> = stack.change_sets.iter().map(|set| set.summary(stack)).collect();
    Ok(Reply::of(json!({ "Summaries": summaries })))
}

pub(super) fn describe(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (id, at) = find(state, asked)?;
    let name = asked.required("ChangeSetName")?;
    if let Some(set) = state.stacks.get_mut(&id).and_then(|stack| stack.change_sets.get_mut(at)) {
        set.advance();
    }
    let stack = state.stacks.get(&id).ok_or_else(|| no_such_set(name))?;
    let set = stack.change_sets.get(at).ok_or_else(|| no_such_set(name))?;
    let mut described = set.summary(stack);
    if let Some(members) = described.as_object_mut() {
        let known = !matches!(set.status, "CREATE_PENDING" | "CREATE_IN_PROGRESS");
        let changes = set.changes.iter().filter(|_| known).map(Change::described).collect();
        let tags = set.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        members.insert("Changes".to_owned(), Value::Array(changes));
        members.insert("Tags".to_owned(), Value::Array(tags));
        members.insert("Capabilities".to_owned(), json!(set.capabilities));
        members.insert("ChangeSetType".to_owned(), json!(if set.creates { "CREATE" } else { "UPDATE" }));
    }
    Ok(Reply::of(described))
}

pub(super) fn delete(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match find(state, asked) {
        Ok((id, at)) => {
            if let Some(stack) = state.stacks.get_mut(&id)
                && stack.change_sets.get(at).is_some_and(|set| set.execution != "EXECUTE_IN_PROGRESS")
            {
                stack.change_sets.remove(at);
            }
            Ok(Reply::empty())
        }
        // One that is gone is as good as deleted; a stack that is gone is not.
        Err(fault) => match asked.text("StackName") {
            Some(name) if find_index(state, name).is_none() => Err(fault),
            _ => Ok(Reply::empty()),
        },
    }
}

pub(super) fn execute(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (id, at) = find(state, asked)?;
    let name = asked.required("ChangeSetName")?;
    let token = asked.text("ClientRequestToken").map(str::to_owned);
    let mut stack = state.stacks.remove(&id).ok_or_else(|| no_such_set(name))?;
    let begun = begin(state, &mut stack, at, token);
    state.stacks.insert(id, stack);
    begun.map(|()| Reply::empty())
}

fn begin(state: &mut State, stack: &mut Stack, at: usize, token: Option<String>) -> Result<(), Fault> {
    let status = stack.status.clone();
    let Some(set) = stack.change_sets.get_mut(at) else { return Err(no_such_set("")) };
    if set.executed_with.is_some() && set.executed_with == token {
        return Ok(());
    }
    if set.execution != "AVAILABLE" {
        let (id, what) = (&set.id, if set.status == "CREATE_COMPLETE" { set.execution } else { set.status });
        let message = format!("ChangeSet [{id}] cannot be executed in its current status of [{what}]");
        return Err(Fault::new(400, "InvalidChangeSetStatus", message));
    }
    if !set.creates && status.ends_with("_IN_PROGRESS") {
        return Err(invalid(format!("Stack:{} is in {status} state and can not be updated.", stack.id)));
    }
    set.execution = "EXECUTE_COMPLETE";
    set.executed_with.clone_from(&token);
    let (definition, tags, on_failure) = (set.definition.clone(), set.tags.clone(), set.on_failure);
    stack.capabilities.clone_from(&set.capabilities);
    let status = if set.creates {
        stack.definition = definition.clone();
        stack.tags.clone_from(&tags);
        stack.created = state.clock;
        stack.operation = Some(Operation::create(definition, tags, on_failure, token));
        "CREATE_IN_PROGRESS"
    } else {
        let wanted: Vec<Change> =
            set.changes.iter().filter(|change| change.action != Action::Remove).cloned().collect();
        stack.operation = Some(Operation::update(definition, tags, &wanted, token));
        "UPDATE_IN_PROGRESS"
    };
    // The others were computed against what will not be any more.
    stack.change_sets.retain(|set| !set.is_open());
    stack.set_status(state, status, Some("User Initiated"));
    Ok(())
}
