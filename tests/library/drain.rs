//! The end of a server: what was begun is finished, what would go on for ever ends well, and who comes meanwhile is answered.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use mcp_cloud_tests::{Program, Signal};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    everything, hello,
    wire::{Stream, get, send},
};

const LIMIT: Duration = Duration::from_secs(20);

/// A container that was told how it ends.
struct Container {
    program: Program,
    address: SocketAddr,
}

impl Container {
    fn start(program: &Path, variables: &[(&str, &str)]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a port is free");
        let mut command = Command::new(program);
        command.env_clear().env("PORT", address.port().to_string()).envs(variables.iter().copied());
        let program = Program::start(&mut command);
        let patience = Instant::now() + LIMIT;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < patience, "it does not listen on {address}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { program, address }
    }

    /// What the platform does when the container has to go.
    fn terminate(&self) -> Instant {
        self.program.signal(Signal::TERM);
        Instant::now()
    }

    /// Its exit code, and how long after this it ended.
    fn end(self, since: Instant) -> (Option<i32>, Duration) {
        let finished = self.program.finish(LIMIT);
        (finished.code, since.elapsed())
    }
}

fn countdown(from: u8) -> String {
    let params = json!({ "name": "countdown", "arguments": { "from": from }, "_meta": { "progressToken": 1 } });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string()
}

fn echo(text: &str) -> String {
    let params = json!({ "name": "echo", "arguments": { "text": text } });
    json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params }).to_string()
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// What happens on Fargate Spot: the load balancer goes on to send until its own health checks have told it.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_lingers_a_server_finishes_and_answers_and_says_that_it_is_not_ready() {
    let program = hello().await;
    let server = Container::start(program, &[("MCP_CLOUD_STOP_TIMEOUT", "10"), ("MCP_CLOUD_LINGER", "2")]);
    let (address, port) = (server.address, server.address.port().to_string());
    let health = get(address, "/health").await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    let mut begun = Stream::open(address, "POST", &[], &countdown(30)).await;
    let asked = server.terminate();
    pause(300).await;
    let health = get(address, "/health").await;
    assert_eq!((health.status, health.body.as_str()), (503, "stopping\n"));
    let lives = Command::new(program).arg("--health").env_clear().env("PORT", port).status().expect("it asks");
    assert!(lives.success(), "a server that drains lives: who kills what does not live must let it");
    for _ in 0..3 {
        let late = send(address, "POST", &[], &echo("late")).await;
        assert!(late.status == 200 && late.body.contains("late"), "{late:?}");
        pause(300).await;
    }
    assert!(asked.elapsed() < Duration::from_secs(2), "this machine is too busy to say");
    pause(1_300).await;
    let refused = TcpStream::connect(address);
    assert!(refused.is_err(), "nobody sends any more, and a connection that is not taken is tried elsewhere");
    assert!(begun.rest().await.contains("lift-off"), "what was begun is finished");
    let (code, time) = server.end(asked);
    assert_eq!(code, Some(0));
    assert!((2..5).contains(&time.as_secs()), "it takes as long as the call: {time:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_work_ends_when_it_need_not_linger_any_more() {
    for (linger, least) in [("0", 0), ("1", 1)] {
        let server = Container::start(hello().await, &[("MCP_CLOUD_LINGER", linger)]);
        // A connection that is not in use is no work.
        let _idle = TcpStream::connect(server.address).expect("it listens");
        let asked = server.terminate();
        let (code, time) = server.end(asked);
        assert_eq!((code, time.as_secs()), (Some(0), least), "{time:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_lingers_for_a_person_who_presses_ctrl_c() {
    let server = Container::start(hello().await, &[("MCP_CLOUD_LINGER", "8")]);
    let asked = Instant::now();
    server.program.signal(Signal::INT);
    let (code, time) = server.end(asked);
    assert!(code == Some(0) && time < Duration::from_secs(2), "{code:?} {time:?}");
}

/// One connection, as a load balancer keeps it for many requests.
struct Kept(tokio::net::TcpStream);

impl Kept {
    async fn to(address: SocketAddr) -> Self {
        Self(tokio::net::TcpStream::connect(address).await.expect("it listens"))
    }

    /// The head of the answer.
    async fn ask(&mut self) -> String {
        let request = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
        self.0.write_all(request.as_bytes()).await.expect("it is still open");
        let mut read = [0; 512];
        let length = self.0.read(&mut read).await.expect("it answers");
        String::from_utf8_lossy(&read[..length]).to_lowercase()
    }

    async fn is_closed(&mut self) -> bool {
        let read = tokio::time::timeout(Duration::from_secs(1), self.0.read(&mut [0; 8])).await;
        matches!(read, Ok(Ok(0)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_is_closed_after_its_next_answer_and_not_before() {
    let server = Container::start(hello().await, &[("MCP_CLOUD_LINGER", "4")]);
    let mut kept = Kept::to(server.address).await;
    for _ in 0..2 {
        let answer = kept.ask().await;
        assert!(answer.starts_with("http/1.1 200") && !answer.contains("connection: close"), "{answer}");
    }
    let asked = server.terminate();
    pause(500).await;
    let answer = kept.ask().await;
    assert!(answer.starts_with("http/1.1 503") && answer.contains("connection: close"), "{answer}");
    assert!(kept.is_closed().await);
    assert_eq!(server.end(asked).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_ends_with_its_result_and_a_sessions_stream_with_the_time_to_come_back_after() {
    let server = Container::start(everything().await, &[("MCP_CLOUD_SESSIONS", "memory"), ("MCP_CLOUD_LINGER", "1")]);
    let params = json!({
        "notifications": { "toolsListChanged": true },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    let modern = [("mcp-protocol-version", "2026-07-28".to_owned()), ("mcp-method", "subscriptions/listen".to_owned())];
    let listen = json!({ "jsonrpc": "2.0", "id": "m", "method": "subscriptions/listen", "params": params });
    let mut subscription = Stream::open(server.address, "POST", &modern, &listen.to_string()).await;
    let _ = subscription.message(|message| message["method"] == "notifications/subscriptions/acknowledged").await;

    let client = json!({ "name": "drain", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let begun = send(server.address, "POST", &[], &initialize.to_string()).await;
    let id = begun.header("mcp-session-id").expect("a session is begun").to_owned();
    let legacy = [("mcp-session-id", id), ("mcp-protocol-version", "2025-11-25".to_owned())];
    let mut own = Stream::open(server.address, "GET", &legacy, "").await;

    let asked = server.terminate();
    let result = subscription.message(|message| message["id"] == "m").await;
    assert_eq!(result["result"]["resultType"], "complete", "{result}");
    let own = own.rest().await;
    assert!(own.ends_with("retry: 500\n\n"), "{own}");
    assert!(asked.elapsed() < Duration::from_secs(1), "both end at once");
    assert_eq!(server.end(asked).0, Some(0));
}

/// In a session a call's events are read from a stream that outlives connections; it ends with the answer all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_session_is_finished_on_the_connection_it_came_on() {
    let server = Container::start(hello().await, &[("MCP_CLOUD_SESSIONS", "memory")]);
    let params =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "d", "version": "1" } });
    let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let begun = send(server.address, "POST", &[], &initialize.to_string()).await;
    let id = begun.header("mcp-session-id").expect("a session is begun").to_owned();
    let legacy = [("mcp-session-id", id), ("mcp-protocol-version", "2025-11-25".to_owned())];
    let mut call = Stream::open(server.address, "POST", &legacy, &countdown(15)).await;
    let asked = server.terminate();
    let rest = call.rest().await;
    assert!(rest.contains("lift-off"), "{rest}");
    assert_eq!(server.end(asked).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_longer_than_the_platform_waits_ends_with_an_error_before_it_kills() {
    for sessions in ["none", "memory"] {
        let variables = [("MCP_CLOUD_STOP_TIMEOUT", "3"), ("MCP_CLOUD_SESSIONS", sessions)];
        let server = Container::start(hello().await, &variables);
        let mut call = Stream::open(server.address, "POST", &[], &countdown(255)).await;
        let asked = server.terminate();
        let answer: Value = call.message(|message| message["id"] == 1).await;
        assert_eq!(answer["error"]["code"], -32603, "{answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("was stopped")), "{answer}");
        let (code, time) = server.end(asked);
        assert!(code == Some(0) && time < Duration::from_secs(3), "{code:?} {time:?}");
    }
}

/// A load balancer that sends a request on a connection just as the server closes it answers 502.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_for_longer_than_the_load_balancer_keeps_it() {
    let server = Container::start(hello().await, &[("MCP_CLOUD_IDLE_TIMEOUT", "32")]);
    let mut kept = Kept::to(server.address).await;
    assert!(kept.ask().await.starts_with("http/1.1 200"));
    tokio::time::sleep(Duration::from_secs(33)).await;
    assert!(kept.ask().await.starts_with("http/1.1 200"));
}

#[test]
fn says_which_time_is_none() {
    for name in ["MCP_CLOUD_STOP_TIMEOUT", "MCP_CLOUD_LINGER", "MCP_CLOUD_IDLE_TIMEOUT", "MCP_CLOUD_KEEP_ALIVE"] {
        let mut command = Command::new(mcp_cloud_tests::hello_binary(mcp_cloud_tests::Profile::Dev));
        command.env_clear().env("PORT", "1").env(name, "soon");
        let finished = Program::start(&mut command).finish(LIMIT);
        assert_eq!(finished.code, Some(1));
        assert!(finished.stderr.contains(&format!("{name} does not hold a number of seconds")), "{}", finished.stderr);
    }
}
