//! Logical ids of the template. Each means the same for ever: CloudFormation replaces what changes its id.

pub(super) const SERVER: &str = "Server";
pub(super) const ROLE: &str = "ServerRole";
pub(super) const LOGS: &str = "ServerLogs";
/// The alias that provisioned concurrency belongs to.
pub(super) const ALIAS: &str = "live";
/// What SAM calls the resource of that alias.
pub(super) const ALIAS_RESOURCE: &str = "ServerAliaslive";
pub(super) const WORKING_HOURS: &str = "WorkingHours";
pub(super) const REST_API: &str = "RestApi";
pub(super) const HTTP_API: &str = "HttpApi";
pub(super) const ACCESS_LOGS: &str = "AccessLogs";
pub(super) const PERMISSION: &str = "LoadBalancerPermission";
