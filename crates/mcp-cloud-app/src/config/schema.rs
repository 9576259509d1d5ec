//! What a file may say, as data: reading it, the JSON Schema for editors and the reference all come from here.

use std::sync::LazyLock;

use regex_lite::Regex;

/// A key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it means: sentences, for the reference and for editors.
    pub(crate) meaning: &'static str,
    /// What holds where the file does not say it, as TOML; the reason is in `meaning`.
    pub(crate) default: Option<&'static str>,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    Text(&'static Form),
    Choice(&'static [Word]),
    Number(Range),
    Switch,
    List(&'static Kind),
    /// Free keys of one form, values of one kind.
    Map(&'static Form, &'static Kind),
    Table(&'static [Key]),
    /// The whole file once more, but for its name for environments: `[env.NAME]`.
    Overlays,
}

/// One of the words a value may be, and what it means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    pub(crate) word: &'static str,
    pub(crate) meaning: &'static str,
}

/// A whole number within limits, both included.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) least: u32,
    pub(crate) most: u32,
    /// Written after the number: ` MB`.
    pub(crate) unit: &'static str,
    /// Who sets the limits, as the beginning of a sentence: `Lambda takes`.
    pub(crate) who: &'static str,
    /// The page that says so; empty where the limit is ours.
    pub(crate) source: &'static str,
}

/// A form that text has to have.
#[derive(Debug)]
pub(crate) struct Form {
    /// What is expected, after "has to be ": with an example.
    pub(crate) expected: &'static str,
    pattern: &'static str,
    regex: LazyLock<Regex>,
}

impl Form {
    /// A form; `pattern` has to describe the text from its beginning to its end, in the syntax that JSON Schema and
    /// regex-lite share.
    pub(crate) const fn new(expected: &'static str, pattern: &'static str, regex: fn() -> Regex) -> Self {
        Self { expected, pattern, regex: LazyLock::new(regex) }
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(crate) fn pattern(&self) -> &'static str {
        self.pattern
    }
}

/// Declares forms: each a static, with what is expected and its pattern.
macro_rules! forms {
    ($($name:ident, $expected:literal, $pattern:literal;)*) => {
        $(
            pub(crate) static $name: crate::config::schema::Form =
                crate::config::schema::Form::new($expected, $pattern, || {
                    // A test compiles every pattern.
                    regex_lite::Regex::new($pattern).expect("the pattern is right")
                });
        )*
        #[cfg(test)]
        pub(crate) static FORMS: &[&crate::config::schema::Form] = &[$(&$name),*];
    };
}
pub(crate) use forms;

/// Declares an enum whose variants are words of the file.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)* }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            pub(crate) const WORDS: &[crate::config::schema::Word] =
                &[$(crate::config::schema::Word { word: $word, meaning: concat!($($doc),+) }),*];

            /// As `mcp-cloud.toml` spells it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub(crate) fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|choice| choice.as_str() == word)
            }
        }
    };
}
pub(crate) use words;
