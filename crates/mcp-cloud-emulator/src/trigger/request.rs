//! What the gateways' events have in common: which headers they carry, when a body is base64, how time is written.

use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use serde_json::{Map, Value};

use super::Facts;

/// Headers that belong to one connection and never reach what is behind a proxy (RFC 9110, section 7.6.1).
pub(crate) const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The account every emulated resource belongs to.
pub(super) const ACCOUNT_ID: &str = "123456789012";

/// The headers of an event, names in lower case, repeated ones in their order: the client's without those of its
/// connection, `Host` replaced by the gateway's, and what AWS adds.
pub(super) fn headers(request: &Request<Bytes>, host: &str, facts: &Facts) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter(|(name, _)| {
            !HOP_BY_HOP.contains(&name.as_str())
                && !["host", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"].contains(&name.as_str())
        })
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let client = facts.source_ip.to_string();
    let forwarded_for = match text(request.headers(), "x-forwarded-for") {
        Some(before) => format!("{before}, {client}"),
        None => client,
    };
    headers.extend([
        ("host".to_owned(), host.to_owned()),
        ("x-forwarded-for".to_owned(), forwarded_for),
        ("x-forwarded-port".to_owned(), "443".to_owned()),
        ("x-forwarded-proto".to_owned(), "https".to_owned()),
    ]);
    if !request.headers().contains_key("x-amzn-trace-id") {
        headers.push(("x-amzn-trace-id".to_owned(), trace_id(facts)));
    }
    headers
}

/// One value a name: repeated ones joined with commas.
pub(super) fn joined(headers: Vec<(String, String)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in headers {
        match map.get_mut(&name) {
            Some(Value::String(before)) => {
                before.push(',');
                before.push_str(&value);
            }
            _ => {
                map.insert(name, value.into());
            }
        }
    }
    map
}

/// One value a name: the last one.
pub(super) fn last(headers: &[(String, String)]) -> Map<String, Value> {
    headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
}

/// Every value of every name.
pub(super) fn multi(headers: &[(String, String)]) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in headers {
        let values = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(value.clone().into());
        }
    }
    map
}

/// The names and values of a query, as written.
pub(super) fn query_pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The names and values of a query, decoded.
pub(crate) fn decoded_query_pairs(query: &str) -> Vec<(String, String)> {
    query_pairs(query)
        .into_iter()
        .map(|(name, value)| {
            let decode = |text: String| percent_decoded(&text.replace('+', " "));
            (decode(name), decode(value))
        })
        .collect()
}

/// Replaces `%41` by `A`; what is no escape stays.
pub(super) fn percent_decoded(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%'
            && let Some(high) = hex(bytes.get(at + 1))
            && let Some(low) = hex(bytes.get(at + 2))
            && let Ok(byte) = u8::try_from(high * 16 + low)
        {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The body as text or base64, and which of the two.
pub(super) fn encoded_body(body: &Bytes, base64: bool) -> (Value, bool) {
    if base64 {
        (STANDARD.encode(body).into(), true)
    } else {
        (String::from_utf8_lossy(body).into_owned().into(), false)
    }
}

/// The media type of `Content-Type` without its parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = text(headers, header::CONTENT_TYPE.as_str())?;
    let media_type = value.split(';').next().unwrap_or_default();
    Some(media_type.trim().to_ascii_lowercase())
}

/// Whether AWS puts a body of this type into an event as text.
pub(super) fn is_text(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|media_type| {
        media_type.starts_with("text/")
            || ["application/json", "application/javascript", "application/xml"].contains(&media_type)
    })
}

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `content-type` as `Content-Type`: how clients of HTTP/1.1 mostly write it.
pub(crate) fn title_case(name: &str) -> String {
    let mut title = String::with_capacity(name.len());
    let mut start = true;
    for letter in name.chars() {
        title.push(if start { letter.to_ascii_uppercase() } else { letter });
        start = letter == '-';
    }
    title
}

fn trace_id(facts: &Facts) -> String {
    let [first, second] = crate::runtime_api::random();
    format!("Root=1-{:08x}-{:08x}{:016x}", epoch_millis(facts.time) / 1000, first & 0xffff_ffff, second)
}

pub(super) fn epoch_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `20/Nov/2026:09:00:00 +0000`.
pub(super) fn log_time(time: SystemTime) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = epoch_millis(time) / 1000;
    let (year, month, day) = civil_date(seconds / 86_400);
    let month = MONTHS.get(month.saturating_sub(1)).unwrap_or(&"Jan");
    let second = seconds % 86_400;
    let mut text = format!("{day:02}/{month}/{year:04}:");
    // Writing to a string cannot fail.
    let _ = write!(text, "{:02}:{:02}:{:02} +0000", second / 3600, second / 60 % 60, second % 60);
    text
}

/// `2026-11-20T09:00:00.0000000Z`.
pub(crate) fn utc_time(time: SystemTime) -> String {
    let seconds = epoch_millis(time) / 1000;
    let (year, month, day) = civil_date(seconds / 86_400);
    let second = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.0000000Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of the month, counted from one, of a day counted from 1970-01-01.
fn civil_date(mut day: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    loop {
        let days = if is_leap(year) { 366 } else { 365 };
        if day < days {
            break;
        }
        day -= days;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_is_written_as_in_access_logs() {
        for (seconds, written) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_400, "29/Feb/2000:00:00:00 +0000"),
            (1_795_165_200, "20/Nov/2026:09:00:00 +0000"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(log_time(time), written);
        }
    }

    #[test]
    fn what_is_no_escape_stays_as_it_is() {
        assert_eq!(percent_decoded("a%20b%2"), "a b%2");
        assert_eq!(percent_decoded("%zz%"), "%zz%");
    }
}
