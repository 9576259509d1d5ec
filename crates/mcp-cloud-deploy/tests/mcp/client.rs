//! The client against a server that sends whatever it likes.

use std::time::Duration;

use http::StatusCode;
use mcp_cloud_deploy::mcp::{Authorization, Client, ClientError, Era, Http, Token, client::Malformed, http::HttpError};
use serde_json::{Value, json};

use crate::server::{Ask, Server, Then, error, events, reply, result, streamed, text, tool};

fn client(server: &Server) -> Client {
    Client::new(&Http::plain(), &server.url(), Authorization::Nobody).expect("a URL")
}

#[tokio::test]
async fn unknown_era_falls_back_to_the_handshake() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::OK] {
        let server =
            Server::with(move |ask| (ask.asks() == "server/discover").then(|| error(status, ask, -32601))).await;
        let mut client = client(&server);
        let introduction = client.connect(None).await.expect("it is a legacy server");
        assert_eq!((introduction.era, introduction.protocol_version.as_str()), (Era::Legacy, "2025-11-25"));
        assert_eq!(client.tools().await.expect("it lists them").len(), 2);
        let methods: Vec<_> = server.asked().iter().map(|ask| ask.asks().to_owned()).collect();
        assert_eq!(methods, ["server/discover", "initialize", "notifications/initialized", "tools/list"]);
        assert_eq!(
            server.asked().last().map(|ask| ask.header("mcp-protocol-version").to_owned()).as_deref(),
            Some("2025-11-25")
        );
    }
    let refused = Server::with(|_| Some(text(StatusCode::UNAUTHORIZED, ""))).await;
    let error = client(&refused).connect(None).await.expect_err("it wants credentials");
    assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
    assert_eq!(refused.asked().len(), 1, "another era would change nothing");
}

#[tokio::test]
async fn session_is_kept_and_ended() {
    let server = Server::with(|ask| {
        (ask.asks() == "initialize").then(|| {
            let mut reply = result(ask, json!({ "protocolVersion": "2025-06-18", "capabilities": {} }));
            reply.headers_mut().insert("mcp-session-id", "s-1".parse().expect("a value"));
            reply
        })
    })
    .await;
    let mut client = client(&server);
    client.connect(Some(Era::Legacy)).await.expect("it shakes hands");
    client.tools().await.expect("it lists them");
    client.close().await;
    let asked = server.asked();
    let sessions: Vec<_> = asked.iter().map(|ask| (ask.method.as_str(), ask.header("mcp-session-id"))).collect();
    assert_eq!(sessions, [("POST", ""), ("POST", "s-1"), ("POST", "s-1"), ("DELETE", "s-1")]);
}

#[tokio::test]
async fn every_page_is_read_and_a_list_without_end_is_refused() {
    let paged = Server::with(|ask| {
        let cursor = ask.message["params"]["cursor"].as_str().unwrap_or("0").parse::<u32>().expect("ours");
        let next = if cursor < 2 { json!((cursor + 1).to_string()) } else { Value::Null };
        (ask.asks() == "tools/list")
            .then(|| result(ask, json!({ "tools": [tool(&format!("t{cursor}"))], "nextCursor": next })))
    })
    .await;
    let tools = client(&paged).tools().await.expect("it lists them");
    assert_eq!(
        tools.iter().map(|tool| tool["name"].as_str().unwrap_or_default()).collect::<Vec<_>>(),
        ["t0", "t1", "t2"]
    );
    let endless = Server::with(|ask| Some(result(ask, json!({ "tools": [], "nextCursor": "same" })))).await;
    let error = client(&endless).tools().await.expect_err("it does not end");
    assert!(matches!(error, ClientError::Malformed { source: Malformed::Endless, .. }), "{error:?}");
    assert_eq!(endless.asked().len(), 2);
}

#[tokio::test]
async fn call_hands_reports_on_and_repeats_in_headers_what_the_schema_says() {
    let server = Server::with(|ask| {
        let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progress": 1 } });
        let answer = json!({ "jsonrpc": "2.0", "id": ask.message["id"], "result": { "content": [], "isError": true } });
        (ask.asks() == "tools/call").then(|| events(&[progress, answer], Then::Silence))
    })
    .await;
    let schema = json!({ "properties": { "city": { "type": "string", "x-mcp-header": "City" } } });
    let arguments = json!({ "city": "Köln" }).as_object().cloned().expect("an object");
    let mut heard = Vec::new();
    let result = client(&server)
        .call("Grüße", arguments, &schema, &mut |notification| heard.push(notification.method))
        .await
        .expect("an error of a tool is a result, and nobody waits for the end of the stream");
    assert_eq!((result["isError"].clone(), heard), (json!(true), vec!["notifications/progress".to_owned()]));
    let asked: Ask = server.asked().pop().expect("it was asked");
    assert_eq!(asked.header("mcp-name"), "=?base64?R3LDvMOfZQ==?=");
    assert_eq!(asked.header("mcp-param-city"), "=?base64?S8O2bG4=?=");
    assert_eq!(asked.header("mcp-method"), "tools/call");
    assert_eq!(asked.message["params"]["_meta"]["progressToken"], asked.message["id"]);
}

#[tokio::test]
async fn hostile_answers_are_clear_errors() {
    let wrong_id = json!({ "jsonrpc": "2.0", "id": 99, "result": {} }).to_string();
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "roots/list" }).to_string();
    for (media_type, body, expected) in [
        ("application/json", "{", "it is no JSON: EOF while parsing an object at line 1 column 1"),
        ("application/json", "[]", "it is no JSON-RPC message"),
        ("application/json", &*wrong_id, "it answers the request 99, and 1 was asked"),
        (
            "application/json",
            &*request,
            "the server asks the client for `roots/list`, which this client has not promised",
        ),
        ("text/event-stream", "data: {}\n\n", "it is no JSON-RPC message"),
        ("text/event-stream", "data: null\n\ndata: {}\n\n", "it is no JSON-RPC message"),
        ("text/event-stream", ": hello\n\n", "the reply ended without an answer"),
        (
            "text/html",
            "<html>",
            "the server answered tools/list with `text/html`, which is neither JSON nor an event stream",
        ),
    ] {
        let body = body.to_owned();
        let server = Server::with(move |_| Some(reply(StatusCode::OK, media_type, &body))).await;
        let error = client(&server).tools().await.expect_err(expected);
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.unwrap_or_else(|| error.to_string()), expected);
    }
}

#[tokio::test]
async fn reply_that_is_too_large_or_too_slow_is_given_up() {
    let limits = mcp_cloud_deploy::mcp::http::Limits { time: Duration::from_millis(300), bytes: 100_000 };
    let piece = bytes::Bytes::from(": x\n".repeat(1000));
    let flood = Server::with(move |_| Some(streamed("text/event-stream", vec![piece.clone()], Then::More))).await;
    let error = client(&flood).with_limits(limits).tools().await.expect_err("it is too large");
    assert!(matches!(error, ClientError::Http(HttpError::TooLarge { limit: 100_000, .. })), "{error:?}");
    let silent = Server::with(|_| Some(streamed("text/event-stream", Vec::new(), Then::Silence))).await;
    let error = client(&silent).with_limits(limits).tools().await.expect_err("it is too slow");
    assert!(matches!(error, ClientError::Http(HttpError::TooSlow { .. })), "{error:?}");
}

#[tokio::test]
async fn credentials_are_not_sent_in_the_clear() {
    let token = Authorization::Bearer(Token::new("secret").expect("a token"));
    let mut client = Client::new(&Http::plain(), "http://mcp.example.com/mcp", token).expect("a URL");
    let error = client.connect(None).await.expect_err("anybody could read it");
    assert!(matches!(error, ClientError::Http(HttpError::Insecure { .. })), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"));
    for url in ["", "mcp.example.com/mcp", "ftp://example.com/", "https://"] {
        assert!(Client::new(&Http::plain(), url, Authorization::Nobody).is_err(), "{url}");
    }
}
