//! Tells the payload mode from the other two, and reads the request it describes.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::ORIGIN, request::Parts};
use serde::{Deserialize, de::IgnoredAny};

use super::detect::Settings;
use crate::{
    json::{self, Raw},
    request_info::{RequestInfo, RequestOrigin},
};

/// A request, and how its reply is to be encoded.
pub(super) enum Arrived {
    /// Proxied or forwarded: reply in plain HTTP.
    Plain(Request<Bytes>),
    /// Described in JSON: describe the reply.
    Payload(Request<Bytes>),
    /// Described in JSON that does not describe a request.
    Malformed(&'static str),
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, rename = "Data")]
    data: BTreeMap<String, Raw<'a>>,
    #[serde(rename = "Metadata")]
    _metadata: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpTrigger<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(default)]
    headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(borrow)]
    body: Option<Raw<'a>>,
}

/// Reads what the host sent. A JSON-RPC message has no member `Data`, so the first member tells the modes apart.
///
/// A body that looks like a payload may be a client's own, who would describe a request that the gates let through. The
/// host sends payloads without a client's headers, and not where it is a proxy, which alone can stream.
pub(super) fn read(mut parts: Parts, body: Bytes, settings: Settings) -> Arrived {
    if !is_payload(&parts, &body, settings) {
        parts.extensions.insert(RequestInfo::new(RequestOrigin::AzureFunctions, settings.plain));
        return Arrived::Plain(Request::from_parts(parts, body));
    }
    match described(&body) {
        Ok(mut request) => {
            request.extensions_mut().insert(RequestInfo::new(RequestOrigin::AzureFunctions, settings.payload));
            Arrived::Payload(request)
        }
        Err(complaint) => Arrived::Malformed(complaint),
    }
}

/// Whether a request is the host's own, which describes another. Where the host proxies it sends none, and it never names
/// an `Origin`: what looks like one then is a client's.
pub(super) fn is_payload(parts: &Parts, body: &[u8], settings: Settings) -> bool {
    if settings.plain.streams || parts.headers.contains_key(ORIGIN) {
        return false;
    }
    let Some(first) = body.trim_ascii_start().strip_prefix(b"{") else { return false };
    let first = first.trim_ascii_start();
    first.starts_with(br#""Data""#) || first.starts_with(br#""Metadata""#)
}

fn described(body: &[u8]) -> Result<Request<Bytes>, &'static str> {
    let payload: Payload<'_> =
        json::read(body).map_err(|_| "the Functions host sent a payload without Data and Metadata")?;
    let trigger = payload
        .data
        .values()
        .find_map(|raw| json::read::<HttpTrigger<'_>>(raw.get().as_bytes()).ok())
        .ok_or("the Functions host sent a payload without an HTTP trigger")?;
    let uri: Uri = trigger.url.parse().map_err(|_| "the payload's Url is not a URL")?;
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::new(body_of(trigger.body)?);
    *request.method_mut() =
        Method::from_bytes(trigger.method.as_bytes()).map_err(|_| "the payload's Method is not a method")?;
    *request.uri_mut() = path_and_query.parse().map_err(|_| "the payload's Url is not a URL")?;
    *request.headers_mut() = headers_of(trigger.headers.unwrap_or_default())?;
    Ok(request)
}

/// The body is the text of a string; JSON that the host has read already is taken as it stands.
fn body_of(raw: Option<Raw<'_>>) -> Result<Bytes, &'static str> {
    let Some(raw) = raw else { return Ok(Bytes::new()) };
    if raw.get().starts_with('"') {
        return json::read::<String>(raw.get().as_bytes())
            .map(Bytes::from)
            .map_err(|_| "the payload's Body is not text");
    }
    Ok(Bytes::copy_from_slice(raw.get().as_bytes()))
}

fn headers_of(described: BTreeMap<String, Vec<String>>) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::with_capacity(described.len());
    for (name, values) in described {
        let name: HeaderName = name.parse().map_err(|_| "the payload names a header that cannot be one")?;
        for value in values {
            let value =
                HeaderValue::try_from(value).map_err(|_| "the payload has a header value that cannot be one")?;
            headers.append(&name, value);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::Capabilities;

    const SETTINGS: Settings =
        Settings { port: 0, plain: Capabilities::AZURE_FORWARDING, payload: Capabilities::AZURE_PAYLOAD };

    fn arrive(body: &str) -> Arrived {
        let (parts, ()) = Request::new(()).into_parts();
        read(parts, Bytes::copy_from_slice(body.as_bytes()), SETTINGS)
    }

    #[test]
    fn reads_the_request_a_payload_describes() {
        let body = r#"{"Data":{"req":{"Url":"http://localhost:7071/mcp?a=1","Method":"POST","Query":{},
            "Headers":{"Content-Type":["application/json"],"X-Two":["a","b"]},"Params":{},"Body":"{\"a\":1}"}},"Metadata":{}}"#;
        let Arrived::Payload(request) = arrive(body) else { panic!("not a payload") };
        assert_eq!(request.uri(), "/mcp?a=1");
        assert_eq!(request.headers().get_all("x-two").iter().count(), 2);
        assert_eq!(&request.body()[..], br#"{"a":1}"#);
    }

    #[test]
    fn a_message_is_not_a_payload() {
        assert!(matches!(arrive(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), Arrived::Plain(_)));
        assert!(matches!(arrive(""), Arrived::Plain(_)));
    }

    #[test]
    fn rejects_a_payload_that_describes_no_request() {
        for body in [
            r#"{"Data":{},"Metadata":{}}"#,
            r#"{"Data":{"req":{"Url":"\u0000","Method":"GET"}},"Metadata":{}}"#,
            r#"{"Data""#,
        ] {
            assert!(matches!(arrive(body), Arrived::Malformed(_)), "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let (parts, ()) = Request::new(()).into_parts();
            let mut payload = br#"{"Data":{"req":"#.to_vec();
            payload.extend_from_slice(&bytes);
            read(parts.clone(), payload.into(), SETTINGS);
            read(parts, bytes.into(), SETTINGS);
        }
    }
}
