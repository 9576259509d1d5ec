//! The server that is measured: the tools its peers have, on mcp-cloud as `examples/hello` uses it.
//!
//! With the arguments `--tools N` it has N tools: those three, and as many that nobody calls, each with a description
//! and a schema of its own, as a server of that size would have.

use rmcp::handler::server::router::tool::{ToolRoute, ToolRouter};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, Tool, object};
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use serde_json::json;

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    text: String,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Blob {
    n: usize,
}

#[derive(Debug)]
struct Tools(ToolRouter<Self>);

#[tool_router]
impl Tools {
    fn new(tools: usize) -> Self {
        let mut router = Self::tool_router();
        for number in router.list_all().len()..tools {
            router.add_route(idle(number));
        }
        Self(router)
    }

    #[tool(description = "Say the text again")]
    fn echo(&self, Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }

    #[tool(description = "Add two whole numbers")]
    fn add(&self, Parameters(Add { a, b }): Parameters<Add>) -> String {
        a.saturating_add(b).to_string()
    }

    #[tool(description = "Return n bytes of text")]
    fn blob(&self, Parameters(Blob { n }): Parameters<Blob>) -> String {
        "x".repeat(n)
    }
}

#[tool_handler(router = self.0, name = "bench")]
impl ServerHandler for Tools {}

/// A tool that is listed and never called.
fn idle(number: usize) -> ToolRoute<Tools> {
    let schema = object(json!({
        "type": "object",
        "properties": {
            "query": { "type": "string", "description": "What to look for" },
            "limit": { "type": "integer", "minimum": 1, "maximum": 100, "default": 10 },
            "order": { "type": "string", "enum": ["ascending", "descending"] },
        },
        "required": ["query"],
    }));
    let description = format!("Looks a thing of kind {number} up, and returns what is known about it");
    ToolRoute::new_dyn(Tool::new(format!("look_up_{number}"), description, schema), |_| {
        Box::pin(async { Ok(CallToolResult::success(Vec::new()).into()) })
    })
}

/// What stands behind `--tools`; without it, or without a number there, nothing is added.
fn tools() -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--tools").skip(1);
    arguments.next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), mcp_cloud::ServeError> {
    mcp_cloud::Server::rmcp(|| Tools::new(tools())).serve().await
}
