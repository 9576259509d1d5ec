//! Rehearses against an account in memory: the SDK's own clients, with no network under them and no clock.
//!
//! - `connector`: carries the SDK's requests to the account.
//! - `program`: passes requests to function URLs on to a program on this machine.
//! - [`matrix`]: fails each call of a run in turn.
//! - `time`: lets nobody wait.
//! - `faults`: the matrix of the deployment of the app at hand.

mod connector;
mod faults;
pub mod matrix;
mod program;
mod time;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::config::{SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;

use self::time::AccountTime;
pub use self::{
    connector::{Connector, Endpoint},
    faults::{Code, FailedCase, Rehearsal, Rehearsed, RehearsedStep},
    program::{Name, passed_on_to},
};
use crate::aws::ATTEMPTS;

/// A configuration whose every call goes to an account in memory, and in which waiting takes no time but the account's.
///
/// What runs behind function URLs is the connector's affair.
#[must_use]
pub fn config(connector: Connector, region: &str) -> SdkConfig {
    let time = AccountTime::new(connector.account().clone(), connector.busy());
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "rehearsal",
            "rehearsal",
            None,
            None,
            "a rehearsal",
        )))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .sleep_impl(SharedAsyncSleep::new(time))
        // It measures by the clock of this machine.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(SharedHttpClient::new(connector))
        .build()
}
