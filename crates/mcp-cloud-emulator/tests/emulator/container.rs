//! Cloud Run's contract, and no platform at all.

use std::time::Duration;

use mcp_cloud_emulator::{Observation, Start, Trigger};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, sleep, timeout},
};

use crate::support::{PATIENCE, get, open, post, send, start};

fn header<'a>(seen: &'a serde_json::Value, name: &str) -> Vec<&'a str> {
    seen["headers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))
        .map(|pair| pair[1].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn direct_adds_nothing() {
    let (running, seen) = start(Trigger::Direct, "container.py", |emulator| emulator).await;
    let headers = [("Host", "client.example"), ("X-Twice", "1"), ("X-Twice", "2")];
    let answer = post(running.address(), "/mcp?a=%20", &headers, b"hello").await;
    assert_eq!(answer.status, 200);
    let got = answer.json();
    assert_eq!(got["path"], "/mcp?a=%20");
    assert_eq!(got["body"], "hello");
    assert_eq!(header(&got, "host"), ["client.example"]);
    assert_eq!(header(&got, "x-twice"), ["1", "2"]);
    for name in ["x-forwarded-for", "x-forwarded-proto", "traceparent"] {
        assert!(header(&got, name).is_empty(), "{name}");
    }
    let twice = answer.headers.iter().filter(|(name, _)| name == "X-Two");
    assert_eq!(twice.count(), 2);
    let env = got["env"].as_object().unwrap();
    assert!(!env.contains_key("K_SERVICE"));
    assert_eq!(seen.request().await.start, Start::Cold);
    running.stop().await;
}

#[tokio::test]
async fn cloud_run_sets_its_variables_and_headers() {
    let (running, _) = start(Trigger::CloudRun, "container.py", |emulator| emulator).await;
    let headers = [("Host", "client.example"), ("X-Forwarded-For", "9.9.9.9")];
    let got = post(running.address(), "/mcp", &headers, b"").await.json();
    for name in ["PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"] {
        assert!(got["env"].get(name).is_some(), "{name}");
    }
    assert_eq!(header(&got, "host"), ["client.example"]);
    assert_eq!(header(&got, "x-forwarded-for"), ["9.9.9.9,127.0.0.1"]);
    assert_eq!(header(&got, "x-forwarded-proto"), ["https"]);
    assert_eq!(header(&got, "traceparent")[0].len(), 55);
    assert_eq!(header(&got, "x-cloud-trace-context").len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn streams_both_ways() {
    for trigger in [Trigger::Direct, Trigger::CloudRun, Trigger::AzureProxying] {
        let (running, _) = start(trigger, "container.py", |emulator| emulator).await;
        let mut stream = open(running.address(), "GET", "/stream", &[]).await;
        let mut bytes = Vec::new();
        let mut first = None;
        let read = async {
            while stream.read_buf(&mut bytes).await.unwrap() > 0 {
                if first.is_none() && bytes.windows(4).any(|window| window == b"one\n") {
                    first = Some(Instant::now());
                }
            }
        };
        timeout(PATIENCE, read).await.unwrap();
        assert!(first.unwrap().elapsed() >= Duration::from_millis(200), "{trigger}");
        assert!(bytes.windows(4).any(|window| window == b"two\n"));
        let headers = [("Transfer-Encoding", "chunked")];
        let answer = send(running.address(), "POST", "/mcp", &headers, b"5\r\nhello\r\n0\r\n\r\n").await;
        assert_eq!(answer.json()["body"], "hello", "{trigger}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_seen_by_the_program() {
    for trigger in [Trigger::Direct, Trigger::CloudRun, Trigger::AzureProxying] {
        let (running, seen) = start(trigger, "container.py", |emulator| emulator).await;
        let mut stream = open(running.address(), "GET", "/forever", &[]).await;
        let mut bytes = [0; 1024];
        stream.read_exact(&mut bytes[..64]).await.unwrap();
        drop(stream);
        seen.line("client has gone").await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_connection_is_closed_at_once_when_its_client_goes_away() {
    // A program that is waiting and writes nothing has no other way to learn of it.
    for trigger in [Trigger::Direct, Trigger::CloudRun, Trigger::AzureProxying] {
        for path in ["/watch", "/watch-silently"] {
            let mut fastest = Duration::MAX;
            // The first may be slow on a machine that has other work.
            for _ in 0..5 {
                let (running, seen) = start(trigger, "container.py", |emulator| emulator).await;
                let headers = [("Content-Type", "application/json"), ("Content-Length", "2")];
                let mut stream = open(running.address(), "POST", path, &headers).await;
                stream.write_all(b"{}").await.unwrap();
                seen.line("watching").await;
                if path == "/watch" {
                    let mut head = [0; 16];
                    stream.read_exact(&mut head).await.unwrap();
                }
                let gone = Instant::now();
                drop(stream);
                seen.line("connection closed").await;
                fastest = fastest.min(gone.elapsed());
                running.stop().await;
                if fastest < Duration::from_millis(100) {
                    break;
                }
            }
            assert!(fastest < Duration::from_millis(100), "{trigger} {path}: {fastest:?}");
        }
    }
}

#[tokio::test]
async fn stop_asks_first_and_kills_after_ten_seconds() {
    let (running, seen) = start(Trigger::CloudRun, "container.py", |emulator| emulator).await;
    get(running.address(), "/mcp").await;
    running.stop().await;
    seen.line("got SIGTERM").await;
    let (running, seen) = start(Trigger::CloudRun, "container.py", |emulator| emulator.env("STUBBORN", "1")).await;
    let begun = Instant::now();
    running.stop().await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(10), "{took:?}");
    assert!(took < Duration::from_secs(14), "{took:?}");
    seen.wait(|observation| match observation {
        Observation::ServerExited { code: None, .. } => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_crash_is_answered_and_the_program_started_again() {
    for (trigger, status) in [(Trigger::Direct, 502), (Trigger::CloudRun, 503)] {
        let (running, seen) = start(trigger, "container.py", |emulator| emulator).await;
        assert_eq!(get(running.address(), "/crash").await.status, status);
        seen.wait(|observation| match observation {
            Observation::ServerExited { code: Some(3), .. } => Some(()),
            _ => None,
        })
        .await;
        sleep(Duration::from_millis(20)).await;
        assert_eq!(get(running.address(), "/mcp").await.status, 200);
        running.stop().await;
    }
}

#[tokio::test]
async fn cloud_run_limits_bodies_time_and_paths() {
    let (running, seen) =
        start(Trigger::CloudRun, "container.py", |emulator| emulator.timeout(Duration::from_millis(500))).await;
    let address = running.address();
    let length = (32 * 1024 * 1024 + 1).to_string();
    let headers = [("Content-Length", length.as_str())];
    let answer = send(address, "POST", "/mcp", &headers, b"").await;
    assert_eq!(answer.status, 413);
    assert_eq!(get(address, "/healthz").await.status, 404);
    assert_eq!(get(address, "/health").await.status, 200);
    assert_eq!(get(address, "/slow").await.status, 504);
    let answer = get(address, "/forever").await;
    assert_eq!((answer.status, answer.complete), (200, false));
    assert!(seen.request().await.note.is_some());
    running.stop().await;
}
