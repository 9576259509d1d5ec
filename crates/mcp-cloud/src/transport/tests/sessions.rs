//! Sessions of the legacy era.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{events, json_of, legacy, modern, piece, post, send, through, with_header};
use crate::{Body, McpService, SessionSettings, capabilities::Capabilities, testing};

fn service() -> McpService {
    testing::server().with_sessions(SessionSettings::in_memory()).into_service()
}

fn initialize(capabilities: Value) -> Request<Bytes> {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client });
    legacy("initialize", params)
}

/// Begins a session, and returns its id.
async fn begin(service: &McpService) -> String {
    let response = service.clone().answer(initialize(json!({ "elicitation": {}, "sampling": {}, "roots": {} }))).await;
    assert_eq!(response.status(), 200);
    let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(id.len() >= 32 && id.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{id}");
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(send(service, within(&id, post(initialized))).await.0, 202);
    id
}

fn within(id: &str, request: Request<Bytes>) -> Request<Bytes> {
    with_header(with_header(request, "mcp-session-id", id), "mcp-protocol-version", "2025-11-25")
}

fn get(id: &str) -> Request<Bytes> {
    within(id, with_header(Request::get("/mcp").body(Bytes::new()).unwrap(), "accept", "text/event-stream"))
}

fn delete(id: &str) -> Request<Bytes> {
    within(id, Request::delete("/mcp").body(Bytes::new()).unwrap())
}

fn call(name: &str) -> Request<Bytes> {
    legacy("tools/call", json!({ "name": name, "arguments": { "text": "hi" }, "_meta": { "progressToken": 1 } }))
}

/// Reads a body until an event has what is wanted.
async fn event(body: &mut Body, wanted: &str) -> (Option<String>, Value) {
    let mut seen = String::new();
    while let Some(piece) = piece(body).await {
        seen.push_str(&piece);
        if let Some(event) = piece.split("\n\n").find(|event| event.contains(wanted)) {
            let field = |name| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
            return (field("id: "), json_of(&field("data: ").unwrap()));
        }
    }
    panic!("{wanted} is not in {seen}");
}

#[tokio::test]
async fn a_session_lives_from_initialize_to_delete() {
    let service = service();
    let id = begin(&service).await;
    assert_eq!(send(&service, within(&id, call("echo"))).await.0, 200);
    assert_eq!(send(&service, delete(&id)).await.0, 204);
    for request in [call("echo"), post(json!({ "jsonrpc": "2.0", "method": "notifications/x" }))] {
        let (status, _, body) = send(&service, within(&id, request)).await;
        assert_eq!((status, &json_of(&body)["error"]["code"]), (404, &json!(-32600)));
    }
    assert_eq!((send(&service, get(&id)).await.0, send(&service, delete(&id)).await.0), (404, 404));
    let (_, _, body) = send(&service, within(&id, call("echo"))).await;
    assert_eq!(json_of(&body)["id"], 7, "the error is the answer to this request");
}

#[tokio::test]
async fn a_server_without_sessions_promises_and_minds_none() {
    let service = testing::service();
    let response = service.clone().answer(initialize(json!({}))).await;
    assert!(response.headers().get("mcp-session-id").is_none());
    assert_eq!(send(&service, within("platforms-own", call("echo"))).await.0, 200);
    assert_eq!((send(&service, get("x")).await.0, send(&service, delete("x")).await.0), (405, 405));
}

#[tokio::test]
async fn a_request_outside_of_any_session_is_served_all_the_same() {
    let service = service();
    assert_eq!(send(&service, call("echo")).await.0, 200);
    let modern = modern("tools/call", json!({ "name": "echo", "arguments": { "text": "hi" } }));
    assert_eq!(send(&service, with_header(modern, "mcp-session-id", "nonsense")).await.0, 200);
    let modern_get = with_header(get("nonsense"), "mcp-protocol-version", "2026-07-28");
    assert_eq!(send(&service, modern_get).await.0, 405);
    let nameless = Request::get("/mcp").body(Bytes::new()).unwrap();
    assert_eq!(send(&service, nameless).await.0, 400);
}

#[tokio::test]
async fn an_initialize_that_fails_begins_no_session() {
    let service = service();
    let response = service.clone().answer(legacy("initialize", json!({ "nonsense": true }))).await;
    assert!(response.headers().get("mcp-session-id").is_none());
}

#[tokio::test]
async fn the_client_is_asked_in_mid_call_and_its_answer_arrives() {
    let service = service();
    let id = begin(&service).await;
    let response = service.clone().answer(within(&id, call("ask"))).await;
    let mut body = response.into_body();
    let (_, question) = event(&mut body, "elicitation/create").await;
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "decline" } });
    assert_eq!(send(&service, within(&id, post(answer))).await.0, 202);
    let (_, answer) = event(&mut body, "\"result\"").await;
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(7), &json!("Decline")));
}

#[tokio::test]
async fn the_clients_error_is_the_handlers_error() {
    let service = service();
    let id = begin(&service).await;
    let mut body = service.clone().answer(within(&id, call("ask"))).await.into_body();
    let (_, question) = event(&mut body, "elicitation/create").await;
    let refusal = json!({ "jsonrpc": "2.0", "id": question["id"], "error": { "code": -1, "message": "not today" } });
    assert_eq!(send(&service, within(&id, post(refusal))).await.0, 202);
    let (_, answer) = event(&mut body, "\"result\"").await;
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("not today"), "{answer}");
}

#[tokio::test]
async fn a_client_that_cannot_answer_is_not_asked() {
    let service = service();
    let id = begin(&service).await;
    let only_json = with_header(within(&id, call("ask")), "accept", "application/json");
    for (what, request) in [
        ("outside of a session", call("ask")),
        ("without a stream", through(Capabilities::HTTP_API, within(&id, call("ask")))),
        ("while nothing else gets through", through(Capabilities::FUNCTION_URL_STREAM, within(&id, call("ask")))),
        ("in a language without events", only_json),
    ] {
        let before = std::time::Instant::now();
        let (status, _, body) = send(&service, request).await;
        assert_eq!(status, 200);
        assert!(before.elapsed() < Duration::from_millis(100), "{what}");
        assert!(body.contains("a request to the client needs a session"), "{what}: {body}");
    }
}

#[tokio::test]
async fn a_session_has_a_stream_of_its_own() {
    let service = service();
    let id = begin(&service).await;
    assert_eq!(send(&service, within(&id, call("keep"))).await.0, 200);
    assert_eq!(send(&service, within(&id, call("spread"))).await.0, 200);
    let response = service.clone().answer(get(&id)).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    assert!(piece(&mut body).await.unwrap().starts_with("id: 0-0\nretry: "));
    let (position, news) = event(&mut body, "tools/list_changed").await;
    assert_eq!((position.as_deref(), &news["method"]), (Some("0-1"), &json!("notifications/tools/list_changed")));
    // Who comes later takes over.
    let mut later = service.clone().answer(get(&id)).await.into_body();
    assert!(piece(&mut later).await.is_some());
    assert_eq!(piece(&mut body).await, None);
    assert_eq!(send(&service, delete(&id)).await.0, 204);
    assert_eq!(piece(&mut later).await, None, "the stream ends with its session");
}

#[tokio::test]
async fn what_one_session_hears_another_does_not() {
    let service = service();
    let (one, other) = (begin(&service).await, begin(&service).await);
    assert_ne!(one, other);
    assert_eq!(send(&service, within(&one, call("keep"))).await.0, 200);
    assert_eq!(send(&service, within(&one, call("spread"))).await.0, 200);
    let mut body = service.clone().answer(get(&other)).await.into_body();
    assert!(piece(&mut body).await.unwrap().contains("retry"));
    let silence = tokio::time::timeout(Duration::from_millis(50), piece(&mut body)).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn a_lost_stream_is_taken_up_where_it_broke() {
    let service = service();
    let id = begin(&service).await;
    let mut body = service.clone().answer(within(&id, call("work"))).await.into_body();
    let (position, first) = event(&mut body, "notifications/progress").await;
    assert_eq!(first["params"]["progress"], 1.0);
    drop(body);
    let again = with_header(get(&id), "last-event-id", &position.unwrap());
    let body = service.clone().answer(again).await.into_body().collect().await.unwrap().to_bytes();
    let rest = events(std::str::from_utf8(&body).unwrap());
    assert_eq!((rest.len(), &rest[0]["params"]["progress"]), (2, &json!(2.0)));
    assert_eq!((&rest[1]["id"], &rest[1]["result"]["content"][0]["text"]), (&json!(7), &json!("hi")));
}

#[tokio::test]
async fn an_event_nobody_knows_cannot_be_taken_up() {
    let service = service();
    let id = begin(&service).await;
    for event in ["9-1", "0-7", "nonsense", "0-", "-1", "18446744073709551615-18446744073709551615"] {
        let (status, _, body) = send(&service, with_header(get(&id), "last-event-id", event)).await;
        assert_eq!((status, &json_of(&body)["error"]["code"]), (400, &json!(-32600)), "{event}");
    }
}

#[tokio::test]
async fn a_handler_may_let_go_of_the_connection_and_the_client_comes_back() {
    let service = service();
    let id = begin(&service).await;
    let response = service.clone().answer(within(&id, call("reconnect"))).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains("retry: ") && events(text).is_empty(), "{text}");
    let position = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let again = with_header(get(&id), "last-event-id", position);
    let body = service.clone().answer(again).await.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(events(std::str::from_utf8(&body).unwrap())[0]["result"]["content"][0]["text"], "back");
    // A client that takes only JSON could not read on.
    let only_json = with_header(within(&id, call("reconnect")), "accept", "application/json");
    let (_, media_type, body) = send(&service, only_json).await;
    assert_eq!((media_type.as_str(), &json_of(&body)["id"]), ("application/json", &json!(7)));
    // Where nobody can come back, nothing happens.
    let (_, _, body) = send(&service, call("reconnect")).await;
    assert_eq!(json_of(&body)["result"]["content"][0]["text"], "back");
}

#[tokio::test]
async fn a_cancelled_request_ends_and_its_handler_knows() {
    let service = service();
    let id = begin(&service).await;
    let running = tokio::spawn({
        let (service, id) = (service.clone(), id.clone());
        async move { send(&service, within(&id, call("hang"))).await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    assert_eq!(send(&service, within(&id, post(cancel.clone()))).await.0, 202);
    let (_, _, body) = tokio::time::timeout(Duration::from_secs(2), running).await.unwrap().unwrap();
    assert_eq!(json_of(&body)["error"]["code"], -32800);
    // Another session's request with the same id goes on.
    let other = begin(&service).await;
    let running = tokio::spawn({
        let (service, other) = (service.clone(), other.clone());
        async move { send(&service, within(&other, call("hang"))).await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(send(&service, within(&id, post(cancel))).await.0, 202);
    assert!(tokio::time::timeout(Duration::from_millis(50), running).await.is_err());
}

#[tokio::test]
async fn an_idle_session_is_ended_and_a_busy_one_is_not() {
    let settings = SessionSettings::in_memory().with_idle(Duration::from_millis(80));
    let service = testing::server().with_sessions(settings).into_service();
    let (idle, busy) = (begin(&service).await, begin(&service).await);
    let stream = service.clone().answer(get(&busy)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(send(&service, within(&idle, call("echo"))).await.0, 404);
    assert_eq!(send(&service, within(&busy, call("echo"))).await.0, 200);
    drop(stream);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(send(&service, within(&busy, call("echo"))).await.0, 404);
}

#[tokio::test]
async fn there_are_only_so_many_sessions() {
    let service = testing::server().with_sessions(SessionSettings::in_memory().with_most(2)).into_service();
    let first = begin(&service).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let second = begin(&service).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let third = begin(&service).await;
    let statuses = [&first, &second, &third].map(|id| within(id, call("echo")));
    let mut found = Vec::new();
    for request in statuses {
        found.push(send(&service, request).await.0);
    }
    assert_eq!(found, [404, 200, 200], "the one that was idle the longest made room");
}

#[tokio::test]
async fn streams_of_sessions_end_when_the_server_stops() {
    let service = service();
    let id = begin(&service).await;
    let mut body = service.clone().answer(get(&id)).await.into_body();
    assert!(piece(&mut body).await.is_some());
    service.stop();
    assert_eq!(piece(&mut body).await.as_deref(), Some("retry: 500\n\n"));
    assert_eq!(piece(&mut body).await, None);
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_known_in_its_session() {
    let service = service();
    let id = begin(&service).await;
    let (_, _, body) = send(&service, within(&id, call("client"))).await;
    assert_eq!(json_of(&body)["result"]["content"][0]["text"], "test, with elicitation");
    let (_, _, body) = send(&service, call("client")).await;
    assert_eq!(json_of(&body)["result"]["content"][0]["text"], "unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_with_the_same_ids_never_see_each_others_messages() {
    let service = service();
    let mut clients = tokio::task::JoinSet::new();
    // Some in sessions, some without, all with the id 7, some of them asked in mid-call.
    for client in 0..40 {
        let service = service.clone();
        clients.spawn(async move {
            let session = if client % 2 == 0 { Some(begin(&service).await) } else { None };
            for round in 0..50 {
                let mark = format!("{client}/{round}");
                let name = if session.is_some() && round % 5 == 0 { "ask_for" } else { "work" };
                let params = json!({ "name": name, "arguments": { "text": mark }, "_meta": { "progressToken": mark } });
                let request = legacy("tools/call", params);
                let request = session.iter().fold(request, |request, id| within(id, request));
                let mut body = service.clone().answer(request).await.into_body();
                let mut seen = Vec::new();
                while let Some(piece) = piece(&mut body).await {
                    for message in events(&piece) {
                        if message["method"] == "elicitation/create" {
                            assert_eq!(message["params"]["message"], mark);
                            let result = json!({ "action": "accept", "content": { "text": mark } });
                            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
                            let id = session.as_deref().unwrap();
                            assert_eq!(send(&service, within(id, post(answer))).await.0, 202);
                        } else {
                            seen.push(message);
                        }
                    }
                }
                let answer = seen.pop().unwrap();
                assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(7), &json!(mark)));
                assert!(seen.iter().all(|message| message["params"]["progressToken"] == mark), "{seen:?}");
                assert_eq!(seen.len(), if name == "work" { 2 } else { 0 });
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

#[tokio::test]
async fn a_version_nobody_speaks_opens_no_stream() {
    let service = service();
    let id = begin(&service).await;
    for request in [get(&id), delete(&id)] {
        let (status, _, body) = send(&service, with_header(request, "mcp-protocol-version", "1999-01-01")).await;
        assert_eq!((status, &json_of(&body)["error"]["code"]), (400, &json!(-32022)));
    }
}

#[tokio::test]
async fn what_runs_for_nobody_does_not_keep_a_session_alive() {
    let settings = SessionSettings::in_memory().with_idle(Duration::from_millis(80));
    let service = testing::server().with_sessions(settings).into_service();
    let id = begin(&service).await;
    let waiting = tokio::time::timeout(Duration::from_millis(20), send(&service, within(&id, call("hang")))).await;
    assert!(waiting.is_err(), "the client goes away, the handler does not");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(send(&service, within(&id, call("echo"))).await.0, 404);
}

#[tokio::test]
async fn a_batch_whose_requests_are_all_cancelled_has_nothing_to_say() {
    let service = service();
    let id = begin(&service).await;
    let call = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "hang" } });
    let batch = with_header(post(json!([call(1), call(2)])), "mcp-session-id", &id);
    let batch = with_header(batch, "mcp-protocol-version", "2025-03-26");
    let running = tokio::spawn({
        let service = service.clone();
        async move { send(&service, batch).await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    for request in [1, 2] {
        let params = json!({ "requestId": request });
        let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        assert_eq!(send(&service, within(&id, post(cancel))).await.0, 202);
    }
    let (status, _, body) = tokio::time::timeout(Duration::from_secs(2), running).await.unwrap().unwrap();
    assert_eq!((status, body.as_str()), (202, ""));
}
