//! Describes a reply for the payload mode. The reply to the host itself is always a 200: on anything else the host
//! discards what the handler said.

use http::{HeaderValue, Response, header};
use mcp_cloud_contract::AZURE_HTTP_OUTPUT;

use crate::{body::Body, json::escape};

/// Describes a reply whose body has been read. One value for each header name: the host takes no more.
pub(super) fn describe(parts: &http::response::Parts, body: &[u8]) -> Response<Body> {
    let mut described =
        format!(r#"{{"Outputs":{{"{AZURE_HTTP_OUTPUT}":{{"statusCode":{},"headers":{{"#, parts.status.as_u16())
            .into_bytes();
    for (place, name) in parts.headers.keys().enumerate() {
        if place > 0 {
            described.push(b',');
        }
        quote(&mut described, name.as_str().as_bytes());
        described.push(b':');
        // The last value, where there are several.
        let value = parts.headers.get_all(name).iter().next_back();
        quote(&mut described, value.map(HeaderValue::as_bytes).unwrap_or_default());
    }
    described.extend_from_slice(br#"},"body":"#);
    quote(&mut described, body);
    described.extend_from_slice(br#"}},"Logs":[],"ReturnValue":null}"#);
    let mut response = Response::new(Body::from(described));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    escape(out, String::from_utf8_lossy(text).as_bytes());
    out.push(b'"');
}
