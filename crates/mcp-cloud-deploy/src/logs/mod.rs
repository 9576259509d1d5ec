//! The logs of what is deployed: read, followed, rendered for people.
//!
//! [`query`] says what is asked for, [`follow`] which events are new (pure), [`mod@render`] how a person reads them (pure).
//! Following asks again and again: a live tail costs money by the minute, and no emulator offers one.

pub mod follow;
pub mod query;
pub mod render;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use mcp_cloud_app::{App, Target, app::Trigger};
use serde_json::json;
use thiserror::Error;

pub use self::{
    follow::Window,
    query::{LogQuery, Range, TimeError},
    render::{Level, Rendered, Tone, render},
};
use crate::{
    aws::Deployer,
    error::{AwsError, AwsFault, Error},
};

/// The first question after something came is soon; the later ones are kind to the account's rate limit.
const FIRST_POLL: Duration = Duration::from_secs(1);
const SLOWEST_POLL: Duration = Duration::from_secs(5);

/// The log group of an app's server, by where it runs.
#[must_use]
pub fn server_group(app: &App, target: Target) -> String {
    match target {
        Target::Ecs => format!("/ecs/{}", app.name),
        _ => format!("/aws/lambda/{}", app.name),
    }
}

/// The log group in which the HTTP API in front of an app says who called; `None` for every other trigger, since none of
/// them writes one.
#[must_use]
pub fn access_group(app: &App) -> Option<String> {
    (app.lambda.trigger == Trigger::HttpApi).then(|| format!("/aws/vendedlogs/apis/{}", app.name))
}

/// An event of a log group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogEvent {
    /// The log group.
    pub group: String,
    /// The log stream within it.
    pub stream: String,
    /// What tells it from every other event.
    pub id: String,
    /// When it happened, in milliseconds since 1970.
    pub timestamp: i64,
    /// When CloudWatch Logs had it, in milliseconds since 1970.
    pub ingested: i64,
    /// What was written.
    pub message: String,
}

impl LogEvent {
    /// Oldest first, and among those of one time in the order in which they were taken.
    fn order(&self) -> (i64, i64) {
        (self.timestamp, self.ingested)
    }

    /// The event as one JSON object in one line. A message that is an object itself stands in it unchanged, any other as
    /// text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { group, stream, id, timestamp, ingested, message } = self;
        let text = message.trim();
        let is_object = text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        // In JSON, a line's end stands between values only.
        let message = if is_object { text.replace(['\n', '\r'], " ") } else { json!(message.trim_end()).to_string() };
        let head = json!({
            "timestamp": query::rfc3339(*timestamp),
            "ingested": query::rfc3339(*ingested),
            "group": group,
            "stream": stream,
            "id": id,
        });
        let head = head.to_string();
        format!("{},\"message\":{message}}}", head.trim_end_matches('}'))
    }
}

/// What somebody who follows logs hears.
#[derive(Debug)]
pub enum Followed {
    /// An event that was not told before.
    Event(LogEvent),
    /// A log group is not there yet; told once for each.
    Waiting {
        /// The log group.
        group: String,
    },
    /// A question was not answered, and will be asked again.
    Trouble(AwsError),
}

/// Why logs cannot be read.
#[derive(Debug, Error)]
#[error("there is no log group `{group}`")]
#[non_exhaustive]
pub struct NoLogGroup {
    /// The log group.
    pub group: String,
}

impl NoLogGroup {
    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(&self) -> String {
        "run `mcp-cloud deploy` first, or `mcp-cloud logs --follow` to wait for it".to_owned()
    }
}

/// A log group that is read page by page.
#[derive(Debug)]
struct Source<'a> {
    group: &'a str,
    page: VecDeque<LogEvent>,
    next: Option<String>,
    ended: bool,
}

impl<'a> Source<'a> {
    fn new(group: &'a str) -> Self {
        Self { group, page: VecDeque::new(), next: None, ended: false }
    }

    /// Makes sure that its next event is known; `false` when there is no such group.
    async fn fill(&mut self, deployer: &Deployer, range: &Range) -> Result<bool, AwsError> {
        while self.page.is_empty() && !self.ended {
            let Some(page) = deployer.log_page(self.group, range, self.next.take()).await? else {
                self.ended = true;
                return Ok(false);
            };
            self.page = sorted(page.events).into();
            self.next = page.next;
            self.ended = self.next.is_none();
        }
        Ok(true)
    }
}

fn sorted(mut events: Vec<LogEvent>) -> Vec<LogEvent> {
    events.sort_by_key(LogEvent::order);
    events
}

impl Deployer {
    /// Reads what the log groups of a query hold, merged in the order of time, and hands each event to `take`. A limit
    /// keeps the last events only; without one, no more than a page of each group is in memory at a time.
    ///
    /// # Errors
    ///
    /// [`Error::NoLogGroup`] when a group is not there, and [`Error::Aws`] when a call fails.
    pub async fn read_logs(&self, query: &LogQuery, take: &mut (dyn FnMut(LogEvent) + Send)) -> Result<(), Error> {
        let absent = self.merge(query, take).await?;
        match absent.into_iter().next() {
            Some(group) => Err(NoLogGroup { group }.into()),
            None => Ok(()),
        }
    }

    /// Returns the groups that are not there.
    async fn merge(&self, query: &LogQuery, take: &mut (dyn FnMut(LogEvent) + Send)) -> Result<Vec<String>, AwsError> {
        let mut sources: Vec<_> = query.groups.iter().map(|group| Source::new(group)).collect();
        let mut order = BinaryHeap::new();
        let mut absent = Vec::new();
        for (index, source) in sources.iter_mut().enumerate() {
            if !source.fill(self, &query.range).await? {
                absent.push(source.group.to_owned());
            }
            order.extend(source.page.front().map(|event| Reverse((event.order(), index))));
        }
        let mut last = VecDeque::new();
        while let Some(Reverse((_, index))) = order.pop() {
            let Some(source) = sources.get_mut(index) else { continue };
            if let Some(event) = source.page.pop_front().filter(|event| query.wants(event)) {
                match query.limit {
                    Some(limit) => {
                        last.push_back(event);
                        if last.len() > limit {
                            last.pop_front();
                        }
                    }
                    None => take(event),
                }
            }
            source.fill(self, &query.range).await?;
            order.extend(source.page.front().map(|event| Reverse((event.order(), index))));
        }
        last.into_iter().for_each(take);
        Ok(absent)
    }

    /// Reads what is there, and then what comes, until the caller drops it. Events may come late: each question goes back
    /// a minute before the newest event that is known, and what was told is not told again. A group that is not there is
    /// waited for.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails for another reason than a network or a rate limit, which pass.
    pub async fn follow_logs(&self, query: &LogQuery, tell: &mut (dyn FnMut(Followed) + Send)) -> Result<(), Error> {
        let mut window = Window::new(query.range.since);
        let mut absent = Vec::new();
        let mut pause = FIRST_POLL;
        // A limit is for what is there already; whatever comes is told.
        let mut limit = query.limit;
        let mut query = LogQuery { limit: None, ..query.clone() };
        loop {
            query.range.since = window.since();
            let mut came = Vec::new();
            match self.merge(&query, &mut |event| came.push(event)).await {
                Ok(groups) => {
                    for group in groups.iter().filter(|group| !absent.contains(*group)) {
                        tell(Followed::Waiting { group: group.clone() });
                    }
                    absent = groups;
                }
                Err(error) if matches!(error.fault, AwsFault::Throttled | AwsFault::Unreachable) => {
                    tell(Followed::Trouble(error));
                }
                Err(error) => return Err(error.into()),
            }
            let mut new = window.take(came);
            if let Some(limit) = limit.take() {
                new.drain(..new.len().saturating_sub(limit));
            }
            pause = if new.is_empty() { pause.mul_f32(1.5).min(SLOWEST_POLL) } else { FIRST_POLL };
            new.into_iter().for_each(|event| tell(Followed::Event(event)));
            self.sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn message_that_is_an_object_stands_in_the_line_unchanged() {
        let event =
            |message: &str| LogEvent { timestamp: 1_700_000_000_123, message: message.into(), ..LogEvent::default() };
        let line = event("{\"b\": 1.0,\n \"a\":[2]}\n").to_json();
        assert!(line.ends_with(",\"message\":{\"b\": 1.0,  \"a\":[2]}}"), "{line}");
        assert!(line.contains("\"timestamp\":\"2023-11-14T22:13:20.123Z\""), "{line}");
        assert!(event("START \"x\"\n").to_json().ends_with(",\"message\":\"START \\\"x\\\"\"}"));
    }

    proptest! {
        #[test]
        fn every_event_is_one_object_in_one_line(message in any::<String>(), stream in any::<String>(), time in any::<i64>()) {
            let line = LogEvent { message, stream: stream.clone(), timestamp: time, ..LogEvent::default() }.to_json();
            prop_assert!(!line.contains(['\n', '\r']), "{}", line);
            let read: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
            prop_assert_eq!(&read["stream"], &stream);
            prop_assert!(read["message"].is_string() || read["message"].is_object());
        }
    }
}
