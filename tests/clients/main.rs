//! MCP clients that nobody here wrote, against every trigger: the Python SDK's, and both generations of the TypeScript
//! SDK's. Each lists the tools, calls every one of them, and gets the right answers in each era it knows.

#![cfg(unix)]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod client;

use std::time::Duration;

use client::{Client, Era, Seen};
use mcp_cloud_emulator::Trigger;
use mcp_cloud_tests::Dev;

/// One test for each trigger, so that a failure names it, and the list of those that have one.
macro_rules! triggers {
    ($($test:ident: $trigger:expr;)*) => {
        const TESTED: &[Trigger] = &[$($trigger),*];
        $(
            #[test]
            fn $test() {
                every_client_gets_the_right_answers($trigger);
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

/// `countdown` reports the first of three steps two tenths of a second before it answers. Less than that, because the
/// client may be slow to see the first; far more than what was held back to arrive at once takes.
const STREAMED: Duration = Duration::from_millis(80);
/// How often a client may be too slow to see it.
const ATTEMPTS: usize = 5;

#[test]
fn every_trigger_is_tested() {
    assert_eq!(TESTED, Trigger::ALL);
}

fn every_client_gets_the_right_answers(trigger: Trigger) {
    let clients: Vec<_> = Client::ALL.into_iter().filter(Client::is_installed).collect();
    if clients.is_empty() {
        return;
    }
    // One server for all of them: they share its instance, as clients of a function do.
    let dev = Dev::hello(trigger.name());
    for client in clients {
        for era in client.eras() {
            let talk = || {
                let (seen, ahead) = client.talk(dev.url(), *era);
                assert_eq!(seen, expected(*era), "{client:?} in the era {era:?} behind {trigger}");
                ahead
            };
            // A client that starts on a busy machine may be busy itself when the first progress comes; what is held back
            // arrives at once however often it is asked for.
            let mut ahead = talk();
            for _ in 1..ATTEMPTS {
                if trigger.streams() && ahead < STREAMED {
                    ahead = talk();
                }
            }
            assert!(
                !trigger.streams() || ahead >= STREAMED,
                "behind {trigger}, which streams, {client:?} saw the first progress only {ahead:?} before the answer"
            );
        }
    }
    for tool in ["echo", "add", "countdown"] {
        let call = dev.request(|request| request["method"] == "tools/call" && request["tool"] == tool);
        assert_eq!(call["status"], 200, "the call of {tool} as `dev` reports it behind {trigger}");
    }
    let finished = dev.stop();
    assert_eq!(finished.code, Some(0), "Ctrl-C behind {trigger}: {}", finished.stderr);
}

fn expected(era: Era) -> Seen {
    Seen {
        protocol_version: era.protocol_version().to_owned(),
        server: Some("hello".to_owned()),
        tools: ["add", "countdown", "echo"].map(str::to_owned).to_vec(),
        echo: "Grüße, 世界".to_owned(),
        add: "42".to_owned(),
        countdown: "lift-off".to_owned(),
        progress: vec![(1.0, Some(3.0)), (2.0, Some(3.0)), (3.0, Some(3.0))],
    }
}
