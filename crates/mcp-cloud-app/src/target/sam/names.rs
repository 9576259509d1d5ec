//! Logical ids of the template. Each means the same for ever: CloudFormation replaces what changes its id.

pub(super) const SERVER: &str = "Server";
pub(super) const ROLE: &str = "ServerRole";
pub(super) const LOGS: &str = "ServerLogs";
/// What SAM calls the resource of the alias that every trigger invokes.
pub(super) const ALIAS_RESOURCE: &str = "ServerAliaslive";
/// How SAM lets a template name the version that it publishes; its logical id is another one for each version.
pub(super) const VERSION: &str = "Server.Version";
pub(super) const WORKING_HOURS: &str = "WorkingHours";
pub(super) const REST_API: &str = "RestApi";
pub(super) const HTTP_API: &str = "HttpApi";
pub(super) const ACCESS_LOGS: &str = "AccessLogs";
pub(super) const PERMISSION: &str = "LoadBalancerPermission";
