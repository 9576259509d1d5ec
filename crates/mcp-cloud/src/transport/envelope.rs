//! The JSON-RPC envelope: what kind of message it is, its id, its method and the little of its parameters that the
//! gates compare with headers. Everything else stays raw.

use std::borrow::Cow;

use serde::Deserialize;

use crate::{
    handler::ErrorObject,
    json::{Malformed, Quoted, Raw, Scanner, Span, read},
};

/// A message, and what the gates need of its parameters. It borrows from the body.
pub(crate) struct Envelope<'a> {
    pub(crate) message: Message<'a>,
    pub(crate) head: Head<'a>,
}

pub(crate) enum Message<'a> {
    Request { id: &'a str, method: Cow<'a, str>, params: Option<&'a str> },
    Notification { method: Cow<'a, str>, params: Option<&'a str> },
    Response,
}

/// What the gates compare with headers.
#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`.
    pub(crate) protocol_version: Option<Cow<'a, str>>,
    /// Whether `params._meta["io.modelcontextprotocol/clientCapabilities"]` is an object.
    pub(crate) has_client_capabilities: bool,
    /// `params.name`, as raw JSON.
    pub(crate) name: Option<&'a str>,
    /// `params.uri`, as raw JSON.
    pub(crate) uri: Option<&'a str>,
    /// `params.taskId`, as raw JSON.
    pub(crate) task_id: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    /// Parses one JSON-RPC message.
    ///
    /// # Errors
    ///
    /// `-32700` for what is not JSON, `-32600` for JSON that is no JSON-RPC message (JSON-RPC 2.0 §5.1).
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ErrorObject> {
        let invalid = |message: &str| ErrorObject::new(ErrorObject::INVALID_REQUEST, message);
        // Checked once as a whole, the text inside needs no check of its own.
        let text = std::str::from_utf8(body)
            .map_err(|_| ErrorObject::new(ErrorObject::PARSE_ERROR, "the body is not UTF-8 and so not JSON"))?;
        let wire = Wire::read(text).map_err(|error| not_a_message(body, &error))?;
        if wire.jsonrpc.as_deref() != Some("2.0") {
            return Err(invalid(r#"a message needs "jsonrpc": "2.0""#));
        }
        if let Some(id) = wire.id
            && !is_id(id)
        {
            return Err(invalid("the id of a message is a string or an integer"));
        }
        let Some(method) = wire.method else {
            if wire.id.is_some() && wire.is_answered {
                return Ok(Self { message: Message::Response, head: Head::default() });
            }
            return Err(invalid("a message needs a method"));
        };
        let message = match wire.id {
            Some(id) => Message::Request { id, method, params: wire.params },
            None => Message::Notification { method, params: wire.params },
        };
        Ok(Self { message, head: wire.head })
    }

    /// The id of a request, as raw JSON.
    pub(crate) fn id(&self) -> Option<&'a [u8]> {
        match self.message {
            Message::Request { id, .. } => Some(id.as_bytes()),
            _ => None,
        }
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> Option<&str> {
        match &self.message {
            Message::Request { method, .. } => Some(method),
            _ => None,
        }
    }
}

/// Whether a body is a batch: an array, whatever is in it.
pub(super) fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

/// The messages of a batch (MCP 2025-03-26, basic/index, Batching).
///
/// # Errors
///
/// `-32700` for what is not JSON, `-32600` for an empty one or one of more than [`MAX_BATCH`] messages.
pub(super) fn batch(body: &[u8]) -> Result<Vec<Raw<'_>>, ErrorObject> {
    let messages: Vec<Raw<'_>> = read(body)
        .map_err(|error| ErrorObject::new(ErrorObject::PARSE_ERROR, format!("the body is not JSON: {error}")))?;
    match messages.len() {
        0 => Err(ErrorObject::new(ErrorObject::INVALID_REQUEST, "a batch needs at least one message")),
        1..=MAX_BATCH => Ok(messages),
        count => {
            let message = format!("a batch of {count} messages is too large; at most {MAX_BATCH} go together");
            Err(ErrorObject::new(ErrorObject::INVALID_REQUEST, message))
        }
    }
}

/// How many messages a batch may have. The specification names no limit; all requests of a batch run at once.
const MAX_BATCH: usize = 100;

/// The id that the parameters of a `notifications/cancelled` name, as raw JSON.
pub(super) fn cancelled_id(params: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Cancelled<'a> {
        #[serde(borrow, rename = "requestId")]
        request_id: Raw<'a>,
    }
    read::<Cancelled<'_>>(params.as_bytes()).ok().map(|cancelled| cancelled.request_id.get())
}

/// The text of a JSON string; nothing for any other JSON. What type a parameter has to have is for the handler to say.
pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    let quoted = Scanner::new(raw.as_bytes(), 0).string().ok()?;
    text_of(raw, quoted)
}

/// The text a string of a document stands for; nothing where that is no Unicode text.
fn text_of(document: &str, quoted: Quoted) -> Option<Cow<'_, str>> {
    match quoted.text(document.as_bytes())? {
        Cow::Borrowed(_) => document.get(quoted.inside.start..quoted.inside.end).map(Cow::Borrowed),
        Cow::Owned(text) => String::from_utf8(text).ok().map(Cow::Owned),
    }
}

/// An id is a string or an integer (MCP, basic/index, Requests: it must not be null, and fractions are no ids).
fn is_id(raw: &str) -> bool {
    raw.starts_with('"')
        || (raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) && raw.parse::<i64>().is_ok())
}

/// Says what is wrong with bytes that did not parse: not JSON, or JSON of another shape.
#[cold]
fn not_a_message(body: &[u8], error: &Malformed) -> ErrorObject {
    if body.trim_ascii().is_empty() {
        return ErrorObject::new(ErrorObject::PARSE_ERROR, "the body is empty; a JSON-RPC message was expected");
    }
    if !error.is_json() {
        return ErrorObject::new(ErrorObject::PARSE_ERROR, format!("the body is not JSON: {error}"));
    }
    ErrorObject::new(ErrorObject::INVALID_REQUEST, format!("the body is not a JSON-RPC message: {error}"))
}

/// The members of a message.
#[derive(Default)]
struct Wire<'a> {
    jsonrpc: Option<Cow<'a, str>>,
    /// As raw JSON, `null` included: a null id is not an absent one.
    id: Option<&'a str>,
    method: Option<Cow<'a, str>>,
    params: Option<&'a str>,
    head: Head<'a>,
    /// Whether there is a result or an error.
    is_answered: bool,
}

impl<'a> Wire<'a> {
    fn read(text: &'a str) -> Result<Self, Malformed> {
        let mut wire = Self::default();
        let mut scanner = Scanner::new(text.as_bytes(), 0);
        scanner.object(|scanner, name| {
            let name = name.text(text.as_bytes()).unwrap_or_default();
            match &*name {
                b"jsonrpc" => {
                    let version = scanner.optional_string()?;
                    wire.jsonrpc = version.and_then(|version| text_of(text, version));
                }
                b"id" => {
                    let id = at(text, scanner.value()?);
                    if wire.id.replace(id).is_some() {
                        return scanner.refuse("one id");
                    }
                }
                b"method" => {
                    let Some(method) = scanner.optional_string()? else { return Ok(()) };
                    let Some(method) = text_of(text, method) else { return scanner.refuse("a method that is text") };
                    if wire.method.replace(method).is_some() {
                        return scanner.refuse("one method");
                    }
                }
                b"params" if !scanner.null()? => {
                    let params = at(text, wire.head.read(text, scanner)?);
                    if wire.params.replace(params).is_some() {
                        return scanner.refuse("one member params");
                    }
                }
                b"params" => {}
                b"result" | b"error" => wire.is_answered |= scanner.optional_value()?.is_some(),
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        scanner.end()?;
        Ok(wire)
    }
}

impl<'a> Head<'a> {
    /// Reads what the gates need of the parameters, and passes them.
    fn read(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<Span, Malformed> {
        scanner.within(|scanner| {
            scanner.object(|scanner, name| {
                let name = name.text(text.as_bytes()).unwrap_or_default();
                let place = match &*name {
                    b"_meta" => return self.read_meta(text, scanner),
                    b"name" => &mut self.name,
                    b"uri" => &mut self.uri,
                    b"taskId" => &mut self.task_id,
                    _ => return scanner.value().map(drop),
                };
                if place.replace(at(text, scanner.value()?)).is_some() {
                    return scanner.refuse("parameters of different names");
                }
                Ok(())
            })
        })
    }

    fn read_meta(&mut self, text: &'a str, scanner: &mut Scanner<'a>) -> Result<(), Malformed> {
        if scanner.null()? {
            return Ok(());
        }
        scanner.object(|scanner, name| {
            let name = name.text(text.as_bytes()).unwrap_or_default();
            match &*name {
                b"io.modelcontextprotocol/protocolVersion" => {
                    let version = self::text(at(text, scanner.value()?));
                    if self.protocol_version.is_some() {
                        return scanner.refuse("one protocol version");
                    }
                    self.protocol_version = version;
                }
                b"io.modelcontextprotocol/clientCapabilities" => {
                    self.has_client_capabilities = scanner.peek() == b'{';
                    scanner.value()?;
                }
                _ => drop(scanner.value()?),
            }
            Ok(())
        })
    }
}

/// What stands at a place.
fn at(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Envelope<'_>, ErrorObject> {
        Envelope::parse(body.as_bytes())
    }

    fn code(body: &str) -> i64 {
        parse(body).err().unwrap().code
    }

    #[test]
    fn keeps_the_id_as_it_was_written() {
        let envelope = parse(r#"{"jsonrpc":"2.0","id":"a\u0062","method":"ping"}"#).unwrap();
        assert_eq!(envelope.id(), Some(&br#""a\u0062""#[..]));
    }

    #[test]
    fn rejects_what_is_not_json_with_parse_error() {
        for body in ["", "  ", "{", "nope", "{\"a\":1}}", "\u{0}"] {
            assert_eq!(code(body), ErrorObject::PARSE_ERROR, "{body:?}");
        }
    }

    #[test]
    fn rejects_json_that_is_no_message_with_invalid_request() {
        for body in [
            "1",
            "[]",
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        ] {
            assert_eq!(code(body), ErrorObject::INVALID_REQUEST, "{body}");
        }
    }

    #[test]
    fn finds_metadata_behind_an_escaped_name() {
        let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        for name in ["_meta", r"\u005fmeta", r"_m\u0065ta"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{{"{name}":{meta}}}}}"#);
            assert_eq!(parse(&body).unwrap().head.protocol_version.as_deref(), Some("2026-07-28"), "{name}");
        }
    }

    #[test]
    fn tells_requests_notifications_and_responses_apart() {
        assert!(matches!(parse(r#"{"jsonrpc":"2.0","method":"a"}"#).unwrap().message, Message::Notification { .. }));
        assert!(matches!(parse(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).unwrap().message, Message::Response));
        assert!(matches!(parse(r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#).unwrap().message, Message::Request { .. }));
    }
}
