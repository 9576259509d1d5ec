//! Prompts, and the completion of arguments.

use rmcp::{
    ErrorData, RoleServer,
    handler::server::{common::Extension, prompt::IntoGetPromptResult, wrapper::Parameters},
    model::{
        CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, ElicitResult, GetPromptResponse,
        GetPromptResult, InputResponses, PromptMessage, Reference, Role,
    },
    prompt, prompt_router, schemars,
    service::RequestContext,
};

use crate::{
    Everything,
    ask::{answer, elicitation, field, input_required, text},
    media, resources,
};

/// What the client answered to a prompt that asked.
#[derive(Clone)]
pub(crate) struct PromptAnswers(pub(crate) Option<InputResponses>);

/// A prompt, or a question. The router takes either from a method, but not both without this.
struct PromptResponse(GetPromptResponse);

impl IntoGetPromptResult for PromptResponse {
    fn into_get_prompt_result(self) -> Result<GetPromptResponse, ErrorData> {
        Ok(self.0)
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Words {
    /// The first word
    arg1: String,
    /// The second word
    arg2: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Embedding {
    /// The resource to embed
    #[serde(rename = "resourceUri")]
    resource_uri: String,
}

#[prompt_router(router = "prompts", vis = "pub(crate)")]
impl Everything {
    /// A prompt without arguments
    #[prompt]
    fn test_simple_prompt(&self) -> Vec<PromptMessage> {
        vec![says("This is a simple prompt for testing.")]
    }

    /// A prompt with two arguments
    #[prompt]
    fn test_prompt_with_arguments(&self, Parameters(words): Parameters<Words>) -> Vec<PromptMessage> {
        vec![says(format!("Prompt with arguments: arg1='{}', arg2='{}'", words.arg1, words.arg2))]
    }

    /// A prompt that brings a resource along
    #[prompt]
    fn test_prompt_with_embedded_resource(&self, Parameters(embedding): Parameters<Embedding>) -> Vec<PromptMessage> {
        let resource = ContentBlock::embedded_text(embedding.resource_uri, "Embedded resource content for testing.");
        vec![PromptMessage::new(Role::User, resource), says("Please process the embedded resource above.")]
    }

    /// A prompt that brings a picture along
    #[prompt]
    fn test_prompt_with_image(&self) -> Vec<PromptMessage> {
        let image = ContentBlock::image(media::PIXEL, "image/png");
        vec![PromptMessage::new(Role::User, image), says("Please analyze the image above.")]
    }

    /// A prompt that asks the user for its context
    #[prompt]
    fn test_input_required_result_prompt(
        &self,
        Extension(PromptAnswers(answers)): Extension<PromptAnswers>,
        context: RequestContext<RoleServer>,
    ) -> Result<PromptResponse, ErrorData> {
        let Some(answer) = answer::<ElicitResult>(answers.as_ref(), "user_context") else {
            let question = elicitation("What context should the prompt use?", [("context", text())]);
            return Ok(PromptResponse(input_required(&context, [("user_context", question)], None)?.into()));
        };
        let context = field(&answer, "context").unwrap_or("none");
        Ok(PromptResponse(GetPromptResult::new(vec![says(format!("Context: {context}"))]).into()))
    }
}

/// Completes an argument of a prompt, or of a template's URI.
pub(crate) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let candidates: &[&str] = match &request.r#ref {
        Reference::Prompt(prompt) if prompt.name == "test_prompt_with_arguments" => &["paris", "park", "party"],
        Reference::Resource(template) if template.uri == resources::TEMPLATE => &["1", "12", "123"],
        _ => &[],
    };
    let typed = &request.argument.value;
    let values = candidates.iter().filter(|word| word.starts_with(typed)).map(ToString::to_string).collect();
    let completion = CompletionInfo::with_all_values(values);
    completion.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None))
}

fn says(text: impl Into<String>) -> PromptMessage {
    PromptMessage::new_text(Role::User, text)
}
