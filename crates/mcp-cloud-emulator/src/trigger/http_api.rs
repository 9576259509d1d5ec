//! API Gateway HTTP APIs with payload format 2.0. They never stream.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html> and
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{Facts, Failure, Malformed, Settings, reply, request};

/// Largest request body that API Gateway takes. Lambda takes events of 6 MB only, which is the smaller limit. So it is
/// for replies, where API Gateway's limit of 10 MB is never met.
pub const REQUEST_BYTES: usize = 10 * 1024 * 1024;
/// How long the gateway waits for the function; fixed.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// Host name of the emulated API.
pub const DOMAIN: &str = "abcdefghij.execute-api.us-east-1.amazonaws.com";

/// The event an HTTP API sends for `request`.
#[must_use]
pub fn event(request: &Request<Bytes>, settings: &Settings, facts: &Facts) -> Value {
    payload_2(request, DOMAIN, &settings.http_api_stage, facts)
}

/// An event of payload format 2.0.
pub(super) fn payload_2(request: &Request<Bytes>, domain: &str, stage: &str, facts: &Facts) -> Value {
    let path = match stage {
        "$default" => request.uri().path().to_owned(),
        stage => format!("/{stage}{}", request.uri().path()),
    };
    let query = request.uri().query().unwrap_or_default();
    let mut headers = request::headers(request, domain, facts);
    let mut cookies = Vec::new();
    headers.retain(|(name, value)| {
        let is_cookie = name == "cookie";
        if is_cookie {
            cookies.extend(value.split(';').map(|cookie| json!(cookie.trim())));
        }
        !is_cookie
    });
    let prefix = domain.split('.').next().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": request::joined(headers),
        "requestContext": {
            "accountId": request::ACCOUNT_ID,
            "apiId": prefix,
            "domainName": domain,
            "domainPrefix": prefix,
            "http": {
                "method": request.method().as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": facts.source_ip.to_string(),
                "userAgent": request::text(request.headers(), "user-agent").unwrap_or_default(),
            },
            "requestId": facts.request_id,
            "routeKey": "$default",
            "stage": stage,
            "time": request::log_time(facts.time),
            "timeEpoch": request::epoch_millis(facts.time),
        },
        "isBase64Encoded": false,
    });
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    if !query.is_empty() {
        event["queryStringParameters"] = request::joined(request::decoded_query_pairs(query)).into();
    }
    if !request.body().is_empty() {
        let media_type = request::media_type(request.headers());
        let is_text =
            request::is_text(media_type.as_deref()) && !request.headers().contains_key(header::CONTENT_ENCODING);
        let (body, is_base64) = request::encoded_body(request.body(), !is_text);
        event["body"] = body;
        event["isBase64Encoded"] = is_base64.into();
    }
    event
}

/// The response an HTTP API makes of a buffered `reply`.
///
/// JSON without `statusCode` is itself the body of a `200`.
///
/// # Errors
///
/// If the reply is not JSON, or is shaped like a response but is none.
pub fn response(reply: &[u8]) -> Result<Response<Bytes>, Malformed> {
    inferred_response(reply, "text/plain;charset=UTF-8")
}

/// A response of payload format 2.0, or what the gateway infers when there is no `statusCode`.
pub(super) fn inferred_response(reply: &[u8], content_type: &'static str) -> Result<Response<Bytes>, Malformed> {
    let value: Value = serde_json::from_slice(reply).map_err(|_| Malformed::new("it is not JSON"))?;
    let object = match value {
        Value::Object(object) if object.contains_key("statusCode") => object,
        Value::String(text) => return inferred(text.into()),
        _ => return inferred(Bytes::copy_from_slice(reply)),
    };
    structured(&object, content_type)
}

fn inferred(body: Bytes) -> Result<Response<Bytes>, Malformed> {
    let mut response = Response::new(body);
    reply::default_content_type(response.headers_mut(), "application/json");
    Ok(response)
}

fn structured(object: &Map<String, Value>, content_type: &'static str) -> Result<Response<Bytes>, Malformed> {
    let status = reply::status(object)?;
    // Format 2.0 knows no `multiValueHeaders`.
    let mut headers = reply::single_headers(object.get("headers"))?;
    reply::cookies(object, &mut headers)?;
    reply::default_content_type(&mut headers, content_type);
    Ok(reply::response(status, headers, reply::body(object)?))
}

/// How an HTTP API answers when it has no response of the function's.
#[must_use]
pub fn failure(failure: Failure) -> Response<Bytes> {
    let (status, body) = match failure {
        Failure::RequestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request Entity Too Large"}"#),
        // Not 502: an HTTP API has this one status for whatever is the function's fault.
        Failure::MalformedReply | Failure::FunctionError | Failure::FunctionTimeout => {
            (StatusCode::INTERNAL_SERVER_ERROR, r#"{"message":"Internal Server Error"}"#)
        }
        Failure::GatewayTimeout => (StatusCode::SERVICE_UNAVAILABLE, r#"{"message":"Service Unavailable"}"#),
    };
    reply::document(status, "application/json", body)
}
