//! Walks through a JSON text.

use std::{borrow::Cow, fmt};

use super::{escape::unescape, plain::plain};

/// A place in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// What stands there.
    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// Where a string stands, without its quotation marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) inside: Span,
    /// Whether it has escapes, and so is not yet the text it stands for.
    pub(crate) escaped: bool,
}

impl Quoted {
    /// The text it stands for; nothing where that is no Unicode text.
    #[inline]
    pub(crate) fn text(self, document: &[u8]) -> Option<Cow<'_, [u8]>> {
        let inside = self.inside.of(document);
        if !self.escaped {
            return Some(Cow::Borrowed(inside));
        }
        unescaped(inside).map(Cow::Owned)
    }
}

#[cold]
fn unescaped(inside: &[u8]) -> Option<Vec<u8>> {
    let mut text = inside.to_vec();
    let length = unescape(&mut text).ok()?;
    text.truncate(length);
    Some(text)
}

/// What is wrong with a text that was to be JSON. Boxed, because every step of the walk returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(Box<Complaint>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Complaint {
    /// What should have come.
    expected: &'static str,
    /// After so many bytes.
    at: usize,
    /// Whether it is JSON all the same, of another shape.
    is_json: bool,
}

impl Malformed {
    #[cold]
    #[inline(never)]
    fn new(expected: &'static str, at: usize, is_json: bool) -> Self {
        Self(Box::new(Complaint { expected, at, is_json }))
    }

    /// Whether it is JSON all the same, of another shape.
    pub(crate) fn is_json(&self) -> bool {
        self.0.is_json
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} after {} bytes", self.0.expected, self.0.at)
    }
}

/// Walks through a JSON text, whose caller has seen to it that it is UTF-8. What it passes is held to the grammar.
pub(crate) struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Scanner<'t> {
    /// Begins at a place, so that what is found stands where it stands in the whole text.
    pub(crate) fn new(text: &'t [u8], start: usize) -> Self {
        Self { text, at: start }
    }

    /// The next byte that is no white space; zero at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> u8 {
        let next = self.here();
        // Whoever writes JSON for a program writes no white space.
        if next > b' ' { next } else { self.peek_behind_space() }
    }

    #[cold]
    fn peek_behind_space(&mut self) -> u8 {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.here()
    }

    /// Walks through an object: `member` is told each name and must pass the value.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where no object stands here, and whatever `member` finds wrong.
    pub(crate) fn object<E: From<Malformed>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Quoted) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'{', "an object")?;
        if self.skip(b'}') {
            return Ok(());
        }
        loop {
            let name = self.name()?;
            member(self, name)?;
            if self.skip(b'}') {
                return Ok(());
            }
            self.expect(b',', "a comma or the end of the object")?;
        }
    }

    /// Walks through an array: `item` must pass each value.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where no array stands here, and whatever `item` finds wrong.
    pub(crate) fn array<E: From<Malformed>>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'[', "an array")?;
        if self.skip(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.skip(b']') {
                return Ok(());
            }
            self.expect(b',', "a comma or the end of the array")?;
        }
    }

    /// Passes a string.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where something else stands here.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Quoted, Malformed> {
        if self.peek() != b'"' {
            return self.unexpected("a string");
        }
        let start = self.at + 1;
        let rest = self.text.get(start..).unwrap_or_default();
        let end = start + plain(rest);
        self.at = end + 1;
        if self.text.get(end) == Some(&b'"') {
            return Ok(Quoted { inside: Span { start, end }, escaped: false });
        }
        self.at = end;
        self.escaped_string(start)
    }

    /// Passes the rest of a string that is not plain to its end.
    #[inline(never)]
    fn escaped_string(&mut self, start: usize) -> Result<Quoted, Malformed> {
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Quoted { inside: Span { start, end: self.at - 1 }, escaped: true });
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                    // JSON within JSON has several behind each other.
                    if self.here() == b'\\' {
                        continue;
                    }
                }
                Some(_) => return Err(self.malformed("no control character in a string")),
                None => return Err(self.malformed("the end of a string")),
            }
            self.at += plain(self.text.get(self.at..).unwrap_or_default());
        }
    }

    /// Passes a string, or `null`, which is none.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where something else stands here.
    pub(crate) fn optional_string(&mut self) -> Result<Option<Quoted>, Malformed> {
        if self.null()? { Ok(None) } else { self.string().map(Some) }
    }

    /// Passes any value, or `null`, which is none.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where neither stands here.
    pub(crate) fn optional_value(&mut self) -> Result<Option<Span>, Malformed> {
        if self.null()? { Ok(None) } else { self.value().map(Some) }
    }

    /// Passes `null`, if that is what comes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where it only begins like it.
    pub(crate) fn null(&mut self) -> Result<bool, Malformed> {
        if self.peek() != b'n' {
            return Ok(false);
        }
        self.literal(b"null").map(|()| true)
    }

    /// Passes any value.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where none stands here.
    pub(crate) fn value(&mut self) -> Result<Span, Malformed> {
        let mut nesting = Nesting::default();
        self.peek();
        let start = self.at;
        loop {
            match self.peek() {
                b'"' => {
                    self.string()?;
                }
                b'{' => {
                    self.at += 1;
                    if !self.skip(b'}') {
                        nesting.enter(true);
                        self.name()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    if !self.skip(b']') {
                        nesting.enter(false);
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                _ => return Err(self.malformed("a value")),
            }
            // A value has ended, and with it perhaps what it stands in.
            loop {
                let Some(in_object) = nesting.innermost() else { return Ok(Span { start, end: self.at }) };
                if self.skip(if in_object { b'}' } else { b']' }) {
                    nesting.leave();
                    continue;
                }
                self.expect(b',', "a comma or the end of what it separates")?;
                if in_object {
                    self.name()?;
                }
                break;
            }
        }
    }

    /// Makes sure that nothing follows.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where something does.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        self.peek();
        if self.at >= self.text.len() { Ok(()) } else { Err(self.malformed("nothing more")) }
    }

    /// What it means that a value is there, but not the one that was wanted.
    ///
    /// # Errors
    ///
    /// Always: [`Malformed`], which says `expected`, or what is wrong with the value as JSON.
    #[cold]
    pub(crate) fn unexpected<T>(&mut self, expected: &'static str) -> Result<T, Malformed> {
        self.peek();
        let at = self.at;
        self.value()?;
        Err(Malformed::new(expected, at, true))
    }

    /// What it means that a member comes twice, or says what it must not: two parties could read two different things.
    ///
    /// # Errors
    ///
    /// Always.
    #[cold]
    pub(crate) fn refuse<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed::new(expected, self.at, true))
    }

    /// How many bytes have been passed.
    pub(super) fn passed(&self) -> usize {
        self.at
    }

    /// Passes a number.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where none stands here.
    pub(super) fn number_text(&mut self) -> Result<Span, Malformed> {
        self.peek();
        let start = self.at;
        match self.here() {
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(self.malformed("a value")),
        }
        Ok(Span { start, end: self.at })
    }

    /// Where the value stands that `walk` passes.
    pub(crate) fn within<E>(&mut self, walk: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<Span, E> {
        self.peek();
        let start = self.at;
        walk(self)?;
        Ok(Span { start, end: self.at })
    }

    /// Passes a member's name and the colon behind it.
    #[inline]
    pub(super) fn name(&mut self) -> Result<Quoted, Malformed> {
        if self.peek() != b'"' {
            return Err(self.malformed("a name"));
        }
        let name = self.string()?;
        self.expect(b':', "a colon")?;
        Ok(name)
    }

    /// Passes the first byte of a value of a certain kind.
    fn open(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        if self.skip(byte) { Ok(()) } else { self.unexpected(expected) }
    }

    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        if self.skip(byte) { Ok(()) } else { Err(self.malformed(expected)) }
    }

    /// Passes a byte, if it is the next.
    #[inline]
    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 1,
            Some(b'u') if rest.get(1..5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => 5,
            _ => return Err(self.malformed("an escape")),
        };
        self.at += length;
        Ok(())
    }

    pub(super) fn literal(&mut self, literal: &'static [u8]) -> Result<(), Malformed> {
        if !self.text.get(self.at..).unwrap_or_default().starts_with(literal) {
            return Err(self.malformed("a value"));
        }
        self.at += literal.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.at += usize::from(self.here() == b'-');
        if self.here() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.here() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.here(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.here(), b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.here().is_ascii_digit() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.malformed("a digit")) }
    }

    #[inline]
    fn here(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or_default()
    }

    #[cold]
    fn malformed(&self, expected: &'static str) -> Malformed {
        Malformed::new(expected, self.at, false)
    }
}

/// Which of the values around a place are objects: a bit for each, so that values may lie as deep in each other as they
/// like.
#[derive(Default)]
struct Nesting {
    /// Of the innermost, that of the outermost among them lowest.
    objects: u128,
    /// How many bits there are.
    depth: u32,
    /// The bits around them.
    outer: Vec<u128>,
}

impl Nesting {
    fn enter(&mut self, object: bool) {
        if self.depth == u128::BITS {
            self.outer.push(std::mem::take(&mut self.objects));
            self.depth = 0;
        }
        let bit = 1_u128 << self.depth;
        self.objects = if object { self.objects | bit } else { self.objects & !bit };
        self.depth += 1;
    }

    fn leave(&mut self) {
        self.depth -= 1;
        if self.depth == 0
            && let Some(outer) = self.outer.pop()
        {
            (self.objects, self.depth) = (outer, u128::BITS);
        }
    }

    fn innermost(&self) -> Option<bool> {
        let bit = 1_u128 << self.depth.checked_sub(1)?;
        Some(self.objects & bit != 0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    fn passes(text: &str) -> bool {
        let mut scanner = Scanner::new(text.as_bytes(), 0);
        scanner.value().is_ok() && scanner.end().is_ok()
    }

    #[test]
    fn values_may_lie_as_deep_in_each_other_as_they_like() {
        for depth in [1, 127, 128, 129, 256, 257, 100_000] {
            let nested = |inside: &str| format!("{}{inside}{}", r#"[{"a":"#.repeat(depth), "}]".repeat(depth));
            assert!(passes(&nested("1")), "{depth}");
            assert!(!passes(&nested("1]")) && !passes(&nested("")), "{depth}");
            assert!(!passes(&"[{\"a\":".repeat(depth)), "{depth}");
        }
    }

    #[test]
    fn says_what_was_expected_where_and_whether_it_is_json() {
        let complaint = |text: &str| Scanner::new(text.as_bytes(), 0).string().unwrap_err();
        assert_eq!(complaint("  [1]").to_string(), "expected a string after 2 bytes");
        assert!(complaint("[1]").is_json());
        assert!(!complaint("[1").is_json() && !complaint("\"a").is_json());
    }

    #[test]
    fn a_value_stands_where_it_was_found() {
        let text = br#" { "a\u0062" : [ 1 , {} ] , "c" : null } "#;
        let mut found = Vec::new();
        let mut scanner = Scanner::new(text, 0);
        let walked: Result<(), Malformed> = scanner.object(|scanner, name| {
            let name = name.text(text).unwrap().into_owned();
            found.push((String::from_utf8(name).unwrap(), scanner.value()?.of(text)));
            Ok(())
        });
        walked.unwrap();
        scanner.end().unwrap();
        assert_eq!(found, [("ab".to_owned(), &b"[ 1 , {} ]"[..]), ("c".to_owned(), &b"null"[..])]);
    }

    proptest::proptest! {
        #[test]
        fn what_passes_is_json(
            text in r#"([\[\]{},:]|"(a|\\n|\\u00e9|\\x|\n)?"|-?0?[0-9]{0,2}(\.[0-9]?)?([eE][+-]?[0-9]?)?|true|nul|null| ){0,12}"#
        ) {
            proptest::prop_assert_eq!(passes(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }

        #[test]
        fn arbitrary_values_pass(text in json()) {
            proptest::prop_assert!(passes(&text) && serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{text}");
        }

        #[test]
        fn arbitrary_bytes_never_panic(text: Vec<u8>) {
            let _ = Scanner::new(&text, 0).value();
        }
    }

    /// Any JSON text.
    pub(in crate::json) fn json() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            any::<f64>().prop_map(|value| serde_json::json!(value).to_string()),
            ".{0,20}".prop_map(|value| serde_json::json!(value).to_string()),
        ];
        leaf.prop_recursive(6, 40, 5, |inner| {
            let items = proptest::collection::vec(inner, 0..5);
            prop_oneof![
                items.clone().prop_map(|items| format!("[{}]", items.join(" ,"))),
                items.prop_map(|items| {
                    let members: Vec<_> = items.iter().map(|item| format!("\"a\" : {item}")).collect();
                    format!("{{ {} }}", members.join(","))
                }),
            ]
        })
    }
}
