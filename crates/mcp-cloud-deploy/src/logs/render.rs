//! Turns what was logged into what a person reads. Pure, and shows nothing that a terminal would obey.
//!
//! Three kinds of lines come from Lambda: those of the platform, as text or as JSON
//! (<https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>), those of servers that write JSON, as
//! `tracing` and Lambda's own runtimes do, and everything else.

mod platform;
mod structured;
mod text;

use super::{LogEvent, query};

/// How bad a line is, as its writer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What should not be.
    Warn,
    /// What failed.
    Error,
}

impl Level {
    /// Reads a level as loggers write it.
    fn of(word: &str) -> Option<Self> {
        let word = word.trim_matches(['[', ']', ':', ' ']);
        let levels = [
            (Self::Trace, ["TRACE", "TRACE"]),
            (Self::Debug, ["DEBUG", "VERBOSE"]),
            (Self::Info, ["INFO", "NOTICE"]),
            (Self::Warn, ["WARN", "WARNING"]),
            (Self::Error, ["ERROR", "ERR"]),
            (Self::Error, ["FATAL", "CRITICAL"]),
        ];
        levels
            .into_iter()
            .find_map(|(level, words)| words.iter().any(|one| word.eq_ignore_ascii_case(one)).then_some(level))
    }

    /// Five characters wide.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO ",
            Self::Warn => "WARN ",
            Self::Error => "ERROR",
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// The server.
    #[default]
    Server,
    /// The platform, about an invocation.
    Platform,
    /// The platform, about one that failed, or a process that did not start.
    PlatformFailure,
}

/// A line as a person reads it. No part of it has control characters in it, but for the line ends of `message`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// When, in RFC 3339 with milliseconds.
    pub time: String,
    /// How bad it is, where the line says so.
    pub level: Option<Level>,
    /// Who speaks.
    pub tone: Tone,
    /// The first characters of the id of the request it is about.
    pub request: Option<String>,
    /// What is said; lines after the first are indented.
    pub message: String,
    /// What is said beside it, as `name=value`.
    pub fields: Vec<(String, String)>,
}

/// What a line says, before it is made fit to be shown.
#[derive(Debug, Default)]
struct Line {
    level: Option<Level>,
    tone: Tone,
    request: Option<String>,
    message: String,
    fields: Vec<(String, String)>,
}

/// What is shown of a request's id: enough to tell those of a screen apart.
const SHORT: usize = 8;

/// Renders an event; `None` for one that says nothing a person wants to know: an empty line, and the end of an invocation
/// whose report follows.
#[must_use]
pub fn render(event: &LogEvent) -> Option<Rendered> {
    let message = text::plain(event.message.trim());
    let line =
        platform::of_text(&message).or_else(|| structured::of_json(&message)).unwrap_or_else(|| text::of(&message));
    if line.message.is_empty() && line.fields.is_empty() {
        return None;
    }
    let request = line.request.map(|id| text::one_line(&id).chars().take(SHORT).collect());
    Some(Rendered {
        time: query::rfc3339(event.timestamp),
        level: line.level,
        tone: line.tone,
        request,
        message: text::plain(&line.message).trim_end().replace('\n', "\n  "),
        fields: line.fields.into_iter().map(|(name, value)| (text::one_line(&name), text::one_line(&value))).collect(),
    })
}

#[cfg(test)]
mod tests;
