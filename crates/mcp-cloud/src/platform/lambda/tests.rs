//! Every recorded event through decoding, transport and encoding.

use std::{fs, path::PathBuf};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use serde_json::Value;

use super::{
    detect::Gateway,
    request::{Decoded, Decoder, Encoding},
    response,
};
use crate::{
    McpService, RequestInfo, handler::ErrorObject, json::Span, platform::ResponseMode, testing, transport::rejection,
};

const BUFFERED: Gateway = Gateway { response_mode: ResponseMode::Buffered, managed: false };
const STREAM: Gateway = Gateway { response_mode: ResponseMode::Stream, managed: false };

fn events(folder: &str) -> Vec<(String, Bytes)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/events").join(folder);
    let mut events: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap().into()))
        .collect();
    assert!(!events.is_empty(), "no events in {}", folder.display());
    events.sort();
    events
}

/// Decodes an event that stands in the middle of other bytes, as it does behind the head it came with.
fn decode(event: &[u8], gateway: Gateway) -> Decoded {
    let buffer: BytesMut = [b"head", event, b"rest"].concat().as_slice().into();
    Decoder::new(gateway).decode(buffer, Span { start: 4, end: 4 + event.len() }).0
}

/// What a buffered gateway would get for an event.
async fn reply(service: &mut McpService, event: &Bytes) -> Value {
    let (reply, encoding) = match decode(event, BUFFERED) {
        Decoded::Request(request, encoding) => (service.answer(request).await, encoding),
        Decoded::Rejected(message, encoding) => {
            let error = ErrorObject::new(ErrorObject::INVALID_REQUEST, message);
            (rejection(StatusCode::BAD_REQUEST, None, &error), encoding)
        }
        Decoded::Completion => return Value::Null,
    };
    let (parts, body) = reply.into_parts();
    let (mut out, mut runs) = (Vec::new(), Vec::new());
    response::document(&mut out, &mut runs, &parts, &body, encoding);
    assert!(runs.is_empty(), "these replies are short");
    serde_json::from_slice(&out).unwrap()
}

fn message(reply: &Value) -> Value {
    let body = reply["body"].as_str().unwrap();
    // A load balancer that keeps the last of two `Accept` headers leaves a client that takes events alone.
    serde_json::from_str(body.strip_prefix("event: message\ndata: ").unwrap_or(body)).unwrap()
}

async fn echoes(folder: &str, other: &[(&str, u64)]) {
    let mut service = testing::service();
    for (name, event) in events(folder) {
        let reply = reply(&mut service, &event).await;
        let expected = other.iter().find(|(quirk, _)| *quirk == name).map_or(200, |(_, status)| *status);
        assert_eq!(reply["statusCode"], expected, "{folder}/{name}: {reply}");
        if name == "health_check" {
            assert_eq!(reply["body"], "ok\n", "{folder}/{name}");
            continue;
        }
        let message = message(&reply);
        match expected {
            200 => assert_eq!(message["result"]["content"][0]["text"], "hello", "{folder}/{name}"),
            _ => assert!(message["error"]["code"].is_i64(), "{folder}/{name}"),
        }
    }
}

// A `GET` asks for a stream, which a stateless server has none of; an `OPTIONS` comes from a page of another site.
const NOT_ALLOWED: &[(&str, u64)] = &[("get", 405), ("options", 403)];

#[tokio::test]
async fn answers_every_event_of_a_function_url() {
    echoes("lambda/function_url", NOT_ALLOWED).await;
}

#[tokio::test]
async fn answers_every_event_of_an_http_api() {
    echoes("lambda/http_api", NOT_ALLOWED).await;
    echoes("lambda/http_api_payload_v1", NOT_ALLOWED).await;
}

#[tokio::test]
async fn answers_every_event_of_a_rest_api() {
    // Under a base path the endpoint is elsewhere, until MCP_CLOUD_PATH says where.
    let other = [NOT_ALLOWED, &[("custom_domain_base_path", 404)]].concat();
    echoes("lambda/rest_api", &other).await;
}

#[tokio::test]
async fn answers_every_event_of_a_load_balancer() {
    echoes("lambda/alb", NOT_ALLOWED).await;
    echoes("lambda/alb_multi_value", NOT_ALLOWED).await;
}

/// Events that are strange and yet no error: a list of protocols is what a chain of proxies leaves behind, and the
/// headers that are missing or null are none that a plain request needs.
const HARMLESS: &[&str] = &[
    "forwarded_proto_junk",
    "forwarded_proto_list",
    "headers_null",
    "headers_null_alb",
    "headers_null_rest_api",
    "host_missing_alb",
    "path_without_slash",
];

#[tokio::test]
async fn answers_hostile_events_with_an_error_and_goes_on() {
    let mut service = testing::service();
    let (_, good) = events("lambda/function_url").into_iter().find(|(name, _)| name == "plain").unwrap();
    for (name, event) in events("hostile/lambda") {
        let answer = reply(&mut service, &event).await;
        if name == "invoke_completion" {
            assert_eq!(answer, Value::Null, "API Gateway's second event is no request");
            continue;
        }
        let status = answer["statusCode"].as_u64().unwrap();
        if HARMLESS.contains(&name.as_str()) {
            assert_eq!(
                (status, &message(&answer)["result"]["content"][0]["text"]),
                (200, &Value::from("hello")),
                "{name}"
            );
        } else {
            assert!((400..500).contains(&status), "{name}: {answer}");
            assert!(message(&answer)["error"]["code"].is_i64(), "{name}: {answer}");
        }
        assert_eq!(reply(&mut service, &good).await["statusCode"], 200, "after {name}");
    }
}

#[tokio::test]
async fn a_body_one_byte_over_the_limit_of_a_load_balancer_is_too_large() {
    let (_, event) = events("lambda/alb").into_iter().find(|(name, _)| name == "plain").unwrap();
    let mut event: Value = serde_json::from_slice(&event).unwrap();
    let body = event["body"].as_str().unwrap().to_owned();
    let padded = |length: usize| Value::from(format!("{body}{}", " ".repeat(length - body.len())));
    let mut service = testing::service();
    for (length, status) in [(1024 * 1024, 200), (1024 * 1024 + 1, 413)] {
        event["body"] = padded(length);
        let reply = reply(&mut service, &event.to_string().into()).await;
        assert_eq!(reply["statusCode"], status, "{length} bytes");
    }
}

fn decoded(folder: &str, quirk: &str) -> (http::Request<Bytes>, Encoding) {
    let (_, event) = events(folder).into_iter().find(|(name, _)| name == quirk).unwrap();
    match decode(&event, STREAM) {
        Decoded::Request(request, encoding) => (request, encoding),
        _ => panic!("{folder}/{quirk} is a request"),
    }
}

#[test]
fn keeps_repeated_headers_of_a_rest_api() {
    let (request, _) = decoded("lambda/rest_api", "repeated_headers");
    let accepted: Vec<_> = request.headers().get_all("accept").iter().collect();
    assert_eq!(accepted.len(), 2, "{accepted:?}");
}

#[test]
fn strips_the_stage_of_an_http_api() {
    for folder in ["lambda/http_api", "lambda/http_api_payload_v1"] {
        assert_eq!(decoded(folder, "named_stage").0.uri().path(), "/mcp", "{folder}");
    }
}

#[test]
fn streams_only_where_the_gateway_can() {
    for (folder, encoding) in [
        ("lambda/function_url", Encoding::Stream),
        ("lambda/rest_api", Encoding::Stream),
        ("lambda/http_api", Encoding::V2),
        ("lambda/http_api_payload_v1", Encoding::V1),
        ("lambda/alb", Encoding::AlbSingle),
        ("lambda/alb_multi_value", Encoding::AlbMulti),
    ] {
        let (request, chosen) = decoded(folder, "plain");
        assert_eq!(chosen, encoding, "{folder}");
        let info = request.extensions().get::<RequestInfo>().unwrap();
        assert_eq!(info.capabilities.streams, encoding == Encoding::Stream, "{folder}");
    }
}

#[test]
fn a_query_comes_back_as_it_was_sent() {
    for folder in ["lambda/function_url", "lambda/http_api", "lambda/rest_api", "lambda/alb", "lambda/alb_multi_value"]
    {
        assert!(decoded(folder, "query").0.uri().query().is_some_and(|query| !query.is_empty()), "{folder}");
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        decode(&bytes, STREAM);
    }

    #[test]
    fn arbitrary_text_in_any_member_never_panics(
        path in "\\PC*", query in "\\PC*", name in "\\PC*", value in ".*", body in ".*", stage in "\\PC*",
        method in "\\PC*", base64: bool,
    ) {
        let headers = serde_json::json!({ name.as_str(): value, "host": value });
        let v2 = serde_json::json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "cookies": [value],
            "requestContext": { "stage": stage, "domainName": value, "http": { "method": method, "sourceIp": value } },
            "body": body, "isBase64Encoded": base64,
        });
        decode(v2.to_string().as_bytes(), BUFFERED);
        let v1 = serde_json::json!({
            "httpMethod": method, "path": path, "headers": null, "multiValueHeaders": { name.as_str(): [value, value] },
            "multiValueQueryStringParameters": { query: [value] }, "requestContext": { "stage": stage },
            "body": body, "isBase64Encoded": base64,
        });
        decode(v1.to_string().as_bytes(), BUFFERED);
    }
}
