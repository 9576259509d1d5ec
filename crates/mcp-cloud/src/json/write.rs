//! Writes values as JSON, as serde_json does, but for long strings several times as fast: it looks at each byte of a
//! string by itself, and results are mostly long strings.

use std::{fmt::Display, io::Write};

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Error, Result};

use super::{
    escape,
    escape::{LONG_RUN, PlainRun},
    unescape,
};

/// Appends a value as JSON, and tells which run of what is there now is plain.
///
/// # Errors
///
/// As `serde_json::to_writer`: where the value's own implementation fails, or a map has a key that is no string. What was
/// written before is left there then.
pub(crate) fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<PlainRun> {
    let mut written = Written { json: std::mem::take(out), plain: PlainRun::default() };
    let result = value.serialize(Writer(&mut written));
    *out = written.json;
    result.map(|()| written.plain)
}

/// What there is already.
struct Written {
    json: Vec<u8>,
    /// The longest text that needed no escape.
    plain: PlainRun,
}

struct Writer<'a>(&'a mut Written);

/// What stands in brackets or braces.
struct Compound<'a> {
    out: &'a mut Written,
    is_first: bool,
    end: &'static [u8],
}

/// The names that serde_json gives to structures that hold JSON as text: `RawValue`, and numbers of any precision.
const AS_IT_STANDS: &str = "$serde_json::private::";

impl<'a> Writer<'a> {
    #[inline(never)]
    fn text(self, text: &str) {
        let start = self.0.json.len() + 1;
        quote(&mut self.0.json, text);
        if text.len() >= LONG_RUN {
            self.0.note(start, text.len());
        }
    }

    fn display(self, value: impl Display) -> Result<()> {
        write!(self.0.json, "{value}").map_err(Error::custom)
    }

    fn begin(self, start: u8, end: &'static [u8]) -> Compound<'a> {
        self.0.json.push(start);
        Compound { out: self.0, is_first: true, end }
    }

    /// The one member of a variant with content.
    fn variant(self, variant: &str) -> Writer<'a> {
        self.0.json.push(b'{');
        Writer(self.0).text(variant);
        self.0.json.push(b':');
        self
    }
}

impl Written {
    /// Notes the text of this length that begins here, where it needed no escape and is longer than others.
    #[cold]
    fn note(&mut self, start: usize, length: usize) {
        // With an escape it would have become longer.
        if start + length + 1 == self.json.len() && length > self.plain.len() {
            self.plain = PlainRun::new(start, length);
        }
    }
}

#[inline(always)]
fn quote(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text.as_bytes());
    out.push(b'"');
}

impl Compound<'_> {
    #[inline]
    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.json.push(b',');
        }
    }

    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.separate();
        value.serialize(Writer(self.out))
    }

    fn member(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.name(name);
        value.serialize(Writer(self.out))
    }

    /// Apart from the value, so that it is there once and not in the code of each member of each type.
    #[inline(never)]
    fn name(&mut self, name: &'static str) {
        self.separate();
        quote(&mut self.out.json, name);
        self.out.json.push(b':');
    }

    fn finish(self) {
        self.out.json.extend_from_slice(self.end);
    }
}

macro_rules! displayed {
    ($($method:ident($type:ty)),*) => {
        $(fn $method(self, value: $type) -> Result<()> {
            self.display(value)
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Struct<'a>;
    type SerializeStructVariant = Compound<'a>;

    displayed! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_i128(i128), serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64),
        serialize_u128(u128)
    }

    fn serialize_f32(self, value: f32) -> Result<()> {
        serde_json::to_writer(&mut self.0.json, &value)
    }

    fn serialize_f64(self, value: f64) -> Result<()> {
        serde_json::to_writer(&mut self.0.json, &value)
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.0.json.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let inside = self.variant(variant);
        value.serialize(Writer(inside.0))?;
        inside.0.json.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>> {
        Ok(self.begin(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>> {
        Ok(self.begin(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>> {
        Ok(self.begin(b'[', b"]"))
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Compound<'a>> {
        Ok(self.variant(variant).begin(b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>> {
        Ok(self.begin(b'{', b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Struct<'a>> {
        if name.starts_with(AS_IT_STANDS) {
            return Ok(Struct::AsItStands(self.0));
        }
        Ok(Struct::Members(self.begin(b'{', b"}")))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>> {
        Ok(self.variant(variant).begin(b'{', b"}}"))
    }
}

macro_rules! items {
    ($($trait:ident::$method:ident),*) => {
        $(impl $trait for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.item(value)
            }

            fn end(self) -> Result<()> {
                self.finish();
                Ok(())
            }
        })*
    };
}

items! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
}

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.separate();
        let start = self.out.json.len();
        key.serialize(Writer(self.out))?;
        // A number or a truth value becomes a string, as in serde_json.
        match self.out.json.get(start) {
            Some(b'"') => {}
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                self.out.json.insert(start, b'"');
                self.out.json.push(b'"');
            }
            _ => return Err(Error::custom("key must be a string")),
        }
        self.out.json.push(b':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<()> {
        self.finish();
        Ok(())
    }
}

impl SerializeStructVariant for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.member(name, value)
    }

    fn end(self) -> Result<()> {
        self.finish();
        Ok(())
    }
}

/// A structure, or the text that serde_json means by one.
enum Struct<'a> {
    Members(Compound<'a>),
    AsItStands(&'a mut Written),
}

impl SerializeStruct for Struct<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        match self {
            Self::Members(members) => members.member(name, value),
            Self::AsItStands(out) => {
                let (start, plain) = (out.json.len(), out.plain);
                value.serialize(Writer(out))?;
                // It does not stay where it was written.
                out.plain = plain;
                unquote(&mut out.json, start)
            }
        }
    }

    fn end(self) -> Result<()> {
        if let Self::Members(members) = self {
            members.finish();
        }
        Ok(())
    }
}

/// Puts the text in the place of the string that was written last. Another serializer that takes nothing but strings would
/// be made anew for every type there is.
#[cold]
fn unquote(out: &mut Vec<u8>, start: usize) -> Result<()> {
    let length = match out.get_mut(start..) {
        Some([b'"', inside @ .., b'"']) => unescape(inside).ok(),
        _ => None,
    };
    out.truncate(start + 1 + length.ok_or_else(|| Error::custom("raw JSON is not text"))?);
    out.remove(start);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::{Value, json, value::RawValue};

    use super::{super::plain::is_special, *};

    #[derive(Serialize)]
    enum Kind {
        Unit,
        Newtype(u8),
        Tuple(u8, String),
        Struct { a: Option<u8>, b: char },
    }

    #[derive(Serialize)]
    struct Everything<'a> {
        unit: (),
        nothing: Option<u8>,
        wide: (i128, u128, f32, f64),
        not_a_number: f64,
        kinds: Vec<Kind>,
        raw: &'a RawValue,
        by_number: BTreeMap<i32, bool>,
        by_kind: BTreeMap<bool, ()>,
        empty: (Vec<u8>, BTreeMap<String, u8>),
        bytes: &'a [u8],
    }

    fn written(value: &impl Serialize) -> String {
        let mut out = b"[".to_vec();
        let plain = write(&mut out, value).unwrap();
        let [before, run, behind] = plain.split(&out);
        assert!(run.iter().all(|&byte| !is_special(byte)) && (run.is_empty() || run.len() >= LONG_RUN));
        assert_eq!(before.len() + run.len() + behind.len(), out.len());
        String::from_utf8(out.split_off(1)).unwrap()
    }

    #[test]
    fn everything_is_written_as_serde_json_writes_it() {
        let everything = Everything {
            unit: (),
            nothing: None,
            wide: (i128::MIN, u128::MAX, 0.1, 1e300),
            not_a_number: f64::NAN,
            kinds: vec![
                Kind::Unit,
                Kind::Newtype(1),
                Kind::Tuple(2, "\u{1}".to_owned()),
                Kind::Struct { a: Some(3), b: 'é' },
            ],
            raw: serde_json::from_str(r#"{ "a\n" : [1.50, "\\é"] }"#).unwrap(),
            by_number: BTreeMap::from([(-1, true), (2, false)]),
            by_kind: BTreeMap::from([(true, ())]),
            empty: (Vec::new(), BTreeMap::new()),
            bytes: b"ab",
        };
        assert_eq!(written(&everything), serde_json::to_string(&everything).unwrap());
    }

    #[test]
    fn a_key_that_is_no_string_is_an_error() {
        let map = BTreeMap::from([(vec![1], 1)]);
        assert!(write(&mut Vec::new(), &map).is_err() && serde_json::to_string(&map).is_err());
    }

    #[test]
    fn longest_text_without_an_escape_is_remembered() {
        let run_of = |value: &Value| {
            let mut out = b"{}".to_vec();
            let plain = write(&mut out, value).unwrap();
            String::from_utf8(plain.split(&out)[1].to_vec()).unwrap()
        };
        let [short, long, longer] =
            [LONG_RUN - 1, LONG_RUN, LONG_RUN + 1].map(|length| format!("é{}", "a".repeat(length - 2)));
        let escaped = format!("{longer}\n{longer}");
        assert_eq!(run_of(&json!([short, escaped])), "");
        assert_eq!(run_of(&json!({ "a": long, "b": short, "c": escaped })), long);
        assert_eq!(run_of(&json!([long, longer, long])), longer);
        assert_eq!(run_of(&json!({ longer.as_str(): long })), longer);
        // What is quoted at first and then no longer.
        let raw = RawValue::from_string(format!("[{}1]", "1,".repeat(LONG_RUN))).unwrap();
        let mut out = Vec::new();
        let plain = write(&mut out, &(&long, &raw)).unwrap();
        assert!(plain.split(&out)[1] == long.as_bytes());
        assert_eq!(write(&mut out, &raw).unwrap(), PlainRun::default());
    }

    proptest::proptest! {
        #[test]
        fn values_are_written_as_serde_json_writes_them(
            text in "(?s).{0,100}", times in proptest::sample::select(vec![1_usize, 1000]), number: f64, whole: i64, items in proptest::collection::vec(".*", 0..4),
        ) {
            let value: Value = json!({ "text": text.repeat(times), text.as_str(): [number, whole, null, true, items] });
            proptest::prop_assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
        }
    }
}
