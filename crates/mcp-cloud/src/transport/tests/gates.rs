//! The gates a request goes through, and the form its reply takes.

use http::Request;
use serde_json::{Value, json};

use super::{MODERN, events, json_of, legacy, message, modern, modern_head, read, send, through};
use crate::{capabilities::Capabilities, testing};

fn work() -> Value {
    json!({ "name": "work", "arguments": { "text": "done" }, "_meta": { "progressToken": 5 } })
}

#[tokio::test]
async fn an_answer_alone_is_one_json_document() {
    for request in [
        legacy("tools/call", json!({ "name": "echo", "arguments": { "text": "hi" } })),
        modern("tools/call", json!({ "name": "echo", "arguments": { "text": "hi" } })),
    ] {
        let (status, media_type, body) = send(&testing::service(), request).await;
        assert_eq!((status, media_type.as_str()), (200, "application/json"), "{body}");
        assert_eq!(json_of(&body)["result"]["content"][0]["text"], "hi");
    }
}

#[tokio::test]
async fn what_is_sent_before_the_answer_makes_it_an_event_stream() {
    for request in [legacy("tools/call", work()), through(Capabilities::HTTP_API, legacy("tools/call", work()))] {
        let (status, media_type, body) = send(&testing::service(), request).await;
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
    let (_, media_type, body) = send(&testing::service(), request).await;
    assert_eq!(media_type, "application/json");
    assert_eq!(json_of(&body)["id"], 7);
}

#[tokio::test]
async fn a_client_that_takes_only_events_gets_only_the_answer_where_all_of_them_are_too_large() {
    let capabilities = Capabilities { streams: false, max_response_body: Some(1024 + 200), ..Capabilities::SOCKET };
    let request = super::with_header(legacy("tools/call", work()), "accept", "text/event-stream");
    let (_, media_type, body) = send(&testing::service(), through(capabilities, request)).await;
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
    let complete = || modern_head("tools/call", &json!({ "name": "echo" }));
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
        let (status, _, answer) = send(&testing::service(), request.body(body()).unwrap()).await;
        let answer = json_of(&answer);
        assert_eq!((status, &answer["error"]["code"], &answer["id"]), (400, &json!(expected), &json!("a")), "{what}");
    }
    let encoded = request()
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "=?base64?ZWNobw==?=");
    assert_eq!(send(&testing::service(), encoded.body(body()).unwrap()).await.0, 200);
}

#[tokio::test]
async fn a_version_nobody_speaks_is_refused_with_those_spoken() {
    let mut request = legacy("tools/list", json!({}));
    request.headers_mut().insert("mcp-protocol-version", "1999-01-01".parse().unwrap());
    let (status, _, body) = send(&testing::service(), request).await;
    let error = &json_of(&body)["error"];
    assert_eq!((status, &error["code"], &error["data"]["requested"]), (400, &json!(-32022), &json!("1999-01-01")));
    assert!(error["data"]["supported"].as_array().unwrap().contains(&json!(MODERN)));
}

#[tokio::test]
async fn a_modern_request_without_its_metadata_is_refused() {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let request = Request::post("/mcp").header("mcp-protocol-version", MODERN).header("mcp-method", "tools/list");
    let (status, _, answer) = send(&testing::service(), request.body(body.into()).unwrap()).await;
    assert_eq!((status, &json_of(&answer)["error"]["code"]), (400, &json!(-32602)));
}

#[tokio::test]
async fn methods_that_do_not_exist_are_not_found_in_the_modern_era() {
    for method in ["initialize", "ping", "logging/setLevel", "no/such", "subscriptions/listen"] {
        let body = message(method, json!({ "notifications": {} }));
        let (status, _, body) = send(&testing::service(), modern_head(method, &json!({})).body(body).unwrap()).await;
        assert_eq!((status, &json_of(&body)["error"]["code"]), (404, &json!(-32601)), "{method}: {body}");
    }
}

#[tokio::test]
async fn an_error_of_the_handler_travels_in_a_200_of_the_legacy_era() {
    let (status, _, body) = send(&testing::service(), legacy("no/such", json!({}))).await;
    assert_eq!((status, &json_of(&body)["error"]["code"]), (200, &json!(-32601)));
}

#[tokio::test]
async fn notifications_and_responses_are_accepted_without_a_body() {
    for body in [
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }),
    ] {
        let (status, _, answer) =
            send(&testing::service(), Request::post("/mcp").body(body.to_string().into()).unwrap()).await;
        assert_eq!((status, answer.as_str()), (202, ""));
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_with_a_json_rpc_error() {
    for (body, code) in [("", -32700), ("{", -32700), ("[]", -32600), ("{}", -32600), ("\u{feff}{}", -32700)] {
        let (status, media_type, answer) =
            send(&testing::service(), Request::post("/mcp").body(body.into()).unwrap()).await;
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

#[tokio::test]
async fn a_subscription_is_refused_at_once_where_replies_go_out_in_one_piece() {
    let request = modern("subscriptions/listen", json!({ "notifications": {} }));
    let (status, _, body) = send(&testing::service(), through(Capabilities::HTTP_API, request)).await;
    assert_eq!((status, &json_of(&body)["error"]["code"]), (404, &json!(-32601)));
}

#[tokio::test]
async fn an_error_keeps_its_status_in_whatever_form_the_client_takes() {
    for (accept, media_type) in [
        ("text/event-stream, application/json", "application/json"),
        ("text/event-stream", "text/event-stream"),
        ("application/json", "application/json"),
    ] {
        let request = super::with_header(modern("no/such", json!({})), "accept", accept);
        let (status, found, body) = send(&testing::service(), request).await;
        assert_eq!((status, found.as_str()), (404, media_type), "{accept}: {body}");
        assert!(body.contains("-32601"));
    }
}

#[tokio::test]
async fn a_client_that_would_rather_have_events_gets_them() {
    for accept in ["text/event-stream, application/json", "text/event-stream"] {
        let request = super::with_header(modern("tools/list", json!({})), "accept", accept);
        let (status, media_type, body) = send(&testing::service(), request).await;
        assert_eq!((status, media_type.as_str()), (200, "text/event-stream"));
        assert_eq!(events(&body)[0]["id"], "a");
    }
}
