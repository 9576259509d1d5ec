//! Asking the client in mid-call: sampling and elicitation, until 2025-11-25.
//!
//! The request travels on the stream of the call that needs it, and its answer comes in a request of its own. Where no
//! transport can bring the two together, the call fails with a JSON-RPC error. From 2026-07-28 on a server asks in its
//! answer instead: see [`crate::input_required`].
#![expect(deprecated, reason = "MCP has deprecated sampling, and clients of this era still have it")]

use rmcp::{
    ErrorData, RoleServer,
    handler::server::wrapper::Parameters,
    model::{
        BooleanSchema, ElicitRequestParams, ElicitResult, ElicitationAction, EnumSchema, IntegerSchema,
        LegacyEnumSchema, NumberSchema, PrimitiveSchemaDefinition as Field, StringSchema,
    },
    schemars,
    service::{RequestContext, ServiceError},
    tool, tool_router,
};

use crate::{
    Everything,
    ask::{form, model_text, prompt},
};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Sampling {
    /// What the model is asked
    prompt: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Elicitation {
    /// What the user is told
    message: String,
}

#[tool_router(router = client_request_tools, vis = "pub(crate)")]
impl Everything {
    /// Asks the client's model
    #[tool]
    async fn test_sampling(
        &self,
        Parameters(sampling): Parameters<Sampling>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        let answer = context.peer.create_message(prompt(sampling.prompt)).await.map_err(unanswered)?;
        Ok(format!("LLM response: {}", model_text(&answer)))
    }

    /// Asks the user for a name and an address
    #[tool]
    async fn test_elicitation(
        &self,
        Parameters(elicitation): Parameters<Elicitation>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        let text = |description| Field::String(StringSchema::new().description(description));
        let fields = [("username", text("User's response")), ("email", text("User's email address"))];
        let answer = elicit(&context, form(elicitation.message, fields)).await?;
        Ok(format!("User response: {}", described(&answer)))
    }

    /// Asks the user with a form that is filled in already
    #[tool]
    async fn test_elicitation_sep1034_defaults(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        let answer = elicit(&context, filled_in_form().map_err(wrong_form)?).await?;
        Ok(format!("Elicitation completed: {}", described(&answer)))
    }

    /// Asks the user to choose, in every way there is
    #[tool]
    async fn test_elicitation_sep1330_enums(&self, context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        let answer = elicit(&context, form_of_choices().map_err(wrong_form)?).await?;
        Ok(format!("Elicitation completed: {}", described(&answer)))
    }
}

async fn elicit(context: &RequestContext<RoleServer>, form: ElicitRequestParams) -> Result<ElicitResult, ErrorData> {
    context.peer.create_elicitation(form).await.map_err(unanswered)
}

/// A client's refusal goes on to the caller as it is; anything else says that the client was not reached.
fn unanswered(error: ServiceError) -> ErrorData {
    match error {
        ServiceError::McpError(refusal) => refusal,
        error => ErrorData::internal_error(format!("the client was asked and did not answer: {error}"), None),
    }
}

fn wrong_form(error: String) -> ErrorData {
    ErrorData::internal_error(error, None)
}

fn described(answer: &ElicitResult) -> String {
    let action = match answer.action {
        ElicitationAction::Accept => "accept",
        ElicitationAction::Decline => "decline",
        _ => "cancel",
    };
    match &answer.content {
        Some(content) => format!("action={action}, content={content}"),
        None => format!("action={action}"),
    }
}

fn filled_in_form() -> Result<ElicitRequestParams, String> {
    let status = EnumSchema::builder(owned(["active", "inactive", "pending"])).with_default("active")?;
    let fields = [
        ("name", Field::String(StringSchema::new().with_default("John Doe"))),
        ("age", Field::Integer(IntegerSchema::new().with_default(30))),
        ("score", Field::Number(NumberSchema::new().with_default(95.5))),
        ("status", Field::Enum(status.build())),
        ("verified", Field::Boolean(BooleanSchema::new().with_default(true))),
    ];
    Ok(form("Please check these values", fields))
}

fn form_of_choices() -> Result<ElicitRequestParams, String> {
    let plain = || EnumSchema::builder(owned(["option1", "option2", "option3"]));
    let values = || EnumSchema::builder(owned(["value1", "value2", "value3"]));
    let one = values().enum_titles(owned(["First Option", "Second Option", "Third Option"]))?;
    let many = values().enum_titles(owned(["First Choice", "Second Choice", "Third Choice"]))?.multiselect();
    let mut legacy = LegacyEnumSchema::new(owned(["opt1", "opt2", "opt3"]));
    legacy.enum_names = Some(owned(["Option One", "Option Two", "Option Three"]));
    let fields = [
        ("untitledSingle", Field::Enum(plain().build())),
        ("titledSingle", Field::Enum(one.build())),
        ("legacyEnum", Field::Enum(EnumSchema::Legacy(legacy))),
        ("untitledMulti", Field::Enum(plain().multiselect().build())),
        ("titledMulti", Field::Enum(many.build())),
    ];
    Ok(form("Please choose", fields))
}

fn owned<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
