//! What is asked for: which groups, from when, and which events of them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::{DateTime, date_time::Format};
use thiserror::Error;

use super::LogEvent;

/// A question about logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The log groups, merged in the order of time.
    pub groups: Vec<String>,
    /// From when to when, and the part of the filter that CloudWatch Logs applies.
    pub range: Range,
    /// Only the last so many events; all where absent.
    pub limit: Option<usize>,
    /// Only events that have one of each of these in them.
    pub(super) wanted: Vec<Vec<String>>,
}

/// What CloudWatch Logs is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    /// The beginning, in milliseconds since 1970.
    pub since: i64,
    /// The end, in milliseconds since 1970; as much as there is where absent.
    pub until: Option<i64>,
    /// A filter pattern
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>).
    pub pattern: Option<String>,
}

impl LogQuery {
    /// Asks for everything in these groups from a time on, in milliseconds since 1970.
    #[must_use]
    pub fn new(groups: Vec<String>, since: i64) -> Self {
        Self { groups, range: Range { since, ..Range::default() }, limit: None, wanted: Vec::new() }
    }

    /// Asks for events that a filter lets through: a text that has to be in them, letter for letter, or, where it begins
    /// with `{`, `[`, `?`, `%`, `"` or `-`, a pattern of CloudWatch Logs.
    #[must_use]
    pub fn with_filter(mut self, filter: Option<&str>) -> Self {
        if let Some(filter) = filter.filter(|filter| !filter.is_empty()) {
            let is_pattern = filter.starts_with(['{', '[', '?', '%', '"', '-']);
            self.add(if is_pattern { filter.to_owned() } else { term(filter) });
        }
        self
    }

    /// Asks for events of one request, by its id.
    #[must_use]
    pub fn with_request(self, id: Option<&str>) -> Self {
        match id {
            Some(id) => self.wanting(vec![id.to_owned()]),
            None => self,
        }
    }

    /// Asks for events of one trace, by its id as W3C or as X-Ray writes it: one is looked for in both.
    #[must_use]
    pub fn with_trace(self, id: Option<&str>) -> Self {
        match id {
            Some(id) => self.wanting(traces(id)),
            None => self,
        }
    }

    /// Terms are understood beside other terms only; beside a pattern, this alone decides.
    fn wanting(mut self, either: Vec<String>) -> Self {
        if let [one] = either.as_slice() {
            self.add(term(one));
        }
        self.wanted.push(either);
        self
    }

    fn add(&mut self, pattern: String) {
        self.range.pattern = match self.range.pattern.take() {
            None => Some(pattern),
            Some(before) if before.starts_with('"') && pattern.starts_with('"') => Some(format!("{before} {pattern}")),
            // The rest is looked for here.
            Some(before) => Some(before),
        };
    }

    pub(super) fn wants(&self, event: &LogEvent) -> bool {
        self.wanted.iter().all(|either| either.iter().any(|text| event.message.contains(text)))
    }
}

/// A text as one term of a pattern.
fn term(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// X-Ray's `1-58406520-a006649127e371903a2de979` is W3C's `58406520a006649127e371903a2de979`
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html>).
fn traces(id: &str) -> Vec<String> {
    let bare = id.strip_prefix("1-").map_or_else(|| id.to_owned(), |rest| rest.replace('-', ""));
    if bare.len() != 32 || !bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return vec![id.to_owned()];
    }
    let (time, rest) = bare.split_at(8);
    vec![format!("1-{time}-{rest}"), bare.clone()]
}

/// A time that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{0}` is no time: write how long ago, as in `90s`, `10m`, `2h`, `1d` or `1w`, or RFC 3339, as in `2026-11-21T08:00:00Z`"
)]
pub struct TimeError(String);

/// Reads a time: how long ago (`10m`), or RFC 3339. Returns milliseconds since 1970.
///
/// # Errors
///
/// [`TimeError`] when it is neither.
pub fn parse_time(text: &str, now: SystemTime) -> Result<i64, TimeError> {
    let wrong = || TimeError(text.to_owned());
    if let Some(ago) = parse_duration(text) {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        return i64::try_from(now.saturating_sub(ago).as_millis()).map_err(|_| wrong());
    }
    let time = DateTime::from_str(text, Format::DateTimeWithOffset).map_err(|_| wrong())?;
    time.to_millis().map_err(|_| wrong())
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, seconds) = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    let number: u64 = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A time as RFC 3339 with milliseconds, in UTC; one that no calendar has, as its number.
pub(super) fn rfc3339(milliseconds: i64) -> String {
    let seconds = DateTime::from_secs(milliseconds.div_euclid(1000)).fmt(Format::DateTime);
    match seconds {
        Ok(text) => format!("{}.{:03}Z", text.trim_end_matches('Z'), milliseconds.rem_euclid(1000)),
        Err(_) => milliseconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query() -> LogQuery {
        LogQuery::new(vec!["group".to_owned()], 0)
    }

    #[test]
    fn times_are_ages_or_rfc_3339() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert_eq!(parse_time("10m", now), Ok(999_400_000));
        assert_eq!(parse_time("1w", now), Ok(395_200_000));
        assert_eq!(parse_time("99w", now), Ok(0));
        assert_eq!(parse_time("2023-11-14T22:13:20Z", now), Ok(1_700_000_000_000));
        assert_eq!(parse_time("2023-11-14T23:13:20.5+01:00", now), Ok(1_700_000_000_500));
        for wrong in ["", "m", "10", "-10m", "+10m", "10 m", "yesterday", "2023-11-14", "99999999999999999999w"] {
            assert!(parse_time(wrong, now).is_err(), "{wrong}");
        }
        assert_eq!(rfc3339(1_700_000_000_007), "2023-11-14T22:13:20.007Z");
    }

    #[test]
    fn text_is_looked_for_letter_for_letter_and_a_pattern_as_it_is() {
        let pattern = |filter| query().with_filter(Some(filter)).range.pattern.expect("there is a filter");
        assert_eq!(pattern("time out \"x\" \\"), "\"time out \\\"x\\\" \\\\\"");
        for filter in ["{ $.level = \"ERROR\" }", "[a, b]", "?ERROR ?WARN", "%err.*%", "\"a\" \"b\"", "-INFO"] {
            assert_eq!(pattern(filter), filter);
        }
        assert_eq!(query().with_filter(Some("")).range.pattern, None);
    }

    #[test]
    fn request_is_asked_for_beside_a_text_and_looked_for_beside_a_pattern() {
        let id = "8c1f2f4e-0000-4000-8000-000000000001";
        let event = |message: String| LogEvent { message, ..LogEvent::default() };
        let both = query().with_filter(Some("slow")).with_request(Some(id));
        assert_eq!(both.range.pattern, Some(format!("\"slow\" \"{id}\"")));
        let beside = query().with_filter(Some("{ $.x = 1 }")).with_request(Some(id));
        assert_eq!(beside.range.pattern.as_deref(), Some("{ $.x = 1 }"));
        assert!(beside.wants(&event(format!("{{\"x\":1,\"requestId\":\"{id}\"}}"))));
        assert!(!beside.wants(&event("{\"x\":1}".to_owned())));
    }

    #[test]
    fn trace_is_found_as_both_of_its_writings() {
        let (w3c, x_ray) = ("58406520a006649127e371903a2de979", "1-58406520-a006649127e371903a2de979");
        for id in [w3c, x_ray] {
            let query = query().with_trace(Some(id));
            for message in [format!("00-{w3c}-b7ad6b7169203331-01"), format!("XRAY TraceId: {x_ray}\tSegmentId: 1")] {
                assert!(query.wants(&LogEvent { message, ..LogEvent::default() }), "{id}");
            }
            assert!(!query.wants(&LogEvent::default()));
        }
        assert_eq!(query().with_trace(Some("other")).range.pattern.as_deref(), Some("\"other\""));
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_refused(text in any::<String>(), milliseconds in any::<i64>()) {
            let _ = parse_time(&text, UNIX_EPOCH);
            let _ = traces(&text);
            let _ = rfc3339(milliseconds);
        }
    }
}
