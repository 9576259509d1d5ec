//! How long things live: deadlines, silence, clients that go away, servers that stop.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{events, function, json_of, legacy, modern, piece, read, send, through};
use crate::{
    McpService, RequestInfo, Server,
    capabilities::Capabilities,
    handler::{ErrorObject, json_rpc},
    testing,
};

/// A request whose platform cuts the line in so many seconds.
fn until(seconds: u64, capabilities: Capabilities, request: Request<Bytes>) -> Request<Bytes> {
    let mut request = through(capabilities, request);
    let info = request.extensions_mut().get_mut::<RequestInfo>().unwrap();
    info.deadline = Some(Instant::now() + Duration::from_secs(seconds));
    request
}

fn call(name: &str) -> Value {
    json!({ "name": name })
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_given_up_before_the_platform_cuts_the_line() {
    let before = tokio::time::Instant::now();
    let request = until(3, Capabilities::FUNCTION_URL_BUFFERED, legacy("tools/call", call("hang")));
    let (_, _, body) = send(&testing::service(), request).await;
    assert!(before.elapsed() < Duration::from_secs(3));
    assert_eq!(json_of(&body)["id"], 7);
    assert!(json_of(&body)["error"]["message"].as_str().unwrap().contains("time limit"));
}

#[tokio::test(start_paused = true)]
async fn a_trigger_with_a_time_limit_of_its_own_gives_the_handler_no_more_than_that() {
    let before = tokio::time::Instant::now();
    let request = through(Capabilities::REST_API, legacy("tools/call", call("hang")));
    let (status, _, body) = send(&testing::service(), request).await;
    let elapsed = before.elapsed();
    assert!(elapsed > Duration::from_secs(28) && elapsed < Duration::from_secs(29), "{elapsed:?}");
    assert_eq!((status, &json_of(&body)["error"]["code"]), (200, &json!(-32603)));
}

#[tokio::test(start_paused = true)]
async fn a_long_silence_is_broken_by_comments_and_the_answer_still_comes() {
    let service = function(|_, _, _| async {
        tokio::time::sleep(Duration::from_secs(40)).await;
        Ok(json!({}))
    })
    .into_service();
    let (_, media_type, body) =
        send(&service, through(Capabilities::REST_API_STREAM, legacy("tools/call", call("slow")))).await;
    assert_eq!(media_type, "text/event-stream");
    assert_eq!(body.matches(":\n\n").count(), 2, "every 15 s, under the limit of 30: {body}");
    assert_eq!(events(&body).last().unwrap()["id"], 7);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_only_json_is_waited_for_in_silence() {
    let service = function(|_, _, _| async {
        tokio::time::sleep(Duration::from_secs(40)).await;
        Ok(json!({}))
    })
    .into_service();
    let mut request = through(Capabilities::REST_API_STREAM, legacy("tools/call", call("slow")));
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    let (_, media_type, body) = send(&service, request).await;
    assert_eq!((media_type.as_str(), &json_of(&body)["id"]), ("application/json", &json!(7)));
}

/// A server that says when it has begun, and when its handler has finished or been dropped.
fn observed() -> (Server, mpsc::UnboundedReceiver<&'static str>) {
    struct Dropped(mpsc::UnboundedSender<&'static str>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let (sender, seen) = mpsc::unbounded_channel();
    let server = Server::json_rpc(move |request, context: json_rpc::Context| {
        let (sender, guard) = (sender.clone(), Dropped(sender.clone()));
        async move {
            if request.id.is_some() {
                let _ = sender.send("begun");
                let _ = context.notify("notifications/progress", &json!({}));
                tokio::time::sleep(Duration::from_secs(5)).await;
                let _ = sender.send("finished");
            }
            drop(guard);
            Ok::<_, ErrorObject>(json!({}))
        }
    });
    (server, seen)
}

#[tokio::test(start_paused = true)]
async fn a_modern_client_that_goes_away_cancels_its_request() {
    let (server, mut seen) = observed();
    let response = server.into_service().answer(modern("tools/call", call("x"))).await;
    assert_eq!(seen.recv().await, Some("begun"));
    drop(response);
    assert_eq!(seen.recv().await, Some("dropped"));
}

#[tokio::test(start_paused = true)]
async fn a_legacy_client_that_goes_away_cancels_nothing() {
    let (server, mut seen) = observed();
    let mut service = server.into_service();
    // Once with the stream begun, and once before anything was sent.
    drop(service.answer(legacy("tools/call", call("x"))).await);
    let mut request = legacy("tools/call", call("x"));
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    let mut waiting = Box::pin(service.answer(request));
    assert!(futures_poll(&mut waiting).await.is_none());
    drop(waiting);
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(seen.recv().await.unwrap());
    }
    assert_eq!(all.iter().filter(|seen| **seen == "finished").count(), 2, "{all:?}");
}

async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_on_after_a_reply_on_a_platform_that_freezes() {
    let (server, mut seen) = observed();
    let request = through(Capabilities::FUNCTION_URL_STREAM, legacy("tools/call", call("x")));
    drop(server.into_service().answer(request).await);
    assert_eq!((seen.recv().await, seen.recv().await), (Some("begun"), Some("dropped")));
}

fn listening() -> McpService {
    Server::json_rpc(|request, context: json_rpc::Context| async move {
        let _ = context.notify("notifications/subscriptions/acknowledged", &json!({}));
        assert_eq!(&*request.method, "subscriptions/listen");
        std::future::pending::<Result<Value, ErrorObject>>().await
    })
    .with_server_info("listener", "1")
    .into_service()
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_well_before_the_deadline_and_lives_until_then() {
    let request = modern("subscriptions/listen", json!({ "notifications": {} }));
    let before = tokio::time::Instant::now();
    let (status, _, body) = send(&listening(), until(100, Capabilities::FUNCTION_URL_STREAM, request)).await;
    assert!(before.elapsed() > Duration::from_secs(99) && before.elapsed() < Duration::from_secs(100));
    assert_eq!(status, 200);
    assert_eq!(body.matches(":\n\n").count(), 6, "a sign of life every 15 s: {body}");
    let last = events(&body).pop().unwrap();
    assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!("a"), &json!("complete")));
    assert_eq!(last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "a");
    assert_eq!(last["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "listener");
}

/// Before a container there may be nobody who cuts: the time is what a call may take.
#[tokio::test(start_paused = true)]
async fn a_subscription_goes_on_where_nobody_cuts_the_line() {
    let request = modern("subscriptions/listen", json!({ "notifications": {} }));
    let mut service = listening();
    let mut body = service.answer(until(100, Capabilities::SOCKET, request)).await.into_body();
    let before = tokio::time::Instant::now();
    let mut pieces = String::new();
    while before.elapsed() < Duration::from_secs(1_000) {
        pieces.push_str(&piece(&mut body).await.unwrap());
    }
    assert!(!pieces.contains("result"), "{pieces}");
    let (_, _, body) =
        send(&testing::service(), until(100, Capabilities::SOCKET, legacy("tools/call", call("hang")))).await;
    assert!(body.contains("time limit"), "a call has its time: {body}");
}

/// `tower::ServiceExt::oneshot` does that.
#[tokio::test]
async fn a_call_is_finished_although_the_service_that_took_it_was_dropped() {
    let params = json!({ "name": "work", "arguments": { "text": "done" }, "_meta": { "progressToken": 1 } });
    let mut service = testing::service();
    let mut body = service.answer(through(Capabilities::SOCKET, legacy("tools/call", params))).await.into_body();
    drop(service);
    let mut pieces = String::new();
    while let Some(piece) = piece(&mut body).await {
        pieces.push_str(&piece);
    }
    assert!(pieces.contains("done") && !pieces.contains("stopped"), "{pieces}");
}

#[tokio::test]
async fn a_subscription_ends_well_when_the_server_stops() {
    let service = listening();
    let mut body =
        service.clone().answer(modern("subscriptions/listen", json!({ "notifications": {} }))).await.into_body();
    assert!(piece(&mut body).await.unwrap().contains("acknowledged"));
    service.stop();
    assert!(piece(&mut body).await.unwrap().contains("subscriptionId"));
    assert_eq!(piece(&mut body).await, None);
}

#[tokio::test]
async fn a_subscription_is_a_stream_even_for_a_client_that_asks_for_json() {
    let service = listening();
    let mut request = modern("subscriptions/listen", json!({ "notifications": {} }));
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    let mut response = service.clone().answer(request).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(piece(response.body_mut()).await.unwrap().contains("acknowledged"));
}

#[tokio::test]
async fn a_result_too_large_for_the_trigger_is_an_error_that_names_both_sizes() {
    let service = function(|name, _, _| async move { Ok(json!({ "text": "\"".repeat(name.parse().unwrap()) })) });
    let service = service.into_service();
    for (size, fits) in [("100", true), ("260000", true), ("700000", false)] {
        let request = through(Capabilities::ALB, legacy("tools/call", call(size)));
        let (status, _, body) = read(service.clone().answer(request).await).await;
        assert_eq!(status, 200);
        let message = json_of(&body);
        assert_eq!(message.get("result").is_some(), fits, "{size}");
        if !fits {
            let error = message["error"]["message"].as_str().unwrap();
            // Every quotation mark is escaped in the message, and each of both characters again in the document.
            assert!(error.contains("28000") && error.contains("1047552"), "{error}");
            assert_eq!((&message["id"], &message["error"]["code"]), (&json!(7), &json!(-32603)));
        }
    }
}

#[tokio::test]
async fn messages_that_leave_no_room_for_the_answer_are_left_out() {
    let service = function(|_, _, context| async move {
        for _ in 0..20 {
            let _ = context.notify("notifications/message", &json!({ "data": "x".repeat(100_000) }));
        }
        Ok(json!({ "done": true }))
    });
    let request = through(Capabilities::ALB, legacy("tools/call", call("x")));
    let (status, media_type, body) = send(&service.into_service(), request).await;
    assert_eq!((status, media_type.as_str()), (200, "application/json"));
    assert_eq!(json_of(&body)["result"]["done"], true);
}
