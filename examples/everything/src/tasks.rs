//! Answers that take longer than a request: the tasks extension.
//!
//! A client that declared the extension gets a task instead of an answer, and asks for the answer later. The tasks run
//! and are kept in this process, so they need a platform that lets it run between requests, and one instance.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    handler::server::{tool::InputResponses, wrapper::Parameters},
    model::{
        BooleanSchema, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult,
        ElicitResult, PrimitiveSchemaDefinition,
    },
    schemars,
    service::RequestContext,
    task_manager::{TaskContext, TaskExit, TaskOptions},
    tool, tool_router,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    Everything,
    ask::{answer, elicitation, field, input_required, text},
    input_required::ask_name,
};

#[derive(Deserialize, schemars::JsonSchema)]
struct Greeting {
    name: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Computation {
    /// How long it takes
    seconds: f64,
    #[serde(default)]
    label: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Deletion {
    filename: String,
}

#[tool_router(router = task_tools, vis = "pub(crate)")]
impl Everything {
    /// Greets, always at once
    #[tool]
    fn greet(&self, Parameters(greeting): Parameters<Greeting>) -> String {
        format!("Hello, {}!", greeting.name)
    }

    /// Computes for as long as it is told, in a task where the client knows tasks
    #[tool]
    async fn slow_compute(
        &self,
        Parameters(Computation { seconds, label }): Parameters<Computation>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let duration = Duration::try_from_secs_f64(seconds)
            .map_err(|error| ErrorData::invalid_params(format!("seconds: {error}"), None))?;
        let result = said(format!("{label} took {seconds} s"));
        if !knows_tasks(&context) {
            sleep(duration).await;
            return Ok(result.into());
        }
        Ok(self.start(async move |task| {
            tokio::select! {
                () = sleep(duration) => Ok(result),
                () = task.cancelled() => Err(TaskExit::Cancelled),
            }
        }))
    }

    /// Fails in a task, as a tool does
    #[tool]
    fn failing_job(&self, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        require_tasks(&context)?;
        Ok(self.start(async |_| {
            sleep(Duration::from_millis(500)).await;
            Ok(CallToolResult::error(vec![ContentBlock::text("This job intentionally fails")]))
        }))
    }

    /// Fails in a task, as a request does
    #[tool]
    fn protocol_error_job(&self, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        require_tasks(&context)?;
        Ok(self.start(async |_| {
            sleep(Duration::from_millis(100)).await;
            Err(ErrorData::internal_error("This job intentionally fails", None).into())
        }))
    }

    /// Asks in a task whether to delete a file, and deletes nothing
    #[tool]
    fn confirm_delete(
        &self,
        Parameters(deletion): Parameters<Deletion>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        require_tasks(&context)?;
        Ok(self.start(async move |task| {
            let confirm = PrimitiveSchemaDefinition::Boolean(BooleanSchema::new());
            let question = elicitation(format!("Delete {}?", deletion.filename), [("confirm", confirm)]);
            let answer = task.request_input("confirm", question).await?;
            let confirmed = answer.pointer("/content/confirm").and_then(Value::as_bool).unwrap_or(false);
            Ok(said(format!("{} would be {}", deletion.filename, if confirmed { "deleted" } else { "kept" })))
        }))
    }

    /// Asks two things at once in a task
    #[tool]
    fn multi_input(&self, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        require_tasks(&context)?;
        Ok(self.start(async |task| {
            let name = task.request_input("name", ask_name());
            let color = task.request_input("color", elicitation("What is your favorite color?", [("color", text())]));
            let (name, color) = tokio::try_join!(name, color)?;
            let word = |answer: &Value, path| answer.pointer(path).and_then(Value::as_str).unwrap_or("none").to_owned();
            Ok(said(format!("name: {}, color: {}", word(&name, "/content/name"), word(&color, "/content/color"))))
        }))
    }

    /// Asks for a name in its answer, then greets in a task
    #[tool]
    fn test_tool_with_task(
        &self,
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        require_tasks(&context)?;
        let Some(answer) = answer::<ElicitResult>(answers.as_ref(), "user_name") else {
            return Ok(input_required(&context, [("user_name", ask_name())], None)?.into());
        };
        let name = field(&answer, "name").unwrap_or("stranger").to_owned();
        Ok(self.start(async move |_| {
            sleep(Duration::from_millis(100)).await;
            Ok(said(format!("Hello, {name}!")))
        }))
    }
}

impl Everything {
    /// Starts a task. `tasks/get` knows it before the client does.
    fn start<F>(&self, work: impl FnOnce(TaskContext) -> F) -> CallToolResponse
    where
        F: Future<Output = Result<CallToolResult, TaskExit>> + Send + 'static,
    {
        let task = self.tasks.spawn(TaskOptions::default(), |context| Box::pin(work(context)));
        CreateTaskResult::new(task).into()
    }
}

fn knows_tasks(context: &RequestContext<RoleServer>) -> bool {
    context.client_capabilities().is_some_and(|declared| declared.supports_tasks())
}

fn require_tasks(context: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
    if knows_tasks(context) {
        return Ok(());
    }
    let required = ClientCapabilities::builder().enable_tasks().build();
    Err(ErrorData::missing_required_client_capability(required))
}

fn said(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}
