//! The tool surface: what a server offers to its clients, and what a change of it means to those who use it already.
//!
//! Pure: no network, no clock. A surface is kept with the revision that had it, so it reads what an older version of this
//! program wrote.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::{self, Side};

/// What a server offers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Surface {
    /// Its tools by their names.
    #[serde(default)]
    pub tools: BTreeMap<String, Tool>,
}

/// A tool, as far as clients see it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tool {
    /// What people read as its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What models read about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its arguments.
    pub input_schema: Value,
    /// JSON Schema of its structured result, if it promises one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Its hints (`readOnlyHint` and the like), as it says them.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub annotations: Value,
}

/// What a change of a tool means to those who use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The tool is gone.
    Removed,
    /// It takes less than before, or promises less: what worked may not work any more.
    Narrowed,
    /// The tool is new.
    Added,
    /// It takes more than before, or promises more.
    Widened,
    /// It says something else about itself.
    Reworded,
}

/// One difference between two surfaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// The tool.
    pub tool: String,
    /// What it means.
    pub kind: Kind,
    /// What it is: half a sentence; empty for tools that come or go.
    pub what: String,
    /// Whether somebody who uses the tool has to change something.
    pub breaking: bool,
}

/// The differences between two surfaces: by tool, and for each tool the breaking ones first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Differences(Vec<Difference>);

impl Surface {
    /// The surface that a list of tools describes. What is no tool with a name is left out; of two with one name the
    /// last is kept, as clients do.
    #[must_use]
    pub fn of(tools: &[Value]) -> Self {
        let named = |tool: &Value| Some((tool.get("name")?.as_str()?.to_owned(), Tool::of(tool)));
        Self { tools: tools.iter().filter_map(named).collect() }
    }

    /// What changes for clients between two surfaces.
    #[must_use]
    pub fn diff(old: &Self, new: &Self) -> Differences {
        let mut found = Vec::new();
        for (name, tool) in &old.tools {
            match new.tools.get(name) {
                None => found.push(Difference::new(name, Kind::Removed, String::new())),
                Some(now) => found.extend(tool.diff(now, name)),
            }
        }
        let added = new.tools.keys().filter(|name| !old.tools.contains_key(*name));
        found.extend(added.map(|name| Difference::new(name, Kind::Added, String::new())));
        found.sort();
        found.dedup();
        Differences(found)
    }
}

impl Tool {
    fn of(tool: &Value) -> Self {
        let text = |name: &str| tool.get(name).and_then(Value::as_str).map(str::to_owned);
        let value = |name: &str| tool.get(name).filter(|value| !value.is_null()).map(schema::canonical);
        Self {
            title: text("title"),
            description: text("description"),
            input_schema: value("inputSchema").unwrap_or_default(),
            output_schema: value("outputSchema"),
            annotations: value("annotations").unwrap_or_default(),
        }
    }

    fn diff(&self, new: &Self, name: &str) -> Vec<Difference> {
        let mut found = Vec::new();
        for (kind, what) in schema::compare(Side::Arguments, &self.input_schema, &new.input_schema) {
            found.push(Difference::new(name, kind, what));
        }
        match (&self.output_schema, &new.output_schema) {
            (Some(old), Some(new)) => {
                let changes = schema::compare(Side::Result, old, new);
                found.extend(changes.into_iter().map(|(kind, what)| Difference::new(name, kind, what)));
            }
            (Some(_), None) => {
                found.push(Difference::new(name, Kind::Narrowed, "its result has no structure any more".to_owned()));
            }
            (None, Some(_)) => {
                found.push(Difference::new(name, Kind::Widened, "its result has a structure now".to_owned()));
            }
            (None, None) => {}
        }
        found.extend(hints(&self.annotations, &new.annotations).map(|(kind, what)| Difference::new(name, kind, what)));
        let words_only = schema::without_words(&self.input_schema) == schema::without_words(&new.input_schema);
        if words_only && self.input_schema != new.input_schema {
            found.push(Difference::new(name, Kind::Reworded, "what it says about its arguments".to_owned()));
        }
        if self.description != new.description {
            found.push(Difference::new(name, Kind::Reworded, "its description".to_owned()));
        }
        if self.title() != new.title() {
            found.push(Difference::new(name, Kind::Reworded, "its title".to_owned()));
        }
        found
    }

    /// The title may stand in either place (MCP 2025-06-18, server/tools).
    fn title(&self) -> Option<&str> {
        self.title.as_deref().or_else(|| self.annotations.get("title").and_then(Value::as_str))
    }
}

/// What changed in the hints. Each is held against what it is where it is not said (MCP, schema, `ToolAnnotations`):
/// clients ask people less about a tool that is said to do no harm.
fn hints(old: &Value, new: &Value) -> impl Iterator<Item = (Kind, String)> {
    const HINTS: [(&str, bool, bool, [&str; 2]); 4] = [
        ("readOnlyHint", false, true, ["it may change something now", "it changes nothing any more"]),
        ("destructiveHint", true, false, ["it may destroy something now", "it destroys nothing any more"]),
        (
            "idempotentHint",
            false,
            true,
            ["repeating it may do something again now", "repeating it does nothing again any more"],
        ),
        ("openWorldHint", true, false, ["it reaches the outside world now", "it stays within its own world now"]),
    ];
    let said = |value: &Value, name: &str, default| value.get(name).and_then(Value::as_bool).unwrap_or(default);
    let changes = HINTS.map(|(name, default, harmless, [worse, better])| {
        let (before, after) = (said(old, name, default), said(new, name, default));
        match (before == after, after == harmless) {
            (true, _) => None,
            (false, false) => Some((Kind::Narrowed, worse.to_owned())),
            (false, true) => Some((Kind::Widened, better.to_owned())),
        }
    });
    changes.into_iter().flatten()
}

impl Difference {
    fn new(tool: &str, kind: Kind, what: String) -> Self {
        let breaking = matches!(kind, Kind::Removed | Kind::Narrowed);
        Self { tool: tool.to_owned(), kind, what, breaking }
    }
}

/// A line of a list: `+` for what is new, `-` for what breaks, `~` for the rest.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tool, kind, what, .. } = self;
        match kind {
            Kind::Added => write!(f, "+ tool `{tool}`"),
            Kind::Removed => write!(f, "- tool `{tool}`"),
            Kind::Narrowed => write!(f, "- tool `{tool}`: {what}"),
            Kind::Widened => write!(f, "+ tool `{tool}`: {what}"),
            Kind::Reworded => write!(f, "~ tool `{tool}`: {what} is worded anew"),
        }
    }
}

impl Differences {
    /// Whether the surfaces are the same to clients.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Difference> {
        self.0.iter()
    }

    /// Those that somebody who uses the server has to know of beforehand.
    pub fn breaking(&self) -> impl Iterator<Item = &Difference> {
        self.0.iter().filter(|difference| difference.breaking)
    }
}

#[cfg(test)]
#[path = "surface_tests.rs"]
mod tests;
