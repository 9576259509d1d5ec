//! Finds what differs between two values of a template, as paths to the smallest things that differ.
//!
//! What is written differently and means the same is no difference: `'30'` and `30`, one value and a list of it in a
//! policy, another order where AWS has a set, a named item at another position, an empty list and none at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::{Map, Value};

use super::{
    template::{intrinsic, scalar},
    types::{NAMING, ORDERLESS},
};

/// Maps that are the same empty as absent.
const FILLED_OR_NOTHING: [&str; 4] = ["Environment", "Metadata", "Tags", "Variables"];
/// A name that says nothing more about a value: it is left out of paths that people read.
const SILENT: &str = "PolicyDocument";

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of a map.
    Member(String),
    /// An item of a list, by its name or position; empty for one of a set.
    Item(String),
}

impl Step {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Member(text) | Self::Item(text) => text,
        }
    }
}

/// Where a value stands within a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    pub(super) fn of(member: &str) -> Self {
        Self(vec![Step::Member(member.to_owned())])
    }

    pub(super) fn member(&self, name: &str) -> Self {
        self.with(Step::Member(name.to_owned()))
    }

    pub(super) fn item(&self, name: impl Into<String>) -> Self {
        self.with(Step::Item(name.into()))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The name of the property that is meant; an item of a list has none.
    fn property(&self) -> &str {
        match self.0.last() {
            Some(Step::Member(name)) => name,
            Some(Step::Item(_)) | None => "",
        }
    }

    /// Whether this is the property of that path (`A.B`), is within it, or holds it.
    pub(super) fn is_about(&self, property: &str) -> bool {
        self.0.iter().zip(property.split('.')).all(|(step, name)| step.text() == name)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for step in &self.0 {
            match step {
                Step::Member(name) if name == SILENT && self.0.len() > 1 => continue,
                Step::Member(name) if first => write!(f, "{name}")?,
                Step::Member(name) => write!(f, ".{name}")?,
                Step::Item(name) => write!(f, "[{name}]")?,
            }
            first = false;
        }
        Ok(())
    }
}

/// Something that differs; at least one side is there.
#[derive(Clone, PartialEq)]
pub(super) struct Difference {
    pub(super) path: Path,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// Every difference between two maps, in the order of their names.
pub(super) fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare_maps(&Path::default(), before, after, &mut found);
    found
}

fn compare_maps(path: &Path, before: &Map<String, Value>, after: &Map<String, Value>, found: &mut Vec<Difference>) {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        compare(&path.member(name), before.get(name), after.get(name), found);
    }
}

/// Every difference between two values, of which either may be absent.
pub(super) fn compare(path: &Path, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    let name = path.property();
    let there = |value: Option<&Value>| value.filter(|value| !is_nothing(name, value)).cloned();
    match (there(before), there(after)) {
        (None, None) => {}
        (Some(before), Some(after)) => compare_present(path, &before, &after, found),
        (Some(before), None) => {
            leaves(path, before, found, |path, value| Difference { path, before: Some(value), after: None });
        }
        (None, Some(after)) => {
            leaves(path, after, found, |path, value| Difference { path, before: None, after: Some(value) });
        }
    }
}

fn compare_present(path: &Path, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    let name = path.property();
    if canonical(name, before) == canonical(name, after) {
        return;
    }
    match (before, after) {
        (Value::Object(one), Value::Object(other)) if is_plain(before) && is_plain(after) => {
            compare_maps(path, one, other, found);
        }
        _ if ORDERLESS.contains(&name) => compare_lists(path, &items(before), &items(after), found),
        (Value::Array(one), Value::Array(other)) => compare_lists(path, one, other, found),
        _ => {
            let (before, after) = (Some(before.clone()), Some(after.clone()));
            found.push(Difference { path: path.clone(), before, after });
        }
    }
}

fn compare_lists(path: &Path, before: &[Value], after: &[Value], found: &mut Vec<Difference>) {
    if let Some(naming) = naming(before, Some(after)) {
        return compare_named(path, naming, before, after, found);
    }
    if ORDERLESS.contains(&path.property()) {
        return compare_sets(path, before, after, found);
    }
    if before.iter().chain(after).all(is_single) {
        let whole = |items: &[Value]| Some(Value::Array(items.to_vec()));
        return found.push(Difference { path: path.clone(), before: whole(before), after: whole(after) });
    }
    for index in 0..before.len().max(after.len()) {
        compare(&path.item(index.to_string()), before.get(index), after.get(index), found);
    }
}

fn compare_named(path: &Path, naming: &str, before: &[Value], after: &[Value], found: &mut Vec<Difference>) {
    let find = |items: &[Value], name: &str| {
        items.iter().find(|item| item.get(naming).and_then(scalar).as_deref() == Some(name)).cloned()
    };
    let names: BTreeSet<_> = before.iter().chain(after).filter_map(|item| item.get(naming).and_then(scalar)).collect();
    for name in names {
        let (one, other) = (find(before, &name), find(after, &name));
        let pairs = one.iter().chain(&other).all(|item| is_pair(naming, item));
        let inner = |item: Option<Value>| match item {
            Some(Value::Object(mut map)) if pairs => map.remove("Value"),
            Some(Value::Object(mut map)) => {
                map.remove(naming);
                Some(Value::Object(map))
            }
            other => other,
        };
        compare(&path.item(name), inner(one).as_ref(), inner(other).as_ref(), found);
    }
}

fn compare_sets(path: &Path, before: &[Value], after: &[Value], found: &mut Vec<Difference>) {
    let mut missing: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for item in before {
        missing.entry(canonical("", item)).or_default().push(item);
    }
    let mut added = Vec::new();
    for item in after {
        let same = missing.get_mut(&canonical("", item)).and_then(Vec::pop);
        if same.is_none() {
            added.push(item);
        }
    }
    let gone: BTreeSet<_> = missing.iter().filter(|(_, items)| !items.is_empty()).map(|(text, _)| text).collect();
    let gone: Vec<_> = before.iter().filter(|item| gone.contains(&canonical("", item))).collect();
    let single = gone.iter().chain(&added).all(|item| is_single(item));
    for index in 0..gone.len().max(added.len()) {
        let (one, other) = (gone.get(index).copied(), added.get(index).copied());
        if single {
            let path = path.item("");
            found.extend(one.map(|item| Difference { path: path.clone(), before: Some(item.clone()), after: None }));
            found.extend(other.map(|item| Difference { path, before: None, after: Some(item.clone()) }));
        } else {
            let at = |list: &[Value], item: Option<&Value>| list.iter().position(|other| Some(other) == item);
            let position = at(after, other).or_else(|| at(before, one)).unwrap_or(index);
            compare(&path.item(position.to_string()), one, other, found);
        }
    }
}

/// Hands the smallest things in a value to `make`, so that each can be told and hidden by its own path.
fn leaves(path: &Path, value: Value, found: &mut Vec<Difference>, make: impl Fn(Path, Value) -> Difference + Copy) {
    match value {
        Value::Object(map) if !map.is_empty() && is_plain_map(&map) => {
            for (name, value) in map {
                if !is_nothing(&name, &value) {
                    leaves(&path.member(&name), value, found, make);
                }
            }
        }
        Value::Array(items) if !items.iter().all(is_single) => {
            let naming = naming(&items, None);
            for (index, mut item) in items.into_iter().enumerate() {
                let Some(naming) = naming else {
                    leaves(&path.item(index.to_string()), item, found, make);
                    continue;
                };
                let name = item.get(naming).and_then(scalar).unwrap_or_default();
                let pair = is_pair(naming, &item);
                if let Some(map) = item.as_object_mut() {
                    map.remove(naming);
                    if let Some(value) = pair.then(|| map.remove("Value")).flatten() {
                        item = value;
                    }
                }
                leaves(&path.item(name), item, found, make);
            }
        }
        other => found.push(make(path.clone(), other)),
    }
}

/// Writes values that mean the same in the same way. `name` is the property they are of.
pub(super) fn canonical(name: &str, value: &Value) -> String {
    let mut text = String::new();
    write_canonical(name, value, &mut text);
    text
}

fn write_canonical(name: &str, value: &Value, text: &mut String) {
    let orderless = ORDERLESS.contains(&name);
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(|item| canonical("", item)).collect();
            if orderless || naming(value.as_array().map_or(&[], Vec::as_slice), None).is_some() {
                items.sort();
            }
            text.push_str(&format!("[{}]", items.join(",")));
        }
        // In a policy, one value stands for a list of it.
        single if orderless => text.push_str(&format!("[{}]", canonical("", single))),
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().filter(|(name, value)| !is_nothing(name, value)).collect();
            text.push('{');
            for (name, value) in sorted {
                text.push_str(&format!("{name:?}:"));
                write_canonical(name, value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => text.push_str(&format!("{:?}", scalar(other).unwrap_or_default())),
    }
}

/// Whether a value says no more than its absence would.
fn is_nothing(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => {
            FILLED_OR_NOTHING.contains(&name) && map.iter().all(|(name, value)| is_nothing(name, value))
        }
        _ => false,
    }
}

fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    }
}

/// Whether a map is what it seems, and no function.
fn is_plain(value: &Value) -> bool {
    intrinsic(value).is_none()
}

fn is_plain_map(map: &Map<String, Value>) -> bool {
    // A function is a map of one member.
    map.len() != 1 || is_plain(&Value::Object(map.clone()))
}

/// Whether a value is shown whole: one value, or what CloudFormation computes.
fn is_single(value: &Value) -> bool {
    scalar(value).is_some() || !is_plain(value)
}

fn is_pair(naming: &str, item: &Value) -> bool {
    item.as_object().is_some_and(|map| map.len() == 2 && map.contains_key(naming) && map.contains_key("Value"))
}

/// The member by which each item of a list, or of two, is told from its siblings.
pub(super) fn naming(items: &[Value], others: Option<&[Value]>) -> Option<&'static str> {
    let others = others.unwrap_or_default();
    if items.is_empty() && others.is_empty() {
        return None;
    }
    let tells = |items: &[Value], naming: &str| {
        let mut seen = BTreeSet::new();
        items.iter().all(|item| item.get(naming).and_then(scalar).is_some_and(|name| seen.insert(name)))
    };
    NAMING.iter().copied().find(|naming| tells(items, naming) && tells(others, naming))
}
