//! Whatever a client sends: nothing panics, nothing hangs, and everything is answered with HTTP that has a meaning.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
};
use serde_json::{Value, json};

use super::{message, read, through};
use crate::{SessionSettings, capabilities::Capabilities, testing, transport::stream::write_event};

/// Headers that the transport reads.
const HEADERS: [&str; 12] = [
    "accept",
    "authorization",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-param-value",
    "mcp-protocol-version",
    "mcp-session-id",
    "traceparent",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
];

fn header() -> impl Strategy<Value = (HeaderName, Vec<u8>)> {
    let name = (0..HEADERS.len()).prop_map(|index| HeaderName::from_static(HEADERS[index]));
    let value = prop_oneof![
        vec(any::<u8>(), 0..40),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        prop_oneof![
            Just("2026-07-28"),
            Just("2025-11-25"),
            Just("2025-03-26"),
            Just("tools/call"),
            Just("echo"),
            Just("=?base64?ZWNobw==?="),
            Just("0-0"),
            Just("text/event-stream"),
            Just("application/json;q=0.1"),
        ]
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    (name, value)
}

/// JSON of any shape, in which the names that the transport looks for are likely.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[\\PC]{0,12}".prop_map(Value::from),
        prop_oneof![Just("2.0"), Just("tools/call"), Just("tools/list"), Just("initialize"), Just("2026-07-28")]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let name = prop_oneof![
            Just("jsonrpc"),
            Just("id"),
            Just("method"),
            Just("params"),
            Just("result"),
            Just("error"),
            Just("_meta"),
            Just("name"),
            Just("arguments"),
            Just("requestId"),
            Just("io.modelcontextprotocol/protocolVersion"),
            Just("io.modelcontextprotocol/clientCapabilities"),
            Just("io.modelcontextprotocol/logLevel"),
        ];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name, inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let echo = message("tools/call", json!({ "name": "echo", "arguments": { "text": "hi" } })).to_vec();
    let length = echo.len();
    prop_oneof![
        vec(any::<u8>(), 0..200),
        any_json().prop_map(|json| json.to_string().into_bytes()),
        // What almost is a request.
        (0..length, any::<u8>()).prop_map(move |(place, byte)| {
            let mut almost = echo.clone();
            almost[place] = byte;
            almost
        }),
    ]
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    (0..Capabilities::TRIGGERS.len()).prop_map(|index| Capabilities::TRIGGERS[index].1)
}

async fn exchange(request: Request<Bytes>) -> (u16, String, String) {
    let server = testing::server().with_sessions(SessionSettings::in_memory());
    read(server.into_service().answer(request).await).await
}

proptest::proptest! {
    #[test]
    fn whatever_is_sent_is_answered(
        method in prop_oneof![4 => Just(Method::POST), 1 => Just(Method::GET), 1 => Just(Method::DELETE), 1 => Just(Method::PUT)],
        headers in vec(header(), 0..8),
        body in body(),
        capabilities in capabilities(),
    ) {
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = "/mcp".parse().unwrap();
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers_mut().append(name, value);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (status, media_type, reply) = runtime.block_on(exchange(through(capabilities, request)));
        proptest::prop_assert!(matches!(status, 200 | 202 | 204 | 400 | 404 | 405), "{} {}", status, reply);
        if media_type == "application/json" {
            let json: Value = serde_json::from_str(&reply).unwrap();
            for answer in json.as_array().cloned().unwrap_or_else(|| vec![json]) {
                proptest::prop_assert_eq!(&answer["jsonrpc"], "2.0");
                proptest::prop_assert!(answer.get("result").is_some() != answer.get("error").is_some());
            }
        }
    }

    #[test]
    fn an_event_is_read_as_it_was_written(message: Vec<u8>, id in "[0-9]{1,9}-[0-9]{1,9}") {
        let mut written = Vec::new();
        write_event(&mut written, Some(&id), &message);
        // As the standard has a client read it: lines, fields, and the data of several lines joined.
        let text = String::from_utf8_lossy(&written);
        let data: Vec<_> = text.split(['\n', '\r']).filter_map(|line| line.strip_prefix("data: ")).collect();
        let expected: Vec<String> = message
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        proptest::prop_assert_eq!(data, expected);
        let named = text.contains(&format!("\nid: {id}\n"));
        proptest::prop_assert!(named && text.ends_with("\n\n"));
    }
}
