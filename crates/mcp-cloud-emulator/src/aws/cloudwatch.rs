//! CloudWatch: alarms, and which of them ring.

use serde_json::{Value, json};

use super::{
    state::{State, unknown},
    wire::{Asked, Fault, Reply, cbor::TIME},
};

const ALARM: &str = "AWS::CloudWatch::Alarm";

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "DescribeAlarms" => Ok(alarms(state, asked)),
        _ => Err(unknown(asked)),
    }
}

pub(super) fn set(state: &mut State, name: &str, alarm_state: &str) {
    if state.things.contains_key(&(ALARM.to_owned(), name.to_owned())) {
        state.alarm_states.insert(name.to_owned(), alarm_state.to_owned());
    }
}

fn alarms(state: &State, asked: &Asked) -> Reply {
    let prefix = asked.text("AlarmNamePrefix").unwrap_or_default();
    let names = asked.list("AlarmNames");
    let wanted = asked.text("StateValue");
    let mut found = Vec::new();
    for ((kind, name), properties) in &state.things {
        let alarm_state = state.alarm_states.get(name).map_or("OK", String::as_str);
        let named = names.is_empty() || names.contains(name);
        if kind != ALARM || !named || !name.starts_with(prefix) || wanted.is_some_and(|wanted| wanted != alarm_state) {
            continue;
        }
        let time = json!({ TIME: state.clock.seconds() });
        let mut alarm = json!({
            "AlarmName": name,
            "AlarmArn": state.arn("cloudwatch", &format!("alarm:{name}")),
            "StateValue": alarm_state,
            "StateReason": "set by the account",
            "StateUpdatedTimestamp": time,
            "ActionsEnabled": true,
        });
        for copied in ["AlarmDescription", "MetricName", "Namespace", "ComparisonOperator"] {
            if let (Some(value @ Value::String(_)), Some(members)) = (properties.get(copied), alarm.as_object_mut()) {
                members.insert(copied.to_owned(), value.clone());
            }
        }
        found.push(alarm);
    }
    Reply::of(json!({ "MetricAlarms": found, "CompositeAlarms": [] }))
}
