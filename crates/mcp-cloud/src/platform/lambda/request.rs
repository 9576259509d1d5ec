//! Decodes an event into a request: which trigger sent it is peeked from the members it has, everything is decoded
//! once, and nothing an event holds can make it panic.

use std::{borrow::Cow, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use serde_json::value::RawValue;

use super::{
    detect::Gateway,
    event::{Context, Event},
};
use crate::{
    capabilities::Capabilities,
    platform::ResponseMode,
    request_info::{RequestInfo, RequestOrigin},
};

/// An event, decoded.
pub(super) enum Decoded {
    /// A request, and how its reply is to be encoded.
    Request(Box<Request<Bytes>>, Encoding),
    /// API Gateway tells a streaming function that its reply arrived. There is nothing to answer.
    Completion,
    /// No request: a sentence that says why not, and how the reply is to be encoded.
    Rejected(String, Encoding),
}

/// How a reply is encoded for the trigger it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Payload format 1.0: repeated headers in `multiValueHeaders`.
    V1,
    /// Payload format 2.0: repeated headers joined, cookies apart.
    V2,
    /// A load balancer that sends one value for each header, and wants the same back.
    AlbSingle,
    /// A load balancer that sends lists of values, and wants the same back.
    AlbMulti,
    /// A head in JSON, then the body as it is made.
    Stream,
}

/// Decodes an event.
pub(super) fn decode(event: &Bytes, gateway: Gateway) -> Decoded {
    let mode = gateway.response_mode;
    // Checked once as a whole, the text inside needs no check of its own.
    let Ok(text) = std::str::from_utf8(event) else {
        return Decoded::Rejected("the event is not UTF-8".to_owned(), fallback(mode));
    };
    let parsed = match serde_json::from_str::<Event<'_>>(text) {
        Ok(parsed) => parsed,
        Err(error) => return Decoded::Rejected(format!("the event is not an HTTP request: {error}"), fallback(mode)),
    };
    if parsed.invoke_completion_status.is_some() && parsed.request_context.is_none() {
        return Decoded::Completion;
    }
    let Some((origin, encoding)) = origin(&parsed, mode) else {
        let message = "the event comes from no function URL, API Gateway or load balancer";
        return Decoded::Rejected(message.to_owned(), fallback(mode));
    };
    match request(event, parsed, origin, encoding, gateway) {
        Ok(request) => Decoded::Request(Box::new(request), encoding),
        Err(message) => Decoded::Rejected(message.to_owned(), encoding),
    }
}

/// How to answer an event that names no trigger: as whoever set the function up expects.
fn fallback(mode: ResponseMode) -> Encoding {
    match mode {
        ResponseMode::Buffered => Encoding::V2,
        ResponseMode::Stream => Encoding::Stream,
    }
}

fn origin(event: &Event<'_>, mode: ResponseMode) -> Option<(RequestOrigin, Encoding)> {
    let context = event.request_context.as_ref()?;
    if context.elb.is_some() {
        let encoding = if event.multi_value_headers.is_some() { Encoding::AlbMulti } else { Encoding::AlbSingle };
        return Some((RequestOrigin::Alb, encoding));
    }
    let streamed = |buffered| if mode == ResponseMode::Stream { Encoding::Stream } else { buffered };
    if context.http.is_some() {
        let domain = context.domain_name.as_ref().map_or("", |name| &*name.0);
        // An HTTP API cannot stream, whatever the function's other triggers can.
        return Some(if domain.contains(".lambda-url.") {
            (RequestOrigin::FunctionUrl, streamed(Encoding::V2))
        } else {
            (RequestOrigin::ApigwV2, Encoding::V2)
        });
    }
    event.http_method.as_ref()?;
    // An HTTP API with payload format 1.0 says so in `version`, which a REST API does not send.
    let encoding = if event.version.is_some() { Encoding::V1 } else { streamed(Encoding::V1) };
    Some((RequestOrigin::ApigwV1, encoding))
}

fn request(
    bytes: &Bytes,
    event: Event<'_>,
    origin: RequestOrigin,
    encoding: Encoding,
    gateway: Gateway,
) -> Result<Request<Bytes>, &'static str> {
    let context = event.request_context.unwrap_or_default();
    let method = match (&context.http, &event.http_method) {
        (Some(http), _) => &http.method,
        (None, Some(method)) => method,
        (None, None) => return Err("the event names no HTTP method"),
    };
    let mut request = Request::new(body(event.body.map(|text| text.0), event.is_base64_encoded)?);
    *request.method_mut() =
        Method::from_bytes(method.0.as_bytes()).map_err(|_| "the event names a method that is none")?;
    let path = event.raw_path.or(event.path).map_or(Cow::Borrowed("/"), |path| path.0);
    let path = without_stage(&path, context.stage.as_ref().map(|stage| &*stage.0));
    let query = match event.raw_query_string {
        Some(raw) => raw.0,
        None => Cow::Owned(query(
            event.multi_value_query_string_parameters.or(event.query_string_parameters),
            origin == RequestOrigin::Alb,
        )),
    };
    *request.uri_mut() = uri(path, &query)?;
    let mut headers = match (event.multi_value_headers, event.headers) {
        (Some(many), _) if !many.is_empty() => many.into_map(bytes)?,
        (_, Some(one)) => one.into_map(bytes)?,
        _ => HeaderMap::new(),
    };
    if let Some(cookies) = event.cookies {
        let cookies = cookies.iter().map(|cookie| &*cookie.0).collect::<Vec<_>>().join("; ");
        headers.insert(header::COOKIE, HeaderValue::try_from(cookies).map_err(|_| "the event has a malformed cookie")?);
    }
    *request.headers_mut() = headers;
    request.extensions_mut().insert(info(bytes, &context, capabilities(origin, encoding, gateway), origin));
    Ok(request)
}

/// What the way back to this trigger can carry.
fn capabilities(origin: RequestOrigin, encoding: Encoding, gateway: Gateway) -> Capabilities {
    let streams = encoding == Encoding::Stream;
    let capabilities = match origin {
        RequestOrigin::Alb => Capabilities::ALB,
        RequestOrigin::ApigwV2 => Capabilities::HTTP_API,
        RequestOrigin::ApigwV1 if streams => Capabilities::REST_API_STREAM,
        RequestOrigin::ApigwV1 => Capabilities::REST_API,
        _ if streams => Capabilities::FUNCTION_URL_STREAM,
        _ => Capabilities::FUNCTION_URL_BUFFERED,
    };
    if gateway.managed { capabilities.on_managed_instances() } else { capabilities }
}

fn info(event: &Bytes, context: &Context<'_>, capabilities: Capabilities, origin: RequestOrigin) -> RequestInfo {
    let mut info = RequestInfo::new(origin, capabilities);
    info.authorizer = context
        .authorizer
        .filter(|authorizer| !matches!(authorizer.get(), "null" | "{}"))
        .map(|authorizer| event.slice_ref(authorizer.get().as_bytes()));
    info.host = context.domain_name.as_ref().map(|name| (*name.0).into());
    let source = context.http.as_ref().map(|http| &http.source_ip);
    let source = source.or_else(|| context.identity.as_ref().map(|identity| &identity.source_ip));
    info.source_ip = source.and_then(Option::as_ref).and_then(|text| text.0.parse::<IpAddr>().ok());
    info
}

fn body(text: Option<Cow<'_, str>>, base64: Option<bool>) -> Result<Bytes, &'static str> {
    let Some(text) = text else { return Ok(Bytes::new()) };
    if base64 == Some(true) {
        return STANDARD.decode(text.as_bytes()).map(Bytes::from).map_err(|_| "the event's body is not valid Base64");
    }
    Ok(Bytes::from(text.into_owned()))
}

/// An HTTP API puts the name of its stage in front of the path, and lambda_http does so for a REST API; the function's
/// paths do not have it.
pub(super) fn without_stage<'p>(path: &'p str, stage: Option<&str>) -> &'p str {
    let Some(stage) = stage.filter(|stage| *stage != "$default") else { return path };
    match path.strip_prefix('/').and_then(|path| path.strip_prefix(stage)) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

fn uri(path: &str, query: &str) -> Result<Uri, &'static str> {
    let mut target = String::with_capacity(path.len() + query.len() + 2);
    if !path.starts_with('/') {
        target.push('/');
    }
    // A gateway that decodes the path leaves characters in it that no request line could hold.
    encode_into(&mut target, path, b"/%:@!$&'()*+,;=~-._");
    if !query.is_empty() {
        target.push('?');
        encode_into(&mut target, query, b"/?%:@!$&'()*+,;=~-._[]");
    }
    target.try_into().map_err(|_| "the event names a path that is none")
}

/// Appends text, percent-encoded but for letters, digits and `plain`.
fn encode_into(out: &mut String, text: &str, plain: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(byte.into());
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|digit| char::from(HEX[usize::from(digit)])));
        }
    }
}

/// Writes the query parameters of an event as a query string. A load balancer leaves them encoded as they came, the
/// others decode them.
fn query(parameters: Option<&RawValue>, encoded: bool) -> String {
    let parameters: Vec<(String, Vec<String>)> = parameters.map_or_else(Vec::new, |raw| {
        if let Ok(many) = serde_json::from_str::<std::collections::BTreeMap<String, Vec<String>>>(raw.get()) {
            return many.into_iter().collect();
        }
        let one = serde_json::from_str::<std::collections::BTreeMap<String, String>>(raw.get()).unwrap_or_default();
        one.into_iter().map(|(name, value)| (name, vec![value])).collect()
    });
    let plain: &[u8] = if encoded { b"/?%:@!$'()*+,;=~-._[]" } else { b"~-._" };
    let mut query = String::new();
    for (name, values) in &parameters {
        for value in values {
            if !query.is_empty() {
                query.push('&');
            }
            encode_into(&mut query, name, plain);
            query.push('=');
            encode_into(&mut query, value, plain);
        }
    }
    query
}
