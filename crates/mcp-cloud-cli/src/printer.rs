//! The only place that writes to the terminal: standard output is data, standard error is talk.

use std::{
    fmt::Display,
    io::{IsTerminal, Write, stderr},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};

use crate::{cli::Output, failure::Failure};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Prints data and talk. A closed pipe is not an error: whoever read it has seen enough.
#[derive(Debug)]
pub(crate) struct Printer {
    output: Output,
}

impl Printer {
    pub(crate) fn new(output: Output) -> Self {
        Self { output }
    }

    /// Whether results go out as JSON.
    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }

    /// Whether progress may be drawn and redrawn.
    pub(crate) fn interactive(&self) -> bool {
        stderr().is_terminal()
    }

    /// Writes a line of data to standard output.
    pub(crate) fn data(&self, line: impl Display) {
        let _ = writeln!(anstream::stdout().lock(), "{line}");
    }

    /// Writes a document to standard output as it is.
    pub(crate) fn document(&self, bytes: &[u8]) {
        let mut stdout = anstream::stdout().lock();
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    /// The same, and says when nobody reads any more: what would go on for ever ends then.
    pub(crate) fn try_data(&self, line: impl Display) -> std::io::Result<()> {
        writeln!(anstream::stdout().lock(), "{line}")
    }

    /// Writes a line of talk to standard error.
    pub(crate) fn talk(&self, line: impl Display) {
        let _ = writeln!(anstream::stderr().lock(), "{line}");
    }

    /// Writes a question to standard error; the answer is typed on the same line.
    pub(crate) fn prompt(&self, question: impl Display) {
        let mut stderr = anstream::stderr().lock();
        let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
    }

    /// Writes a warning to standard error.
    pub(crate) fn warning(&self, line: impl Display) {
        self.talk(format_args!("{WARNING}warning{WARNING:#}: {line}"));
    }

    /// Writes advice to standard error.
    pub(crate) fn hint(&self, hint: &str) {
        self.talk(format_args!("{HINT}hint{HINT:#}: {hint}"));
    }

    /// Writes an error, and the hint beside it, to standard error.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        if !failure.is_silent() {
            self.talk(format_args!("{ERROR}error{ERROR:#}: {failure}"));
        }
        if let Some(hint) = failure.advice() {
            self.hint(hint);
        }
        ExitCode::from(failure.code())
    }
}
