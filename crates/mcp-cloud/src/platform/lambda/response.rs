//! Encodes a reply for the trigger its request came from: one JSON document, or a head in JSON and then the body as it
//! is made.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, response::Parts};

use super::request::Encoding;
use crate::{
    body::Body,
    json::{Run, escape, escape_around},
    names,
};

/// Writes a reply with a whole body as the JSON document the trigger expects. Long runs of the body that need no escape
/// are left out: they are put into `runs`, each with the place in `out` where it belongs.
pub(super) fn document<'b>(
    out: &mut Vec<u8>,
    runs: &mut Vec<Run<'b>>,
    parts: &Parts,
    body: &'b Body,
    encoding: Encoding,
) {
    status_code(out, parts.status);
    if matches!(encoding, Encoding::AlbSingle | Encoding::AlbMulti) {
        description(out, parts.status);
    }
    match encoding {
        Encoding::V1 => v1_headers(out, &parts.headers),
        Encoding::AlbMulti => list_headers(out, &parts.headers),
        Encoding::AlbSingle => joined_headers(out, &parts.headers, |_| true),
        Encoding::V2 | Encoding::Stream => v2_headers(out, &parts.headers),
    }
    let bytes = body.as_full().unwrap_or_default();
    // Text goes as text: Base64 would make it a third longer.
    if body.is_text() {
        out.extend_from_slice(br#","isBase64Encoded":false,"body":""#);
        escape_around(out, bytes, body.plain(), runs);
    } else {
        out.extend_from_slice(br#","isBase64Encoded":true,"body":""#);
        out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    }
    out.extend_from_slice(br#""}"#);
}

/// Writes the head of a streamed reply: status and headers as JSON, and the eight zero bytes that end it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html>).
pub(super) fn prelude(out: &mut Vec<u8>, parts: &Parts) {
    status_code(out, parts.status);
    v2_headers(out, &parts.headers);
    out.push(b'}');
    out.extend_from_slice(&[0; 8]);
}

fn status_code(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(br#"{"statusCode":"#);
    out.extend_from_slice(status.as_str().as_bytes());
}

fn description(out: &mut Vec<u8>, status: StatusCode) {
    let _ =
        write!(out, r#","statusDescription":"{} {}""#, status.as_u16(), status.canonical_reason().unwrap_or("Unknown"));
}

/// Format 1.0 merges both maps, so every header stands in one of them: in the lists where any is repeated.
fn v1_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    if headers.len() == headers.keys_len() {
        joined_headers(out, headers, |_| true);
    } else {
        list_headers(out, headers);
    }
}

/// Format 2.0 has one value for each name, and a list of cookies, which cannot be joined (RFC 6265 §3).
fn v2_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    let is_cookie = |name: &HeaderName| name == header::SET_COOKIE;
    joined_headers(out, headers, |name| !is_cookie(name));
    let mut opening: &[u8] = br#","cookies":["#;
    for (_, value) in headers.iter().filter(|(name, _)| is_cookie(name)) {
        out.extend_from_slice(opening);
        out.push(b'"');
        text(out, value);
        out.push(b'"');
        opening = b",";
    }
    if opening == b"," {
        out.push(b']');
    }
}

/// All values of a header in one string, as RFC 9110 §5.3 allows.
fn joined_headers(out: &mut Vec<u8>, headers: &HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    object(out, "headers", headers, keep, [r#"""#, ", ", r#"""#]);
}

fn list_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    object(out, "multiValueHeaders", headers, |_| true, [r#"[""#, r#"",""#, r#""]"#]);
}

/// Writes headers as a member of the document. What stands before, between and behind the values of one header is told.
fn object(
    out: &mut Vec<u8>,
    member: &str,
    headers: &HeaderMap,
    keep: impl Fn(&HeaderName) -> bool,
    [before, between, behind]: [&str; 3],
) {
    append(out, &[r#",""#, member, r#"":{"#]);
    let mut last: Option<&HeaderName> = None;
    // The values of one header come one after the other.
    for (name, value) in headers.iter().filter(|(name, _)| keep(name)) {
        match last {
            Some(last) if last == name => append(out, &[between]),
            Some(_) => append(out, &[behind, r#",""#, name.as_str(), r#"":"#, before]),
            None => append(out, &[r#"""#, name.as_str(), r#"":"#, before]),
        }
        text(out, value);
        last = Some(name);
    }
    if last.is_some() {
        out.extend_from_slice(behind.as_bytes());
    }
    out.push(b'}');
}

fn append(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// Appends a value as the inside of a string. What is not UTF-8 in it cannot stand in a document.
fn text(out: &mut Vec<u8>, value: &HeaderValue) {
    match names::text_of(value) {
        Some(text) => escape(out, text.as_bytes()),
        None => escape(out, String::from_utf8_lossy(value.as_bytes()).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;
    use serde_json::{Value, json};

    use super::*;
    use crate::handler::Answer;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut response = Response::builder().status(200);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(()).unwrap().into_parts().0
    }

    fn document_of(headers: &[(&str, &str)], body: impl Into<Body>, encoding: Encoding) -> Value {
        let (mut out, mut runs, body) = (Vec::new(), Vec::new(), body.into());
        document(&mut out, &mut runs, &parts(headers), &body, encoding);
        for run in runs.iter().rev() {
            out.splice(run.at..run.at, run.text.iter().copied());
        }
        serde_json::from_slice(&out).unwrap()
    }

    const REPEATED: &[(&str, &str)] = &[("a", "1"), ("a", "2"), ("set-cookie", "x=1"), ("set-cookie", "y=2")];

    #[test]
    fn each_trigger_gets_repeated_headers_its_own_way() {
        let v1 = document_of(REPEATED, Body::empty(), Encoding::V1);
        assert_eq!(v1["multiValueHeaders"], json!({"a": ["1", "2"], "set-cookie": ["x=1", "y=2"]}));
        assert!(v1.get("headers").is_none());
        let v2 = document_of(REPEATED, Body::empty(), Encoding::V2);
        assert_eq!((&v2["headers"], &v2["cookies"]), (&json!({"a": "1, 2"}), &json!(["x=1", "y=2"])));
        let single = document_of(&[("a", "1"), ("a", "2")], Body::empty(), Encoding::AlbSingle);
        assert_eq!((&single["headers"], &single["statusDescription"]), (&json!({"a": "1, 2"}), &json!("200 OK")));
        let multi = document_of(REPEATED, Body::empty(), Encoding::AlbMulti);
        assert!(multi.get("headers").is_none() && multi["multiValueHeaders"]["a"] == json!(["1", "2"]));
    }

    #[test]
    fn bytes_that_are_not_text_go_as_base64() {
        let reply = document_of(&[], Bytes::from_static(&[0xff, 0xfe]), Encoding::V2);
        assert_eq!((&reply["isBase64Encoded"], &reply["body"]), (&json!(true), &json!("//4=")));
    }

    #[test]
    fn a_prelude_ends_with_eight_zero_bytes() {
        let mut out = Vec::new();
        prelude(&mut out, &parts(&[("a", "1"), ("set-cookie", "x=1")]));
        let (head, zeros) = out.split_at(out.len() - 8);
        assert_eq!(zeros, [0; 8]);
        let head: Value = serde_json::from_slice(head).unwrap();
        assert_eq!(head, json!({"statusCode": 200, "headers": {"a": "1"}, "cookies": ["x=1"]}));
    }

    proptest::proptest! {
        #[test]
        fn text_comes_back_as_it_went_in(text in "(?s).{0,200}", times in proptest::sample::select(vec![1_usize, 1000])) {
            let text = text.repeat(times);
            let reply = document_of(&[], Bytes::from(text.clone()), Encoding::V2);
            proptest::prop_assert_eq!(reply["body"].as_str(), Some(text.as_str()));
            // As a handler's answer, whose long runs are known.
            let mut answer = Answer::result(b"1", &json!({ "text": text, "other": ["b".repeat(20 * times), "\n"] }));
            answer.splice_result(1..1, br#""_meta":{},"#);
            let message = answer.as_message().to_vec();
            let reply = document_of(&[], answer.into_body(), Encoding::V2);
            proptest::prop_assert_eq!(reply["body"].as_str().map(str::as_bytes), Some(&*message));
        }
    }
}
