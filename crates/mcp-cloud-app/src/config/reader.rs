//! Takes values out of a TOML document one key at a time, and notes what is wrong with each instead of stopping.

use std::{collections::BTreeMap, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::diagnostic::{Diagnostic, Position, Severity};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) position: Position,
}

/// A table of the document and what it is called there; the name of the outermost is empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'t> {
    name: &'static str,
    entries: &'t DeTable<'t>,
}

/// The keys a table may have.
pub(super) type Keys = &'static [&'static str];

/// A document being read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    diagnostics: Vec<Diagnostic>,
    positions: BTreeMap<String, Position>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, text: "", diagnostics: Vec::new(), positions: BTreeMap::new() }
    }

    /// Parses the document and gives its outermost table to `read`; `None` when it is not TOML.
    pub(super) fn document<T>(&mut self, bytes: &'a [u8], read: impl FnOnce(&mut Self, Table<'_>) -> T) -> Option<T> {
        self.text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                self.text = bytes.get(..error.valid_up_to()).and_then(|valid| str::from_utf8(valid).ok())?;
                let end = Position::of(self.text, self.text.len());
                self.error(end, "this is not UTF-8, and TOML is".to_owned(), None);
                return None;
            }
        };
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let mut errors: Vec<_> =
            errors.iter().map(|error| (error.span().map_or(0, |span| span.start), error.message())).collect();
        errors.sort();
        for (offset, message) in &errors {
            let position = Position::of(self.text, *offset);
            // What follows an error in the same line is usually its echo.
            if self.diagnostics.last().and_then(|last| last.position).is_none_or(|last| last.line != position.line) {
                self.error(position, format!("this is not TOML: {}", plain(message)), None);
            }
        }
        errors.is_empty().then(|| read(self, Table { name: "", entries: table.get_ref() }))
    }

    /// Hands over what was found.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// Hands over where each value stands, by its dotted name.
    pub(super) fn take_positions(&mut self) -> BTreeMap<String, Position> {
        std::mem::take(&mut self.positions)
    }

    pub(super) fn error(&mut self, position: Position, message: String, hint: Option<String>) {
        self.report(Severity::Error, Some(position), message, hint);
    }

    pub(super) fn report(
        &mut self,
        severity: Severity,
        position: Option<Position>,
        message: String,
        hint: Option<String>,
    ) {
        self.diagnostics.push(Diagnostic { severity, path: self.path.to_owned(), position, message, hint });
    }

    /// Reports every key of a table that is not one of `known`. `others` are the tables a key may have been meant for.
    pub(super) fn only(&mut self, table: Table<'_>, known: Keys, others: &[(&str, Keys)]) {
        for key in table.entries.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let here = place(table.name);
            let elsewhere = others.iter().find(|(other, keys)| *other != table.name && keys.contains(&name));
            let advice = if let Some((other, _)) = elsewhere {
                format!("it belongs {}", place(other))
            } else if let Some(near) = nearest(name, known) {
                format!("did you mean `{near}`?")
            } else {
                format!("there can be {}", list(known))
            };
            let position = Position::of(self.text, key.span().start);
            self.error(position, format!("there is no key `{}` {here}; {advice}", plain(name)), None);
        }
    }

    pub(super) fn has(&self, table: Table<'_>, key: &str) -> bool {
        table.entries.contains_key(key)
    }

    pub(super) fn string(&mut self, table: Table<'_>, key: &str) -> Option<Located<String>> {
        let (value, position) = self.find(table, key)?;
        match value {
            DeValue::String(text) => Some(Located { value: text.clone().into_owned(), position }),
            other => self.wrong_kind(key, other, "text in quotes", position),
        }
    }

    /// Takes a whole number within limits. `unit` is written after the number (` MB`), `who` is who sets the limits.
    pub(super) fn number(
        &mut self,
        table: Table<'_>,
        key: &str,
        (unit, who, limits): (&str, &str, std::ops::RangeInclusive<u32>),
    ) -> Option<Located<u32>> {
        let (value, position) = self.find(table, key)?;
        let DeValue::Integer(integer) = value else {
            return self.wrong_kind(key, value, "a whole number without quotes", position);
        };
        let number =
            u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|number| limits.contains(number));
        if number.is_none() {
            let (least, most) = limits.into_inner();
            let written = plain(integer.as_str());
            self.error(position, format!("{key} is {written}{unit}, but {who} {least} to {most}{unit}"), None);
        }
        number.map(|value| Located { value, position })
    }

    /// Takes one of the given words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        table: Table<'_>,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Option<Located<T>> {
        let Located { value, position } = self.string(table, key)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == value) {
            return Some(Located { value: *choice, position });
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let advice = match nearest(&value, &words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it can be {}", list(&words)),
        };
        self.error(position, format!("{key} is `{}`; {advice}", plain(&value)), None);
        None
    }

    pub(super) fn table<'t>(&mut self, table: Table<'t>, key: &'static str) -> Option<Table<'t>> {
        let (value, position) = self.find(table, key)?;
        match value {
            DeValue::Table(entries) => Some(Table { name: key, entries }),
            other => self.wrong_kind(key, other, &format!("a table that begins with `[{key}]`"), position),
        }
    }

    pub(super) fn strings(&mut self, table: Table<'_>, key: &str) -> Vec<Located<String>> {
        let Some((value, position)) = self.find(table, key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            self.wrong_kind::<()>(key, value, "a list such as `[\"…\"]`", position);
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in items.iter() {
            let position = Position::of(self.text, item.span().start);
            match item.get_ref() {
                DeValue::String(text) => strings.push(Located { value: text.clone().into_owned(), position }),
                other => {
                    self.wrong_kind::<()>(&format!("an item of {key}"), other, "text in quotes", position);
                }
            }
        }
        strings
    }

    /// Takes a table whose keys are free and whose values are text.
    pub(super) fn map(&mut self, table: Table<'_>, key: &'static str) -> Vec<(String, Located<String>)> {
        let Some(table) = self.table(table, key) else { return Vec::new() };
        let names: Vec<_> = table.entries.keys().map(|name| name.get_ref().clone().into_owned()).collect();
        names.into_iter().filter_map(|name| self.string(table, &name).map(|value| (name, value))).collect()
    }

    fn find<'t>(&mut self, table: Table<'t>, key: &str) -> Option<(&'t DeValue<'t>, Position)> {
        let value: &Spanned<DeValue<'_>> = table.entries.get(key)?;
        let position = Position::of(self.text, value.span().start);
        let name = if table.name.is_empty() { key.to_owned() } else { format!("{}.{key}", table.name) };
        self.positions.insert(name, position);
        Some((value.get_ref(), position))
    }

    /// The value itself is not repeated: it may be long, or a secret.
    fn wrong_kind<T>(&mut self, key: &str, found: &DeValue<'_>, expected: &str, position: Position) -> Option<T> {
        let found = match found {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(position, format!("{} is {found}, and should be {expected}", plain(key)), None);
        None
    }
}

fn place(table: &str) -> String {
    if table.is_empty() { "at the top of the file".to_owned() } else { format!("under `[{table}]`") }
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
pub(super) fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}
