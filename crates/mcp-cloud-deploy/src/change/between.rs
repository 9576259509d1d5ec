//! Computes the changes between two blueprints: first what is written differently, then what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    Action, Blueprint, Cause, Certainty, Changes, Context, Fate, FieldChange, PartChange, ResourceChange, Warning,
    compare::{Difference, Path, compare, differences, naming},
    defaults,
    parts::{self, Part},
    template::{self, Reference, Resource, Template, references},
    types::{self, ResourceType},
    value::{self, HIDDEN},
    warnings,
};

impl Changes {
    /// Computes what leads from one blueprint to the other. Without the first, everything is added; without the second,
    /// everything is removed.
    ///
    /// A template that cannot be read is no error: everything in the other one counts as changed then, and a warning says
    /// so.
    pub fn between(before: Option<Blueprint<'_>>, after: Option<Blueprint<'_>>) -> Self {
        let read = |blueprint: Option<Blueprint<'_>>| match blueprint {
            Some(blueprint) => Template::read(blueprint.template, blueprint.parameters),
            None => Ok(Template::default()),
        };
        let (one, other) = match (read(before), read(after)) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(error), Ok(other)) => return Self::unknown(Some(&other), warnings::unreadable_before(&error)),
            (Ok(one), Err(error)) => return Self::unknown(Some(&one), warnings::unreadable_after(&error)),
            (Err(error), Err(_)) => return Self::unknown(None, warnings::unreadable_before(&error)),
        };
        let nothing = BTreeMap::new();
        let tags = |blueprint: Option<Blueprint<'_>>| as_map(blueprint.map_or(&nothing, |blueprint| blueprint.tags));
        let mut changes = Self {
            resources: resource_changes(&one, &other),
            outputs: named_changes("Outputs", &one.outputs, &other.outputs),
            parameters: named_changes("Parameters", &one.parameters, &other.parameters),
            tags: shown_within("Tags", &tags(before), &tags(after)),
            sections: match (before, after) {
                (Some(_), Some(_)) => shown(differences(&one.sections, &other.sections)),
                _ => Vec::new(),
            },
            warnings: Vec::new(),
            context: Context::of(&one, &other),
        };
        if before.is_some() && after.is_some() && !changes.tags.is_empty() {
            changes.replace_what_cannot_be_tagged_anew(&other);
        }
        changes.spread(&one, &other);
        changes.resources.sort_by(|one, other| one.logical_id.cmp(&other.logical_id));
        changes.settle_data(&one, &other);
        changes.warnings = warnings::of(&changes, &one, &other);
        changes
    }

    fn unknown(template: Option<&Template>, warning: Warning) -> Self {
        let mut changes = Self { warnings: vec![warning], ..Self::default() };
        for (id, resource) in template.into_iter().flat_map(|template| &template.resources) {
            changes.resources.push(ResourceChange::new(id, resource, Action::Modify));
        }
        changes
    }

    /// Tags of the stack are tags of its resources, and there are types that take another tag for another resource.
    fn replace_what_cannot_be_tagged_anew(&mut self, after: &Template) {
        for (id, resource) in &after.resources {
            if types::of(&resource.resource_type).replacing.contains(&"Tags") {
                self.replace(
                    id,
                    resource,
                    Cause { field: "Tags".to_owned(), certainty: Certainty::Always, through: None },
                );
            }
        }
    }

    fn replace(&mut self, id: &str, resource: &Resource, cause: Cause) -> bool {
        let index = self.resources.iter().position(|change| change.logical_id == id);
        let index = index.unwrap_or_else(|| {
            self.resources.push(ResourceChange::new(id, resource, Action::Modify));
            self.resources.len() - 1
        });
        let Some(change) = self.resources.get_mut(index) else { return false };
        if !matches!(change.action, Action::Modify | Action::Replace) {
            return false;
        }
        let known = change.causes.iter().any(|other| other.field == cause.field && other.certainty >= cause.certainty);
        if !known {
            change.action = Action::Replace;
            change.causes.push(cause);
        }
        !known
    }

    /// What names a resource that is replaced changes with it, and may have to be replaced itself.
    fn spread(&mut self, before: &Template, after: &Template) {
        let mut replaced = self.replaced();
        loop {
            let mut spread = Vec::new();
            for (id, resource) in &after.resources {
                if before.resources.get(id).is_none_or(|other| other.resource_type != resource.resource_type) {
                    continue;
                }
                let known = types::of(&resource.resource_type);
                spread.extend(known.replacing.iter().chain(known.perhaps).filter_map(|property| {
                    let named = references(at(&resource.properties, property)?);
                    let cause = named.into_iter().filter_map(|(through, reference)| {
                        let sure = replaced.get(&through)? == &Certainty::Always
                            && reference == Reference::Identity
                            && known.replacing.contains(property);
                        let certainty = if sure { Certainty::Always } else { Certainty::Perhaps };
                        Some(Cause { field: (*property).to_owned(), certainty, through: Some(through) })
                    });
                    Some((id, resource, cause.max_by_key(|cause| cause.certainty)?))
                }));
            }
            // Each cause is taken once, so this ends.
            if !spread.into_iter().fold(false, |any, (id, resource, cause)| self.replace(id, resource, cause) || any) {
                break;
            }
            replaced = self.replaced();
        }
        self.follow(&replaced, before, after);
    }

    /// Everything that is replaced, also what SAM makes.
    fn replaced(&self) -> BTreeMap<String, Certainty> {
        let whole = self.resources.iter().filter(|change| change.action == Action::Replace);
        let whole = whole.map(|change| (change.logical_id.clone(), change.certainty()));
        let parts = self.resources.iter().flat_map(|change| &change.parts);
        let parts = parts.filter(|part| part.action == Action::Replace);
        parts.map(|part| (part.logical_id.clone(), Certainty::Always)).chain(whole).collect()
    }

    /// Names the fields and outputs that stay as they are written, and mean another resource.
    fn follow(&mut self, replaced: &BTreeMap<String, Certainty>, before: &Template, after: &Template) {
        let is_new = |value: &Value| references(value).keys().any(|name| replaced.contains_key(name));
        let followed = |path: &Path, value: &Value| {
            let names = references(value).into_keys().filter(|name| replaced.contains_key(name));
            let names: Vec<_> = names.map(|name| value::printable(&name)).collect();
            let after = Some(format!("the same, of the new {}", names.join(" and ")));
            let before = Some(value::shown(path, value));
            FieldChange { path: value::printable(&path.to_string()), before, after }
        };
        for (id, resource) in &after.resources {
            if !before.resources.contains_key(id) {
                continue;
            }
            for (name, value) in &resource.properties {
                let path = Path::of(name);
                let known = self.resource(id).is_some_and(|change| change.is_about(name));
                if is_new(value) && !known {
                    let mut fields = Vec::new();
                    new_values(&path, value, &is_new, &mut |path, value| fields.push(followed(path, value)));
                    self.add_fields(id, resource, fields);
                }
            }
        }
        for (name, value) in &after.outputs {
            let path = Path::of(name);
            let known = self.outputs.iter().any(|output| output.path == *name);
            if before.outputs.contains_key(name) && is_new(value) && !known {
                self.outputs.push(followed(&path, value));
            }
        }
        self.outputs.sort_by(|one, other| one.path.cmp(&other.path));
    }

    fn add_fields(&mut self, id: &str, resource: &Resource, fields: Vec<FieldChange>) {
        match self.resources.iter_mut().find(|change| change.logical_id == id) {
            Some(change) => change.fields.extend(fields),
            None => {
                self.resources.push(ResourceChange { fields, ..ResourceChange::new(id, resource, Action::Modify) });
            }
        }
    }

    fn settle_data(&mut self, before: &Template, after: &Template) {
        for change in &mut self.resources {
            let keeps = |template: &Template, attribute: &str| {
                template.resources.get(&change.logical_id).is_some_and(|resource| resource.keeps(attribute))
            };
            let kept = match change.action {
                Action::Add | Action::Modify => continue,
                // What the deployed template says counts: the other one has nothing left to say.
                Action::Remove => keeps(before, "DeletionPolicy"),
                // Which of the two counts is written nowhere, so both have to say it.
                Action::Replace => keeps(before, "UpdateReplacePolicy") && keeps(after, "UpdateReplacePolicy"),
            };
            if change.holds_data {
                change.data = Some(if kept { Fate::Kept } else { Fate::Lost });
            }
        }
    }
}

impl Context {
    fn of(before: &Template, after: &Template) -> Self {
        let mut context = Self { is_complete: true, ..Self::default() };
        for template in [before, after] {
            for (id, resource) in &template.resources {
                context.parts.extend(parts::of(id, resource, template).into_iter().map(|part| (id.clone(), part)));
                let named = context.references.entry(id.clone()).or_default();
                for (property, value) in &resource.properties {
                    named.entry(property.clone()).or_default().extend(references(value).into_keys());
                }
            }
        }
        context
    }
}

fn resource_changes(before: &Template, after: &Template) -> Vec<ResourceChange> {
    let ids: BTreeSet<_> = before.resources.keys().chain(after.resources.keys()).collect();
    let nothing = Resource::default();
    let change = |id: &String| match (before.resources.get(id), after.resources.get(id)) {
        (Some(one), Some(other)) => changed(id, (one, before), (other, after)),
        (Some(one), None) => {
            let fields = shown(differences(&one.properties, &nothing.properties));
            Some(ResourceChange { fields, ..ResourceChange::new(id, one, Action::Remove) })
        }
        (None, Some(other)) => {
            let fields = shown(differences(&nothing.properties, &other.properties));
            Some(ResourceChange { fields, ..ResourceChange::new(id, other, Action::Add) })
        }
        (None, None) => None,
    };
    ids.into_iter().filter_map(change).collect()
}

fn changed(id: &str, before: (&Resource, &Template), after: (&Resource, &Template)) -> Option<ResourceChange> {
    let ((one, _), (other, _)) = (before, after);
    if one.resource_type != other.resource_type {
        let field = |text: &str| Some(value::printable(text));
        let fields = vec![FieldChange {
            path: "Type".to_owned(),
            before: field(&one.resource_type),
            after: field(&other.resource_type),
        }];
        let causes = vec![Cause { field: "Type".to_owned(), certainty: Certainty::Always, through: None }];
        let holds_data = types::of(&one.resource_type).holds.is_some();
        let change = ResourceChange::new(id, other, Action::Replace);
        return Some(ResourceChange { fields, causes, holds_data, ..change });
    }
    let known = types::of(&one.resource_type);
    let (filled_one, filled_other) =
        (defaults::filled(&known, &one.properties), defaults::filled(&known, &other.properties));
    let found = differences(&filled_one, &filled_other);
    let causes = causes(&known, &found);
    // A default is worth a line where it takes the place of something, not where it comes or goes with its section.
    let written = differences(&one.properties, &other.properties);
    let is_written = |difference: &Difference| written.iter().any(|written| written.path == difference.path);
    let found = found
        .into_iter()
        .filter(|difference| (difference.before.is_some() && difference.after.is_some()) || is_written(difference))
        .collect();
    let parts = part_changes(&parts::of(id, one, before.1), &parts::of(id, other, after.1));
    let mut fields = shown(found);
    fields.extend(shown(differences(&one.attributes, &other.attributes)));
    if fields.is_empty() && parts.is_empty() {
        return None;
    }
    let action = if causes.is_empty() { Action::Modify } else { Action::Replace };
    Some(ResourceChange { fields, causes, parts, ..ResourceChange::new(id, other, action) })
}

fn causes(known: &ResourceType, found: &[Difference]) -> Vec<Cause> {
    let about = |property: &str| found.iter().any(|difference| difference.path.is_about(property));
    let cause = |certainty| move |property: &&str| Cause { field: (*property).to_owned(), certainty, through: None };
    let always = known.replacing.iter().filter(|property| about(property)).map(cause(Certainty::Always));
    let perhaps = known.perhaps.iter().filter(|property| about(property)).map(cause(Certainty::Perhaps));
    always.chain(perhaps).collect()
}

fn part_changes(before: &[Part], after: &[Part]) -> Vec<PartChange> {
    let find = |parts: &[Part], part: &Part| {
        parts.iter().find(|other| other.id == part.id && other.resource_type == part.resource_type).cloned()
    };
    let change = |part: &Part, action, cause: Option<&str>| PartChange {
        logical_id: value::printable(&part.shown_id()),
        resource_type: part.resource_type.to_owned(),
        action,
        cause: cause.map(str::to_owned),
    };
    let mut changes = Vec::new();
    for part in after {
        match find(before, part) {
            None => changes.push(change(part, Action::Add, None)),
            Some(other) => {
                let differs = part.identity.iter().zip(&other.identity).find(|(one, other)| one != other);
                if let Some(((field, _), _)) = differs {
                    changes.push(change(part, Action::Replace, Some(field)));
                }
            }
        }
    }
    let gone = before.iter().filter(|part| find(after, part).is_none());
    changes.extend(gone.map(|part| change(part, Action::Remove, None)));
    changes.sort_by(|one, other| one.logical_id.cmp(&other.logical_id));
    changes
}

fn shown(differences: Vec<Difference>) -> Vec<FieldChange> {
    let show = |difference: Difference| {
        let text = |value: Option<Value>| value.map(|value| value::shown(&difference.path, &value));
        let (before, mut after) = (text(difference.before), text(difference.after));
        if before == after
            && let Some(after) = &mut after
            && !after.contains(HIDDEN)
        {
            after.push_str(", written in another way");
        }
        FieldChange { path: value::printable(&difference.path.to_string()), before, after }
    };
    differences.into_iter().map(show).collect()
}

fn named_changes(section: &str, before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<FieldChange> {
    let map = |values: &BTreeMap<String, Value>| values.clone().into_iter().collect::<Map<_, _>>();
    shown_within(section, &map(before), &map(after))
}

/// The differences of a section, whose name decides what may be shown and is not part of what is read.
fn shown_within(name: &str, before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<FieldChange> {
    let section = Path::of(name);
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        compare(&section.member(name), before.get(name), after.get(name), &mut found);
    }
    let mut fields = shown(found);
    for field in &mut fields {
        field.path = field.path.split_off((name.len() + 1).min(field.path.len()));
    }
    fields
}

fn as_map(tags: &BTreeMap<String, String>) -> Map<String, Value> {
    tags.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect()
}

/// The property of a path such as `A.B`.
fn at<'a>(properties: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = properties.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// Hands on the smallest values of which something is new.
fn new_values(path: &Path, value: &Value, is_new: &impl Fn(&Value) -> bool, found: &mut impl FnMut(&Path, &Value)) {
    let inner = template::intrinsic(value).is_none();
    match value {
        Value::Object(map) if inner => {
            for (name, value) in map.iter().filter(|(_, value)| is_new(value)) {
                new_values(&path.member(name), value, is_new, found);
            }
        }
        Value::Array(items) => {
            let naming = naming(items, None);
            for (index, value) in items.iter().enumerate().filter(|(_, value)| is_new(value)) {
                let name = naming.and_then(|naming| value.get(naming)).and_then(template::scalar);
                new_values(&path.item(name.unwrap_or_else(|| index.to_string())), value, is_new, found);
            }
        }
        _ => found(path, value),
    }
}
