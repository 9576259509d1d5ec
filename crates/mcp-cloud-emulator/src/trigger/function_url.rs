//! Lambda function URLs, buffered and streaming.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>.

use bytes::Bytes;
use http::{Request, Response, StatusCode, response};
use serde_json::{Value, json};

use super::{Facts, Failure, Malformed, http_api::payload_2, reply};
use crate::runtime_api::Prelude;

/// Largest request body. The whole event may have 6 MB, so base64 leaves less for the bytes it stands for.
pub const REQUEST_BYTES: usize = 6 * 1024 * 1024;
/// Largest prelude of a stream. Not documented for function URLs; REST APIs have a quarter of it.
pub const PRELUDE_BYTES: usize = 64 * 1024;
/// Content type that announces a prelude; a stream of any other type is the body itself.
pub const PRELUDE_TYPE: &str = "application/vnd.awslambda.http-integration-response";
/// Host name of the emulated function URL.
pub const DOMAIN: &str = "abcdefghij.lambda-url.us-east-1.on.aws";

/// The event a function URL sends for `request`.
#[must_use]
pub fn event(request: &Request<Bytes>, facts: &Facts) -> Value {
    let mut event = payload_2(request, DOMAIN, "$default", facts);
    // Without AWS_IAM nobody has signed the request, and the caller has no account.
    if let Some(context) = event.get_mut("requestContext") {
        context["accountId"] = json!("anonymous");
    }
    event
}

/// The response a function URL makes of a buffered `reply`.
///
/// JSON without `statusCode` is itself the body of a `200`.
///
/// # Errors
///
/// If the reply is not JSON, or is shaped like a response but is none.
pub fn response(reply: &[u8]) -> Result<Response<Bytes>, Malformed> {
    let response = super::http_api::inferred_response(reply, "application/json")?;
    let (mut head, body) = response.into_parts();
    head.headers = reply::remap(head.headers);
    Ok(Response::from_parts(head, body))
}

/// The head of the response a function URL makes of a stream with this prelude.
///
/// # Errors
///
/// If the prelude is not `{"statusCode":…,"headers":{…},"cookies":[…]}` with one value for each header.
pub fn streamed_head(prelude: &Prelude) -> Result<response::Parts, Malformed> {
    let Value::Object(prelude) = &prelude.0 else {
        return Err(Malformed::new("the prelude is not a JSON object"));
    };
    let status = match prelude.get("statusCode") {
        None => StatusCode::OK,
        Some(_) => reply::status(prelude)?,
    };
    let mut headers = reply::single_headers(prelude.get("headers"))?;
    reply::cookies(prelude, &mut headers)?;
    reply::default_content_type(&mut headers, "application/octet-stream");
    let headers = reply::remap(headers);
    Ok(reply::response(status, headers, Bytes::new()).into_parts().0)
}

/// How a function URL answers when it has no response of the function's.
#[must_use]
pub fn failure(failure: Failure) -> Response<Bytes> {
    match failure {
        Failure::RequestTooLarge => reply::document(
            StatusCode::PAYLOAD_TOO_LARGE,
            "application/json",
            r#"{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#,
        ),
        Failure::MalformedReply | Failure::FunctionError => {
            reply::document(StatusCode::BAD_GATEWAY, "text/plain", "Internal Server Error")
        }
        Failure::FunctionTimeout | Failure::GatewayTimeout => {
            reply::document(StatusCode::GATEWAY_TIMEOUT, "text/plain", "Internal Server Error")
        }
    }
}
