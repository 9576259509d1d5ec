//! App → how many tasks there are, and when.

use super::{
    lower::{SERVICE, cluster_name, of_load_balancer, with_service},
    schema::{
        CustomizedMetric, MetricQuery, MetricStat, PredefinedMetric, Properties, ScalableTarget, ScalableTargetAction,
        ScalingPolicy, ScheduledAction, TargetTracking, TrackedMetric,
    },
    shift,
};
use crate::{
    app::{App, WorkingHours},
    target::aws::{
        Resources, Value,
        alarms::Metric,
        load_balancer::{LOAD_BALANCER, TARGET_GROUP},
    },
};

const SCALABLE_TARGET: &str = "ScalableTarget";
/// A task starts within a minute.
const SCALE_OUT_SECONDS: u32 = 60;
/// What goes away takes open streams with it, so it goes slowly.
const SCALE_IN_SECONDS: u32 = 300;

/// Whether the number of tasks ever changes.
pub(super) fn scales(app: &App) -> bool {
    app.ecs.minimum < app.ecs.maximum || app.scaling.working_hours.is_some()
}

pub(super) fn add_to<'a>(resources: &mut Resources<Properties<'a>>, app: &'a App) {
    if !scales(app) {
        return;
    }
    let target = ScalableTarget {
        service_namespace: "ecs",
        scalable_dimension: "ecs:service:DesiredCount",
        resource_id: resource_id(app),
        min_capacity: app.ecs.minimum,
        max_capacity: app.ecs.maximum,
        scheduled_actions: app.scaling.working_hours.iter().flat_map(|hours| scheduled(app, hours)).collect(),
    };
    resources.add(SCALABLE_TARGET, with_service(Properties::ScalableTarget(target)));
    if app.ecs.minimum == app.ecs.maximum {
        return;
    }
    let mut add = |id: &'static str, policy_name, target_value, metric| {
        let policy = ScalingPolicy {
            policy_name,
            policy_type: "TargetTrackingScaling",
            scaling_target_id: Value::reference(SCALABLE_TARGET),
            target_tracking: TargetTracking {
                target_value,
                scale_out_cooldown: SCALE_OUT_SECONDS,
                scale_in_cooldown: SCALE_IN_SECONDS,
                metric,
            },
        };
        resources.add(id, with_service(Properties::ScalingPolicy(policy)));
    };
    // Where several policies do not agree, the most tasks win; there are fewer only when all of them agree
    // (<https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>).
    let label = format!("${{{LOAD_BALANCER}.LoadBalancerFullName}}/${{{TARGET_GROUP}.TargetGroupFullName}}");
    let requests = if shift::shifts(app) {
        TrackedMetric::Customized(shift::requests_to_each())
    } else {
        TrackedMetric::Predefined(PredefinedMetric {
            predefined_metric_type: "ALBRequestCountPerTarget",
            resource_label: Some(Value::substitute(label)),
        })
    };
    add("RequestsPolicy", "requests", app.scaling.requests_per_minute, requests);
    let processor =
        PredefinedMetric { predefined_metric_type: "ECSServiceAverageCPUUtilization", resource_label: None };
    add("ProcessorPolicy", "processor", app.scaling.cpu_percent, TrackedMetric::Predefined(processor));
    if let Some(connections) = app.scaling.connections {
        add("ConnectionsPolicy", "connections", connections, TrackedMetric::Customized(open_connections(app)));
    }
}

fn resource_id(app: &App) -> Value<'_> {
    // `Fn::Sub` has no business in a name that the file says; a cluster's is letters, digits, `-` and `_`.
    let cluster = app.ecs.cluster.as_deref().unwrap_or("${Cluster}");
    Value::substitute(format!("service/{cluster}/${{{SERVICE}.Name}}"))
}

/// There are tasks in working hours, and none at other times; deploying at night starts them until the next evening.
fn scheduled<'a>(app: &App, hours: &'a WorkingHours) -> [ScheduledAction<'a>; 2] {
    let days = match (hours.first_day.to_ascii_uppercase(), hours.last_day.to_ascii_uppercase()) {
        (first, last) if first == last => first,
        // A week of cron begins on Sunday, and so no range ends with it.
        (first, last) if last == "SUN" && first == "SAT" => format!("{first},{last}"),
        (first, last) if last == "SUN" => format!("{first}-SAT,{last}"),
        (first, last) => format!("{first}-{last}"),
    };
    let action = |scheduled_action_name, (hour, minute): (u8, u8), min_capacity, max_capacity| ScheduledAction {
        scheduled_action_name,
        schedule: format!("cron({minute} {hour} ? * {days} *)"),
        timezone: &hours.time_zone,
        scalable_target_action: ScalableTargetAction { min_capacity, max_capacity },
    };
    [action("begin", hours.start, app.ecs.minimum, app.ecs.maximum), action("end", hours.end, 0, 0)]
}

/// How many tasks run, as Container Insights counts them.
pub(super) fn running_tasks(app: &App) -> Metric<'_> {
    Metric::new(
        "ECS/ContainerInsights",
        "RunningTaskCount",
        [("ClusterName", cluster_name(app)), ("ServiceName", Value::text(app.name.as_str()))],
    )
}

/// Open connections of one task. The load balancer counts both sides of each
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>).
fn open_connections(app: &App) -> CustomizedMetric<'_> {
    let query = |id, metric, stat| MetricQuery {
        id,
        expression: None,
        metric_stat: Some(MetricStat { metric, stat }),
        return_data: false,
    };
    let connections = Metric::new("AWS/ApplicationELB", "ActiveConnectionCount", [of_load_balancer()]);
    CustomizedMetric {
        metrics: vec![
            query("connections", connections, "Sum"),
            query("tasks", running_tasks(app), "Average"),
            MetricQuery {
                id: "each",
                expression: Some("connections / 2 / tasks"),
                metric_stat: None,
                return_data: true,
            },
        ],
    }
}
