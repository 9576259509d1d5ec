//! What would change, computed as CloudFormation computes it: with what it cannot know before, and with its noise.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    kinds,
    stack::Resource,
    template::{Declared, Definition, Ending, mentioned},
};

/// What is to happen to a resource.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) action: Action,
    pub(super) logical_id: String,
    kind: String,
    physical_id: Option<String>,
    replacement: Option<&'static str>,
    policy: Option<&'static str>,
    details: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Add,
    Modify,
    Remove,
}

impl Change {
    pub(super) fn described(&self) -> Value {
        let scope: BTreeSet<&str> =
            self.details.iter().filter_map(|detail| detail.get("Target")?.get("Attribute")?.as_str()).collect();
        json!({ "Type": "Resource", "ResourceChange": {
            "Action": match self.action {
                Action::Add => "Add",
                Action::Modify => "Modify",
                Action::Remove => "Remove",
            },
            "LogicalResourceId": self.logical_id,
            "PhysicalResourceId": self.physical_id,
            "ResourceType": self.kind,
            "Replacement": self.replacement,
            "PolicyAction": self.policy,
            "Scope": scope,
            "Details": self.details,
        } })
    }
}

fn detail(attribute: &str, name: Option<&str>, recreation: &str, source: (&str, &str), cause: Option<&str>) -> Value {
    let (evaluation, source) = source;
    json!({
        "Target": { "Attribute": attribute, "Name": name, "RequiresRecreation": recreation },
        "Evaluation": evaluation,
        "ChangeSource": source,
        "CausingEntity": cause,
    })
}

/// Computes the changes from one template to another; `tags` tells whether those of the stack change.
pub(super) fn compute(
    old: &Definition,
    new: &Definition,
    there: &BTreeMap<String, Resource>,
    tags: TagsOfStack,
) -> Vec<Change> {
    let mut changes = Vec::new();
    // What others may see another value of: replaced, or changed in place.
    let mut touched: BTreeMap<String, &'static str> = BTreeMap::new();
    for logical_id in new.waves().concat() {
        let Some(wanted) = new.resources.get(&logical_id) else { continue };
        let physical_id = there.get(&logical_id).map(|resource| resource.physical_id.clone());
        let Some(present) = old.resources.get(&logical_id).filter(|_| physical_id.is_some()) else {
            changes.push(Change {
                action: Action::Add,
                kind: wanted.kind.clone(),
                logical_id,
                physical_id: None,
                replacement: None,
                policy: None,
                details: Vec::new(),
            });
            continue;
        };
        let details = details(old, new, present, wanted, &touched, tags);
        if details.is_empty() {
            continue;
        }
        let replacement = replacement(&details);
        touched.insert(logical_id.clone(), replacement);
        let policy = (replacement != "False").then_some(match wanted.replacement {
            Ending::Delete => "ReplaceAndDelete",
            _ => "ReplaceAndRetain",
        });
        let (action, replacement, kind) = (Action::Modify, Some(replacement), wanted.kind.clone());
        changes.push(Change { action, logical_id, kind, physical_id, replacement, policy, details });
    }
    let removed = old.resources.iter().filter(|(logical_id, _)| !new.resources.contains_key(*logical_id));
    changes.extend(removed.filter_map(|(logical_id, declared)| {
        Some(Change {
            action: Action::Remove,
            logical_id: logical_id.clone(),
            kind: declared.kind.clone(),
            physical_id: Some(there.get(logical_id)?.physical_id.clone()),
            replacement: None,
            policy: Some(if declared.deletion == Ending::Delete { "Delete" } else { "Retain" }),
            details: Vec::new(),
        })
    }));
    changes
}

/// Whether the tags of the stack change, which go to everything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagsOfStack {
    Change,
    Stay,
}

fn replacement(details: &[Value]) -> &'static str {
    let of = |recreation: &str, evaluation: &str| {
        details.iter().any(|detail| {
            let target = detail.get("Target").and_then(|target| target.get("RequiresRecreation"));
            target == Some(&json!(recreation)) && detail.get("Evaluation") == Some(&json!(evaluation))
        })
    };
    if of("Always", "Static") {
        "True"
    } else if of("Always", "Dynamic") || of("Conditionally", "Static") || of("Conditionally", "Dynamic") {
        "Conditional"
    } else {
        "False"
    }
}

fn details(
    old: &Definition,
    new: &Definition,
    present: &Declared,
    wanted: &Declared,
    touched: &BTreeMap<String, &'static str>,
    tags: TagsOfStack,
) -> Vec<Value> {
    let kind = kinds::find(&wanted.kind);
    let recreation = |name: &str| kind.map_or("Never", |kind| kind.recreation(name));
    let mut details = Vec::new();
    let names: BTreeSet<&String> = present.properties.keys().chain(wanted.properties.keys()).collect();
    for name in names {
        let (before, after) = (present.properties.get(name), wanted.properties.get(name));
        let parameters_differ = || after.is_some_and(|after| depends_on_parameters(old, new, after));
        if before != after || parameters_differ() {
            let attribute = if name == "Tags" { "Tags" } else { "Properties" };
            let name = (attribute == "Properties").then_some(name.as_str());
            let recreation = name.map_or("Never", recreation);
            details.push(detail(attribute, name, recreation, ("Static", "DirectModification"), None));
            continue;
        }
        let mut references = BTreeSet::new();
        mentioned(after.unwrap_or(&Value::Null), &mut references);
        for reference in references {
            let target = new.target(&reference);
            let is_attribute = reference.contains('.') && !new.referable.contains_key(&reference);
            let source = if is_attribute { "ResourceAttribute" } else { "ResourceReference" };
            let seen = match touched.get(target) {
                Some(&"False") => is_attribute,
                other => other.is_some(),
            };
            if seen {
                let cause = Some(reference.as_str());
                details.push(detail("Properties", Some(name), recreation(name), ("Dynamic", source), cause));
            }
        }
    }
    for (attribute, changes) in [
        ("DeletionPolicy", present.deletion != wanted.deletion),
        ("UpdateReplacePolicy", present.replacement != wanted.replacement),
    ] {
        if changes {
            details.push(detail(attribute, None, "Never", ("Static", "DirectModification"), None));
        }
    }
    if tags == TagsOfStack::Change && kind.is_some_and(|kind| kind.takes_tags) {
        details.push(detail("Tags", None, "Never", ("Static", "DirectModification"), None));
    }
    details
}

fn depends_on_parameters(old: &Definition, new: &Definition, value: &Value) -> bool {
    if old.parameters == new.parameters {
        return false;
    }
    let mut references = BTreeSet::new();
    mentioned(value, &mut references);
    references.iter().any(|name| old.parameters.get(name) != new.parameters.get(name))
}
