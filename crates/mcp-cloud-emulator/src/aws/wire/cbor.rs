//! Smithy RPC v2 with CBOR, which CloudWatch speaks
//! (<https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>).
//!
//! As much of CBOR as its messages use: numbers, text, lists, maps, booleans, null, and times.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Number, Value, json};

use super::{Asked, Fault, Reply, json as json_rpc};

/// A member of this name alone makes its map a time: seconds since 1970.
pub(in super::super) const TIME: &str = "$time";

/// Deeper than anything a service says.
const DEEPEST: usize = 32;

pub(super) fn read(path: &str, headers: &HeaderMap, body: &Bytes) -> Result<(String, Map<String, Value>), Fault> {
    // Older clients speak JSON.
    if headers.contains_key("x-amz-target") {
        return json_rpc::read(headers, body);
    }
    let action = path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut rest: &[u8] = body;
    let members = if body.is_empty() { Some(json!({})) } else { item(&mut rest, 0).flatten() };
    let malformed = || Fault::new(400, "SerializationException", "the body is not a CBOR map");
    match members {
        Some(Value::Object(members)) => Ok((action, members)),
        _ => Err(malformed()),
    }
}

pub(super) fn write(asked: &Asked, reply: Result<Reply, Fault>) -> (u16, Vec<(&'static str, String)>, Bytes) {
    if asked.headers.contains_key("x-amz-target") {
        return json_rpc::write(reply.map(|reply| Reply { members: in_seconds(reply.members), ..reply }));
    }
    let (status, mut headers, document) = match reply {
        Ok(reply) => (reply.status, reply.headers, if reply.members.is_null() { json!({}) } else { reply.members }),
        Err(mut fault) => {
            let side = if fault.status < 500 { "Sender" } else { "Receiver" };
            fault.headers.push(("x-amzn-query-error", format!("{};{side}", fault.code)));
            (fault.status, fault.headers, json!({ "__type": fault.code, "message": fault.message }))
        }
    };
    headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
    headers.push(("content-type", "application/cbor".to_owned()));
    let mut bytes = Vec::new();
    encode(&document, &mut bytes);
    (status, headers, bytes.into())
}

/// The same with times as JSON has them.
fn in_seconds(value: Value) -> Value {
    match value {
        Value::Object(members) => match (members.len(), members.get(TIME)) {
            (1, Some(time)) => time.clone(),
            _ => members.into_iter().map(|(name, member)| (name, in_seconds(member))).collect::<Map<_, _>>().into(),
        },
        Value::Array(items) => items.into_iter().map(in_seconds).collect(),
        other => other,
    }
}

fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match (u8::try_from(number), u16::try_from(number), u32::try_from(number)) {
        (Ok(small @ 0..24), ..) => out.push(major | small),
        (Ok(byte), ..) => out.extend([major | 24, byte]),
        (_, Ok(short), _) => {
            out.push(major | 25);
            out.extend(short.to_be_bytes());
        }
        (_, _, Ok(word)) => {
            out.push(major | 26);
            out.extend(word.to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(number.to_be_bytes());
        }
    }
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => head(0, number, out),
            (_, Some(number), _) => head(1, number.unsigned_abs().saturating_sub(1), out),
            (.., number) => {
                out.push(0xfb);
                out.extend(number.unwrap_or_default().to_be_bytes());
            }
        },
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Object(members) => {
            if let (1, Some(time)) = (members.len(), members.get(TIME).and_then(Value::as_f64)) {
                head(6, 1, out);
                out.push(0xfb);
                out.extend(time.to_be_bytes());
                return;
            }
            head(5, members.len() as u64, out);
            for (name, member) in members {
                head(3, name.len() as u64, out);
                out.extend(name.as_bytes());
                encode(member, out);
            }
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

/// Reads one item; the inner `None` is the end of a list or map of unknown length.
#[expect(clippy::option_option, reason = "nothing to read and nothing more to come are different things")]
fn item(rest: &mut &[u8], depth: usize) -> Option<Option<Value>> {
    if depth > DEEPEST {
        return None;
    }
    let first = *take(rest, 1)?.first()?;
    let (major, minor) = (first >> 5, first & 31);
    if first == 0xff {
        return Some(None);
    }
    let number = match minor {
        0..24 => Some(u64::from(minor)),
        24 => take(rest, 1)?.first().map(|byte| u64::from(*byte)),
        25..=27 => Some(take(rest, 1 << (minor - 24))?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))),
        31 => None,
        _ => return None,
    };
    let value = match major {
        0 => json!(number?),
        1 => json!(i64::try_from(number?).ok()?.checked_neg()?.checked_sub(1)?),
        2 | 3 => {
            let bytes = take(rest, usize::try_from(number?).ok()?)?;
            Value::String(String::from_utf8_lossy(bytes).into_owned())
        }
        4 => Value::Array(items(rest, number, depth)?),
        5 => {
            let items = items(rest, number.map(|count| count.saturating_mul(2)), depth)?;
            let mut members = Map::new();
            let mut items = items.into_iter();
            while let (Some(name), Some(member)) = (items.next(), items.next()) {
                members.insert(name.as_str()?.to_owned(), member);
            }
            Value::Object(members)
        }
        // What a tag says is known from the member's name.
        6 => item(rest, depth + 1)??,
        _ => match (minor, number) {
            (20, _) => Value::Bool(false),
            (21, _) => Value::Bool(true),
            (26, Some(bits)) => float(f64::from(f32::from_bits(u32::try_from(bits).ok()?))),
            (27, Some(bits)) => float(f64::from_bits(bits)),
            _ => Value::Null,
        },
    };
    Some(Some(value))
}

fn items(rest: &mut &[u8], count: Option<u64>, depth: usize) -> Option<Vec<Value>> {
    let mut items = Vec::new();
    while count.is_none_or(|count| (items.len() as u64) < count) {
        match item(rest, depth + 1)? {
            Some(item) => items.push(item),
            None if count.is_none() => break,
            None => return None,
        }
    }
    Some(items)
}

fn float(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let value = json!({
            "Text": "x".repeat(300), "Small": 3, "Large": 70_000, "Huge": 1_u64 << 40, "Negative": -500,
            "Part": 0.5, "On": true, "Off": false, "None": null, "List": [1, [2], {}],
        });
        let mut bytes = Vec::new();
        encode(&value, &mut bytes);
        assert_eq!(item(&mut bytes.as_slice(), 0), Some(Some(value)));
    }

    #[test]
    fn lists_and_maps_of_unknown_length_are_read() {
        let bytes = [0xbf, 0x61, b'a', 0x9f, 0x01, 0x02, 0xff, 0xff];
        assert_eq!(item(&mut bytes.as_slice(), 0), Some(Some(json!({ "a": [1, 2] }))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = item(&mut bytes.as_slice(), 0);
        }
    }
}
