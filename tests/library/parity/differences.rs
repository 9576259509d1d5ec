//! Where triggers differ, and why.

use mcp_cloud_emulator::Trigger;
use serde_json::{Value, json};

use super::exchange::modern_body;
use crate::{
    emulator, everything, listen,
    wire::{Reply, Stream, send},
};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// How long a subscription that must be refused may take; it would go on for ever.
const AT_ONCE: std::time::Duration = std::time::Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_opened_where_the_trigger_streams_and_refused_at_once_elsewhere() {
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let body = modern_body("subscriptions/listen", filter, json!({})).to_string();
    let headers =
        [("mcp-protocol-version", "2026-07-28".to_owned()), ("mcp-method", "subscriptions/listen".to_owned())];
    for trigger in Trigger::ALL {
        let running = listen(emulator(trigger, everything().await)).await;
        if trigger.streams() {
            let mut stream = Stream::open(running.address(), "POST", &headers, &body).await;
            assert_eq!((stream.head.status, stream.head.media_type.as_deref()), (200, Some("text/event-stream")));
            let first = stream.message(|_| true).await;
            assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{trigger}: {first}");
            assert_eq!(first["params"]["notifications"], json!({ "toolsListChanged": true }), "{trigger}: {first}");
            assert_eq!(first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "m", "{trigger}: {first}");
        } else {
            let refused = tokio::time::timeout(AT_ONCE, send(running.address(), "POST", &headers, &body)).await;
            let refused = refused.unwrap_or_else(|_| panic!("{trigger}: a subscription hangs"));
            assert_eq!((refused.status, code(&refused)), (404, Some(-32601)), "{trigger}: {refused:?}");
            assert!(refused.body.contains("needs a stream"), "{trigger}: {refused:?}");
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_the_servers_is_refused_where_the_trigger_lets_it_through() {
    let host = [("host", "evil.example".to_owned())];
    for trigger in Trigger::ALL {
        let running = listen(emulator(trigger, everything().await)).await;
        let reply = send(running.address(), "POST", &host, PING).await;
        let expected = match trigger {
            // The programs listen on the loopback interface, and answer to its names alone.
            Trigger::CloudRun | Trigger::Direct => (403, Some(-32600)),
            // AWS routes by the name and tells the function its own; Azure's host is what knows its names.
            _ => (200, None),
        };
        assert_eq!((reply.status, code(&reply)), expected, "{trigger}: {reply:?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_too_large_behind_every_trigger() {
    for trigger in Trigger::ALL {
        let running = listen(emulator(trigger, everything().await)).await;
        let limit = if trigger == Trigger::Alb { 1 } else { 6 } * 1024 * 1024;
        let body = |size: usize| format!("{PING}{}", " ".repeat(size - PING.len()));
        let reply = send(running.address(), "POST", &[], &body(limit + 1)).await;
        assert_eq!(reply.status, 413, "{trigger}: {reply:?}");
        // A gateway refuses it before the function is asked, in words of its own.
        if !trigger.is_lambda() {
            assert_eq!(code(&reply), Some(-32600), "{trigger}: {reply:?}");
            assert!(reply.body.contains(&limit.to_string()), "{trigger}: {reply:?}");
        }
        // What is around the body counts too.
        let reply = send(running.address(), "POST", &[], &body(limit - 16 * 1024)).await;
        assert_eq!((reply.status, code(&reply)), (200, None), "{trigger}: {reply:?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_measured_by_the_body_in_it() {
    let running = listen(emulator(Trigger::AzurePayload, everything().await)).await;
    // As JSON within JSON it takes twice its size.
    let params = json!({ "padding": "\"".repeat(2_900_000) });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": params }).to_string();
    let reply = send(running.address(), "POST", &[], &body).await;
    assert_eq!((reply.status, code(&reply)), (200, None), "{}", reply.status);
    // Far too large, it is refused before it has been read.
    let body = format!("{PING}{}", " ".repeat(14 * 1024 * 1024));
    let reply = send(running.address(), "POST", &[], &body).await;
    assert_eq!((reply.status, code(&reply)), (413, Some(-32600)), "{reply:?}");
    running.stop().await;
}

fn code(reply: &Reply) -> Option<i64> {
    let message: Value = reply.message();
    message["error"]["code"].as_i64()
}
