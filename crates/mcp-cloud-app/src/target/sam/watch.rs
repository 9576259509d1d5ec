//! The alarms of a function and of what stands in front of it.

use super::{gateway, names};
use crate::{
    app::{App, Trigger},
    target::aws::{
        Value,
        alarms::{Alarm, ERRORS_PERCENT, Metric, Together, Unit},
        load_balancer::LOAD_BALANCER,
    },
};

/// Alarms by their logical ids; none without somebody to be told.
///
/// Who stands in front of the function counts what failed there, and the function what failed in it: a reply that breaks
/// off after its first bytes has been a success to a gateway that streams. The larger of both is right, since most
/// failures are in both.
pub(super) fn alarms(app: &App) -> Vec<(&'static str, Alarm<'_>)> {
    let Some(alarms) = &app.alarms else { return Vec::new() };
    let function = |name| Metric::new("AWS/Lambda", name, [("FunctionName", Value::reference(names::SERVER))]);
    let front = Front::of(app.lambda.trigger);
    let (failures, together) = match app.lambda.trigger {
        // What the function fails at, the load balancer answers itself, and what it answers is counted elsewhere.
        Trigger::Alb => {
            let target = front.metric("HTTPCode_Target_5XX_Count");
            (vec![front.metric(front.failures), target], Together::Sum)
        }
        _ => (vec![function("Errors"), front.metric(front.failures)], Together::Largest),
    };
    let latency = match front.latency {
        Some(name) => front.metric(name),
        None => function("Duration"),
    };
    let throttled = format!("Lambda refuses requests to {} because too many are served at the same time", app.name);
    vec![
        ("ErrorsAlarm", Alarm::failed_requests(app, alarms, failures, together, front.metric(front.requests))),
        ("LatencyAlarm", Alarm::latency(app, alarms, latency, Unit::Milliseconds)),
        ("ThrottlesAlarm", Alarm::any(app, alarms, throttled, function("Throttles"))),
    ]
}

/// What takes a new version back while it takes over; none where it does so all at once.
///
/// It looks at that version alone: another alarm could ring for what the version before it did, and one that looks at the
/// gateway could not exist before the gateway, which needs the alias, which waits for this.
pub(super) fn of_new_version(app: &App) -> Option<Alarm<'_>> {
    app.lambda.shift.preference()?;
    let metric = |name| {
        let dimensions = [
            ("FunctionName", Value::reference(names::SERVER)),
            ("Resource", Value::substitute(format!("${{{}}}:{}", names::SERVER, super::ALIAS))),
            // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
            ("ExecutedVersion", Value::attribute(names::VERSION, "Version")),
        ];
        Metric::new("AWS/Lambda", name, dimensions)
    };
    let errors_percent = app.alarms.as_ref().map_or(ERRORS_PERCENT, |alarms| alarms.errors_percent);
    Some(Alarm::of_new_version(app, errors_percent, metric))
}

/// The metrics of what stands in front of the function.
struct Front {
    namespace: &'static str,
    requests: &'static str,
    failures: &'static str,
    /// Absent where there is none of which percentiles are kept; the function's own does not know cold starts.
    latency: Option<&'static str>,
    trigger: Trigger,
}

impl Front {
    fn of(trigger: Trigger) -> Self {
        let (namespace, requests, failures, latency) = match trigger {
            // https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html
            Trigger::FunctionUrl | Trigger::FunctionUrlBuffered => {
                ("AWS/Lambda", "UrlRequestCount", "Url5xxCount", None)
            }
            // https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
            Trigger::RestApi | Trigger::RestApiStream => ("AWS/ApiGateway", "Count", "5XXError", Some("Latency")),
            // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
            Trigger::HttpApi => ("AWS/ApiGateway", "Count", "5xx", Some("Latency")),
            // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
            Trigger::Alb => ("AWS/ApplicationELB", "RequestCount", "HTTPCode_ELB_5XX_Count", None),
        };
        Self { namespace, requests, failures, latency, trigger }
    }

    fn metric<'a>(&self, name: &'static str) -> Metric<'a> {
        let dimensions = match self.trigger {
            Trigger::FunctionUrl | Trigger::FunctionUrlBuffered => {
                vec![("FunctionName", Value::reference(names::SERVER))]
            }
            // A REST API is known to CloudWatch by its name, which is the stack's.
            Trigger::RestApi | Trigger::RestApiStream => {
                vec![("ApiName", Value::reference("AWS::StackName")), ("Stage", Value::text(gateway::STAGE))]
            }
            Trigger::HttpApi => vec![("ApiId", Value::reference(names::HTTP_API))],
            Trigger::Alb => vec![("LoadBalancer", Value::attribute(LOAD_BALANCER, "LoadBalancerFullName"))],
        };
        Metric::new(self.namespace, name, dimensions)
    }
}
