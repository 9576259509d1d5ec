//! Lines that are JSON: the platform's, and those of servers.

use serde_json::{Map, Value};

use super::{Level, Line, Tone, platform};

/// Names under which loggers write the time, which the event has already.
const TIME: [&str; 5] = ["timestamp", "time", "ts", "@timestamp", "asctime"];
const LEVEL: [&str; 4] = ["level", "severity", "levelname", "lvl"];
const MESSAGE: [&str; 3] = ["message", "msg", "event"];
const REQUEST: [&str; 5] = ["requestId", "request_id", "AWSRequestId", "aws_request_id", "lambda_request_id"];

/// Reads a line that is a JSON object; `None` for any other.
pub(super) fn of_json(message: &str) -> Option<Line> {
    if !message.starts_with('{') {
        return None;
    }
    let Ok(Value::Object(mut members)) = serde_json::from_str(message) else { return None };
    if let Some(line) = platform::of_json(&members) {
        return Some(line);
    }
    let mut all = Map::new();
    // `tracing` writes what is around a line as spans, the innermost last, and what the line says as `fields`.
    let spans = [members.remove("spans"), members.remove("span")];
    for span in spans.into_iter().flatten().flat_map(objects) {
        all.extend(span.into_iter().filter(|(name, _)| name != "name"));
    }
    for fields in members.remove("fields").into_iter().flat_map(objects) {
        all.extend(fields);
    }
    all.extend(members);
    let mut take = |names: &[&str]| names.iter().find_map(|name| all.remove(*name));
    let level = take(&LEVEL).as_ref().and_then(level);
    let request = take(&REQUEST).map(|id| text(&id));
    let message = take(&MESSAGE).map(|message| text(&message));
    take(&TIME);
    let (level, message) = match message {
        Some(message) => (level, message),
        None => access(&mut all).map_or((level, String::new()), |(failed, message)| (failed.or(level), message)),
    };
    let fields = all.into_iter().filter(|(_, value)| says_something(value)).map(|(name, value)| (name, text(&value)));
    Some(Line { level, tone: Tone::Server, request, message, fields: fields.collect() })
}

fn objects(value: Value) -> Vec<Map<String, Value>> {
    match value {
        Value::Object(object) => vec![object],
        Value::Array(items) => items.into_iter().flat_map(objects_of_item).collect(),
        _ => Vec::new(),
    }
}

/// Only one list deep: spans are no tree.
fn objects_of_item(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// A level by its name, or by the number that loggers of Node.js write.
fn level(value: &Value) -> Option<Level> {
    match value {
        Value::String(word) => Level::of(word),
        Value::Number(number) => match number.as_u64()? {
            10 => Some(Level::Trace),
            20 => Some(Level::Debug),
            30 => Some(Level::Info),
            40 => Some(Level::Warn),
            50 | 60 => Some(Level::Error),
            _ => None,
        },
        _ => None,
    }
}

/// A line of a gateway's access log, which says a dash for nothing.
fn access(members: &mut Map<String, Value>) -> Option<(Option<Level>, String)> {
    if !(members.contains_key("route") && members.contains_key("status")) {
        return None;
    }
    let mut take = |name: &str| members.remove(name).map(|value| text(&value)).unwrap_or_default();
    let (route, status) = (take("route"), take("status"));
    let failed = status.starts_with('5').then_some(Level::Error);
    Some((failed, format!("{route} {status}")))
}

fn says_something(value: &Value) -> bool {
    !(value.is_null() || value == "-" || value == "")
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
