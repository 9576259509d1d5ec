//! API Gateway REST APIs with Lambda proxy integration, buffered and streaming.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html> and
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header, response};
use serde_json::{Map, Value, json};

use super::{Facts, Failure, Malformed, Settings, reply, request};
use crate::runtime_api::Prelude;

/// Largest request body that API Gateway takes. Lambda takes events of 6 MB only, which is the smaller limit. So it is
/// for replies, where API Gateway's limit of 10 MB is never met.
pub const REQUEST_BYTES: usize = 10 * 1024 * 1024;
/// How long the gateway waits for a buffered reply, unless configured otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(29);
/// How long a stream may take.
pub const STREAM_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// How long a stream may be silent at a Regional or private endpoint.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Largest prelude of a stream.
pub const PRELUDE_BYTES: usize = 16 * 1024;
/// Host name of the emulated API.
pub const DOMAIN: &str = super::http_api::DOMAIN;

/// The event a REST API with the resource `/{proxy+}` sends for `request`, buffered or streaming alike.
#[must_use]
pub fn event(request: &Request<Bytes>, settings: &Settings, facts: &Facts) -> Value {
    // API Gateway passes names on in the case they came in. What parses HTTP here knows them in lower case only, so
    // they get the case that most clients write.
    let headers: Vec<_> = request::headers(request, DOMAIN, facts)
        .into_iter()
        .filter(|(name, _)| name != "content-length")
        .map(|(name, value)| (request::title_case(&name), value))
        .collect();
    let query = request::decoded_query_pairs(request.uri().query().unwrap_or_default());
    let path = request::percent_decoded(request.uri().path());
    let proxy = path.trim_start_matches('/');
    let (resource, parameters) =
        if proxy.is_empty() { ("/", Value::Null) } else { ("/{proxy+}", json!({"proxy": proxy})) };
    let prefix = DOMAIN.split('.').next().unwrap_or_default();
    let (body, is_base64) = body(request, settings);
    json!({
        "resource": resource,
        "path": path,
        "httpMethod": request.method().as_str(),
        "headers": or_null(request::last(&headers)),
        "multiValueHeaders": or_null(request::multi(&headers)),
        "queryStringParameters": or_null(request::last(&query)),
        "multiValueQueryStringParameters": or_null(request::multi(&query)),
        "pathParameters": parameters,
        "stageVariables": null,
        "requestContext": {
            "resourceId": "a1b2c3",
            "resourcePath": resource,
            "httpMethod": request.method().as_str(),
            "extendedRequestId": facts.request_id,
            "requestTime": request::log_time(facts.time),
            "path": format!("/{}{path}", settings.rest_api_stage),
            "accountId": request::ACCOUNT_ID,
            "protocol": "HTTP/1.1",
            "stage": settings.rest_api_stage,
            "domainPrefix": prefix,
            "requestTimeEpoch": request::epoch_millis(facts.time),
            "requestId": facts.request_id,
            "identity": {
                "cognitoIdentityPoolId": null,
                "accountId": null,
                "cognitoIdentityId": null,
                "caller": null,
                "sourceIp": facts.source_ip.to_string(),
                "principalOrgId": null,
                "accessKey": null,
                "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null,
                "userArn": null,
                "userAgent": request::text(request.headers(), "user-agent"),
                "user": null,
            },
            "domainName": DOMAIN,
            "apiId": prefix,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

fn body(request: &Request<Bytes>, settings: &Settings) -> (Value, bool) {
    if request.body().is_empty() {
        return (Value::Null, false);
    }
    // Without binary media types every body is text, and bytes that are none are lost.
    let media_type = request::media_type(request.headers());
    let is_binary = is_binary(settings, media_type.as_deref().unwrap_or("application/json"));
    request::encoded_body(request.body(), is_binary)
}

fn or_null(map: Map<String, Value>) -> Value {
    if map.is_empty() { Value::Null } else { map.into() }
}

fn is_binary(settings: &Settings, media_type: &str) -> bool {
    settings.binary_media_types.iter().any(|binary| {
        binary == "*/*"
            || binary == media_type
            || binary.strip_suffix("/*").is_some_and(|class| media_type.split('/').next() == Some(class))
    })
}

/// The response a REST API makes of a buffered `reply` to a request with these headers.
///
/// A body marked as base64 is decoded only if the response's content type, or the first type the client accepts, is one
/// of the API's binary media types; otherwise the client gets the base64 text, as it does from API Gateway.
///
/// # Errors
///
/// If the reply is not `{"statusCode":…,"headers":{…},"multiValueHeaders":{…},"body":"…","isBase64Encoded":…}`.
pub fn response(reply: &[u8], request_headers: &HeaderMap, settings: &Settings) -> Result<Response<Bytes>, Malformed> {
    let object = reply::object(reply)?;
    const KEYS: [&str; 5] = ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];
    if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Malformed::new(format!("it has the unknown key `{key}`")));
    }
    let status = reply::status(&object)?;
    let mut headers = merged_headers(&object)?;
    reply::default_content_type(&mut headers, "application/json");
    let mut body = reply::body(&object)?;
    if reply::is_base64(&object)? && !decodes(&headers, request_headers, settings) {
        body = object.get("body").and_then(Value::as_str).unwrap_or_default().to_owned().into();
    }
    Ok(reply::response(status, reply::remap(headers), body))
}

fn decodes(headers: &HeaderMap, request_headers: &HeaderMap, settings: &Settings) -> bool {
    let accepted = request::text(request_headers, header::ACCEPT.as_str())
        .and_then(|accept| accept.split([',', ';']).next())
        .map(|first| first.trim().to_ascii_lowercase());
    [request::media_type(headers), accepted].into_iter().flatten().any(|media_type| is_binary(settings, &media_type))
}

/// The head of the response a REST API makes of a stream with this prelude.
///
/// # Errors
///
/// If the prelude is not `{"statusCode":…,"headers":{…},"multiValueHeaders":{…},"cookies":[…]}`.
pub fn streamed_head(prelude: &Prelude) -> Result<response::Parts, Malformed> {
    let Value::Object(prelude) = &prelude.0 else {
        return Err(Malformed::new("the metadata is not a JSON object"));
    };
    let status = reply::status(prelude)?;
    let mut headers = merged_headers(prelude)?;
    reply::cookies(prelude, &mut headers)?;
    reply::default_content_type(&mut headers, "application/json");
    let headers = reply::remap(headers);
    Ok(reply::response(status, headers, Bytes::new()).into_parts().0)
}

/// Both maps as one list; a pair that stands in both counts once.
fn merged_headers(reply: &Map<String, Value>) -> Result<HeaderMap, Malformed> {
    let mut headers = reply::multi_headers(reply.get("multiValueHeaders"))?;
    for (name, value) in &reply::single_headers(reply.get("headers"))? {
        if !headers.get_all(name).iter().any(|other| other == value) {
            headers.append(name, value.clone());
        }
    }
    Ok(headers)
}

/// How a REST API answers when it has no response of the function's.
#[must_use]
pub fn failure(failure: Failure) -> Response<Bytes> {
    let (status, body) = match failure {
        Failure::RequestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request Too Long"}"#),
        Failure::MalformedReply | Failure::FunctionError | Failure::FunctionTimeout => {
            (StatusCode::BAD_GATEWAY, r#"{"message": "Internal server error"}"#)
        }
        Failure::GatewayTimeout => (StatusCode::GATEWAY_TIMEOUT, r#"{"message": "Endpoint request timed out"}"#),
    };
    reply::document(status, "application/json", body)
}
