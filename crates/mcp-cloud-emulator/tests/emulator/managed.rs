//! Functions that take several events at once, as on Lambda Managed Instances.

use std::time::Duration;

use mcp_cloud_emulator::{Emulator, Freeze, Observation, Running, Start, Trigger};
use tokio::time::{Instant, sleep};

use crate::support::{Seen, function, get};

async fn managed(trigger: Trigger, concurrency: usize, timeout: Duration) -> (Running, Seen) {
    function(trigger, |emulator: Emulator| emulator.concurrency(concurrency).timeout(timeout)).await
}

fn starts(seen: &Seen) -> usize {
    seen.count(|observation| matches!(observation, Observation::ServerStarted { .. }))
}

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_managed_function_is_told_its_concurrency_and_a_classic_one_is_not() {
    for (concurrency, max, kind) in [(1, None, "on-demand"), (3, Some("3"), "lambda-managed-instances")] {
        let (running, _) = managed(Trigger::FunctionUrlBuffered, concurrency, TIMEOUT).await;
        let env = get(running.address(), "/x").await.json()["env"].clone();
        assert_eq!(env["AWS_LAMBDA_MAX_CONCURRENCY"].as_str(), max);
        assert_eq!(env["AWS_LAMBDA_INITIALIZATION_TYPE"], kind);
        running.stop().await;
    }
}

#[tokio::test]
async fn several_invocations_run_at_once_in_one_process_which_the_first_started() {
    let (running, seen) = managed(Trigger::FunctionUrlBuffered, 3, TIMEOUT).await;
    let address = running.address();
    let (a, b, c) = tokio::join!(get(address, "/sleep?1.0"), get(address, "/sleep?1.0"), get(address, "/sleep?1.0"));
    let answers = [a.json(), b.json(), c.json()];
    assert_eq!(answers.iter().filter_map(|answer| answer["under_way"].as_u64()).max(), Some(3));
    assert!(answers.iter().all(|answer| answer["pid"] == answers[0]["pid"]));
    assert_eq!(starts(&seen), 1);
    let starting = |wanted| move |observation: &Observation| matches!(observation, Observation::Request(record) if record.start == wanted);
    // The last bytes are out a moment before they are observed.
    while seen.count(starting(Start::Warm)) < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(seen.count(starting(Start::Cold)), 1);
    running.stop().await;
}

#[tokio::test]
async fn one_more_than_the_concurrency_waits() {
    let (running, seen) = managed(Trigger::FunctionUrlBuffered, 3, TIMEOUT).await;
    let address = running.address();
    get(address, "/x").await;
    let begun = Instant::now();
    let (a, b, c, d) =
        tokio::join!(get(address, "/slow"), get(address, "/slow"), get(address, "/slow"), get(address, "/slow"));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    for answer in [a, b, c, d] {
        let under_way = answer.json()["under_way"].as_u64().unwrap();
        assert!((1..=3).contains(&under_way), "{under_way}");
    }
    assert_eq!(starts(&seen), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_runtime_that_asks_for_one_event_at_a_time_is_given_one_at_a_time() {
    let (running, seen) =
        function(Trigger::FunctionUrlBuffered, |emulator| emulator.concurrency(3).env("WORKERS", "1")).await;
    let address = running.address();
    let (a, b, c) = tokio::join!(get(address, "/slow"), get(address, "/slow"), get(address, "/slow"));
    let answers = [a.json(), b.json(), c.json()];
    assert!(answers.iter().all(|answer| answer["under_way"] == 1));
    assert_eq!(starts(&seen), 1);
    running.stop().await;
}

#[tokio::test]
async fn replies_out_of_order_reach_their_own_callers() {
    let (running, _) = managed(Trigger::FunctionUrlBuffered, 3, TIMEOUT).await;
    let address = running.address();
    get(address, "/x").await;
    let call = |query: &'static str| async move {
        let answer = get(address, &format!("/sleep?{query}")).await;
        assert_eq!(answer.json()["event"]["rawQueryString"], query);
        Instant::now()
    };
    let (slow, middle, fast) = tokio::join!(call("0.9"), call("0.5"), call("0.1"));
    assert!(fast < middle && middle < slow);
    running.stop().await;
}

#[tokio::test]
async fn replies_stream_side_by_side() {
    for trigger in [Trigger::FunctionUrl, Trigger::RestApiStream] {
        let (running, seen) = managed(trigger, 3, TIMEOUT).await;
        let address = running.address();
        let (a, b, c) = tokio::join!(
            get(address, "/stream-query?7"),
            get(address, "/stream-query?8"),
            get(address, "/stream-query?9")
        );
        for (answer, lines) in [(a, 7), (b, 8), (c, 9)] {
            assert_eq!((answer.status, answer.complete), (200, true));
            assert_eq!(answer.text(), format!("{lines}\n").repeat(lines));
        }
        assert_eq!(starts(&seen), 1);
        running.stop().await;
    }
}

#[tokio::test]
async fn an_invocation_past_its_deadline_fails_alone() {
    let (running, seen) = managed(Trigger::FunctionUrlBuffered, 2, Duration::from_millis(1500)).await;
    let address = running.address();
    let pid = get(address, "/x").await.json()["pid"].clone();
    let (late, slow) = tokio::join!(get(address, "/overdue?2.0"), async {
        sleep(Duration::from_millis(1000)).await;
        get(address, "/sleep?1.0").await
    });
    assert_eq!(late.status, 504);
    assert_eq!((slow.status, &slow.json()["pid"]), (200, &pid));
    // The code that missed its deadline went on, and its reply came too late.
    seen.line("late reply: 410").await;
    let (a, b) = tokio::join!(get(address, "/slow"), get(address, "/slow"));
    assert!([a, b].iter().all(|answer| answer.json()["pid"] == pid));
    assert_eq!(starts(&seen), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_stream_past_its_deadline_is_cut_alone() {
    let (running, seen) = managed(Trigger::FunctionUrl, 2, Duration::from_millis(1500)).await;
    let address = running.address();
    get(address, "/stream-query?1").await;
    let (cut, whole) = tokio::join!(get(address, "/stream-long"), async {
        sleep(Duration::from_millis(1000)).await;
        get(address, "/stream-query?9").await
    });
    assert_eq!((cut.status, cut.complete), (200, false));
    assert_eq!((whole.status, whole.complete), (200, true));
    assert_eq!(starts(&seen), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_connection_that_breaks_fails_its_own_stream_alone() {
    let (running, seen) = managed(Trigger::FunctionUrl, 2, TIMEOUT).await;
    let address = running.address();
    let (cut, whole) = tokio::join!(get(address, "/stream-cut"), get(address, "/stream-query?6"));
    assert_eq!((cut.status, cut.complete), (200, false));
    assert_eq!((whole.status, whole.complete), (200, true));
    assert_eq!(starts(&seen), 1);
    running.stop().await;
}

#[tokio::test]
async fn an_error_is_its_own_invocations() {
    let (running, seen) = managed(Trigger::FunctionUrlBuffered, 2, TIMEOUT).await;
    let address = running.address();
    get(address, "/x").await;
    let (slow, error) = tokio::join!(get(address, "/slow"), get(address, "/error"));
    assert_eq!((slow.status, error.status), (200, 502));
    assert_eq!(starts(&seen), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_crash_fails_every_invocation_under_way_and_the_next_starts_cold() {
    let (running, seen) = managed(Trigger::FunctionUrlBuffered, 2, TIMEOUT).await;
    let address = running.address();
    get(address, "/x").await;
    let (slow, crash) = tokio::join!(get(address, "/sleep?5"), async {
        sleep(Duration::from_millis(300)).await;
        get(address, "/crash").await
    });
    assert_eq!((slow.status, crash.status), (502, 502));
    assert_eq!(get(address, "/x").await.json()["count"], 1);
    assert_eq!(starts(&seen), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_managed_process_is_not_frozen_between_invocations() {
    let (running, _) =
        function(Trigger::FunctionUrlBuffered, |emulator| emulator.concurrency(2).freeze(Freeze::BetweenInvocations))
            .await;
    let before = get(running.address(), "/x").await.json()["ticks"].as_u64().unwrap();
    sleep(Duration::from_millis(700)).await;
    let after = get(running.address(), "/x").await.json()["ticks"].as_u64().unwrap();
    assert!(after - before >= 20, "{before} {after}");
    running.stop().await;
}

#[tokio::test]
async fn a_managed_function_that_cannot_start_is_answered_and_said() {
    for (how, is_said) in [("report", true), ("exit", false)] {
        let (running, seen) =
            function(Trigger::FunctionUrlBuffered, |emulator| emulator.concurrency(2).env("FAIL_INIT", how)).await;
        let address = running.address();
        let (a, b) = tokio::join!(get(address, "/x"), get(address, "/x"));
        assert_eq!((a.status, b.status), (502, 502));
        let said = seen.count(|observation| matches!(observation, Observation::InitError { .. }));
        assert_eq!(said > 0, is_said, "{said}");
        running.stop().await;
    }
}

#[tokio::test]
async fn stopping_ends_a_managed_function_at_work() {
    let (running, seen) = managed(Trigger::FunctionUrlBuffered, 2, TIMEOUT).await;
    let address = running.address();
    get(address, "/x").await;
    let hanging = tokio::spawn(async move { get(address, "/hang").await });
    sleep(Duration::from_millis(200)).await;
    running.stop().await;
    assert_eq!(seen.count(|observation| matches!(observation, Observation::ServerExited { .. })), 1);
    hanging.abort();
}
