//! The server that tests talk to.

use std::sync::Mutex;

use rmcp::{
    Peer, RoleServer, ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    model::{
        CallToolRequestParams, CallToolResponse, ElicitRequestParams, ElicitationSchema, ErrorData, Implementation,
        ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, RequestMetaObject, ServerCapabilities,
        ServerConfig, Tool,
    },
    schemars,
    service::RequestContext,
    tool, tool_router,
};

use crate::{McpService, Reconnect, Server};

pub(crate) fn service() -> McpService {
    server().into_service()
}

pub(crate) fn server() -> Server {
    Server::rmcp(|| Demo { tools: Demo::tool_router(), kept: Mutex::default() })
}

struct Demo {
    tools: ToolRouter<Self>,
    kept: Mutex<Option<Peer<RoleServer>>>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    text: String,
}

/// Asks the client, and says how that went.
async fn ask(client: &Peer<RoleServer>, message: &str) -> String {
    let schema: ElicitationSchema =
        serde_json::from_value(serde_json::json!({ "type": "object", "properties": {} })).unwrap();
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema: schema,
    };
    match client.create_elicitation(params).await {
        Ok(result) => match result.content.as_ref().and_then(|content| content["text"].as_str().map(str::to_owned)) {
            Some(text) => text,
            None => format!("{:?}", result.action),
        },
        Err(error) => error.to_string(),
    }
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

    #[tool(description = "Asks the client")]
    async fn ask(&self, client: Peer<RoleServer>) -> String {
        ask(&client, "?").await
    }

    #[tool(description = "Asks the client for a text")]
    async fn ask_for(&self, Parameters(Echo { text }): Parameters<Echo>, client: Peer<RoleServer>) -> String {
        ask(&client, &text).await
    }

    #[tool(description = "Keeps the way to the client, and says nothing")]
    async fn keep(&self, client: Peer<RoleServer>) -> String {
        *self.kept.lock().unwrap() = Some(client);
        "kept".to_owned()
    }

    #[tool(description = "Speaks through what was kept")]
    async fn spread(&self) -> String {
        let kept = self.kept.lock().unwrap().clone();
        match kept {
            Some(client) => format!("{:?}", client.notify_tool_list_changed().await.is_ok()),
            None => "nothing was kept".to_owned(),
        }
    }

    #[tool(description = "Says what trace it is part of")]
    async fn trace(&self, meta: RequestMetaObject) -> String {
        meta.get_traceparent().unwrap_or("none").to_owned()
    }

    #[tool(description = "Lets go of the connection, then answers")]
    async fn reconnect(&self, context: RequestContext<RoleServer>) -> String {
        let http = context.extensions.get::<http::request::Parts>().unwrap();
        if let Some(reconnect) = http.extensions.get::<Reconnect>() {
            reconnect.ask();
        }
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        "back".to_owned()
    }

    #[tool(description = "Says who asks")]
    async fn client(&self, context: RequestContext<RoleServer>) -> String {
        let Some(client) = context.client_info() else { return "unknown".to_owned() };
        let elicits = context.client_capabilities().is_some_and(|capabilities| capabilities.elicitation.is_some());
        format!("{}, {} elicitation", client.name, if elicits { "with" } else { "without" })
    }
}

impl ServerHandler for Demo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build())
            .with_server_info(Implementation::new("demo", "1"))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let context = rmcp::handler::server::tool::ToolCallContext::new(self, request, context);
        self.tools.call(context).await
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.list_all()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.get(name).cloned()
    }
}
