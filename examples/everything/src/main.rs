//! An MCP server that uses every feature of the protocol, in both of its eras.
//!
//! It has what the official conformance suite (`@modelcontextprotocol/conformance`) asks a server for, under the names
//! the suite asks for, one feature to a file:
//!
//! | | |
//! |---|---|
//! | [`tools`] | tools that answer at once: text, media, progress, errors |
//! | [`schemas`] | tools whose schema says more than their types: JSON Schema 2020-12, `x-mcp-header` |
//! | [`logging`] | tools that log, as much as the client wants to hear |
//! | [`client_requests`] | asking the client in mid-call: sampling and elicitation, until 2025-11-25 |
//! | [`input_required`] | asking the client in the answer, and going on when it calls again: from 2026-07-28 |
//! | [`ask`] | what both of them ask, and how the answers are read |
//! | [`tasks`] | answers that take longer than a request: the tasks extension |
//! | [`subscriptions`] | telling clients that something changed |
//! | [`prompts`] | prompts, and the completion of arguments |
//! | [`resources`] | resources, and a template |
//! | [`media`] | a picture and a sound |
//!
//! One [`Everything`] serves every request, many at a time, from clients of both eras. What it keeps between requests
//! (tasks and subscriptions) lives in this process: a deployment of several instances needs a store that they share.

mod ask;
mod client_requests;
mod input_required;
mod logging;
mod media;
mod prompts;
mod resources;
mod schemas;
mod subscriptions;
mod tasks;
mod tools;

use std::ops::Add;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{
        prompt::PromptContext,
        router::{prompt::PromptRouter, tool::ToolRouter},
    },
    model::*,
    service::{RequestContext, SubscriptionContext},
    task_manager::TaskManager,
    tool_handler,
};

use crate::{prompts::PromptAnswers, subscriptions::Subscriptions};

struct Everything {
    tools: ToolRouter<Self>,
    /// The tools in the order of the modules.
    listed_tools: Vec<Tool>,
    prompts: PromptRouter<Self>,
    request_state: RequestStateCodec,
    subscriptions: Subscriptions,
    tasks: TaskManager,
}

impl Everything {
    fn from_environment() -> Result<Self, RequestStateError> {
        let routers = [
            Self::plain_tools(),
            Self::schema_tools(),
            Self::logging_tools(),
            Self::client_request_tools(),
            Self::input_required_tools(),
            Self::subscription_tools(),
            Self::task_tools(),
        ];
        Ok(Self {
            listed_tools: routers.iter().flat_map(ToolRouter::list_all).collect(),
            tools: routers.into_iter().fold(ToolRouter::new(), Add::add),
            prompts: Self::prompts(),
            request_state: input_required::codec_from_environment()?,
            subscriptions: Subscriptions::default(),
            tasks: TaskManager::new(),
        })
    }
}

#[expect(deprecated, reason = "MCP has deprecated logging, and clients of both eras still understand it")]
#[tool_handler(router = self.tools)]
impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_logging()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("everything", env!("CARGO_PKG_VERSION")))
            .with_instructions("Every feature of the protocol, to try a client or a transport with.")
    }

    /// The router alone would sort the list by name. The suite calls the first tool without arguments, so the first one
    /// must be content with none.
    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.listed_tools.clone()))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(self.prompts.list_all()))
    }

    /// The router leaves the client's answers out, so they travel as an extension.
    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        mut context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        context.extensions.insert(PromptAnswers(request.input_responses));
        self.prompts.get_prompt(PromptContext::new(self, request.name, request.arguments, context)).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        prompts::complete(&request)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::list()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(ReadResourceResult::new(vec![resources::read(&request.uri)?]).into())
    }

    /// Taken, and never told of anything: see [`subscriptions`].
    async fn subscribe(&self, request: SubscribeRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        resources::read(&request.uri).map(drop)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        resources::read(&request.uri).map(drop)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(subscriptions::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.subscriptions.serve(context).await;
        Ok(())
    }

    /// The level would belong to one client's session, and this handler serves all of them: it sends everything, each
    /// message with its level, and a client leaves out what it does not want.
    async fn set_level(&self, _: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.tasks.get_task(&request.task_id).map(GetTaskResult::new)
    }

    async fn update_task(&self, request: UpdateTaskParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let everything = Everything::from_environment()?;
    Ok(mcp_cloud::Server::rmcp(|| everything).serve().await?)
}
