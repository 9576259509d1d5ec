//! The server by itself: over standard input and output, and as a container.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use mcp_cloud_tests::{Profile, hello_binary};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::wire::{get, send};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#;

/// A server that is killed when the test ends, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn hello() -> Command {
    let mut command = Command::new(hello_binary(Profile::Dev));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

fn container(port: u16, variables: &[(&str, &str)]) -> (Server, SocketAddr) {
    let mut command = hello();
    command.env("PORT", port.to_string()).envs(variables.iter().copied());
    let server = Server(command.spawn().expect("hello starts"));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let patience = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < patience, "hello does not listen on {address}");
        std::thread::sleep(Duration::from_millis(10));
    }
    (server, address)
}

#[test]
fn serves_one_client_over_standard_input_and_output() {
    for (arguments, variables) in [(vec!["--stdio"], vec![]), (vec![], vec![("MCP_CLOUD_STDIO", "1")])] {
        let mut child = hello().args(arguments).envs(variables).stdin(Stdio::piped()).spawn().expect("hello starts");
        let mut input = child.stdin.take().expect("its input is a pipe");
        let mut output = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        let _server = Server(child);
        let client = json!({ "name": "test", "version": "1" });
        let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client } });
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        writeln!(input, "{initialize}\n{initialized}\n{CALL}").expect("it reads");
        let mut next = || -> Value {
            serde_json::from_str(&output.next().expect("it answers").expect("in text")).expect("in JSON")
        };
        assert_eq!(next()["result"]["serverInfo"]["name"], "hello");
        assert_eq!(next()["result"]["content"][0]["text"], "hi");
    }
}

#[tokio::test]
async fn a_container_listens_on_the_port_it_is_told() {
    let (_server, address) = container(free_port(), &[]);
    let reply = send(address, "POST", &[], CALL).await;
    assert!(reply.status == 200 && reply.body.contains("hi"), "{reply:?}");
    let health = get(address, "/health").await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    assert_eq!(get(address, "/elsewhere").await.status, 404);
}

/// A client that writes all of it before it reads sees the refusal, and not a broken connection; one that asks first need not
/// write it.
#[tokio::test]
async fn a_body_that_is_too_large_is_taken_to_its_end_and_refused() {
    let (_server, address) = container(free_port(), &[]);
    let body = format!("\"{}\"", "x".repeat(32 * 1024 * 1024));
    let length = body.len();
    for rest in [
        format!("content-length: {length}\r\n\r\n{body}"),
        format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("content-length: {length}\r\nexpect: 100-continue\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let head = format!("POST /mcp HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{rest}");
        stream.write_all(head.as_bytes()).expect("it reads to the end");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("it answers");
        assert!(reply.starts_with("HTTP/1.1 413 ") && reply.contains("larger than 6291456 bytes"), "{reply}");
    }
}

/// What a platform runs inside the container to find out whether it lives.
#[tokio::test]
async fn the_program_itself_says_whether_the_server_lives() {
    let ask = |port: u16, variables: &[(&str, &str)]| {
        let mut asking = hello();
        asking.arg("--health").env("PORT", port.to_string()).envs(variables.iter().copied());
        let asked = asking.output().expect("hello starts");
        (asked.status.code(), String::from_utf8(asked.stderr).expect("text"))
    };
    let port = free_port();
    let (code, said) = ask(port, &[]);
    assert!(code == Some(1) && said.contains(&format!("the server at 127.0.0.1:{port} does not live")), "{said}");
    let elsewhere = [("MCP_CLOUD_HEALTH_PATH", "/alive")];
    let (_server, address) = container(port, &elsewhere);
    assert_eq!((get(address, "/alive").await.status, get(address, "/health").await.status), (200, 404));
    assert_eq!(ask(port, &elsewhere), (Some(0), String::new()));
    let (code, said) = ask(port, &[]);
    assert!(code == Some(1) && said.contains("it answers with status 404"), "{said}");
}

/// What a client asks for that was refused by whoever checks tokens in front of the server.
#[tokio::test]
async fn the_server_says_who_issues_tokens_for_it_where_it_was_told() {
    let metadata = r#"{"resource":"https://a.example/mcp","authorization_servers":["https://i.example"]}"#;
    let (_server, address) = container(free_port(), &[("MCP_CLOUD_RESOURCE_METADATA", metadata)]);
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        let reply = get(address, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, metadata), "{path}");
    }
    assert_eq!(get(address, "/.well-known/oauth-protected-resource/other").await.status, 404);
    let (_server, address) = container(free_port(), &[]);
    assert_eq!(get(address, "/.well-known/oauth-protected-resource").await.status, 404);
}

#[tokio::test]
async fn a_container_that_nobody_guards_answers_to_loopback_names_only() {
    let (_server, address) = container(free_port(), &[]);
    let stranger = [("host", "tools.example".to_owned())];
    assert_eq!(send(address, "POST", &stranger, CALL).await.status, 403);
    let (_server, address) = container(free_port(), &[("MCP_CLOUD_ALLOWED_HOSTS", "tools.example")]);
    assert_eq!(send(address, "POST", &stranger, CALL).await.status, 200);
}

#[tokio::test]
async fn a_container_finishes_what_it_began_when_it_is_told_to_end() {
    let (mut server, address) =
        container(free_port(), &[("K_SERVICE", "hello"), ("MCP_CLOUD_ALLOW_UNAUTHENTICATED", "0")]);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"countdown","arguments":{"from":5}}}"#;
    let pid = Pid::from_child(&server.0);
    let end = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        kill_process(pid, Signal::TERM).expect("it still runs");
    };
    let (reply, ()) = tokio::join!(send(address, "POST", &[], call), end);
    assert!(reply.body.contains("lift-off"), "{reply:?}");
    assert!(server.0.wait().expect("it ends").success());
}

#[test]
fn says_which_variable_or_address_is_wrong() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port().to_string();
    for (variables, expected) in [
        (vec![("PORT", "eighty")], "PORT does not hold a port number"),
        (vec![("PORT", port.as_str())], "something else does"),
        (vec![("FUNCTIONS_CUSTOMHANDLER_PORT", "")], "FUNCTIONS_CUSTOMHANDLER_PORT does not hold a port number"),
        (vec![("MCP_CLOUD_RESOURCE_METADATA", "[]")], "MCP_CLOUD_RESOURCE_METADATA does not hold a JSON object"),
        (vec![("MCP_CLOUD_STORE", "redis")], "MCP_CLOUD_STORE does not hold a store that this version knows"),
        (vec![("MCP_CLOUD_SESSIONS", "sealed")], "MCP_CLOUD_SESSIONS does not hold `memory` or `none`"),
        (vec![("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")], "cannot connect to the Lambda Runtime API"),
        (
            vec![("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"), ("MCP_CLOUD_RESPONSE_MODE", "both")],
            "MCP_CLOUD_RESPONSE_MODE",
        ),
    ] {
        let mut server = Server(hello().envs(variables).spawn().expect("hello starts"));
        let mut said = String::new();
        server.0.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert!(said.contains(expected), "{said}");
        assert_eq!(server.0.wait().expect("it ends").code(), Some(1));
    }
}
