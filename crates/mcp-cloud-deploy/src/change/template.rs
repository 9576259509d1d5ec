//! Reads the text of a template, YAML or JSON, into what is compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use thiserror::Error;

/// Parameters that a template may name without declaring them
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html>).
const PSEUDO: &str = "AWS::";
/// What stands for nothing at all.
const NO_VALUE: &str = "AWS::NoValue";
/// How deep conditions may name each other before they count as unknown.
const CONDITION_DEPTH: u32 = 32;

/// Why a template cannot be read. It says where, never what is there: secrets may be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It is neither YAML nor JSON.
    #[error("the template is neither YAML nor JSON: line {line}, column {column}")]
    Syntax {
        /// From 1; 0 when it is not known.
        line: u64,
        /// From 1; 0 when it is not known.
        column: u64,
    },
    /// It has no resources by their names.
    #[error("the template has no `Resources`")]
    NoResources,
}

/// A resource as the template says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Resource {
    pub(super) resource_type: String,
    pub(super) properties: Map<String, Value>,
    /// What stands beside the properties: `DependsOn`, `DeletionPolicy`, `Metadata`, …
    pub(super) attributes: Map<String, Value>,
}

impl Resource {
    /// Whether CloudFormation leaves what is there when the resource goes, by this attribute
    /// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html>).
    pub(super) fn keeps(&self, attribute: &str) -> bool {
        let policy = self.attributes.get(attribute).and_then(Value::as_str);
        matches!(policy, Some("Retain" | "RetainExceptOnCreate" | "Snapshot"))
    }
}

/// A template with the values of its parameters in their places, without what its conditions leave out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Template {
    pub(super) resources: BTreeMap<String, Resource>,
    pub(super) outputs: BTreeMap<String, Value>,
    /// Every other section: `Description`, `Transform`, …
    pub(super) sections: Map<String, Value>,
    /// Values of parameters; those that CloudFormation shows to nobody are not among them.
    pub(super) parameters: BTreeMap<String, Value>,
}

impl Template {
    pub(super) fn read(text: &str, given: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let Value::Object(mut document) = parse(text)? else { return Err(TemplateError::NoResources) };
        let Some(Value::Object(resources)) = document.remove("Resources") else {
            return Err(TemplateError::NoResources);
        };
        let (parameters, silent) = parameters(document.remove("Parameters"), given);
        let conditions = match document.remove("Conditions") {
            Some(Value::Object(conditions)) => conditions,
            _ => Map::new(),
        };
        let scope = Scope { parameters: &parameters, silent: &silent, conditions: &conditions };
        let resources = resources
            .into_iter()
            .filter(|(_, resource)| scope.is_there(resource))
            .map(|(id, resource)| (id, read_resource(resource, &scope)))
            .collect();
        let outputs = match document.remove("Outputs") {
            Some(Value::Object(outputs)) => outputs,
            _ => Map::new(),
        };
        let outputs = outputs
            .into_iter()
            .filter(|(_, output)| scope.is_there(output))
            .map(|(name, output)| (name, scope.settled(output.get("Value").cloned().unwrap_or_default())))
            .collect();
        Ok(Self { resources, outputs, sections: document, parameters })
    }
}

/// Reads a template as it is written, YAML or JSON.
pub(crate) fn parse(text: &str) -> Result<Value, TemplateError> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        // CloudFormation takes JSON with tabs and other things that YAML does not.
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(value);
        }
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let location = error.without_snippet().location();
        TemplateError::Syntax {
            line: location.as_ref().map_or(0, serde_saphyr::Location::line),
            column: location.as_ref().map_or(0, serde_saphyr::Location::column),
        }
    })
}

/// The values of the parameters that are declared, and the names of those that CloudFormation shows to nobody (`NoEcho`).
fn parameters(
    declared: Option<Value>,
    given: &BTreeMap<String, String>,
) -> (BTreeMap<String, Value>, BTreeSet<String>) {
    let (mut values, mut silent) = (BTreeMap::new(), BTreeSet::new());
    let Some(Value::Object(declared)) = declared else { return (values, silent) };
    for (name, parameter) in declared {
        if parameter.get("NoEcho").is_some_and(|said| scalar(said).as_deref() == Some("true")) {
            silent.insert(name);
        } else if let Some(value) = given.get(&name) {
            values.insert(name, Value::String(value.clone()));
        } else if let Some(default) = parameter.get("Default") {
            values.insert(name, default.clone());
        }
    }
    (values, silent)
}

fn read_resource(resource: Value, scope: &Scope<'_>) -> Resource {
    let Value::Object(mut attributes) = resource else { return Resource::default() };
    let resource_type = match attributes.remove("Type") {
        Some(Value::String(name)) => name,
        _ => String::new(),
    };
    let properties = match attributes.remove("Properties").map(|properties| scope.settled(properties)) {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    Resource { resource_type, properties, attributes }
}

/// What names mean within a template.
struct Scope<'a> {
    parameters: &'a BTreeMap<String, Value>,
    silent: &'a BTreeSet<String>,
    conditions: &'a Map<String, Value>,
}

impl Scope<'_> {
    /// Whether the condition of a resource or an output lets it be; one that cannot be told does.
    fn is_there(&self, entry: &Value) -> bool {
        let condition = entry.get("Condition").and_then(Value::as_str);
        condition.is_none_or(|name| self.holds_by_name(name, CONDITION_DEPTH).unwrap_or(true))
    }

    fn holds_by_name(&self, name: &str, depth: u32) -> Option<bool> {
        self.holds(self.conditions.get(name)?, depth.checked_sub(1)?)
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html>
    fn holds(&self, condition: &Value, depth: u32) -> Option<bool> {
        let depth = depth.checked_sub(1)?;
        let (function, argument) = intrinsic(condition)?;
        let all = |value: bool| {
            let mut known = true;
            for condition in argument.as_array()? {
                match self.holds(condition, depth) {
                    Some(holds) if holds == value => return Some(value),
                    Some(_) => {}
                    None => known = false,
                }
            }
            known.then_some(!value)
        };
        match function {
            "Condition" => self.holds_by_name(argument.as_str()?, depth),
            "Fn::Not" => self.holds(argument.as_array()?.first()?, depth).map(|holds| !holds),
            "Fn::And" => all(false),
            "Fn::Or" => all(true),
            "Fn::Equals" => {
                let [left, right] = argument.as_array()?.as_slice() else { return None };
                Some(scalar(&self.settled(left.clone()))? == scalar(&self.settled(right.clone()))?)
            }
            _ => None,
        }
    }

    /// Puts the values of parameters into their places, leaves out what is nothing, and writes each function in one way.
    fn settled(&self, value: Value) -> Value {
        match value {
            Value::Array(items) => {
                items.into_iter().map(|item| self.settled(item)).filter(|item| !item.is_null()).collect()
            }
            Value::Object(map) => self.settled_map(map),
            other => other,
        }
    }

    fn settled_map(&self, map: Map<String, Value>) -> Value {
        let map: Map<_, _> = map
            .into_iter()
            .map(|(key, value)| (key, self.settled(value)))
            .filter(|(_, value)| !value.is_null())
            .collect();
        let whole = Value::Object(map);
        let Some((function, argument)) = intrinsic(&whole) else { return whole };
        match (function, argument) {
            ("Ref", Value::String(name)) if name == NO_VALUE => Value::Null,
            ("Ref", Value::String(name)) => self.parameters.get(name).cloned().unwrap_or(whole),
            ("Fn::GetAtt", Value::String(text)) => match text.split_once('.') {
                Some((id, attribute)) => serde_json::json!({ "Fn::GetAtt": [id, attribute] }),
                None => whole,
            },
            ("Fn::Sub", Value::String(text)) => self.substituted(text),
            ("Fn::If", Value::Array(items)) => match items.as_slice() {
                [Value::String(name), then, otherwise] => match self.holds_by_name(name, CONDITION_DEPTH) {
                    Some(true) => then.clone(),
                    Some(false) => otherwise.clone(),
                    None => whole,
                },
                _ => whole,
            },
            _ => whole,
        }
    }

    fn substituted(&self, text: &str) -> Value {
        let mut result = String::new();
        let mut open = false;
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => result.push_str(text),
                Piece::Name(name) => match self.parameters.get(name).and_then(scalar) {
                    Some(value) if !self.silent.contains(name) => result.push_str(&value),
                    _ => {
                        open = true;
                        result.push_str(&format!("${{{name}}}"));
                    }
                },
            }
        }
        if open { serde_json::json!({ "Fn::Sub": result }) } else { Value::String(result) }
    }
}

/// A part of the text of `Fn::Sub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// What stands between `${` and `}`.
    Name(&'a str),
}

/// Takes the text of `Fn::Sub` apart. `${!name}` is text that CloudFormation writes as `${name}`; it stays as it is here.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        if name.starts_with('!') {
            let length = before.len() + name.len() + "${}".len();
            pieces.push(Piece::Text(rest.get(..length).unwrap_or_default()));
        } else {
            if !before.is_empty() {
                pieces.push(Piece::Text(before));
            }
            pieces.push(Piece::Name(name));
        }
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// The name and the argument of a function of CloudFormation, if this is one.
pub(super) fn intrinsic(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, argument) = map.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string()))
        .then_some((name.as_str(), argument))
}

/// The text of a single value. CloudFormation takes `'30'` for `30` and `'true'` for `true`.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// How a value depends on another resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reference {
    /// By an attribute, which another resource may share.
    Attribute,
    /// By what identifies it.
    Identity,
}

/// The resources that a value names, also those that SAM makes.
pub(super) fn references(value: &Value) -> BTreeMap<String, Reference> {
    let mut found = BTreeMap::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeMap<String, Reference>) {
    let mut add = |name: &str| {
        if name.starts_with(PSEUDO) {
            return;
        }
        let (id, kind) = match name.split_once('.') {
            Some((id, _)) => (id, Reference::Attribute),
            None => (name, Reference::Identity),
        };
        let entry = found.entry(id.to_owned()).or_insert(kind);
        *entry = kind.max(*entry);
    };
    match intrinsic(value) {
        Some(("Ref", Value::String(name))) => return add(name),
        Some(("Fn::GetAtt", Value::Array(items))) => {
            if let Some(Value::String(id)) = items.first() {
                add(&format!("{id}."));
            }
            return;
        }
        Some(("Fn::Sub", Value::String(text))) => return substitutes(text).for_each(add),
        Some(("Fn::Sub", Value::Array(items))) => {
            if let Some(Value::String(text)) = items.first() {
                substitutes(text).for_each(add);
            }
        }
        _ => {}
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => map.values().for_each(|item| collect(item, found)),
        _ => {}
    }
}

fn substitutes(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    })
}
