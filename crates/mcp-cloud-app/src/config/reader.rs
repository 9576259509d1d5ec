//! Holds a document against the schema: what is wrong is noted with its place and taken out, what is right stays.

use std::path::Path;

use toml::de::DeTable;

use super::{
    forms, keys,
    schema::{Form, Key, Kind, Range, Word},
    tree::{Lines, Node, Table, Value},
};
use crate::diagnostic::{Diagnostic, Position, Severity};

/// A document being read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    path: &'a Path,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, diagnostics: Vec::new() }
    }

    /// Parses the document; `None` when it is not TOML.
    pub(super) fn document(&mut self, bytes: &[u8]) -> Option<Table> {
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).and_then(|valid| str::from_utf8(valid).ok())?;
                let end = Lines::new(valid).position(valid.len());
                self.error(end, "this is not UTF-8, and TOML is".to_owned(), None);
                return None;
            }
        };
        let lines = Lines::new(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut errors: Vec<_> =
            errors.iter().map(|error| (error.span().map_or(0, |span| span.start), error.message())).collect();
        errors.sort();
        for (offset, message) in &errors {
            let position = lines.position(*offset);
            // What follows an error in the same line is usually its echo.
            if self.diagnostics.last().and_then(|last| last.position).is_none_or(|last| last.line != position.line) {
                self.error(position, format!("this is not TOML: {}", plain(message)), None);
            }
        }
        errors.is_empty().then(|| Table::new(table.get_ref(), &lines))
    }

    /// Hands over what was found.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    pub(super) fn error(&mut self, position: Position, message: String, hint: Option<String>) {
        let (severity, path) = (Severity::Error, self.path.to_owned());
        self.diagnostics.push(Diagnostic { severity, path, position: Some(position), message, hint });
    }

    /// Holds the name of an environment and what its overlay is against the rules; what the overlay says is held against
    /// the schema when it is laid over the rest.
    pub(super) fn environment(&mut self, name: &str, node: &Node) {
        if !forms::ENVIRONMENT_NAME.holds(name) {
            let message =
                format!("the environment is `{}`, but has to be {}", plain(name), forms::ENVIRONMENT_NAME.expected);
            self.error(node.key, message, None);
        }
        match &node.value {
            Value::Table(overlay) => {
                if let Some(nested) = overlay.get("env") {
                    self.error(nested.key, "an environment has no environments of its own".to_owned(), None);
                }
            }
            _ => {
                let message =
                    format!("{} is {}, and should be a table that begins with `[env.{0}]`", plain(name), node.kind());
                self.error(node.position, message, None);
            }
        }
    }

    /// Takes everything out of a table that `keys` do not allow. `name` is what the table is called in the file.
    pub(super) fn table(&mut self, table: &mut Table, keys: &[Key], name: &str) {
        table.0.retain(|key, node| {
            let Some(known) = keys.iter().find(|known| known.name == key) else {
                let message = unknown(key, keys, name);
                self.error(node.key, message, None);
                return false;
            };
            self.value(node, &known.kind, key, &dotted(name, key))
        });
    }

    /// Whether a value may stay. `name` is the dotted name of the value, `key` what it is called in a sentence.
    fn value(&mut self, node: &mut Node, kind: &Kind, key: &str, name: &str) -> bool {
        let position = node.position;
        match (kind, &mut node.value) {
            (Kind::Text(form), Value::Text(text)) => self.text(form, text, key, position),
            (Kind::Choice(words), Value::Text(text)) => self.choice(words, text, key, position),
            (Kind::Number(range), Value::Integer(number)) => self.number(range, *number, key, position),
            (Kind::Switch, Value::Switch(_)) => true,
            (Kind::List(kind), Value::List(items)) => {
                let item = format!("an item of {key}");
                items.retain_mut(|node| self.value(node, kind, &item, name));
                true
            }
            (Kind::Map(form, kind), Value::Table(table)) => {
                table.0.retain(|key, node| {
                    if !form.holds(key) {
                        let message = format!("`{}` is a key of {name}, but has to be {}", plain(key), form.expected);
                        self.error(node.key, message, None);
                        return false;
                    }
                    let shown = format!("`{}`", plain(key));
                    self.value(node, kind, &shown, &dotted(name, key))
                });
                true
            }
            (Kind::Table(keys), Value::Table(table)) => {
                self.table(table, keys, name);
                true
            }
            // What an overlay says is held against the schema once it is laid over the rest.
            (Kind::Overlays, Value::Table(_)) => true,
            _ => {
                self.wrong_kind(node, kind, key, name);
                false
            }
        }
    }

    fn text(&mut self, form: &Form, text: &str, key: &str, position: Position) -> bool {
        let holds = form.holds(text);
        if !holds {
            self.error(position, format!("{key} is `{}`, but has to be {}", plain(text), form.expected), None);
        }
        holds
    }

    fn choice(&mut self, words: &[Word], text: &str, key: &str, position: Position) -> bool {
        if words.iter().any(|word| word.word == text) {
            return true;
        }
        let words: Vec<_> = words.iter().map(|word| word.word).collect();
        let advice = match nearest(text, &words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it can be {}", list(&words)),
        };
        self.error(position, format!("{key} is `{}`; {advice}", plain(text)), None);
        false
    }

    fn number(&mut self, range: &Range, number: Option<i64>, key: &str, position: Position) -> bool {
        let Range { least, most, unit, who, source } = range;
        let holds = number.is_some_and(|number| (i64::from(*least)..=i64::from(*most)).contains(&number));
        if !holds {
            let written = number.map_or_else(|| "too long a number".to_owned(), |number| format!("{number}{unit}"));
            let message = format!("{key} is {written}, but {who} {least} to {most}{unit}");
            self.error(position, message, (!source.is_empty()).then(|| format!("see {source}")));
        }
        holds
    }

    /// The value itself is not repeated: it may be long, or a secret.
    fn wrong_kind(&mut self, node: &Node, kind: &Kind, key: &str, name: &str) {
        let expected = match kind {
            Kind::Text(_) | Kind::Choice(_) => "text in quotes".to_owned(),
            Kind::Number(_) => "a whole number without quotes".to_owned(),
            Kind::Switch => "`true` or `false`".to_owned(),
            Kind::List(_) => "a list such as `[\"…\"]`".to_owned(),
            Kind::Map(..) | Kind::Table(_) => format!("a table that begins with `[{}]`", plain(name)),
            Kind::Overlays => "a table for each environment, such as `[env.prod]`".to_owned(),
        };
        self.error(node.position, format!("{key} is {}, and should be {expected}", node.kind()), None);
    }
}

fn unknown(key: &str, keys: &[Key], table: &str) -> String {
    let known: Vec<_> = keys.iter().map(|key| key.name).collect();
    let elsewhere = keys::tables().into_iter().find(|(other, keys)| {
        other != table && keys.iter().any(|known| known.name == key) && !(table.is_empty() && other == "env")
    });
    let advice = if let Some(near) = nearest(key, &known) {
        format!("did you mean `{near}`?")
    } else if let Some((other, _)) = elsewhere {
        format!("it belongs {}", place(&other))
    } else {
        format!("there can be {}", list(&known))
    };
    format!("there is no key `{}` {}; {advice}", plain(key), place(table))
}

fn dotted(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

fn place(table: &str) -> String {
    if table.is_empty() { "at the top of the file".to_owned() } else { format!("under `[{}]`", plain(table)) }
}

/// The known word that was probably meant: at most every third letter differs.
fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let normal = word.to_ascii_lowercase().replace('_', "-");
    let (distance, near) =
        known.iter().map(|candidate| (strsim::damerau_levenshtein(&normal, candidate), *candidate)).min()?;
    (distance <= near.chars().count() / 3).then_some(near)
}

fn list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Text from the file as it may appear in a message: one line, no control characters, not endless.
pub(crate) fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}
