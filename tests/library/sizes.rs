//! Results that are larger than a trigger carries.

use std::{net::SocketAddr, time::Duration};

use mcp_cloud_emulator::Trigger;
use serde_json::{Value, json};

use crate::{
    emulator, everything, listen,
    wire::{Reply, send},
};

const MIB: usize = 1024 * 1024;

/// What a reply's head and the document around it are given of the limit.
const HEAD: usize = 1024;

/// The triggers that carry so much and no more, and how much that is.
const BUFFERED: [(Trigger, usize); 4] = [
    (Trigger::FunctionUrlBuffered, 6 * MIB),
    (Trigger::RestApi, 6 * MIB),
    (Trigger::HttpApi, 6 * MIB),
    (Trigger::Alb, MIB),
];
const STREAMED: [(Trigger, usize); 2] = [(Trigger::FunctionUrl, 200 * MIB), (Trigger::RestApiStream, 200 * MIB)];

async fn repeated(address: SocketAddr, text: &str, times: usize, accept: &str) -> Reply {
    let params = json!({ "name": "repeat_text", "arguments": { "text": text, "times": times } });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    send(address, "POST", &[("accept", accept.to_owned())], &call.to_string()).await
}

/// How long a text is as a JSON string, without its quotation marks.
fn quoted(text: &str) -> usize {
    Value::from(text).to_string().len() - 2
}

fn is_refused(trigger: Trigger, reply: &Reply, sizes: &[usize]) {
    let error = &reply.message()["error"];
    let shown = format!("{trigger}: {} {error}", reply.status);
    assert_eq!((reply.status, error["code"].as_i64()), (200, Some(-32603)), "{shown}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(sizes.iter().all(|size| message.contains(&size.to_string())), "{sizes:?}: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_over_the_limit_of_a_trigger_is_an_error_that_says_both_sizes_and_one_just_under_it_passes() {
    for (trigger, limit) in BUFFERED {
        let running = listen(emulator(trigger, everything().await)).await;
        let room = limit - HEAD;
        let both = "application/json, text/event-stream";
        // A quotation mark takes four bytes: it is quoted in the message, and again in the document around it.
        let mut kinds = vec![("\"", 4, both)];
        if trigger == Trigger::Alb {
            // The smallest limit, and so the quickest to reach in other ways too.
            kinds.extend([("a", 1, both), ("ü", 2, both), ("\"", 4, "text/event-stream")]);
        }
        for (text, width, accept) in kinds {
            let envelope = quoted(&repeated(running.address(), text, 0, "application/json").await.body);
            let most = (room - envelope) / width;
            let fits = repeated(running.address(), text, most, accept).await;
            let shown = format!("{trigger}: {text} {accept}: {}", fits.status);
            assert_eq!(fits.status, 200, "{shown}");
            let given = fits.message();
            let length = given["result"]["content"][0]["text"].as_str().map(str::len);
            assert_eq!(length, Some(most * text.len()), "{shown}");
            let refused = repeated(running.address(), text, most + 1, accept).await;
            is_refused(trigger, &refused, &[envelope + (most + 1) * width, room]);
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_a_batch_that_are_too_large_together_are_one_error() {
    let running = listen(emulator(Trigger::Alb, everything().await)).await;
    let call = |id: u8, times: usize| {
        let params = json!({ "name": "repeat_text", "arguments": { "text": "a", "times": times } });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    for (times, fits) in [(MIB / 3, true), (2 * MIB / 3, false)] {
        let batch = json!([call(1, times), call(2, times)]).to_string();
        let reply = send(running.address(), "POST", &[], &batch).await;
        if fits {
            assert_eq!((reply.status, reply.message().as_array().map(Vec::len)), (200, Some(2)));
        } else {
            is_refused(Trigger::Alb, &reply, &[MIB - HEAD]);
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_over_the_limit_of_a_stream_is_an_error_that_says_both_sizes() {
    for (trigger, limit) in STREAMED {
        // A program that is not optimised takes its time for so much.
        let patient = emulator(trigger, everything().await).timeout(Duration::from_secs(120));
        let running = listen(patient).await;
        let envelope = repeated(running.address(), "\u{1}", 0, "application/json").await.body.len();
        // Six bytes each.
        let times = limit / 6;
        let refused = repeated(running.address(), "\u{1}", times, "application/json").await;
        is_refused(trigger, &refused, &[envelope + 6 * times, limit - HEAD]);
        // What no buffered reply could carry.
        let fits = repeated(running.address(), "a", 8 * MIB, "application/json").await;
        assert_eq!((fits.status, fits.body.len()), (200, envelope + 8 * MIB), "{trigger}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_without_a_limit_carries_what_there_is() {
    let limited = |trigger: Trigger| BUFFERED.iter().chain(&STREAMED).any(|(found, _)| *found == trigger);
    for trigger in Trigger::ALL.into_iter().filter(|trigger| !limited(*trigger)) {
        let running = listen(emulator(trigger, everything().await)).await;
        let reply = repeated(running.address(), "a", 8 * MIB, "application/json").await;
        assert!(reply.status == 200 && reply.body.len() > 8 * MIB, "{trigger}: {}", reply.status);
        running.stop().await;
    }
}
