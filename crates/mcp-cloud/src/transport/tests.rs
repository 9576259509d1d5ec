//! Exchanges through the whole service, as a client sees them.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Body, McpService, Server,
    capabilities::Capabilities,
    request_info::{RequestInfo, RequestOrigin},
    testing,
};

const MODERN: &str = "2026-07-28";

/// A request of the modern era with everything it must carry.
fn modern(method: &str, mut params: Value) -> http::request::Builder {
    let name = params.get("name").or(params.get("uri")).and_then(Value::as_str).map(str::to_owned);
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    let mut request = Request::post("/mcp").header("mcp-protocol-version", MODERN).header("mcp-method", method);
    if let Some(name) = name {
        request = request.header("mcp-name", name);
    }
    request
}

fn message(method: &str, mut params: Value) -> Bytes {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params }).to_string().into()
}

fn legacy(method: &str, params: Value) -> Request<Bytes> {
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string();
    Request::post("/mcp").body(body.into()).unwrap()
}

fn buffered(mut request: Request<Bytes>) -> Request<Bytes> {
    let capabilities = Capabilities { streams: false, ..Capabilities::SOCKET };
    request.extensions_mut().insert(RequestInfo::new(RequestOrigin::ApigwV2, capabilities));
    request
}

async fn send(request: Request<Bytes>) -> (u16, String, String) {
    let mut service: McpService = testing::service();
    read(service.answer(request).await).await
}

async fn read(response: Response<Body>) -> (u16, String, String) {
    let status = response.status().as_u16();
    let media_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, media_type, String::from_utf8(body.into()).unwrap())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The messages of an event stream.
fn events(body: &str) -> Vec<Value> {
    body.split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| json_of(event.strip_prefix("event: message\ndata: ").unwrap()))
        .collect()
}

fn work() -> Value {
    json!({ "name": "work", "arguments": { "text": "done" }, "_meta": { "progressToken": 5 } })
}

#[tokio::test]
async fn an_answer_alone_is_one_json_document() {
    for request in [
        legacy("tools/call", json!({ "name": "echo", "arguments": { "text": "hi" } })),
        modern("tools/call", json!({ "name": "echo" }))
            .body(message("tools/call", json!({ "name": "echo", "arguments": { "text": "hi" } })))
            .unwrap(),
    ] {
        let (status, media_type, body) = send(request).await;
        assert_eq!((status, media_type.as_str()), (200, "application/json"), "{body}");
        assert_eq!(json_of(&body)["result"]["content"][0]["text"], "hi");
    }
}

#[tokio::test]
async fn what_is_sent_before_the_answer_makes_it_an_event_stream() {
    for request in [legacy("tools/call", work()), buffered(legacy("tools/call", work()))] {
        let (status, media_type, body) = send(request).await;
        assert_eq!((status, media_type.as_str()), (200, "text/event-stream"), "{body}");
        let events = events(&body);
        let steps: Vec<_> = events.iter().filter_map(|event| event["params"]["progress"].as_f64()).collect();
        assert_eq!(steps, [1.0, 2.0]);
        assert_eq!(events.last().unwrap()["result"]["content"][0]["text"], "done");
    }
}

#[tokio::test]
async fn a_client_that_takes_only_json_gets_only_the_answer() {
    let mut request = legacy("tools/call", work());
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    let (_, media_type, body) = send(request).await;
    assert_eq!(media_type, "application/json");
    assert_eq!(json_of(&body)["id"], 7);
}

#[tokio::test]
async fn a_client_that_takes_only_events_gets_only_the_answer_where_all_of_them_are_too_large() {
    let mut request = legacy("tools/call", work());
    request.headers_mut().insert("accept", "text/event-stream".parse().unwrap());
    let limit = Some(1024 + 200);
    let capabilities = Capabilities { streams: false, max_response_body: limit, ..Capabilities::SOCKET };
    request.extensions_mut().insert(RequestInfo::new(RequestOrigin::ApigwV2, capabilities));
    let (_, media_type, body) = send(request).await;
    assert_eq!(media_type, "text/event-stream");
    let events = events(&body);
    assert_eq!((events.len(), &events[0]["result"]["content"][0]["text"]), (1, &json!("done")), "{body}");
}

#[tokio::test]
async fn what_a_request_sends_reaches_only_its_own_stream() {
    let service = testing::service();
    let calls = (0..20).map(|token| {
        let mut service = service.clone();
        let mut params = work();
        params["_meta"]["progressToken"] = token.into();
        tokio::spawn(async move { (token, read(service.answer(legacy("tools/call", params)).await).await.2) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (token, body) = call.await.unwrap();
        let tokens: Vec<_> =
            events(&body).iter().filter_map(|event| event["params"]["progressToken"].as_i64()).collect();
        assert_eq!(tokens, [token, token]);
    }
}

#[tokio::test]
async fn a_modern_request_is_held_against_its_headers() {
    let body = || message("tools/call", json!({ "name": "echo", "arguments": { "text": "hi" } }));
    let request = || Request::post("/mcp");
    let complete = || modern("tools/call", json!({ "name": "echo" }));
    for (what, request, expected) in [
        ("no headers", request(), -32020),
        ("another version", request().header("mcp-protocol-version", "2025-11-25"), -32020),
        ("no method", request().header("mcp-protocol-version", MODERN), -32020),
        ("two methods", complete().header("mcp-method", "tools/list"), -32020),
        (
            "another name",
            request()
                .header("mcp-protocol-version", MODERN)
                .header("mcp-method", "tools/call")
                .header("mcp-name", "add"),
            -32020,
        ),
        (
            "a name that is no Base64",
            request()
                .header("mcp-protocol-version", MODERN)
                .header("mcp-method", "tools/call")
                .header("mcp-name", "=?base64?%?="),
            -32020,
        ),
    ] {
        let (status, _, answer) = send(request.body(body()).unwrap()).await;
        let answer = json_of(&answer);
        assert_eq!((status, &answer["error"]["code"], &answer["id"]), (400, &json!(expected), &json!("a")), "{what}");
    }
    let encoded = request()
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "=?base64?ZWNobw==?=");
    assert_eq!(send(encoded.body(body()).unwrap()).await.0, 200);
}

#[tokio::test]
async fn a_version_nobody_speaks_is_refused_with_those_spoken() {
    let mut request = legacy("tools/list", json!({}));
    request.headers_mut().insert("mcp-protocol-version", "1999-01-01".parse().unwrap());
    let (status, _, body) = send(request).await;
    let error = &json_of(&body)["error"];
    assert_eq!((status, &error["code"], &error["data"]["requested"]), (400, &json!(-32022), &json!("1999-01-01")));
    assert!(error["data"]["supported"].as_array().unwrap().contains(&json!(MODERN)));
}

#[tokio::test]
async fn a_modern_request_without_its_metadata_is_refused() {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let request = Request::post("/mcp").header("mcp-protocol-version", MODERN).header("mcp-method", "tools/list");
    let (status, _, answer) = send(request.body(body.into()).unwrap()).await;
    assert_eq!((status, &json_of(&answer)["error"]["code"]), (400, &json!(-32602)));
}

#[tokio::test]
async fn methods_that_do_not_exist_are_not_found_in_the_modern_era() {
    for method in ["initialize", "ping", "logging/setLevel", "no/such", "subscriptions/listen"] {
        let body = message(method, json!({ "notifications": {} }));
        let (status, _, body) = send(modern(method, json!({})).body(body).unwrap()).await;
        assert_eq!((status, &json_of(&body)["error"]["code"]), (404, &json!(-32601)), "{method}: {body}");
    }
}

#[tokio::test]
async fn an_error_of_the_handler_travels_in_a_200_of_the_legacy_era() {
    let (status, _, body) = send(legacy("no/such", json!({}))).await;
    assert_eq!((status, &json_of(&body)["error"]["code"]), (200, &json!(-32601)));
}

#[tokio::test]
async fn notifications_and_responses_are_accepted_without_a_body() {
    for body in [
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
    ] {
        let (status, _, answer) = send(Request::post("/mcp").body(body.to_string().into()).unwrap()).await;
        assert_eq!((status, answer.as_str()), (202, ""));
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_with_a_json_rpc_error() {
    for (body, code) in [("", -32700), ("{", -32700), ("[]", -32600), ("{}", -32600), ("\u{feff}{}", -32700)] {
        let (status, media_type, answer) = send(Request::post("/mcp").body(body.into()).unwrap()).await;
        assert_eq!((status, media_type.as_str()), (400, "application/json"), "{body:?}");
        assert_eq!(json_of(&answer)["error"]["code"], code, "{body:?}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_answers_with_an_error_and_the_next_request_works() {
    let mut service = testing::service();
    let call = |name: &str| legacy("tools/call", json!({ "name": name, "arguments": { "text": "hi" } }));
    let (status, _, body) = read(service.answer(call("fail")).await).await;
    assert_eq!((status, &json_of(&body)["error"]["code"]), (200, &json!(-32603)));
    assert!(!body.contains("as it should"), "the message of a panic is for the log");
    assert_eq!(json_of(&read(service.answer(call("echo")).await).await.2)["result"]["content"][0]["text"], "hi");
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_given_up_before_the_platform_cuts_the_line() {
    let mut request = legacy("tools/call", json!({ "name": "hang" }));
    let mut info = RequestInfo::new(RequestOrigin::FunctionUrl, Capabilities::SOCKET);
    let deadline = Instant::now() + Duration::from_secs(3);
    info.deadline = Some(deadline);
    request.extensions_mut().insert(info);
    let before = tokio::time::Instant::now();
    let (_, _, body) = send(request).await;
    assert!(before.elapsed() < Duration::from_secs(3));
    assert_eq!(json_of(&body)["id"], 7);
    assert!(json_of(&body)["error"]["message"].as_str().unwrap().contains("time limit"));
}

/// Whether a handler came to its end although its client went away after the first message.
async fn is_finished_without_its_client(mut request: Request<Bytes>, capabilities: Capabilities) -> bool {
    let finished = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&finished);
    let server = Server::json_rpc(move |_, context| {
        let finished = Arc::clone(&finished);
        async move {
            let _ = context.notify("notifications/progress", &json!({}));
            tokio::time::sleep(Duration::from_millis(20)).await;
            finished.store(true, Ordering::Relaxed);
            Ok(json!({}))
        }
    });
    request.extensions_mut().insert(RequestInfo::new(RequestOrigin::ApigwV2, capabilities));
    drop(server.into_service().answer(request).await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    seen.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_in_the_modern_era_and_not_before() {
    let legacy = || legacy("tools/call", work());
    let modern = modern("tools/call", work()).body(message("tools/call", work())).unwrap();
    assert!(is_finished_without_its_client(legacy(), Capabilities::SOCKET).await);
    assert!(!is_finished_without_its_client(modern, Capabilities::SOCKET).await);
    // Nothing may be left running where the process is about to stand still.
    assert!(!is_finished_without_its_client(legacy(), Capabilities::CLOUD_RUN).await);
}

#[tokio::test]
async fn a_subscription_is_refused_at_once_where_replies_go_out_in_one_piece() {
    let request =
        modern("subscriptions/listen", json!({})).body(message("subscriptions/listen", json!({ "notifications": {} })));
    let (status, _, body) = send(buffered(request.unwrap())).await;
    assert_eq!((status, &json_of(&body)["error"]["code"]), (404, &json!(-32601)));
}

proptest::proptest! {
    #[test]
    fn arbitrary_bodies_never_panic(bytes: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(send(Request::post("/mcp").body(bytes.into()).unwrap()));
    }
}
