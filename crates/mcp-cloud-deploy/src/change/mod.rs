//! Computes what a deployment changes, field by field, from the template that is deployed and the one that is wanted.
//!
//! Everything here is pure: texts in, values out. [`Changes::between`] is what a plan shows and a person agrees to;
//! [`unexpected`] holds CloudFormation's own change set against it; [`drift`] compares what runs with what was deployed.
//!
//! Values that may be secrets never leave this module: see [`FieldChange`].

mod between;
mod compare;
mod defaults;
mod drift;
mod lines;
mod parts;
mod template;
mod types;
mod unexpected;
mod value;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub(crate) use self::template::parse;
pub use self::{
    drift::{FunctionState, drift},
    lines::{Line, Sign},
    template::TemplateError,
    unexpected::{Surprise, Unexpected, unexpected},
    warnings::{Warning, WarningKind},
};
use self::{parts::Part, template::Resource};

/// What is said of a stack: its template, and what goes with it.
#[derive(Clone, Copy)]
pub struct Blueprint<'a> {
    /// The template, in YAML or JSON, with or without its last newline.
    pub template: &'a str,
    /// Values of its parameters; those that are absent have their defaults.
    pub parameters: &'a BTreeMap<String, String>,
    /// Tags of the stack, which CloudFormation puts on everything in it.
    pub tags: &'a BTreeMap<String, String>,
}

impl std::fmt::Debug for Blueprint<'_> {
    /// A template may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blueprint").field("template", &self.template.len()).finish_non_exhaustive()
    }
}

/// What a deployment changes. The order is the same for the same blueprints.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[must_use]
pub struct Changes {
    /// Resources, by their logical ids.
    pub resources: Vec<ResourceChange>,
    /// Outputs of the stack, by their names.
    pub outputs: Vec<FieldChange>,
    /// Parameters of the stack.
    pub parameters: Vec<FieldChange>,
    /// Tags of the stack.
    pub tags: Vec<FieldChange>,
    /// Other sections of the template: its description, its transform.
    pub sections: Vec<FieldChange>,
    /// What somebody should know before agreeing.
    pub warnings: Vec<Warning>,
    #[serde(skip)]
    context: Context,
}

/// What the change set of CloudFormation is understood with. It holds names alone, no values.
#[derive(Debug, Clone, Default, PartialEq)]
struct Context {
    /// What SAM makes of a resource, by the resource's logical id, before and after.
    parts: Vec<(String, Part)>,
    /// The resources that a property of a resource names.
    references: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Whether both templates were read.
    is_complete: bool,
}

/// What becomes of a resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceChange {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type, CloudFormation's or SAM's.
    pub resource_type: String,
    /// What happens to it.
    pub action: Action,
    /// The fields that change; all there are, for a resource that is added or removed.
    pub fields: Vec<FieldChange>,
    /// For one that is replaced: why.
    pub causes: Vec<Cause>,
    /// What SAM makes of it, where that is added, removed or replaced while the resource itself stays.
    pub parts: Vec<PartChange>,
    /// Whether it holds something that nothing brings back.
    pub holds_data: bool,
    /// For one that holds data and is replaced or removed: what becomes of the data.
    pub data: Option<Fate>,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is new.
    Add,
    /// It stays, and changes.
    Modify,
    /// Another one takes its place, at least perhaps: see [`Cause::certainty`].
    Replace,
    /// It goes.
    Remove,
}

/// What becomes of the data of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// The template says that the old resource stays, outside of the stack.
    Kept,
    /// It is gone.
    Lost,
}

/// Why a resource is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The field that changes.
    pub field: String,
    /// Whether that always makes another resource of it.
    pub certainty: Certainty,
    /// The resource that is replaced itself, where the field only names it.
    pub through: Option<String>,
}

/// Whether something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// That depends on what only CloudFormation knows.
    Perhaps,
    /// It does.
    Always,
}

/// A field that changes. Values are as people read them: long ones are shortened and end in their hash; those of variables
/// and properties that may hold secrets are `(hidden)`, unless they only say where the secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Where it is: `Environment.Variables.LOG_LEVEL`, `Policies[ReadSecrets].Statement[0].Action`, `AllowOrigins[]` for
    /// an item of a set.
    pub path: String,
    /// What is there now; absent where there is nothing.
    pub before: Option<String>,
    /// What will be there.
    pub after: Option<String>,
}

/// What becomes of something that SAM makes of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartChange {
    /// Its logical id; `…` stands for a hash at its end.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// What happens to it.
    pub action: Action,
    /// For one that is replaced: the field of SAM's resource that changes.
    pub cause: Option<String>,
}

/// Whether resources of a type hold something that nothing brings back.
pub(crate) fn holds_data(resource_type: &str) -> bool {
    types::of(resource_type).holds.is_some()
}

impl Changes {
    /// Whether nothing changes. Warnings come with changes only.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
            && self.outputs.is_empty()
            && self.parameters.is_empty()
            && self.tags.is_empty()
            && self.sections.is_empty()
            && self.warnings.is_empty()
    }

    /// What becomes of the resource of this logical id, if anything.
    #[must_use]
    pub fn resource(&self, logical_id: &str) -> Option<&ResourceChange> {
        self.resources.iter().find(|change| change.logical_id == logical_id)
    }
}

impl ResourceChange {
    fn new(id: &str, resource: &Resource, action: Action) -> Self {
        Self {
            logical_id: value::printable(id),
            resource_type: value::printable(&resource.resource_type),
            action,
            fields: Vec::new(),
            causes: Vec::new(),
            parts: Vec::new(),
            holds_data: holds_data(&resource.resource_type),
            data: None,
        }
    }

    /// For one that is replaced: whether that is certain.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        self.causes.iter().map(|cause| cause.certainty).max().unwrap_or(Certainty::Perhaps)
    }

    fn is_about(&self, property: &str) -> bool {
        self.fields.iter().any(|field| {
            field.path.strip_prefix(property).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

#[cfg(test)]
mod tests;
