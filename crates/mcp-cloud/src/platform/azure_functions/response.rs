//! Describes a reply for the payload mode. The reply to the host itself is always a 200: on anything else the host
//! discards what the handler said.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use mcp_cloud_contract::AZURE_HTTP_OUTPUT;
use serde_json::json;

use crate::body::Body;

/// Describes a reply whose body has been read. One value for each header name: the host takes no more.
pub(super) fn describe(parts: &http::response::Parts, body: &[u8]) -> Response<Body> {
    let headers: BTreeMap<_, _> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
    let described = json!({
        "Outputs": { AZURE_HTTP_OUTPUT: {
            "statusCode": parts.status.as_u16(),
            "headers": headers,
            "body": String::from_utf8_lossy(body),
        } },
        "Logs": [],
        "ReturnValue": null,
    });
    let mut response = Response::new(Body::from(Bytes::from(described.to_string())));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
