//! Messages of MCP: what a server sends, read without believing it, and what a client repeats in headers.

use std::fmt;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::events::TooLarge;

/// The most that is shown of a text that a server sent, in characters.
const SHOWN: usize = 200;
/// Levels of a schema that are looked at; beyond them is nothing that a header could repeat.
const DEPTH: usize = 16;

/// An error of JSON-RPC, as the server sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RpcError {
    /// What kind of error.
    pub code: i64,
    /// What it says.
    #[serde(default)]
    pub message: String,
    /// What else it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", excerpt(&self.message), self.code)
    }
}

/// Something that a server tells while it works.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notification {
    /// What kind, such as `notifications/progress`.
    pub method: String,
    /// What it says.
    pub params: Value,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    Json(String),
    /// It is JSON, and no message of JSON-RPC 2.0.
    #[error("it is no JSON-RPC message")]
    Message,
    /// It answers another request.
    #[error("it answers the request {found}, and {expected} was asked")]
    Id {
        /// The id it carries.
        found: String,
        /// The id it should carry.
        expected: u64,
    },
    /// It asks something that nobody promised to answer.
    #[error("the server asks the client for `{method}`, which this client has not promised")]
    Request {
        /// What it asks for.
        method: String,
    },
    /// The stream, or the list, came to its end before it.
    #[error("the reply ended without an answer")]
    NoAnswer,
    /// An event is too large.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The list does not end.
    #[error("the list does not end")]
    Endless,
    /// Something has to be there and is not.
    #[error("its `{member}` is missing, or not what it should be")]
    Missing {
        /// What.
        member: &'static str,
    },
    /// It speaks other versions of the protocol.
    #[error("it speaks other versions of the protocol ({found}), and not {spoken}")]
    Versions {
        /// What it names.
        found: String,
        /// What was asked in.
        spoken: &'static str,
    },
}

/// A message of a server, in a reply to a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    Notification(Notification),
    Result(Value),
    Error(RpcError),
}

/// Reads a message in the reply to the request with this id.
pub(crate) fn read(text: &[u8], id: u64) -> Result<Incoming, Malformed> {
    let message: Value = serde_json::from_slice(text).map_err(|error| Malformed::Json(error.to_string()))?;
    let Value::Object(mut message) = message else { return Err(Malformed::Message) };
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(Malformed::Message);
    }
    if let Some(method) = message.get("method") {
        let method = method.as_str().ok_or(Malformed::Message)?.to_owned();
        if message.contains_key("id") {
            return Err(Malformed::Request { method: excerpt(&method) });
        }
        let params = message.remove("params").unwrap_or_default();
        return Ok(Incoming::Notification(Notification { method, params }));
    }
    let error = message.remove("error");
    match message.get("id") {
        Some(found) if found.as_u64() == Some(id) => {}
        // An error in a message that could not be read has no id (JSON-RPC 2.0 §5).
        None | Some(Value::Null) if error.is_some() => {}
        Some(found) => return Err(Malformed::Id { found: excerpt(&found.to_string()), expected: id }),
        None => return Err(Malformed::Message),
    }
    match (message.remove("result"), error) {
        (Some(result @ Value::Object(_)), None) => Ok(Incoming::Result(result)),
        (None, Some(error)) => serde_json::from_value(error).map(Incoming::Error).map_err(|_| Malformed::Message),
        _ => Err(Malformed::Message),
    }
}

/// The JSON-RPC error that a reply without success holds, if it does.
pub(crate) fn error(body: &[u8]) -> Option<RpcError> {
    let mut message: Value = serde_json::from_slice(body).ok()?;
    serde_json::from_value(message.get_mut("error")?.take()).ok()
}

/// What a reply that is no MCP complains of: the member that gateways have for it, or a JSON-RPC error's text.
pub(crate) fn complaint(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let places = [document.get("message"), document.get("Message"), document.pointer("/error/message")];
    places.into_iter().flatten().find_map(Value::as_str).map(excerpt)
}

/// The beginning of a text in one line, without what a terminal would obey.
pub(crate) fn excerpt(text: &str) -> String {
    let shown = |character: char| if character.is_control() { ' ' } else { character };
    let mut excerpt: String = text.chars().take(SHOWN).map(shown).collect();
    if text.chars().nth(SHOWN).is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// A text as the value of a header; what cannot stand in one goes as Base64 (MCP 2026-07-28,
/// basic/transports/streamable-http, Value Encoding).
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim_matches([' ', '\t']) == text
        && !text.starts_with("=?base64?");
    let encoded = || format!("=?base64?{}?=", aws_smithy_types::base64::encode(text));
    if plain { HeaderValue::try_from(text) } else { HeaderValue::try_from(encoded()) }.ok()
}

/// The arguments whose schema says `x-mcp-header`, as headers (same page, Custom Headers from Tool Parameters).
pub(crate) fn parameter_headers(schema: &Value, arguments: &Map<String, Value>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    collect_headers(schema, arguments, DEPTH, &mut headers);
    headers
}

fn collect_headers(
    schema: &Value,
    arguments: &Map<String, Value>,
    depth: usize,
    headers: &mut Vec<(HeaderName, HeaderValue)>,
) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|_| depth > 0) else { return };
    for (name, schema) in properties {
        let text = match arguments.get(name) {
            Some(Value::Object(inner)) => {
                collect_headers(schema, inner, depth - 1, headers);
                continue;
            }
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => continue,
        };
        let Some(header) = schema.get("x-mcp-header").and_then(Value::as_str) else { continue };
        let header = HeaderName::try_from(format!("mcp-param-{header}")).ok();
        headers.extend(header.zip(header_value(&text)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn incoming(message: &Value) -> Result<Incoming, Malformed> {
        read(message.to_string().as_bytes(), 7)
    }

    #[test]
    fn answer_has_the_id_that_was_asked_and_one_outcome() {
        let result = json!({ "jsonrpc": "2.0", "id": 7, "result": { "a": 1 } });
        assert_eq!(incoming(&result), Ok(Incoming::Result(json!({ "a": 1 }))));
        let error = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32700, "message": "no" } });
        assert!(matches!(incoming(&error), Ok(Incoming::Error(RpcError { code: -32700, .. }))));
        let wrong = json!({ "jsonrpc": "2.0", "id": "7", "result": {} });
        assert_eq!(incoming(&wrong), Err(Malformed::Id { found: "\"7\"".to_owned(), expected: 7 }));
        for message in [
            json!([]),
            json!(null),
            json!({ "id": 7, "result": {} }),
            json!({ "jsonrpc": "1.0", "id": 7, "result": {} }),
            json!({ "jsonrpc": "2.0", "result": {} }),
            json!({ "jsonrpc": "2.0", "id": 7 }),
            json!({ "jsonrpc": "2.0", "id": 7, "result": [] }),
            json!({ "jsonrpc": "2.0", "id": 7, "result": {}, "error": { "code": 1, "message": "both" } }),
            json!({ "jsonrpc": "2.0", "id": 7, "error": "text" }),
            json!({ "jsonrpc": "2.0", "method": 7 }),
        ] {
            assert_eq!(incoming(&message), Err(Malformed::Message), "{message}");
        }
    }

    #[test]
    fn request_of_the_server_is_refused() {
        let asked = json!({ "jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {} });
        assert!(matches!(incoming(&asked), Err(Malformed::Request { .. })));
    }

    #[test]
    fn what_cannot_stand_in_a_header_goes_as_base64() {
        let value =
            |text: &str| header_value(text).map(|value| value.to_str().map(str::to_owned).expect("it is ASCII"));
        assert_eq!(value("plain text").as_deref(), Some("plain text"));
        assert_eq!(value("Grüße").as_deref(), Some("=?base64?R3LDvMOfZQ==?="));
        assert_eq!(value(" a").as_deref(), Some("=?base64?IGE=?="));
        assert_eq!(value("=?base64?").as_deref(), Some("=?base64?PT9iYXNlNjQ/?="));
    }

    #[test]
    fn arguments_are_repeated_where_the_schema_says_so() {
        let schema = json!({ "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "count": { "type": "integer", "x-mcp-header": "Count" },
            "other": { "type": "string" },
            "inner": { "properties": { "deep": { "x-mcp-header": "Deep" } } },
            "absent": { "x-mcp-header": "Absent" },
        } });
        let arguments = json!({ "region": "eu", "count": 3, "other": "x", "inner": { "deep": true } });
        let headers = parameter_headers(&schema, arguments.as_object().expect("it is one"));
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("it is ASCII"))).collect();
        assert_eq!(headers, [("mcp-param-count", "3"), ("mcp-param-deep", "true"), ("mcp-param-region", "eu")]);
    }

    #[test]
    fn excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("a\u{1b}[31m\nb"), "a [31m b");
        assert_eq!(excerpt(&"x".repeat(500)).chars().count(), SHOWN + 1);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes: Vec<u8>) {
            let _ = (read(&bytes, 1), error(&bytes), complaint(&bytes));
        }

        #[test]
        fn anything_that_looks_like_a_message_is_read(
            text in r#"\{("jsonrpc":"2.0"|"id":[0-9]|"method":"[a-z/]{0,4}"|"result":(\{\}|\[\]|1)|"error":(\{\}|null|\{"code":1\})|,){0,8}\}"#,
        ) {
            let _ = (read(text.as_bytes(), 1), error(text.as_bytes()), complaint(text.as_bytes()));
        }

        #[test]
        fn any_text_is_a_header(text in ".{0,40}") {
            proptest::prop_assert!(header_value(&text).is_some());
        }
    }
}
