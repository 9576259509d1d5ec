//! P1, the usual glue: rmcp's Streamable HTTP service in an axum router under lambda_http, put together as their
//! documentation shows it, on tokio's multi-thread runtime.
//!
//! With the argument `stream` it runs under lambda_http's streaming twin instead.

use lambda_http::Error;
use mcp_cloud_bench::peers;

#[tokio::main]
async fn main() -> Result<(), Error> {
    // Behind API Gateway the `Host` is the gateway's; rmcp would answer 403 to every request.
    let router = peers::router(peers::configuration().disable_allowed_hosts());
    if std::env::args().any(|argument| argument == "stream") {
        lambda_http::run_with_streaming_response(router).await
    } else {
        lambda_http::run(router).await
    }
}
