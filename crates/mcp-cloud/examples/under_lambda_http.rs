//! The server under `lambda_http`, for a function that has other routes or layers of its own. With the feature
//! `lambda-http`, the server learns the trigger, the deadline and the caller's address from lambda_http; and a tool
//! finds lambda_http's own extensions in its request.
//!
//! lambda_http fixes buffered or streaming for the whole program, so the variable that says what the gateway expects
//! chooses between its two loops.

use lambda_http::request::RequestContext;
use rmcp::{
    ServerHandler,
    handler::server::{router::tool::ToolRouter, tool::Extension},
    tool, tool_handler, tool_router,
};

struct Demo(ToolRouter<Self>);

#[tool_router]
impl Demo {
    #[tool(description = "Says which gateway the request came through, by lambda_http's own account")]
    fn gateway(&self, Extension(http): Extension<http::request::Parts>) -> String {
        let gateway = match http.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV1(_)) => "REST API",
            Some(RequestContext::ApiGatewayV2(_)) => "HTTP API or function URL",
            Some(RequestContext::Alb(_)) => "load balancer",
            _ => "none",
        };
        let deadline = http.extensions.get::<mcp_cloud::RequestInfo>().and_then(|info| info.deadline);
        format!("{gateway}, {}", if deadline.is_some() { "with a deadline" } else { "without a deadline" })
    }
}

#[tool_handler(router = self.0, name = "demo")]
impl ServerHandler for Demo {}

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    let service = mcp_cloud::Server::rmcp(|| Demo(Demo::tool_router())).into_service();
    if std::env::var("MCP_CLOUD_RESPONSE_MODE").is_ok_and(|mode| mode == "stream") {
        lambda_http::run_with_streaming_response(service).await
    } else {
        lambda_http::run(service).await
    }
}
