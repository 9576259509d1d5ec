//! Load balancers, and whether what is behind them is healthy. They are made by CloudFormation, and are among the things.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ecs,
    lambda::Deployed,
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

const LOAD_BALANCER: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
const TARGET_GROUP: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";
const RULE: &str = "AWS::ElasticLoadBalancingV2::ListenerRule";
/// What is waited for before a target goes, if nobody said anything
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>).
const DEREGISTRATION_DELAY: u64 = 300;

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    ecs::settle(state);
    match asked.action.as_str() {
        "DescribeLoadBalancers" => load_balancers(state, asked),
        "DescribeTargetGroups" => target_groups(state, asked),
        "DescribeTargetGroupAttributes" => attributes(state, asked),
        "DescribeRules" => rules(state, asked),
        "ModifyRule" => modify_rule(state, asked),
        "DescribeTargetHealth" => health(state, asked),
        _ => Err(unknown(asked)),
    }
}

fn group<'a>(state: &'a State, arn: &str) -> Option<&'a Value> {
    state.things.get(&(TARGET_GROUP.to_owned(), arn.to_owned()))
}

pub(super) fn is_there(state: &State, arn: &str) -> bool {
    group(state, arn).is_some()
}

/// Whether a listener or one of its rules leads to a group.
pub(super) fn is_associated(state: &State, arn: &str) -> bool {
    !balancers_of(state, arn).is_empty()
}

/// The load balancers that lead to a group.
fn balancers_of(state: &State, arn: &str) -> Vec<String> {
    let of_kind = |kind: &'static str| state.things.iter().filter(move |((of, _), _)| of == kind);
    let balancer = |listener: &str| {
        let mut listeners = of_kind("AWS::ElasticLoadBalancingV2::Listener");
        listeners.find(|((_, id), _)| id == listener)?.1.get("LoadBalancerArn")?.as_str().map(str::to_owned)
    };
    let leads = |properties: &Value| properties.to_string().contains(&format!("\"{arn}\""));
    let mut found: Vec<String> = of_kind("AWS::ElasticLoadBalancingV2::Listener")
        .filter(|(_, listener)| leads(listener))
        .filter_map(|((_, id), _)| balancer(id))
        .collect();
    let rules = of_kind(RULE).filter(|(_, rule)| leads(rule));
    found.extend(rules.filter_map(|(_, rule)| balancer(rule.get("ListenerArn")?.as_str()?)));
    found.sort();
    found.dedup();
    found
}

/// What answers at the name of a load balancer; `None` where nothing healthy is behind it.
pub(super) fn behind(state: &mut State, host: &str) -> Option<Deployed> {
    ecs::settle(state);
    let of_kind = |kind: &'static str| state.things.keys().filter(move |(of, _)| of == kind).map(|(_, arn)| arn);
    let balancer = of_kind(LOAD_BALANCER).find(|arn| dns_name(state, arn) == host)?;
    let groups: Vec<_> = of_kind(TARGET_GROUP)
        .filter(|arn| balancers_of(state, arn).contains(balancer) && !is_left_out(state, arn))
        .cloned()
        .collect();
    ecs::behind(state, &groups)
}

/// Whether a rule with weights has none for a group. What a listener does with everything else is not asked: such a rule
/// is one for everything.
fn is_left_out(state: &State, group: &str) -> bool {
    let rules = state.things.iter().filter(|((kind, _), _)| kind == RULE);
    let actions = rules.filter_map(|(_, rule)| rule.get("Actions")?.as_array()).flatten();
    let mut groups = actions.filter_map(|action| action.pointer("/ForwardConfig/TargetGroups")?.as_array()).flatten();
    groups.any(|of| of.get("TargetGroupArn") == Some(&json!(group)) && of.get("Weight") == Some(&json!(0)))
}

pub(super) fn has_rule(state: &State, arn: &str) -> bool {
    state.things.contains_key(&(RULE.to_owned(), arn.to_owned()))
}

/// Has a rule lead to these groups, with these weights.
pub(super) fn lead_to(state: &mut State, rule: &str, groups: Value) {
    let rule = state.things.get_mut(&(RULE.to_owned(), rule.to_owned())).and_then(Value::as_object_mut);
    if let Some(rule) = rule {
        rule.insert("Actions".to_owned(), json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }]));
    }
}

fn dns_name(state: &State, arn: &str) -> String {
    format!("{}-1234567890.{}.elb.amazonaws.com", name(arn), state.region)
}

fn number(properties: &Value, name: &str, default: u64) -> u64 {
    let value = properties.get(name);
    value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok())).unwrap_or(default)
}

/// How long a target of a group answers what it has begun to, once it is not wanted any more.
pub(super) fn deregistration_delay(state: &State, arn: &str) -> Duration {
    let attributes = group(state, arn).and_then(|group| group.get("TargetGroupAttributes")?.as_array());
    let mut attributes = attributes.into_iter().flatten();
    let delay = attributes.find(|of| of.get("Key") == Some(&json!("deregistration_delay.timeout_seconds")));
    let delay = delay.and_then(|of| of.get("Value")?.as_str()?.parse().ok());
    Duration::from_secs(delay.unwrap_or(DEREGISTRATION_DELAY))
}

/// How long it takes until a target that does not answer is found unhealthy.
pub(super) fn until_unhealthy(state: &State, arn: &str) -> Duration {
    let of = |name: &str, default: u64| group(state, arn).map_or(default, |group| number(group, name, default));
    Duration::from_secs(of("HealthCheckIntervalSeconds", 30) * of("UnhealthyThresholdCount", 2))
}

/// The name of a load balancer or a group in its ARN: `…/name/digits`.
fn name(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or_default()
}

/// Whether a call is about a thing: one that names nothing is about all of them.
fn is_named(arn: &str, arns: &[String], names: &[String]) -> bool {
    let all = arns.is_empty() && names.is_empty();
    all || arns.iter().any(|of| of == arn) || names.iter().any(|of| of == name(arn))
}

fn load_balancers(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let (arns, names) = (asked.list("LoadBalancerArns"), asked.list("Names"));
    let mut found = Vec::new();
    for ((_, arn), properties) in state.things.iter().filter(|((kind, _), _)| kind == LOAD_BALANCER) {
        if !is_named(arn, &arns, &names) {
            continue;
        }
        let zones = properties.get("Subnets").and_then(Value::as_array).into_iter().flatten();
        let zones: Vec<Value> = zones
            .zip(["a", "b", "c"])
            .map(|(subnet, zone)| json!({ "SubnetId": subnet, "ZoneName": format!("{}{zone}", state.region) }))
            .collect();
        let of = |name: &str, default: &str| properties.get(name).cloned().unwrap_or_else(|| json!(default));
        found.push(json!({
            "LoadBalancerArn": arn,
            "DNSName": dns_name(state, arn),
            "CanonicalHostedZoneId": "Z32O12XQLNTSW2",
            "CreatedTime": state.clock.iso(),
            "LoadBalancerName": name(arn),
            "Scheme": of("Scheme", "internet-facing"),
            "State": { "Code": "active" },
            "Type": of("Type", "application"),
            "AvailabilityZones": zones,
            "SecurityGroups": properties.get("SecurityGroups").cloned().unwrap_or_else(|| json!([])),
            "IpAddressType": of("IpAddressType", "ipv4"),
        }));
    }
    if found.len() < arns.len().max(names.len()) {
        return Err(Fault::new(400, "LoadBalancerNotFound", "One or more load balancers not found"));
    }
    Ok(Reply::of(json!({ "LoadBalancers": found })))
}

fn target_groups(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let (arns, names) = (asked.list("TargetGroupArns"), asked.list("Names"));
    let balancer = asked.text("LoadBalancerArn");
    let mut found = Vec::new();
    for ((_, arn), properties) in state.things.iter().filter(|((kind, _), _)| kind == TARGET_GROUP) {
        let balancers = balancers_of(state, arn);
        let led_to = balancer.is_none_or(|balancer| balancers.iter().any(|of| of == balancer));
        if !led_to || !is_named(arn, &arns, &names) {
            continue;
        }
        let mut described = properties.clone();
        if let Some(members) = described.as_object_mut() {
            members
                .retain(|member, _| !["Tags", "TargetGroupAttributes", "Targets", "Name"].contains(&member.as_str()));
            members.insert("TargetGroupArn".to_owned(), json!(arn));
            members.insert("TargetGroupName".to_owned(), json!(name(arn)));
            members.insert("LoadBalancerArns".to_owned(), json!(balancers));
            members.entry("HealthCheckEnabled").or_insert_with(|| json!(true));
            members.entry("HealthCheckPort").or_insert_with(|| json!("traffic-port"));
            members.entry("ProtocolVersion").or_insert_with(|| json!("HTTP1"));
            members.entry("IpAddressType").or_insert_with(|| json!("ipv4"));
        }
        found.push(described);
    }
    if found.len() < arns.len().max(names.len()) {
        return Err(Fault::new(400, "TargetGroupNotFound", "One or more target groups not found"));
    }
    Ok(Reply::of(json!({ "TargetGroups": found })))
}

fn no_rule() -> Fault {
    Fault::new(400, "RuleNotFound", "One or more rules not found")
}

fn rules(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let mut found = Vec::new();
    for arn in asked.list("RuleArns") {
        let rule = state.things.get(&(RULE.to_owned(), arn.clone())).ok_or_else(no_rule)?;
        let of = |name: &str| rule.get(name).cloned().unwrap_or_else(|| json!([]));
        let priority = rule.get("Priority").map(Value::to_string);
        found.push(json!({
            "RuleArn": arn, "Priority": priority, "Conditions": of("Conditions"), "Actions": of("Actions"),
            "IsDefault": false,
        }));
    }
    Ok(Reply::of(json!({ "Rules": found })))
}

fn modify_rule(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let arn = asked.required("RuleArn")?.to_owned();
    if !has_rule(state, &arn) {
        return Err(no_rule());
    }
    let actions = asked.parameters.get("Actions").cloned().unwrap_or_default();
    let groups = actions.pointer("/0/ForwardConfig/TargetGroups").and_then(Value::as_array).cloned();
    let groups = groups.ok_or_else(|| Fault::new(400, "InvalidActions", "A forward action needs target groups"))?;
    // A form knows nothing but text.
    let weight = |of: &Value| of.get("Weight")?.as_str()?.parse::<u64>().ok();
    let groups: Vec<Value> =
        groups.iter().map(|of| json!({ "TargetGroupArn": of.get("TargetGroupArn"), "Weight": weight(of) })).collect();
    lead_to(state, &arn, json!(groups));
    Ok(Reply::of(json!({ "Rules": [{ "RuleArn": arn, "Actions": actions }] })))
}

fn asked_for<'a>(state: &'a State, asked: &Asked) -> Result<(String, &'a Value), Fault> {
    let arn = asked.required("TargetGroupArn")?;
    let missing = || Fault::new(400, "TargetGroupNotFound", format!("Target groups '{arn}' not found"));
    Ok((arn.to_owned(), group(state, arn).ok_or_else(missing)?))
}

fn attributes(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let (arn, group) = asked_for(state, asked)?;
    let mut attributes = group.get("TargetGroupAttributes").and_then(Value::as_array).cloned().unwrap_or_default();
    let delay = "deregistration_delay.timeout_seconds";
    if !attributes.iter().any(|of| of.get("Key") == Some(&json!(delay))) {
        let seconds = deregistration_delay(state, &arn).as_secs();
        attributes.push(json!({ "Key": delay, "Value": seconds.to_string() }));
    }
    Ok(Reply::of(json!({ "Attributes": attributes })))
}

/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>)
fn health(state: &State, asked: &Asked) -> Result<Reply, Fault> {
    let (arn, _) = asked_for(state, asked)?;
    let mut found = Vec::new();
    for task in state.ecs.tasks.values() {
        for target in task.targets.iter().filter(|target| target.group == arn) {
            let (reason, description) = match target.state {
                "initial" => (Some("Elb.RegistrationInProgress"), Some("Target registration is in progress")),
                "draining" => (Some("Target.DeregistrationInProgress"), Some("Target deregistration is in progress")),
                "unhealthy" => (Some("Target.FailedHealthChecks"), Some("Health checks failed")),
                _ => (None, None),
            };
            found.push(json!({
                "Target": { "Id": task.address, "Port": target.port, "AvailabilityZone": task.zone },
                "HealthCheckPort": target.port,
                "TargetHealth": { "State": target.state, "Reason": reason, "Description": description },
            }));
        }
    }
    Ok(Reply::of(json!({ "TargetHealthDescriptions": found })))
}
