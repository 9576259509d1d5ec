//! What goes on with a stack, stage by stage: begun, finished, rolled back, cleaned up.
//!
//! - [`settling`]: what is waited for.
//! - [`endings`]: in which order things are removed.

mod endings;
mod settling;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

use self::{
    endings::deletions,
    settling::{Settling, What},
};
use super::{
    changes::{Action, Change},
    containers, kinds,
    resources::{self, Owner},
    stack::{Resource, Stack},
    template::{Definition, Ending},
};
use crate::aws::{misfortune::When, state::State};

/// An operation that goes on.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    phase: Phase,
    waves: VecDeque<Vec<Task>>,
    going: Vec<Going>,
    /// What is wanted.
    definition: Definition,
    tags: BTreeMap<String, String>,
    /// What was before, in the order in which it was left.
    undo: Vec<Resource>,
    /// What was made by this operation.
    made: Vec<String>,
    /// What has been replaced, or is the replacement that is not wanted any more.
    doomed: Vec<Resource>,
    failed: Vec<String>,
    token: Option<String>,
    on_failure: OnFailure,
    /// Resources to leave out, by their names in the template.
    spared: Vec<String>,
}

/// What happens to a stack that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    RollBack,
    DoNothing,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Create,
    Rollback,
    Update,
    Cleanup,
    UpdateRollback,
    RollbackCleanup,
    Delete,
}

#[derive(Debug, Clone)]
enum Task {
    Create(String),
    Update(String),
    Delete(Resource, Ending),
    Restore(Resource),
}

#[derive(Debug, Clone)]
enum Going {
    Create(String, Map<String, Value>),
    Update(Resource, Map<String, Value>),
    Replace(Resource, Map<String, Value>),
    Delete(Resource),
    Restore(Resource),
    Settle(Box<Settling>),
}

impl Operation {
    fn new(phase: Phase, definition: Definition, tags: BTreeMap<String, String>, token: Option<String>) -> Self {
        Self {
            phase,
            waves: VecDeque::new(),
            going: Vec::new(),
            definition,
            tags,
            undo: Vec::new(),
            made: Vec::new(),
            doomed: Vec::new(),
            failed: Vec::new(),
            token,
            on_failure: OnFailure::RollBack,
            spared: Vec::new(),
        }
    }

    pub(super) fn create(
        definition: Definition,
        tags: BTreeMap<String, String>,
        on_failure: OnFailure,
        token: Option<String>,
    ) -> Self {
        let waves = definition.waves().into_iter().map(|wave| wave.into_iter().map(Task::Create).collect()).collect();
        Self { waves, on_failure, ..Self::new(Phase::Create, definition, tags, token) }
    }

    pub(super) fn update(
        definition: Definition,
        tags: BTreeMap<String, String>,
        changes: &[Change],
        token: Option<String>,
    ) -> Self {
        let task = |logical_id: String| {
            let change = changes.iter().find(|change| change.logical_id == logical_id)?;
            match change.action {
                Action::Add => Some(Task::Create(logical_id)),
                Action::Modify => Some(Task::Update(logical_id)),
                Action::Remove => None,
            }
        };
        let waves = definition.waves().into_iter().map(|wave| wave.into_iter().filter_map(task).collect()).collect();
        Self { waves, ..Self::new(Phase::Update, definition, tags, token) }
    }

    /// Deletes everything; `spared` stays although nothing in the template says so.
    pub(super) fn delete(stack: &Stack, spared: Vec<String>, token: Option<String>) -> Self {
        let mut operation = Self::new(Phase::Delete, stack.definition.clone(), stack.tags.clone(), token);
        operation.spared = spared;
        operation.waves = deletions(stack.resources.values().cloned().collect(), &stack.definition, |of| of.deletion);
        operation
    }

    pub(super) fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Takes up a rollback that failed; what is spared counts as rolled back.
    pub(super) fn go_on(&mut self, spared: Vec<String>) {
        self.failed.clear();
        self.spared = spared;
    }

    /// Goes on by one stage; `None` when it has ended.
    pub(super) fn advance(mut self, state: &mut State, stack: &mut Stack) -> Option<Self> {
        if !self.going.is_empty() {
            self.finish(state, stack);
            return Some(self);
        }
        if !self.failed.is_empty() && !matches!(self.phase, Phase::Cleanup | Phase::RollbackCleanup) {
            return self.end(state, stack);
        }
        while let Some(wave) = self.waves.pop_front() {
            for task in wave {
                self.begin(task, state, stack);
            }
            // Where nothing turned out to change, nothing is seen.
            if !self.going.is_empty() || !self.failed.is_empty() {
                return Some(self);
            }
        }
        self.end(state, stack)
    }

    fn begin(&mut self, task: Task, state: &mut State, stack: &mut Stack) {
        match task {
            Task::Create(logical_id) => {
                let Some(resource) = self.empty(state, &logical_id) else { return };
                stack.put(state, resource, "CREATE_IN_PROGRESS", None, self.token());
                match self.wanted(state, stack, &logical_id) {
                    Ok(properties) => self.going.push(Going::Create(logical_id, properties)),
                    Err(reason) => self.fail(state, stack, &logical_id, "CREATE_FAILED", &reason),
                }
            }
            Task::Update(logical_id) => match self.wanted(state, stack, &logical_id) {
                Ok(properties) => self.begin_update(&logical_id, properties, state, stack),
                Err(reason) => self.fail(state, stack, &logical_id, "UPDATE_FAILED", &reason),
            },
            Task::Delete(resource, ending) => {
                let keep = match self.phase {
                    Phase::Rollback | Phase::RollbackCleanup => ending == Ending::Retain,
                    _ => ending != Ending::Delete,
                };
                if keep || self.spared.contains(&resource.logical_id) {
                    let current = stack.is_current(&resource);
                    stack.record(state, &resource, "DELETE_SKIPPED", None, self.token());
                    if current {
                        stack.resources.remove(&resource.logical_id);
                    }
                    return;
                }
                stack.record(state, &resource, "DELETE_IN_PROGRESS", None, self.token());
                self.going.push(Going::Delete(resource));
            }
            Task::Restore(resource) => {
                if self.spared.contains(&resource.logical_id) {
                    stack.put(state, resource, "UPDATE_COMPLETE", None, self.token());
                    return;
                }
                stack.record(state, &resource, "UPDATE_IN_PROGRESS", None, self.token());
                self.going.push(Going::Restore(resource));
            }
        }
    }

    fn begin_update(&mut self, logical_id: &str, properties: Map<String, Value>, state: &mut State, stack: &mut Stack) {
        let Some(before) = stack.resources.get(logical_id).cloned() else { return };
        let Some(kind) = kinds::find(&before.kind) else { return };
        let names = before.properties.keys().chain(properties.keys());
        let changed: Vec<&String> =
            names.filter(|name| before.properties.get(*name) != properties.get(*name)).collect();
        if changed.is_empty() {
            // The policies of its end may have changed, which concerns nobody yet.
            if let (Some(resource), Some(declared)) =
                (stack.resources.get_mut(logical_id), self.definition.resources.get(logical_id))
            {
                (resource.deletion, resource.replacement) = (declared.deletion, declared.replacement);
            }
            return;
        }
        let replaces = changed.iter().any(|name| kind.recreation(name) != "Never");
        let reason = replaces
            .then_some("Requested update requires the creation of a new physical resource; hence creating one.");
        stack.record(state, &before, "UPDATE_IN_PROGRESS", reason, self.token());
        let going = if replaces { Going::Replace(before, properties) } else { Going::Update(before, properties) };
        self.going.push(going);
    }

    fn finish(&mut self, state: &mut State, stack: &mut Stack) {
        for going in std::mem::take(&mut self.going) {
            match going {
                Going::Create(logical_id, properties) => self.finish_create(logical_id, properties, state, stack),
                Going::Update(before, properties) => self.finish_update(before, properties, state, stack),
                Going::Replace(before, properties) => self.finish_replace(before, properties, state, stack),
                Going::Delete(resource) if containers::leaves(state, &resource) => {
                    self.going.push(Going::Delete(resource));
                }
                Going::Delete(resource) => self.finish_delete(resource, state, stack),
                Going::Restore(before) => self.finish_restore(before, state, stack),
                Going::Settle(settling) => self.finish_settling(settling, state, stack),
            }
        }
    }

    fn finish_create(
        &mut self,
        logical_id: String,
        properties: Map<String, Value>,
        state: &mut State,
        stack: &mut Stack,
    ) {
        let Some(mut resource) = self.empty(state, &logical_id) else { return };
        if !self.failed.is_empty() {
            return self.fail_create(resource, "Resource creation cancelled", state, stack);
        }
        let owner = Owner { stack_name: &stack.name, logical_id: &logical_id };
        let made = match state.misfortunes.of_resource(&resource.kind, When::Create) {
            Some(reason) => Err(reason),
            None => resources::create(state, owner, &resource.kind, &properties),
        };
        match made {
            Ok(made) => {
                resource.physical_id = made.physical_id;
                resource.attributes = made.attributes;
                resource.properties = properties;
                stack.record(state, &resource, "CREATE_IN_PROGRESS", Some("Resource creation Initiated"), self.token());
                self.settle(resource, None, What::Create, state, stack);
                self.made.push(logical_id);
            }
            Err(reason) => {
                self.failed.push(logical_id);
                self.fail_create(resource, &reason, state, stack);
            }
        }
    }

    fn fail_create(&mut self, resource: Resource, reason: &str, state: &mut State, stack: &mut Stack) {
        self.made.push(resource.logical_id.clone());
        stack.put(state, resource, "CREATE_FAILED", Some(reason), self.token());
    }

    fn finish_update(
        &mut self,
        before: Resource,
        properties: Map<String, Value>,
        state: &mut State,
        stack: &mut Stack,
    ) {
        self.undo.push(before.clone());
        if !self.failed.is_empty() {
            let reason = Some("Resource update cancelled");
            return stack.put(state, before, "UPDATE_FAILED", reason, self.token());
        }
        let updated = match state.misfortunes.of_resource(&before.kind, When::Update) {
            Some(reason) => Err(reason),
            None => resources::update(state, &before, &properties),
        };
        match updated {
            Ok(made) => {
                let mut resource = Resource { attributes: made.attributes, properties, ..before.clone() };
                self.set_endings(&mut resource);
                self.settle(resource, Some(before), What::Update, state, stack);
            }
            Err(reason) => {
                self.failed.push(before.logical_id.clone());
                stack.put(state, before, "UPDATE_FAILED", Some(&reason), self.token());
            }
        }
    }

    /// The new one is made first, and the old one goes in the end.
    fn finish_replace(
        &mut self,
        before: Resource,
        properties: Map<String, Value>,
        state: &mut State,
        stack: &mut Stack,
    ) {
        if !self.failed.is_empty() {
            let reason = Some("Resource update cancelled");
            return stack.put(state, before, "UPDATE_FAILED", reason, self.token());
        }
        let named = kinds::find(&before.kind).and_then(|kind| kind.name_property);
        let same_name = named
            .is_some_and(|name| properties.contains_key(name) && properties.get(name) == before.properties.get(name));
        let owner = Owner { stack_name: &stack.name, logical_id: &before.logical_id };
        let made = if same_name {
            Err(format!(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {} and \
                 update the stack again.",
                before.physical_id
            ))
        } else {
            match state.misfortunes.of_resource(&before.kind, When::Create) {
                Some(reason) => Err(reason),
                None => resources::create(state, owner, &before.kind, &properties),
            }
        };
        match made {
            Ok(made) => {
                let mut resource = Resource {
                    physical_id: made.physical_id,
                    attributes: made.attributes,
                    properties,
                    ..before.clone()
                };
                self.set_endings(&mut resource);
                self.doomed.push(before);
                stack.put(state, resource, "UPDATE_COMPLETE", None, self.token());
            }
            Err(reason) => {
                self.failed.push(before.logical_id.clone());
                stack.put(state, before, "UPDATE_FAILED", Some(&reason), self.token());
            }
        }
    }

    fn finish_delete(&mut self, resource: Resource, state: &mut State, stack: &mut Stack) {
        let current = stack.is_current(&resource);
        let deleted = match state.misfortunes.of_resource(&resource.kind, When::Delete) {
            // What was never made cannot fail to be removed.
            Some(reason) if !resource.physical_id.is_empty() => Err(reason),
            _ => resources::delete(state, &resource),
        };
        match deleted {
            Ok(()) => {
                stack.record(state, &resource, "DELETE_COMPLETE", None, self.token());
                if current {
                    stack.resources.remove(&resource.logical_id);
                }
            }
            Err(reason) => {
                self.failed.push(resource.logical_id.clone());
                if current {
                    stack.put(state, resource, "DELETE_FAILED", Some(&reason), self.token());
                } else {
                    stack.record(state, &resource, "DELETE_FAILED", Some(&reason), self.token());
                }
            }
        }
    }

    fn finish_restore(&mut self, before: Resource, state: &mut State, stack: &mut Stack) {
        let restored = if !self.failed.is_empty() {
            Err("Resource update cancelled".to_owned())
        } else if state.misfortunes.of_rollback() {
            Err(super::handler_says("Internal Failure", "CloudFormation", 500, "InternalFailure"))
        } else {
            let now = stack.resources.get(&before.logical_id).cloned().unwrap_or_else(|| before.clone());
            resources::update(state, &now, &before.properties)
        };
        match restored {
            Ok(_) => self.settle(before.clone(), Some(before), What::Restore, state, stack),
            Err(reason) => {
                self.failed.push(before.logical_id.clone());
                stack.record(state, &before, "UPDATE_FAILED", Some(&reason), self.token());
                self.waves.push_front(vec![Task::Restore(before)]);
            }
        }
    }

    /// The phase is over: what comes next.
    fn end(mut self, state: &mut State, stack: &mut Stack) -> Option<Self> {
        let failed = std::mem::take(&mut self.failed);
        let list = format!("[{}]", failed.join(", "));
        self.waves = if self.phase == Phase::UpdateRollback { self.waves } else { VecDeque::new() };
        match (self.phase, failed.is_empty()) {
            (Phase::Create, true) => match stack.resolved_outputs(state, &self.definition) {
                Ok(outputs) => {
                    stack.outputs = outputs;
                    stack.set_status(state, "CREATE_COMPLETE", None);
                    None
                }
                Err(reason) => self.give_up_creation(&reason, state, stack),
            },
            (Phase::Create, false) => {
                self.give_up_creation(&format!("The following resource(s) failed to create: {list}. "), state, stack)
            }
            (Phase::Rollback, true) => self.done(state, stack, "ROLLBACK_COMPLETE", None),
            (Phase::Rollback, false) => {
                let reason = format!("The following resource(s) failed to delete: {list}. ");
                self.done(state, stack, "ROLLBACK_FAILED", Some(&reason))
            }
            (Phase::Update, true) => self.complete_update(state, stack),
            (Phase::Update, false) => {
                let reason = format!("The following resource(s) failed to update: {list}. ");
                self.roll_back_update(&reason, state, stack)
            }
            (Phase::Cleanup, _) => {
                // What could not be removed is forgotten.
                stack.resources.retain(|logical_id, _| self.definition.resources.contains_key(logical_id));
                self.done(state, stack, "UPDATE_COMPLETE", None)
            }
            (Phase::UpdateRollback, true) => {
                stack.set_status(state, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None);
                self.phase = Phase::RollbackCleanup;
                let doomed = std::mem::take(&mut self.doomed);
                self.waves = deletions(doomed, &self.definition, |of| of.deletion);
                Some(self)
            }
            (Phase::UpdateRollback, false) => {
                let reason = format!("The following resource(s) failed to update: {list}. ");
                stack.set_status(state, "UPDATE_ROLLBACK_FAILED", Some(&reason));
                stack.stuck = Some(self);
                None
            }
            (Phase::RollbackCleanup, _) => {
                let of_before = |logical_id: &String| stack.definition.resources.contains_key(logical_id);
                stack.resources.retain(|logical_id, _| of_before(logical_id));
                self.done(state, stack, "UPDATE_ROLLBACK_COMPLETE", None)
            }
            (Phase::Delete, true) => self.done(state, stack, "DELETE_COMPLETE", None),
            (Phase::Delete, false) => {
                let reason = format!("The following resource(s) failed to delete: {list}. ");
                self.done(state, stack, "DELETE_FAILED", Some(&reason))
            }
        }
    }

    fn done(self, state: &mut State, stack: &mut Stack, status: &str, reason: Option<&str>) -> Option<Self> {
        stack.set_status(state, status, reason);
        None
    }

    fn give_up_creation(mut self, reason: &str, state: &mut State, stack: &mut Stack) -> Option<Self> {
        let all: Vec<Resource> = stack.resources.values().cloned().collect();
        match self.on_failure {
            OnFailure::DoNothing => return self.done(state, stack, "CREATE_FAILED", Some(reason.trim_end())),
            OnFailure::RollBack => {
                let reason = format!("{reason}Rollback requested by user.");
                stack.set_status(state, "ROLLBACK_IN_PROGRESS", Some(&reason));
                self.phase = Phase::Rollback;
            }
            OnFailure::Delete => {
                let reason = format!("{reason}Delete requested by user.");
                stack.set_status(state, "DELETE_IN_PROGRESS", Some(&reason));
                self.phase = Phase::Delete;
            }
        }
        self.waves = deletions(all, &self.definition, |of| of.deletion);
        Some(self)
    }

    fn complete_update(mut self, state: &mut State, stack: &mut Stack) -> Option<Self> {
        match stack.resolved_outputs(state, &self.definition) {
            Ok(outputs) => stack.outputs = outputs,
            Err(reason) => return self.roll_back_update(&format!("{reason}. "), state, stack),
        }
        stack.set_status(state, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
        let unwanted = stack.resources.values().filter(|of| !self.definition.resources.contains_key(&of.logical_id));
        let unwanted: Vec<Resource> = unwanted.cloned().collect();
        let replaced = std::mem::take(&mut self.doomed);
        self.waves = deletions(unwanted, &stack.definition, |of| of.deletion);
        self.waves.extend(deletions(replaced, &stack.definition, |of| of.replacement));
        stack.definition = self.definition.clone();
        stack.tags = self.tags.clone();
        stack.updated = Some(state.clock);
        self.phase = Phase::Cleanup;
        Some(self)
    }

    /// What was changed is changed back in the opposite order; what was made goes in the end.
    fn roll_back_update(mut self, reason: &str, state: &mut State, stack: &mut Stack) -> Option<Self> {
        stack.set_status(state, "UPDATE_ROLLBACK_IN_PROGRESS", Some(reason));
        self.phase = Phase::UpdateRollback;
        self.waves =
            std::mem::take(&mut self.undo).into_iter().rev().map(|before| vec![Task::Restore(before)]).collect();
        let made = std::mem::take(&mut self.made);
        let mut unwanted: Vec<Resource> =
            made.iter().filter_map(|logical_id| stack.resources.get(logical_id)).cloned().collect();
        for before in std::mem::take(&mut self.doomed) {
            unwanted.extend(stack.resources.insert(before.logical_id.clone(), before));
        }
        self.doomed = unwanted;
        Some(self)
    }

    fn set_endings(&self, resource: &mut Resource) {
        if let Some(declared) = self.definition.resources.get(&resource.logical_id) {
            (resource.deletion, resource.replacement) = (declared.deletion, declared.replacement);
        }
    }

    fn empty(&self, state: &State, logical_id: &str) -> Option<Resource> {
        let declared = self.definition.resources.get(logical_id)?;
        Some(Resource {
            logical_id: logical_id.to_owned(),
            kind: declared.kind.clone(),
            physical_id: String::new(),
            status: String::new(),
            reason: None,
            updated: state.clock,
            properties: Map::new(),
            attributes: BTreeMap::new(),
            deletion: declared.deletion,
            replacement: declared.replacement,
        })
    }

    /// The properties that are wanted, with the tags of the stack.
    fn wanted(&self, state: &State, stack: &Stack, logical_id: &str) -> Result<Map<String, Value>, String> {
        let Some(declared) = self.definition.resources.get(logical_id) else { return Ok(Map::new()) };
        let scope = stack.scope(state, &self.definition, &stack.resources);
        let mut properties = scope.resolve_all(&declared.properties)?;
        if !kinds::find(&declared.kind).is_some_and(|kind| kind.takes_tags) {
            return Ok(properties);
        }
        let own = properties.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut tags: BTreeMap<String, Value> =
            self.tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        tags.insert("aws:cloudformation:stack-name".to_owned(), json!(stack.name));
        tags.insert("aws:cloudformation:stack-id".to_owned(), json!(stack.id));
        tags.insert("aws:cloudformation:logical-id".to_owned(), json!(logical_id));
        tags.extend(
            own.iter().filter_map(|tag| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.clone()))),
        );
        let tags = tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        properties.insert("Tags".to_owned(), Value::Array(tags));
        Ok(properties)
    }

    fn fail(&mut self, state: &mut State, stack: &mut Stack, logical_id: &str, status: &str, reason: &str) {
        self.failed.push(logical_id.to_owned());
        if let Some(resource) = stack.resources.get(logical_id).cloned() {
            stack.put(state, resource, status, Some(reason), self.token());
        }
    }
}
