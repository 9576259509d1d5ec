//! A secret's value: read, generated, put into JSON; shown to nobody.

use std::{collections::BTreeMap, fmt, mem};

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::SecretError;

/// The value of a secret. `Debug` shows nothing of it, and its memory is overwritten when it is dropped.
pub struct SecretValue(Zeroizing<String>);

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// What a generated value consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Characters {
    /// Letters and digits: whatever has to be quoted somewhere is not among them.
    LettersAndDigits,
    /// Digits and the letters `a` to `f`.
    Hexadecimal,
    /// Letters, digits and signs of ASCII, but for quotes, backslash, `$` and space, which shells and files read as
    /// something else.
    WithSigns,
}

impl Characters {
    fn all(self) -> &'static [u8] {
        match self {
            Self::LettersAndDigits => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Self::Hexadecimal => b"0123456789abcdef",
            Self::WithSigns => {
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%&()*+,-./:;<=>?@[]^_{|}~"
            }
        }
    }
}

impl SecretValue {
    /// What Secrets Manager keeps at most, in bytes
    /// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>).
    pub const LONGEST: usize = 65_536;

    /// Takes what was typed or piped in. One line's end after it is left out: a terminal and most programs put one there.
    ///
    /// # Errors
    ///
    /// [`SecretError::Empty`], [`SecretError::TooLong`], and [`SecretError::NotText`] where it is not UTF-8.
    pub fn from_input(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, SecretError> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            return Err(SecretError::Empty);
        }
        if bytes.len() > Self::LONGEST {
            return Err(SecretError::TooLong);
        }
        match String::from_utf8(mem::take(&mut *bytes)) {
            Ok(text) => Ok(Self(Zeroizing::new(text))),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(SecretError::NotText)
            }
        }
    }

    /// Makes a value of so many characters up with the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// [`SecretError::NoRandomness`] where the system has none.
    pub fn generate(length: usize, characters: Characters) -> Result<Self, SecretError> {
        let all = characters.all();
        // Numbers beyond the last whole multiple would make the first characters likelier than the others.
        let limit = 256 - 256 % all.len();
        let mut text = Zeroizing::new(String::with_capacity(length));
        let mut random = Zeroizing::new([0; 256]);
        while text.len() < length {
            getrandom::fill(&mut *random).map_err(|_| SecretError::NoRandomness)?;
            let fair = random.iter().map(|byte| usize::from(*byte)).filter(|number| *number < limit);
            let wanted = length - text.len();
            text.extend(
                fair.filter_map(|number| all.get(number % all.len())).take(wanted).map(|byte| char::from(*byte)),
            );
        }
        Ok(Self(text))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn from_aws(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// This value as the whole of a new secret, or as a member of its JSON.
    pub(super) fn alone(self, key: Option<&str>) -> Self {
        match key {
            Some(key) => Self(object(std::iter::once((quoted(key).as_str(), quoted(self.expose()).as_str())))),
            None => self,
        }
    }

    /// This value in the place of the current one, or of a member of its JSON, whose other members stay as they are, to
    /// the letter. `None` when that changes nothing.
    pub(super) fn instead_of(self, current: &Self, key: Option<&str>) -> Result<Option<Self>, NoObject> {
        let Some(key) = key else {
            return Ok((self.expose() != current.expose()).then_some(self));
        };
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(current.expose()).map_err(|_| NoObject)?;
        let now =
            members.get(key).and_then(|member| serde_json::from_str::<String>(member.get()).ok()).map(Zeroizing::new);
        if now.as_ref().is_some_and(|now| now.as_str() == self.expose()) {
            return Ok(None);
        }
        let mut texts: BTreeMap<_, _> =
            members.iter().map(|(name, value)| (name.as_str(), Zeroizing::new(value.get().to_owned()))).collect();
        texts.insert(key, quoted(self.expose()));
        let quoted_names: Vec<_> = texts.keys().map(|name| quoted(name)).collect();
        Ok(Some(Self(object(
            quoted_names.iter().zip(texts.values()).map(|(name, value)| (name.as_str(), value.as_str())),
        ))))
    }
}

/// What a secret holds is no JSON object, so it has no members.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoObject;

fn quoted(text: &str) -> Zeroizing<String> {
    Zeroizing::new(serde_json::Value::from(text).to_string())
}

/// An object of members that are JSON already.
fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(SecretValue::LONGEST));
    text.push('{');
    for (index, (name, value)) in members.enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(name);
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> SecretValue {
        SecretValue::from_input(Zeroizing::new(text.as_bytes().to_vec())).expect("it is a value")
    }

    #[test]
    fn debug_shows_nothing_of_a_value() {
        assert_eq!(format!("{:?}", value("hunter2")), "SecretValue(…)");
    }

    #[test]
    fn one_line_end_is_left_out_and_no_more() {
        for (input, expected) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a b ", " a b ")] {
            assert_eq!(value(input).expose(), expected);
        }
    }

    #[test]
    fn what_can_be_no_value_is_refused() {
        let refusal = |bytes: &[u8]| SecretValue::from_input(Zeroizing::new(bytes.to_vec())).expect_err("refused");
        assert!(matches!(refusal(b""), SecretError::Empty));
        assert!(matches!(refusal(b"\r\n"), SecretError::Empty));
        assert!(matches!(refusal(b"\xff\xfe"), SecretError::NotText));
        assert!(matches!(refusal(&vec![b'a'; SecretValue::LONGEST + 1]), SecretError::TooLong));
        assert_eq!(value(&"a".repeat(SecretValue::LONGEST)).expose().len(), SecretValue::LONGEST);
    }

    #[test]
    fn generated_values_have_their_length_their_characters_and_no_twin() {
        for characters in [Characters::LettersAndDigits, Characters::Hexadecimal, Characters::WithSigns] {
            let [one, other] = [(); 2].map(|()| SecretValue::generate(300, characters).expect("there is randomness"));
            assert_eq!(one.expose().len(), 300);
            assert!(one.expose().bytes().all(|byte| characters.all().contains(&byte)));
            assert_ne!(one.expose(), other.expose());
        }
    }

    #[test]
    fn member_is_replaced_and_the_others_stay_to_the_letter() {
        let current = value(r#"{"b": 1.00, "a":{"x" : [1]}, "key":"old"}"#);
        let merged = value("n\"ew").instead_of(&current, Some("key")).expect("an object").expect("a change");
        assert_eq!(merged.expose(), r#"{"a":{"x" : [1]},"b":1.00,"key":"n\"ew"}"#);
        assert!(value("old").instead_of(&current, Some("key")).expect("an object").is_none());
        assert!(value("x").instead_of(&value("no object"), Some("key")).is_err());
        assert!(value("x").instead_of(&value("[1]"), Some("key")).is_err());
        assert_eq!(value("x").alone(Some("key")).expose(), r#"{"key":"x"}"#);
    }

    #[test]
    fn same_value_is_no_change() {
        assert!(value("same").instead_of(&value("same"), None).expect("no JSON is asked for").is_none());
        assert!(value("other").instead_of(&value("same"), None).expect("no JSON is asked for").is_some());
    }

    proptest! {
        #[test]
        fn merged_member_reads_back_as_it_was_given(key in "[A-Za-z0-9_.-]{1,20}", text in "\\PC{1,40}", other in "\\PC{0,20}") {
            let other_member = format!("{{\"{key}-other\":{}}}", serde_json::Value::from(other.as_str()));
            let merged = value(&text).instead_of(&value(&other_member), Some(&key)).expect("an object").expect("a change");
            let read: BTreeMap<String, String> = serde_json::from_str(merged.expose()).expect("it is JSON");
            prop_assert_eq!(&read[&key], &text);
            prop_assert_eq!(&read[&format!("{key}-other")], &other);
            prop_assert_eq!(read.len(), 2);
        }

        #[test]
        fn any_bytes_are_a_value_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SecretValue::from_input(Zeroizing::new(bytes));
        }
    }
}
