//! The Runtime API, called by a runtime in the same process.

use std::{net::SocketAddr, time::Duration};

use mcp_cloud_emulator::{
    RuntimeApi,
    runtime_api::{Outcome, PAYLOAD_BYTES, PreludeError, STREAMED_BYTES, Settings, StreamError},
};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Answer, PATIENCE, get, post, send};

const ROOT: &str = "/2018-06-01/runtime";

async fn listen(time: Duration) -> RuntimeApi {
    let settings = Settings { timeout: time, ..Settings::default() };
    RuntimeApi::listen(settings).await.unwrap()
}

async fn next(api: SocketAddr) -> (String, Answer) {
    let answer = get(api, &format!("{ROOT}/invocation/next")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.header("lambda-runtime-aws-request-id").unwrap();
    (id.to_owned(), answer)
}

async fn respond(api: SocketAddr, id: &str, body: &[u8]) -> Answer {
    let path = format!("{ROOT}/invocation/{id}/response");
    post(api, &path, &[("Content-Type", "application/json")], body).await
}

async fn stream(api: SocketAddr, id: &str, body: &[u8]) -> Answer {
    let headers = [
        ("Content-Type", "application/vnd.awslambda.http-integration-response"),
        ("Lambda-Runtime-Function-Response-Mode", "streaming"),
        ("Transfer-Encoding", "chunked"),
        ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
    ];
    let path = format!("{ROOT}/invocation/{id}/response");
    send(api, "POST", &path, &headers, body).await
}

fn chunked(chunks: &[&[u8]], trailers: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in chunks {
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
    body
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("done in time")
}

#[tokio::test]
async fn hands_over_the_event_with_every_header() {
    let api = listen(Duration::from_secs(5)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (id, answer) = next(address).await;
        assert_eq!(respond(address, &id, b"{}").await.status, 202);
        answer
    });
    let outcome = within(api.invoke("{\"a\":1}")).await;
    assert!(matches!(outcome, Outcome::Buffered { body, .. } if body == "{}"));
    let answer = runtime.await.unwrap();
    assert_eq!(answer.text(), "{\"a\":1}");
    let id = answer.header("lambda-runtime-aws-request-id").unwrap();
    assert_eq!(id.len(), 36, "{id}");
    let deadline = answer.header("lambda-runtime-deadline-ms").unwrap();
    assert_eq!(deadline.len(), 13, "{deadline}");
    let arn = answer.header("lambda-runtime-invoked-function-arn").unwrap();
    assert!(arn.starts_with("arn:aws:lambda:"), "{arn}");
    let trace = answer.header("lambda-runtime-trace-id").unwrap();
    assert!(trace.starts_with("Root=1-"), "{trace}");
}

#[tokio::test]
async fn events_are_handed_over_one_at_a_time() {
    let api = listen(Duration::from_secs(5)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        for _ in 0..2 {
            let (id, answer) = next(address).await;
            // The other event must not come before this reply.
            sleep(Duration::from_millis(50)).await;
            let early = get(address, &format!("{ROOT}/invocation/next")).await;
            assert_eq!(early.status, 403, "{}", early.text());
            assert!(early.text().contains("InvalidStateTransition"));
            respond(address, &id, &answer.body).await;
        }
    });
    let (first, second) = within(async { tokio::join!(api.invoke("1"), api.invoke("2")) }).await;
    assert!(matches!(first, Outcome::Buffered { body, .. } if body == "1"));
    assert!(matches!(second, Outcome::Buffered { body, .. } if body == "2"));
    runtime.await.unwrap();
}

#[tokio::test]
async fn several_events_are_handed_over_at_once_up_to_the_concurrency() {
    let settings = Settings { timeout: Duration::from_secs(5), concurrency: 2, ..Settings::default() };
    let api = RuntimeApi::listen(settings).await.unwrap();
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let ((first, a), (second, b)) = tokio::join!(next(address), next(address));
        assert_ne!(first, second);
        // A third may be asked for, and does not come before there is room.
        let third = tokio::spawn(next(address));
        sleep(Duration::from_millis(100)).await;
        assert!(!third.is_finished());
        // Out of order.
        assert_eq!(respond(address, &second, &b.body).await.status, 202);
        let (third, c) = third.await.unwrap();
        assert_eq!(respond(address, &third, &c.body).await.status, 202);
        assert_eq!(respond(address, &first, &a.body).await.status, 202);
        // It has been forgotten.
        assert_eq!(respond(address, &first, &a.body).await.status, 400);
    });
    let outcomes = within(async { tokio::join!(api.invoke("1"), api.invoke("2"), api.invoke("3")) }).await;
    for (outcome, event) in [(outcomes.0, "1"), (outcomes.1, "2"), (outcomes.2, "3")] {
        assert!(matches!(outcome, Outcome::Buffered { body, .. } if body == event), "{event}");
    }
    runtime.await.unwrap();
}

#[tokio::test]
async fn a_worker_that_hung_up_while_it_waited_gets_no_event() {
    let settings = Settings { timeout: Duration::from_secs(5), concurrency: 2, ..Settings::default() };
    let api = RuntimeApi::listen(settings).await.unwrap();
    let address = api.address();
    drop(crate::support::open(address, "GET", &format!("{ROOT}/invocation/next"), &[]).await);
    sleep(Duration::from_millis(50)).await;
    let runtime = tokio::spawn(async move {
        let (id, _) = next(address).await;
        respond(address, &id, b"{}").await.status
    });
    assert!(matches!(within(api.invoke("{}")).await, Outcome::Buffered { .. }));
    assert_eq!(runtime.await.unwrap(), 202);
}

#[tokio::test]
async fn a_deadline_frees_its_place_and_a_late_reply_is_told_so_once() {
    let settings = Settings { timeout: Duration::from_millis(300), concurrency: 2, ..Settings::default() };
    let api = RuntimeApi::listen(settings).await.unwrap();
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (late, _) = next(address).await;
        sleep(Duration::from_millis(500)).await;
        let first = respond(address, &late, b"{}").await.status;
        (first, respond(address, &late, b"{}").await.status)
    });
    assert!(matches!(within(api.invoke("{}")).await, Outcome::Timeout));
    assert_eq!(runtime.await.unwrap(), (410, 400));
}

#[tokio::test]
async fn a_second_reply_and_a_foreign_id_are_refused() {
    let api = listen(Duration::from_secs(5)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (id, _) = next(address).await;
        assert_eq!(respond(address, "0", b"{}").await.status, 400);
        assert_eq!(respond(address, &id, b"{}").await.status, 202);
        assert_eq!(respond(address, &id, b"{}").await.status, 403);
        let path = format!("{ROOT}/nothing");
        assert_eq!(get(address, &path).await.status, 404);
        assert_eq!(get(address, "/").await.status, 404);
    });
    within(api.invoke("{}")).await;
    runtime.await.unwrap();
}

#[tokio::test]
async fn streams_chunks_as_they_come() {
    let api = listen(Duration::from_secs(5)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (id, _) = next(address).await;
        let body = chunked(&[b"{\"statusCode\":200}\0\0\0\0", b"\0\0\0\0one", b"two"], "");
        assert_eq!(stream(address, &id, &body).await.status, 202);
    });
    let Outcome::Streamed(mut streamed) = within(api.invoke("{}")).await else {
        panic!("streamed");
    };
    let prelude = within(streamed.prelude(1024)).await.unwrap();
    assert_eq!(prelude.0["statusCode"], 200);
    assert_eq!(within(streamed.chunk()).await.unwrap().unwrap(), "one");
    let rest = within(streamed.collect()).await;
    assert_eq!(rest.bytes, "two");
    assert_eq!(rest.error, None);
    runtime.await.unwrap();
}

#[tokio::test]
async fn trailers_of_a_stream_are_its_error() {
    let api = listen(Duration::from_secs(5)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (id, _) = next(address).await;
        let trailers = "Lambda-Runtime-Function-Error-Type: Broken\r\n\
                        Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n";
        stream(address, &id, &chunked(&[b"one"], trailers)).await;
    });
    let Outcome::Streamed(streamed) = within(api.invoke("{}")).await else {
        panic!("streamed");
    };
    let collected = within(streamed.collect()).await;
    assert_eq!(collected.bytes, "one");
    let Some(StreamError::Function(error)) = collected.error else {
        panic!("{:?}", collected.error);
    };
    assert_eq!(error.error_type, "Broken");
    assert_eq!(error.body, "{\"a\":1}");
    runtime.await.unwrap();
}

#[tokio::test]
async fn an_error_text_in_the_body_is_no_error() {
    let api = listen(Duration::from_secs(5)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (id, _) = next(address).await;
        let text = b"Lambda-Runtime-Function-Error-Type: Broken\r\n";
        stream(address, &id, &chunked(&[text], "")).await;
    });
    let Outcome::Streamed(streamed) = within(api.invoke("{}")).await else {
        panic!("streamed");
    };
    let collected = within(streamed.collect()).await;
    assert!(collected.bytes.starts_with(b"Lambda-Runtime"));
    assert_eq!(collected.error, None);
    runtime.await.unwrap();
}

#[tokio::test]
async fn a_broken_stream_is_not_a_complete_one() {
    let api = listen(Duration::from_secs(5)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (id, _) = next(address).await;
        let path = format!("{ROOT}/invocation/{id}/response");
        let headers = [("Lambda-Runtime-Function-Response-Mode", "streaming"), ("Transfer-Encoding", "chunked")];
        let mut connection = crate::support::open(address, "POST", &path, &headers).await;
        connection.write_all(b"3\r\none\r\n").await.unwrap();
        sleep(Duration::from_millis(50)).await;
    });
    let Outcome::Streamed(streamed) = within(api.invoke("{}")).await else {
        panic!("streamed");
    };
    let collected = within(streamed.collect()).await;
    assert_eq!(collected.bytes, "one");
    assert_eq!(collected.error, Some(StreamError::Disconnected));
    runtime.await.unwrap();
}

#[tokio::test]
async fn an_error_is_the_functions_own() {
    let api = listen(Duration::from_secs(5)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (id, _) = next(address).await;
        let path = format!("{ROOT}/invocation/{id}/error");
        let headers = [("Lambda-Runtime-Function-Error-Type", "Function.Broken")];
        assert_eq!(post(address, &path, &headers, b"{}").await.status, 202);
    });
    let Outcome::FunctionError(error) = within(api.invoke("{}")).await else {
        panic!("a function error");
    };
    assert_eq!(error.error_type, "Function.Broken");
    runtime.await.unwrap();
}

#[tokio::test]
async fn an_init_error_fails_every_event() {
    let api = listen(Duration::from_secs(5)).await;
    let path = format!("{ROOT}/init/error");
    let headers = [("Lambda-Runtime-Function-Error-Type", "Function.NoConfig")];
    let answer = post(api.address(), &path, &headers, b"{}").await;
    assert_eq!(answer.status, 202);
    assert!(!within(api.ready()).await);
    let Outcome::InitError(error) = within(api.invoke("{}")).await else {
        panic!("an init error");
    };
    assert_eq!(error.error_type, "Function.NoConfig");
}

#[tokio::test]
async fn the_deadline_ends_an_invocation_and_late_replies_are_refused() {
    let api = listen(Duration::from_millis(200)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (id, _) = next(address).await;
        sleep(Duration::from_millis(400)).await;
        respond(address, &id, b"{}").await.status
    });
    let begun = Instant::now();
    assert!(matches!(within(api.invoke("{}")).await, Outcome::Timeout));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(runtime.await.unwrap(), 400);
}

#[tokio::test]
async fn the_deadline_holds_for_the_rest_of_a_stream() {
    let api = listen(Duration::from_millis(300)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (id, _) = next(address).await;
        let path = format!("{ROOT}/invocation/{id}/response");
        let headers = [("Lambda-Runtime-Function-Response-Mode", "streaming"), ("Transfer-Encoding", "chunked")];
        let mut connection = crate::support::open(address, "POST", &path, &headers).await;
        connection.write_all(b"3\r\none\r\n").await.unwrap();
        sleep(Duration::from_secs(2)).await;
    });
    let Outcome::Streamed(streamed) = within(api.invoke("{}")).await else {
        panic!("streamed");
    };
    let collected = within(streamed.collect()).await;
    assert_eq!(collected.error, Some(StreamError::Timeout));
    runtime.abort();
}

#[tokio::test]
async fn a_buffered_reply_may_have_six_megabytes_and_no_byte_more() {
    let api = listen(Duration::from_secs(10)).await;
    let address = api.address();
    let runtime = tokio::spawn(async move {
        let (id, _) = next(address).await;
        let accepted = respond(address, &id, &vec![b' '; PAYLOAD_BYTES]).await;
        let (id, _) = next(address).await;
        let refused = respond(address, &id, &vec![b' '; PAYLOAD_BYTES + 1]).await;
        // As on Lambda, the reply has been made; an error cannot follow it.
        let path = format!("{ROOT}/invocation/{id}/error");
        let error = post(address, &path, &[], b"{}").await;
        (accepted.status, refused.status, error.status)
    });
    let first = within(api.invoke("{}")).await;
    assert!(matches!(first, Outcome::Buffered { body, .. } if body.len() == PAYLOAD_BYTES));
    let Outcome::FunctionError(error) = within(api.invoke("{}")).await else {
        panic!("a function error");
    };
    assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
    assert_eq!(runtime.await.unwrap(), (202, 413, 403));
}

#[tokio::test]
async fn a_streamed_reply_may_have_two_hundred_megabytes_and_no_byte_more() {
    for (extra, expected) in [(0, None), (1, Some(StreamError::TooLarge))] {
        let api = listen(PATIENCE).await;
        let address = api.address();
        let runtime = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt as _;
            let (id, _) = next(address).await;
            let path = format!("{ROOT}/invocation/{id}/response");
            let headers = [("Lambda-Runtime-Function-Response-Mode", "streaming"), ("Transfer-Encoding", "chunked")];
            let mut connection = crate::support::open(address, "POST", &path, &headers).await;
            let piece = chunked(&[&vec![b'x'; STREAMED_BYTES / 200]], "");
            let piece = piece.strip_suffix(b"0\r\n\r\n").unwrap();
            for _ in 0..200 {
                connection.write_all(piece).await.unwrap();
            }
            let last = vec![b'x'; extra];
            let last = if extra == 0 { chunked(&[], "") } else { chunked(&[&last], "") };
            connection.write_all(&last).await.unwrap();
            // Held until the other side has read.
            sleep(Duration::from_millis(200)).await;
        });
        let Outcome::Streamed(mut streamed) = within(api.invoke("{}")).await else {
            panic!("streamed");
        };
        let mut error = None;
        let mut length = 0;
        while let Some(chunk) = within(streamed.chunk()).await {
            match chunk {
                Ok(chunk) => length += chunk.len(),
                Err(why) => error = Some(why),
            }
        }
        assert_eq!((length, error), (STREAMED_BYTES, expected));
        runtime.await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_without_a_prelude_says_what_is_missing() {
    for (body, expected) in [
        (chunked(&[b"{\"statusCode\":200}"], ""), PreludeError::NoDelimiter { limit: 64 }),
        (chunked(&[&[b'x'; 200]], ""), PreludeError::NoDelimiter { limit: 64 }),
        (chunked(&[b"x\0\0\0\0\0\0\0\0"], ""), PreludeError::NotJson),
    ] {
        let api = listen(Duration::from_secs(5)).await;
        let address = api.address();
        let runtime = tokio::spawn(async move {
            let (id, _) = next(address).await;
            stream(address, &id, &body).await;
        });
        let Outcome::Streamed(mut streamed) = within(api.invoke("{}")).await else {
            panic!("streamed");
        };
        assert_eq!(within(streamed.prelude(64)).await, Err(expected));
        drop(streamed);
        runtime.await.unwrap();
    }
}
