//! Alarms of CloudWatch, for whatever serves on AWS: requests that fail, slow requests, and what should never happen.
//!
//! What they look at is counted by whoever stands in front of the server, so 401, 404 and 405 are not failures: clients
//! ask for them on purpose, to find out where to log in and which transport there is.

use serde::Serialize;

use super::{Tag, Value, tags};
use crate::app::{Alarms, App};

/// Three bad minutes of five: one failure in a quiet night wakes nobody, and an outage is noticed while it lasts.
const PERIOD_SECONDS: u32 = 60;
const PERIODS: u32 = 5;
const BAD_PERIODS: u32 = 3;
/// What 99 of 100 requests stay below.
const PERCENTILE: &str = "p99";

/// What `alarms.errors` is unless said, for an app that has no alarms.
pub(in crate::target) const ERRORS_PERCENT: u32 = 5;

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Alarm<'a> {
    alarm_description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm_actions: Option<[&'a str; 1]>,
    /// Whoever was woken is told when it is over.
    #[serde(rename = "OKActions", skip_serializing_if = "Option::is_none")]
    ok_actions: Option<[&'a str; 1]>,
    comparison_operator: &'static str,
    threshold: u32,
    evaluation_periods: u32,
    datapoints_to_alarm: u32,
    /// No requests, no metrics: that is no failure.
    treat_missing_data: &'static str,
    #[serde(flatten)]
    measure: Measure<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

/// What is compared with the threshold.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Measure<'a> {
    #[serde(rename_all = "PascalCase")]
    One {
        #[serde(flatten)]
        metric: Metric<'a>,
        period: u32,
        #[serde(flatten)]
        statistic: Statistic,
    },
    #[serde(rename_all = "PascalCase")]
    Computed { metrics: Vec<Query<'a>> },
}

#[derive(Debug, Serialize)]
enum Statistic {
    Statistic(&'static str),
    /// A percentile.
    ExtendedStatistic(&'static str),
}

impl<'a> Alarm<'a> {
    /// More than `errors_percent` of the requests fail. `failures` are counted together as `together` says.
    pub(in crate::target) fn failed_requests(
        app: &'a App,
        alarms: &'a Alarms,
        failures: Vec<Metric<'a>>,
        together: Together,
        requests: Metric<'a>,
    ) -> Self {
        let mut queries = Vec::new();
        let mut counted = Vec::new();
        for (index, metric) in failures.into_iter().enumerate() {
            let id = format!("failures{}", index + 1);
            // Some are written only where there is something to count.
            counted.push(format!("FILL({id}, 0)"));
            queries.push(Query::of_metric(id, metric, "Sum"));
        }
        let counted = match (counted.as_slice(), together) {
            ([only], _) => only.clone(),
            (several, Together::Sum) => format!("({})", several.join(" + ")),
            (several, Together::Largest) => format!("MAX([{}])", several.join(", ")),
        };
        queries.push(Query::of_metric("requests".to_owned(), requests, "Sum"));
        queries.push(Query::computed("failed", format!("100 * {counted} / requests"), "Failed requests in percent"));
        let threshold = alarms.errors_percent;
        let description = format!("More than {threshold} % of the requests to {} fail", app.name);
        Self::above(app, alarms, description, threshold, Measure::Computed { metrics: queries })
    }

    /// One of a hundred requests takes longer than `latency_milliseconds`.
    pub(in crate::target) fn latency(app: &'a App, alarms: &'a Alarms, metric: Metric<'a>, unit: Unit) -> Self {
        let threshold = alarms.latency_milliseconds;
        let description = format!("One of a hundred requests to {} takes longer than {threshold} ms", app.name);
        let measure = match unit {
            Unit::Milliseconds => {
                Measure::One { metric, period: PERIOD_SECONDS, statistic: Statistic::ExtendedStatistic(PERCENTILE) }
            }
            Unit::Seconds => Measure::Computed {
                metrics: vec![
                    Query::of_metric("seconds".to_owned(), metric, PERCENTILE),
                    Query::computed("latency", "1000 * seconds".to_owned(), "Milliseconds"),
                ],
            },
        };
        Self::above(app, alarms, description, threshold, measure)
    }

    /// Something that should not happen at all does, time and again.
    pub(in crate::target) fn any(app: &'a App, alarms: &'a Alarms, description: String, metric: Metric<'a>) -> Self {
        let measure = Measure::One { metric, period: PERIOD_SECONDS, statistic: Statistic::Statistic("Sum") };
        Self::above(app, alarms, description, 0, measure)
    }

    /// Fewer tasks run than there should always be.
    pub(in crate::target) fn fewer(app: &'a App, alarms: &'a Alarms, metric: Metric<'a>, least: u32) -> Self {
        let measure = Measure::One { metric, period: PERIOD_SECONDS, statistic: Statistic::Statistic("Minimum") };
        let description = format!("Fewer than {least} tasks of {} run", app.name);
        let alarm = Self::above(app, alarms, description, least, measure);
        // Where nothing is counted, nothing runs.
        Self { comparison_operator: "LessThanThreshold", treat_missing_data: "breaching", ..alarm }
    }

    /// A new version fails at more than `errors_percent` of its requests in a single minute, which is soon enough to take
    /// it back before many are served by it. Nobody is woken: whoever deploys is told.
    pub(in crate::target) fn of_new_version(
        app: &'a App,
        errors_percent: u32,
        of: impl Fn(&'static str) -> Metric<'a>,
    ) -> Self {
        let metrics = vec![
            Query::of_metric("errors".to_owned(), of("Errors"), "Sum"),
            Query::of_metric("requests".to_owned(), of("Invocations"), "Sum"),
            Query::computed("failed", "100 * FILL(errors, 0) / requests".to_owned(), "Failed requests in percent"),
        ];
        let description =
            format!("The new version of {} fails at more than {errors_percent} % of its requests", app.name);
        Self::for_deployments(app, description, errors_percent, metrics)
    }

    /// The same for tasks behind a load balancer. Which of the target groups has the new ones is not known before, so each
    /// is looked at by itself: what few requests do to few tasks is not lost among all the others.
    pub(in crate::target) fn of_new_tasks(
        app: &'a App,
        errors_percent: u32,
        groups: [impl Fn(&'static str) -> Metric<'a>; 2],
    ) -> Self {
        let mut metrics = Vec::new();
        let mut rates = Vec::new();
        for (of, number) in groups.iter().zip(1..) {
            let (errors, requests) = (format!("errors{number}"), format!("requests{number}"));
            rates.push(format!("FILL(100 * FILL({errors}, 0) / {requests}, 0)"));
            metrics.push(Query::of_metric(errors, of("HTTPCode_Target_5XX_Count"), "Sum"));
            metrics.push(Query::of_metric(requests, of("RequestCount"), "Sum"));
        }
        let worst = format!("MAX([{}])", rates.join(", "));
        metrics.push(Query::computed("failed", worst, "Failed requests in percent"));
        let description = format!("Tasks of {} fail at more than {errors_percent} % of their requests", app.name);
        Self::for_deployments(app, description, errors_percent, metrics)
    }

    fn for_deployments(app: &'a App, description: String, errors_percent: u32, metrics: Vec<Query<'a>>) -> Self {
        Self {
            alarm_description: description,
            alarm_actions: None,
            ok_actions: None,
            comparison_operator: "GreaterThanThreshold",
            threshold: errors_percent,
            evaluation_periods: 1,
            datapoints_to_alarm: 1,
            treat_missing_data: "notBreaching",
            measure: Measure::Computed { metrics },
            tags: tags(app),
        }
    }

    fn above(
        app: &'a App,
        alarms: &'a Alarms,
        alarm_description: String,
        threshold: u32,
        measure: Measure<'a>,
    ) -> Self {
        Self {
            alarm_description,
            alarm_actions: Some([&alarms.notify]),
            ok_actions: Some([&alarms.notify]),
            comparison_operator: "GreaterThanThreshold",
            threshold,
            evaluation_periods: PERIODS,
            datapoints_to_alarm: BAD_PERIODS,
            treat_missing_data: "notBreaching",
            measure,
            tags: tags(app),
        }
    }
}

/// How several counts of failures become one.
#[derive(Debug, Clone, Copy)]
pub(in crate::target) enum Together {
    /// Each failure is in one of them.
    Sum,
    /// The same failure may be in several of them.
    Largest,
}

/// What a metric of time counts.
#[derive(Debug, Clone, Copy)]
pub(in crate::target) enum Unit {
    Milliseconds,
    Seconds,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Query<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_stat: Option<MetricStat<'a>>,
    /// Exactly one query of an alarm is what is compared.
    return_data: bool,
}

impl<'a> Query<'a> {
    fn of_metric(id: String, metric: Metric<'a>, stat: &'static str) -> Self {
        let metric_stat = Some(MetricStat { metric, period: PERIOD_SECONDS, stat });
        Self { id, label: None, expression: None, metric_stat, return_data: false }
    }

    fn computed(id: &str, expression: String, label: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            label: Some(label),
            expression: Some(expression),
            metric_stat: None,
            return_data: true,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat<'a> {
    metric: Metric<'a>,
    period: u32,
    stat: &'static str,
}

/// A metric of CloudWatch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Metric<'a> {
    namespace: &'static str,
    metric_name: &'static str,
    dimensions: Vec<Dimension<'a>>,
}

impl<'a> Metric<'a> {
    pub(in crate::target) fn new(
        namespace: &'static str,
        metric_name: &'static str,
        dimensions: impl IntoIterator<Item = (&'static str, Value<'a>)>,
    ) -> Self {
        let dimensions = dimensions.into_iter().map(|(name, value)| Dimension { name, value }).collect();
        Self { namespace, metric_name, dimensions }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension<'a> {
    name: &'static str,
    value: Value<'a>,
}
