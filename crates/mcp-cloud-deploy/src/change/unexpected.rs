//! Holds what CloudFormation computes against what was agreed to.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{Action, Changes, ResourceChange, parts::Part, types};
use crate::apply::Change;

/// Something that CloudFormation would do, and nobody has agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unexpected {
    /// The resource's name in the template.
    pub logical_id: String,
    /// Its type.
    pub resource_type: String,
    /// What would happen to it.
    pub surprise: Surprise,
    /// The properties that CloudFormation names.
    pub properties: Vec<String>,
}

/// What would happen to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Surprise {
    /// It would come into being, and nothing in the template says so.
    Added,
    /// It would go.
    Removed,
    /// Another one would take its place.
    Replaced,
    /// Another one might take its place.
    MayBeReplaced,
    /// It holds data, and would change.
    DataChanged,
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let becomes = match self.surprise {
            Surprise::Added => "would be added",
            Surprise::Removed => "would be removed",
            Surprise::Replaced => "would be replaced",
            Surprise::MayBeReplaced => "might be replaced",
            Surprise::DataChanged => "holds data, and would change",
        };
        write!(f, "{} ({}) {becomes}", self.logical_id, self.resource_type)?;
        if self.properties.is_empty() { Ok(()) } else { write!(f, ": {}", self.properties.join(", ")) }
    }
}

/// What `theirs`, the change set that CloudFormation has computed, would do beyond `ours`, in its order.
///
/// It may do less: what is written differently may mean the same. What SAM makes of a resource (versions, permissions,
/// stages, …) belongs to that resource.
#[must_use]
pub fn unexpected(ours: &Changes, theirs: &[Change]) -> Vec<Unexpected> {
    let mut changed: BTreeSet<&str> = theirs.iter().map(|change| change.logical_id.as_str()).collect();
    changed.extend(ours.resources.iter().map(|change| change.logical_id.as_str()));
    let surprise = |change: &Change| {
        Some(Unexpected {
            logical_id: change.logical_id.clone(),
            resource_type: change.resource_type.clone(),
            surprise: Judged { ours, change, changed: &changed }.surprise()?,
            properties: change.properties.clone(),
        })
    };
    theirs.iter().filter_map(surprise).collect()
}

/// One of their changes, and what is needed to judge it.
struct Judged<'a> {
    ours: &'a Changes,
    change: &'a Change,
    /// Everything that changes, by ours or by theirs.
    changed: &'a BTreeSet<&'a str>,
}

impl Judged<'_> {
    fn surprise(&self) -> Option<Surprise> {
        let replacement = self.change.replacement.as_deref();
        match (self.change.action.as_str(), replacement) {
            ("Remove", _) => (!self.may_go(Action::Remove)).then_some(Surprise::Removed),
            ("Modify", Some("True")) => (!self.may_go(Action::Replace)).then_some(Surprise::Replaced),
            ("Modify", Some("Conditional")) | ("Dynamic", _) => {
                (!self.may_perhaps_go()).then_some(Surprise::MayBeReplaced)
            }
            ("Modify", _) => (self.holds_data() && !self.may_change()).then_some(Surprise::DataChanged),
            // `Add`, and `Import`, which takes something into the stack.
            _ => (!self.may_come()).then_some(Surprise::Added),
        }
    }

    fn own(&self) -> Option<&ResourceChange> {
        self.ours.resource(&self.change.logical_id)
    }

    /// What SAM has made it as part of, and what becomes of that.
    fn parts(&self) -> impl Iterator<Item = (Option<&ResourceChange>, &Part)> {
        let known = |part: &Part| part.is(&self.change.logical_id, &self.change.resource_type);
        let parts = self.ours.context.parts.iter().filter(move |(_, part)| known(part));
        parts.map(|(owner, part)| (self.ours.resource(owner), part))
    }

    fn holds_data(&self) -> bool {
        types::of(&self.change.resource_type).holds.is_some()
    }

    fn may_come(&self) -> bool {
        // What is in a template that cannot be read is not known.
        self.own().is_some_and(|own| own.action != Action::Remove)
            || self.parts().next().is_some()
            || !self.ours.context.is_complete
    }

    /// Whether it may be removed or replaced, whichever is asked.
    fn may_go(&self, action: Action) -> bool {
        if let Some(own) = self.own() {
            return own.action == action;
        }
        self.parts().any(|(owner, part)| {
            let Some(owner) = owner else { return part.comes_and_goes() };
            let own = owner.parts.iter().find(|own| own.logical_id == part.shown_id());
            part.comes_and_goes()
                || matches!(owner.action, Action::Remove | Action::Replace)
                || own.is_some_and(|own| matches!(own.action, Action::Remove | Action::Replace))
        })
    }

    /// Whether it may be replaced if that turns out to be needed. CloudFormation says so of everything that names
    /// something that changes, for what the name means afterwards is not known before.
    fn may_perhaps_go(&self) -> bool {
        if self.may_go(Action::Replace) || self.is_only_modified() {
            return true;
        }
        !self.holds_data() && (self.parts().any(|(owner, _)| owner.is_some()) || self.only_names_what_changes())
    }

    /// Whether what they name is what was agreed to, and none of it replaces anything by the schemas of the resources.
    fn is_only_modified(&self) -> bool {
        let agreed = self.own().filter(|own| own.action == Action::Modify).is_some_and(|own| {
            let properties = &self.change.properties;
            !properties.is_empty() && properties.iter().all(|property| own.is_about(property))
        });
        agreed || self.is_tagged_with_the_stack()
    }

    fn is_tagged_with_the_stack(&self) -> bool {
        self.change.properties.iter().all(|property| property == "Tags") && !self.ours.tags.is_empty()
    }

    /// Whether data may change where they are.
    fn may_change(&self) -> bool {
        self.own().is_some_and(|own| matches!(own.action, Action::Modify | Action::Replace))
            || self.is_tagged_with_the_stack()
            || self.only_names_what_changes()
    }

    fn only_names_what_changes(&self) -> bool {
        let Some(references) = self.ours.context.references.get(&self.change.logical_id) else { return false };
        let properties = &self.change.properties;
        !properties.is_empty()
            && properties.iter().all(|property| {
                let named = references.get(property);
                named.is_some_and(|named| named.iter().any(|name| self.changed.contains(name.as_str())))
            })
    }
}
