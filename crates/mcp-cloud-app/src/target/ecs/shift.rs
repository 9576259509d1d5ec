//! App → what it takes that requests move from old tasks to new ones, where new tasks do not take the places of old ones.
//!
//! ECS starts the new tasks in the one of two target groups that nothing is sent to, and moves the weights of the rule that
//! leads to both, with a role of its own
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html>). Which group has the
//! requests is another one after each deployment, so that whatever looks at one of them has to look at the other too.
//!
//! Nobody but ECS may touch the rule from then on. CloudFormation does not, as long as the rule stands in the template as
//! it did; that is why nothing that a deployment changes is in it.

use super::{
    OUTPUT_ALTERNATE_TARGET_GROUP, OUTPUT_ALTERNATE_TARGET_GROUP_FULL_NAME, OUTPUT_INFRASTRUCTURE_ROLE,
    OUTPUT_PRODUCTION_RULE, OUTPUT_SHIFT_ALARM,
    schema::{
        AdvancedConfiguration, CanaryConfiguration, CircuitBreaker, CustomizedMetric, DeploymentAlarms,
        DeploymentConfiguration, LinearConfiguration, MetricQuery, MetricStat, Properties,
    },
};
use crate::{
    app::{App, words::Move},
    target::aws::{
        Output, Outputs, Resources, Role, Value,
        alarms::{Alarm, ERRORS_PERCENT, Metric},
        load_balancer::{ALTERNATE_TARGET_GROUP, Elb, LOAD_BALANCER, PRODUCTION_RULE, TARGET_GROUP, TargetGroup},
    },
};

const INFRASTRUCTURE_ROLE: &str = "InfrastructureRole";
const SHIFT_ALARM: &str = "ShiftAlarm";
/// What the role has to be able to do, as AWS keeps it up to date
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html>).
const INFRASTRUCTURE_POLICY: &str =
    "arn:${AWS::Partition}:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers";
const NAMESPACE: &str = "AWS/ApplicationELB";

/// Whether requests move from old tasks to new ones.
pub(super) fn shifts(app: &App) -> bool {
    app.ecs.shift.moves().is_some()
}

/// Adds what is there for it alone; `group` is a second one of the service's own.
pub(super) fn add_to<'a>(resources: &mut Resources<Properties<'a>>, app: &'a App, group: TargetGroup<'a>) {
    if !shifts(app) {
        return;
    }
    resources.add(ALTERNATE_TARGET_GROUP, Properties::Elb(Elb::TargetGroup(group)));
    let mut role = Role {
        role_name: Some(super::infrastructure_role_name(app)),
        ..Role::of_service("ecs.amazonaws.com", Vec::new(), app)
    };
    role.managed_policy_arns.push(Value::substitute(INFRASTRUCTURE_POLICY));
    resources.add(INFRASTRUCTURE_ROLE, Properties::Role(role));
    let errors_percent = app.alarms.as_ref().map_or(ERRORS_PERCENT, |alarms| alarms.errors_percent);
    let alarm = Alarm::of_new_tasks(app, errors_percent, groups().map(|group| move |name| of_group(group, name)));
    resources.add(SHIFT_ALARM, Properties::Alarm(alarm));
}

/// The target groups of the service: which of them has the requests is decided by deployments.
fn groups() -> [&'static str; 2] {
    [TARGET_GROUP, ALTERNATE_TARGET_GROUP]
}

fn of_group<'a>(group: &'static str, name: &'static str) -> Metric<'a> {
    let dimensions = [
        ("TargetGroup", Value::attribute(group, "TargetGroupFullName")),
        ("LoadBalancer", Value::attribute(LOAD_BALANCER, "LoadBalancerFullName")),
    ];
    Metric::new(NAMESPACE, name, dimensions)
}

/// How ECS deploys: new tasks first, old ones go when those are well, and all back if they never are.
pub(super) fn deployment_configuration<'a>(app: &App) -> DeploymentConfiguration<'a> {
    let rolling = DeploymentConfiguration {
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        deployment_circuit_breaker: CircuitBreaker { enable: true, rollback: true },
        alarms: None,
        strategy: None,
        bake_time_in_minutes: None,
        canary_configuration: None,
        linear_configuration: None,
    };
    let Some(moves) = app.ecs.shift.moves() else { return rolling };
    let (strategy, canary_configuration, linear_configuration) = match moves {
        Move::AtOnce => ("BLUE_GREEN", None, None),
        Move::Canary { percent, minutes } => (
            "CANARY",
            Some(CanaryConfiguration { canary_percent: percent, canary_bake_time_in_minutes: minutes }),
            None,
        ),
        Move::Linear { percent, minutes } => {
            ("LINEAR", None, Some(LinearConfiguration { step_percent: percent, step_bake_time_in_minutes: minutes }))
        }
    };
    DeploymentConfiguration {
        alarms: Some(DeploymentAlarms { alarm_names: [Value::reference(SHIFT_ALARM)], enable: true, rollback: true }),
        strategy: Some(strategy),
        bake_time_in_minutes: Some(app.ecs.bake_minutes),
        canary_configuration,
        linear_configuration,
        ..rolling
    }
}

/// Where ECS moves requests, for the service's entry of a load balancer.
pub(super) fn advanced_configuration<'a>(app: &App) -> Option<AdvancedConfiguration<'a>> {
    shifts(app).then(|| AdvancedConfiguration {
        alternate_target_group_arn: Value::reference(ALTERNATE_TARGET_GROUP),
        production_listener_rule: Value::reference(PRODUCTION_RULE),
        role_arn: Value::attribute(INFRASTRUCTURE_ROLE, "Arn"),
    })
}

/// Requests to each task, whichever group it is in. Where the group is another one after each deployment, AWS has no
/// metric of its own for it
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html>). While requests
/// move, each group has its part of them.
pub(super) fn requests_to_each<'a>() -> CustomizedMetric<'a> {
    let query = |id, group| MetricQuery {
        id,
        expression: None,
        metric_stat: Some(MetricStat { metric: of_group(group, "RequestCountPerTarget"), stat: "Sum" }),
        return_data: false,
    };
    CustomizedMetric {
        metrics: vec![
            query("one", TARGET_GROUP),
            query("other", ALTERNATE_TARGET_GROUP),
            MetricQuery {
                id: "each",
                // A group that nothing is sent to counts nothing.
                expression: Some("FILL(one, 0) + FILL(other, 0)"),
                metric_stat: None,
                return_data: true,
            },
        ],
    }
}

/// What the API has to be told that only the stack knows.
pub(super) fn outputs<'a>(app: &App) -> Outputs<'a> {
    if !shifts(app) {
        return Outputs::new();
    }
    let output = |description, value| Output { condition: None, description, value };
    vec![
        (
            OUTPUT_ALTERNATE_TARGET_GROUP,
            output("ARN of the other target group", Value::reference(ALTERNATE_TARGET_GROUP)),
        ),
        (
            OUTPUT_ALTERNATE_TARGET_GROUP_FULL_NAME,
            output(
                "What metrics call the other target group",
                Value::attribute(ALTERNATE_TARGET_GROUP, "TargetGroupFullName"),
            ),
        ),
        (OUTPUT_PRODUCTION_RULE, output("ARN of the rule that requests follow", Value::reference(PRODUCTION_RULE))),
        (
            OUTPUT_INFRASTRUCTURE_ROLE,
            output("ARN of the role that moves requests", Value::attribute(INFRASTRUCTURE_ROLE, "Arn")),
        ),
        (OUTPUT_SHIFT_ALARM, output("Name of the alarm that takes new tasks back", Value::reference(SHIFT_ALARM))),
    ]
}

/// What the stack computes, and the output that has it.
pub(super) fn computed() -> [(serde_json::Value, &'static str); 5] {
    use serde_json::json;
    [
        (json!({ "Ref": ALTERNATE_TARGET_GROUP }), OUTPUT_ALTERNATE_TARGET_GROUP),
        (
            json!({ "Fn::GetAtt": [ALTERNATE_TARGET_GROUP, "TargetGroupFullName"] }),
            OUTPUT_ALTERNATE_TARGET_GROUP_FULL_NAME,
        ),
        (json!({ "Ref": PRODUCTION_RULE }), OUTPUT_PRODUCTION_RULE),
        (json!({ "Fn::GetAtt": [INFRASTRUCTURE_ROLE, "Arn"] }), OUTPUT_INFRASTRUCTURE_ROLE),
        (json!({ "Ref": SHIFT_ALARM }), OUTPUT_SHIFT_ALARM),
    ]
}
