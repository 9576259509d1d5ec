//! Compares two JSON Schemas of a tool: what the one accepts, or promises, and the other does not
//! (<https://json-schema.org/draft/2020-12/json-schema-validation>).
//!
//! What cannot be told apart for sure, such as a changed `pattern` or `not`, counts as narrowed: better a warning too many.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::surface::Kind;

/// Levels that are compared one by one; what differs deeper inside, or in a circle, is one difference.
const DEPTH: usize = 24;

/// What a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What a client may send: it may grow.
    Arguments,
    /// What a client may rely on: it may shrink.
    Result,
}

/// How the set of values that a schema allows has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Stricter,
    Looser,
}

/// Two schemas on the way down.
struct Comparison<'a> {
    side: Side,
    old_root: &'a Value,
    new_root: &'a Value,
    /// Pairs of references that have been followed.
    compared: BTreeSet<(String, String)>,
    found: Vec<(Kind, String)>,
}

/// Says what changes between two schemas, as kinds and half sentences.
pub(super) fn compare(side: Side, old: &Value, new: &Value) -> Vec<(Kind, String)> {
    let mut comparison =
        Comparison { side, old_root: old, new_root: new, compared: BTreeSet::new(), found: Vec::new() };
    comparison.schemas("", old, new, DEPTH);
    comparison.found
}

/// The same value whatever the order it was written in: members sorted, and the lists that are sets.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().map(|(name, value)| (name.clone(), canonical(value))).collect();
            let members = sorted.into_iter().map(|(name, value)| match value {
                Value::Array(mut items) if name == "required" => {
                    items.sort_by_key(ToString::to_string);
                    (name, Value::Array(items))
                }
                value => (name, value),
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

impl Comparison<'_> {
    fn schemas(&mut self, path: &str, old: &Value, new: &Value, depth: usize) {
        if let (Some(before), Some(after)) = (reference(old), reference(new))
            && !self.compared.insert((before.to_owned(), after.to_owned()))
        {
            // Compared already, or being compared: a schema may refer to itself.
            return;
        }
        let (old, new) = (resolve(self.old_root, old), resolve(self.new_root, new));
        let is_same = without_words(old) == without_words(new);
        if is_same && !refers(old) {
            return;
        }
        if depth == 0 {
            if !is_same {
                self.push(Kind::Narrowed, path, "is another deep inside");
            }
            return;
        }
        match (accepts_all(old), accepts_all(new)) {
            (true, true) => return,
            (true, false) => return self.say(Change::Stricter, path, "is not just anything any more"),
            (false, true) => return self.say(Change::Looser, path, "is anything now"),
            (false, false) => {}
        }
        match (old.as_object(), new.as_object()) {
            (Some(old), Some(new)) => {
                self.types(path, old, new);
                self.values(path, old, new);
                self.bounds(path, old, new);
                self.properties(path, old, new, depth);
                self.inside(path, old, new, depth);
                self.alternatives(path, old, new);
                self.others(path, old, new);
            }
            (Some(_), None) => self.say(Change::Stricter, path, "is not taken any more"),
            (None, Some(_)) => self.say(Change::Looser, path, "is taken now"),
            (None, None) => {}
        }
    }

    fn types(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        let (before, after) = (types(old), types(new));
        let gone: Vec<_> = match (&before, &after) {
            (Some(before), Some(after)) => before.iter().filter(|kind| !includes(after, kind)).collect(),
            _ => Vec::new(),
        };
        let come: Vec<_> = match (&before, &after) {
            (Some(before), Some(after)) => after.iter().filter(|kind| !includes(before, kind)).collect(),
            _ => Vec::new(),
        };
        match (&before, &after) {
            (None, Some(after)) => {
                let only = after.iter().map(String::as_str).collect::<Vec<_>>().join(" or ");
                self.say(Change::Stricter, path, &format!("is only {only} now"));
            }
            (Some(_), None) => self.say(Change::Looser, path, "is of any type now"),
            _ => {}
        }
        for kind in gone {
            self.say(Change::Stricter, path, &format!("is no {kind} any more"));
        }
        for kind in come {
            self.say(Change::Looser, path, &format!("may be {kind} now"));
        }
    }

    /// `enum`, and `const`, which is an `enum` of one.
    fn values(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        match (values(old), values(new)) {
            (None, None) => {}
            (None, Some(_)) => self.say(Change::Stricter, path, "is one of a list of values now"),
            (Some(_), None) => self.say(Change::Looser, path, "is not one of a list of values any more"),
            (Some(before), Some(after)) => {
                for value in before.difference(&after) {
                    self.say(Change::Stricter, path, &format!("is never {value} any more"));
                }
                for value in after.difference(&before) {
                    self.say(Change::Looser, path, &format!("may be {value} now"));
                }
            }
        }
    }

    fn bounds(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        const LOWER: [&str; 5] = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
        const UPPER: [&str; 5] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
        let bounds = LOWER.iter().map(|name| (name, true)).chain(UPPER.iter().map(|name| (name, false)));
        for (name, is_lower) in bounds {
            let number = |schema: &Map<String, Value>| schema.get(*name).and_then(Value::as_f64);
            let (change, what) = match (number(old), number(new)) {
                (None, Some(now)) => (Change::Stricter, format!("has a {name} of {now} now")),
                (Some(before), None) => (Change::Looser, format!("has no {name} of {before} any more")),
                (Some(before), Some(now)) if (before - now).abs() > 0.0 => {
                    let change = if (now > before) == is_lower { Change::Stricter } else { Change::Looser };
                    (change, format!("has a {name} of {now} instead of {before}"))
                }
                _ => continue,
            };
            self.say(change, path, &what);
        }
    }

    fn properties(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>, depth: usize) {
        let (before, after) = (members(old, "properties"), members(new, "properties"));
        let (must, must_now) = (required(old), required(new));
        let is_closed = new.get("additionalProperties") == Some(&Value::Bool(false));
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            let place = join(path, name);
            match self.side {
                Side::Arguments if is_closed => self.push(Kind::Narrowed, &place, "is gone"),
                // Whoever still sends it is not refused; nothing says any more what becomes of it.
                Side::Arguments => self.push(Kind::Widened, &place, "is not described any more"),
                Side::Result => self.push(Kind::Narrowed, &place, "is gone"),
            }
        }
        for name in after.keys().filter(|name| !before.contains_key(*name)) {
            let place = join(path, name);
            match self.side {
                Side::Arguments if must_now.contains(*name) => {
                    self.push(Kind::Narrowed, &place, "is new, and required");
                }
                _ => self.push(Kind::Widened, &place, "is new"),
            }
        }
        for name in must_now.difference(&must) {
            // One that is new has been reported as that.
            if before.contains_key(name.as_str()) || !after.contains_key(name.as_str()) {
                self.say(Change::Stricter, &join(path, name), "is required now");
            }
        }
        for name in must.difference(&must_now) {
            if after.contains_key(name.as_str()) || !before.contains_key(name.as_str()) {
                self.say(Change::Looser, &join(path, name), "is optional now");
            }
        }
        for (name, schema) in &before {
            if let Some(now) = after.get(name) {
                self.schemas(&join(path, name), schema, now, depth - 1);
            }
        }
    }

    /// Schemas of what an object or a list has inside without naming it.
    fn inside(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>, depth: usize) {
        const OPEN: Value = Value::Bool(true);
        for (name, suffix) in
            [("additionalProperties", "*"), ("items", "[]"), ("additionalItems", "[]"), ("unevaluatedProperties", "*")]
        {
            let (before, after) = (old.get(name).unwrap_or(&OPEN), new.get(name).unwrap_or(&OPEN));
            if before == after {
                continue;
            }
            if suffix == "*" && *after == Value::Bool(false) {
                self.say(Change::Stricter, path, "takes no other members any more");
            } else if suffix == "*" && *before == Value::Bool(false) {
                self.say(Change::Looser, path, "takes other members now");
            } else {
                self.schemas(&join(path, suffix), before, after, depth - 1);
            }
        }
    }

    /// Alternatives are compared as wholes: one that is gone, one that is new.
    fn alternatives(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        for name in ["anyOf", "oneOf"] {
            let alternatives = |schema: &Map<String, Value>, root: &Value| {
                schema.get(name).and_then(Value::as_array).map(|alternatives| {
                    let texts = alternatives.iter().map(|one| without_words(resolve(root, one)).to_string());
                    texts.collect::<BTreeSet<_>>()
                })
            };
            match (alternatives(old, self.old_root), alternatives(new, self.new_root)) {
                (None, None) => {}
                (None, Some(_)) => self.say(Change::Stricter, path, "is one of several forms now"),
                (Some(_), None) => self.say(Change::Looser, path, "is not one of several forms any more"),
                (Some(before), Some(after)) => {
                    if before.difference(&after).next().is_some() {
                        self.say(Change::Stricter, path, "has one of its forms no longer");
                    }
                    if after.difference(&before).next().is_some() {
                        self.say(Change::Looser, path, "has another form");
                    }
                }
            }
        }
    }

    /// Keywords whose values cannot be ordered: with one it is stricter than without, and another one may be.
    fn others(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        const KEYWORDS: [&str; 17] = [
            "pattern",
            "format",
            "multipleOf",
            "uniqueItems",
            "allOf",
            "not",
            "if",
            "then",
            "else",
            "prefixItems",
            "contains",
            "patternProperties",
            "propertyNames",
            "dependentRequired",
            "dependentSchemas",
            "contentEncoding",
            "x-mcp-header",
        ];
        for name in KEYWORDS {
            let of =
                |schema: &Map<String, Value>| schema.get(name).filter(|value| **value != Value::Bool(false)).cloned();
            match (of(old), of(new)) {
                (None, Some(_)) => self.say(Change::Stricter, path, &format!("has a {name} now")),
                (Some(_), None) => self.say(Change::Looser, path, &format!("has no {name} any more")),
                (Some(before), Some(after)) if without_words(&before) != without_words(&after) => {
                    // Neither is known to be the wider one.
                    self.push(Kind::Narrowed, path, &format!("has another {name}"));
                }
                _ => {}
            }
        }
    }

    /// The set of allowed values changes: what that means depends on the side.
    fn say(&mut self, change: Change, path: &str, what: &str) {
        let kind = match (self.side, change) {
            (Side::Arguments, Change::Stricter) | (Side::Result, Change::Looser) => Kind::Narrowed,
            (Side::Arguments, Change::Looser) | (Side::Result, Change::Stricter) => Kind::Widened,
        };
        self.push(kind, path, what);
    }

    fn push(&mut self, kind: Kind, path: &str, what: &str) {
        let place = match (self.side, path) {
            (Side::Arguments, "") => "the object of its arguments".to_owned(),
            (Side::Arguments, path) => format!("its argument `{path}`"),
            (Side::Result, "") => "its result".to_owned(),
            (Side::Result, path) => format!("`{path}` of its result"),
        };
        self.found.push((kind, format!("{place} {what}")));
    }
}

/// What a reference leads to within its document; itself where it is none, or leads nowhere.
fn resolve<'r>(root: &'r Value, schema: &'r Value) -> &'r Value {
    let mut schema = schema;
    for _ in 0..DEPTH {
        let target = reference(schema).and_then(|reference| reference.strip_prefix('#'));
        match target.and_then(|pointer| root.pointer(pointer)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str)
}

/// Whether a schema refers to another anywhere.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key("$ref") || members.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

/// A schema without what it only says about itself.
pub(super) fn without_words(schema: &Value) -> Value {
    const WORDS: [&str; 9] =
        ["title", "description", "default", "examples", "example", "deprecated", "$comment", "$schema", "$id"];
    const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
    const VALUES: [&str; 3] = ["enum", "const", "required"];
    match schema {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !WORDS.contains(&name.as_str()));
            let kept = kept.map(|(name, value)| match value {
                Value::Object(named) if NAMED.contains(&name.as_str()) => {
                    let named = named.iter().map(|(name, schema)| (name.clone(), without_words(schema)));
                    (name.clone(), Value::Object(named.collect()))
                }
                value if VALUES.contains(&name.as_str()) => (name.clone(), value.clone()),
                value => (name.clone(), without_words(value)),
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_words).collect()),
        other => other.clone(),
    }
}

fn accepts_all(schema: &Value) -> bool {
    match schema {
        Value::Bool(accepts) => *accepts,
        Value::Object(_) => without_words(schema).as_object().is_some_and(Map::is_empty),
        _ => true,
    }
}

fn types(schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
    match schema.get("type")? {
        Value::String(kind) => Some(BTreeSet::from([kind.clone()])),
        Value::Array(kinds) => Some(kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

fn includes(types: &BTreeSet<String>, kind: &str) -> bool {
    types.contains(kind) || kind == "integer" && types.contains("number")
}

fn values(schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
    match (schema.get("enum"), schema.get("const")) {
        (_, Some(value)) => Some(BTreeSet::from([quoted(value)])),
        (Some(Value::Array(values)), None) => Some(values.iter().map(quoted).collect()),
        _ => None,
    }
}

fn quoted(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn members<'s>(schema: &'s Map<String, Value>, name: &str) -> BTreeMap<&'s str, &'s Value> {
    let members = schema.get(name).and_then(Value::as_object).into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value)).collect()
}

fn required(schema: &Map<String, Value>) -> BTreeSet<String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn join(path: &str, name: &str) -> String {
    match (path, name) {
        ("", name) => name.to_owned(),
        (path, "[]") => format!("{path}[]"),
        (path, name) => format!("{path}.{name}"),
    }
}
