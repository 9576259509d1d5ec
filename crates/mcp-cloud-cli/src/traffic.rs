//! Turns what the emulator saw into lines: names of messages and tools, never their arguments, bodies or headers.

use std::{fmt, time::Duration};

use anstyle::{AnsiColor, Style};
use mcp_cloud_emulator::{Observation, RequestRecord, Start};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;

use crate::printer::Printer;

const METHOD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
/// Longest name shown; what is longer comes from no well-meaning client.
const LONGEST_NAME: usize = 64;

/// Shows everything that is seen, until it is given up.
pub(crate) async fn watch(observations: &mut mpsc::UnboundedReceiver<Observation>, printer: &Printer) -> ! {
    loop {
        match observations.recv().await {
            Some(seen) => show(&seen, printer),
            None => std::future::pending().await,
        }
    }
}

/// Shows one thing that was seen: requests are data, the rest is talk.
pub(crate) fn show(seen: &Observation, printer: &Printer) {
    match seen {
        Observation::Request(record) if printer.json() => printer.data(json!(Request::from(record))),
        Observation::Request(record) => printer.talk(Request::from(record)),
        Observation::ServerOutput { line, .. } => printer.talk(format_args!("server | {line}")),
        Observation::ServerExited { code, reason: None } => match code {
            Some(code) => printer.warning(format_args!("the server ended by itself, with exit code {code}")),
            None => printer.warning("a signal from elsewhere ended the server"),
        },
        Observation::InitError { error_type } => {
            printer.warning(format_args!("the server told Lambda that it cannot start: {error_type}"));
        }
        _ => {}
    }
}

/// One request as it is shown and as `--output json` writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename = "request")]
struct Request {
    /// The JSON-RPC method; the HTTP method and path where there is none.
    method: String,
    /// The tool of a `tools/call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    /// The HTTP status.
    status: u16,
    /// Time from the request's head to the response's last byte.
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    duration: Duration,
    /// `cold` if the request was the first of its instance, else `warm`.
    start: &'static str,
    /// What the status does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The part of a JSON-RPC message that names something.
#[derive(Deserialize)]
struct Message {
    method: String,
    #[serde(default)]
    params: serde_json::Value,
}

impl From<&RequestRecord> for Request {
    fn from(record: &RequestRecord) -> Self {
        let message = serde_json::from_slice::<Message>(&record.request_body);
        let (method, tool) = match message {
            Ok(Message { method, params }) => {
                let tool = params["name"].as_str().filter(|_| method == "tools/call");
                (printable(&method), tool.map(printable))
            }
            Err(_) => (format!("{} {}", record.http_method, printable(&record.path)), None),
        };
        Self {
            method,
            tool,
            status: record.status.as_u16(),
            duration: record.duration,
            start: match record.start {
                Start::Cold => "cold",
                Start::Warm => "warm",
            },
            note: record.note.clone(),
        }
    }
}

/// The line a person sees.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = self.tool.as_deref().unwrap_or_default();
        let status = if self.status < 400 { GOOD } else { BAD };
        write!(f, "{METHOD}{:<26}{METHOD:#} {tool:<16} {status}{}{status:#}", self.method, self.status)?;
        write!(f, " {:>9.1} ms {FAINT}{}{FAINT:#}", self.duration.as_secs_f64() * 1000.0, self.start)?;
        match &self.note {
            Some(note) => write!(f, "  {note}"),
            None => Ok(()),
        }
    }
}

fn milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1000.0)
}

/// A name from the network, safe to show: no control characters, which could rewrite the terminal, and not too long.
fn printable(name: &str) -> String {
    let mut shown: String = name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST_NAME).is_some() {
        shown.push('…');
    }
    shown
}
