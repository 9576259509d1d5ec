//! Parses a message into rmcp's types, once, by its method.

use rmcp::model::{CallToolRequestParams, ClientRequest, GetExtensions, GetMeta, RequestId};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::handler::ErrorObject;

/// A request in rmcp's types.
pub(super) struct Typed {
    pub(super) id: RequestId,
    pub(super) request: ClientRequest,
    pub(super) meta: rmcp::model::RequestMetaObject,
    pub(super) extensions: rmcp::model::Extensions,
}

pub(super) fn parse(message: &[u8], id: &[u8], method: &str, params: Option<&[u8]>) -> Result<Typed, ErrorObject> {
    let invalid = |error: serde_json::Error| match error.classify() {
        Category::Data => {
            ErrorObject::new(ErrorObject::INVALID_PARAMS, format!("the parameters do not fit {method}: {error}"))
        }
        // The envelope skips what it does not need, a string that is no Unicode text for instance.
        _ => ErrorObject::new(ErrorObject::PARSE_ERROR, format!("the body is not JSON: {error}")),
    };
    let id = serde_json::from_slice(id).map_err(invalid)?;
    // The common case first, and without the detour through a buffered copy that finding `_meta` among flattened
    // fields costs.
    if method == "tools/call" {
        let mut params: CallToolRequestParams = serde_json::from_slice(params.unwrap_or(b"{}")).map_err(invalid)?;
        let meta = params.meta.take().unwrap_or_default();
        let request = ClientRequest::CallToolRequest(rmcp::model::Request::new(params));
        return Ok(Typed { id, request, meta, extensions: Default::default() });
    }
    let mut request = request_of(message, method).map_err(invalid)?;
    let meta = std::mem::take(request.get_meta_mut());
    let extensions = std::mem::take(request.extensions_mut());
    Ok(Typed { id, request, meta, extensions })
}

/// Parses the message as the request its method names, instead of trying each kind in turn.
fn request_of(message: &[u8], method: &str) -> Result<ClientRequest, serde_json::Error> {
    fn read<T: DeserializeOwned>(
        message: &[u8],
        make: fn(T) -> ClientRequest,
    ) -> Result<ClientRequest, serde_json::Error> {
        serde_json::from_slice(message).map(make)
    }
    match method {
        "ping" => read(message, ClientRequest::PingRequest),
        "initialize" => read(message, ClientRequest::InitializeRequest),
        "server/discover" => read(message, ClientRequest::DiscoverRequest),
        "completion/complete" => read(message, ClientRequest::CompleteRequest),
        "logging/setLevel" => read(message, ClientRequest::SetLevelRequest),
        "prompts/get" => read(message, ClientRequest::GetPromptRequest),
        "prompts/list" => read(message, ClientRequest::ListPromptsRequest),
        "resources/list" => read(message, ClientRequest::ListResourcesRequest),
        "resources/templates/list" => read(message, ClientRequest::ListResourceTemplatesRequest),
        "resources/read" => read(message, ClientRequest::ReadResourceRequest),
        "resources/subscribe" => read(message, ClientRequest::SubscribeRequest),
        "resources/unsubscribe" => read(message, ClientRequest::UnsubscribeRequest),
        "subscriptions/listen" => read(message, ClientRequest::SubscriptionsListenRequest),
        "tools/list" => read(message, ClientRequest::ListToolsRequest),
        "tasks/get" => read(message, ClientRequest::GetTaskRequest),
        "tasks/update" => read(message, ClientRequest::UpdateTaskRequest),
        "tasks/cancel" => read(message, ClientRequest::CancelTaskRequest),
        "skills/list" => read(message, ClientRequest::ListSkillsRequest),
        "skills/get" => read(message, ClientRequest::GetSkillRequest),
        "resources/directory/read" => read(message, ClientRequest::ReadResourceDirectoryRequest),
        _ => read(message, ClientRequest::CustomRequest),
    }
}
