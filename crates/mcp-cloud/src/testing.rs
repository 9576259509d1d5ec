//! The server that tests talk to.

use rmcp::{
    Peer, RoleServer, ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    model::{ProgressNotificationParam, RequestMetaObject},
    schemars, tool, tool_handler, tool_router,
};

use crate::{McpService, Server};

pub(crate) fn service() -> McpService {
    Server::rmcp(|| Demo(Demo::tool_router())).into_service()
}

struct Demo(ToolRouter<Self>);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    text: String,
}

#[tool_router]
impl Demo {
    #[tool(description = "Gives back the text it is given")]
    fn echo(&self, Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }

    #[tool(description = "Reports progress twice, then says what it was asked to say")]
    async fn work(
        &self,
        Parameters(Echo { text }): Parameters<Echo>,
        meta: RequestMetaObject,
        client: Peer<RoleServer>,
    ) -> String {
        for step in [1.0, 2.0] {
            if let Some(token) = meta.get_progress_token() {
                let _ = client.notify_progress(ProgressNotificationParam::new(token, step)).await;
            }
        }
        text
    }

    #[tool(description = "Never answers")]
    async fn hang(&self) -> String {
        std::future::pending().await
    }

    #[tool(description = "Panics")]
    async fn fail(&self) -> String {
        panic!("as it should")
    }
}

#[tool_handler(router = self.0)]
impl ServerHandler for Demo {}
