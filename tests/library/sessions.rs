//! Sessions of the legacy era: what a client can be asked in mid-call, and where it is said at once that it cannot.

use std::time::{Duration, Instant};

use mcp_cloud_emulator::{Running, Trigger};
use serde_json::{Value, json};

use crate::{
    emulator, everything, listen,
    wire::{Reply, Stream, messages, send},
};

/// How long a refusal may take.
const AT_ONCE: Duration = Duration::from_millis(100);

/// How many requests an instance takes at once, where it takes many.
const MANY: usize = 8;

/// A session that a client has begun.
struct Session {
    running: Running,
    id: String,
    trigger: Trigger,
}

impl Session {
    /// Begins one behind a trigger. With a concurrency of one a function is a classic one, and has one instance.
    async fn begin(trigger: Trigger, concurrency: usize) -> Self {
        let emulator = emulator(trigger, everything().await).env("MCP_CLOUD_SESSIONS", "memory");
        let running = listen(emulator.concurrency(concurrency).instances(1)).await;
        let capabilities = json!({ "sampling": {}, "elicitation": {}, "roots": {} });
        let client = json!({ "name": "sessions", "version": "1" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client });
        let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let begun = send(running.address(), "POST", &[], &initialize.to_string()).await;
        let id = begun.header("mcp-session-id").unwrap_or_else(|| panic!("{trigger}: {begun:?}")).to_owned();
        let session = Self { running, id, trigger };
        let initialized = session.post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        assert_eq!(initialized.status, 202, "{trigger}: {initialized:?}");
        session
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![("mcp-session-id", self.id.clone()), ("mcp-protocol-version", "2025-11-25".to_owned())]
    }

    async fn send(&self, method: &str, body: &str) -> Reply {
        send(self.running.address(), method, &self.headers(), body).await
    }

    async fn post(&self, message: &Value) -> Reply {
        self.send("POST", &message.to_string()).await
    }

    /// Opens a reply that is read while it comes.
    async fn open(&self, method: &str, headers: &[(&'static str, String)], body: &str) -> Stream {
        Stream::open(self.running.address(), method, &[&self.headers(), headers].concat(), body).await
    }

    /// What there is to ask a client, each is refused at once and says why.
    async fn is_refused_at_once(&self) {
        let warm_up = self.post(&call("test_simple_text", json!({}))).await;
        assert_eq!(warm_up.status, 200, "{}: {warm_up:?}", self.trigger);
        for (tool, arguments) in questions() {
            let mut best = Duration::MAX;
            // The machine may be busy with something else, once or twice.
            for _ in 0..5 {
                let begun = Instant::now();
                let refused = self.post(&call(tool, arguments.clone())).await;
                best = best.min(begun.elapsed());
                let error = &refused.message()["error"];
                assert_eq!(
                    (refused.status, error["code"].as_i64()),
                    (200, Some(-32603)),
                    "{}: {refused:?}",
                    self.trigger
                );
                let reason = error["message"].as_str().unwrap_or_default();
                assert!(
                    reason.contains("needs a session, a trigger that streams, and a process that takes other requests"),
                    "{}: {refused:?}",
                    self.trigger
                );
                if best < AT_ONCE {
                    break;
                }
            }
            assert!(best < AT_ONCE, "{}: {tool} is refused after {best:?}", self.trigger);
        }
    }
}

fn call(tool: &str, arguments: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": tool, "method": "tools/call", "params": { "name": tool, "arguments": arguments } })
}

fn questions() -> [(&'static str, Value); 2] {
    [("test_sampling", json!({ "prompt": "?" })), ("test_elicitation", json!({ "message": "?" }))]
}

/// Triggers behind which a request can be asked back, if one process takes many at once.
fn streaming() -> impl Iterator<Item = Trigger> {
    Trigger::ALL.into_iter().filter(|trigger| trigger.streams())
}

fn buffering() -> impl Iterator<Item = Trigger> {
    Trigger::ALL.into_iter().filter(|trigger| !trigger.streams())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_a_trigger_that_buffers_is_not_asked_and_the_call_fails_at_once() {
    for trigger in buffering() {
        let session = Session::begin(trigger, MANY).await;
        session.is_refused_at_once().await;
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_function_that_takes_one_request_at_a_time_is_not_asked_and_the_call_fails_at_once() {
    for trigger in streaming().filter(|trigger| trigger.is_lambda()) {
        let session = Session::begin(trigger, 1).await;
        session.is_refused_at_once().await;
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_reaches_the_client_on_the_stream_and_its_answer_the_call() {
    let model = json!({ "role": "assistant", "content": { "type": "text", "text": "Grüße" }, "model": "m" });
    let user = json!({ "action": "accept", "content": { "username": "Zoë", "email": "z@example.com" } });
    let expected =
        [("sampling/createMessage", model, "LLM response: Grüße"), ("elicitation/create", user, "action=accept")];
    for trigger in streaming() {
        let session = Session::begin(trigger, MANY).await;
        for ((tool, arguments), (method, answer, told)) in questions().into_iter().zip(expected.clone()) {
            let mut stream = session.open("POST", &[], &call(tool, arguments).to_string()).await;
            assert_eq!((stream.head.status, stream.head.media_type.as_deref()), (200, Some("text/event-stream")));
            let question = stream.message(|message| message["method"] == method).await;
            let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer });
            let taken = session.post(&answer).await;
            assert_eq!((taken.status, taken.body.trim_end()), (202, ""), "{trigger}: {taken:?}");
            let answered = stream.message(|message| message["id"] == tool && message["method"].is_null()).await;
            let text = answered["result"]["content"][0]["text"].as_str().unwrap_or_default();
            assert!(text.contains(told), "{trigger}: {answered}");
        }
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_of_a_session_reports_reaches_its_client_behind_every_trigger() {
    for trigger in Trigger::ALL {
        let session = Session::begin(trigger, 1).await;
        let mut progress = call("test_tool_with_progress", json!({}));
        progress["params"]["_meta"] = json!({ "progressToken": "p" });
        for _ in 0..2 {
            let reply = session.post(&progress).await;
            let steps: Vec<_> =
                reply.messages().iter().filter_map(|message| message["params"]["progress"].as_f64()).collect();
            assert_eq!((reply.status, steps), (200, vec![0.0, 50.0, 100.0]), "{trigger}: {reply:?}");
            let answer = reply.message();
            assert_eq!(answer["result"]["content"][0]["text"], "Progress test completed", "{trigger}: {reply:?}");
        }
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_its_client_cancels_ends_without_an_answer_of_its_own() {
    for trigger in streaming() {
        let session = Session::begin(trigger, MANY).await;
        let mut stream = session.open("POST", &[], &call("test_sampling", json!({ "prompt": "?" })).to_string()).await;
        stream.message(|message| message["method"] == "sampling/createMessage").await;
        let params = json!({ "requestId": "test_sampling" });
        let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        assert_eq!(session.post(&cancelled).await.status, 202, "{trigger}");
        let said = messages(&stream.rest().await);
        assert!(!said.iter().any(|message| message["id"] == "test_sampling"), "{trigger}: {said:?}");
        assert_eq!(session.post(&call("test_simple_text", json!({}))).await.status, 200, "{trigger}");
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_batch_belong_to_their_session() {
    for trigger in Trigger::ALL {
        let session = Session::begin(trigger, 1).await;
        // This session agreed on a version without batches, whatever a header says or does not.
        let named = [("mcp-session-id", session.id.clone())];
        let batch = json!([call("test_simple_text", json!({}))]).to_string();
        let refused = send(session.running.address(), "POST", &named, &batch).await;
        assert_eq!(
            (refused.status, &refused.message()["error"]["code"]),
            (400, &json!(-32600)),
            "{trigger}: {refused:?}"
        );
        let unknown = [("mcp-session-id", "none".to_owned())];
        let refused = send(session.running.address(), "POST", &unknown, &batch).await;
        assert_eq!(refused.status, 404, "{trigger}: {refused:?}");
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_a_stream_of_its_own_where_the_trigger_streams_and_none_elsewhere() {
    for trigger in streaming() {
        let session = Session::begin(trigger, MANY).await;
        let stream = session.open("GET", &[], "").await;
        assert_eq!(
            (stream.head.status, stream.head.media_type.as_deref()),
            (200, Some("text/event-stream")),
            "{trigger}"
        );
        drop(stream);
        session.running.stop().await;
    }
    let classic = streaming().filter(|trigger| trigger.is_lambda()).map(|trigger| (trigger, 1));
    for (trigger, concurrency) in buffering().map(|trigger| (trigger, MANY)).chain(classic) {
        let session = Session::begin(trigger, concurrency).await;
        let refused = session.send("GET", "").await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")), "{trigger}: {refused:?}");
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_deletion_and_is_not_found_from_then_on() {
    for trigger in Trigger::ALL {
        let session = Session::begin(trigger, 1).await;
        let deleted = session.send("DELETE", "").await;
        assert_eq!((deleted.status, deleted.body.as_str()), (204, ""), "{trigger}: {deleted:?}");
        // Not 401, upon which clients would renew their tokens for ever, and not 400, upon which they give up.
        for (method, body) in [("POST", call("test_simple_text", json!({})).to_string()), ("DELETE", String::new())] {
            let refused = session.send(method, &body).await;
            let message = refused.message();
            assert_eq!((refused.status, &message["error"]["code"]), (404, &json!(-32600)), "{trigger}: {refused:?}");
            let id = if method == "POST" { json!("test_simple_text") } else { Value::Null };
            assert_eq!(message["id"], id, "{trigger}: {refused:?}");
        }
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_gets_the_answer_of_a_call_whose_connection_was_closed() {
    for trigger in streaming() {
        let session = Session::begin(trigger, MANY).await;
        let mut closed = session.open("POST", &[], &call("test_reconnection", json!({})).to_string()).await;
        let events = closed.rest().await;
        assert!(messages(&events).is_empty(), "{trigger}: the answer came before the connection was closed: {events}");
        let last = events.lines().filter_map(|line| line.strip_prefix("id: ")).next_back();
        let last = last.unwrap_or_else(|| panic!("{trigger}: nothing says where to come back to: {events}"));
        let mut resumed = session.open("GET", &[("last-event-id", last.to_owned())], "").await;
        let answer = resumed.message(|message| message["id"] == "test_reconnection").await;
        assert_eq!(answer["result"]["content"][0]["text"], "Reconnection test completed", "{trigger}: {answer}");
        // The stream has nothing more to say, and ends.
        assert_eq!(messages(&resumed.rest().await).len(), 1, "{trigger}");
        let unknown = session.open("GET", &[("last-event-id", "99-1".to_owned())], "").await;
        assert_eq!(unknown.head.status, 400, "{trigger}: {:?}", unknown.head);
        session.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_another_instance_is_not_found_so_that_its_client_begins_anew() {
    let one = Session::begin(Trigger::Direct, 1).await;
    let other = Session::begin(Trigger::Direct, 1).await;
    let strayed = Session { running: other.running, id: one.id.clone(), trigger: Trigger::Direct };
    let reply = strayed.post(&call("test_simple_text", json!({}))).await;
    // Never 401: clients would look for another token, for ever.
    assert_eq!((reply.status, reply.message()["error"]["code"].as_i64()), (404, Some(-32600)), "{reply:?}");
    assert!(reply.body.contains("initialize"), "{reply:?}");
    assert_eq!(one.post(&call("test_simple_text", json!({}))).await.status, 200);
    strayed.running.stop().await;
    one.running.stop().await;
}
