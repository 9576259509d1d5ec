//! Tool arguments that headers repeat: `x-mcp-header` in a tool's schema names the `Mcp-Param-` header (MCP 2026-07-28,
//! basic/transports/streamable-http, Custom Headers from Tool Parameters).

use http::HeaderMap;
use rmcp::model::JsonObject;
use serde_json::Value;

use crate::{
    handler::ErrorObject,
    transport::headers::{decode, single},
};

const ANNOTATION: &str = "x-mcp-header";

/// Holds the headers against the arguments, for every annotated property that a chain of `properties` leads to.
///
/// # Errors
///
/// `-32020` where a header is missing, repeated, unreadable, says something else, or repeats nothing.
pub(super) fn check(
    headers: &HeaderMap,
    schema: &JsonObject,
    arguments: Option<&JsonObject>,
) -> Result<(), ErrorObject> {
    let Some(Value::Object(properties)) = schema.get("properties") else { return Ok(()) };
    for (name, property) in properties {
        let Value::Object(property) = property else { continue };
        let argument = arguments.and_then(|arguments| arguments.get(name));
        if let Some(Value::String(header)) = property.get(ANNOTATION) {
            check_one(headers, header, name, argument)?;
        }
        if property.contains_key("properties") {
            check(headers, property, argument.and_then(Value::as_object))?;
        }
    }
    Ok(())
}

fn check_one(headers: &HeaderMap, header: &str, name: &str, argument: Option<&Value>) -> Result<(), ErrorObject> {
    let header = format!("mcp-param-{}", header.to_ascii_lowercase());
    let value = single(headers, &header).map_err(|refusal| refusal.error)?;
    let mismatch = |message| Err(ErrorObject::new(ErrorObject::HEADER_MISMATCH, message));
    let decoded = match value.map(decode) {
        None => None,
        Some(Some(decoded)) => Some(decoded),
        Some(None) => return mismatch(format!("the {header} header is not valid Base64")),
    };
    match (decoded, argument.filter(|argument| !argument.is_null())) {
        (None, None) => Ok(()),
        (None, Some(_)) => mismatch(format!("the {header} header is missing; the argument {name} needs it")),
        (Some(_), None) => mismatch(format!("the {header} header repeats the argument {name}, which is not there")),
        (Some(value), Some(argument)) if is_same(&value, argument) => Ok(()),
        (Some(_), Some(_)) => mismatch(format!("the {header} header and the argument {name} differ")),
    }
}

/// Numbers are compared as numbers: `42.0` and `42` are the same (same page, Server Validation).
fn is_same(header: &str, argument: &Value) -> bool {
    match argument {
        Value::String(text) => header == text,
        Value::Bool(value) => header == if *value { "true" } else { "false" },
        Value::Number(number) => match (header.parse::<i64>(), number.as_i64()) {
            (Ok(header), Some(number)) => header == number,
            _ => header.parse::<f64>().is_ok_and(|header| number.as_f64() == Some(header)),
        },
        // No header can repeat these, so a schema that asks for it is wrong; the call is not to blame.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(headers: &[(&str, &str)], arguments: Value) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let schema = json!({ "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "count": { "type": "integer", "x-mcp-header": "Count" },
            "dry": { "type": "boolean", "x-mcp-header": "Dry" },
            "where": { "type": "object", "properties": { "zone": { "type": "string", "x-mcp-header": "Zone" } } },
            "plain": { "type": "string" },
        } });
        let (Value::Object(schema), Value::Object(arguments)) = (schema, arguments) else { panic!("objects") };
        check(&map, &schema, Some(&arguments)).map_err(|error| error.message)
    }

    #[test]
    fn headers_that_repeat_the_arguments_pass() {
        for (headers, arguments) in [
            (vec![], json!({ "plain": "a" })),
            (vec![], json!({ "region": null })),
            (vec![("Mcp-Param-Region", "us-west1")], json!({ "region": "us-west1" })),
            (vec![("mcp-param-region", "=?base64?SGVsbG8sIOS4lueVjA==?=")], json!({ "region": "Hello, 世界" })),
            (vec![("mcp-param-region", "SGVsbG8=")], json!({ "region": "SGVsbG8=" })),
            (vec![("mcp-param-count", "42.0"), ("mcp-param-dry", "false")], json!({ "count": 42, "dry": false })),
            (vec![("mcp-param-zone", "b")], json!({ "where": { "zone": "b" } })),
            (vec![("mcp-param-unknown", "x")], json!({})),
        ] {
            assert_eq!(outcome(&headers, arguments.clone()), Ok(()), "{headers:?} {arguments}");
        }
    }

    #[test]
    fn headers_that_do_not_are_refused() {
        for (headers, arguments, complaint) in [
            (vec![], json!({ "region": "a" }), "missing"),
            (vec![("mcp-param-region", "b")], json!({ "region": "a" }), "differ"),
            (vec![("mcp-param-region", "A")], json!({ "region": "a" }), "differ"),
            (vec![("mcp-param-region", "a")], json!({}), "not there"),
            (vec![("mcp-param-region", "a"), ("mcp-param-region", "a")], json!({ "region": "a" }), "repeated"),
            (vec![("mcp-param-region", "=?base64?SGVsbG8?=")], json!({ "region": "Hello" }), "Base64"),
            (vec![("mcp-param-count", "41")], json!({ "count": 42 }), "differ"),
            (vec![("mcp-param-dry", "True")], json!({ "dry": true }), "differ"),
            (vec![], json!({ "where": { "zone": "b" } }), "missing"),
        ] {
            let message = outcome(&headers, arguments.clone()).unwrap_err();
            assert!(message.contains(complaint), "{headers:?} {arguments}: {message}");
        }
    }
}
