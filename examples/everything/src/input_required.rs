//! Asking the client in the answer, and going on when it calls again: from 2026-07-28.
//!
//! A call that lacks something is answered with what it lacks. The client calls again, with the answers and with the
//! `requestState` it was given, and any instance can go on from there: nothing is kept in between. The state comes back
//! from the client, so it is signed, for one tool and for a few minutes.
#![expect(deprecated, reason = "MCP has deprecated sampling and roots, and clients of both eras still have them")]

use std::{ffi::OsString, iter, time::Duration};

use rmcp::{
    ErrorData, RoleServer,
    handler::server::tool::{InputResponses, RequestState},
    model::{
        BooleanSchema, CallToolResponse, CallToolResult, ContentBlock, ElicitResult, InputRequest, ListRootsResult,
        PrimitiveSchemaDefinition, RequestStateCodec, RequestStateError, SealOptions,
    },
    service::RequestContext,
    tool, tool_router,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Everything,
    ask::{answer, can_answer, elicitation, field, input_required, model_text, require_answers, roots, sampling, text},
};

/// Signs when `EVERYTHING_STATE_KEY` is not set. Everyone can read it here, so it protects nothing: whoever lets the
/// state decide anything sets a secret of 32 bytes or more, the same for all instances.
const DEMO_KEY: &str = "this key is public and protects nothing";

const STATE_LIFETIME: Duration = Duration::from_secs(600);

/// How far a call of several rounds has come.
#[derive(Serialize, Deserialize)]
enum Round {
    Name,
    Color { name: String },
}

#[tool_router(router = input_required_tools, vis = "pub(crate)")]
impl Everything {
    /// Asks the user for a name
    #[tool]
    fn test_input_required_result_elicitation(
        &self,
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match answer(answers.as_ref(), "user_name") {
            Some(name) => Ok(say(format!("Hello, {}!", field(&name, "name").unwrap_or("stranger")))),
            None => Ok(input_required(&context, [("user_name", ask_name())], None)?.into()),
        }
    }

    /// Asks the client's model
    #[tool]
    fn test_input_required_result_sampling(
        &self,
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match answer(answers.as_ref(), "capital_question") {
            Some(capital) => Ok(say(format!("The model says: {}", model_text(&capital)))),
            None => {
                let question = sampling("What is the capital of France?");
                Ok(input_required(&context, [("capital_question", question)], None)?.into())
            }
        }
    }

    /// Asks for the client's roots
    #[tool]
    fn test_input_required_result_list_roots(
        &self,
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match answer(answers.as_ref(), "client_roots") {
            Some(answer) => Ok(say(format!("The client works in: {}", root_uris(&answer)))),
            None => Ok(input_required(&context, [("client_roots", roots())], None)?.into()),
        }
    }

    /// Asks the user to confirm, and knows its own question again
    #[tool]
    fn test_input_required_result_request_state(
        &self,
        InputResponses(answers): InputResponses,
        RequestState(state): RequestState,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.confirm("test_input_required_result_request_state", answer(answers.as_ref(), "confirm"), state, &context)
    }

    /// Asks the user to confirm, and refuses a state it did not sign
    #[tool]
    fn test_input_required_result_tampered_state(
        &self,
        InputResponses(answers): InputResponses,
        RequestState(state): RequestState,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.confirm("test_input_required_result_tampered_state", answer(answers.as_ref(), "confirm"), state, &context)
    }

    /// Asks for a name, a greeting and the roots at once
    #[tool]
    fn test_input_required_result_multiple_inputs(
        &self,
        InputResponses(answers): InputResponses,
        RequestState(state): RequestState,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = "test_input_required_result_multiple_inputs";
        let answers = answers.as_ref();
        if let Some(state) = state {
            self.unseal::<()>(tool, &state)?;
            let answers = (answer(answers, "user_name"), answer(answers, "greeting"), answer(answers, "client_roots"));
            if let (Some(name), Some(greeting), Some(roots)) = answers {
                let name = field(&name, "name").unwrap_or("stranger");
                return Ok(say(format!("{}, {name} in {}", model_text(&greeting), root_uris(&roots))));
            }
        }
        let state = self.seal(tool, &())?;
        Ok(input_required(&context, one_of_each(), Some(state))?.into())
    }

    /// Asks for a name, then for a color
    #[tool]
    fn test_input_required_result_multi_round(
        &self,
        InputResponses(answers): InputResponses,
        RequestState(state): RequestState,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = "test_input_required_result_multi_round";
        let answers = answers.as_ref();
        let round = match state {
            Some(state) => self.unseal(tool, &state)?,
            None => Round::Name,
        };
        let round = match (round, answer(answers, "step1"), answer(answers, "step2")) {
            (Round::Color { name }, _, Some(color)) => {
                return Ok(say(format!("{name} likes {}", field(&color, "color").unwrap_or("no color"))));
            }
            (Round::Name, Some(name), _) => {
                Round::Color { name: field(&name, "name").unwrap_or("stranger").to_owned() }
            }
            (unanswered, ..) => unanswered,
        };
        let question = match round {
            Round::Name => ("step1", elicitation("Step 1: What is your name?", [("name", text())])),
            Round::Color { .. } => ("step2", elicitation("Step 2: What is your favorite color?", [("color", text())])),
        };
        Ok(input_required(&context, [question], Some(self.seal(tool, &round)?))?.into())
    }

    /// Asks only what the client declared that it can answer
    #[tool]
    fn test_input_required_result_capabilities(
        &self,
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(answers) = answers {
            return Ok(say(format!("Answers came for: {:?}", answers.keys())));
        }
        let declared = context.client_capabilities().unwrap_or_default();
        let requests: Vec<_> =
            one_of_each().into_iter().filter(|(_, request)| can_answer(&declared, request)).collect();
        if requests.is_empty() {
            return Ok(say("The client can be asked nothing".to_owned()));
        }
        Ok(input_required(&context, requests, None)?.into())
    }

    /// Refuses a client whose model cannot be asked
    #[tool]
    fn test_missing_capability(&self, context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        require_answers(&context, iter::once(&sampling("What is the capital of France?")))?;
        Ok("The client's model can be asked".to_owned())
    }

    /// Asks the user for a value
    #[tool]
    fn test_streaming_elicitation(
        &self,
        InputResponses(answers): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match answer(answers.as_ref(), "value") {
            Some(value) => Ok(say(field(&value, "value").unwrap_or("no value").to_owned())),
            None => {
                let question = elicitation("Please give a value", [("value", text())]);
                Ok(input_required(&context, [("value", question)], None)?.into())
            }
        }
    }
}

impl Everything {
    fn confirm(
        &self,
        tool: &str,
        answer: Option<ElicitResult>,
        state: Option<String>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(state) = state {
            self.unseal::<()>(tool, &state)?;
            if let Some(answer) = answer {
                let confirmed = answer.content.is_some_and(|content| content["ok"] == true);
                return Ok(say(format!("{}: state-ok", if confirmed { "Confirmed" } else { "Not confirmed" })));
            }
        }
        let ok = PrimitiveSchemaDefinition::Boolean(BooleanSchema::new());
        let question = elicitation("Please confirm", [("ok", ok)]);
        Ok(input_required(context, [("confirm", question)], Some(self.seal(tool, &())?))?.into())
    }

    fn seal(&self, tool: &str, state: &impl Serialize) -> Result<String, ErrorData> {
        let options = SealOptions::new().associated_data(tool.as_bytes()).ttl(STATE_LIFETIME);
        let sealed = self.request_state.seal_json_with(state, &options);
        sealed.map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    fn unseal<T: DeserializeOwned>(&self, tool: &str, state: &str) -> Result<T, ErrorData> {
        let opened = self.request_state.open_json_with(state, tool.as_bytes());
        opened.map_err(|error| ErrorData::invalid_params(error.to_string(), None))
    }
}

/// The codec that signs states, with the key from `EVERYTHING_STATE_KEY`.
pub(crate) fn codec_from_environment() -> Result<RequestStateCodec, RequestStateError> {
    let key = std::env::var_os("EVERYTHING_STATE_KEY");
    RequestStateCodec::try_new(key.map_or_else(|| DEMO_KEY.into(), OsString::into_encoded_bytes))
}

/// Asks the user for a name, in an answer.
pub(crate) fn ask_name() -> InputRequest {
    elicitation("What is your name?", [("name", text())])
}

fn one_of_each() -> [(&'static str, InputRequest); 3] {
    [("user_name", ask_name()), ("greeting", sampling("Generate a greeting")), ("client_roots", roots())]
}

fn root_uris(answer: &ListRootsResult) -> String {
    answer.roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(", ")
}

fn say(text: String) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}
