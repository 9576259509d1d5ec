//! The one printer of Bicep: typed structures in, the same bytes every time out.
//!
//! What a structure holds is text, and is quoted whatever it says; only an [`Expression`] is printed as it is. The
//! language is described at <https://learn.microsoft.com/azure/azure-resource-manager/bicep/file>.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::target::yaml::{Node, tree};

/// The key by which the printer knows an expression. No file can say it: nothing in `mcp-cloud.toml` may have a NUL.
const EXPRESSION: &str = "\0";

/// What Bicep computes; written by us, with anything a person wrote put through [`quoted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression(String);

impl Expression {
    pub(super) fn new(source: impl Into<String>) -> Self {
        Self(source.into())
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(EXPRESSION, &self.0)?;
        map.end()
    }
}

/// A file in the making: statements in the order in which they are added.
#[derive(Debug, Default)]
pub(super) struct Document(String);

impl Document {
    /// A parameter that has to be given.
    pub(super) fn required(&mut self, name: &str, meaning: &str) {
        self.statement(&format!("@description({})\nparam {name} string", quoted(meaning)));
    }

    /// A parameter that has a value unless another one is given.
    pub(super) fn parameter(&mut self, name: &str, meaning: &str, default: &impl Serialize) {
        self.statement(&format!("@description({})\nparam {name} string = {}", quoted(meaning), to_string(default)));
    }

    pub(super) fn variable(&mut self, name: &str, value: &impl Serialize) {
        self.statement(&format!("var {name} = {}", to_string(value)));
    }

    /// A resource of a type with its version, `Microsoft.Web/sites@2024-11-01`.
    pub(super) fn resource(&mut self, symbol: &str, kind: &'static str, body: &impl Serialize) {
        self.statement(&format!("resource {symbol} {} = {}", quoted(kind), to_string(body)));
    }

    /// A resource that is there already.
    pub(super) fn existing(&mut self, symbol: &str, kind: &'static str, body: &impl Serialize) {
        self.statement(&format!("resource {symbol} {} existing = {}", quoted(kind), to_string(body)));
    }

    pub(super) fn module(&mut self, symbol: &str, path: &str, body: &impl Serialize) {
        self.statement(&format!("module {symbol} {} = {}", quoted(path), to_string(body)));
    }

    pub(super) fn output(&mut self, name: &str, meaning: &str, value: &impl Serialize) {
        self.statement(&format!("@description({})\noutput {name} string = {}", quoted(meaning), to_string(value)));
    }

    fn statement(&mut self, text: &str) {
        self.0.push('\n');
        self.0.push_str(text);
        self.0.push('\n');
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Text as a string of Bicep, in which nothing is an interpolation
/// (<https://learn.microsoft.com/azure/azure-resource-manager/bicep/data-types#strings>).
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' if letters.peek() == Some(&'{') => out.push_str("\\$"),
            letter if is_hidden(letter) => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('\'');
    out
}

/// What a reader does not see, or sees somewhere else than it stands.
fn is_hidden(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A name before a colon; quoted unless every reader takes it for a name.
fn key(name: &str) -> String {
    const WORDS: [&str; 16] = [
        "assert", "existing", "false", "for", "func", "if", "import", "in", "metadata", "module", "null", "output",
        "param", "resource", "true", "var",
    ];
    let mut letters = name.chars();
    let plain = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !WORDS.contains(&name);
    if plain { name.to_owned() } else { quoted(name) }
}

/// Prints a structure as a value of Bicep. Its maps have to have keys of text.
fn to_string(value: &impl Serialize) -> String {
    let mut out = String::new();
    print(&mut out, &tree(value), 0);
    out
}

fn print(out: &mut String, node: &Node, indent: usize) {
    match node {
        Node::Null => out.push_str("null"),
        Node::Boolean(value) => out.push_str(&value.to_string()),
        Node::Number(number) => out.push_str(&number.to_string()),
        Node::Text(text) => out.push_str(&quoted(text)),
        Node::List(items) => block(out, ['[', ']'], items, indent, print),
        Node::Map(entries) => match entries.as_slice() {
            [(name, Node::Text(source))] if name == EXPRESSION => out.push_str(source),
            entries => block(out, ['{', '}'], entries, indent, |out, (name, value), indent| {
                out.push_str(&key(name));
                out.push_str(": ");
                print(out, value, indent);
            }),
        },
    }
}

/// Prints items between brackets, each on a line of its own.
fn block<T>(out: &mut String, brackets: [char; 2], items: &[T], indent: usize, item: impl Fn(&mut String, &T, usize)) {
    let [open, close] = brackets;
    out.push(open);
    for one in items {
        out.push('\n');
        out.push_str(&" ".repeat(indent + 2));
        item(out, one, indent + 2);
    }
    if !items.is_empty() {
        out.push('\n');
        out.push_str(&" ".repeat(indent));
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn text_never_ends_its_string_and_never_computes() {
        let cases = [
            ("it's", r"'it\'s'"),
            ("${resourceGroup().id}", r"'\${resourceGroup().id}'"),
            ("$${x}", r"'$\${x}'"),
            ("$HOME $", "'$HOME $'"),
            (r"a\", r"'a\\'"),
            (r"\${x}", r"'\\\${x}'"),
            (r"\'", r"'\\\''"),
            ("a\nb\r\tc", r"'a\nb\r\tc'"),
            ("'''", r"'\'\'\''"),
            ("[parameters('x')]", r"'[parameters(\'x\')]'"),
            ("\u{0}\u{1b}\u{85}\u{2028}\u{202e}", r"'\u{0}\u{1b}\u{85}\u{2028}\u{202e}'"),
            ("Grüße 🦀 // # /* */", "'Grüße 🦀 // # /* */'"),
        ];
        for (text, expected) in cases {
            assert_eq!(to_string(&text), expected);
        }
    }

    #[test]
    fn names_are_quoted_unless_they_are_plain() {
        let names = ["a", "_b1", "cost-center", "if", "1a", "", "a b", "${x}", "it's"];
        let map: BTreeMap<_, _> = names.into_iter().map(|name| (name, 1)).collect();
        let expected = r"{
  '': 1
  '\${x}': 1
  '1a': 1
  _b1: 1
  a: 1
  'a b': 1
  'cost-center': 1
  'if': 1
  'it\'s': 1
}";
        assert_eq!(to_string(&map), expected);
    }

    #[test]
    fn only_an_expression_is_printed_as_it_is() {
        #[derive(Serialize)]
        struct Body<'a> {
            id: Expression,
            text: &'a str,
            list: Vec<Expression>,
            empty: [u8; 0],
            none: BTreeMap<String, String>,
            nested: Vec<BTreeMap<&'a str, bool>>,
        }
        let body = Body {
            id: Expression::new("storage.id"),
            text: "storage.id",
            list: vec![Expression::new("a"), Expression::new("b")],
            empty: [],
            none: BTreeMap::new(),
            nested: vec![BTreeMap::from([("x", true)])],
        };
        let mut document = Document::default();
        document.resource("app", "Microsoft.Web/sites@2024-11-01", &body);
        let expected = "
resource app 'Microsoft.Web/sites@2024-11-01' = {
  id: storage.id
  text: 'storage.id'
  list: [
    a
    b
  ]
  empty: []
  none: {}
  nested: [
    {
      x: true
    }
  ]
}
";
        assert_eq!(document.into_string(), expected);
        // A tag may be called anything but what has a NUL.
        assert_eq!(to_string(&BTreeMap::from([("$expression", "x")])), "{\n  '$expression': 'x'\n}");
    }
}
