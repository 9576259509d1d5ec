//! What Azure Functions takes, where it depends on more than one key.

use super::lower::{VaultSecret, client_id, is_guid};
use crate::{
    app::{App, Architecture, AuthMode, Build, Egress, Exposure, Runtime, Secret, Sessions, Store},
    diagnostic::Diagnostic,
    target::findings::Findings,
};

const FLEX_PAGE: &str = "https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan";
const TAGS_PAGE: &str = "https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources";

/// Sizes of an instance in MB (<https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#instance-sizes>).
const MEMORY_MB: [u32; 3] = [512, 2048, 4096];
/// Instances (<https://learn.microsoft.com/azure/azure-functions/event-driven-scaling#flex-consumption-plan>). Less than 40
/// came later, and not everywhere (<https://github.com/Azure/azure-functions-host/issues/10523>).
const INSTANCES: u32 = 1000;
const FEW_INSTANCES: u32 = 40;
/// Seconds after which the load balancer in front of every app gives up on a reply
/// (<https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout>).
const REPLY_SECONDS: u32 = 230;
/// Days that Log Analytics keeps logs
/// (<https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure>).
const RETENTION_DAYS: std::ops::RangeInclusive<u32> = 30..=730;
/// Ranges of addresses in the rules of an app
/// (<https://learn.microsoft.com/azure/app-service/overview-access-restrictions>).
const RULES: usize = 512;
/// How settings begin that configure the host instead of the server
/// (<https://learn.microsoft.com/azure/azure-functions/functions-app-settings>); capitals or not is the same there.
const RESERVED_PREFIXES: [&str; 7] =
    ["appinsights_", "applicationinsights", "azurefunctions", "azurewebjobs", "functions_", "scm_", "website_"];
/// Tags of a resource. Of all types here, storage accounts take the shortest names
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations>).
const TAGS: usize = 50;
const TAG_NAME_CHARACTERS: usize = 128;
const TAG_VALUE_CHARACTERS: usize = 256;

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Findings::new(app);
    build(&mut found);
    size(&mut found);
    timeout(&mut found);
    environment(&mut found);
    kept_secrets(&mut found);
    tags(&mut found);
    auth(&mut found);
    state(&mut found);
    network(&mut found);
    elsewhere(&mut found);
    found.found
}

fn build(found: &mut Findings<'_>) {
    match &found.app.build {
        Build::Cargo(_) => {}
        Build::Image(_) => found.error(
            "build.image",
            "image is there already, but a Flex Consumption app is a package of files and runs no images",
            "build the server from its package, or run the image on another target",
        ),
        Build::Command(command) => {
            let version = &command.runtime_version;
            let parts = version.split('.').count();
            let wanted = match command.runtime {
                Runtime::Node if parts != 1 => "a major one, such as `22`",
                Runtime::Python if parts != 2 => "a minor one, such as `3.13`",
                Runtime::Node | Runtime::Python | Runtime::None => "",
            };
            if !wanted.is_empty() {
                let message =
                    format!("runtime-version is `{version}`, but the version of a Flex Consumption app is {wanted}");
                found.error("build.runtime-version", message, "");
            }
            // The host puts in the value of a variable that is there.
            if let Some(word) = command.command.iter().find(|word| word.matches('%').count() > 1) {
                let message = format!(
                    "the word `{}` of the command has a variable in it for the host, which puts in the value of `%NAME%`",
                    word.escape_debug()
                );
                found.warning("build.command", message, "");
            }
        }
    }
}

fn size(found: &mut Findings<'_>) {
    let app = found.app;
    let (memory, maximum) = (app.azure_functions.memory_mb, app.azure_functions.maximum);
    if !MEMORY_MB.contains(&memory) {
        let message = format!("memory is {memory} MB, but an instance has 512, 2048 or 4096 MB");
        let key = if app.says("azure-functions.memory") || !app.says("resources.memory") {
            "azure-functions.memory"
        } else {
            "resources.memory"
        };
        found.error(key, message, format!("write `memory = 2048` under `[azure-functions]`; see {FLEX_PAGE}"));
    }
    if maximum > INSTANCES {
        let message = format!("maximum is {maximum}, but a Flex Consumption app takes {INSTANCES} instances at most");
        found.error("scaling.maximum", message, format!("see {FLEX_PAGE}"));
    } else if maximum < FEW_INSTANCES {
        let message = format!(
            "maximum is {maximum}: not every region takes less than {FEW_INSTANCES} instances, and a flood of requests \
             starts more for a moment"
        );
        found.warning("scaling.maximum", message, "see https://github.com/Azure/azure-functions-host/issues/11790");
    }
}

fn timeout(found: &mut Findings<'_>) {
    let timeout = found.app.timeout_seconds;
    if timeout > REPLY_SECONDS {
        let message = format!(
            "timeout is {timeout} s, but the load balancer of Azure Functions gives up on a reply after {REPLY_SECONDS} s"
        );
        let hint = format!("write `timeout = {REPLY_SECONDS}` under `[resources]`, or under that of an environment");
        found.error("resources.timeout", message, hint);
    }
}

fn environment(found: &mut Findings<'_>) {
    let app = found.app;
    let variables = app.environment.keys().map(|name| (name, "environment"));
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (name, table) in variables.chain(app.secrets.keys().map(|name| (name, "secrets"))) {
        let lower = name.to_ascii_lowercase();
        if RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
            let message = format!("`{name}` is a setting of the host of Azure Functions, and would configure that");
            found.error(&format!("{table}.{name}"), message, "");
        } else if let Some((_, other)) = seen.iter().find(|(other, _)| *other == lower) {
            let message = format!("`{name}` and `{other}` are the same setting to Azure, which knows no capitals");
            found.error(&format!("{table}.{name}"), message, "");
        }
        seen.push((lower, name));
    }
}

fn kept_secrets(found: &mut Findings<'_>) {
    let app = found.app;
    for (name, secret) in &app.secrets {
        if !is_kept(secret) {
            let message =
                format!("the secret `{name}` has no `azure`, the only place that Azure Functions can take it from");
            found.error(&format!("secrets.{name}"), message, "put it into a key vault: `azure = \"https://…\"`");
        }
    }
}

fn is_kept(secret: &Secret) -> bool {
    secret.azure.as_deref().and_then(VaultSecret::of).is_some()
}

fn tags(found: &mut Findings<'_>) {
    let app = found.app;
    if app.tags.len() > TAGS {
        let message = format!("there are {} tags, but a resource takes {TAGS} at most", app.tags.len());
        found.error("tags", message, format!("see {TAGS_PAGE}"));
    }
    for (name, value) in &app.tags {
        let (shown, length) = (name.escape_debug(), value.chars().count());
        let message = if name.is_empty() || name.chars().count() > TAG_NAME_CHARACTERS {
            format!(
                "the tag `{shown}` has a name of {} characters, but Azure takes 1 to {TAG_NAME_CHARACTERS}",
                name.chars().count()
            )
        } else if name.contains(['<', '>', '%', '&', '\\', '?', '/']) {
            format!("the tag `{shown}` has one of the characters `<>%&\\?/` in its name, which Azure does not take")
        } else if length > TAG_VALUE_CHARACTERS {
            format!("the tag `{shown}` has {length} characters, but Azure takes {TAG_VALUE_CHARACTERS} at most")
        } else {
            continue;
        };
        found.error(&format!("tags.{name}"), message, format!("see {TAGS_PAGE}"));
    }
}

fn auth(found: &mut Findings<'_>) {
    let app = found.app;
    match app.auth.mode {
        AuthMode::Platform | AuthMode::None => {}
        AuthMode::Cognito => found.error(
            "auth.mode",
            "mode is `cognito`, but App Service checks tokens of Entra ID only, so the server would be unguarded",
            "write `mode = \"platform\"`, or `mode = \"jwt\"` with an issuer of Entra ID",
        ),
        AuthMode::Jwt => jwt(found),
    }
}

/// The issuers whose tokens App Service checks without a secret of its own
/// (<https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad>).
fn is_entra(issuer: &str) -> bool {
    let tenant = |issuer: &str, before: &str, after: &str| {
        issuer.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(is_guid)
    };
    tenant(issuer, "https://login.microsoftonline.com/", "/v2.0") || tenant(issuer, "https://sts.windows.net/", "/")
}

fn jwt(found: &mut Findings<'_>) {
    const PAGE: &str = "https://learn.microsoft.com/azure/app-service/configure-authentication-mcp";
    let app = found.app;
    if !app.auth.issuer.as_deref().is_some_and(is_entra) {
        found.error(
            "auth.issuer",
            "issuer is none of Entra ID, and App Service checks tokens of no other, so the server would be unguarded",
            "name a tenant of yours, `https://login.microsoftonline.com/TENANT-ID/v2.0`, or write `mode = \"platform\"`",
        );
    }
    if app.says("auth.jwks-url") {
        found.error(
            "auth.jwks-url",
            "jwks-url is given, but App Service takes the keys that its issuer names",
            "leave it out",
        );
    }
    if client_id(app).is_none() {
        found.error(
            "auth.audiences",
            "none of the audiences is the client id of a registration in Entra ID, which App Service wants to know",
            "name it as it is, or as `api://CLIENT-ID`",
        );
    }
    if app.auth.scopes.is_empty() {
        found.warning(
            "auth.mode",
            "without `scopes` App Service does not tell clients where to sign in",
            format!("see {PAGE}"),
        );
    } else {
        found.warning(
            "auth.scopes",
            "App Service tells clients of the scopes, but lets in tokens without them",
            "require that users and applications are assigned to the registration, or look at the scopes in the server",
        );
    }
    found.warning(
        "auth.mode",
        "with App Service in front of it, streamed replies of a Flex Consumption app have been seen to fail with 500",
        "see https://github.com/Azure/azure-functions-mcp-extension/issues/273",
    );
}

fn state(found: &mut Findings<'_>) {
    let app = found.app;
    let kept = |secret: &Option<Secret>| secret.as_ref().is_some_and(is_kept);
    match app.state.sessions {
        Sessions::None => {}
        Sessions::Memory => found.error(
            "state.sessions",
            "sessions are in the memory of one process, but a Flex Consumption app starts another one when it likes",
            "write `sessions = \"sealed\"`, which any instance can open",
        ),
        Sessions::Sealed if kept(&app.state.sealing_key) => {}
        Sessions::Sealed => found.error(
            "state.sealing-key",
            "sessions are sealed, but no `azure` under `[state.sealing-key]` says where the key is, so no instance could \
             open what another one sealed",
            "put a key into a key vault, and name it there",
        ),
    }
    match app.state.store {
        Store::None => {}
        Store::DynamoDb => found.error(
            "state.store",
            "store is `dynamodb`, which a server on Azure could reach with keys of AWS only",
            "write `store = \"redis\"`, and under `[state.redis]` where its URL is kept",
        ),
        Store::Redis if kept(&app.state.redis) => {}
        Store::Redis => found.error(
            "state.store",
            "store is `redis`, but no `azure` under `[state.redis]` says where its URL is kept",
            "put the URL into a key vault, and name it there",
        ),
    }
}

fn network(found: &mut Findings<'_>) {
    let app = found.app;
    if app.network.exposure == Exposure::Private {
        found.error(
            "network.exposure",
            "exposure is `private`, but the app is in no virtual network of Azure's, and faces the internet",
            "leave it out and name who may call under `allow`, or add a private endpoint yourself",
        );
    }
    if app.network.egress == Egress::Platform {
        found.error(
            "network.egress",
            "egress is `platform`, but an app that is in no virtual network of Azure's reaches the internet",
            "leave it out",
        );
    }
    if app.network.waf {
        found.error(
            "network.waf",
            "waf stands for AWS's firewall, which no app on Azure has",
            "leave it out, and let Front Door with a policy of its own stand in front of the app",
        );
    }
    if app.network.allow.len() > RULES {
        let message = format!("allow has {} ranges, but an app takes {RULES} at most", app.network.allow.len());
        found.error("network.allow", message, "");
    }
    if let Some(domain) = &app.endpoint.domain {
        found.warning(
            "endpoint.domain",
            format!("the domain `{domain}` is no part of what is emitted: Azure wants to see its DNS records first"),
            format!("`az functionapp config hostname add --hostname {domain}` binds it once they are there"),
        );
    }
}

/// What the file says for other targets.
fn elsewhere(found: &mut Findings<'_>) {
    let app = found.app;
    if app.says("resources.architecture") && app.architecture != Architecture::X86_64 {
        found.warning(
            "resources.architecture",
            "architecture is `arm64`, but Azure Functions has x86_64 only, and runs that",
            "",
        );
    }
    if app.scaling.working_hours.is_some() {
        found.warning(
            "scaling.working-hours",
            "working-hours change nothing: an app without requests costs nothing but its `minimum`",
            "",
        );
    }
    if app.alarms.is_some() {
        found.warning(
            "alarms",
            "alarms go to a topic of AWS, so there are none on Azure",
            "set up alerts in Azure Monitor: https://learn.microsoft.com/azure/azure-functions/configure-monitoring",
        );
    }
    let days = app.telemetry.log_retention_days;
    if !RETENTION_DAYS.contains(&days) {
        let (least, most) = (RETENTION_DAYS.start(), RETENTION_DAYS.end());
        let message = format!("log-retention is {days} days, but Log Analytics keeps logs for {least} to {most} days");
        let hint = "see https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure";
        found.error("telemetry.log-retention", message, hint);
    }
}
