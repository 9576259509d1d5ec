//! A container behind a load balancer that closes what is silent: nginx, told what the emitted stack tells AWS's.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use mcp_cloud_tests::{Program, nginx, report, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    everything,
    wire::{Stream, get, send},
};

const LIMIT: Duration = Duration::from_secs(20);

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free")
}

fn wait_for(address: SocketAddr) {
    let patience = Instant::now() + LIMIT;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < patience, "nobody listens on {address}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// nginx before the example server.
struct Balanced {
    address: SocketAddr,
    server: Program,
    _nginx: Program,
    _folder: TempDir,
}

impl Balanced {
    /// Starts both; `None` where nginx is not installed. Replies are buffered unless they ask for something else, as nginx
    /// does it by itself.
    async fn start(idle_seconds: u64, variables: &[(String, String)]) -> Option<Self> {
        let nginx = nginx()?;
        let (behind, address) = (free_address(), free_address());
        let mut server = Command::new(everything().await);
        server.env_clear().envs(variables.iter().cloned());
        // Nobody but this test calls it.
        server.env("PORT", behind.port().to_string()).env("MCP_CLOUD_ALLOW_UNAUTHENTICATED", "0");
        let server = Program::start(&mut server);
        wait_for(behind);
        let folder = TempDir::new().expect("a folder can be made");
        let path = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
            .collect();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {path}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log \
             off;\n{temporary}upstream behind {{ server {behind}; keepalive 8; }}\nserver {{\nlisten {address};\nlocation / \
             {{\nproxy_pass http://behind;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_set_header \
             Host $http_host;\nproxy_read_timeout {idle_seconds}s;\n}}\n}}\n}}\n"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).expect("it can be written");
        let mut command = Command::new(nginx);
        command.env_clear().arg("-p").arg(folder.path()).arg("-c").arg(&file).args(["-e", "stderr"]);
        let nginx = Program::start(&mut command);
        wait_for(address);
        Some(Self { address, server, _nginx: nginx, _folder: folder })
    }

    /// Listens for changes, and has the server's word that it does.
    async fn listen(&self) -> Stream {
        let params = json!({
            "notifications": { "toolsListChanged": true },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        });
        let headers =
            [("mcp-protocol-version", "2026-07-28".to_owned()), ("mcp-method", "subscriptions/listen".to_owned())];
        let body = json!({ "jsonrpc": "2.0", "id": "m", "method": "subscriptions/listen", "params": params });
        let mut stream = Stream::open(self.address, "POST", &headers, &body.to_string()).await;
        let _ = stream.message(|message| message["method"] == "notifications/subscriptions/acknowledged").await;
        stream
    }

    /// Changes something that the client of the stream hears of.
    async fn change(&self, stream: &mut Stream) {
        let params = json!({ "name": "test_trigger_tool_change", "arguments": {} });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let called = send(self.address, "POST", &[], &call.to_string()).await;
        assert_eq!(called.status, 200, "{called:?}");
        let _ = stream.message(|message| message["method"] == "notifications/tools/list_changed").await;
    }
}

fn alive_every(seconds: u32) -> Vec<(String, String)> {
    vec![("MCP_CLOUD_KEEP_ALIVE".to_owned(), seconds.to_string())]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_outlasts_the_load_balancers_patience_many_times() {
    let Some(balanced) = Balanced::start(3, &alive_every(1)).await else { return };
    let mut stream = balanced.listen().await;
    assert!(stream.stays_open_for(Duration::from_secs(15)).await, "it was cut");
    balanced.change(&mut stream).await;
}

/// The opposite: what the other tests here show would be nothing without it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_silent_for_too_long_is_cut() {
    let Some(balanced) = Balanced::start(3, &alive_every(30)).await else { return };
    let begun = Instant::now();
    let mut stream = balanced.listen().await;
    assert!(!stream.stays_open_for(Duration::from_secs(15)).await, "it was not cut");
    assert!((2..8).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_hears_of_the_end_before_the_server_is_gone() {
    let lingers = ("MCP_CLOUD_LINGER".to_owned(), "3".to_owned());
    let Some(balanced) = Balanced::start(60, &[lingers]).await else { return };
    assert_eq!(get(balanced.address, "/health").await.status, 200);
    balanced.server.signal(mcp_cloud_tests::Signal::TERM);
    let asked = Instant::now();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    while asked.elapsed() < Duration::from_secs(2) {
        let answered = send(balanced.address, "POST", &[], ping).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(get(balanced.address, "/health").await.status, 503);
}

/// What the emitted files say: the load balancer's idle timeout in seconds, and the server's variables. A call of this app
/// may take a minute.
fn emitted() -> (u64, Vec<(String, String)>) {
    let folder = workspace_root().join("tests/golden/minimal/ecs");
    let stack = fs::read_to_string(folder.join("ecs-stack.yaml")).expect("the stack is there");
    let after = stack.split("Key: idle_timeout.timeout_seconds").nth(1).expect("it has a load balancer");
    let seconds = after.split('\'').nth(1).and_then(|seconds| seconds.parse().ok()).expect("a number of seconds");
    let definition = fs::read_to_string(folder.join("task-definition.json")).expect("the task is there");
    let definition: Value = serde_json::from_str(&definition).expect("it is JSON");
    let variables = definition["containerDefinitions"][0]["environment"].as_array().expect("it has variables");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (seconds, variables.iter().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect())
}

/// `cargo test -p mcp-cloud-tests --test library -- --ignored --nocapture ten_minutes`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes, and is done in a quarter of one above"]
async fn a_stream_of_ten_minutes_stays_open_with_the_numbers_that_are_emitted() {
    let (idle_seconds, mut variables) = emitted();
    let Some(balanced) = Balanced::start(idle_seconds, &variables).await else { return };
    let begun = Instant::now();
    let mut stream = balanced.listen().await;
    for minute in 1..=10 {
        assert!(stream.stays_open_for(Duration::from_secs(60)).await, "cut after {:?}", begun.elapsed());
        report(format_args!("nginx gives up after {idle_seconds} s of silence; open for {minute} min"));
    }
    balanced.change(&mut stream).await;
    report(format_args!("and a change is heard of after {:?}", begun.elapsed()));
    // A server that is silent for longer than the load balancer waits loses its client in the same place.
    variables.extend(alive_every(u32::try_from(idle_seconds).expect("it fits") * 2));
    let Some(balanced) = Balanced::start(idle_seconds, &variables).await else { return };
    let mut stream = balanced.listen().await;
    assert!(!stream.stays_open_for(Duration::from_secs(idle_seconds + 60)).await, "it was not cut");
}
