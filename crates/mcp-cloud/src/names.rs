//! The names of headers that gateways and MCP clients send, made once: looking a header up by its name as text would
//! take the text apart each time.

use http::{HeaderName, HeaderValue};

macro_rules! names {
    ($($name:ident = $text:literal),* $(,)?) => {
        $(pub(crate) static $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    ACCEPT = "accept",
    ACCEPT_ENCODING = "accept-encoding",
    ACCEPT_LANGUAGE = "accept-language",
    AUTHORIZATION = "authorization",
    CONTENT_LENGTH = "content-length",
    CONTENT_TYPE = "content-type",
    COOKIE = "cookie",
    HOST = "host",
    LAST_EVENT_ID = "last-event-id",
    MCP_METHOD = "mcp-method",
    MCP_NAME = "mcp-name",
    MCP_PROTOCOL_VERSION = "mcp-protocol-version",
    MCP_SESSION_ID = "mcp-session-id",
    ORIGIN = "origin",
    SEC_FETCH_MODE = "sec-fetch-mode",
    TRACEPARENT = "traceparent",
    USER_AGENT = "user-agent",
    X_ACCEL_BUFFERING = "x-accel-buffering",
    X_AMZN_TRACE_ID = "x-amzn-trace-id",
    X_CLOUD_TRACE_CONTEXT = "x-cloud-trace-context",
    X_FORWARDED_FOR = "x-forwarded-for",
    X_FORWARDED_PORT = "x-forwarded-port",
    X_FORWARDED_PROTO = "x-forwarded-proto",
}

/// The value of a header, where it is text: visible ASCII, spaces and tabs (RFC 9110 §5.5). Nothing else that a value can
/// hold is ASCII.
#[inline(never)]
pub(crate) fn text_of(value: &HeaderValue) -> Option<&str> {
    let bytes = value.as_bytes();
    if bytes.is_ascii() { std::str::from_utf8(bytes).ok() } else { None }
}

/// The name of a header, in any case; nothing for what is none. Most need neither memory nor a look at each letter.
pub(crate) fn header_name(name: &[u8]) -> Option<HeaderName> {
    let known: &[&HeaderName] = match name.len() {
        4 => &[&HOST],
        6 => &[&ACCEPT, &ORIGIN, &COOKIE],
        8 => &[&MCP_NAME],
        10 => &[&USER_AGENT, &MCP_METHOD],
        11 => &[&TRACEPARENT],
        12 => &[&CONTENT_TYPE],
        13 => &[&AUTHORIZATION, &LAST_EVENT_ID],
        14 => &[&CONTENT_LENGTH, &SEC_FETCH_MODE, &MCP_SESSION_ID],
        15 => &[&ACCEPT_ENCODING, &ACCEPT_LANGUAGE, &X_AMZN_TRACE_ID, &X_FORWARDED_FOR],
        16 => &[&X_FORWARDED_PORT],
        17 => &[&X_FORWARDED_PROTO],
        20 => &[&MCP_PROTOCOL_VERSION],
        _ => &[],
    };
    let found = known.iter().find(|known| known.as_str().as_bytes() == name);
    match found.or_else(|| known.iter().find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(name))) {
        Some(known) => Some((*known).clone()),
        None => HeaderName::from_bytes(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_known_name_is_the_name_it_would_be_otherwise(name in "[a-zA-Z-]{1,20}|(?i)mcp-name|(?i)x-amzn-trace-id|.*") {
            proptest::prop_assert_eq!(header_name(name.as_bytes()), HeaderName::from_bytes(name.as_bytes()).ok());
        }
    }

    proptest::proptest! {
        #[test]
        fn a_value_is_text_where_http_says_so(value: Vec<u8>) {
            let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
            proptest::prop_assert_eq!(text_of(&value), value.to_str().ok());
        }
    }

    #[test]
    fn every_known_name_is_found_under_its_length() {
        for name in [&HOST, &ACCEPT, &SEC_FETCH_MODE, &MCP_SESSION_ID, &X_FORWARDED_PROTO, &MCP_PROTOCOL_VERSION] {
            assert_eq!(header_name(name.as_str().to_uppercase().as_bytes()).as_ref(), Some(name));
        }
    }
}
