//! A line of a log in colours, for people.

use std::{fmt, io};

use anstyle::{AnsiColor, Style};
use mcp_cloud_deploy::logs::{Level, LogEvent, Rendered, Tone, render};

use crate::printer::Printer;

const QUIET: Style = Style::new().dimmed();
const REQUEST: Style = AnsiColor::Cyan.on_default();
const FAILURE: Style = AnsiColor::Red.on_default().bold();

/// Prints an event as it was asked for; fails when nobody reads any more.
pub(crate) fn show(event: &LogEvent, printer: &Printer) -> io::Result<()> {
    if printer.json() {
        return printer.try_data(event.to_json());
    }
    line(event).map_or(Ok(()), |line| printer.try_data(line))
}

/// An event as people read it, wherever it is shown; `None` for one that says nothing they want to know.
pub(crate) fn line(event: &LogEvent) -> Option<String> {
    render(event).map(|line| Line(&line).to_string())
}

/// Time, level, request, what is said, and what is said beside it; the printer leaves the colours out where none are
/// wanted.
#[derive(Debug)]
struct Line<'a>(&'a Rendered);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rendered { time, level, tone, request, message, fields, .. } = self.0;
        write!(f, "{QUIET}{time}{QUIET:#} ")?;
        match level {
            Some(level) => {
                let style = style(*level);
                write!(f, "{style}{}{style:#} ", level.as_str())?;
            }
            None => f.write_str("      ")?,
        }
        if let Some(request) = request {
            write!(f, "{REQUEST}{request}{REQUEST:#} ")?;
        }
        let said = match tone {
            Tone::Platform => QUIET,
            Tone::PlatformFailure => FAILURE,
            Tone::Server => Style::new(),
        };
        write!(f, "{said}{message}{said:#}")?;
        for (index, (name, value)) in fields.iter().enumerate() {
            let space = if index == 0 && message.is_empty() { "" } else { " " };
            write!(f, "{space}{QUIET}{name}={QUIET:#}{value}")?;
        }
        Ok(())
    }
}

fn style(level: Level) -> Style {
    match level {
        Level::Error => FAILURE,
        Level::Warn => AnsiColor::Yellow.on_default(),
        Level::Info => AnsiColor::Green.on_default(),
        Level::Debug | Level::Trace => QUIET,
    }
}
