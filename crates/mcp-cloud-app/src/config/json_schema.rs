//! The schema of the file as JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::{
    keys,
    schema::{Form, Key, Kind},
};

/// The JSON Schema of `mcp-cloud.toml`, as editors want it: with what every key means.
///
/// It holds keys, kinds, words, patterns and limits of single values; what depends on several keys, or on the target, only
/// `mcp-cloud check` knows.
#[must_use]
pub fn json_schema() -> Value {
    let mut root = table(keys::ROOT);
    let overlay = table(keys::ROOT.iter().filter(|key| !matches!(key.kind, Kind::Overlays)));
    if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
        let env = json!({
            "type": "object",
            "description": keys::ROOT.iter().find(|key| key.name == "env").map(|key| plain(key.meaning)),
            "propertyNames": { "pattern": super::forms::ENVIRONMENT_NAME.pattern() },
            "additionalProperties": { "$ref": "#/$defs/overlay" },
        });
        properties.insert("env".to_owned(), env);
    }
    let mut schema = Map::from_iter([
        ("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema")),
        ("title".to_owned(), json!("mcp-cloud.toml")),
        ("description".to_owned(), json!("An MCP server, and where it runs.")),
        ("required".to_owned(), json!(["name"])),
    ]);
    schema.extend(root);
    schema.insert("$defs".to_owned(), json!({ "overlay": overlay }));
    Value::Object(schema)
}

fn table<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Map<String, Value> {
    let properties = keys.into_iter().map(|key| (key.name.to_owned(), property(key))).collect::<Map<_, _>>();
    Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Value::Object(properties)),
        ("additionalProperties".to_owned(), json!(false)),
    ])
}

fn property(key: &Key) -> Value {
    let mut property = kind(&key.kind);
    property.insert("description".to_owned(), json!(plain(key.meaning)));
    let default = key.default.and_then(|default| {
        let value: toml::Table = format!("value = {default}").parse().ok()?;
        serde_json::to_value(value.get("value")?).ok()
    });
    if let Some(default) = default {
        property.insert("default".to_owned(), default);
    }
    Value::Object(property)
}

fn kind(kind: &Kind) -> Map<String, Value> {
    let object = match kind {
        Kind::Text(form) => text(form),
        Kind::Choice(words) => {
            let choices: Vec<_> =
                words.iter().map(|word| json!({ "const": word.word, "description": word.meaning.trim() })).collect();
            json!({ "oneOf": choices })
        }
        Kind::Number(range) => json!({ "type": "integer", "minimum": range.least, "maximum": range.most }),
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::List(items) => json!({ "type": "array", "items": self::kind(items) }),
        Kind::Map(form, values) => json!({
            "type": "object",
            "propertyNames": { "pattern": form.pattern() },
            "additionalProperties": self::kind(values),
        }),
        Kind::Table(keys) => return table(*keys),
        Kind::Overlays => json!({ "type": "object" }),
    };
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn text(form: &Form) -> Value {
    json!({ "type": "string", "pattern": form.pattern() })
}

/// Meanings are written for a page of Markdown; an editor shows them as they are.
fn plain(meaning: &str) -> String {
    meaning.replace('`', "")
}
