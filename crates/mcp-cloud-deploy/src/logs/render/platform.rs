//! What Lambda itself says: in lines of text, or in JSON where the function's log format is that.

use serde_json::{Map, Value};

use super::{Line, Tone, text::is_request_id};

/// Reads one of the platform's lines; `None` for any other.
pub(super) fn of_text(message: &str) -> Option<Line> {
    let (word, rest) = message.split_once(' ').unwrap_or((message, ""));
    match word {
        "START" => Some(Line { message: start(named(rest, "Version:")), ..about(id(rest)?) }),
        // The report that follows says the same and more.
        "END" => Some(about(id(rest)?)),
        "REPORT" => Some(report_text(rest, id(rest)?)),
        "INIT_START" if rest.starts_with("Runtime Version:") => {
            let version = named(rest, "Version:").unwrap_or_default();
            Some(Line { message: format!("cold start, runtime {version}"), tone: Tone::Platform, ..Line::default() })
        }
        "INIT_REPORT" if rest.starts_with("Init Duration:") => Some(init_text(rest)),
        "RequestId:" => failure(rest),
        _ if is_timeout(message) => {
            let request = message.split(' ').nth(1).map(str::to_owned);
            let said = message.splitn(3, ' ').nth(2).unwrap_or(message).to_owned();
            Some(Line { message: said, request, tone: Tone::PlatformFailure, ..Line::default() })
        }
        _ => None,
    }
}

/// `2026-11-21T08:00:00.000Z 8c1f… Task timed out after 3.00 seconds`
fn is_timeout(message: &str) -> bool {
    let mut words = message.splitn(3, ' ').skip(1);
    words.next().is_some_and(is_request_id)
        && words.next().is_some_and(|said| said.starts_with("Task timed out after "))
}

/// `RequestId: 8c1f… Error: Runtime exited with error: exit status 1`
fn failure(rest: &str) -> Option<Line> {
    let (id, said) = rest.split_once(' ')?;
    if !is_request_id(id) || !(said.starts_with("Error:") || said.starts_with("Process exited")) {
        return None;
    }
    Some(Line { message: said.to_owned(), tone: Tone::PlatformFailure, ..about(id) })
}

/// The id after `RequestId: `; a server may begin a line with the platform's words, too, but hardly with an id after them.
fn id(rest: &str) -> Option<&str> {
    let id = rest.strip_prefix("RequestId: ")?.split([' ', '\t']).next()?;
    is_request_id(id).then_some(id)
}

fn about(id: &str) -> Line {
    Line { request: Some(id.to_owned()), tone: Tone::Platform, ..Line::default() }
}

fn start(version: Option<&str>) -> String {
    match version {
        Some(version) => format!("start, version {version}"),
        None => "start".to_owned(),
    }
}

/// The word after a name.
fn named<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(name)?;
    after.split_whitespace().next()
}

/// What is measured of an invocation, whichever way it is written.
#[derive(Debug, Default)]
struct Measured {
    duration: Option<f64>,
    memory: Option<f64>,
    init: Option<f64>,
    restore: Option<f64>,
    trace: Option<String>,
    /// Absent where the invocation went well.
    status: Option<String>,
    error_type: Option<String>,
}

impl Measured {
    fn line(self, id: Option<&str>) -> Line {
        let number = |value: f64| if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        let mut parts: Vec<_> = self.status.iter().chain(&self.error_type).cloned().collect();
        let measured =
            [("duration ", self.duration, " ms"), ("", self.memory, " MB"), ("cold start ", self.init, " ms")];
        for (name, value, unit) in measured.into_iter().chain([("restore ", self.restore, " ms")]) {
            parts.extend(value.map(|value| format!("{name}{}{unit}", number(value))));
        }
        let tone = if self.status.is_some() { Tone::PlatformFailure } else { Tone::Platform };
        let fields = self.trace.map(|trace| ("trace".to_owned(), trace)).into_iter().collect();
        Line { message: parts.join(", "), tone, request: id.map(str::to_owned), fields, ..Line::default() }
    }
}

/// `RequestId: 8c1f…<tab>Duration: 12.34 ms<tab>Billed Duration: 13 ms<tab>Memory Size: 128 MB<tab>Max Memory Used: 64 MB<tab>…`
fn report_text(rest: &str, id: &str) -> Line {
    let mut measured = Measured::default();
    for part in rest.split(['\t', '\n']) {
        let Some((name, value)) = part.trim().split_once(": ") else { continue };
        let number = || value.split(' ').next().and_then(|number| number.parse().ok());
        match name {
            "Duration" => measured.duration = number(),
            "Max Memory Used" => measured.memory = number(),
            "Init Duration" => measured.init = number(),
            "Restore Duration" => measured.restore = number(),
            "XRAY TraceId" => measured.trace = Some(value.to_owned()),
            "Status" => measured.status = Some(value.to_owned()).filter(|status| status != "success"),
            "Error Type" => measured.error_type = Some(value.to_owned()),
            _ => {}
        }
    }
    measured.line(Some(id))
}

/// `Init Duration: 10008.08 ms<tab>Phase: init<tab>Status: timeout`
fn init_text(rest: &str) -> Line {
    let status = named(rest, "Status:").filter(|status| *status != "success");
    init(status, named(rest, "Init Duration:").and_then(|number| number.parse().ok()), named(rest, "Error Type:"))
}

fn init(status: Option<&str>, milliseconds: Option<f64>, error_type: Option<&str>) -> Line {
    let after = milliseconds.map(|time| format!(" after {time:.0} ms")).unwrap_or_default();
    let (message, tone) = match status {
        Some(status) => {
            let kind = error_type.map(|kind| format!(" ({kind})")).unwrap_or_default();
            (format!("the server did not start: {status}{kind}{after}"), Tone::PlatformFailure)
        }
        None => (format!("started{after}"), Tone::Platform),
    };
    Line { message, tone, ..Line::default() }
}

/// Reads one of the platform's objects; `None` for any other.
pub(super) fn of_json(members: &Map<String, Value>) -> Option<Line> {
    let kind = members.get("type")?.as_str()?.strip_prefix("platform.")?;
    let record = members.get("record")?.as_object()?;
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let id = text("requestId");
    let metric = |name: &str| record.get("metrics").and_then(|metrics| metrics.get(name)).and_then(Value::as_f64);
    let status = text("status").filter(|status| *status != "success");
    let of = |id: Option<&str>, message: String| Line {
        message,
        request: id.map(str::to_owned),
        tone: Tone::Platform,
        ..Line::default()
    };
    Some(match kind {
        "start" => of(id, start(text("version"))),
        "initStart" => of(None, format!("cold start, runtime {}", text("runtimeVersion").unwrap_or("unknown"))),
        "report" => Measured {
            duration: metric("durationMs"),
            memory: metric("maxMemoryUsedMB"),
            init: metric("initDurationMs"),
            restore: metric("restoreDurationMs"),
            trace: record.get("tracing").and_then(|tracing| tracing.get("value")?.as_str()).map(str::to_owned),
            status: status.map(str::to_owned),
            error_type: text("errorType").map(str::to_owned),
        }
        .line(id),
        "initReport" | "initRuntimeDone" if status.is_some() => init(status, metric("durationMs"), text("errorType")),
        // What went well is in the report that follows.
        "initReport" | "initRuntimeDone" | "runtimeDone" | "end" => of(id, String::new()),
        other => {
            let fields = record.iter().map(|(name, value)| (name.clone(), value.to_string()));
            Line { fields: fields.collect(), ..of(id, other.to_owned()) }
        }
    })
}
