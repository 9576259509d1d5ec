//! Requests into events and replies into responses, without any network.

use bytes::Bytes;
use http::{HeaderMap, Request};
use mcp_cloud_emulator::{
    azure::payload,
    runtime_api::Prelude,
    trigger::{AlbHeaders, Facts, Failure, Settings, alb, function_url, http_api, rest_api},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn facts() -> Facts {
    Facts::new([203, 0, 113, 7].into())
}

fn request(uri: &str, headers: &[(&str, &str)], body: &'static [u8]) -> Request<Bytes> {
    let mut request = Request::post(uri).body(Bytes::from_static(body)).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

const ACCEPTS: [(&str, &str); 3] = [
    ("accept", "application/json"),
    ("accept", "text/event-stream"),
    ("content-type", "application/json; charset=utf-8"),
];

#[test]
fn function_url_joins_repeated_headers_and_splits_cookies() {
    let mut headers = ACCEPTS.to_vec();
    headers.push(("cookie", "a=1; b=2"));
    let event = function_url::event(&request("/mcp?a=1&a=x%20y", &headers, b"{}"), &facts());
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["rawPath"], "/mcp");
    assert_eq!(event["rawQueryString"], "a=1&a=x%20y");
    assert_eq!(event["queryStringParameters"]["a"], "1,x y");
    assert_eq!(event["headers"]["accept"], "application/json,text/event-stream");
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert!(event["headers"].get("cookie").is_none());
    assert_eq!(event["headers"]["host"], function_url::DOMAIN);
    assert_eq!(event["requestContext"]["domainName"], function_url::DOMAIN);
    assert_eq!(event["requestContext"]["accountId"], "anonymous");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "203.0.113.7");
    assert_eq!(event["body"], "{}");
    assert_eq!(event["isBase64Encoded"], false);
}

#[test]
fn http_api_puts_a_named_stage_into_the_path() {
    let settings = Settings { http_api_stage: "prod".to_owned(), ..Settings::default() };
    let event = http_api::event(&request("/mcp", &ACCEPTS, b"{}"), &settings, &facts());
    assert_eq!(event["rawPath"], "/prod/mcp");
    assert_eq!(event["requestContext"]["stage"], "prod");
    let event = http_api::event(&request("/mcp", &ACCEPTS, b"{}"), &Settings::default(), &facts());
    assert_eq!(event["rawPath"], "/mcp");
}

#[test]
fn rest_api_has_both_maps_and_keeps_the_stage_out_of_the_path() {
    let event = rest_api::event(&request("/a%20b?q=1&q=2", &ACCEPTS, b"{}"), &Settings::default(), &facts());
    assert_eq!(event["path"], "/a b");
    assert_eq!(event["requestContext"]["path"], "/prod/a b");
    assert_eq!(event["requestContext"]["stage"], "prod");
    assert_eq!(event["headers"]["Accept"], "text/event-stream");
    assert_eq!(event["multiValueHeaders"]["Accept"], json!(["application/json", "text/event-stream"]));
    assert_eq!(event["queryStringParameters"]["q"], "2");
    assert_eq!(event["multiValueQueryStringParameters"]["q"], json!(["1", "2"]));
    assert_eq!(event["pathParameters"]["proxy"], "a b");
    let event = rest_api::event(&request("/", &[], b""), &Settings::default(), &facts());
    assert_eq!(event["body"], Value::Null);
    assert_eq!(event["queryStringParameters"], Value::Null);
    assert_eq!(event["pathParameters"], Value::Null);
}

#[test]
fn alb_fills_one_map_and_decodes_no_query() {
    let incoming = request("/mcp?a=x%20y&a=2", &ACCEPTS, b"{}");
    let event = alb::event(&incoming, &Settings::default(), &facts());
    assert_eq!(event["headers"]["accept"], "text/event-stream");
    assert_eq!(event["queryStringParameters"]["a"], "2");
    assert!(event.get("multiValueHeaders").is_none());
    let settings = Settings { alb_headers: AlbHeaders::MultiValue, ..Settings::default() };
    let event = alb::event(&incoming, &settings, &facts());
    assert_eq!(event["multiValueHeaders"]["accept"], json!(["application/json", "text/event-stream"]));
    assert_eq!(event["multiValueQueryStringParameters"]["a"], json!(["x%20y", "2"]));
    assert!(event.get("headers").is_none());
    let event = alb::event(&request("/", &[], b""), &settings, &facts());
    assert_eq!(event["body"], "");
}

#[test]
fn a_body_is_base64_by_its_trigger_and_type() {
    let binary = [("content-type", "application/octet-stream")];
    let encoded = [("content-type", "application/json"), ("content-encoding", "gzip")];
    type Case<'a> = (&'a [(&'a str, &'a str)], bool, bool, bool);
    let cases: [Case<'_>; 4] = [
        (&ACCEPTS, false, false, false),
        (&binary, true, false, true),
        (&encoded, true, false, true),
        (&[], true, false, true),
    ];
    for (headers, url, rest, balancer) in cases {
        let incoming = request("/", headers, b"abc");
        let settings = Settings::default();
        for (event, is_base64) in [
            (function_url::event(&incoming, &facts()), url),
            (http_api::event(&incoming, &settings, &facts()), url),
            (rest_api::event(&incoming, &settings, &facts()), rest),
            (alb::event(&incoming, &settings, &facts()), balancer),
        ] {
            assert_eq!(event["isBase64Encoded"], is_base64, "{headers:?}");
            let body = if is_base64 { "YWJj" } else { "abc" };
            assert_eq!(event["body"], body, "{headers:?}");
        }
    }
    let settings = Settings { binary_media_types: vec!["application/*".to_owned()], ..Settings::default() };
    let event = rest_api::event(&request("/", &binary, b"abc"), &settings, &facts());
    assert_eq!(event["isBase64Encoded"], true);
}

#[test]
fn forwarded_headers_are_added_to_what_the_client_sent() {
    let headers = [
        ("x-forwarded-for", "9.9.9.9"),
        ("x-forwarded-proto", "http"),
        ("host", "127.0.0.1:8080"),
        ("connection", "keep-alive"),
    ];
    let event = function_url::event(&request("/", &headers, b""), &facts());
    assert_eq!(event["headers"]["x-forwarded-for"], "9.9.9.9, 203.0.113.7");
    assert_eq!(event["headers"]["x-forwarded-proto"], "https");
    assert!(event["headers"].get("connection").is_none());
    assert!(event["headers"]["x-amzn-trace-id"].is_string());
}

#[test]
fn format_2_infers_a_response_from_json_without_a_status() {
    for (reply, body) in [(r#"{"jsonrpc":"2.0"}"#, r#"{"jsonrpc":"2.0"}"#), (r#""text""#, "text"), ("[1]", "[1]")] {
        let response = http_api::response(reply.as_bytes()).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.body(), body);
    }
}

#[test]
fn cookies_of_format_2_become_headers_of_their_own() {
    let reply = json!({
        "statusCode": 201,
        "headers": {"X-Number": 1, "date": "yesterday"},
        "cookies": ["a=1", "b=2"],
        "body": "YWJj",
        "isBase64Encoded": true,
    });
    let response = http_api::response(reply.to_string().as_bytes()).unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-number"], "1");
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(response.body(), "abc");
    let response = function_url::response(reply.to_string().as_bytes()).unwrap();
    assert!(response.headers().get("date").is_none());
    assert_eq!(response.headers()["x-amzn-remapped-date"], "yesterday");
}

#[test]
fn rest_api_merges_its_two_maps_and_counts_a_pair_once() {
    let reply = json!({
        "statusCode": 200,
        "headers": {"a": "1", "b": "2"},
        "multiValueHeaders": {"A": ["1", "3"], "WWW-Authenticate": ["Bearer"]},
        "body": "x",
    });
    let response = rest_api::response(reply.to_string().as_bytes(), &HeaderMap::new(), &Settings::default()).unwrap();
    let values: Vec<_> = response.headers().get_all("a").iter().collect();
    assert_eq!(values, ["1", "3"]);
    assert_eq!(response.headers()["b"], "2");
    assert!(response.headers().get("www-authenticate").is_none());
    assert_eq!(response.headers()["x-amzn-remapped-www-authenticate"], "Bearer");
}

#[test]
fn rest_api_decodes_base64_only_for_its_binary_media_types() {
    let reply = json!({"statusCode": 200, "body": "YWJj", "isBase64Encoded": true}).to_string();
    let response = rest_api::response(reply.as_bytes(), &HeaderMap::new(), &Settings::default()).unwrap();
    assert_eq!(response.body(), "YWJj");
    let settings = Settings { binary_media_types: vec!["*/*".to_owned()], ..Settings::default() };
    let response = rest_api::response(reply.as_bytes(), &HeaderMap::new(), &settings).unwrap();
    assert_eq!(response.body(), "abc");
}

#[test]
fn alb_reads_the_map_its_attribute_names() {
    let reply = json!({
        "statusCode": 200,
        "statusDescription": "200 OK",
        "headers": {"a": "single"},
        "multiValueHeaders": {"a": ["multi", "two"]},
        "body": "",
    })
    .to_string();
    let response = alb::response(reply.as_bytes(), &Settings::default()).unwrap();
    assert_eq!(response.headers()["a"], "single");
    let settings = Settings { alb_headers: AlbHeaders::MultiValue, ..Settings::default() };
    let response = alb::response(reply.as_bytes(), &settings).unwrap();
    let values: Vec<_> = response.headers().get_all("a").iter().collect();
    assert_eq!(values, ["multi", "two"]);
}

#[test]
fn alb_takes_a_reply_of_one_megabyte_and_no_byte_more() {
    let reply = |length: usize| {
        let empty = r#"{"statusCode":200,"body":""}"#.len();
        let body = "x".repeat(length - empty);
        format!(r#"{{"statusCode":200,"body":"{body}"}}"#)
    };
    let fits = reply(alb::REPLY_BYTES);
    assert_eq!(fits.len(), alb::REPLY_BYTES);
    assert!(alb::response(fits.as_bytes(), &Settings::default()).is_ok());
    let over = reply(alb::REPLY_BYTES + 1);
    assert!(alb::response(over.as_bytes(), &Settings::default()).is_err());
}

#[test]
fn malformed_replies_are_refused_with_their_reason() {
    let settings = Settings::default();
    for (reply, reason) in [
        ("", "it is not JSON"),
        ("nonsense", "it is not JSON"),
        (r#"{"statusCode":"abc"}"#, "its `statusCode`"),
        (r#"{"statusCode":99}"#, "its `statusCode`"),
        (r#"{"statusCode":100}"#, "its `statusCode`"),
        (r#"{"statusCode":200,"body":{}}"#, "its `body` is no string"),
        (r#"{"statusCode":200,"body":"!","isBase64Encoded":true}"#, "marked as base64"),
        (r#"{"statusCode":200,"isBase64Encoded":"yes"}"#, "`isBase64Encoded`"),
        (r#"{"statusCode":200,"headers":{"a b":"c"}}"#, "invalid name"),
        (r#"{"statusCode":200,"headers":{"a":"b\r\nc: d"}}"#, "invalid value"),
        (r#"{"statusCode":200,"headers":{"a":["b","c"]}}"#, "`a` is no string"),
        (r#"{"statusCode":200,"headers":[]}"#, "`headers`"),
    ] {
        let bytes = reply.as_bytes();
        for result in [
            function_url::response(bytes),
            http_api::response(bytes),
            rest_api::response(bytes, &HeaderMap::new(), &settings),
            alb::response(bytes, &settings),
        ] {
            let malformed = result.unwrap_err();
            assert!(malformed.reason.contains(reason), "{reply}: {malformed}");
        }
    }
    for reply in ["[]", "{}", r#"{"jsonrpc":"2.0"}"#, "null"] {
        let bytes = reply.as_bytes();
        assert!(rest_api::response(bytes, &HeaderMap::new(), &settings).is_err());
        assert!(alb::response(bytes, &settings).is_err());
    }
}

#[test]
fn a_prelude_has_one_value_a_header() {
    let prelude = Prelude(json!({
        "statusCode": 202,
        "headers": {"www-authenticate": "Bearer"},
        "cookies": ["a=1"],
    }));
    for head in [function_url::streamed_head(&prelude).unwrap(), rest_api::streamed_head(&prelude).unwrap()] {
        assert_eq!(head.status, 202);
        assert_eq!(head.headers["set-cookie"], "a=1");
        assert!(head.headers.contains_key("x-amzn-remapped-www-authenticate"));
    }
    let prelude = Prelude(json!({"statusCode": 200, "headers": {"a": ["b", "c"]}}));
    assert!(function_url::streamed_head(&prelude).is_err());
    assert!(rest_api::streamed_head(&prelude).is_err());
    let prelude = Prelude(json!({"statusCode": 200, "multiValueHeaders": {"a": ["b", "c"]}}));
    let head = rest_api::streamed_head(&prelude).unwrap();
    assert_eq!(head.headers.get_all("a").iter().count(), 2);
}

#[test]
fn a_response_without_a_body_has_none() {
    let reply = br#"{"statusCode":204,"body":"x"}"#;
    for response in [
        function_url::response(reply).unwrap(),
        http_api::response(reply).unwrap(),
        alb::response(reply, &Settings::default()).unwrap(),
    ] {
        assert_eq!(response.status(), 204);
        assert!(response.body().is_empty());
    }
}

#[test]
fn every_gateway_answers_a_body_that_is_too_large_with_413() {
    for response in [
        function_url::failure(Failure::RequestTooLarge),
        rest_api::failure(Failure::RequestTooLarge),
        http_api::failure(Failure::RequestTooLarge),
        alb::failure(Failure::RequestTooLarge),
    ] {
        assert_eq!(response.status(), 413);
        assert!(!response.body().is_empty());
    }
}

#[test]
fn a_handlers_output_has_its_status_under_one_name_only() {
    for (output, status, body) in [
        (json!({"statusCode": 202, "body": "", "headers": {}}), 202, ""),
        (json!({"statusCode": "404", "status": "500", "body": "x"}), 404, "x"),
        (json!({"status": 404, "body": "x"}), 200, "x"),
        (json!({"StatusCode": 404, "Body": {"a": 1}}), 404, r#"{"a":1}"#),
        (json!({"statusCode": null, "body": null, "headers": null}), 200, ""),
        (json!({"statusCode": "many", "body": "x"}), 200, "x"),
    ] {
        let reply = json!({"Outputs": {"res": output}}).to_string();
        let response = payload::response(reply.as_bytes()).unwrap();
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (status, body.as_bytes()), "{output}");
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    }
    for reply in [
        json!({"Outputs": {}}),
        json!({"Outputs": {"res": []}}),
        json!({"Outputs": {"res": {"statusCode": 99, "body": "x"}}}),
        json!({"Outputs": {"res": {"statusCode": {}, "body": "x"}}}),
        json!({"Outputs": {"res": {"body": "x", "headers": []}}}),
    ] {
        assert!(payload::response(reply.to_string().as_bytes()).is_err(), "{reply}");
    }
}

#[test]
fn a_return_value_that_can_be_base64_is_taken_for_it() {
    for (value, body) in [("token123", b"\xb6\x89\x1e\x9f\x5d\xb7".as_slice()), ("{}", b"{}")] {
        let reply = json!({"Outputs": {}, "ReturnValue": value}).to_string();
        let response = payload::response(reply.as_bytes()).unwrap();
        assert_eq!(response.body(), body, "{value}");
    }
}

fn fixture(path: &str) -> Value {
    let path = format!("{}/../../tests/events/{path}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The request that a fixture's event is about.
fn request_of(headers: &Value) -> Request<Bytes> {
    const BODY: &str =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}"#;
    let added = ["host", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "disguised-host", "max-forwards"];
    let mut request = Request::post("/mcp").body(Bytes::from_static(BODY.as_bytes())).unwrap();
    for (name, value) in headers.as_object().unwrap() {
        let name: http::HeaderName = name.parse().unwrap();
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values.iter().filter(|_| !added.contains(&name.as_str())) {
            request.headers_mut().append(&name, value.as_str().unwrap().parse().unwrap());
        }
    }
    request
}

/// What differs from one request to the next, and from one client to another, taken out.
fn comparable(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let entries = std::mem::take(object);
            for (name, mut value) in entries {
                comparable(&mut value);
                if !["requestId", "extendedRequestId", "RandGuid", "Url"].contains(&name.as_str()) {
                    let lower = name.to_lowercase();
                    let name = if lower == "mcp-protocol-version" { lower } else { name };
                    object.insert(name, value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(comparable),
        _ => {}
    }
}

#[test]
fn events_are_those_of_the_fixtures() {
    let facts = Facts {
        request_id: String::new(),
        source_ip: [203, 0, 113, 7].into(),
        time: std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_165_200),
    };
    let settings = Settings::default();
    let multi = Settings { alb_headers: AlbHeaders::MultiValue, ..Settings::default() };
    for (name, headers) in [
        ("lambda/function_url/plain", "/headers"),
        ("lambda/http_api/plain", "/headers"),
        ("lambda/rest_api/plain", "/headers"),
        ("lambda/rest_api/repeated_headers", "/multiValueHeaders"),
        ("lambda/alb/plain", "/headers"),
        ("lambda/alb_multi_value/plain", "/multiValueHeaders"),
        ("lambda/alb_multi_value/repeated_headers", "/multiValueHeaders"),
    ] {
        let mut expected = fixture(name);
        let request = request_of(expected.pointer(headers).unwrap());
        let mut event = match name.split('/').nth(1).unwrap() {
            "function_url" => function_url::event(&request, &facts),
            "http_api" => http_api::event(&request, &settings, &facts),
            "rest_api" => rest_api::event(&request, &settings, &facts),
            "alb" => alb::event(&request, &settings, &facts),
            _ => alb::event(&request, &multi, &facts),
        };
        comparable(&mut event);
        comparable(&mut expected);
        assert_eq!(event, expected, "{name}");
    }
    let mut expected = fixture("azure/payload/plain");
    let mut request = request_of(&expected["Data"]["req"]["Headers"]);
    for (name, values) in expected["Data"]["req"]["Headers"].as_object().unwrap() {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(&name, values[0].as_str().unwrap().parse().unwrap());
    }
    let mut payload = payload::request(&request, &facts);
    comparable(&mut payload);
    comparable(&mut expected);
    assert_eq!(payload, expected);
}

/// JSON that looks like a reply more often than chance would have it.
fn replies() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u64..1200).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4).prop_map(|pairs| pairs.into_iter().collect::<Value>()),
        ]
    });
    let keys = prop::sample::select(vec![
        "statusCode",
        "headers",
        "multiValueHeaders",
        "cookies",
        "body",
        "isBase64Encoded",
        "Outputs",
        "res",
        "status",
        "ReturnValue",
    ]);
    let object = prop::collection::vec((keys, value), 0..6)
        .prop_map(|pairs| pairs.into_iter().collect::<Value>().to_string().into_bytes());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), object,]
}

proptest! {
    #[test]
    fn no_reply_makes_a_conversion_panic(reply in replies()) {
        let settings = Settings::default();
        let multi = Settings {
            alb_headers: AlbHeaders::MultiValue,
            binary_media_types: vec!["*/*".to_owned()],
            ..Settings::default()
        };
        let _ = function_url::response(&reply);
        let _ = http_api::response(&reply);
        let _ = rest_api::response(&reply, &HeaderMap::new(), &settings);
        let _ = rest_api::response(&reply, &HeaderMap::new(), &multi);
        let _ = alb::response(&reply, &settings);
        let _ = alb::response(&reply, &multi);
        let _ = payload::response(&reply);
        if let Ok(value) = serde_json::from_slice::<Value>(&reply) {
            let prelude = Prelude(value);
            let _ = function_url::streamed_head(&prelude);
            let _ = rest_api::streamed_head(&prelude);
        }
    }

    #[test]
    fn no_request_makes_a_conversion_panic(
        path in "/[a-z%0-9/]{0,20}",
        query in "[a-z=&%+0-9]{0,20}",
        value in prop::collection::vec(32_u8..=255, 0..20),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut incoming = Request::new(Bytes::from(body));
        *incoming.uri_mut() = format!("{path}?{query}").parse().unwrap();
        if let Ok(value) = http::HeaderValue::from_bytes(&value) {
            for name in ["cookie", "content-type", "x-forwarded-for", "accept", "host"] {
                incoming.headers_mut().append(name, value.clone());
                incoming.headers_mut().append(name, value.clone());
            }
        }
        let settings = Settings::default();
        let _ = function_url::event(&incoming, &facts());
        let _ = http_api::event(&incoming, &settings, &facts());
        let _ = rest_api::event(&incoming, &settings, &facts());
        let _ = alb::event(&incoming, &settings, &facts());
        let _ = payload::request(&incoming, &facts());
    }
}
