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

impl Position {
    /// Finds the place of a byte offset in a text; an offset past the end is the end.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_counts_lines_and_characters_from_one() {
        let text = "a = 1\nü = \"x\"\n";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, text.find('"').unwrap()), Position { line: 2, column: 5 });
        assert_eq!(Position::of(text, 1_000), Position { line: 3, column: 1 });
        assert_eq!(Position::of(text, 7), Position { line: 2, column: 1 }, "inside a character counts as its start");
    }
}
