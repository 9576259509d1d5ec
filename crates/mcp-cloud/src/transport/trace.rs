//! Trace context: what gateways and clients say in headers, in the one form that `_meta` has for it
//! (<https://www.w3.org/TR/trace-context/>).

use std::fmt;

use http::HeaderMap;

use crate::names;

/// A W3C `traceparent`: version 00, trace, parent, flags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceParent([u8; LENGTH]);

const LENGTH: usize = 55;

impl TraceParent {
    /// What the headers of a request say: `traceparent`, else Google's `X-Cloud-Trace-Context`, else Amazon's
    /// `X-Amzn-Trace-Id`. What cannot be understood is as if it were not there.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = |name: &http::HeaderName| headers.get(name).and_then(names::text_of);
        value(&names::TRACEPARENT)
            .and_then(|value| Self::w3c(value.as_bytes()))
            .or_else(|| value(&names::X_CLOUD_TRACE_CONTEXT).and_then(Self::cloud_trace))
            .or_else(|| value(&names::X_AMZN_TRACE_ID).and_then(|value| Self::x_ray(value.as_bytes())))
    }

    /// The value as it stands in a header or in `_meta`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It was made of ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Of a trace in one part or two, which together have 32 digits.
    fn new(trace: [&[u8]; 2], parent: &[u8], sampled: bool) -> Option<Self> {
        let [first, second] = trace;
        if first.len() + second.len() != 32 || parent.len() != 16 {
            return None;
        }
        let mut value = *b"00-????????????????????????????????-????????????????-00";
        for (start, part) in [(3, first), (3 + first.len(), second), (36, parent)] {
            value.get_mut(start..start + part.len())?.copy_from_slice(part);
        }
        if sampled {
            value[LENGTH - 1] = b'1';
        }
        (is_id(value.get(3..35)?) && is_id(value.get(36..52)?)).then_some(Self(value))
    }

    /// `00-<trace>-<parent>-<flags>`. Later versions may be longer and begin alike.
    fn w3c(value: &[u8]) -> Option<Self> {
        let mut parts = value.trim_ascii().split(|&byte| byte == b'-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || version == b"ff" || flags.len() != 2 {
            return None;
        }
        let flags = u8::from_str_radix(std::str::from_utf8(flags).ok()?, 16).ok()?;
        Self::new([trace, b""], parent, flags & 1 == 1)
    }

    /// `<trace>/<parent in decimal>;o=1` (<https://cloud.google.com/trace/docs/trace-context>).
    fn cloud_trace(value: &str) -> Option<Self> {
        let (trace, rest) = value.trim().split_once('/')?;
        let (parent, options) = rest.split_once(';').unwrap_or((rest, ""));
        let parent = format!("{:016x}", parent.parse::<u64>().ok()?);
        Self::new([trace.to_ascii_lowercase().as_bytes(), b""], parent.as_bytes(), options.trim() == "o=1")
    }

    /// `Root=1-<8 digits>-<24 digits>;Parent=<16 digits>;Sampled=1`
    /// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>). A gateway
    /// that traces nothing itself names no parent; a part of the root stands in for it.
    fn x_ray(value: &[u8]) -> Option<Self> {
        let (mut root, mut parent, mut sampled) = (None, None, false);
        for field in value.split(|&byte| byte == b';') {
            let field = field.trim_ascii();
            if let Some(value) = field.strip_prefix(b"Root=") {
                root = value.strip_prefix(b"1-");
            } else if let Some(value) = field.strip_prefix(b"Parent=") {
                parent = Some(value);
            } else if let Some(value) = field.strip_prefix(b"Sampled=") {
                sampled = value == b"1";
            }
        }
        let root = root?;
        let time = root.get(..root.iter().position(|&byte| byte == b'-')?)?;
        let unique = root.get(time.len() + 1..)?;
        Self::new([time, unique], parent.or_else(|| unique.get(..16))?, sampled)
    }
}

/// Whether these are digits of an id: hexadecimal in lower case, and not all of them zeros.
#[inline(never)]
fn is_id(digits: &[u8]) -> bool {
    let (mut are_digits, mut set) = (true, 0);
    for &byte in digits {
        are_digits &= byte.is_ascii_digit() | matches!(byte, b'a'..=b'f');
        set |= byte ^ b'0';
    }
    are_digits && set != 0
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        TraceParent::of(&map).map(|trace| trace.as_str().to_owned())
    }

    const W3C: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn each_platforms_header_becomes_a_traceparent() {
        for (name, value, expected) in [
            ("traceparent", W3C, W3C),
            (
                "x-cloud-trace-context",
                "105445aa7843bc8bf206b12000100000/1;o=1",
                "00-105445aa7843bc8bf206b12000100000-0000000000000001-01",
            ),
            (
                "x-amzn-trace-id",
                "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
                "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            ),
            (
                "x-amzn-trace-id",
                "Self=1-1-1;Root=1-5759e988-bd862e3fe1be46a994272793",
                "00-5759e988bd862e3fe1be46a994272793-bd862e3fe1be46a9-00",
            ),
        ] {
            assert_eq!(of(&[(name, value)]).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_passed_over() {
        for value in ["", "00", "00-0-0-00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Root=1-a"] {
            assert_eq!(of(&[("traceparent", value)]), None, "{value}");
            assert_eq!(of(&[("x-amzn-trace-id", value)]), None, "{value}");
            assert_eq!(of(&[("x-cloud-trace-context", value)]), None, "{value}");
        }
        let both = of(&[("traceparent", "nonsense"), ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793")]);
        assert!(both.is_some());
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_values_never_panic(value in "[ -~]{0,80}") {
            for name in ["traceparent", "x-cloud-trace-context", "x-amzn-trace-id"] {
                of(&[(name, &value)]);
            }
        }
    }
}
