//! A function's process behind its triggers.

use std::time::Duration;

use mcp_cloud_emulator::{Freeze, Observation, OutputStream, Start, Trigger, trigger::Settings};
use tokio::{
    io::AsyncReadExt as _,
    time::{Instant, sleep, timeout},
};

use crate::support::{PATIENCE, function, get, open, post};

const STREAMING: [Trigger; 2] = [Trigger::FunctionUrl, Trigger::RestApiStream];
const BUFFERED: [Trigger; 4] = [Trigger::FunctionUrlBuffered, Trigger::RestApi, Trigger::HttpApi, Trigger::Alb];

#[tokio::test]
async fn every_buffered_trigger_carries_a_request_and_its_reply() {
    for trigger in BUFFERED {
        let (running, seen) = function(trigger, |emulator| emulator).await;
        let body = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let headers = [("Content-Type", "application/json"), ("Origin", "http://a")];
        let answer = post(running.address(), "/mcp?a=1", &headers, body).await;
        assert_eq!(answer.status, 200, "{trigger}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let event = &answer.json()["event"];
        let text = event["body"].as_str().unwrap();
        assert_eq!(text.as_bytes(), body, "{trigger}");
        let origin =
            if trigger == Trigger::RestApi { &event["headers"]["Origin"] } else { &event["headers"]["origin"] };
        assert_eq!(origin, "http://a", "{trigger}");
        let renamed = matches!(trigger, Trigger::FunctionUrlBuffered | Trigger::RestApi);
        let challenge = answer.header("www-authenticate").is_some();
        assert_eq!(challenge, !renamed, "{trigger}");
        let remapped = answer.header("x-amzn-remapped-www-authenticate");
        assert_eq!(remapped.is_some(), renamed, "{trigger}");
        let record = seen.request().await;
        assert_eq!(record.path, "/mcp");
        assert_eq!(record.status, 200);
        assert_eq!(record.request_body.as_ref(), body);
        assert_eq!(record.start, Start::Cold);
        assert_eq!(record.note, None);
        running.stop().await;
    }
}

#[tokio::test]
async fn the_function_has_lambdas_environment_and_little_else() {
    let (running, _) = function(Trigger::FunctionUrlBuffered, |emulator| {
        emulator.env("GREETING", "hello").env("AWS_LAMBDA_FUNCTION_VERSION", "7").memory_mb(256)
    })
    .await;
    let seen = get(running.address(), "/x").await.json();
    let env = seen["env"].as_object().unwrap();
    assert_eq!(env["GREETING"], "hello");
    assert_eq!(env["AWS_LAMBDA_FUNCTION_NAME"], "function");
    assert_eq!(env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    // The platform's own cannot be overwritten.
    assert_eq!(env["AWS_LAMBDA_FUNCTION_VERSION"], "$LATEST");
    for name in ["AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "LAMBDA_TASK_ROOT", "_HANDLER", "PATH"] {
        assert!(env.contains_key(name), "{name}");
    }
    assert!(!env.keys().any(|name| name.starts_with("CARGO")), "{env:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_streaming_trigger_hands_chunks_on_as_they_come() {
    for trigger in STREAMING {
        let (running, seen) = function(trigger, |emulator| emulator).await;
        // Warm, so that only the stream is measured.
        get(running.address(), "/stream-no-prelude").await;
        let mut stream = open(running.address(), "GET", "/stream", &[]).await;
        let mut bytes = Vec::new();
        let mut first = None;
        let read = async {
            while stream.read_buf(&mut bytes).await.unwrap() > 0 {
                if first.is_none() && bytes.windows(4).any(|window| window == b"one\n") {
                    first = Some(Instant::now());
                    assert!(!bytes.windows(4).any(|window| window == b"two\n"));
                }
            }
        };
        timeout(PATIENCE, read).await.unwrap();
        assert!(bytes.windows(4).any(|window| window == b"two\n"));
        let between = first.unwrap().elapsed();
        assert!(between >= Duration::from_millis(200), "{trigger}: {between:?}");
        let record = seen
            .wait(|observation| match observation {
                Observation::Request(record) if record.path == "/stream" => Some(record.clone()),
                _ => None,
            })
            .await;
        assert_eq!(record.status, 200);
        assert_eq!(record.start, Start::Warm);
        assert!(record.duration >= Duration::from_millis(300));
        running.stop().await;
    }
}

#[tokio::test]
async fn an_empty_stream_fails_instead_of_hanging() {
    for trigger in STREAMING {
        let (running, seen) = function(trigger, |emulator| emulator).await;
        let answer = get(running.address(), "/stream-empty").await;
        assert_eq!(answer.status, 504, "{trigger}");
        let note = seen.request().await.note.unwrap();
        assert_eq!(note, "empty stream: hangs when deployed");
        running.stop().await;
    }
}

#[tokio::test]
async fn the_head_of_a_quiet_stream_is_not_held_back_for_ever() {
    let (running, _) = function(Trigger::FunctionUrl, |emulator| emulator).await;
    let mut stream = open(running.address(), "GET", "/stream-quiet", &[]).await;
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_buf(&mut bytes)).await.unwrap().unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200"));
    assert!(!bytes.windows(4).any(|window| window == b"late"));
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    assert!(bytes.windows(4).any(|window| window == b"late"));
    running.stop().await;
}

#[tokio::test]
async fn an_error_in_mid_stream_cuts_the_response_and_leaks_nothing() {
    for path in ["/stream-fail", "/stream-die"] {
        let (running, seen) = function(Trigger::FunctionUrl, |emulator| emulator).await;
        let answer = get(running.address(), path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text(), "one\n");
        assert!(!answer.complete, "{path}");
        let note = seen.request().await.note.unwrap();
        assert!(!note.contains("secret"), "{note}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_streamed_reply_to_a_trigger_that_does_not_stream_is_malformed() {
    for (trigger, status) in
        [(Trigger::FunctionUrlBuffered, 502), (Trigger::RestApi, 502), (Trigger::HttpApi, 500), (Trigger::Alb, 502)]
    {
        let (running, seen) = function(trigger, |emulator| emulator).await;
        let answer = get(running.address(), "/stream").await;
        assert_eq!(answer.status, status, "{trigger}");
        let note = seen.request().await.note.unwrap();
        assert!(note.starts_with("streamed reply to a trigger that does not stream"));
        running.stop().await;
    }
}

#[tokio::test]
async fn a_buffered_reply_to_a_streaming_trigger_is_not_unpacked() {
    let (running, _) = function(Trigger::FunctionUrl, |emulator| emulator).await;
    let answer = get(running.address(), "/x").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["statusCode"], 200);
    running.stop().await;
    let (running, _) = function(Trigger::RestApiStream, |emulator| emulator).await;
    assert_eq!(get(running.address(), "/x").await.status, 502);
    running.stop().await;
}

#[tokio::test]
async fn a_stream_without_prelude_is_the_body_behind_a_function_url_alone() {
    let (running, _) = function(Trigger::FunctionUrl, |emulator| emulator).await;
    let answer = get(running.address(), "/stream-no-prelude").await;
    assert_eq!((answer.status, answer.text()), (200, "just text"));
    assert_eq!(answer.header("content-type"), Some("text/x-raw"));
    running.stop().await;
    let (running, _) = function(Trigger::RestApiStream, |emulator| emulator).await;
    let answer = get(running.address(), "/stream-no-prelude").await;
    assert_eq!(answer.status, 502);
    running.stop().await;
}

#[tokio::test]
async fn what_the_function_does_wrong_is_answered_by_the_gateway() {
    for (trigger, status, body) in [
        (Trigger::FunctionUrlBuffered, 502, "Internal Server Error"),
        (Trigger::RestApi, 502, r#"{"message": "Internal server error"}"#),
        (Trigger::HttpApi, 500, r#"{"message":"Internal Server Error"}"#),
    ] {
        let (running, seen) = function(trigger, |emulator| emulator).await;
        for path in ["/malformed", "/error", "/big", "/crash"] {
            let answer = get(running.address(), path).await;
            assert_eq!(answer.status, status, "{trigger} {path}");
            assert_eq!(answer.text(), body, "{trigger} {path}");
        }
        seen.line("refused with 413").await;
        // And it goes on.
        assert_eq!(get(running.address(), "/x").await.status, 200);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_crash_is_seen_and_the_next_event_starts_cold() {
    let (running, seen) = function(Trigger::FunctionUrlBuffered, |emulator| emulator).await;
    assert_eq!(get(running.address(), "/x").await.json()["count"], 1);
    assert_eq!(get(running.address(), "/x").await.json()["count"], 2);
    assert_eq!(get(running.address(), "/crash").await.status, 502);
    let code = seen
        .wait(|observation| match observation {
            Observation::ServerExited { code, reason: None } => Some(*code),
            _ => None,
        })
        .await;
    assert_eq!(code, Some(3));
    assert_eq!(get(running.address(), "/x").await.json()["count"], 1);
    let starts = seen.count(|observation| matches!(observation, Observation::ServerStarted { .. }));
    assert_eq!(starts, 2);
    let cold =
        seen.count(|observation| matches!(observation, Observation::Request(record) if record.start == Start::Cold));
    assert!(cold >= 1, "{cold}");
    running.stop().await;
}

#[tokio::test]
async fn a_function_is_killed_at_its_deadline_and_starts_cold_again() {
    let (running, seen) =
        function(Trigger::FunctionUrlBuffered, |emulator| emulator.timeout(Duration::from_millis(600))).await;
    let first = get(running.address(), "/x").await.json();
    let begun = Instant::now();
    assert_eq!(get(running.address(), "/hang").await.status, 504);
    assert!(begun.elapsed() >= Duration::from_millis(600));
    assert!(begun.elapsed() < Duration::from_secs(5));
    seen.wait(|observation| match observation {
        Observation::ServerExited { reason: Some(_), .. } => Some(()),
        _ => None,
    })
    .await;
    let second = get(running.address(), "/x").await.json();
    assert_eq!(second["count"], 1);
    assert_ne!(first["pid"], second["pid"]);
    running.stop().await;
}

#[tokio::test]
async fn a_stream_is_cut_at_the_deadline() {
    let (running, seen) = function(Trigger::FunctionUrl, |emulator| emulator.timeout(Duration::from_millis(800))).await;
    let answer = get(running.address(), "/stream-long").await;
    assert_eq!((answer.status, answer.complete), (200, false));
    seen.wait(|observation| match observation {
        Observation::ServerExited { reason: Some(_), .. } => Some(()),
        _ => None,
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn a_function_that_lingers_after_its_reply_is_not_reused() {
    let (running, _) =
        function(Trigger::FunctionUrlBuffered, |emulator| emulator.timeout(Duration::from_secs(1))).await;
    let first = get(running.address(), "/linger").await.json();
    let second = get(running.address(), "/x").await.json();
    assert_ne!(first["pid"], second["pid"]);
    running.stop().await;
}

#[tokio::test]
async fn concurrent_requests_get_instances_of_their_own_up_to_the_cap() {
    let (running, seen) = function(Trigger::FunctionUrlBuffered, |emulator| emulator.instances(2)).await;
    let address = running.address();
    let (a, b, c) = tokio::join!(get(address, "/slow"), get(address, "/slow"), get(address, "/slow"));
    let mut pids: Vec<_> = [a, b, c].iter().map(|answer| answer.json()["pid"].as_u64().unwrap()).collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 2);
    let starts = seen.count(|observation| matches!(observation, Observation::ServerStarted { .. }));
    assert_eq!(starts, 2);
    running.stop().await;
}

#[tokio::test]
async fn a_process_is_frozen_between_invocations() {
    for (freeze, is_frozen) in [(Freeze::BetweenInvocations, true), (Freeze::Never, false)] {
        let (running, _) = function(Trigger::FunctionUrlBuffered, |emulator| emulator.freeze(freeze)).await;
        let before = get(running.address(), "/x").await.json()["ticks"].as_u64().unwrap();
        sleep(Duration::from_millis(700)).await;
        let after = get(running.address(), "/x").await.json()["ticks"].as_u64().unwrap();
        assert_eq!(after - before < 20, is_frozen, "{before} {after}");
        running.stop().await;
    }
}

#[tokio::test]
async fn an_init_failure_is_answered_and_said() {
    for (how, error_type) in [("report", true), ("exit", false)] {
        let (running, seen) = function(Trigger::FunctionUrlBuffered, |emulator| emulator.env("FAIL_INIT", how)).await;
        assert_eq!(get(running.address(), "/x").await.status, 502);
        if error_type {
            let seen = seen
                .wait(|observation| match observation {
                    Observation::InitError { error_type } => Some(error_type.clone()),
                    _ => None,
                })
                .await;
            assert_eq!(seen, "Function.NoConfig");
        }
        assert!(seen.request().await.note.is_some());
        running.stop().await;
    }
}

#[tokio::test]
async fn lines_of_both_streams_are_handed_on() {
    let (running, seen) = function(Trigger::HttpApi, |emulator| emulator).await;
    get(running.address(), "/print").await;
    for (wanted, from) in [("to stdout", OutputStream::Stdout), ("to stderr", OutputStream::Stderr)] {
        seen.wait(|observation| match observation {
            Observation::ServerOutput { line, stream } if line == wanted && *stream == from => Some(()),
            _ => None,
        })
        .await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_the_function() {
    let (running, seen) = function(Trigger::FunctionUrl, |emulator| emulator).await;
    let first = get(running.address(), "/stream-no-prelude").await;
    assert_eq!(first.status, 200);
    let stream = open(running.address(), "GET", "/stream", &[]).await;
    sleep(Duration::from_millis(50)).await;
    drop(stream);
    seen.wait(|observation| match observation {
        Observation::Request(record) if record.path == "/stream" => Some(()),
        _ => None,
    })
    .await;
    // The same instance serves the next event, once it is done with the abandoned one.
    sleep(Duration::from_millis(500)).await;
    let answer = get(running.address(), "/stream").await;
    assert_eq!(answer.text(), "one\ntwo\n");
    let starts = seen.count(|observation| matches!(observation, Observation::ServerStarted { .. }));
    assert_eq!(starts, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_by_the_gateway() {
    for (trigger, limit) in [
        (Trigger::FunctionUrlBuffered, 6 * 1024 * 1024),
        (Trigger::RestApi, 10 * 1024 * 1024),
        (Trigger::HttpApi, 10 * 1024 * 1024),
        (Trigger::Alb, 1024 * 1024),
    ] {
        let (running, seen) = function(trigger, |emulator| emulator).await;
        let headers = [("Content-Type", "text/plain")];
        let answer = post(running.address(), "/x", &headers, &vec![b'a'; limit + 1]).await;
        assert_eq!(answer.status, 413, "{trigger}");
        let starts = seen.count(|observation| matches!(observation, Observation::ServerStarted { .. }));
        assert_eq!(starts, 0, "{trigger}");
        running.stop().await;
    }
    let (running, _) = function(Trigger::Alb, |emulator| emulator).await;
    let headers = [("Content-Type", "text/plain")];
    let body = vec![b'a'; 1024 * 1024];
    // The request is let through; the reply, which repeats it, is too large then.
    let answer = post(running.address(), "/x", &headers, &body).await;
    assert_eq!(answer.status, 502);
    running.stop().await;
}

#[tokio::test]
async fn a_streamed_document_to_a_trigger_that_does_not_stream_has_the_limit_of_a_buffered_one() {
    for (trigger, status) in [(Trigger::FunctionUrlBuffered, 502), (Trigger::RestApi, 502), (Trigger::HttpApi, 500)] {
        let (running, _) = function(trigger, |emulator| emulator).await;
        assert_eq!(get(running.address(), "/stream-document?6000000").await.body.len(), 6_000_000, "{trigger}");
        assert_eq!(get(running.address(), "/stream-document?7000000").await.status, status, "{trigger}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_buffered_reply_over_the_limit_is_a_bad_gateway_behind_a_load_balancer() {
    // Within a load balancer's 1 MB, over it, and over Lambda's 6 MB.
    let (running, seen) = function(Trigger::Alb, |emulator| emulator).await;
    assert_eq!(get(running.address(), "/stream-document?1000000").await.status, 200);
    assert_eq!(get(running.address(), "/stream-document?1100000").await.status, 502);
    assert_eq!(get(running.address(), "/big").await.status, 502);
    seen.line("refused with 413").await;
    running.stop().await;
}

#[tokio::test]
async fn a_silent_stream_is_cut_by_a_rest_api_and_the_function_goes_on() {
    let (running, seen) = function(Trigger::RestApiStream, |emulator| {
        let rest_api_idle_timeout = Duration::from_millis(700);
        emulator.settings(Settings { rest_api_idle_timeout, ..Settings::default() })
    })
    .await;
    let address = running.address();
    get(address, "/stream-no-prelude").await;
    let begun = Instant::now();
    let answer = get(address, "/stream-pause").await;
    assert_eq!((answer.status, answer.text(), answer.complete), (200, "one\n", false));
    assert!(begun.elapsed() >= Duration::from_millis(700));
    let note = seen
        .wait(|observation| match observation {
            Observation::Request(record) if record.path == "/stream-pause" => record.note.clone(),
            _ => None,
        })
        .await;
    assert!(note.contains("the function goes on"), "{note}");
    // To its end, and in the same process.
    seen.line("stream: 202").await;
    let answer = get(address, "/stream-beat").await;
    assert_eq!((answer.text(), answer.complete), ("beat\n".repeat(6).as_str(), true));
    assert_eq!(get(address, "/stream-late-prelude").await.status, 504);
    let starts = seen.count(|observation| matches!(observation, Observation::ServerStarted { .. }));
    assert_eq!(starts, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_silent_stream_is_not_cut_by_a_function_url() {
    let (running, _) = function(Trigger::FunctionUrl, |emulator| {
        let rest_api_idle_timeout = Duration::from_millis(100);
        emulator.settings(Settings { rest_api_idle_timeout, ..Settings::default() })
    })
    .await;
    for path in ["/stream-pause", "/stream-late-prelude"] {
        let answer = get(running.address(), path).await;
        assert!(answer.complete && answer.text().starts_with("one\n"), "{path}: {}", answer.text());
    }
    running.stop().await;
}
