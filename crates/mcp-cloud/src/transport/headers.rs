//! Headers that repeat what the body says, so that a gateway may route without reading the body (MCP 2026-07-28,
//! basic/transports/streamable-http, Standard Headers), and the `Accept` header.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use serde_json::value::RawValue;

use super::{
    envelope::{Head, text},
    era::Refusal,
};
use crate::handler::ErrorObject;

/// Methods of the legacy era that 2026-07-28 removed.
const REMOVED: &[&str] = &[
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/list",
    "tasks/result",
];

/// The only value of a header, or nothing where it is repeated or not text: for what is a hint, not a rule.
pub(super) fn hint<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    single(headers, name).ok().flatten()
}

/// Compares `Mcp-Method` and `Mcp-Name` with the body.
///
/// # Errors
///
/// 400 with `-32020` where one is missing, repeated, unreadable or says something else.
pub(super) fn check(headers: &HeaderMap, method: &str, head: &Head<'_>) -> Result<(), Refusal> {
    match single(headers, "mcp-method")? {
        None => return Err(mismatch("the Mcp-Method header is missing".to_owned())),
        Some(value) if value != method => {
            return Err(mismatch(format!("the Mcp-Method header says {value}, but the body says {method}")));
        }
        Some(_) => {}
    }
    let Some(expected) = name(method, head).and_then(text) else { return Ok(()) };
    let Some(value) = single(headers, "mcp-name")? else {
        return Err(mismatch(format!("the Mcp-Name header is missing; {method} needs it")));
    };
    let decoded = decode(value).ok_or_else(|| mismatch("the Mcp-Name header is not valid Base64".to_owned()))?;
    if decoded != expected {
        return Err(mismatch(format!("the Mcp-Name header says {decoded}, but the body says {expected}")));
    }
    Ok(())
}

/// # Errors
///
/// 404 with `-32601` for a method of the legacy era.
pub(super) fn check_method_exists(method: &str) -> Result<(), Refusal> {
    if !REMOVED.contains(&method) {
        return Ok(());
    }
    let message = format!("{method} is not a method of protocol version 2026-07-28");
    let error = ErrorObject::new(ErrorObject::METHOD_NOT_FOUND, message);
    Err(Refusal { status: StatusCode::NOT_FOUND, error })
}

/// The parameter that `Mcp-Name` repeats for this method.
fn name<'a>(method: &str, head: &Head<'a>) -> Option<&'a RawValue> {
    match method {
        "tools/call" | "prompts/get" => head.name,
        "resources/read" => head.uri,
        "tasks/get" | "tasks/update" | "tasks/cancel" => head.task_id,
        _ => None,
    }
}

/// The only value of a header.
///
/// # Errors
///
/// 400 with `-32020` where it is repeated or not text: two parties could read two different things.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(mismatch(format!("the {name} header is repeated")));
    }
    let value = value.to_str().map_err(|_| mismatch(format!("the {name} header is not visible ASCII")))?;
    Ok(Some(value.trim_matches([' ', '\t'])))
}

fn mismatch(message: String) -> Refusal {
    Refusal::bad_request(ErrorObject::HEADER_MISMATCH, message)
}

/// Undoes `=?base64?…?=`, the form of a value that cannot stand in a header (same page, Value Encoding).
pub(crate) fn decode(value: &str) -> Option<std::borrow::Cow<'_, str>> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        None => Some(value.into()),
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Into::into),
    }
}

/// The forms of a reply that a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepts {
    pub(super) json: bool,
    pub(super) events: bool,
}

impl Accepts {
    /// What the `Accept` header says. A client that names nothing takes anything (RFC 9110 §12.5.1), and so does one
    /// that names neither form: nothing else could be sent to it.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut accepts = Self { json: false, events: false };
        for value in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
            // What every MCP client sends (MCP, basic/transports) needs no closer look.
            if value == "application/json, text/event-stream" {
                return Self { json: true, events: true };
            }
            for range in value.split(',') {
                let mut parts = range.split(';').map(str::trim);
                let media_type = parts.next().unwrap_or_default();
                if parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")) {
                    continue;
                }
                let is = |names: [&str; 3]| names.iter().any(|name| media_type.eq_ignore_ascii_case(name));
                accepts.json |= is(["application/json", "application/*", "*/*"]);
                accepts.events |= is(["text/event-stream", "text/*", "*/*"]);
            }
        }
        if accepts.json || accepts.events { accepts } else { Self { json: true, events: true } }
    }
}
