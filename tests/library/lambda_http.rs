//! The server under `lambda_http::run` and under its streaming twin.

use mcp_cloud_emulator::{Emulator, Trigger};
use mcp_cloud_tests::library_example;

use crate::wire::post;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"gateway"}}"#;

async fn gateway(trigger: Trigger, mode: &str) -> String {
    let program = tokio::task::spawn_blocking(|| library_example("under_lambda_http", "lambda-http")).await;
    let running = Emulator::new(trigger, program.expect("the example builds"))
        .env("MCP_CLOUD_RESPONSE_MODE", mode)
        .listen(([127, 0, 0, 1], 0).into())
        .await
        .expect("the emulator starts");
    let reply = post(running.address(), CALL).await;
    running.stop().await;
    assert_eq!(reply.status, 200, "{trigger}: {reply:?}");
    reply.body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_finds_what_lambda_http_knows_about_its_request() {
    for (trigger, mode, expected) in [
        (Trigger::HttpApi, "buffered", "HTTP API or function URL, with a deadline"),
        (Trigger::FunctionUrlBuffered, "buffered", "HTTP API or function URL, with a deadline"),
        (Trigger::RestApi, "buffered", "REST API, with a deadline"),
        (Trigger::Alb, "buffered", "load balancer, with a deadline"),
        (Trigger::FunctionUrl, "stream", "HTTP API or function URL, with a deadline"),
        (Trigger::RestApiStream, "stream", "REST API, with a deadline"),
    ] {
        let reply = gateway(trigger, mode).await;
        assert!(reply.contains(expected), "{trigger}: {reply}");
    }
}
