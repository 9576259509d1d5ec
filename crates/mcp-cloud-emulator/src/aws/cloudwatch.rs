//! CloudWatch: alarms, which of them ring, and the one metric that anybody asks for: how much of Fargate is used.

use serde_json::{Value, json};

use super::{
    ecs,
    state::{State, unknown},
    wire::{Asked, Fault, Reply, cbor::TIME},
};

const ALARM: &str = "AWS::CloudWatch::Alarm";

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "DescribeAlarms" => Ok(alarms(state, asked)),
        "GetMetricData" => metric_data(state, asked),
        _ => Err(unknown(asked)),
    }
}

/// What an account may have of Fargate before it asks for more
/// (<https://docs.aws.amazon.com/general/latest/gr/ecs-service.html>).
pub(super) const PROCESSORS: f64 = 6.0;

/// Answers queries for `AWS/Usage` about Fargate, and for the quota of such a query by the function `SERVICE_QUOTA`. A metric
/// that nothing was used of has no values, and then its quota is not known either.
fn metric_data(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    ecs::settle(state);
    let queries = asked.parameters.get("MetricDataQueries").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |query: &Value, name: &str| query.get(name).and_then(Value::as_str).map(str::to_owned);
    let used = |id: &str| {
        let query = queries.iter().find(|query| text(query, "Id").as_deref() == Some(id))?;
        uses_fargate(query).then(|| ecs::processors(state)).flatten()
    };
    let mut results = Vec::new();
    for query in &queries {
        let invalid = || {
            let message = "The parameter MetricDataQueries is required to have an Id in each item.";
            Fault::new(400, "ValidationError", message)
        };
        let id = text(query, "Id").ok_or_else(invalid)?;
        let value = match text(query, "Expression") {
            Some(expression) => {
                let of = expression.strip_prefix("SERVICE_QUOTA(").and_then(|rest| rest.strip_suffix(')'));
                of.and_then(used).map(|_| state.processors)
            }
            None => used(&id),
        };
        let time = json!({ TIME: state.clock.seconds() });
        let (times, values) = value.map_or((json!([]), json!([])), |value| (json!([time]), json!([value])));
        results.push(json!({
            "Id": id, "Label": id, "StatusCode": "Complete", "Timestamps": times, "Values": values,
        }));
    }
    Ok(Reply::of(json!({ "MetricDataResults": results, "Messages": [] })))
}

/// Whether a query is for machines of Fargate that are not on Spot.
fn uses_fargate(query: &Value) -> bool {
    let metric = query.pointer("/MetricStat/Metric");
    let dimensions = metric.and_then(|metric| metric.get("Dimensions")?.as_array());
    let has = |name: &str, value: &str| {
        dimensions.is_some_and(|all| all.iter().any(|of| of["Name"] == name && of["Value"] == value))
    };
    metric.is_some_and(|metric| metric["Namespace"] == "AWS/Usage" && metric["MetricName"] == "ResourceCount")
        && has("Service", "Fargate")
        && has("Type", "Resource")
        && has("Resource", "vCPU")
        && has("Class", "Standard/OnDemand")
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
