//! CloudWatch in the words of this crate: alarms, and how much of what an account may have it uses.

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy};
use aws_smithy_types::DateTime;

use super::{Deployer, rfc3339};
use crate::{error::AwsError, status::Alarm};

/// How far back is looked, in seconds: what an account uses is told each minute or not at all.
const BACK: i64 = 3 * 60 * 60;
/// The length of one answer, in seconds.
const PERIOD: i32 = 300;
/// What the queries are called.
const USED: &str = "used";
const QUOTA: &str = "quota";

/// Machines of Fargate, as their metrics call them
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/monitoring-fargate-usage.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capacity {
    OnDemand,
    Spot,
}

impl Capacity {
    fn class(self) -> &'static str {
        match self {
            Self::OnDemand => "Standard/OnDemand",
            Self::Spot => "Standard/Spot",
        }
    }
}

/// How many processors of a kind an account uses, and how many it may.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Processors {
    pub(crate) used: f64,
    pub(crate) quota: f64,
}

impl Deployer {
    /// Reads how many processors of Fargate the account uses and may use; `None` where it used none within the last hours,
    /// for then there is no metric that would tell. `now` is in seconds since 1970.
    ///
    /// CloudWatch knows the quota to a metric of use
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Quotas-Visualize-Alarms.html>).
    pub(crate) async fn processors(&self, capacity: Capacity, now: i64) -> Result<Option<Processors>, AwsError> {
        let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
        let metric = Metric::builder()
            .namespace("AWS/Usage")
            .metric_name("ResourceCount")
            .dimensions(dimension("Service", "Fargate"))
            .dimensions(dimension("Type", "Resource"))
            .dimensions(dimension("Resource", "vCPU"))
            .dimensions(dimension("Class", capacity.class()))
            .build();
        let used = MetricStat::builder().metric(metric).period(PERIOD).stat("Maximum").build();
        let query = |id: &str| MetricDataQuery::builder().id(id).return_data(true);
        let found = self
            .cloudwatch
            .get_metric_data()
            .metric_data_queries(query(USED).metric_stat(used).build())
            .metric_data_queries(query(QUOTA).expression(format!("SERVICE_QUOTA({USED})")).build())
            .start_time(DateTime::from_secs(now - BACK))
            .end_time(DateTime::from_secs(now))
            .scan_by(ScanBy::TimestampDescending)
            .send()
            .await
            .map_err(|error| AwsError::new("read how much of Fargate the account uses", error))?;
        let newest = |id: &str| {
            let result = found.metric_data_results().iter().find(|result| result.id() == Some(id))?;
            result.values().first().copied()
        };
        Ok(newest(USED).zip(newest(QUOTA)).map(|(used, quota)| Processors { used, quota }))
    }

    /// Reads the alarms whose names begin like this, sorted by name.
    pub(crate) async fn alarms(&self, prefix: &str) -> Result<Vec<Alarm>, AwsError> {
        let mut alarms = Vec::new();
        let mut pages = self.cloudwatch.describe_alarms().alarm_name_prefix(prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new(format!("read the alarms `{prefix}…`"), error))?;
            alarms.extend(page.metric_alarms().iter().map(|alarm| Alarm {
                name: alarm.alarm_name().unwrap_or_default().to_owned(),
                state: alarm.state_value().map(|state| state.as_str().to_owned()).unwrap_or_default(),
                reason: alarm.state_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
                since: alarm.state_updated_timestamp().and_then(rfc3339),
            }));
        }
        alarms.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(alarms)
    }
}
