//! One suite of exchanges through every trigger: what a client gets must not depend on where the server runs.

mod batches;
mod differences;
mod exchange;
mod http;
mod legacy;
mod modern;

use mcp_cloud_emulator::Trigger;
use serde_json::{Value, json};

use self::exchange::{Body, Exchange};
use crate::{
    emulator, everything, listen,
    wire::{self, Reply},
};

fn exchanges() -> Vec<Exchange> {
    [legacy::exchanges(), modern::exchanges(), batches::exchanges(), http::exchanges()].into_iter().flatten().collect()
}

/// What a refusal says about the versions there are.
fn versions(requested: &str) -> Value {
    let supported = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
    json!({ "supported": supported, "requested": requested })
}

/// What a refusal says about the prompts there are.
fn prompts() -> Value {
    let names = ["input_required_result_prompt", "prompt_with_arguments", "prompt_with_embedded_resource"];
    let names = names.into_iter().chain(["prompt_with_image", "simple_prompt"]);
    json!({ "available_prompts": names.map(|name| format!("test_{name}")).collect::<Vec<_>>() })
}

async fn replies(trigger: Trigger) -> Vec<Reply> {
    let running = listen(emulator(trigger, everything().await)).await;
    let mut replies: Vec<Reply> = Vec::new();
    for exchange in exchanges() {
        let Exchange { method, path, headers, body, .. } = &exchange;
        let body = match body {
            Body::Text(body) => body.clone(),
            Body::After(make) => make(&replies.last().map(Reply::message).unwrap_or_default()).to_string(),
        };
        let reply = wire::exchange(running.address(), &format!("{method} {path}"), headers, &body).await;
        exchange.check(trigger, &reply);
        replies.push(reply);
    }
    running.stop().await;
    replies
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trigger_gives_the_same_answers() {
    let exchanges = exchanges();
    assert!(exchanges.len() > 170, "{}", exchanges.len());
    let running = Trigger::ALL.map(|trigger| (trigger, tokio::spawn(replies(trigger))));
    let direct = replies(Trigger::Direct).await;
    for (trigger, replies) in running {
        let replies = replies.await.expect("the exchanges are as they must be");
        for ((exchange, reply), direct) in exchanges.iter().zip(&replies).zip(&direct) {
            exchange.compare(trigger, reply, direct);
        }
    }
}
