//! Shows what a server said: its tools, what it reports, what a tool gave back.

use mcp_cloud_deploy::mcp::{arguments, client::Notification};
use serde_json::{Value, json};

use crate::{failure::Failure, printer::Printer};

/// Every tool with its arguments, and the first line of what it says about itself.
pub(crate) fn list(tools: Vec<Value>, printer: &Printer) {
    if printer.json() {
        printer.data(json!({ "tools": tools }));
        return;
    }
    for tool in &tools {
        let text = |name: &str| tool.get(name).and_then(Value::as_str).unwrap_or_default();
        let usage = arguments::usage(tool.get("inputSchema").unwrap_or(&Value::Null));
        printer.data(harmless(format!("{} {usage}", text("name")).trim_end()));
        if let Some(line) = text("description").lines().find(|line| !line.trim().is_empty()) {
            printer.data(format_args!("  {}", harmless(line.trim())));
        }
    }
}

/// What a server reports while it works.
pub(crate) fn notification(notification: &Notification, printer: &Printer) {
    let params = &notification.params;
    let text = |name: &str| params.get(name).map(plain).filter(|text| !text.is_empty());
    let line = match notification.method.as_str() {
        "notifications/progress" => {
            let done = [text("progress").unwrap_or_default(), text("total").unwrap_or_default()];
            let done = done.join(" of ");
            let done = done.trim_end_matches(" of ");
            text("message").map_or_else(|| done.to_owned(), |message| format!("{done}: {message}"))
        }
        "notifications/message" => {
            format!("{}: {}", text("level").unwrap_or_default(), text("data").unwrap_or_default())
        }
        _ => return,
    };
    printer.talk(format_args!("  {}", harmless(&line)));
}

/// What a tool gave back: its text for people, all of it as JSON.
pub(crate) fn result(tool: &str, result: &Value, printer: &Printer) -> Result<(), Failure> {
    if printer.json() {
        printer.data(result);
    } else {
        print(result, printer);
    }
    if result.get("resultType").and_then(Value::as_str).is_some_and(|kind| kind != "complete") {
        return Err(Failure::new(format!(
            "the tool `{tool}` asks for more before it answers, which nobody gives it here"
        ))
        .hint("call it with a client that people talk to"));
    }
    if result.get("isError") == Some(&Value::Bool(true)) {
        return Err(Failure::new(format!("the tool `{tool}` says that it failed")));
    }
    Ok(())
}

fn print(result: &Value, printer: &Printer) {
    let blocks = result.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for block in blocks {
        let text = |pointer: &str| block.pointer(pointer).and_then(Value::as_str);
        let kind = text("/type").unwrap_or("content");
        let line = match (text("/text").or_else(|| text("/resource/text")), kind) {
            (Some(text), _) => text.to_owned(),
            (None, "resource_link") => text("/uri").unwrap_or_default().to_owned(),
            (None, kind) => {
                let media_type = text("/mimeType").or_else(|| text("/resource/mimeType")).unwrap_or("unknown type");
                let data = text("/data").or_else(|| text("/resource/blob")).unwrap_or_default();
                format!("({kind}, {media_type}, {} bytes of Base64; `--output json` shows it)", data.len())
            }
        };
        printer.data(harmless(&line));
    }
    if let (true, Some(structured)) = (blocks.is_empty(), result.get("structuredContent")) {
        printer.data(serde_json::to_string_pretty(structured).unwrap_or_default());
    }
}

/// A value as a person writes it: text without quotation marks, `3` for `3.0`.
fn plain(value: &Value) -> String {
    match (value.as_str(), value.as_f64()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        (None, None) => value.to_string(),
    }
}

/// A text without what a terminal would obey.
fn harmless(text: &str) -> String {
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}
