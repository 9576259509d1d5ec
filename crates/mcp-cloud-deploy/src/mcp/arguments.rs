//! What a person types, as the arguments of a tool.

use serde_json::{Map, Value};
use thiserror::Error;

/// Why what was typed is not what a tool takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// It is no JSON.
    #[error("the arguments are no JSON: {0}")]
    Json(String),
    /// It is JSON, and no object.
    #[error("the arguments are no JSON object")]
    NoObject,
    /// There is no `=` in it.
    #[error("`{0}` is no `name=value`")]
    NoPair(String),
    /// The tool wants another type.
    #[error("the argument `{name}` has to be {wanted}, and `{value}` is not")]
    Type {
        /// The argument.
        name: String,
        /// The types that the tool's schema names.
        wanted: String,
        /// What was typed.
        value: String,
    },
    /// Arguments that the tool needs are missing.
    #[error("the tool needs `{}`", .0.join("`, `"))]
    Missing(Vec<String>),
}

/// Reads a JSON object of arguments.
///
/// # Errors
///
/// [`ArgumentError::Json`] and [`ArgumentError::NoObject`].
pub fn parse(text: &str) -> Result<Map<String, Value>, ArgumentError> {
    match serde_json::from_str(text).map_err(|error| ArgumentError::Json(error.to_string()))? {
        Value::Object(arguments) => Ok(arguments),
        _ => Err(ArgumentError::NoObject),
    }
}

/// Adds arguments that were typed as `name=value`. The tool's schema says what a value is: text as it stands where text is
/// taken, JSON elsewhere.
///
/// # Errors
///
/// [`ArgumentError::NoPair`] and [`ArgumentError::Type`].
pub fn add(arguments: &mut Map<String, Value>, pairs: &[String], schema: &Value) -> Result<(), ArgumentError> {
    for pair in pairs {
        let (name, text) = pair.split_once('=').ok_or_else(|| ArgumentError::NoPair(pair.clone()))?;
        let types = types(schema.get("properties").and_then(|properties| properties.get(name)), schema);
        let read = serde_json::from_str::<Value>(text).ok().filter(|value| {
            types.is_empty() && !value.is_string() || types.iter().any(|kind| kind != "string" && is(value, kind))
        });
        let value = match read {
            Some(value) => value,
            None if types.is_empty() || types.iter().any(|kind| kind == "string") => text.into(),
            None => {
                let (name, wanted, value) = (name.to_owned(), types.join(" or "), text.to_owned());
                return Err(ArgumentError::Type { name, wanted, value });
            }
        };
        arguments.insert(name.to_owned(), value);
    }
    Ok(())
}

/// Holds arguments against what the schema requires; the rest is the server's to judge.
///
/// # Errors
///
/// [`ArgumentError::Missing`].
pub fn check(arguments: &Map<String, Value>, schema: &Value) -> Result<(), ArgumentError> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let missing: Vec<_> = required.filter(|name| !arguments.contains_key(*name)).map(str::to_owned).collect();
    if missing.is_empty() { Ok(()) } else { Err(ArgumentError::Missing(missing)) }
}

/// The arguments of a tool in a line: `text <string> [times <integer>]`.
#[must_use]
pub fn usage(schema: &Value) -> String {
    let required: Vec<_> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let words = properties.map(|(name, property)| {
        let types = types(Some(property), schema).join("|");
        let word = if types.is_empty() { name.clone() } else { format!("{name}=<{types}>") };
        if required.contains(&name.as_str()) { word } else { format!("[{word}]") }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The types that a property's schema names, itself or in its alternatives; none where it names none.
fn types(property: Option<&Value>, root: &Value) -> Vec<String> {
    let Some(property) = property else { return Vec::new() };
    let target = property.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    let property = target.and_then(|pointer| root.pointer(pointer)).unwrap_or(property);
    let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|name| property.get(name)?.as_array()).flatten();
    let mut types: Vec<String> = Vec::new();
    for schema in std::iter::once(property).chain(alternatives) {
        match schema.get("type") {
            Some(Value::String(kind)) => types.push(kind.clone()),
            Some(Value::Array(kinds)) => types.extend(kinds.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
    }
    types
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        "string" => value.is_string(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn added(pairs: &[&str]) -> Result<Value, ArgumentError> {
        let schema = json!({
            "properties": {
                "text": { "type": "string" },
                "times": { "type": "integer" },
                "ratio": { "type": ["number", "null"] },
                "on": { "anyOf": [{ "type": "boolean" }, { "type": "string" }] },
                "list": { "type": "array" },
                "kind": { "$ref": "#/$defs/Kind" },
                "any": {},
            },
            "$defs": { "Kind": { "type": "integer" } },
        });
        let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        let mut arguments = Map::new();
        add(&mut arguments, &pairs, &schema).map(|()| Value::Object(arguments))
    }

    #[test]
    fn schema_says_what_a_value_is() {
        assert_eq!(
            added(&["text=42", "times=42", "ratio=null", "on=true", "list=[1]", "kind=7", "any=1", "other=a=b"]),
            Ok(json!({
                "text": "42", "times": 42, "ratio": null, "on": true, "list": [1], "kind": 7, "any": 1, "other": "a=b",
            }))
        );
        assert_eq!(added(&["on=maybe", "any=x y"]), Ok(json!({ "on": "maybe", "any": "x y" })));
    }

    #[test]
    fn value_of_another_type_is_refused() {
        let error = added(&["times=4.5"]).expect_err("it is no integer");
        assert_eq!(error.to_string(), "the argument `times` has to be integer, and `4.5` is not");
        assert_eq!(added(&["times"]), Err(ArgumentError::NoPair("times".to_owned())));
    }

    #[test]
    fn what_is_required_has_to_be_there() {
        let schema = json!({ "required": ["a", "b"] });
        assert_eq!(check(&Map::new(), &schema).expect_err("both").to_string(), "the tool needs `a`, `b`");
        let arguments = parse(r#"{"a":1,"b":2}"#).expect("an object");
        assert_eq!(check(&arguments, &schema), Ok(()));
        assert_eq!(parse("[]"), Err(ArgumentError::NoObject));
    }

    #[test]
    fn usage_shows_what_is_optional() {
        let schema = json!({
            "properties": { "a": { "type": "string" }, "b": { "type": ["integer", "null"] }, "c": {} },
            "required": ["a"],
        });
        assert_eq!(usage(&schema), "a=<string> [b=<integer|null>] [c]");
    }
}
