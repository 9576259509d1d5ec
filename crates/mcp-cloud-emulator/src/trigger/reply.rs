//! What the gateways' readings of a reply have in common.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use super::Malformed;

/// Response headers that API Gateway's REST APIs and function URLs send on under the name `x-amzn-remapped-…`
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>).
const REMAPPED: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "content-md5",
    "date",
    "server",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// Renames the headers that a REST API or a function URL does not pass on under their own names.
pub(super) fn remap(headers: HeaderMap) -> HeaderMap {
    let mut remapped = HeaderMap::with_capacity(headers.len());
    let mut current = None;
    for (name, value) in headers {
        // A repeated name comes as `None`.
        if let Some(name) = name {
            let renamed =
                REMAPPED.contains(&name.as_str()).then(|| format!("x-amzn-remapped-{name}").parse().ok()).flatten();
            current = Some(renamed.unwrap_or(name));
        }
        if let Some(name) = &current {
            remapped.append(name.clone(), value);
        }
    }
    remapped
}

pub(super) fn object(reply: &[u8]) -> Result<Map<String, Value>, Malformed> {
    match serde_json::from_slice(reply) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Malformed::new("it is not a JSON object")),
        Err(_) => Err(Malformed::new("it is not JSON")),
    }
}

/// The status, which is an integer or digits.
pub(super) fn status(reply: &Map<String, Value>) -> Result<StatusCode, Malformed> {
    let status = match reply.get("statusCode") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(_) => None,
        None => return Err(Malformed::new("it has no `statusCode`")),
    };
    status
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| (200..600).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| Malformed::new("its `statusCode` is no final HTTP status"))
}

/// A map of names to single values.
pub(super) fn single_headers(map: Option<&Value>) -> Result<HeaderMap, Malformed> {
    let mut headers = HeaderMap::new();
    for (name, value) in entries(map, "headers")? {
        append(&mut headers, name, value)?;
    }
    Ok(headers)
}

/// A map of names to lists of values.
pub(super) fn multi_headers(map: Option<&Value>) -> Result<HeaderMap, Malformed> {
    let mut headers = HeaderMap::new();
    for (name, values) in entries(map, "multiValueHeaders")? {
        let Value::Array(values) = values else {
            let reason = format!("`multiValueHeaders` has no list at `{name}`");
            return Err(Malformed::new(reason));
        };
        for value in values {
            append(&mut headers, name, value)?;
        }
    }
    Ok(headers)
}

/// The list of cookies of payload format 2.0, each of which becomes a `Set-Cookie` header.
pub(super) fn cookies(reply: &Map<String, Value>, headers: &mut HeaderMap) -> Result<(), Malformed> {
    match reply.get("cookies") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(cookies)) => cookies.iter().try_for_each(|cookie| append(headers, "set-cookie", cookie)),
        Some(_) => Err(Malformed::new("`cookies` is no list")),
    }
}

/// The body as bytes.
pub(super) fn body(reply: &Map<String, Value>) -> Result<Bytes, Malformed> {
    let text = match reply.get("body") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err(Malformed::new("its `body` is no string")),
    };
    if is_base64(reply)? {
        let bytes = STANDARD.decode(text).map_err(|_| Malformed::new("its `body` is marked as base64 and is not"))?;
        Ok(bytes.into())
    } else {
        Ok(text.to_owned().into())
    }
}

pub(super) fn is_base64(reply: &Map<String, Value>) -> Result<bool, Malformed> {
    match reply.get("isBase64Encoded") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is_base64)) => Ok(*is_base64),
        Some(_) => Err(Malformed::new("its `isBase64Encoded` is no boolean")),
    }
}

/// Puts a response together; a status that has no body loses it.
pub(crate) fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let has_body = status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED;
    let mut response = Response::new(if has_body { body } else { Bytes::new() });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A gateway's own document.
pub(crate) fn document(status: StatusCode, content_type: &'static str, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    default_content_type(response.headers_mut(), content_type);
    response
}

pub(super) fn default_content_type(headers: &mut HeaderMap, content_type: &'static str) {
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
}

fn entries<'a>(
    map: Option<&'a Value>,
    called: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, Malformed> {
    match map {
        None | Some(Value::Null) => Ok(None.into_iter().flatten()),
        Some(Value::Object(map)) => Ok(Some(map).into_iter().flatten()),
        Some(_) => Err(Malformed::new(format!("its `{called}` is no object"))),
    }
}

fn append(headers: &mut HeaderMap, name: &str, value: &Value) -> Result<(), Malformed> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            let reason = format!("the value of header `{name}` is no string");
            return Err(Malformed::new(reason));
        }
    };
    let name: HeaderName = name.parse().map_err(|_| Malformed::new("a header has an invalid name"))?;
    let value = HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| Malformed::new(format!("header `{name}` has an invalid value")))?;
    headers.try_append(name, value).map_err(|_| Malformed::new("it has too many headers"))?;
    Ok(())
}
