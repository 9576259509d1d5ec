//! The events of every HTTP trigger as one shape, so that an event is parsed once, whichever it is. Which trigger it
//! came from shows in members that only that trigger sends.
//!
//! Shapes: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>.

use std::{borrow::Cow, fmt, marker::PhantomData};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A string that is borrowed from the event where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) http_method: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) raw_path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) raw_query_string: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) multi_value_query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) headers: Option<Headers<'a, Option<Text<'a>>>>,
    #[serde(borrow)]
    pub(super) multi_value_headers: Option<Headers<'a, Vec<Text<'a>>>>,
    #[serde(borrow)]
    pub(super) cookies: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(super) request_context: Option<Context<'a>>,
    #[serde(borrow)]
    pub(super) body: Option<Text<'a>>,
    pub(super) is_base64_encoded: Option<bool>,
    pub(super) invoke_completion_status: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context<'a> {
    pub(super) elb: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) http: Option<Http<'a>>,
    #[serde(borrow)]
    pub(super) domain_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) stage: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) identity: Option<Identity<'a>>,
    #[serde(borrow)]
    pub(super) authorizer: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Http<'a> {
    #[serde(borrow)]
    pub(super) method: Text<'a>,
    #[serde(borrow)]
    pub(super) source_ip: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity<'a> {
    #[serde(borrow)]
    pub(super) source_ip: Option<Text<'a>>,
}

/// Headers as an event has them, borrowed from it.
pub(super) struct Headers<'a, V>(Vec<(Text<'a>, V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Headers<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData)).map(Headers)
    }
}

struct Entries<'a, V>(PhantomData<(&'a (), V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for Entries<'a, V> {
    type Value = Vec<(Text<'a>, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::with_capacity(24);
        while let Some(entry) = entries.next_entry()? {
            headers.push(entry);
        }
        Ok(headers)
    }
}

impl<'a, V> Headers<'a, V> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The headers as a map. Values that stand in the event as they are share its memory.
    ///
    /// # Errors
    ///
    /// A sentence, where a name or a value cannot be one.
    pub(super) fn into_map<'v>(self, event: &Bytes) -> Result<HeaderMap, &'static str>
    where
        V: IntoIterator<Item = Text<'v>>,
    {
        let mut map = HeaderMap::with_capacity(self.0.len());
        for (name, values) in self.0 {
            let name = header_name(&name.0)?;
            let mut values = values.into_iter().peekable();
            while let Some(value) = values.next() {
                let bytes = match value.0 {
                    Cow::Borrowed(text) => event.slice_ref(text.as_bytes()),
                    Cow::Owned(text) => text.into(),
                };
                let value = HeaderValue::from_maybe_shared(bytes)
                    .map_err(|_| "the event has a header with a value that no header can have")?;
                if values.peek().is_none() {
                    // The common case: a header has one value, and its name need not be copied.
                    map.append(name, value);
                    break;
                }
                map.append(name.clone(), value);
            }
        }
        Ok(map)
    }
}

/// A header's name. Those that gateways and MCP clients send with every request need no memory of their own.
fn header_name(name: &str) -> Result<HeaderName, &'static str> {
    const COMMON: &[&str] = &[
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-amzn-trace-id",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
    ];
    if let Some(common) = COMMON.iter().find(|common| common.eq_ignore_ascii_case(name)) {
        return Ok(HeaderName::from_static(common));
    }
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| "the event has a header with a name that no header can have")
}
