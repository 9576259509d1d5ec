//! Located findings: what is wrong in a file, where, and what would be right.

use std::{fmt, path::PathBuf};

/// A finding in a file that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the work.
    pub severity: Severity,
    /// The file, as the person who asked would name it.
    pub path: PathBuf,
    /// Where in the file; absent when the finding is about something the file does not say.
    pub position: Option<Position>,
    /// What is wrong and what would be right, in one sentence without a final period.
    pub message: String,
    /// Advice that goes beyond the sentence.
    pub hint: Option<String>,
}

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the work goes on.
    Warning,
    /// The file cannot be used as it is.
    Error,
}

/// A place in a text file; both numbers start at 1, and columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// `path:line:column: message`, the form editors and terminals turn into a link.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)
    }
}
