//! CloudWatch Logs: groups and what was written to them.

use serde_json::{Value, json};

use super::{
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

/// The most events of one page.
const PAGE: usize = 10_000;

/// A log group.
#[derive(Debug, Clone, Default)]
pub(super) struct LogGroup {
    pub(super) retention: Option<u64>,
    pub(super) events: Vec<LogEvent>,
}

/// A line.
#[derive(Debug, Clone)]
pub(super) struct LogEvent {
    id: String,
    stream: String,
    time: i64,
    message: String,
}

pub(super) fn put(state: &mut State, group: &str, stream: &str, message: &str) {
    let id = state.hex(56);
    let event = LogEvent { id, stream: stream.to_owned(), time: state.clock.0, message: message.to_owned() };
    state.log_groups.entry(group.to_owned()).or_default().events.push(event);
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "DescribeLogGroups" => Ok(groups(state, asked)),
        "FilterLogEvents" => filter(state, asked),
        "PutRetentionPolicy" => {
            group(state, asked)?.retention = asked.number("retentionInDays");
            Ok(Reply::empty())
        }
        "DeleteLogGroup" => {
            group(state, asked)?;
            state.log_groups.remove(asked.required("logGroupName")?);
            Ok(Reply::empty())
        }
        _ => Err(unknown(asked)),
    }
}

fn group<'a>(state: &'a mut State, asked: &Asked) -> Result<&'a mut LogGroup, Fault> {
    let name = asked.text("logGroupName").or_else(|| {
        let identifier = asked.text("logGroupIdentifier")?;
        Some(identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name.trim_end_matches(":*")))
    });
    let missing = || Fault::new(400, "ResourceNotFoundException", "The specified log group does not exist.");
    state.log_groups.get_mut(name.unwrap_or_default()).ok_or_else(missing)
}

fn groups(state: &State, asked: &Asked) -> Reply {
    let prefix = asked.text("logGroupNamePrefix").unwrap_or_default();
    let pattern = asked.text("logGroupNamePattern").unwrap_or_default();
    let found = state.log_groups.iter().filter(|(name, _)| name.starts_with(prefix) && name.contains(pattern));
    let found: Vec<Value> = found
        .map(|(name, group)| {
            let stored: usize = group.events.iter().map(|event| event.message.len()).sum();
            let arn = state.arn("logs", &format!("log-group:{name}"));
            let mut described = json!({
                "logGroupName": name, "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": stored,
                "metricFilterCount": 0, "creationTime": state.clock.0, "logGroupClass": "STANDARD",
            });
            if let (Some(days), Some(members)) = (group.retention, described.as_object_mut()) {
                members.insert("retentionInDays".to_owned(), days.into());
            }
            described
        })
        .collect();
    Reply::of(json!({ "logGroups": found }))
}

/// Finds by plain words: every word of a pattern has to be there, quoted ones as they stand. Patterns of JSON members
/// are not understood, and find nothing.
fn filter(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let from = asked.parameters.get("startTime").and_then(Value::as_i64).unwrap_or(i64::MIN);
    let until = asked.parameters.get("endTime").and_then(Value::as_i64).unwrap_or(i64::MAX);
    let pattern = asked.text("filterPattern").unwrap_or_default().trim();
    let words: Vec<&str> = match pattern.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => vec![quoted],
        None => pattern.split_whitespace().collect(),
    };
    let most = asked.number("limit").and_then(|most| usize::try_from(most).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let start = asked.text("nextToken").and_then(|token| token.parse::<usize>().ok()).unwrap_or_default();
    let prefix = asked.text("logStreamNamePrefix").unwrap_or_default().to_owned();
    let streams = asked.list("logStreamNames");
    let group = group(state, asked)?;
    let mut found: Vec<&LogEvent> = group
        .events
        .iter()
        .filter(|event| (from..=until).contains(&event.time) && event.stream.starts_with(&prefix))
        .filter(|event| streams.is_empty() || streams.contains(&event.stream))
        .filter(|event| words.iter().all(|word| event.message.contains(word)))
        .collect();
    found.sort_by_key(|event| event.time);
    let next = Some(start.saturating_add(most)).filter(|next| *next < found.len()).map(|next| next.to_string());
    let page: Vec<Value> = found
        .into_iter()
        .skip(start)
        .take(most)
        .map(|event| {
            json!({
                "eventId": event.id, "logStreamName": event.stream, "timestamp": event.time,
                "ingestionTime": event.time, "message": event.message,
            })
        })
        .collect();
    Ok(Reply::of(json!({ "events": page, "searchedLogStreams": [], "nextToken": next })))
}
