//! Puts in what AWS would fill in, so that saying it is no difference.

use serde_json::{Map, Value, json};

use super::{template::intrinsic, types::ResourceType};

/// The properties with the defaults of their type.
pub(super) fn filled(known: &ResourceType, properties: &Map<String, Value>) -> Map<String, Value> {
    let mut filled = properties.clone();
    for (path, value) in known.defaults {
        let names: Vec<_> = path.split('.').collect();
        fill(&mut filled, &names, value);
    }
    for (list, key, value) in known.attributes {
        let entry = filled.entry(*list).or_insert_with(|| json!([]));
        if let Value::Array(items) = entry
            && !items.iter().any(|item| item.get("Key").and_then(Value::as_str) == Some(key))
        {
            items.push(json!({ "Key": key, "Value": value }));
        }
    }
    filled
}

fn fill(map: &mut Map<String, Value>, names: &[&str], value: &str) {
    let Some((name, rest)) = names.split_first() else { return };
    if rest.is_empty() {
        match name.strip_suffix("[]") {
            Some(list) => map.entry(list).or_insert_with(|| json!([value])),
            None => map.entry(*name).or_insert_with(|| json!(value)),
        };
        return;
    }
    let inner = match name.strip_suffix('?') {
        Some(name) => map.get_mut(name.trim_end_matches("[]")),
        None => Some(map.entry(*name).or_insert_with(|| json!({}))),
    };
    match inner {
        // What a function makes of it is not known.
        Some(value) if intrinsic(value).is_some() => {}
        Some(Value::Object(inner)) => fill(inner, rest, value),
        Some(Value::Array(items)) => {
            for item in items.iter_mut().filter_map(Value::as_object_mut) {
                fill(item, rest, value);
            }
        }
        _ => {}
    }
}
