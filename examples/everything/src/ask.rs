//! What a server asks its client for, and how the answers are read.
#![expect(deprecated, reason = "MCP has deprecated sampling and roots, and clients of both eras still have them")]

use std::collections::BTreeMap;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        ClientCapabilities, CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult, ElicitRequest,
        ElicitRequestParams, ElicitResult, ElicitationSchema, InputRequest, InputRequests, InputRequiredResult,
        InputResponses, ListRootsRequest, PrimitiveSchemaDefinition, SamplingMessage, StringSchema,
    },
    service::RequestContext,
};
use serde::de::DeserializeOwned;

/// Asks the user to fill in every field of a form.
pub(crate) fn form<const N: usize>(
    message: impl Into<String>,
    fields: [(&str, PrimitiveSchemaDefinition); N],
) -> ElicitRequestParams {
    let fields: BTreeMap<_, _> = fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
    let required = fields.keys().cloned().collect();
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.into(),
        requested_schema: ElicitationSchema::new(fields).with_required(required),
    }
}

/// A field for a line of text.
pub(crate) fn text() -> PrimitiveSchemaDefinition {
    PrimitiveSchemaDefinition::String(StringSchema::new())
}

/// Asks the client's model.
pub(crate) fn prompt(prompt: impl Into<String>) -> CreateMessageRequestParams {
    CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100)
}

/// [`form`], to be asked in an answer.
pub(crate) fn elicitation<const N: usize>(
    message: impl Into<String>,
    fields: [(&str, PrimitiveSchemaDefinition); N],
) -> InputRequest {
    InputRequest::Elicitation(ElicitRequest::new(form(message, fields)))
}

/// [`prompt`], to be asked in an answer.
pub(crate) fn sampling(text: impl Into<String>) -> InputRequest {
    InputRequest::CreateMessage(CreateMessageRequest::new(prompt(text)))
}

/// Asks for the folders that the client works in, in an answer.
pub(crate) fn roots() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

/// An answer that asks. The client calls again, with the answers under the same keys and the state as it was given.
///
/// # Errors
///
/// When the client did not declare that it can answer: it must not be asked then.
pub(crate) fn input_required<'a>(
    context: &RequestContext<RoleServer>,
    requests: impl IntoIterator<Item = (&'a str, InputRequest)>,
    state: Option<String>,
) -> Result<InputRequiredResult, ErrorData> {
    let requests: InputRequests = requests.into_iter().map(|(key, request)| (key.to_owned(), request)).collect();
    require_answers(context, requests.values())?;
    Ok(InputRequiredResult::new(Some(requests), state))
}

/// Refuses a client that did not declare that it can answer all of this.
pub(crate) fn require_answers<'a>(
    context: &RequestContext<RoleServer>,
    requests: impl Iterator<Item = &'a InputRequest> + Clone,
) -> Result<(), ErrorData> {
    let declared = context.client_capabilities().unwrap_or_default();
    if requests.clone().all(|request| can_answer(&declared, request)) {
        return Ok(());
    }
    Err(ErrorData::missing_required_client_capability(needed_for(requests)))
}

/// Whether a client with these capabilities may be asked this.
pub(crate) fn can_answer(declared: &ClientCapabilities, request: &InputRequest) -> bool {
    match request {
        InputRequest::CreateMessage(_) => declared.sampling.is_some(),
        InputRequest::Elicitation(_) => declared.elicitation.is_some(),
        InputRequest::ListRoots(_) => declared.roots.is_some(),
        _ => false,
    }
}

fn needed_for<'a>(requests: impl Iterator<Item = &'a InputRequest>) -> ClientCapabilities {
    let mut needed = ClientCapabilities::default();
    for request in requests {
        match request {
            InputRequest::CreateMessage(_) => needed.sampling = Some(Default::default()),
            InputRequest::Elicitation(_) => needed.elicitation = Some(Default::default()),
            InputRequest::ListRoots(_) => needed.roots = Some(Default::default()),
            _ => {}
        }
    }
    needed
}

/// What the client answered under this key. An answer that cannot be understood counts as none, so that the client is
/// asked again.
pub(crate) fn answer<T: DeserializeOwned>(answers: Option<&InputResponses>, key: &str) -> Option<T> {
    T::deserialize(answers?.get(key)?).ok()
}

/// What the user wrote into this field of a form, if the user sent the form off.
pub(crate) fn field<'a>(answer: &'a ElicitResult, name: &str) -> Option<&'a str> {
    answer.content.as_ref()?.get(name)?.as_str()
}

/// The text that the client's model answered with.
pub(crate) fn model_text(answer: &CreateMessageResult) -> &str {
    answer.message.content.first().and_then(|content| content.as_text()).map_or("(no text)", |text| &text.text)
}
