//! The parts of Azure Functions and Azure Resource Manager that are emitted, as types; fields are in the order in which
//! they are printed.
//!
//! `host.json` is described at <https://learn.microsoft.com/azure/azure-functions/functions-host-json> and, for MCP, at
//! <https://learn.microsoft.com/azure/azure-functions/self-hosted-mcp-servers>, resources at
//! <https://learn.microsoft.com/azure/templates/>.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;

use super::bicep::Expression;

/// `host.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Host {
    pub(super) version: &'static str,
    pub(super) configuration_profile: &'static str,
    pub(super) custom_handler: CustomHandler,
    pub(super) extensions: Extensions,
    pub(super) function_timeout: String,
    pub(super) logging: Logging,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomHandler {
    pub(super) description: Description,
    pub(super) enable_proxying_http_request: bool,
    pub(super) http: HandlerHttp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Description {
    pub(super) default_executable_path: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) arguments: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HandlerHttp {
    pub(super) default_authorization_level: &'static str,
    pub(super) routes: [Route; 1],
}

#[derive(Debug, Serialize)]
pub(super) struct Route {
    pub(super) route: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Extensions {
    pub(super) http: ExtensionHttp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtensionHttp {
    pub(super) route_prefix: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Logging {
    pub(super) log_level: LogLevel,
    pub(super) application_insights: LoggingInsights,
}

#[derive(Debug, Serialize)]
pub(super) struct LogLevel {
    pub(super) default: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoggingInsights {
    pub(super) sampling_settings: SamplingSettings,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SamplingSettings {
    pub(super) is_enabled: bool,
    pub(super) excluded_types: &'static str,
}

/// A resource of Azure; `P` are its properties.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resource<'a, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Expression>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<Expression>,
    pub(super) name: Expression,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<Expression>,
    #[serde(skip_serializing_if = "tags_are_empty")]
    pub(super) tags: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sku: Option<Sku>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<SiteIdentity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) properties: Option<P>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) depends_on: Vec<Expression>,
}

#[derive(Debug, Serialize)]
pub(super) struct Sku {
    pub(super) name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tier: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SiteIdentity {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// The ids of the identities, with nothing said about each.
    pub(super) user_assigned_identities: Expression,
}

/// A resource that is there already.
#[derive(Debug, Serialize)]
pub(super) struct Existing {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Expression>,
    pub(super) name: Expression,
}

/// A resource without properties.
#[derive(Debug, Serialize)]
pub(super) struct NoProperties {}

/// `Microsoft.OperationalInsights/workspaces`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Workspace {
    pub(super) sku: Sku,
    pub(super) retention_in_days: u32,
    pub(super) features: WorkspaceFeatures,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkspaceFeatures {
    pub(super) disable_local_auth: bool,
    pub(super) enable_log_access_using_only_resource_permissions: bool,
}

/// `Microsoft.Insights/components`.
#[derive(Debug, Serialize)]
pub(super) struct Component {
    #[serde(rename = "Application_Type")]
    pub(super) application_type: &'static str,
    #[serde(rename = "WorkspaceResourceId")]
    pub(super) workspace_resource_id: Expression,
    #[serde(rename = "DisableLocalAuth")]
    pub(super) disable_local_auth: bool,
}

/// `Microsoft.Storage/storageAccounts`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StorageAccount {
    pub(super) access_tier: &'static str,
    pub(super) allow_blob_public_access: bool,
    pub(super) allow_cross_tenant_replication: bool,
    pub(super) allow_shared_key_access: bool,
    #[serde(rename = "defaultToOAuthAuthentication")]
    pub(super) default_to_oauth_authentication: bool,
    pub(super) minimum_tls_version: &'static str,
    pub(super) supports_https_traffic_only: bool,
}

/// `Microsoft.Storage/storageAccounts/blobServices/containers`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) public_access: &'static str,
}

/// `Microsoft.Authorization/roleAssignments`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleAssignment {
    pub(super) principal_id: Expression,
    pub(super) principal_type: &'static str,
    pub(super) role_definition_id: Expression,
}

/// `Microsoft.Web/serverfarms`.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    /// Linux.
    pub(super) reserved: bool,
}

/// `Microsoft.Web/sites`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Site<'a> {
    pub(super) server_farm_id: Expression,
    pub(super) https_only: bool,
    pub(super) key_vault_reference_identity: Expression,
    pub(super) function_app_config: FunctionAppConfig,
    pub(super) site_config: SiteConfig<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FunctionAppConfig {
    pub(super) deployment: Deployment,
    pub(super) runtime: Runtime,
    pub(super) scale_and_concurrency: ScaleAndConcurrency,
}

#[derive(Debug, Serialize)]
pub(super) struct Deployment {
    pub(super) storage: DeploymentStorage,
}

#[derive(Debug, Serialize)]
pub(super) struct DeploymentStorage {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) value: Expression,
    pub(super) authentication: DeploymentAuthentication,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeploymentAuthentication {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) user_assigned_identity_resource_id: Expression,
}

#[derive(Debug, Serialize)]
pub(super) struct Runtime {
    pub(super) name: &'static str,
    pub(super) version: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScaleAndConcurrency {
    #[serde(rename = "instanceMemoryMB")]
    pub(super) instance_memory_mb: u32,
    pub(super) maximum_instance_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) always_ready: Vec<AlwaysReady>,
    pub(super) triggers: Triggers,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlwaysReady {
    pub(super) name: &'static str,
    pub(super) instance_count: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Triggers {
    pub(super) http: HttpTrigger,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpTrigger {
    pub(super) per_instance_concurrency: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SiteConfig<'a> {
    pub(super) min_tls_version: &'static str,
    pub(super) scm_min_tls_version: &'static str,
    pub(super) http20_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cors: Option<Cors<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ip_security_restrictions: Vec<IpSecurityRestriction<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip_security_restrictions_default_action: Option<&'static str>,
    pub(super) app_settings: Vec<AppSetting>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cors<'a> {
    pub(super) allowed_origins: &'a [String],
    pub(super) support_credentials: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IpSecurityRestriction<'a> {
    pub(super) name: String,
    pub(super) ip_address: &'a str,
    pub(super) action: &'static str,
    pub(super) priority: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct AppSetting {
    pub(super) name: String,
    pub(super) value: Setting,
}

/// The value of a setting: what the file says, or what Bicep computes.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Setting {
    Text(Cow<'static, str>),
    Computed(Expression),
}

/// `Microsoft.Web/sites/basicPublishingCredentialsPolicies`.
#[derive(Debug, Serialize)]
pub(super) struct PublishingPolicy {
    pub(super) allow: bool,
}

/// `Microsoft.Web/sites/config`, named `authsettingsV2`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthSettings<'a> {
    pub(super) platform: AuthPlatform,
    pub(super) global_validation: GlobalValidation,
    pub(super) http_settings: HttpSettings,
    pub(super) identity_providers: IdentityProviders<'a>,
    pub(super) login: Login,
}

#[derive(Debug, Serialize)]
pub(super) struct AuthPlatform {
    pub(super) enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GlobalValidation {
    pub(super) require_authentication: bool,
    pub(super) unauthenticated_client_action: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpSettings {
    pub(super) require_https: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityProviders<'a> {
    pub(super) azure_active_directory: ActiveDirectory<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct ActiveDirectory<'a> {
    pub(super) enabled: bool,
    pub(super) registration: Registration<'a>,
    pub(super) validation: Validation<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Registration<'a> {
    pub(super) client_id: &'a str,
    pub(super) open_id_issuer: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Validation<'a> {
    pub(super) allowed_audiences: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Login {
    pub(super) token_store: TokenStore,
}

#[derive(Debug, Serialize)]
pub(super) struct TokenStore {
    pub(super) enabled: bool,
}

/// A use of another Bicep file.
#[derive(Debug, Serialize)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) scope: Expression,
    pub(super) params: SecretAccess,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretAccess {
    pub(super) vault_name: String,
    pub(super) secret_name: String,
    pub(super) principal_id: Expression,
}

fn tags_are_empty(tags: &Option<&BTreeMap<String, String>>) -> bool {
    tags.is_none_or(BTreeMap::is_empty)
}
