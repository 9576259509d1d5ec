//! What `mcp-cloud dev` shows of a server that runs, and of one that does not come to run.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use mcp_cloud_emulator::Trigger;
use mcp_cloud_tests::{Dev, Program, Signal, workspace_root};
use serde_json::Value;

use crate::package::{LIMIT, Package, SERVER, finish, mcp_cloud};

/// Words that must not reach the terminal.
const SECRET: &str = "the-rabbit-in-the-moon";
/// Long enough for a first build of the example.
const BUILD: Duration = Duration::from_secs(900);

/// Sends one request and returns the whole response.
fn send(url: &str, head: &str, body: &str) -> String {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an http URL");
    let mut stream = TcpStream::connect(host).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    let (method, headers) = head.split_once('\n').unwrap_or((head, ""));
    let headers = headers.lines().map(|line| format!("{line}\r\n")).collect::<String>();
    let length = body.len();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("the response is read");
    response
}

/// Calls `echo` with a secret argument and a secret token.
fn echo_a_secret(url: &str) -> String {
    let head = format!(
        "POST\nContent-Type: application/json\nAccept: application/json, text/event-stream\nAuthorization: Bearer {SECRET}\n\
         MCP-Protocol-Version: 2026-07-28\nMcp-Method: tools/call\nMcp-Name: echo"
    );
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{SECRET}"}},
        "_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    send(url, &head, &body)
}

#[test]
fn terminal_shows_the_address_a_line_for_a_client_and_every_request() {
    let mut command = mcp_cloud(&["dev", "--port", "0"]);
    let program = Program::start(command.arg(workspace_root().join("examples/hello")));
    let line =
        program.stderr_line(BUILD, |line| line.contains("claude mcp add --transport http hello http://127.0.0.1:"));
    let url = line.rsplit(' ').next().expect("the line ends with the URL").to_owned();
    let serves = program.stderr_line(LIMIT, |line| line.contains("serves"));
    assert!(serves.contains(&url) && serves.contains("function-url"), "{serves}");
    for start in ["cold", "warm"] {
        let response = echo_a_secret(&url);
        assert!(response.starts_with("HTTP/1.1 200") && response.contains(SECRET), "{response}");
        let shown = program.stderr_line(LIMIT, |line| line.starts_with("tools/call") && line.contains(start));
        let words: Vec<_> = shown.split_whitespace().collect();
        assert!(matches!(words.as_slice(), ["tools/call", "echo", "200", _, "ms", seen] if *seen == start), "{shown}");
    }
    assert!(send(&url, "GET", "").starts_with("HTTP/1.1 405"));
    let shown = program.stderr_line(LIMIT, |line| line.starts_with("GET"));
    assert!(shown.starts_with("GET /mcp ") && shown.contains(" 405 "), "{shown}");
    program.signal_group(Signal::INT);
    let finished = program.finish(LIMIT);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
    assert!(!finished.stderr.contains(SECRET), "{}", finished.stderr);
}

#[test]
fn json_output_is_one_object_a_line_on_standard_output() {
    let dev = Dev::hello("http-api");
    assert!(echo_a_secret(dev.url()).starts_with("HTTP/1.1 200"));
    let request = dev.request(|request| request["method"] == "tools/call");
    assert_eq!(request["tool"], "echo");
    assert_eq!(request["status"], 200);
    assert_eq!(request["start"], "cold");
    assert!(request["milliseconds"].as_f64().is_some_and(|time| time > 0.0), "{request}");
    let finished = dev.stop();
    assert_eq!(finished.code, Some(0));
    let events: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds, [Some("listening"), Some("request")]);
    assert_eq!(events[0]["trigger"], "http-api");
    assert!(!(finished.stdout + &finished.stderr).contains(SECRET));
}

#[test]
fn names_from_the_network_cannot_rewrite_the_terminal() {
    let package = Package::with_main(SERVER);
    let dev = Dev::start(package.path(), &["--trigger", "direct"]);
    let name = "x".repeat(300);
    send(dev.url(), "POST", &format!(r#"{{"method":"tools/call","params":{{"name":"\u001b[2J{name}"}}}}"#));
    let request = dev.request(|request| request["method"] == "tools/call");
    let tool = request["tool"].as_str().expect("the tool is named");
    assert!(tool.starts_with(r"\u{1b}[2Jx") && tool.ends_with('…') && tool.len() < 100, "{tool}");
}

#[test]
fn what_the_server_writes_is_marked() {
    let package = Package::with_main(SERVER);
    let program = Program::start(&mut package.dev(&["--trigger", "direct"]));
    let line = program.stderr_line(LIMIT, |line| line.contains("the moon is up"));
    assert_eq!(line, "server | the moon is up");
}

#[test]
fn server_that_ends_at_once_is_refused_with_its_last_words() {
    let package = Package::with_main(r#"fn main() { eprintln!("no fuel"); std::process::exit(3) }"#);
    for trigger in [Trigger::FunctionUrl, Trigger::Direct, Trigger::AzurePayload] {
        let refused = finish(&mut package.dev(&["--trigger", trigger.name()]));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{trigger}: {}", refused.stderr);
        let said = refused.stderr.split_once("server | no fuel\n").map(|(_, rest)| rest).unwrap_or_default();
        let sentence = said.strip_prefix("error: `").unwrap_or_default();
        assert!(sentence.contains("moon` ended before it "), "{trigger}: {}", refused.stderr);
        assert!(said.ends_with("(exit status 3)\nhint: what the server wrote stands above\n"), "{}", refused.stderr);
    }
}

#[test]
fn concurrency_reaches_the_server() {
    let package = Package::with_main(
        r#"fn main() {
            let at_once = std::env::var("AWS_LAMBDA_MAX_CONCURRENCY");
            eprintln!("{} at once", at_once.as_deref().unwrap_or("one"));
            std::process::exit(3)
        }"#,
    );
    for (arguments, said) in [(&["--concurrency", "4"][..], "4 at once"), (&[], "one at once")] {
        let refused = finish(&mut package.dev(arguments));
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains(&format!("server | {said}\n")), "{}", refused.stderr);
    }
}

#[test]
fn server_that_never_answers_is_refused() {
    let package = Package::with_main("fn main() { std::thread::sleep(std::time::Duration::from_secs(600)) }");
    let refused = finish(&mut package.dev(&["--trigger", "function-url"]));
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("moon` did not ask Lambda for a request within 10 s\nhint: "),
        "{}",
        refused.stderr
    );
}
