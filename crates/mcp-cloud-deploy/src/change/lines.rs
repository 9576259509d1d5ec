//! Writes changes for people, a line each.

use std::fmt;

use mcp_cloud_contract::env;

use super::{Action, Certainty, Changes, FieldChange, PartChange, ResourceChange, parts::PERMISSION, types, warnings};

/// Columns that names are filled up to at most, so that values begin below each other; longer names push theirs away.
const WIDEST_NAME: usize = 56;

/// What a line is about, for whoever gives it a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `+`: something is added.
    Add,
    /// `~`: something changes.
    Modify,
    /// `±`: another one takes the place of something.
    Replace,
    /// `-`: something goes.
    Remove,
}

impl Sign {
    /// The sign itself.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Modify => "~",
            Self::Replace => "±",
            Self::Remove => "-",
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Action> for Sign {
    fn from(action: Action) -> Self {
        match action {
            Action::Add => Self::Add,
            Action::Modify => Self::Modify,
            Action::Replace => Self::Replace,
            Action::Remove => Self::Remove,
        }
    }
}

/// A line of a plan, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Columns before the sign.
    pub indent: usize,
    /// What stands before the text; without one, nothing and a space stand there.
    pub sign: Option<Sign>,
    /// What it says.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = self.sign.map_or(" ", Sign::as_str);
        write!(f, "{:indent$}{sign} {}", "", self.text, indent = self.indent)
    }
}

/// The lines of [`Changes::lines`].
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Changes {
    /// Every change for people to read: resources, then what else there is of a stack. Warnings are not among them.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for change in &self.resources {
            lines.push(Line { indent: 0, sign: Some(change.action.into()), text: headline(change) });
            if matches!(change.action, Action::Modify | Action::Replace) {
                lines.extend(of_fields(&telling(&change.fields), 2, ""));
                lines.extend(change.parts.iter().filter(|part| is_noticed(part)).map(of_part));
            }
        }
        lines.extend(of_fields(&self.outputs, 0, "output "));
        lines.extend(of_fields(&self.parameters, 0, "parameter "));
        lines.extend(of_fields(&self.tags, 0, "tag "));
        lines.extend(of_fields(&self.sections, 0, "template "));
        lines
    }
}

fn headline(change: &ResourceChange) -> String {
    let name = format!("{} ({})", change.logical_id, change.resource_type);
    let becomes = match (change.action, change.certainty()) {
        (Action::Replace, Certainty::Always) => format!(" is replaced, because {}", warnings::reason(change)),
        (Action::Replace, Certainty::Perhaps) => format!(" may be replaced, because {}", warnings::reason(change)),
        _ => String::new(),
    };
    let fate = warnings::fate(change).map(|fate| format!("; {fate}")).unwrap_or_default();
    format!("{name}{becomes}{fate}")
}

/// Without the fingerprint of the other fields, unless it is all there is.
fn telling(fields: &[FieldChange]) -> Vec<FieldChange> {
    let derived = format!("Environment.Variables.{}", env::SETTINGS);
    let (derived, telling): (Vec<_>, Vec<_>) = fields.iter().cloned().partition(|field| field.path == derived);
    if telling.is_empty() { derived } else { telling }
}

fn of_fields(fields: &[FieldChange], indent: usize, what: &str) -> Vec<Line> {
    let name = |field: &FieldChange| format!("{what}{}:", field.path);
    let length = |field: &FieldChange| name(field).chars().count();
    let width = fields.iter().map(length).filter(|length| *length <= WIDEST_NAME).max().unwrap_or_default();
    let line = |field: &FieldChange| {
        let (sign, value) = match (&field.before, &field.after) {
            (Some(before), Some(after)) => {
                // Within a resource, a field that changes is the rule.
                let sign = (indent == 0).then_some(Sign::Modify);
                (sign, format!("{before} → {after}"))
            }
            (None, Some(after)) => (Some(Sign::Add), after.clone()),
            (Some(before), None) => (Some(Sign::Remove), before.clone()),
            (None, None) => (None, String::new()),
        };
        Line { indent, sign, text: format!("{:width$} {value}", name(field)) }
    };
    fields.iter().map(line).collect()
}

/// Whether people care. There is another version after each deployment, and permissions follow what they are for.
fn is_noticed(part: &PartChange) -> bool {
    types::of(&part.resource_type).serves || (part.action == Action::Replace && part.resource_type != PERMISSION)
}

fn of_part(part: &PartChange) -> Line {
    let name = format!("{} ({})", part.logical_id, part.resource_type);
    let text = match &part.cause {
        Some(cause) => format!("{name} is replaced, because {cause} changes"),
        None => name,
    };
    Line { indent: 2, sign: Some(part.action.into()), text }
}
