//! CloudWatch Logs in the words of this crate.

use super::Deployer;
use crate::{
    error::AwsError,
    logs::{LogEvent, Range},
};

/// Some events of a log group, and where the next ones are.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) events: Vec<LogEvent>,
    pub(crate) next: Option<String>,
}

impl Deployer {
    /// Reads a page of a log group; `None` when there is no such group. A page may be empty although more follow
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>).
    pub(crate) async fn log_page(
        &self,
        group: &str,
        range: &Range,
        next: Option<String>,
    ) -> Result<Option<Page>, AwsError> {
        let found = self
            .logs
            .filter_log_events()
            .log_group_name(group)
            .start_time(range.since)
            .set_end_time(range.until)
            .set_filter_pattern(range.pattern.clone())
            .set_next_token(next.clone())
            .send()
            .await;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                let error = AwsError::new(format!("read the log group `{group}`"), error);
                return if error.is("ResourceNotFoundException") { Ok(None) } else { Err(error) };
            }
        };
        let event = |event: aws_sdk_cloudwatchlogs::types::FilteredLogEvent| LogEvent {
            group: group.to_owned(),
            stream: event.log_stream_name.unwrap_or_default(),
            id: event.event_id.unwrap_or_default(),
            timestamp: event.timestamp.unwrap_or_default(),
            ingested: event.ingestion_time.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
        };
        // The same token again would lead round in a circle.
        let following = found.next_token.filter(|token| next.as_ref() != Some(token));
        Ok(Some(Page { events: found.events.unwrap_or_default().into_iter().map(event).collect(), next: following }))
    }
}
