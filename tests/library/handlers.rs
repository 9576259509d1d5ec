//! The handlers that are not rmcp's, as the library's examples serve them.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use mcp_cloud_emulator::{Emulator, Trigger};
use mcp_cloud_tests::{Profile, everything_binary, hello_binary, library_example};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use crate::wire::{Reply, Stream, post, send};

const PATIENCE: Duration = Duration::from_secs(20);

/// An example of the library, listening as a container. It is killed when the test ends, however it ends.
struct Served {
    address: SocketAddr,
    _child: Child,
}

impl Served {
    async fn example(name: &'static str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        // The features of the other example, so that the library is built once for both.
        let program = tokio::task::spawn_blocking(move || library_example(name, "lambda-http")).await;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let child = Command::new(program.expect("the example builds"))
            .args(arguments)
            .env("PORT", port.to_string())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the example starts");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let patience = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < patience, "{name} does not listen on {address}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { address, _child: child }
    }

    async fn json_rpc(variables: &[(&str, &str)]) -> Self {
        Self::example("json_rpc", &[], variables).await
    }

    /// The bridge, around a program.
    async fn around(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let program = program.to_str().expect("the path is text");
        Self::example("duplex", &[&["--", program], arguments].concat(), variables).await
    }

    /// The bridge, around the example server.
    async fn around_hello() -> Self {
        let hello = tokio::task::spawn_blocking(|| hello_binary(Profile::Dev)).await.expect("hello builds");
        Self::around(hello, &["--stdio"], &[]).await
    }

    /// The bridge, around a server that insists on being initialized.
    async fn around_strict(variables: &[(&str, &str)]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/library/strict.py");
        Self::around(Path::new("python3"), &[script], variables).await
    }

    async fn legacy(&self, method: &str, params: Value) -> Reply {
        post(self.address, &message(1, method, params)).await
    }

    async fn modern(&self, method: &str, mut params: Value) -> Reply {
        let mut headers = vec![("mcp-protocol-version", "2026-07-28".to_owned()), ("mcp-method", method.to_owned())];
        headers.extend(params["name"].as_str().map(|name| ("mcp-name", name.to_owned())));
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
        send(self.address, "POST", &headers, &message(1, method, params)).await
    }

    /// A session of a client with this name.
    async fn session(&self, name: &str) -> Session<'_> {
        let client = json!({ "name": name, "version": "1" });
        let capabilities = json!({ "elicitation": {} });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client });
        let reply = self.legacy("initialize", params).await;
        let session =
            Session { served: self, id: reply.header("mcp-session-id").expect("sessions are kept").to_owned() };
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
        assert_eq!(send(self.address, "POST", &session.headers(), &initialized).await.status, 202);
        session
    }
}

/// A session of the legacy era.
struct Session<'s> {
    served: &'s Served,
    id: String,
}

impl Session<'_> {
    fn headers(&self) -> [(&'static str, String); 2] {
        [("mcp-session-id", self.id.clone()), ("mcp-protocol-version", "2025-11-25".to_owned())]
    }

    async fn call(&self, name: &str, arguments: Value) -> Reply {
        let call = message(2, "tools/call", json!({ "name": name, "arguments": arguments }));
        send(self.served.address, "POST", &self.headers(), &call).await
    }

    /// Calls a tool that asks, answers with this, and returns the text of the result.
    async fn call_and_answer(&self, name: &str, arguments: Value, result: Value) -> String {
        let call = message(2, "tools/call", json!({ "name": name, "arguments": arguments }));
        let mut stream = Stream::open(self.served.address, "POST", &self.headers(), &call).await;
        let asked = stream.message(|message| message["method"] == "elicitation/create").await;
        let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }).to_string();
        assert_eq!(send(self.served.address, "POST", &self.headers(), &answer).await.status, 202);
        let answer = stream.message(|message| message["id"] == 2).await;
        answer["result"]["content"][0]["text"].as_str().expect("it answers in text").to_owned()
    }

    async fn end(self) {
        let reply = send(self.served.address, "DELETE", &self.headers(), "").await;
        assert_eq!(reply.status, 204);
    }
}

fn message(id: u64, method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

fn text(reply: &Reply) -> String {
    let answer = reply.message();
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_serves_both_eras() {
    let served = Served::json_rpc(&[]).await;
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
    assert_eq!(served.legacy("initialize", params).await.message()["result"]["protocolVersion"], "2025-06-18");
    let discovered = served.modern("server/discover", json!({})).await.message();
    assert_eq!(discovered["result"]["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(discovered["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "json-rpc");
    let legacy = served.legacy("tools/list", json!({})).await.message();
    let modern = served.modern("tools/list", json!({})).await.message();
    assert_eq!(legacy["result"]["tools"], modern["result"]["tools"]);
    assert_eq!((&legacy["result"]["resultType"], &modern["result"]["resultType"]), (&Value::Null, &"complete".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_reports_progress_before_it_answers() {
    let served = Served::json_rpc(&[]).await;
    let call = json!({ "name": "count", "arguments": { "to": 3 }, "_meta": { "progressToken": "p" } });
    for reply in [served.legacy("tools/call", call.clone()).await, served.modern("tools/call", call).await] {
        let messages = reply.messages();
        let steps: Vec<_> = messages.iter().filter_map(|message| message["params"]["progress"].as_u64()).collect();
        assert_eq!((reply.media_type.as_deref(), steps), (Some("text/event-stream"), vec![1, 2, 3]));
        assert_eq!(text(&reply), "counted to 3");
    }
    let quiet = served.legacy("tools/call", json!({ "name": "count", "arguments": { "to": 1 } })).await;
    assert_eq!(quiet.media_type.as_deref(), Some("application/json"), "who does not ask for progress hears none");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_function_has_the_status_of_its_era() {
    let served = Served::json_rpc(&[]).await;
    for (method, params, code, modern_status) in [
        ("no/such", json!({}), -32601, 404),
        ("tools/call", json!({ "name": "nope" }), -32602, 200),
        ("tools/call", json!({ "arguments": {} }), -32602, 200),
    ] {
        let legacy = served.legacy(method, params.clone()).await;
        assert_eq!((legacy.status, &legacy.message()["error"]["code"]), (200, &json!(code)), "{method}");
        let modern = served.modern(method, params).await;
        assert_eq!(modern.status, modern_status, "{method}: {modern:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_asks_the_client_in_the_way_of_its_era() {
    let served = Served::json_rpc(&[("MCP_CLOUD_SESSIONS", "memory")]).await;
    let session = served.session("test").await;
    let said = json!({ "action": "accept", "content": { "name": "Ann" } });
    let reply = session.call_and_answer("greet", json!({}), said.clone()).await;
    assert_eq!(reply, "Hello, Ann!");
    session.end().await;

    let without_session = served.legacy("tools/call", json!({ "name": "greet" })).await.message();
    assert!(without_session["error"]["message"].as_str().is_some_and(|message| message.contains("needs a session")));

    let asked = served.modern("tools/call", json!({ "name": "greet" })).await.message();
    assert_eq!(asked["result"]["inputRequests"]["name"]["method"], "elicitation/create");
    let again = json!({ "name": "greet", "inputResponses": { "name": said } });
    assert_eq!(text(&served.modern("tools/call", again).await), "Hello, Ann!");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplex_serves_both_eras() {
    let served = Served::around_hello().await;
    let echo = json!({ "name": "echo", "arguments": { "text": "hi" } });
    assert_eq!(text(&served.legacy("tools/call", echo.clone()).await), "hi");
    let modern = served.modern("tools/call", echo).await;
    assert_eq!((text(&modern).as_str(), &modern.message()["result"]["resultType"]), ("hi", &json!("complete")));
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    for _ in 0..2 {
        let initialized = served.legacy("initialize", params.clone()).await.message();
        assert_eq!((&initialized["id"], &initialized["result"]["serverInfo"]["name"]), (&json!(1), &json!("hello")));
    }
    let unknown = served.modern("no/such", json!({})).await;
    assert_eq!((unknown.status, &unknown.message()["error"]["code"]), (404, &json!(-32601)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_several_lines_reaches_a_server_that_reads_one() {
    let served = Served::around_hello().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "echo", "arguments": { "text": "two\nlines" } } });
    let pretty = serde_json::to_string_pretty(&call).expect("it is JSON").replace('\n', "\r\n");
    assert_eq!(text(&post(served.address, &pretty).await), "two\nlines");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_share_a_duplex_never_see_each_others_messages() {
    let served = Served::around_hello().await;
    let call = |from: u64| {
        let call = json!({ "name": "countdown", "arguments": { "from": from }, "_meta": { "progressToken": "same" } });
        let served = &served;
        async move {
            if from.is_multiple_of(2) {
                served.modern("tools/call", call).await
            } else {
                served.legacy("tools/call", call).await
            }
        }
    };
    let replies = tokio::join!(call(2), call(3), call(4), call(5));
    for (from, reply) in [(2, replies.0), (3, replies.1), (4, replies.2), (5, replies.3)] {
        let mut messages = reply.messages();
        let answer = messages.pop().expect("there is an answer");
        assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(1), &json!("lift-off")));
        let steps: Vec<_> = messages.iter().map(|message| message["params"]["progress"].as_f64()).collect();
        assert_eq!(steps, (1..=from).map(|step| Some(f64::from(step))).collect::<Vec<_>>());
        for message in messages {
            let params = &message["params"];
            assert_eq!((&params["progressToken"], &params["total"]), (&json!("same"), &json!(f64::from(from))));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_insists_on_it_is_initialized_whoever_comes_first() {
    let served = Served::around_strict(&[]).await;
    let who = || served.legacy("tools/call", json!({ "name": "who" }));
    let replies = tokio::join!(who(), who(), who());
    for reply in [replies.0, replies.1, replies.2, who().await] {
        assert_eq!(text(&reply), "mcp-cloud");
    }
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    assert_eq!(served.legacy("initialize", params).await.message()["result"]["serverInfo"]["name"], "strict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_is_an_error_and_the_next_request_starts_another() {
    let served = Served::around_strict(&[]).await;
    for _ in 0..2 {
        let died = served.legacy("tools/call", json!({ "name": "die" })).await.message();
        assert_eq!((&died["id"], &died["error"]["code"]), (&json!(1), &json!(-32603)));
        assert_eq!(died["error"]["message"], "the server behind this one has ended its connection");
        assert_eq!(text(&served.legacy("tools/call", json!({ "name": "who" })).await), "mcp-cloud");
    }
    let nothing = Served::around(Path::new("/no/such/program"), &[], &[]).await;
    let error = nothing.legacy("tools/list", json!({})).await.message();
    assert_eq!(error["error"]["message"], "the server behind this one cannot be reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_a_server_of_its_own_that_knows_its_client() {
    let served = Served::around_strict(&[("MCP_CLOUD_SESSIONS", "memory")]).await;
    let (ann, bob) = (served.session("Ann").await, served.session("Bob").await);
    assert_eq!(text(&ann.call("who", json!({})).await), "Ann");
    assert_eq!(text(&bob.call("who", json!({})).await), "Bob");
    assert_eq!(ann.call("die", json!({})).await.message()["error"]["code"], -32603);
    assert_eq!(text(&ann.call("who", json!({})).await), "Ann", "the next one is told who asks");
    assert_eq!(text(&bob.call("who", json!({})).await), "Bob");
    ann.end().await;
    assert_eq!(text(&bob.call("who", json!({})).await), "Bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_behind_a_duplex_asks_the_client_of_its_session() {
    let everything = tokio::task::spawn_blocking(everything_binary).await.expect("everything builds");
    let served = Served::around(everything, &["--stdio"], &[("MCP_CLOUD_SESSIONS", "memory")]).await;
    let session = served.session("test").await;
    let said = json!({ "action": "accept", "content": { "username": "ann", "email": "ann@example.com" } });
    let reply = session.call_and_answer("test_elicitation", json!({ "message": "Who?" }), said).await;
    assert!(reply.contains("ann@example.com"), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_pass_each_other() {
    let served = Served::around_strict(&[]).await;
    // More than both pipes hold, to a server that does not read while it writes.
    let large = "x".repeat(1024 * 1024);
    let call = || served.legacy("tools/call", json!({ "name": "echo", "arguments": { "text": large } }));
    let replies =
        timeout(PATIENCE, async { tokio::join!(call(), call(), call()) }).await.expect("nobody waits for ever");
    for reply in [replies.0, replies.1, replies.2] {
        assert!(text(&reply) == large);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplex_works_in_a_function_that_is_frozen_between_requests() {
    let program = tokio::task::spawn_blocking(|| {
        let (bridge, hello) = (library_example("duplex", "lambda-http"), hello_binary(Profile::Dev));
        let script = format!("#!/bin/sh\nexec '{}' -- '{}' --stdio\n", bridge.display(), hello.display());
        let folder = tempfile::tempdir().expect("there is room");
        let program = folder.path().join("bootstrap");
        std::fs::write(&program, script).expect("it is written");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("it may run");
        (folder, program)
    });
    let (_folder, program) = program.await.expect("the programs build");
    for (trigger, mode) in [(Trigger::FunctionUrl, "stream"), (Trigger::HttpApi, "buffered")] {
        let emulator = Emulator::new(trigger, &program).env("MCP_CLOUD_RESPONSE_MODE", mode);
        let running = emulator.listen(([127, 0, 0, 1], 0).into()).await.expect("the emulator starts");
        for from in 1..=3 {
            let arguments =
                json!({ "name": "countdown", "arguments": { "from": from }, "_meta": { "progressToken": 7 } });
            let reply = post(running.address(), &message(1, "tools/call", arguments)).await;
            assert_eq!((reply.messages().len(), text(&reply).as_str()), (from + 1, "lift-off"), "{trigger}");
        }
        running.stop().await;
    }
}
