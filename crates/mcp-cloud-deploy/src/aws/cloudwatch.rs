//! CloudWatch's alarms in the words of this crate.

use super::{Deployer, rfc3339};
use crate::{error::AwsError, status::Alarm};

impl Deployer {
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
