//! The events of every HTTP trigger as one shape, so that an event is parsed once, whichever it is. Which trigger it
//! came from shows in members that only that trigger sends.
//!
//! Shapes: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>.

use std::{borrow::Cow, fmt, marker::PhantomData};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
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
    pub(super) headers: Option<Headers<One>>,
    pub(super) multi_value_headers: Option<Headers<Many>>,
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

/// A header map, filled while it is parsed.
pub(super) struct Headers<V> {
    pub(super) map: HeaderMap,
    values: PhantomData<V>,
}

/// Each name has one value.
pub(super) struct One;
/// Each name has a list of values.
pub(super) struct Many;

impl<'de> Deserialize<'de> for Headers<One> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor::<One>(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Headers<Many> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor::<Many>(PhantomData))
    }
}

struct HeadersVisitor<V>(PhantomData<V>);

impl<'de> Visitor<'de> for HeadersVisitor<One> {
    type Value = Headers<One>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Headers<One>, A::Error> {
        let mut map = HeaderMap::with_capacity(32);
        while let Some(name) = entries.next_key::<Text<'de>>()? {
            let name = header_name(&name.0)?;
            if let Some(value) = entries.next_value::<Option<Text<'de>>>()? {
                map.append(name, header_value(&value.0)?);
            }
        }
        Ok(Headers { map, values: PhantomData })
    }
}

impl<'de> Visitor<'de> for HeadersVisitor<Many> {
    type Value = Headers<Many>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lists of headers by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Headers<Many>, A::Error> {
        let mut map = HeaderMap::with_capacity(32);
        while let Some(name) = entries.next_key::<Text<'de>>()? {
            let name = header_name(&name.0)?;
            entries.next_value_seed(Values { name, map: &mut map })?;
        }
        Ok(Headers { map, values: PhantomData })
    }
}

/// The values of one header, appended as they are parsed.
struct Values<'m> {
    name: HeaderName,
    map: &'m mut HeaderMap,
}

impl<'de> de::DeserializeSeed<'de> for Values<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of header values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(value) = values.next_element::<Text<'de>>()? {
            self.map.append(self.name.clone(), header_value(&value.0)?);
        }
        Ok(())
    }
}

fn header_name<E: de::Error>(name: &str) -> Result<HeaderName, E> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| E::custom("a header has a name that no header can have"))
}

fn header_value<E: de::Error>(value: &str) -> Result<HeaderValue, E> {
    HeaderValue::from_str(value)
        .or_else(|_| HeaderValue::from_bytes(value.as_bytes()))
        .map_err(|_| E::custom("a header has a value that no header can have"))
}
