//! Shows values of a template to people: short, and without what may be a secret.

use serde_json::Value;

use super::{
    compare::{Path, Step},
    template::{intrinsic, scalar},
};
use crate::artifact::sha256;

/// What is shown in the place of what may be a secret.
pub(super) const HIDDEN: &str = "(hidden)";
/// Characters of a value that are shown whole, and of one that has no spaces to break at, such as an ARN.
const SHORT: usize = 80;
const SHORT_WORD: usize = 200;
/// Characters that stand for the rest of a long value or of a hash.
const BEGINNING: usize = 32;
const HASH: usize = 12;
/// Parts of names of variables whose values nobody should see.
const SECRET_WORDS: [&str; 7] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "PRIVATE"];
/// Parts of names of properties whose values nobody should see, where these are text.
const SECRET_PROPERTIES: [&str; 2] = ["Secret", "Password"];
/// Properties whose members are named by people.
const NAMED_BY_PEOPLE: [&str; 4] = ["Environment", "Tags", "Parameters", "Outputs"];
/// What names a secret and holds none: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>.
const RESOLVED: (&str, &str) = ("{{resolve:", "}}");

/// Shows a value that stands at a path.
pub(super) fn shown(path: &Path, value: &Value) -> String {
    short(&whole(path, value))
}

fn whole(path: &Path, value: &Value) -> String {
    if let Some(text) = scalar(value) {
        return literal(path, value, text);
    }
    match intrinsic(value) {
        Some(("Ref", Value::String(name))) => return format!("${{{}}}", printable(name)),
        Some(("Fn::GetAtt", Value::Array(items))) => {
            let names: Vec<_> = items.iter().filter_map(scalar).collect();
            return format!("${{{}}}", printable(&names.join(".")));
        }
        Some(("Fn::Sub", Value::String(text))) => return literal(path, &Value::String(text.clone()), text.clone()),
        Some(("Fn::Join", Value::Array(items))) => {
            let separator = items.first().and_then(Value::as_str).unwrap_or_default();
            return match items.get(1) {
                Some(Value::Array(items)) => {
                    items.iter().map(|item| whole(path, item)).collect::<Vec<_>>().join(&printable(separator))
                }
                Some(list) => whole(path, list),
                None => String::new(),
            };
        }
        Some(("Fn::Split", Value::Array(items))) => {
            return items.get(1).map(|source| whole(path, source)).unwrap_or_default();
        }
        Some((function, argument)) => {
            return format!("{}({})", printable(function.trim_start_matches("Fn::")), whole(path, argument));
        }
        None => {}
    }
    match value {
        Value::Array(items) => {
            let items = items.iter().enumerate().map(|(index, item)| match item {
                Value::Object(_) if intrinsic(item).is_none() => whole(&path.item(index.to_string()), item),
                _ => whole(path, item),
            });
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let mut members: Vec<_> = map
                .iter()
                .map(|(name, value)| format!("{}: {}", printable(name), whole(&path.member(name), value)))
                .collect();
            members.sort();
            format!("{{{}}}", members.join(", "))
        }
        _ => String::new(),
    }
}

fn literal(path: &Path, value: &Value, text: String) -> String {
    if (is_secret(path, value) && !names_a_secret(path, &text)) || has_user_information(&text) {
        return HIDDEN.to_owned();
    }
    if text.is_empty() { "\"\"".to_owned() } else { printable(&text) }
}

/// Whether a value at a path may be a secret, by the names it goes by.
fn is_secret(path: &Path, value: &Value) -> bool {
    let named = path.0.iter().position(|step| NAMED_BY_PEOPLE.contains(&step.text()));
    if let Some(index) = named {
        let names = path.0.iter().skip(index + 1);
        // A position instead of a name: what it is called is not known here.
        let unknown = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        return names.map(|step| step.text().to_uppercase()).any(|name| is_secret_name(&name) || unknown(&name));
    }
    let property = path.0.iter().rev().find_map(|step| match step {
        Step::Member(name) => Some(name),
        Step::Item(_) => None,
    });
    let number = value.as_str().is_none_or(|text| text.parse::<f64>().is_ok());
    !number && property.is_some_and(|name| SECRET_PROPERTIES.iter().any(|word| name.contains(word)))
}

fn is_secret_name(name: &str) -> bool {
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Whether a text says where a secret is kept, and not what it is.
fn names_a_secret(path: &Path, text: &str) -> bool {
    let resolved = text.strip_prefix(RESOLVED.0).and_then(|rest| rest.strip_suffix(RESOLVED.1));
    let arn = text.starts_with("arn:") && !text.contains(char::is_whitespace);
    let of_arn = path.0.last().is_some_and(|step| step.text().ends_with("_ARN") || step.text().ends_with("Arn"));
    resolved.is_some_and(|inner| !inner.contains(['{', '}']) || is_substitution(inner)) || (arn && of_arn)
}

/// Whether all braces in a text are those of names that CloudFormation puts values for.
fn is_substitution(text: &str) -> bool {
    !text.contains("{{") && !text.contains("}}")
}

/// Whether a text is a URL with a user's name or password in it.
fn has_user_information(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '"']).next().unwrap_or_default();
        authority.contains('@')
    })
}

/// Text that does nothing to a terminal.
pub(super) fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            printed.extend(character.escape_default());
        } else {
            printed.push(character);
        }
    }
    printed
}

/// Text that fits into a line; what is too long by its beginning and its hash.
fn short(text: &str) -> String {
    let text = short_hashes(text);
    let limit = if text.contains(' ') { SHORT } else { SHORT_WORD };
    let length = text.chars().count();
    if length <= limit {
        return text;
    }
    let beginning: String = text.chars().take(BEGINNING).collect();
    let hash = sha256(text.as_bytes());
    format!("{beginning}… ({length} characters, SHA-256 {}…)", hash.get(..HASH).unwrap_or_default())
}

/// Leaves enough of each SHA-256 in a text to tell it from another.
fn short_hashes(text: &str) -> String {
    const DIGITS: usize = 64;
    let mut result = String::with_capacity(text.len());
    let mut run = String::new();
    let flush = |run: &mut String, result: &mut String| {
        if run.len() == DIGITS {
            result.push_str(run.get(..HASH).unwrap_or_default());
            result.push('…');
        } else {
            result.push_str(run);
        }
        run.clear();
    };
    for character in text.chars() {
        if character.is_ascii_hexdigit() {
            run.push(character);
        } else {
            flush(&mut run, &mut result);
            result.push(character);
        }
    }
    flush(&mut run, &mut result);
    result
}
