//! The one printer of YAML: typed structures in, the same bytes every time out.
//!
//! Keys keep the order of the structures. Text is written without quotes only when no reader of YAML 1.1 or 1.2 could
//! take it for something else; the printers of the ecosystem follow YAML 1.2, and CloudFormation's readers turn their
//! `2026-11-21`, `12:30:45`, `1_000` and `on` into dates, numbers and booleans.

use std::fmt;

use serde::{
    Deserialize, Serialize,
    de::{Deserializer, MapAccess, SeqAccess, Visitor},
};

/// A document as a tree that remembers the order of its keys.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Makes a tree of a structure. Its maps have to have keys of text.
#[expect(clippy::expect_used, reason = "what has keys of text is always JSON, and JSON is always a tree")]
pub(super) fn tree(document: &impl Serialize) -> Node {
    // By way of JSON text, whose order is the order of the structure's fields.
    let json = serde_json::to_string(document).expect("the keys are text");
    serde_json::from_str(&json).expect("it was just written")
}

/// Prints a structure as a YAML document. Its maps have to have keys of text.
pub(super) fn to_string(document: &impl Serialize) -> String {
    let node = tree(document);
    let mut out = String::new();
    match &node {
        Node::Map(entries) if !entries.is_empty() => print_map(&mut out, entries, 0),
        Node::List(items) if !items.is_empty() => print_list(&mut out, items, 0),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

fn print_map(out: &mut String, entries: &[(String, Node)], indent: usize) {
    for (index, (key, value)) in entries.iter().enumerate() {
        // The first key of a map in a list stands behind the dash.
        if index > 0 || !out.ends_with("- ") {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&text(key));
        out.push(':');
        print_value(out, value, indent);
    }
}

fn print_value(out: &mut String, value: &Node, indent: usize) {
    match value {
        Node::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            print_map(out, entries, indent + 2);
        }
        Node::List(items) if !items.is_empty() => {
            out.push('\n');
            print_list(out, items, indent + 2);
        }
        Node::Text(value) if is_block(value) => {
            out.push(' ');
            print_block(out, value, indent + 2);
        }
        scalar => {
            out.push(' ');
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
}

/// Lines of their own, as they are: for scripts, which people read.
fn print_block(out: &mut String, value: &str, indent: usize) {
    out.push_str("|\n");
    for line in value.lines() {
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(line);
        out.push('\n');
    }
}

/// Whether text is lines that all end, with nothing in them that a block could not say: the first begins it, and one
/// line break is at its end.
fn is_block(value: &str) -> bool {
    let plain = |line: &str| line.chars().all(|letter| matches!(letter, ' '..='~' | '\u{a1}'..='\u{2027}'));
    value.ends_with('\n') && !value.ends_with("\n\n") && !value.starts_with([' ', '\n']) && value.split('\n').all(plain)
}

fn print_list(out: &mut String, items: &[Node], indent: usize) {
    for item in items {
        out.push_str(&" ".repeat(indent));
        match item {
            Node::Map(entries) if !entries.is_empty() => {
                out.push_str("- ");
                print_map(out, entries, indent + 2);
            }
            Node::List(items) if !items.is_empty() => {
                out.push_str("-\n");
                print_list(out, items, indent + 2);
            }
            scalar => {
                out.push_str("- ");
                out.push_str(&inline(scalar));
                out.push('\n');
            }
        }
    }
}

fn inline(node: &Node) -> String {
    match node {
        Node::Null => "null".to_owned(),
        Node::Boolean(value) => value.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(value) => text(value),
        Node::List(_) => "[]".to_owned(),
        Node::Map(_) => "{}".to_owned(),
    }
}

/// Text as a scalar: plain, in single quotes, or in double quotes when something has to be escaped.
fn text(value: &str) -> String {
    if is_plain(value) {
        return value.to_owned();
    }
    // Single quotes know no escapes; line breaks, what readers fold or drop, and what is not printable need them.
    let printable = |letter: char| matches!(letter, ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{f900}'..='\u{fefe}' | '\u{10000}'..='\u{1ffff}');
    if value.chars().all(printable) {
        return format!("'{}'", value.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if printable(letter) => quoted.push(letter),
            letter if u32::from(letter) <= 0xff => quoted.push_str(&format!("\\x{:02X}", u32::from(letter))),
            letter if u32::from(letter) <= 0xffff => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push_str(&format!("\\U{:08X}", u32::from(letter))),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether text means itself without quotes. It errs on the side of quotes: only words that begin with a letter or a
/// slash, are made of harmless characters and are no keyword.
fn is_plain(value: &str) -> bool {
    const KEYWORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_./:, $()+@%=;".contains(letter);
    value.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && value.chars().all(harmless)
        && !value.contains(": ")
        && !value.ends_with([':', ' '])
        && !KEYWORDS.contains(&value.to_ascii_lowercase().as_str())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_that_could_be_something_else_is_quoted() {
        for value in [
            "yes",
            "No",
            "ON",
            "y",
            "null",
            "~",
            "",
            "0",
            "-1",
            "0x1F",
            "0o7",
            "1_000",
            "1e3",
            ".inf",
            "12:30:45",
            "2026-11-21",
            "=",
            "<<",
            "- a",
            "a: b",
            "a:",
            "a ",
            " a",
            "a #b",
            "!Ref a",
            "&a",
            "*a",
            "%a",
            "@a",
            "`a",
            "|",
            ">",
            "[a]",
            "{a}",
            "\"a",
            "'a",
            "#a",
            "?",
            ":",
            ",a",
        ] {
            let printed = text(value);
            assert!(printed.starts_with('\'') && printed.ends_with('\'') && printed.len() > 1, "{printed}");
        }
    }

    #[test]
    fn text_that_means_itself_is_not_quoted() {
        for value in
            ["AWS::StackName", "arn:aws:iam::aws:policy/A-B_c", "/mcp", "https://a.example", "Runs (well), a=b; c"]
        {
            assert_eq!(text(value), value);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        assert_eq!(text("a\nb\t\"\\\0\u{85}\u{feff}\u{e000}"), r#""a\nb\t\"\\\x00\x85\uFEFF\uE000""#);
        assert_eq!(text("it's"), "'it''s'");
        assert_eq!(text("Grüße"), "'Grüße'");
    }

    #[test]
    fn lines_that_end_are_a_block() {
        let document = json!({ "a": { "run": "one\n\n  two: # |\n" } });
        assert_eq!(to_string(&document), "a:\n  run: |\n    one\n\n      two: # |\n");
        for other in ["one\ntwo", "one\n\n", " one\n", "\n", "o\tne\n", "o\rne\n", "one\r\n", "\r\n"] {
            assert!(!is_block(other), "{other:?}");
        }
    }

    #[test]
    fn collections_are_blocks_and_empty_ones_are_inline() {
        let document = json!({
            "a": [{ "b": 1, "c": [true] }, [null, "x"], {}, []],
            "d": {},
        });
        let expected = "a:\n  - b: 1\n    c:\n      - true\n  -\n    - null\n    - x\n  - {}\n  - []\nd: {}\n";
        assert_eq!(to_string(&document), expected);
        assert_eq!(to_string(&json!([])), "[]\n");
    }
}
