//! Headers that repeat what the body says, so that a gateway may route without reading the body (MCP 2026-07-28,
//! basic/transports/streamable-http, Standard Headers), and the `Accept` header.

use std::fmt;

use super::{
    envelope::{Head, text},
    era::Refusal,
};
use crate::{handler::ErrorObject, names};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header::AsHeaderName};

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
pub(super) fn hint(headers: &HeaderMap, name: impl Name) -> Option<&str> {
    single(headers, name).ok().flatten()
}

/// Compares `Mcp-Method` and `Mcp-Name` with the body.
///
/// # Errors
///
/// 400 with `-32020` where one is missing, repeated, unreadable or says something else.
pub(super) fn check(headers: &HeaderMap, method: &str, head: &Head<'_>) -> Result<(), Refusal> {
    match single(headers, &names::MCP_METHOD)? {
        None => return Err(mismatch("the Mcp-Method header is missing".to_owned())),
        Some(value) if value != method => {
            return Err(mismatch(format!("the Mcp-Method header says {value}, but the body says {method}")));
        }
        Some(_) => {}
    }
    let Some(expected) = name(method, head).and_then(text) else { return Ok(()) };
    let Some(value) = single(headers, &names::MCP_NAME)? else {
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
fn name<'a>(method: &str, head: &Head<'a>) -> Option<&'a str> {
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
pub(crate) fn single(headers: &HeaderMap, name: impl Name) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(mismatch(format!("the {name} header is repeated")));
    }
    let value = names::text_of(value).ok_or_else(|| mismatch(format!("the {name} header is not visible ASCII")))?;
    Ok(Some(value.trim_ascii()))
}

/// The name of a header, as text or as what it is made into once.
pub(crate) trait Name: AsHeaderName + fmt::Display + Copy {}

impl<N: AsHeaderName + fmt::Display + Copy> Name for N {}

#[cold]
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
    /// Whether it would rather have events than JSON.
    pub(super) prefers_events: bool,
}

impl Accepts {
    const ANYTHING: Self = Self { json: true, events: true, prefers_events: false };

    /// What the `Accept` header says (RFC 9110 §12.5.1). Of two forms with the same weight, the one that is named first
    /// is preferred. A client that names nothing takes anything, and so does one that names neither form: nothing else
    /// could be sent to it.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        // Weights in thousandths, and which of the ranges said so.
        let (mut json, mut events) = ((0, 0), (0, 0));
        let mut place = 0;
        for value in headers.get_all(&names::ACCEPT).iter().filter_map(names::text_of) {
            // What every MCP client sends (MCP, basic/transports) needs no closer look.
            if value == "application/json, text/event-stream" {
                return Self::ANYTHING;
            }
            for range in value.split(',') {
                place += 1;
                let mut parts = range.split(';').map(str::trim);
                let media_type = parts.next().unwrap_or_default();
                let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, weight);
                let is = |names: [&str; 3]| names.iter().any(|name| media_type.eq_ignore_ascii_case(name));
                let heavier = |found: (u32, u32)| if weight > found.0 { (weight, place) } else { found };
                if is(["application/json", "application/*", "*/*"]) {
                    json = heavier(json);
                }
                if is(["text/event-stream", "text/*", "*/*"]) {
                    events = heavier(events);
                }
            }
        }
        if json.0 == 0 && events.0 == 0 {
            return Self::ANYTHING;
        }
        let prefers_events = events.0 > json.0 || events.0 == json.0 && events.1 < json.1;
        Self { json: json.0 > 0, events: events.0 > 0, prefers_events }
    }
}

/// A weight in thousandths; what is none counts as no wish.
fn weight(text: &str) -> u32 {
    let weight = text.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight));
    // Within 0 and 1000, so it fits.
    weight.map_or(1000, |weight| (weight * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(values: &[&str]) -> (bool, bool, bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&names::ACCEPT, value.parse().unwrap());
        }
        let Accepts { json, events, prefers_events } = Accepts::of(&headers);
        (json, events, prefers_events)
    }

    #[test]
    fn the_accept_header_says_what_a_client_takes_and_would_rather_have() {
        for (values, expected) in [
            (&[][..], (true, true, false)),
            (&["application/json, text/event-stream"], (true, true, false)),
            (&["text/event-stream, application/json"], (true, true, true)),
            (&["text/event-stream;q=0.5, application/json"], (true, true, false)),
            (&["application/json;q=0.5, text/event-stream"], (true, true, true)),
            (&["application/json"], (true, false, false)),
            (&["text/event-stream"], (false, true, true)),
            (&["TEXT/Event-Stream; charset=utf-8"], (false, true, true)),
            (&["application/json", "text/event-stream"], (true, true, false)),
            (&["*/*"], (true, true, false)),
            (&["application/json, text/event-stream;q=0"], (true, false, false)),
            (&["text/html"], (true, true, false)),
            (&["nonsense;q=x,,;"], (true, true, false)),
        ] {
            assert_eq!(accepts(values), expected, "{values:?}");
        }
    }
}
