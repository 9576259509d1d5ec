//! One suite of exchanges through every trigger: what a client gets must not depend on where the server runs.

use mcp_cloud_emulator::{Emulator, Running, Trigger};
use mcp_cloud_tests::{Profile, hello_binary};
use serde_json::{Value, json};

use crate::{Reply, send};

/// A request of a client: method, headers, body.
struct Exchange {
    name: &'static str,
    method: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

fn exchange(name: &'static str, headers: &[(&'static str, &str)], body: impl ToString) -> Exchange {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Exchange { name, method: "POST", headers, body: body.to_string() }
}

fn legacy(name: &'static str, method: &str, params: Value) -> Exchange {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    exchange(name, &[("mcp-protocol-version", "2025-11-25")], body)
}

fn modern(name: &'static str, method: &str, mut params: Value) -> Exchange {
    let named = params["name"].as_str().map(str::to_owned);
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let body = json!({ "jsonrpc": "2.0", "id": "m", "method": method, "params": params });
    let mut exchange = exchange(name, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)], body);
    exchange.headers.extend(named.map(|named| ("mcp-name", named)));
    exchange
}

fn exchanges() -> Vec<Exchange> {
    let echo = json!({ "name": "echo", "arguments": { "text": "grüße 🎈 \"\\\n\u{1}" } });
    let countdown = json!({ "name": "countdown", "arguments": { "from": 2 }, "_meta": { "progressToken": "p" } });
    let client = json!({ "name": "parity", "version": "1" });
    let initialize = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let mut get = exchange("a GET has no stream to offer", &[], "");
    get.method = "GET";
    let mut delete = exchange("a DELETE has no session to end", &[], "");
    delete.method = "DELETE";
    vec![
        legacy("initialize", "initialize", initialize),
        exchange("a notification", &[], json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })),
        legacy("legacy list", "tools/list", json!({})),
        legacy("legacy echo", "tools/call", echo.clone()),
        legacy("legacy progress", "tools/call", countdown.clone()),
        legacy("legacy unknown tool", "tools/call", json!({ "name": "nope" })),
        legacy("legacy unknown method", "no/such", json!({})),
        modern("discover", "server/discover", json!({})),
        modern("modern list", "tools/list", json!({})),
        modern("modern echo", "tools/call", echo),
        modern("modern progress", "tools/call", countdown),
        modern("modern unknown method", "no/such", json!({})),
        modern("modern initialize", "initialize", json!({})),
        exchange("no JSON", &[], "nonsense"),
        exchange("no message", &[], "{}"),
        exchange("an unknown version", &[("mcp-protocol-version", "1999-01-01")], json!({})),
        exchange("a stranger's page", &[("origin", "https://evil.example")], json!({})),
        get,
        delete,
    ]
}

async fn start(trigger: Trigger) -> Running {
    let program = tokio::task::spawn_blocking(|| hello_binary(Profile::Dev)).await.expect("hello builds");
    let mode = if trigger.streams() { "stream" } else { "buffered" };
    Emulator::new(trigger, program)
        .env("MCP_CLOUD_RESPONSE_MODE", mode)
        // On Cloud Run the server would listen on every interface of this machine.
        .env("MCP_CLOUD_ALLOW_UNAUTHENTICATED", "0")
        .listen(([127, 0, 0, 1], 0).into())
        .await
        .expect("the emulator starts")
}

async fn replies(trigger: Trigger) -> Vec<(&'static str, Reply)> {
    let running = start(trigger).await;
    let mut replies = Vec::new();
    for Exchange { name, method, headers, body } in exchanges() {
        let reply = send(running.address(), method, &headers, &body).await;
        replies.push((name, reply));
    }
    running.stop().await;
    replies
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trigger_gives_the_same_answers() {
    let expected = replies(Trigger::Direct).await;
    let of = |name: &str| &expected.iter().find(|(found, _)| *found == name).expect("it is in the list").1;
    assert_eq!((of("legacy echo").status, of("a notification").status, of("no JSON").status), (200, 202, 400));
    assert!(of("legacy progress").body.matches("notifications/progress").count() == 2);
    for trigger in Trigger::ALL {
        for ((name, reply), (_, expected)) in replies(trigger).await.into_iter().zip(&expected) {
            // Behind a streaming gateway an empty reply carries a newline, without which it would never end.
            let body = if expected.body.is_empty() { reply.body.trim_end() } else { &reply.body };
            let found = (reply.status, reply.media_type.as_deref(), body);
            let wanted = (expected.status, expected.media_type.as_deref(), expected.body.as_str());
            // A gateway or a host may name a type for a reply that has no body.
            if wanted.2.is_empty() {
                assert_eq!((found.0, found.2), (wanted.0, wanted.2), "{trigger}: {name}");
            } else {
                assert_eq!(found, wanted, "{trigger}: {name}");
            }
        }
    }
}
