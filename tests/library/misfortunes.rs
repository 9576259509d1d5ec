//! What goes wrong between a client and a server that neither of them did wrong.

use std::{
    fs,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_cloud_emulator::{
    Emulator, Observation, RuntimeApi, Trigger,
    runtime_api::{self, Outcome},
    trigger::Settings,
};
use mcp_cloud_tests::{Program, workspace_root};
use serde_json::{Value, json};

use crate::{
    emulator, everything, hello, listen,
    wire::{exchange, send},
};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// A call that takes a tenth of a second for each step, and reports every step if it is given a token.
fn countdown(from: u8, meta: Value) -> String {
    let params = json!({ "name": "countdown", "arguments": { "from": from }, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string()
}

fn functions() -> impl Iterator<Item = Trigger> {
    Trigger::ALL.into_iter().filter(|trigger| trigger.is_lambda())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_cannot_stream_gets_a_document_from_a_function_that_streams_elsewhere() {
    for trigger in [Trigger::HttpApi, Trigger::Alb] {
        let emulator = Emulator::new(trigger, hello().await).env("MCP_CLOUD_RESPONSE_MODE", "stream");
        let running = listen(emulator).await;
        let reply = send(running.address(), "POST", &[], &countdown(1, json!({ "progressToken": 1 }))).await;
        assert_eq!((reply.status, reply.messages().len()), (200, 2), "{trigger}: {reply:?}");
        assert!(reply.body.contains("lift-off"), "{trigger}: {reply:?}");
        running.stop().await;
    }
}

/// API Gateway sends a second event when a stream has ended, which is no request.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_says_that_a_stream_has_ended_is_acknowledged_and_the_next_request_answered() {
    let events = workspace_root().join("tests/events");
    let read = |path: &str| fs::read(events.join(path)).expect("the event is there");
    let (completion, good) = (read("hostile/lambda/invoke_completion.json"), read("lambda/rest_api/plain.json"));
    for mode in ["stream", "buffered"] {
        let api = RuntimeApi::listen(runtime_api::Settings::default()).await.expect("it listens");
        let mut program = Command::new(hello().await);
        program.env_clear().env("AWS_LAMBDA_RUNTIME_API", api.address().to_string());
        let _function = Program::start(program.env("MCP_CLOUD_RESPONSE_MODE", mode));
        for _ in 0..2 {
            let acknowledged = api.invoke(completion.clone()).await;
            assert!(matches!(&acknowledged, Outcome::Buffered { body, .. } if &**body == b"{}"), "{acknowledged:?}");
            match api.invoke(good.clone()).await {
                Outcome::Buffered { body, .. } => {
                    let reply: Value = serde_json::from_slice(&body).expect("the reply is a document");
                    assert_eq!((mode, &reply["statusCode"]), ("buffered", &json!(200)), "{reply}");
                }
                outcome => assert!(mode == "stream" && matches!(outcome, Outcome::Streamed(_)), "{outcome:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_was_frozen_answers_as_if_nothing_had_been() {
    for trigger in functions() {
        let running = listen(emulator(trigger, hello().await).instances(1)).await;
        for _ in 0..3 {
            let reply = send(running.address(), "POST", &[], &countdown(2, json!({ "progressToken": 1 }))).await;
            assert_eq!((reply.status, reply.messages().len()), (200, 3), "{trigger}: {reply:?}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_on_when_the_function_that_runs_it_is_thawed() {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "extensions": { "io.modelcontextprotocol/tasks": {} } },
    });
    let headers = |method: &str, name: &str| {
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", name)]
            .map(|(header, value)| (header, value.to_owned()))
    };
    for trigger in functions() {
        let running = listen(emulator(trigger, everything().await).instances(1)).await;
        let send = async |method: &str, name: &str, mut params: Value| {
            params["_meta"] = meta.clone();
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
            send(running.address(), "POST", &headers(method, name), &body).await
        };
        let call = json!({ "name": "slow_compute", "arguments": { "seconds": 0.2 } });
        let begun = send("tools/call", "slow_compute", call).await;
        let id = begun.message()["result"]["taskId"].as_str().unwrap_or_else(|| panic!("{begun:?}")).to_owned();
        // Its time runs out while nothing runs.
        tokio::time::sleep(Duration::from_millis(400)).await;
        let task = send("tasks/get", &id, json!({ "taskId": id })).await;
        assert_eq!(task.message()["result"]["status"], "completed", "{trigger}: {task:?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_would_outlast_the_platforms_deadline_ends_with_an_error_before_it() {
    for trigger in functions() {
        for token in [json!({}), json!({ "progressToken": 1 })] {
            let running = listen(emulator(trigger, hello().await).timeout(Duration::from_secs(1))).await;
            // Cold, it would lose a part of its second.
            send(running.address(), "POST", &[], PING).await;
            let reply = send(running.address(), "POST", &[], &countdown(100, token)).await;
            let error = &reply.message()["error"];
            assert_eq!((reply.status, error["code"].as_i64()), (200, Some(-32603)), "{trigger}: {reply:?}");
            assert!(error["message"].as_str().is_some_and(|text| text.contains("time limit")), "{trigger}: {reply:?}");
            // The instance was not killed for it.
            assert_eq!(send(running.address(), "POST", &[], PING).await.status, 200, "{trigger}");
            running.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_silent_for_longer_than_the_gateway_waits_is_kept_alive() {
    // An edge-optimised REST API waits 30 seconds; half of them have to do here.
    let settings = Settings { rest_api_idle_timeout: Duration::from_secs(17), ..Settings::default() };
    let emulator = emulator(Trigger::RestApiStream, hello().await).settings(settings);
    let running = listen(emulator.timeout(Duration::from_secs(60))).await;
    let reply = send(running.address(), "POST", &[], &countdown(200, json!({}))).await;
    assert_eq!((reply.status, reply.media_type.as_deref()), (200, Some("text/event-stream")), "{reply:?}");
    assert!(reply.body.starts_with(":\n\n"), "{reply:?}");
    assert_eq!(reply.message()["result"]["content"][0]["text"], "lift-off", "{reply:?}");
    running.stop().await;
}

/// In payload mode the Functions host describes a request in the body of its own. Whoever can send a body in another
/// mode could describe a request that the gates let through.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_cannot_be_hidden_in_the_body_of_another() {
    let described = json!({ "Url": "http://localhost/mcp", "Method": "POST", "Headers": {}, "Body": PING });
    let hidden = json!({ "Data": { "request": described }, "Metadata": {} }).to_string();
    let page = ("origin", "https://evil.example".to_owned());
    let simple = ("content-type", "text/plain".to_owned());
    for trigger in [Trigger::AzureForwarding, Trigger::AzureProxying] {
        let running = listen(emulator(trigger, hello().await)).await;
        let reply = send(running.address(), "POST", &[page.clone(), simple.clone()], &hidden).await;
        assert_eq!(reply.status, 403, "{trigger}: {reply:?}");
        if trigger.streams() {
            let reply = send(running.address(), "POST", &[], &hidden).await;
            assert_eq!(reply.status, 400, "{trigger}: {reply:?}");
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_is_no_part_of_the_path() {
    let settings = Settings { http_api_stage: "prod".to_owned(), ..Settings::default() };
    let running = listen(emulator(Trigger::HttpApi, hello().await).settings(settings)).await;
    let reply = exchange(running.address(), "POST /mcp", &[], PING).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_a_log_or_the_error_of_a_bad_request() {
    const SECRET: &str = "hunter2hunter2";
    let bearer = ("authorization", format!("Bearer {SECRET}"));
    let cookie = ("cookie", format!("session={SECRET}"));
    let modern = ("mcp-protocol-version", "2026-07-28".to_owned());
    let argument = json!({ "name": "test_custom_header", "arguments": { "value": SECRET } });
    let unreadable = json!({ "name": "test_custom_header", "arguments": { "value": { SECRET: 1 } } });
    let call =
        |params: &Value| json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    // What the client is told may hold what it is about: the answer of a tool, and nothing else here.
    let bodies = [
        (call(&argument), true),
        (call(&unreadable), false),
        (PING.to_owned(), false),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":"{SECRET}"}}"#), false),
        (format!(r#"{{"token":"{SECRET}"}}"#), false),
        (format!("token={SECRET}"), false),
        (format!(r#"[{{"token":"{SECRET}"}}]"#), false),
    ];
    for trigger in Trigger::ALL {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        let emulator = emulator(trigger, everything().await).env("RUST_LOG", "trace").observer(move |observation| {
            if let Observation::ServerOutput { line, .. } = observation {
                seen.lock().expect("nobody panicked").push(line);
            }
        });
        let running = listen(emulator).await;
        for (body, may_tell) in &bodies {
            for headers in [vec![bearer.clone(), cookie.clone()], vec![bearer.clone(), modern.clone()]] {
                let request = format!("POST /mcp?code={SECRET}");
                let reply = exchange(running.address(), &request, &headers, body).await;
                assert!(*may_tell || !reply.body.contains(SECRET), "{trigger}: {body}: {reply:?}");
            }
        }
        let elsewhere =
            exchange(running.address(), &format!("GET /{SECRET}?code={SECRET}"), std::slice::from_ref(&bearer), "")
                .await;
        assert!(elsewhere.status == 404 && !elsewhere.body.contains(SECRET), "{trigger}: {elsewhere:?}");
        running.stop().await;
        let lines = lines.lock().expect("nobody panicked");
        assert!(!lines.iter().any(|line| line.contains(SECRET)), "{trigger}: {lines:?}");
    }
}
