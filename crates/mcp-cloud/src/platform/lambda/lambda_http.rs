//! Requests that arrive under `lambda_http::run` (feature `lambda-http`): what lambda_http put into their extensions
//! tells the trigger, the deadline and the caller's address.

use std::sync::LazyLock;

use http::{Uri, request::Parts};
use lambda_http::{Context, request::RequestContext};

use super::{
    LambdaContext,
    detect::{Gateway, gateway},
    request::without_stage,
    runtime_api::instant,
};
use crate::{
    capabilities::Capabilities,
    platform::ResponseMode,
    request_info::{RequestInfo, RequestOrigin},
};

/// What the environment says about the gateway, which is read at the first request.
static GATEWAY: LazyLock<Gateway> =
    LazyLock::new(|| gateway().unwrap_or(Gateway { response_mode: ResponseMode::Buffered, managed: false }));

/// Adds what the transport needs to know, unless the request has it or does not come from lambda_http.
pub(crate) fn describe(parts: &mut Parts) {
    if parts.extensions.get::<RequestInfo>().is_some() {
        return;
    }
    let Some(context) = parts.extensions.get::<RequestContext>() else { return };
    let streams = GATEWAY.response_mode == ResponseMode::Stream;
    let (origin, capabilities, host, source_ip, stage) = match context {
        RequestContext::ApiGatewayV1(context) => {
            let source_ip = context.identity.source_ip.as_deref();
            let capabilities = if streams { Capabilities::REST_API_STREAM } else { Capabilities::REST_API };
            (RequestOrigin::ApigwV1, capabilities, context.domain_name.as_deref(), source_ip, context.stage.as_deref())
        }
        RequestContext::ApiGatewayV2(context) => {
            let host = context.domain_name.as_deref();
            let url = host.is_some_and(|host| host.contains(".lambda-url."));
            let (origin, capabilities) = match (url, streams) {
                (true, true) => (RequestOrigin::FunctionUrl, Capabilities::FUNCTION_URL_STREAM),
                (true, false) => (RequestOrigin::FunctionUrl, Capabilities::FUNCTION_URL_BUFFERED),
                (false, _) => (RequestOrigin::ApigwV2, Capabilities::HTTP_API),
            };
            (origin, capabilities, host, context.http.source_ip.as_deref(), context.stage.as_deref())
        }
        RequestContext::Alb(_) => (RequestOrigin::Alb, Capabilities::ALB, None, None, None),
        _ => return,
    };
    let capabilities = if GATEWAY.managed { capabilities.on_managed_instances() } else { capabilities };
    let mut info = RequestInfo::new(origin, capabilities);
    info.host = host.map(Into::into);
    info.source_ip = source_ip.and_then(|text| text.parse().ok());
    if let Some(uri) = uri_without_stage(&parts.uri, stage) {
        parts.uri = uri;
    }
    if let Some(context) = parts.extensions.get::<Context>() {
        info.limit(instant(context.deadline));
        info.lambda = Some(LambdaContext {
            request_id: context.request_id.as_str().into(),
            invoked_function_arn: context.invoked_function_arn.as_str().into(),
            trace_id: context.xray_trace_id.as_deref().map(Into::into),
        });
    }
    parts.extensions.insert(info);
}

/// The URI with the stage taken off its path, if it is there.
fn uri_without_stage(uri: &Uri, stage: Option<&str>) -> Option<Uri> {
    let path = without_stage(uri.path(), stage);
    if path.len() == uri.path().len() {
        return None;
    }
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{path}{query}").try_into().ok()?);
    Uri::from_parts(parts).ok()
}
