//! App → the structures of [`schema`](super::schema), and Bicep around them.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use mcp_cloud_contract::{RESPONSE_MODE_STREAM, env};

use super::{
    SECRET_ACCESS,
    bicep::{Document, Expression, quoted},
    schema::{
        ActiveDirectory, AlwaysReady, AppSetting, AuthPlatform, AuthSettings, Component, Container, Cors,
        CustomHandler, Deployment, DeploymentAuthentication, DeploymentStorage, Description, Existing, ExtensionHttp,
        Extensions, FunctionAppConfig, GlobalValidation, HandlerHttp, Host, HttpSettings, HttpTrigger,
        IdentityProviders, IpSecurityRestriction, LogLevel, Logging, LoggingInsights, Login, Module, NoProperties,
        Plan, PublishingPolicy, Registration, Resource, RoleAssignment, Route, Runtime, SamplingSettings,
        ScaleAndConcurrency, SecretAccess, Setting, Site, SiteConfig, SiteIdentity, Sku, StorageAccount, TokenStore,
        Triggers, Validation, Workspace, WorkspaceFeatures,
    },
};
use crate::{
    app::{self, App, AuthMode, Build, Store},
    target::{container, variables},
};

/// What serves a command, beside it in the package.
pub(super) const BRIDGE: &str = "mcp-bridge";
/// Where the packages of a Python server are in the package, as `func` puts them
/// (<https://learn.microsoft.com/azure/azure-functions/functions-reference-python#folder-structure>).
pub(super) const PYTHON_PACKAGES: &str = ".python_packages";
/// Roles by their ids (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>): what the host needs
/// to keep its keys and to read the package, to write what it measures, and to read a secret.
const STORAGE_BLOB_DATA_OWNER: &str = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b";
const MONITORING_METRICS_PUBLISHER: &str = "3913510d-42f4-4e42-8a64-420c390055eb";
const KEY_VAULT_SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";
const ROLE_ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments@2022-04-01";
/// The name of an app has 60 characters at most, of which 14 are what makes it the only one of that name.
const APP_NAME_CHARACTERS: usize = 46;
/// The name of a storage account has 24 lower-case letters and digits at most, of which 13 do.
const STORAGE_NAME_CHARACTERS: usize = 11;

pub(super) fn host(app: &App) -> Host {
    let description = match &app.build {
        Build::Cargo(cargo) => Description { default_executable_path: cargo.binary.clone(), arguments: Vec::new() },
        Build::Command(command) => {
            let mut arguments = vec!["--".to_owned()];
            arguments.extend(command.command.iter().cloned());
            Description { default_executable_path: BRIDGE.to_owned(), arguments }
        }
        Build::Image(_) => Description { default_executable_path: String::new(), arguments: Vec::new() },
    };
    let seconds = app.timeout_seconds;
    Host {
        version: "2.0",
        // The profile sets what stands here once more, but early hosts set one key of it that nothing reads
        // (https://github.com/Azure/azure-functions-host/issues/11423). With routes there may be no `function.json`: the
        // host refuses to start (https://github.com/Azure/azure-functions-host/pull/11345).
        configuration_profile: "mcp-custom-handler",
        custom_handler: CustomHandler {
            description,
            // Only so are replies passed on while they are written.
            enable_proxying_http_request: true,
            http: HandlerHttp {
                default_authorization_level: match app.auth.mode {
                    // A mode that something in front of the host sees to leaves nothing for a key to guard.
                    AuthMode::None | AuthMode::Jwt => "anonymous",
                    AuthMode::Platform | AuthMode::Cognito => "function",
                },
                routes: [Route { route: "{*route}" }],
            },
        },
        extensions: Extensions { http: ExtensionHttp { route_prefix: "" } },
        function_timeout: format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        logging: Logging {
            log_level: LogLevel { default: "Information" },
            application_insights: LoggingInsights {
                sampling_settings: SamplingSettings { is_enabled: true, excluded_types: "Request" },
            },
        },
    }
}

/// Keeps out of the package what is none of it: a pattern takes everything at the top out, others take some back in
/// (<https://learn.microsoft.com/azure/azure-functions/functions-core-tools-reference#func-azure-functionapp-publish>).
pub(super) fn ignored(app: &App) -> String {
    let mut lines = vec!["/*".to_owned()];
    let mut names = vec![super::HOST.to_owned()];
    match &app.build {
        Build::Cargo(cargo) => names.push(cargo.binary.clone()),
        Build::Command(command) => {
            names.push(BRIDGE.to_owned());
            for file in &command.files {
                match container::normal(Path::new(file)).iter().next() {
                    Some(top) => names.push(top.to_string_lossy().into_owned()),
                    // The whole directory belongs to the command.
                    None => lines = vec![".git".to_owned(), "/*.bicep".to_owned()],
                }
            }
            match command.runtime {
                app::Runtime::Node => names.push("node_modules".to_owned()),
                app::Runtime::Python => names.push(PYTHON_PACKAGES.to_owned()),
                app::Runtime::None => {}
            }
        }
        Build::Image(_) => {}
    }
    names.sort();
    names.dedup();
    lines.extend(names.iter().map(|name| format!("!/{}", container::ignore_pattern(name))));
    lines.push("**/.env".to_owned());
    let kept = app.secrets.values().chain(&app.state.sealing_key).chain(&app.state.redis);
    let files = kept.filter_map(|secret| secret.file.as_deref());
    lines.extend(
        files.map(|file| {
            format!("/{}", container::ignore_pattern(&container::normal(Path::new(file)).to_string_lossy()))
        }),
    );
    lines.push(String::new());
    lines.join("\n")
}

/// A secret of a vault, taken from its URI.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VaultSecret<'a> {
    pub(super) vault: &'a str,
    pub(super) name: &'a str,
}

impl<'a> VaultSecret<'a> {
    pub(super) fn of(uri: &'a str) -> Option<Self> {
        let (host, path) = uri.strip_prefix("https://")?.split_once("/secrets/")?;
        let (vault, _) = host.split_once('.')?;
        Some(Self { vault, name: path.split('/').next().unwrap_or(path) })
    }
}

/// The secrets by their vaults, each once and in order.
pub(super) fn vault_secrets(app: &App) -> Vec<VaultSecret<'_>> {
    let mut found: Vec<_> =
        variables::secrets(app).values().filter_map(|secret| VaultSecret::of(secret.azure.as_deref()?)).collect();
    found.sort();
    found.dedup();
    found
}

/// The symbol of the parameter that says where a vault is. Vaults have letters, digits and hyphens in their names.
fn vault_group(vault: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    format!("resourceGroupOf_{}", vault.chars().map(plain).collect::<String>())
}

fn expression(source: impl Into<String>) -> Expression {
    Expression::new(source)
}

/// A resource with nothing said about it.
fn resource<'a, P>(name: Expression) -> Resource<'a, P> {
    Resource {
        parent: None,
        scope: None,
        name,
        location: None,
        tags: None,
        kind: None,
        sku: None,
        identity: None,
        properties: None,
        depends_on: Vec::new(),
    }
}

/// A resource that lies somewhere and has the tags of the app.
fn placed<P>(app: &App, name: Expression) -> Resource<'_, P> {
    Resource { location: Some(expression("location")), tags: Some(&app.tags), ..resource(name) }
}

pub(super) fn main(app: &App) -> String {
    let mut document = Document::default();
    let name = cut(&app.name, APP_NAME_CHARACTERS);
    match &app.azure.location {
        Some(location) => document.parameter("location", "Where everything is", location),
        None => document.parameter("location", "Where everything is", &expression("resourceGroup().location")),
    }
    let secrets = vault_secrets(app);
    let mut vaults: Vec<_> = secrets.iter().map(|secret| secret.vault).collect();
    vaults.dedup();
    for vault in vaults {
        let meaning = format!("The resource group of the key vault {vault}, which has to go by roles");
        document.parameter(&vault_group(vault), &meaning, &expression("resourceGroup().name"));
    }
    // What is named here is found by the whole world, so a part of the name is the resource group's own.
    document.variable("suffix", &expression(format!("uniqueString(resourceGroup().id, {})", quoted(&app.name))));
    document.variable("name", &suffixed(&format!("{name}-")));
    document.resource(
        "identity",
        "Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31",
        &placed::<NoProperties>(app, expression("name")),
    );
    observed(app, &mut document);
    storage(app, &mut document);
    document.resource(
        "storageAccess",
        ROLE_ASSIGNMENT,
        &role_assignment("storage", "identity.properties.principalId", "identity.id", STORAGE_BLOB_DATA_OWNER),
    );
    document.resource(
        "insightsAccess",
        ROLE_ASSIGNMENT,
        &role_assignment("insights", "identity.properties.principalId", "identity.id", MONITORING_METRICS_PUBLISHER),
    );
    let mut needed = vec![expression("storageAccess"), expression("insightsAccess")];
    for (index, secret) in secrets.iter().enumerate() {
        let symbol = format!("secretAccess{index}");
        document.module(&symbol, SECRET_ACCESS, &secret_access(&name, index, secret));
        needed.push(expression(symbol));
    }
    document.resource(
        "plan",
        "Microsoft.Web/serverfarms@2024-11-01",
        &Resource {
            kind: Some("functionapp"),
            sku: Some(Sku { name: "FC1", tier: Some("FlexConsumption") }),
            properties: Some(Plan { reserved: true }),
            ..placed(app, expression("name"))
        },
    );
    document.resource("app", "Microsoft.Web/sites@2024-11-01", &site(app, needed));
    for policy in ["ftp", "scm"] {
        // Deployments are signed with an identity, never with a password.
        let body = Resource {
            parent: Some(expression("app")),
            properties: Some(PublishingPolicy { allow: false }),
            ..resource(expression(quoted(policy)))
        };
        document.resource(
            &format!("{policy}Password"),
            "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01",
            &body,
        );
    }
    if let Some(settings) = auth_settings(app) {
        let body = Resource {
            parent: Some(expression("app")),
            properties: Some(settings),
            ..resource(expression(quoted("authsettingsV2")))
        };
        document.resource("authentication", "Microsoft.Web/sites/config@2024-11-01", &body);
    }
    document.output(
        super::OUTPUT_ENDPOINT,
        "URL of the MCP endpoint",
        &expression(format!("'https://${{app.properties.defaultHostName}}{}'", inner(&app.endpoint.path))),
    );
    document.output(super::OUTPUT_APP_NAME, "Name of the function app", &expression("app.name"));
    document.into_string()
}

/// Text that ends in what makes it the only one of its kind.
fn suffixed(text: &str) -> Expression {
    expression(format!("'{}${{suffix}}'", inner(text)))
}

/// Text as it stands within a string.
fn inner(text: &str) -> String {
    let quoted = quoted(text);
    quoted.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or_default().to_owned()
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect::<String>().trim_end_matches('-').to_owned()
}

/// Where logs and measurements go: the only place that a Flex Consumption app writes its logs to.
fn observed(app: &App, document: &mut Document) {
    let workspace = Workspace {
        sku: Sku { name: "PerGB2018", tier: None },
        retention_in_days: app.telemetry.log_retention_days,
        features: WorkspaceFeatures {
            disable_local_auth: true,
            enable_log_access_using_only_resource_permissions: true,
        },
    };
    document.resource(
        "logs",
        "Microsoft.OperationalInsights/workspaces@2023-09-01",
        &Resource { properties: Some(workspace), ..placed(app, expression("name")) },
    );
    let component =
        Component { application_type: "web", workspace_resource_id: expression("logs.id"), disable_local_auth: true };
    document.resource(
        "insights",
        "Microsoft.Insights/components@2020-02-02",
        &Resource { kind: Some("web"), properties: Some(component), ..placed(app, expression("name")) },
    );
}

/// Where the host keeps its keys, and the package is put.
fn storage(app: &App, document: &mut Document) {
    let letters: String = app.name.chars().filter(char::is_ascii_alphanumeric).take(STORAGE_NAME_CHARACTERS).collect();
    let account = StorageAccount {
        access_tier: "Hot",
        allow_blob_public_access: false,
        allow_cross_tenant_replication: false,
        allow_shared_key_access: false,
        default_to_oauth_authentication: true,
        minimum_tls_version: "TLS1_2",
        supports_https_traffic_only: true,
    };
    document.resource(
        "storage",
        "Microsoft.Storage/storageAccounts@2024-01-01",
        &Resource {
            kind: Some("StorageV2"),
            sku: Some(Sku { name: "Standard_LRS", tier: None }),
            properties: Some(account),
            ..placed(app, suffixed(&letters.to_ascii_lowercase()))
        },
    );
    document.resource(
        "blobs",
        "Microsoft.Storage/storageAccounts/blobServices@2024-01-01",
        &Resource::<NoProperties> { parent: Some(expression("storage")), ..resource(expression("'default'")) },
    );
    document.resource(
        "packages",
        "Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01",
        &Resource {
            parent: Some(expression("blobs")),
            properties: Some(Container { public_access: "None" }),
            ..resource(expression("'packages'"))
        },
    );
}

/// Lets the principal do on one resource what a role says.
fn role_assignment(scope: &str, principal: &str, seed: &str, role: &str) -> Resource<'static, RoleAssignment> {
    let role_definition = format!("subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{role}')");
    let properties = RoleAssignment {
        principal_id: expression(principal),
        principal_type: "ServicePrincipal",
        role_definition_id: expression(role_definition),
    };
    Resource {
        scope: Some(expression(scope)),
        properties: Some(properties),
        ..resource(expression(format!("guid({scope}.id, {seed}, '{role}')")))
    }
}

fn secret_access(name: &str, index: usize, secret: &VaultSecret<'_>) -> Module {
    Module {
        name: format!("{name}-secret-{index}"),
        scope: expression(format!("resourceGroup({})", vault_group(secret.vault))),
        params: SecretAccess {
            vault_name: secret.vault.to_owned(),
            secret_name: secret.name.to_owned(),
            principal_id: expression("identity.properties.principalId"),
        },
    }
}

/// The file that lets an identity read one secret of a vault, which may be in another resource group.
pub(super) fn secret_access_file() -> String {
    let mut document = Document::default();
    document.required("vaultName", "The key vault");
    document.required("secretName", "The secret in it");
    document.required("principalId", "Who may read it");
    let vault = Existing { parent: None, name: expression("vaultName") };
    document.existing("vault", "Microsoft.KeyVault/vaults@2023-07-01", &vault);
    let secret = Existing { parent: Some(expression("vault")), name: expression("secretName") };
    document.existing("secret", "Microsoft.KeyVault/vaults/secrets@2023-07-01", &secret);
    let access = role_assignment("secret", "principalId", "principalId", KEY_VAULT_SECRETS_USER);
    document.resource("access", ROLE_ASSIGNMENT, &access);
    document.into_string()
}

fn site(app: &App, depends_on: Vec<Expression>) -> Resource<'_, Site<'_>> {
    let always_ready = match app.azure_functions.minimum {
        0 => Vec::new(),
        minimum => vec![AlwaysReady { name: "http", instance_count: minimum }],
    };
    let function_app_config = FunctionAppConfig {
        deployment: Deployment {
            storage: DeploymentStorage {
                kind: "blobContainer",
                value: expression("'${storage.properties.primaryEndpoints.blob}${packages.name}'"),
                authentication: DeploymentAuthentication {
                    kind: "UserAssignedIdentity",
                    user_assigned_identity_resource_id: expression("identity.id"),
                },
            },
        },
        runtime: runtime(app),
        scale_and_concurrency: ScaleAndConcurrency {
            instance_memory_mb: app.azure_functions.memory_mb,
            maximum_instance_count: app.azure_functions.maximum,
            always_ready,
            triggers: Triggers { http: HttpTrigger { per_instance_concurrency: app.scaling.concurrency } },
        },
    };
    let properties = Site {
        server_farm_id: expression("plan.id"),
        https_only: true,
        key_vault_reference_identity: expression("identity.id"),
        function_app_config,
        site_config: site_config(app),
    };
    Resource {
        kind: Some("functionapp,linux"),
        identity: Some(SiteIdentity {
            kind: "UserAssigned",
            user_assigned_identities: expression("{ '${identity.id}': {} }"),
        }),
        properties: Some(properties),
        depends_on,
        ..placed(app, expression("name"))
    }
}

/// What is on the instance beside the host: what the command needs to start.
fn runtime(app: &App) -> Runtime {
    match &app.build {
        Build::Command(command) if command.runtime == app::Runtime::Node => {
            Runtime { name: "node", version: command.runtime_version.clone() }
        }
        Build::Command(command) if command.runtime == app::Runtime::Python => {
            Runtime { name: "python", version: command.runtime_version.clone() }
        }
        Build::Command(_) | Build::Cargo(_) | Build::Image(_) => Runtime { name: "custom", version: "1.0".to_owned() },
    }
}

fn site_config(app: &App) -> SiteConfig<'_> {
    let origins = app.endpoint.origins.as_slice();
    let allow = app.network.allow.iter().enumerate().map(|(index, range)| IpSecurityRestriction {
        name: format!("allow-{index}"),
        ip_address: range,
        action: "Allow",
        priority: 100 + index,
    });
    SiteConfig {
        min_tls_version: "1.2",
        scm_min_tls_version: "1.2",
        http20_enabled: true,
        cors: (!origins.is_empty()).then_some(Cors { allowed_origins: origins, support_credentials: false }),
        ip_security_restrictions: allow.collect(),
        ip_security_restrictions_default_action: (!app.network.allow.is_empty()).then_some("Deny"),
        app_settings: settings(app),
    }
}

fn settings(app: &App) -> Vec<AppSetting> {
    let mut settings = BTreeMap::new();
    for (name, value) in variables::of_server(app) {
        settings.insert(name, Setting::Text(Cow::Owned(value)));
    }
    let mut text = |name: &str, value: String| settings.insert(name.to_owned(), Setting::Text(Cow::Owned(value)));
    if !app.environment.contains_key(env::REQUEST_TIMEOUT) {
        text(env::REQUEST_TIMEOUT, app.timeout_seconds.to_string());
    }
    // The host proxies, and does not say so.
    text(env::RESPONSE_MODE, RESPONSE_MODE_STREAM.to_owned());
    if app.state.store == Store::Redis {
        text(env::STORE, Store::Redis.as_str().to_owned());
        text(env::STORE_TTL, app.state.ttl_hours.to_string());
    }
    for (name, secret) in variables::secrets(app) {
        if let Some(uri) = &secret.azure {
            text(name, format!("@Microsoft.KeyVault(SecretUri={uri})"));
        }
    }
    if matches!(&app.build, Build::Command(command) if command.runtime == app::Runtime::Python) {
        text("PYTHONPATH", format!("/home/site/wwwroot/{PYTHON_PACKAGES}/lib/site-packages"));
    }
    // Hosts of the preview look at the profile with it only.
    text("AzureWebJobsFeatureFlags", "EnableMcpCustomHandlerPreview".to_owned());
    text("AzureWebJobsStorage__credential", "managedidentity".to_owned());
    if app.auth.mode == AuthMode::Jwt && !app.auth.scopes.is_empty() {
        // Makes App Service tell clients where to sign in, and for what
        // (https://learn.microsoft.com/azure/app-service/configure-authentication-mcp).
        text("WEBSITE_AUTH_PRM_DEFAULT_WITH_SCOPES", app.auth.scopes.join(","));
    }
    let computed = [
        ("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "'ClientId=${identity.properties.clientId};Authorization=AAD'"),
        ("APPLICATIONINSIGHTS_CONNECTION_STRING", "insights.properties.ConnectionString"),
        ("AzureWebJobsStorage__blobServiceUri", "storage.properties.primaryEndpoints.blob"),
        ("AzureWebJobsStorage__clientId", "identity.properties.clientId"),
    ];
    for (name, source) in computed {
        settings.insert(name.to_owned(), Setting::Computed(expression(source)));
    }
    settings.into_iter().map(|(name, value)| AppSetting { name, value }).collect()
}

/// The client id of the server's registration: what a token is for is that, or a URI that begins with it.
pub(super) fn client_id(app: &App) -> Option<&str> {
    app.auth.audiences.iter().map(|audience| audience.strip_prefix("api://").unwrap_or(audience)).find(|id| is_guid(id))
}

pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(index, letter)| match index {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        })
}

/// App Service in front of the host: lets in tokens of Entra ID only.
fn auth_settings(app: &App) -> Option<AuthSettings<'_>> {
    if app.auth.mode != AuthMode::Jwt {
        return None;
    }
    let registration = Registration {
        client_id: client_id(app).unwrap_or_default(),
        open_id_issuer: app.auth.issuer.as_deref().unwrap_or_default(),
    };
    let directory = ActiveDirectory {
        enabled: true,
        registration,
        validation: Validation { allowed_audiences: &app.auth.audiences },
    };
    Some(AuthSettings {
        platform: AuthPlatform { enabled: true },
        global_validation: GlobalValidation {
            require_authentication: true,
            unauthenticated_client_action: "Return401",
        },
        http_settings: HttpSettings { require_https: true },
        identity_providers: IdentityProviders { azure_active_directory: directory },
        // Nobody signs in here; clients bring their tokens.
        login: Login { token_store: TokenStore { enabled: false } },
    })
}
