//! An Application Load Balancer in front of the function.

use serde::Serialize;

use super::{lower, names, schema::Properties};
use crate::{
    app::{App, Trigger},
    target::aws::{
        Resource, Resources, Value,
        domain::{self, DOMAIN_RECORD},
        load_balancer::{
            Attribute, Elb, Front, LOAD_BALANCER, TARGET_GROUP, TargetDescription, TargetGroup, is_internal,
        },
        tags,
    },
};

/// What a load balancer waits for silently has to be longer than what a function may take; its own default is a minute.
const IDLE_TIMEOUT_SECONDS: u32 = 60;

/// Who lets a load balancer invoke a function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Permission<'a> {
    action: &'static str,
    function_name: Value<'a>,
    principal: &'static str,
    source_arn: Value<'a>,
}

/// Adds the load balancer and all that belongs to it, with the trigger that is one.
pub(super) fn add<'a>(app: &'a App, resources: &mut Resources<Properties<'a>>) {
    if app.lambda.trigger != Trigger::Alb {
        return;
    }
    let subnets = if is_internal(app) { &app.network.subnets } else { &app.network.public_subnets };
    let front = Front {
        app,
        vpc: Value::text(app.network.vpc.as_deref().unwrap_or_default()),
        subnets: subnets.iter().map(Value::text).collect(),
        depends_on: Vec::new(),
        certificate: app.lambda.certificate.as_deref(),
        idle_timeout_seconds: Some(app.lambda.timeout_seconds.saturating_add(5).max(IDLE_TIMEOUT_SECONDS)),
        behind: None,
        alternate: None,
    };
    front.add_to(resources);
    resources.add(TARGET_GROUP, target_group(app));
    let permission = Permission {
        action: "lambda:InvokeFunction",
        function_name: lower::function(),
        principal: "elasticloadbalancing.amazonaws.com",
        // The group's own ARN cannot be named: it registers the function, which has to be allowed before.
        source_arn: Value::substitute(
            "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:targetgroup/*",
        ),
    };
    resources.add(names::PERMISSION, Properties::Permission(permission));
    if let (Some(hosted_zone_id), Some(name)) = (&app.lambda.hosted_zone, &app.endpoint.domain) {
        let target = Value::attribute(LOAD_BALANCER, "DNSName");
        let target_zone = Value::attribute(LOAD_BALANCER, "CanonicalHostedZoneID");
        let record = domain::alias(name, hosted_zone_id, target, target_zone);
        resources.add(DOMAIN_RECORD, Properties::RecordSet(record));
    }
}

/// Nobody asks the function for its health: each question would be an invocation that is paid for, to learn that Lambda
/// works.
fn target_group(app: &App) -> Resource<Properties<'_>> {
    let group = TargetGroup {
        target_type: "lambda",
        protocol: None,
        port: None,
        vpc_id: None,
        health_check: None,
        // Else a repeated header would reach the function once, with the last of its values.
        target_group_attributes: vec![Attribute {
            key: "lambda.multi_value_headers.enabled",
            value: "true".to_owned(),
        }],
        targets: vec![TargetDescription { id: lower::function() }],
        tags: tags(app),
    };
    Resource { depends_on: vec![names::PERMISSION], ..Properties::Elb(Elb::TargetGroup(group)).into() }
}
