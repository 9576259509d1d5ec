//! The smallest MCP server that runs on every platform of mcp-cloud.
use rmcp::handler::server::{router::tool::ToolRouter, wrapper::Parameters};
use rmcp::model::{ProgressNotificationParam, RequestMetaObject};
use rmcp::{Peer, RoleServer, ServerHandler, schemars, tool, tool_handler, tool_router};

#[derive(serde::Deserialize, schemars::JsonSchema)] #[rustfmt::skip] struct Echo { text: String }
#[derive(serde::Deserialize, schemars::JsonSchema)] #[rustfmt::skip] struct Add { a: i32, b: i32 }
#[derive(serde::Deserialize, schemars::JsonSchema)] #[rustfmt::skip] struct Countdown { from: u8 }

struct Hello(ToolRouter<Self>);

#[tool_router]
impl Hello {
    #[tool(description = "Gives back the text it is given")]
    fn echo(&self, Parameters(echo): Parameters<Echo>) -> String {
        echo.text
    }
    #[tool(description = "Adds two whole numbers")]
    fn add(&self, Parameters(add): Parameters<Add>) -> String {
        (i64::from(add.a) + i64::from(add.b)).to_string()
    }
    #[tool(description = "Counts down, and reports every step")]
    async fn countdown(&self, count: Parameters<Countdown>, meta: RequestMetaObject, peer: Peer<RoleServer>) -> String {
        for step in 1..=count.0.from {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let Some(token) = meta.get_progress_token() else { continue };
            let progress = ProgressNotificationParam::new(token, step.into()).with_total(count.0.from.into());
            let _ = peer.notify_progress(progress).await;
        }
        "lift-off".to_owned()
    }
}

#[tool_handler(router = self.0, name = "hello")]
impl ServerHandler for Hello {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), mcp_cloud::ServeError> {
    mcp_cloud::Server::rmcp(|| Hello(Hello::tool_router())).serve().await
}
