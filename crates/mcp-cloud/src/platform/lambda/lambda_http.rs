//! Requests that arrive under `lambda_http::run` (feature `lambda-http`): what lambda_http put into their extensions
//! tells the trigger, the deadline and the caller's address.

use std::sync::LazyLock;

use http::{Uri, request::Parts};
use lambda_http::{Context, request::RequestContext};

use super::{
    LambdaContext,
    detect::{ResponseMode, response_mode},
    request::without_stage,
    runtime_api::instant,
};
use crate::request_info::{Capabilities, RequestInfo, RequestOrigin};

/// Whether the gateway streams, by the environment, which is read at the first request.
static STREAMS: LazyLock<bool> = LazyLock::new(|| matches!(response_mode(), Ok(ResponseMode::Stream)));

/// Adds what the transport needs to know, unless the request has it or does not come from lambda_http.
pub(crate) fn describe(parts: &mut Parts) {
    if parts.extensions.get::<RequestInfo>().is_some() {
        return;
    }
    let Some(context) = parts.extensions.get::<RequestContext>() else { return };
    let streams = *STREAMS;
    let (origin, streams, host, source_ip, stage) = match context {
        RequestContext::ApiGatewayV1(context) => {
            let source_ip = context.identity.source_ip.as_deref();
            (RequestOrigin::ApigwV1, streams, context.domain_name.as_deref(), source_ip, context.stage.as_deref())
        }
        RequestContext::ApiGatewayV2(context) => {
            let host = context.domain_name.as_deref();
            let url = host.is_some_and(|host| host.contains(".lambda-url."));
            let origin = if url { RequestOrigin::FunctionUrl } else { RequestOrigin::ApigwV2 };
            (origin, url && streams, host, context.http.source_ip.as_deref(), context.stage.as_deref())
        }
        RequestContext::Alb(_) => (RequestOrigin::Alb, false, None, None, None),
        _ => return,
    };
    let mut info = RequestInfo::new(origin, Capabilities { streams, ..Capabilities::SOCKET });
    info.host = host.map(Into::into);
    info.source_ip = source_ip.and_then(|text| text.parse().ok());
    if let Some(uri) = uri_without_stage(&parts.uri, stage) {
        parts.uri = uri;
    }
    if let Some(context) = parts.extensions.get::<Context>() {
        info.deadline = instant(context.deadline);
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
