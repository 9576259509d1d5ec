//! What a stack is, and how it is described.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    change_sets::ChangeSet,
    operation::Operation,
    template::{Definition, Ending},
    values::Scope,
};
use crate::aws::{clock::Time, state::State};

/// A stack; one that was deleted is kept for those who know its ARN.
#[derive(Debug, Clone)]
pub(in super::super) struct Stack {
    pub(super) id: String,
    pub(in super::super) name: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) created: Time,
    pub(super) updated: Option<Time>,
    pub(super) deleted: Option<Time>,
    pub(super) definition: Definition,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) capabilities: Vec<String>,
    /// Name, value and description.
    pub(super) outputs: BTreeMap<String, (String, Option<String>)>,
    pub(super) is_protected: bool,
    pub(super) resources: BTreeMap<String, Resource>,
    /// Oldest first.
    pub(super) events: Vec<Event>,
    pub(super) change_sets: Vec<ChangeSet>,
    /// What goes on.
    pub(super) operation: Option<Operation>,
    /// What a rollback that failed has left to do.
    pub(super) stuck: Option<Operation>,
    pub(super) drift: Option<Drift>,
}

/// A resource of a stack.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) logical_id: String,
    pub(super) kind: String,
    pub(super) physical_id: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) updated: Time,
    /// With references resolved, and references to secrets as they are.
    pub(super) properties: Map<String, Value>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) deletion: Ending,
    pub(super) replacement: Ending,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) logical_id: String,
    pub(super) physical_id: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) time: Time,
    pub(super) token: Option<String>,
}

/// What a look for drift found.
#[derive(Debug, Clone)]
pub(super) struct Drift {
    pub(super) id: String,
    pub(super) time: Time,
    /// For each resource: CloudFormation's word, and what differs.
    pub(super) resources: BTreeMap<String, (&'static str, Vec<Value>)>,
}

pub(super) const STACK_KIND: &str = "AWS::CloudFormation::Stack";

impl Stack {
    pub(super) fn new(state: &mut State, name: &str) -> Self {
        let uuid = state.uuid();
        let id = state.arn("cloudformation", &format!("stack/{name}/{uuid}"));
        let mut stack = Self {
            id,
            name: name.to_owned(),
            status: String::new(),
            reason: None,
            created: state.clock,
            updated: None,
            deleted: None,
            definition: Definition::default(),
            tags: BTreeMap::new(),
            capabilities: Vec::new(),
            outputs: BTreeMap::new(),
            is_protected: false,
            resources: BTreeMap::new(),
            events: Vec::new(),
            change_sets: Vec::new(),
            operation: None,
            stuck: None,
            drift: None,
        };
        stack.set_status(state, "REVIEW_IN_PROGRESS", Some("User Initiated"));
        stack
    }

    /// Whether it is there for those who know its name alone.
    pub(in super::super) fn exists(&self) -> bool {
        self.status != "DELETE_COMPLETE"
    }

    /// What makes it this stack and no other, for an inventory.
    pub(in super::super) fn content(&self) -> Value {
        let resources: BTreeMap<_, _> =
            self.resources.values().map(|resource| (&resource.logical_id, &resource.physical_id)).collect();
        let left: Vec<_> = self.change_sets.iter().filter(|set| set.is_open()).map(|set| &set.name).collect();
        json!([self.id, self.definition.body, self.tags, self.is_protected, resources, left])
    }

    pub(super) fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }

    pub(super) fn set_status(&mut self, state: &mut State, status: &str, reason: Option<&str>) {
        status.clone_into(&mut self.status);
        self.reason = reason.filter(|reason| *reason != "User Initiated").map(str::to_owned);
        let event = Event {
            id: state.uuid(),
            logical_id: self.name.clone(),
            physical_id: self.id.clone(),
            kind: STACK_KIND.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            time: state.clock,
            token: self.operation.as_ref().and_then(Operation::token),
        };
        self.events.push(event);
        if status == "DELETE_COMPLETE" {
            self.deleted = Some(state.clock);
        }
    }

    pub(super) fn scope<'a>(
        &'a self,
        state: &'a State,
        definition: &'a Definition,
        resources: &'a BTreeMap<String, Resource>,
    ) -> Scope<'a> {
        Scope {
            account_id: &state.account_id,
            region: &state.region,
            stack_name: &self.name,
            stack_id: &self.id,
            definition,
            resources,
        }
    }

    /// Outputs of a template, as things are now; the reason why not where one cannot be made.
    pub(super) fn resolved_outputs(
        &self,
        state: &State,
        definition: &Definition,
    ) -> Result<BTreeMap<String, (String, Option<String>)>, String> {
        let scope = self.scope(state, definition, &self.resources);
        let mut outputs = BTreeMap::new();
        for (name, output) in &definition.outputs {
            let value = scope.resolve(&output.value)?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            outputs.insert(name.clone(), (value, output.description.clone()));
        }
        Ok(outputs)
    }

    pub(super) fn described(&self) -> Value {
        let outputs: Vec<_> = self
            .outputs
            .iter()
            .map(|(name, (value, description))| {
                json!({ "OutputKey": name, "OutputValue": value, "Description": description })
            })
            .collect();
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let drifted = self.drift.as_ref().map(Drift::of_stack);
        json!({
            "StackId": self.id,
            "StackName": self.name,
            "Description": self.definition.description,
            "CreationTime": self.created.iso(),
            "LastUpdatedTime": self.updated.map(Time::iso),
            "DeletionTime": self.deleted.map(Time::iso),
            "StackStatus": self.status,
            "StackStatusReason": self.reason,
            "DisableRollback": false,
            "EnableTerminationProtection": self.is_protected,
            "Capabilities": self.capabilities,
            "NotificationARNs": [],
            "Outputs": outputs,
            "Tags": tags,
            "DriftInformation": {
                "StackDriftStatus": drifted.unwrap_or("NOT_CHECKED"),
                "LastCheckTimestamp": self.drift.as_ref().map(|drift| drift.time.iso()),
            },
        })
    }
}

impl Resource {
    pub(super) fn described(&self, stack: &Stack) -> Value {
        json!({
            "StackName": stack.name,
            "StackId": stack.id,
            "LogicalResourceId": self.logical_id,
            "PhysicalResourceId": self.physical_id,
            "ResourceType": self.kind,
            "Timestamp": self.updated.iso(),
            "LastUpdatedTimestamp": self.updated.iso(),
            "ResourceStatus": self.status,
            "ResourceStatusReason": self.reason,
            "DriftInformation": { "StackResourceDriftStatus": "NOT_CHECKED" },
        })
    }
}

impl Event {
    pub(super) fn described(&self, stack: &Stack) -> Value {
        json!({
            "EventId": self.id,
            "StackId": stack.id,
            "StackName": stack.name,
            "LogicalResourceId": self.logical_id,
            "PhysicalResourceId": self.physical_id,
            "ResourceType": self.kind,
            "Timestamp": self.time.iso(),
            "ResourceStatus": self.status,
            "ResourceStatusReason": self.reason,
            "ClientRequestToken": self.token,
        })
    }
}

impl Drift {
    pub(super) fn of_stack(&self) -> &'static str {
        if self.resources.values().any(|(status, _)| *status != "IN_SYNC") { "DRIFTED" } else { "IN_SYNC" }
    }
}

impl Stack {
    /// Goes on by one stage, if there is something to go on with.
    pub(super) fn advance(&mut self, state: &mut State) {
        if let Some(operation) = self.operation.take() {
            state.clock.pass(super::STAGE);
            self.operation = operation.advance(state, self);
        }
    }

    pub(super) fn is_current(&self, resource: &Resource) -> bool {
        self.resources.get(&resource.logical_id).is_some_and(|of| of.physical_id == resource.physical_id)
    }

    /// Records what happened to a resource, which stays as it is described.
    pub(super) fn record(
        &mut self,
        state: &mut State,
        resource: &Resource,
        status: &str,
        reason: Option<&str>,
        token: Option<String>,
    ) {
        let suffix = state.uuid();
        self.events.push(Event {
            id: format!("{}-{status}-{suffix}", resource.logical_id),
            logical_id: resource.logical_id.clone(),
            physical_id: resource.physical_id.clone(),
            kind: resource.kind.clone(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            time: state.clock,
            token,
        });
        if let Some(current) = self.resources.get_mut(&resource.logical_id) {
            status.clone_into(&mut current.status);
            current.reason = reason.map(str::to_owned);
            current.updated = state.clock;
        }
    }

    /// Puts a resource in its place, and records what happened to it.
    pub(super) fn put(
        &mut self,
        state: &mut State,
        resource: Resource,
        status: &str,
        reason: Option<&str>,
        token: Option<String>,
    ) {
        self.resources.insert(resource.logical_id.clone(), resource.clone());
        self.record(state, &resource, status, reason, token);
    }
}
