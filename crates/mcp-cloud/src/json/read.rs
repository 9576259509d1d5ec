//! Reads values out of JSON, as serde_json does, over the scanner that finds everything else: long strings are passed many
//! bytes at a time, and what does not depend on the type that is read is there once, and not once more in the code of
//! each type. rmcp has many types.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{
        Deserialize, DeserializeSeed, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
        Visitor, value::MapAccessDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::Number;

use super::{Malformed, Quoted, Scanner};

/// Reads a value.
///
/// # Errors
///
/// Where it is no JSON, or does not fit the type. Unlike serde_json this takes no array for a structure.
pub(crate) fn read<'t, T: Deserialize<'t>>(json: &'t [u8]) -> Result<T, Unread> {
    let mut reader = Reader::new(json)?;
    match T::deserialize(&mut reader) {
        Ok(value) => reader.scanner.end().map_err(Unread::from).map(|()| value),
        Err(error) => Err(reader.located(error)),
    }
}

/// Why a value could not be read. Boxed, because every step of the reading returns it.
#[derive(Debug)]
pub(crate) struct Unread(Box<Why>);

#[derive(Debug)]
enum Why {
    Malformed(Malformed),
    /// It is JSON, but does not fit the type.
    Misfit {
        message: String,
        after: Option<usize>,
    },
    /// It is in the grammar of JSON, but nothing can be made of it.
    Unusable(String),
}

impl Unread {
    /// Whether it is JSON, and only not what it should be.
    #[cfg(any(feature = "rmcp", test))]
    pub(crate) fn is_json(&self) -> bool {
        match &*self.0 {
            Why::Malformed(malformed) => malformed.is_json(),
            Why::Misfit { .. } => true,
            Why::Unusable(_) => false,
        }
    }

    #[cold]
    fn unusable(what: impl Into<String>) -> Self {
        Self(Box::new(Why::Unusable(what.into())))
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Why::Malformed(malformed) => malformed.fmt(f),
            Why::Misfit { message, after: Some(after) } => write!(f, "{message} after {after} bytes"),
            Why::Misfit { message, after: None } | Why::Unusable(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Unread {}

impl serde::de::Error for Unread {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Box::new(Why::Misfit { message: message.to_string(), after: None }))
    }
}

impl From<Malformed> for Unread {
    #[cold]
    fn from(malformed: Malformed) -> Self {
        Self(Box::new(Why::Malformed(malformed)))
    }
}

/// How deep values may lie in each other, because reading them recurses: one less, as in serde_json.
const MAX_DEPTH: u8 = 128;

/// JSON as it stands. serde_json's `RawValue` is a feature that makes its own serializers larger for every type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'t>(&'t str);

impl<'t> Raw<'t> {
    pub(crate) fn get(self) -> &'t str {
        self.0
    }
}

/// Tells [`Raw`] from other structures.
const AS_IT_STANDS: &str = "$mcp_cloud::Raw";

impl<'de: 't, 't> Deserialize<'de> for Raw<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;

        impl<'t> Visitor<'t> for Whole {
            type Value = Raw<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON that is read from a text")
            }

            fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Raw<'t>, E> {
                Ok(Raw(text))
            }
        }

        deserializer.deserialize_newtype_struct(AS_IT_STANDS, Whole)
    }
}

struct Reader<'t> {
    text: &'t str,
    scanner: Scanner<'t>,
    depth: u8,
}

/// What does not depend on the type.
impl<'t> Reader<'t> {
    fn new(json: &'t [u8]) -> Result<Self, Unread> {
        let text = std::str::from_utf8(json).map_err(|_| Unread::unusable("it is not UTF-8"))?;
        Ok(Self { text, scanner: Scanner::new(json, 0), depth: 0 })
    }

    #[cold]
    fn located(&self, mut error: Unread) -> Unread {
        if let Why::Misfit { after, .. } = &mut *error.0 {
            *after = Some(self.scanner.passed());
        }
        error
    }

    #[inline(never)]
    fn string(&mut self) -> Result<Cow<'t, str>, Unread> {
        let quoted = self.scanner.string()?;
        self.unquoted(quoted)
    }

    #[inline]
    fn unquoted(&self, quoted: Quoted) -> Result<Cow<'t, str>, Unread> {
        if quoted.escaped {
            return self.unescaped(quoted).map(Cow::Owned);
        }
        Ok(Cow::Borrowed(self.text.get(quoted.inside.start..quoted.inside.end).unwrap_or_default()))
    }

    #[inline(never)]
    fn unescaped(&self, quoted: Quoted) -> Result<String, Unread> {
        let text = quoted.text(self.text.as_bytes()).and_then(|text| String::from_utf8(text.into_owned()).ok());
        text.ok_or_else(|| Unread::unusable("a string in it is no Unicode text"))
    }

    #[inline(never)]
    fn number(&mut self) -> Result<Number, Unread> {
        let digits = self.scanner.number_text()?;
        let digits = self.text.get(digits.start..digits.end).unwrap_or_default();
        match digits.parse::<u64>() {
            Ok(whole) => Ok(whole.into()),
            Err(_) => digits.parse().map_err(Unread::unusable_number),
        }
    }

    #[inline(never)]
    fn raw(&mut self) -> Result<&'t str, Unread> {
        let value = self.scanner.value()?;
        Ok(self.text.get(value.start..value.end).unwrap_or_default())
    }

    #[inline(never)]
    fn truth(&mut self) -> Result<bool, Unread> {
        let truth = self.scanner.peek() == b't';
        self.scanner.literal(if truth { b"true" } else { b"false" })?;
        Ok(truth)
    }

    #[inline(never)]
    fn null(&mut self) -> Result<bool, Unread> {
        Ok(self.scanner.null()?)
    }

    /// Goes into an object or an array, if one stands here.
    #[inline(never)]
    fn enter(&mut self, bracket: u8) -> Result<bool, Unread> {
        if !self.scanner.skip(bracket) {
            return Ok(false);
        }
        self.depth += 1;
        if self.depth == MAX_DEPTH {
            return Err(Unread::unusable(format!("values lie {MAX_DEPTH} deep in each other")));
        }
        Ok(true)
    }

    #[inline(never)]
    fn leave(&mut self, bracket: u8) -> Result<(), Unread> {
        self.depth -= 1;
        Ok(self.scanner.expect(bracket, "the end of what was read")?)
    }

    /// Whether another item comes before the bracket.
    #[inline(never)]
    fn has_next(&mut self, is_first: &mut bool, bracket: u8) -> Result<bool, Unread> {
        if self.scanner.peek() == bracket {
            return Ok(false);
        }
        if !std::mem::replace(is_first, false) {
            self.scanner.expect(b',', "a comma or the end of what it separates")?;
        }
        Ok(true)
    }

    #[inline(never)]
    fn next_name(&mut self, is_first: &mut bool) -> Result<Option<Cow<'t, str>>, Unread> {
        if !self.has_next(is_first, b'}')? {
            return Ok(None);
        }
        let name = self.scanner.name()?;
        self.unquoted(name).map(Some)
    }

    #[cold]
    #[inline(never)]
    fn misfit(&mut self, expected: &dyn Expected) -> Unread {
        self.try_misfit(expected).unwrap_or_else(|malformed| malformed)
    }

    fn try_misfit(&mut self, expected: &dyn Expected) -> Result<Unread, Unread> {
        let text;
        let found = match self.scanner.peek() {
            b'"' => {
                text = self.string()?;
                Unexpected::Str(&text)
            }
            b'{' => Unexpected::Map,
            b'[' => Unexpected::Seq,
            b't' | b'f' => Unexpected::Bool(self.truth()?),
            b'n' if self.null()? => Unexpected::Other("null"),
            _ => {
                text = Cow::Owned(self.number()?.to_string());
                Unexpected::Other(&text)
            }
        };
        Ok(Unread::invalid_type(found, expected))
    }
}

impl Unread {
    #[cold]
    fn unusable_number(_: serde_json::Error) -> Self {
        Self::unusable("a number in it is out of range")
    }
}

/// What is made anew for each type.
impl<'t> Reader<'t> {
    fn visit_string<V: Visitor<'t>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        match self.string()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn visit_number<V: Visitor<'t>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        // What a number becomes depends on how serde_json was built.
        self.number()?.deserialize_any(visitor).map_err(Unread::custom)
    }

    fn visit_object<V: Visitor<'t>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        let value = visitor.visit_map(Items { reader: self, is_first: true })?;
        self.leave(b'}')?;
        Ok(value)
    }

    fn visit_array<V: Visitor<'t>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        let value = visitor.visit_seq(Items { reader: self, is_first: true })?;
        self.leave(b']')?;
        Ok(value)
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
            match self.scanner.peek() {
                b'-' | b'0'..=b'9' => self.visit_number(visitor),
                _ => Err(self.misfit(&visitor)),
            }
        })*
    };
}

macro_rules! strings {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
            match self.scanner.peek() {
                b'"' => self.visit_string(visitor),
                _ => Err(self.misfit(&visitor)),
            }
        })*
    };
}

impl<'t> Deserializer<'t> for &mut Reader<'t> {
    type Error = Unread;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    strings! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    forward_to_deserialize_any! {
        <V: Visitor<'t>>
        bytes byte_buf
    }

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.scanner.peek() {
            b'"' => self.visit_string(visitor),
            b'{' if self.enter(b'{')? => self.visit_object(visitor),
            b'[' if self.enter(b'[')? => self.visit_array(visitor),
            b't' | b'f' => visitor.visit_bool(self.truth()?),
            b'n' if self.null()? => visitor.visit_unit(),
            _ => self.visit_number(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.scanner.peek() {
            b't' | b'f' => visitor.visit_bool(self.truth()?),
            _ => Err(self.misfit(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.null()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.null()? { visitor.visit_unit() } else { Err(self.misfit(&visitor)) }
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(self, name: &'static str, visitor: V) -> Result<V::Value, Unread> {
        if name == AS_IT_STANDS { visitor.visit_borrowed_str(self.raw()?) } else { visitor.visit_newtype_struct(self) }
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.enter(b'[')? { self.visit_array(visitor) } else { Err(self.misfit(&visitor)) }
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.enter(b'{')? { self.visit_object(visitor) } else { Err(self.misfit(&visitor)) }
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        if self.scanner.peek() == b'"' {
            return visitor.visit_enum(self.string()?.into_deserializer());
        }
        if !self.enter(b'{')? {
            return Err(self.misfit(&visitor));
        }
        let value = visitor.visit_enum(MapAccessDeserializer::new(Items { reader: self, is_first: true }))?;
        self.leave(b'}')?;
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.scanner.value()?;
        visitor.visit_unit()
    }
}

/// What stands in brackets or braces.
struct Items<'r, 't> {
    reader: &'r mut Reader<'t>,
    is_first: bool,
}

impl<'t> SeqAccess<'t> for Items<'_, 't> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        if !self.reader.has_next(&mut self.is_first, b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'t> MapAccess<'t> for Items<'_, 't> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        match self.reader.next_name(&mut self.is_first)? {
            Some(name) => seed.deserialize(name.into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        seed.deserialize(&mut *self.reader)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::Value;

    use super::*;
    use crate::json::scan::tests::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Everything {
        text: String,
        letter: char,
        on: bool,
        whole: (u8, i64, u64),
        broken: f64,
        nothing: (),
        perhaps: Option<Box<Everything>>,
        #[serde(default)]
        kinds: Vec<Kind>,
        tagged: Option<Tagged>,
        map: BTreeMap<String, Value>,
        #[serde(flatten)]
        rest: serde_json::Map<String, Value>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Kind {
        Unit,
        Newtype(u8),
        Tuple(u8, String),
        Struct { a: Option<u8> },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "type", rename_all = "camelCase")]
    enum Tagged {
        One { of: String },
        Two(BTreeMap<String, String>),
    }

    const EVERYTHING: &str = r#" {"text": "a\n\u00e9\ud83d\ude00", "letter":"\u00e9","on":true,"whole":[255,-1,18446744073709551615],
        "broken": 1.5e300, "nothing":null, "perhaps": null, "kinds" : ["unit", {"newtype":1}, {"tuple":[2,"b"]},
        {"struct":{"a":3}}, {"struct":{}}], "tagged": {"of":"x","type":"one"}, "map":{"a\u0062":[1,-0,0.1,1e2,{}],"c":{}},
        "other": [ ], "more": {"x":"y"} } "#;

    #[test]
    fn everything_is_read_as_serde_json_reads_it() {
        let read = read::<Everything>(EVERYTHING.as_bytes()).unwrap();
        assert_eq!(read, serde_json::from_str::<Everything>(EVERYTHING).unwrap());
    }

    /// What is wrong is wrong in the same way for both.
    #[track_caller]
    fn agrees<T: DeserializeOwned + PartialEq + fmt::Debug>(text: &str) {
        match (read::<T>(text.as_bytes()), serde_json::from_str::<T>(text)) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text}"),
            (Err(ours), Err(theirs)) => assert_eq!(ours.is_json(), theirs.is_data(), "{text}: {ours} / {theirs}"),
            (ours, theirs) => panic!("{text}: {ours:?} / {theirs:?}"),
        }
    }

    #[test]
    fn what_does_not_fit_is_told_from_what_is_no_json() {
        for change in [
            (r#""on":true"#, r#""on":1"#),
            (r#""on":true"#, r#""on":tru"#),
            ("1.5e300", "1.5e3000"),
            ("1.5e300", "01"),
            ("255", "256"),
            ("255", "-255"),
            ("255", "2.5"),
            ("-1", "-"),
            (r"\ud83d\ude00", r"\ud83d"),
            (r#""unit""#, r#""unknown""#),
            (r#""unit""#, r#"{"unit":1}"#),
            (r#"{"newtype":1}"#, r#"{"newtype":1,"unit":null}"#),
            (r#"[2,"b"]"#, r#"[2]"#),
            (r#"[2,"b"]"#, r#"[2,"b",3]"#),
            (r#""one""#, r#""two""#),
            (r#""one""#, r#""three""#),
            ("[ ]", "[ , ]"),
            ("[ ]", "[ 1, ]"),
            ("[ ]", "[ 1 2 ]"),
            (r#""nothing":null,"#, ""),
            (r#""nothing":null"#, r#""nothing":null,"nothing":null"#),
            (r#""nothing":null"#, r#""nothing":false"#),
            (r#""nothing":null"#, r#""nothing":null "a""#),
        ] {
            assert!(EVERYTHING.contains(change.0), "{}", change.0);
            agrees::<Everything>(&EVERYTHING.replacen(change.0, change.1, 1));
        }
        agrees::<Everything>(&format!("{EVERYTHING}1"));
        let error = read::<Kind>(br#"[1]"#).unwrap_err().to_string();
        assert!(error.contains("invalid type: sequence") && error.contains("bytes"), "{error}");
    }

    #[test]
    fn what_is_wanted_as_it_stands_is_left_so() {
        let text = r#" { "a\u0062" : [ 1 , {} ] , "c" : "\ud83d" } "#;
        let raw: BTreeMap<String, Raw<'_>> = read(text.as_bytes()).unwrap();
        let raw: Vec<_> = raw.iter().map(|(name, raw)| (&**name, raw.get())).collect();
        assert_eq!(raw, [("ab", "[ 1 , {} ]"), ("c", r#""\ud83d""#)]);
        assert!(read::<Raw<'_>>(b"[").is_err() && read::<Raw<'_>>(b"[] 1").is_err());
    }

    #[test]
    fn values_lie_only_so_deep_in_each_other() {
        for depth in [126, 127, 128, 129, 300, 100_000] {
            agrees::<Value>(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_values_are_read_as_serde_json_reads_them(text in json()) {
            agrees::<Value>(&text);
            agrees::<BTreeMap<String, Value>>(&text);
            agrees::<Option<Vec<Option<Value>>>>(&text);
        }

        #[test]
        fn what_looks_like_json_is_read_or_refused_as_by_serde_json(
            text in r#"([\[\]{},:]|"(a|\\n|\\u00e9|\\ud83d|\\ude00|\\x|\n)?"|-?0?[0-9]{0,2}(\.[0-9]?)?([eE][+-]?[0-9]?)?|true|nul|null| ){0,12}"#
        ) {
            agrees::<Value>(&text);
        }

        #[test]
        fn arbitrary_bytes_never_panic(text: Vec<u8>) {
            let _ = read::<Value>(&text);
        }
    }
}
