//! Decodes an event into a request: which trigger sent it is peeked from the members it has, everything is decoded
//! once, and nothing an event holds can make it panic.
//!
//! The request shares the memory the event was read into: strings are turned into the text they stand for where they
//! stand.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};

use super::{
    detect::Gateway,
    event::{Context, Event, Field, Fields},
};
use crate::{
    byte_str::ByteStr,
    capabilities::Capabilities,
    json::{NoText, Quoted, Span, is_text, read, unescape},
    names::header_name,
    platform::ResponseMode,
    request_info::{RequestInfo, RequestOrigin},
};

/// An event, decoded.
#[expect(clippy::large_enum_variant, reason = "nearly every event is a request, and is not kept")]
pub(super) enum Decoded {
    /// A request, and how its reply is to be encoded.
    Request(Request<Bytes>, Encoding),
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

/// Decodes one event after the other.
pub(super) struct Decoder {
    gateway: Gateway,
    fields: Fields,
    /// The last target without a query. Nearly every request goes to the same.
    target: Uri,
}

impl Decoder {
    pub(super) fn new(gateway: Gateway) -> Self {
        Self { gateway, fields: Fields::default(), target: Uri::default() }
    }

    /// Decodes the event that stands at a place. The memory comes back as it is shared with the request.
    pub(super) fn decode(&mut self, mut buffer: BytesMut, event: Span) -> (Decoded, Bytes) {
        let mode = self.gateway.response_mode;
        let text = buffer.get(..event.end).unwrap_or_default();
        // Checked once as a whole, the text inside needs no check of its own.
        if !is_text(event.of(text)) {
            return rejected(buffer, "the event is not UTF-8", fallback(mode));
        }
        let read = match Event::read(text, event.start, &mut self.fields) {
            Ok(read) => read,
            Err(error) => {
                return rejected(buffer, format_args!("the event is not an HTTP request: {error}"), fallback(mode));
            }
        };
        if read.is_completion && read.context.is_none() {
            return (Decoded::Completion, buffer.freeze());
        }
        let Some((origin, encoding)) = origin(&buffer, &read, mode) else {
            let message = "the event comes from no function URL, API Gateway or load balancer";
            return rejected(buffer, message, fallback(mode));
        };
        let strings = match Strings::of(&mut buffer, event.end, &read, &mut self.fields) {
            Ok(strings) => strings,
            Err(message) => return rejected(buffer, message, encoding),
        };
        let whole = buffer.freeze();
        let decoded = match self.request(&whole, &read, &strings, origin, encoding) {
            Ok(request) => Decoded::Request(request, encoding),
            Err(message) => Decoded::Rejected(message.to_owned(), encoding),
        };
        (decoded, whole)
    }

    fn request(
        &mut self,
        whole: &Bytes,
        event: &Event,
        strings: &Strings,
        origin: RequestOrigin,
        encoding: Encoding,
    ) -> Result<Request<Bytes>, &'static str> {
        let text = |span: Span| std::str::from_utf8(span.of(whole)).unwrap_or_default();
        let mut request = Request::new(slice(whole, strings.body));
        *request.method_mut() = match strings.method {
            // By far the most common, and known without a look at the other methods.
            Some(method) if method.of(whole) == b"POST" => Method::POST,
            Some(method) => {
                Method::from_bytes(method.of(whole)).map_err(|_| "the event names a method that is none")?
            }
            None => return Err("the event names no HTTP method"),
        };
        let query = match strings.raw_query {
            Some(raw) => Cow::Borrowed(text(raw)),
            None => {
                let parameters = event.multi_value_query_string_parameters.or(event.query_string_parameters);
                Cow::Owned(parameters.map_or_else(String::new, |span| query(text(span), origin == RequestOrigin::Alb)))
            }
        };
        let path = strings.path.map_or("/", text);
        let path = without_stage(path, strings.stage.map(text));
        *request.uri_mut() = self.target(path, &query)?;
        let fields = if self.fields.multiple.is_empty() { &self.fields.single } else { &self.fields.multiple };
        *request.headers_mut() = headers(whole, fields)?;
        if !strings.cookies.is_empty() {
            let cookies = strings.cookies.iter().map(|cookie| text(*cookie)).collect::<Vec<_>>().join("; ");
            let cookies = HeaderValue::try_from(cookies).map_err(|_| "the event has a malformed cookie")?;
            request.headers_mut().insert(header::COOKIE, cookies);
        }
        let mut info = RequestInfo::new(origin, capabilities(origin, encoding, self.gateway));
        info.authorizer = event
            .context
            .as_ref()
            .and_then(|context| context.authorizer)
            .filter(|authorizer| !matches!(authorizer.of(whole), b"null" | b"{}"))
            .map(|authorizer| slice(whole, authorizer));
        info.host = strings.host.map(|host| ByteStr::new(slice(whole, host)));
        info.source_ip = strings.source_ip.and_then(|address| text(address).parse::<IpAddr>().ok());
        request.extensions_mut().insert(info);
        Ok(request)
    }

    fn target(&mut self, path: &str, query: &str) -> Result<Uri, &'static str> {
        if query.is_empty() && self.target.path() == path {
            return Ok(self.target.clone());
        }
        let target = uri(path, query)?;
        if query.is_empty() {
            self.target = target.clone();
        }
        Ok(target)
    }
}

#[cold]
fn rejected(buffer: BytesMut, message: impl ToString, encoding: Encoding) -> (Decoded, Bytes) {
    (Decoded::Rejected(message.to_string(), encoding), buffer.freeze())
}

/// How to answer an event that names no trigger: as whoever set the function up expects.
fn fallback(mode: ResponseMode) -> Encoding {
    match mode {
        ResponseMode::Buffered => Encoding::V2,
        ResponseMode::Stream => Encoding::Stream,
    }
}

fn origin(text: &[u8], event: &Event, mode: ResponseMode) -> Option<(RequestOrigin, Encoding)> {
    let context = event.context.as_ref()?;
    if context.is_load_balancer {
        let encoding = if event.has_multi_value_headers { Encoding::AlbMulti } else { Encoding::AlbSingle };
        return Some((RequestOrigin::Alb, encoding));
    }
    let streamed = |buffered| if mode == ResponseMode::Stream { Encoding::Stream } else { buffered };
    if context.has_http {
        let domain = context.domain_name.map_or(&[][..], |name| name.inside.of(text));
        // An HTTP API cannot stream, whatever the function's other triggers can.
        return Some(if is_function_url(domain) {
            (RequestOrigin::FunctionUrl, streamed(Encoding::V2))
        } else {
            (RequestOrigin::ApigwV2, Encoding::V2)
        });
    }
    event.http_method?;
    // An HTTP API with payload format 1.0 says so in `version`, which a REST API does not send.
    let encoding = if event.version.is_some() { Encoding::V1 } else { streamed(Encoding::V1) };
    Some((RequestOrigin::ApigwV1, encoding))
}

/// Whether a domain is `<id>.lambda-url.<region>.on.aws`.
fn is_function_url(domain: &[u8]) -> bool {
    let id = domain.iter().position(|&byte| byte == b'.');
    id.and_then(|end| domain.get(end..)).is_some_and(|rest| rest.starts_with(b".lambda-url."))
}

/// What the strings of an event stand for, each in its place.
struct Strings {
    method: Option<Span>,
    path: Option<Span>,
    raw_query: Option<Span>,
    stage: Option<Span>,
    host: Option<Span>,
    source_ip: Option<Span>,
    cookies: Vec<Span>,
    body: Span,
}

impl Strings {
    /// Turns every string that is needed into its text; those of `fields` too. The event reaches to `end`.
    fn of(buffer: &mut BytesMut, end: usize, event: &Event, fields: &mut Fields) -> Result<Self, &'static str> {
        let none = Context::default();
        let context = event.context.as_ref().unwrap_or(&none);
        // An event has one of each pair, so no string is turned twice.
        let method = if context.has_http { context.method } else { event.http_method };
        let strings = Self {
            method: optional_text(buffer, method)?,
            path: optional_text(buffer, event.raw_path.or(event.path))?,
            raw_query: optional_text(buffer, event.raw_query_string)?,
            stage: optional_text(buffer, context.stage)?,
            host: optional_text(buffer, context.domain_name)?,
            source_ip: optional_text(buffer, context.source_ip)?,
            cookies: event.cookies.iter().map(|cookie| text(buffer, *cookie)).collect::<Result<_, _>>()?,
            body: match event.body {
                Some(body) if event.is_base64_encoded => decoded(buffer, end, body)?,
                Some(body) => text(buffer, body)?,
                None => Span::default(),
            },
        };
        let fields = if fields.multiple.is_empty() { &mut fields.single } else { &mut fields.multiple };
        for field in fields.iter_mut().filter(|field| field.value.escaped) {
            field.value = Quoted { inside: text(buffer, field.value)?, escaped: false };
        }
        Ok(strings)
    }
}

fn optional_text(buffer: &mut BytesMut, quoted: Option<Quoted>) -> Result<Option<Span>, &'static str> {
    quoted.map(|quoted| text(buffer, quoted)).transpose()
}

/// Turns a string into its text where it stands.
fn text(buffer: &mut BytesMut, quoted: Quoted) -> Result<Span, &'static str> {
    let Span { start, end } = quoted.inside;
    if !quoted.escaped {
        return Ok(quoted.inside);
    }
    match unescape(buffer.get_mut(start..end).unwrap_or_default()) {
        Ok(length) => Ok(Span { start, end: start + length }),
        Err(NoText) => Err("the event has a string that is no Unicode text"),
    }
}

/// Decodes Base64 into the memory behind the event, which ends at `start`.
fn decoded(buffer: &mut BytesMut, start: usize, body: Quoted) -> Result<Span, &'static str> {
    let encoded = text(buffer, body)?;
    let needed = start + base64::decoded_len_estimate(encoded.end - encoded.start);
    if buffer.len() < needed {
        buffer.resize(needed, 0);
    }
    let (event, room) = buffer.split_at_mut(start);
    let length = STANDARD.decode_slice(encoded.of(event), room);
    let length = length.map_err(|_| "the event's body is not valid Base64")?;
    Ok(Span { start, end: start + length })
}

fn slice(whole: &Bytes, span: Span) -> Bytes {
    if span.start == span.end { Bytes::new() } else { whole.slice(span.start..span.end) }
}

/// The headers as a map. Values share the event's memory.
fn headers(whole: &Bytes, fields: &[Field]) -> Result<HeaderMap, &'static str> {
    let mut map = HeaderMap::with_capacity(fields.len());
    for Field { name, value } in fields {
        let name = name.text(whole).and_then(|name| header_name(&name));
        let name = name.ok_or("the event has a header with a name that no header can have")?;
        let value = HeaderValue::from_maybe_shared(slice(whole, value.inside))
            .map_err(|_| "the event has a header with a value that no header can have")?;
        map.append(name, value);
    }
    Ok(map)
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

/// The target of the request.
fn uri(path: &str, query: &str) -> Result<Uri, &'static str> {
    let mut target = String::with_capacity(path.len() + query.len() + 2);
    if !path.starts_with('/') {
        target.push('/');
    }
    // A gateway that decodes the path leaves characters in it that no request line could hold.
    encode_into(&mut target, path, PATH);
    if !query.is_empty() {
        target.push('?');
        encode_into(&mut target, query, b"/?%:@!$&'()*+,;=~-._[]");
    }
    target.try_into().map_err(|_| "the event names a path that is none")
}

/// What stands in a path as it is, beside letters and digits.
const PATH: &[u8] = b"/%:@!$&'()*+,;=~-._";

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
fn query(parameters: &str, encoded: bool) -> String {
    let parameters: Vec<(String, Vec<String>)> = match read::<BTreeMap<String, Vec<String>>>(parameters.as_bytes()) {
        Ok(many) => many.into_iter().collect(),
        Err(_) => {
            let one = read::<BTreeMap<String, String>>(parameters.as_bytes()).unwrap_or_default();
            one.into_iter().map(|(name, value)| (name, vec![value])).collect()
        }
    };
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
