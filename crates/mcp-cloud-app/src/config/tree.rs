//! The document as a tree of located values, on which overlays are laid before anything is understood.

use std::collections::BTreeMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::diagnostic::Position;

/// A value and where it stands; the key of a table's entry stands where `key` says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) position: Position,
    pub(crate) key: Position,
}

/// What TOML can say, and what of it a file of ours can mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(Option<i64>),
    Switch(bool),
    List(Vec<Node>),
    Table(Table),
    /// A fraction, a date or a time: nothing in the file is one.
    Other(&'static str),
}

/// The entries of a table by their keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table(pub(crate) BTreeMap<String, Node>);

impl Table {
    /// Takes over a parsed document.
    pub(super) fn new(table: &DeTable<'_>, lines: &Lines<'_>) -> Self {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            (name.clone().into_owned(), Node::new(value, lines.position(key.span().start), lines))
        };
        Self(table.iter().map(entry).collect())
    }

    /// Lays another table over this one: tables are merged key by key, everything else is replaced.
    pub(crate) fn overlay(&mut self, over: Self) {
        for (key, node) in over.0 {
            match (self.0.get_mut(&key), node) {
                (Some(Node { value: Value::Table(under), .. }), Node { value: Value::Table(over), .. }) => {
                    under.overlay(over);
                }
                (_, node) => {
                    self.0.insert(key, node);
                }
            }
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.0.get(key)
    }

    /// The table of that name; an empty one where there is none.
    pub(crate) fn table(&self, key: &str) -> &Self {
        static EMPTY: Table = Table(BTreeMap::new());
        match self.get(key) {
            Some(Node { value: Value::Table(table), .. }) => table,
            _ => &EMPTY,
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Node { value: Value::Text(text), .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self, key: &str) -> Option<u32> {
        match self.get(key)? {
            Node { value: Value::Integer(number), .. } => u32::try_from((*number)?).ok(),
            _ => None,
        }
    }

    pub(crate) fn switch(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Node { value: Value::Switch(switch), .. } => Some(*switch),
            _ => None,
        }
    }

    /// The texts of a list; none where there is no list.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let Some(Node { value: Value::List(items), .. }) = self.get(key) else { return Vec::new() };
        let text = |item: &Node| match &item.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        items.iter().filter_map(text).collect()
    }

    /// The texts of a table with free keys.
    pub(crate) fn map(&self, key: &str) -> BTreeMap<String, String> {
        let table = self.table(key);
        table.0.keys().filter_map(|key| Some((key.clone(), table.text(key)?.to_owned()))).collect()
    }

    /// Where each value stands, by its dotted name.
    pub(crate) fn positions(&self) -> BTreeMap<String, Position> {
        let mut positions = BTreeMap::new();
        self.note_positions("", &mut positions);
        positions
    }

    fn note_positions(&self, prefix: &str, positions: &mut BTreeMap<String, Position>) {
        for (key, node) in &self.0 {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            positions.insert(name.clone(), node.position);
            if let Value::Table(table) = &node.value {
                table.note_positions(&name, positions);
            }
        }
    }
}

impl Node {
    fn new(value: &Spanned<DeValue<'_>>, key: Position, lines: &Lines<'_>) -> Self {
        let position = lines.position(value.span().start);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(number) => Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
            DeValue::Boolean(switch) => Value::Switch(*switch),
            DeValue::Array(items) => Value::List(
                items.iter().map(|item| Self::new(item, lines.position(item.span().start), lines)).collect(),
            ),
            DeValue::Table(table) => Value::Table(Table::new(table, lines)),
            DeValue::Float(_) => Value::Other("a number with a fraction"),
            DeValue::Datetime(_) => Value::Other("a date or time"),
        };
        Self { value, position, key }
    }

    /// What kind of value it is, for a person.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::Integer(_) => "a whole number",
            Value::Switch(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

/// Finds places in a text without reading it from the beginning each time.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The place of a byte offset; an offset past the end is the end, one inside a character its start.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..).unwrap_or_default().char_indices();
        let column = before.take_while(|(index, letter)| start + index + letter.len_utf8() <= offset).count() + 1;
        Position { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_counts_lines_and_characters_from_one() {
        let text = "a = 1\nü = \"x\"\n";
        let lines = Lines::new(text);
        assert_eq!(lines.position(0), Position { line: 1, column: 1 });
        assert_eq!(lines.position(text.find('"').unwrap()), Position { line: 2, column: 5 });
        assert_eq!(lines.position(1_000), Position { line: 3, column: 1 });
        assert_eq!(lines.position(7), Position { line: 2, column: 1 }, "inside a character counts as its start");
    }

    fn table(text: &str) -> Table {
        Table::new(DeTable::parse(text).unwrap().get_ref(), &Lines::new(text))
    }

    #[test]
    fn overlay_merges_tables_and_replaces_everything_else() {
        let mut under = table("name = \"a\"\nlist = [\"x\", \"y\"]\n[t]\none = 1\ntwo = 2\n");
        under.overlay(table("list = [\"z\"]\n[t]\ntwo = 3\n"));
        assert_eq!(under.text("name"), Some("a"));
        assert_eq!(under.texts("list"), ["z"]);
        assert_eq!((under.table("t").number("one"), under.table("t").number("two")), (Some(1), Some(3)));
    }
}
