//! Parses parameters and results into rmcp's types, once, by what they belong to. rmcp's own types for whole messages
//! try one kind after the other on a buffered copy, which is slow, and makes programs large.

use rmcp::model::{
    CancelledNotification, ClientNotification, ClientRequest, ClientResult, CustomNotification, CustomRequest,
    CustomResult, Extensions, JsonObject, NotificationMetaObject, NotificationNoParam, ProgressNotification, Request,
    RequestId, RequestMetaObject, RequestNoParam, RequestOptionalParam, RequestParamsMeta, ServerRequest,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    handler::ErrorObject,
    json::{Unread, read},
};

type Result<T> = std::result::Result<T, Unread>;

/// A request in rmcp's types.
pub(super) struct Typed {
    pub(super) id: RequestId,
    pub(super) request: ClientRequest,
    pub(super) meta: RequestMetaObject,
}

/// Parses a request.
///
/// # Errors
///
/// `-32602` where the parameters do not fit the method, `-32700` for a string that is no Unicode text: the envelope
/// skips what it does not need.
pub(super) fn request(id: &[u8], method: &str, params: Option<&[u8]>) -> std::result::Result<Typed, ErrorObject> {
    let invalid = |error: Unread| {
        if error.is_json() {
            let message = format!("the parameters do not fit {method}: {error}");
            return ErrorObject::new(ErrorObject::INVALID_PARAMS, message);
        }
        ErrorObject::new(ErrorObject::PARSE_ERROR, format!("the body is not JSON: {error}"))
    };
    let id = read(id).map_err(invalid)?;
    let (request, meta) = typed(method, params).map_err(invalid)?;
    Ok(Typed { id, request, meta: meta.unwrap_or_default() })
}

type WithMeta = (ClientRequest, Option<RequestMetaObject>);

/// Parses the parameters as those of the request their method names.
fn typed(method: &str, params: Option<&[u8]>) -> Result<WithMeta> {
    use ClientRequest as To;
    match method {
        "tools/call" => required(params, |params| To::CallToolRequest(Request::new(params))),
        "initialize" => required(params, |params| To::InitializeRequest(Request::new(params))),
        "completion/complete" => required(params, |params| To::CompleteRequest(Request::new(params))),
        "logging/setLevel" => required(params, |params| To::SetLevelRequest(Request::new(params))),
        "prompts/get" => required(params, |params| To::GetPromptRequest(Request::new(params))),
        "resources/read" => required(params, |params| To::ReadResourceRequest(Request::new(params))),
        "resources/subscribe" => required(params, |params| To::SubscribeRequest(Request::new(params))),
        "resources/unsubscribe" => required(params, |params| To::UnsubscribeRequest(Request::new(params))),
        "resources/directory/read" => required(params, |params| To::ReadResourceDirectoryRequest(Request::new(params))),
        "subscriptions/listen" => required(params, |params| To::SubscriptionsListenRequest(Request::new(params))),
        "tasks/get" => required(params, |params| To::GetTaskRequest(Request::new(params))),
        "tasks/update" => required(params, |params| To::UpdateTaskRequest(Request::new(params))),
        "tasks/cancel" => required(params, |params| To::CancelTaskRequest(Request::new(params))),
        "skills/get" => required(params, |params| To::GetSkillRequest(Request::new(params))),
        "tools/list" => optional(params, |params| To::ListToolsRequest(with(params))),
        "prompts/list" => optional(params, |params| To::ListPromptsRequest(with(params))),
        "resources/list" => optional(params, |params| To::ListResourcesRequest(with(params))),
        "resources/templates/list" => optional(params, |params| To::ListResourceTemplatesRequest(with(params))),
        "skills/list" => optional(params, |params| To::ListSkillsRequest(with(params))),
        "ping" => Ok((To::PingRequest(RequestNoParam::default()), meta(params)?)),
        // It has no parameters but `_meta`, and rmcp's type for them takes not even that.
        "server/discover" => Ok((To::DiscoverRequest(Request::new(read(NO_PARAMS)?)), meta(params)?)),
        _ => {
            let (params, meta) = custom(params)?;
            let (method, extensions) = (method.to_owned(), Extensions::new());
            Ok((To::CustomRequest(CustomRequest { method, params, extensions }), meta))
        }
    }
}

const NO_PARAMS: &[u8] = b"{}";

fn required<P: RequestParamsMeta + DeserializeOwned>(
    params: Option<&[u8]>,
    make: fn(P) -> ClientRequest,
) -> Result<WithMeta> {
    let mut params: P = read(params.unwrap_or(NO_PARAMS))?;
    let meta = params.meta_mut().take();
    Ok((make(params), meta))
}

fn optional<P: RequestParamsMeta + DeserializeOwned>(
    params: Option<&[u8]>,
    make: fn(Option<P>) -> ClientRequest,
) -> Result<WithMeta> {
    let mut params: Option<P> = params.map(read).transpose()?;
    let meta = params.as_mut().and_then(|params| params.meta_mut().take());
    Ok((make(params), meta))
}

fn with<M: Default, P>(params: Option<P>) -> RequestOptionalParam<M, P> {
    RequestOptionalParam { method: M::default(), params, extensions: Extensions::new() }
}

/// `_meta` alone.
fn meta<T: DeserializeOwned>(params: Option<&[u8]>) -> Result<Option<T>> {
    #[derive(Deserialize)]
    struct Meta<T> {
        #[serde(rename = "_meta")]
        meta: Option<T>,
    }
    Ok(params.map(read::<Meta<T>>).transpose()?.and_then(|params| params.meta))
}

/// Parameters of no known type, and `_meta` apart from them.
fn custom<T: From<JsonObject>>(params: Option<&[u8]>) -> Result<(Option<Value>, Option<T>)> {
    let mut params: Option<Value> = params.map(read).transpose()?;
    let meta = params.as_mut().and_then(Value::as_object_mut).and_then(|params| params.remove("_meta"));
    let meta = meta.and_then(|meta| if let Value::Object(meta) = meta { Some(meta.into()) } else { None });
    Ok((params, meta))
}

/// Parses a notification.
///
/// # Errors
///
/// Where the parameters do not fit the method.
pub(super) fn notification(method: &str, params: Option<&[u8]>) -> Result<ClientNotification> {
    use ClientNotification as To;
    let extensions = |meta: Option<NotificationMetaObject>| {
        let mut extensions = Extensions::new();
        meta.map(|meta| extensions.insert(meta));
        extensions
    };
    let required = params.unwrap_or(NO_PARAMS);
    Ok(match method {
        "notifications/cancelled" => {
            let mut notification = CancelledNotification::new(read(required)?);
            notification.extensions = extensions(notification.params.meta.take());
            To::CancelledNotification(notification)
        }
        "notifications/progress" => {
            let mut notification = ProgressNotification::new(read(required)?);
            notification.extensions = extensions(notification.params.meta.take());
            To::ProgressNotification(notification)
        }
        "notifications/initialized" => {
            let extensions = extensions(meta(params)?);
            To::InitializedNotification(NotificationNoParam { method: Default::default(), extensions })
        }
        "notifications/roots/list_changed" => {
            let extensions = extensions(meta(params)?);
            To::RootsListChangedNotification(NotificationNoParam { method: Default::default(), extensions })
        }
        _ => {
            let (params, meta) = custom(params)?;
            let extensions = extensions(meta);
            To::CustomNotification(CustomNotification { method: method.to_owned(), params, extensions })
        }
    })
}

/// What a client's result is a result of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Ping,
    Message,
    Roots,
    Elicitation,
    Custom,
}

impl Asked {
    pub(super) fn by(request: &ServerRequest) -> Self {
        match request {
            ServerRequest::PingRequest(_) => Self::Ping,
            ServerRequest::CreateMessageRequest(_) => Self::Message,
            ServerRequest::ListRootsRequest(_) => Self::Roots,
            ServerRequest::ElicitRequest(_) => Self::Elicitation,
            _ => Self::Custom,
        }
    }

    /// Parses the client's result.
    ///
    /// # Errors
    ///
    /// Where it is no such result.
    pub(super) fn result(self, json: &[u8]) -> Result<ClientResult> {
        Ok(match self {
            Self::Ping => ClientResult::EmptyResult(read(json)?),
            Self::Message => ClientResult::CreateMessageResult(Box::new(read(json)?)),
            Self::Roots => ClientResult::ListRootsResult(read(json)?),
            Self::Elicitation => ClientResult::ElicitResult(read(json)?),
            Self::Custom => ClientResult::CustomResult(CustomResult(read(json)?)),
        })
    }
}
