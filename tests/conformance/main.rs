//! The official MCP conformance suite against `examples/everything` behind every trigger. What fails is listed with its
//! reason in `expected-failures.yaml`, or is a failure here.

#![cfg(unix)]
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use mcp_cloud_emulator::Trigger;
use mcp_cloud_tests::{
    conformance::{Expectations, Instances, Plan, Set, Suite, run},
    everything_binary,
};
use tokio::task::JoinSet;

/// One test for each trigger, so that a failure names it, and the list of those that have one.
macro_rules! triggers {
    ($($test:ident: $trigger:expr;)*) => {
        const TESTED: &[Trigger] = &[$($trigger),*];
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                only_listed_checks_fail($trigger).await;
            }
        )*
    };
}

triggers! {
    function_url: Trigger::FunctionUrl;
    function_url_buffered: Trigger::FunctionUrlBuffered;
    rest_api: Trigger::RestApi;
    rest_api_stream: Trigger::RestApiStream;
    http_api: Trigger::HttpApi;
    alb: Trigger::Alb;
    cloud_run: Trigger::CloudRun;
    azure_payload: Trigger::AzurePayload;
    azure_forwarding: Trigger::AzureForwarding;
    azure_proxying: Trigger::AzureProxying;
    direct: Trigger::Direct;
}

#[test]
fn every_trigger_has_a_test() {
    assert_eq!(TESTED, Trigger::ALL);
}

async fn only_listed_checks_fail(trigger: Trigger) {
    let Some(suite) = Suite::installed() else { return };
    let expectations = Expectations::load().expect("the list can be read");
    let program = tokio::task::spawn_blocking(everything_binary).await.expect("it builds");
    // All at once: the scenarios mostly wait.
    let mut runs = JoinSet::new();
    for set in Set::DEFAULT {
        let plan = Plan {
            trigger,
            instances: Instances::Managed,
            set,
            scenario: None,
            program: program.to_owned(),
            folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance").join(trigger.name()).join(set.name()),
        };
        let suite = suite.clone();
        runs.spawn(async move { (set, run(&suite, &plan).await) });
    }
    let mut complaints = Vec::new();
    for (set, result) in runs.join_all().await {
        match result {
            Ok(report) => {
                let found = expectations.judge(trigger, set, &report);
                complaints.extend(found.into_iter().map(|complaint| format!("{set}: {complaint}")));
            }
            Err(error) => complaints.push(format!("{set}: {error:?}")),
        }
    }
    assert!(complaints.is_empty(), "behind {trigger}:\n{}", complaints.join("\n"));
}
