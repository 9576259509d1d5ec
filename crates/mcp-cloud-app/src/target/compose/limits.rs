//! What Docker Compose takes, and what nothing under it does.

use mcp_cloud_contract::{env, platform_env};

use super::lower;
use crate::{
    app::{App, AuthMode, Build, Egress, Exposure, Runtime, Store, Traces},
    diagnostic::Diagnostic,
    target::findings::Findings,
};

/// The port over which the proxy's certificate is asked for
/// (<https://caddyserver.com/docs/automatic-https#http-challenge>).
const HTTP: u16 = 80;
/// What Node.js or Python needs to start, with a little for the program and for `mcp-bridge`.
const RUNTIME_MEMORY_MB: u32 = 128;
/// Labels that Compose keeps for itself and refuses
/// (<https://docs.docker.com/reference/compose-file/services/#labels>).
const RESERVED_LABELS: &str = "com.docker.compose";

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Findings::new(app);
    callers(&mut found);
    proxy(&mut found);
    secrets(&mut found);
    environment(&mut found);
    elsewhere(&mut found);
    size(&mut found);
    found.found
}

/// Who calls is nobody's to ask here: a server that thinks it is guarded would not be.
fn callers(found: &mut Findings<'_>) {
    let app = found.app;
    let mode = app.auth.mode.as_str();
    match app.auth.mode {
        AuthMode::Jwt | AuthMode::Cognito => {
            let message = format!("mode is `{mode}`, but nothing under Compose checks tokens");
            let hint =
                "write `mode = \"platform\"` under `[env.compose.auth]`: then only this machine reaches the server";
            found.error("auth.mode", message, hint);
        }
        AuthMode::Platform if app.says("network.exposure") && app.network.exposure == Exposure::Public => {
            let message = "exposure is `public`, but mode is `platform`, and Compose has nothing that asks who calls";
            let hint = "leave `exposure` out, so that only this machine reaches the server, or say `mode = \"none\"` under `[auth]`";
            found.error("network.exposure", message, hint);
        }
        AuthMode::Platform if app.compose.tls => {
            let message = "a proxy for everyone would be in front of a server whose mode is `platform`, and Compose has \
                           nothing that asks who calls";
            found.error(
                "compose.tls",
                message,
                "say `mode = \"none\"` under `[auth]` if everyone may call, or leave `tls` out",
            );
        }
        AuthMode::Platform | AuthMode::None => {}
    }
    if app.network.waf {
        let message = "waf is a firewall of AWS, and Compose has none";
        found.error("network.waf", message, "write `waf = false` under `[env.compose.network]`");
    }
    if !app.network.allow.is_empty() && lower::is_public(app) && !app.compose.tls {
        let message = "allow names who may call, but without a proxy everyone may";
        found.error("network.allow", message, "write `tls = true` under `[compose]`: its proxy looks who calls");
    }
}

fn proxy(found: &mut Findings<'_>) {
    let app = found.app;
    if !app.compose.tls {
        if let Some(replicas) = lower::replicas(app) {
            let message = format!("minimum is {replicas}, but one port of this machine can belong to one server only");
            let hint = "write `tls = true` under `[compose]`: its proxy shares requests out; or `minimum = 1` under `[env.compose.scaling]`";
            found.error("scaling.minimum", message, hint);
        }
        return;
    }
    if app.endpoint.domain.is_none() {
        let message = "the proxy needs a name to get a certificate for, and there is no `domain`";
        found.error("compose.tls", message, "write `domain = \"…\"` under `[endpoint]`");
    }
    if lower::https_port(app) == HTTP {
        let message = format!("port is {HTTP}, which the proxy needs to get its certificate");
        found.error("compose.port", message, "leave it out: the proxy speaks TLS on port 443");
    }
    if app.network.exposure == Exposure::Private {
        let message = "exposure is `private`, but the proxy faces the internet, where its certificate comes from";
        found.error("network.exposure", message, "leave `tls` out: then only this machine reaches the server");
    }
}

fn secrets(found: &mut Findings<'_>) {
    let app = found.app;
    const HINT: &str = "name a file beside this one: `file = \"secrets/…\"`, and keep it out of the repository";
    for (name, secret) in &app.secrets {
        if secret.file.is_none() {
            let message = format!("the secret `{name}` is in no file, and Compose brings secrets from nowhere else");
            found.error(&format!("secrets.{name}"), message, HINT);
        }
    }
    let sealing_key = app.state.sealing_key.as_ref().and_then(|secret| secret.file.as_ref());
    if app.state.needs_sealing_key() && sealing_key.is_none() {
        let message = "sessions are sealed, but no file has the key, and Compose makes none";
        let hint = "name one: `sealing-key = { file = \"secrets/…\" }` under `[state]`";
        found.error("state.sessions", message, hint);
    }
    if let (Build::Cargo(_) | Build::Image(_), Some(name)) = (&app.build, app.secrets.keys().next()) {
        let message = format!("Compose brings secrets as files: `{name}` is in the file that `{name}_FILE` names");
        let hint = "let the server read that file where there is one; user 65532 has to be allowed to";
        found.warning(&format!("secrets.{name}"), message, hint);
    }
}

fn environment(found: &mut Findings<'_>) {
    let app = found.app;
    if app.environment.contains_key(platform_env::PORT) {
        let message = "`PORT` is set by mcp-cloud itself; use `port` under `[compose]`";
        found.error("environment.PORT", message, "");
    }
    for name in lower::secrets(app).keys() {
        let file = format!("{name}{}", env::FILE_SUFFIX);
        if app.environment.contains_key(&file) {
            let message = format!("`{file}` names the file of the secret `{name}`, and is set by mcp-cloud itself");
            found.error(&format!("environment.{file}"), message, "");
        }
    }
    for key in app.tags.keys().filter(|key| key.starts_with(RESERVED_LABELS)) {
        let message =
            format!("the tag `{}` begins with `{RESERVED_LABELS}`, which Compose keeps for itself", key.escape_debug());
        found.error(&format!("tags.{key}"), message, "");
    }
}

/// What there is on other platforms.
fn elsewhere(found: &mut Findings<'_>) {
    let app = found.app;
    if app.state.store == Store::DynamoDb {
        let message = "store is `dynamodb`, which is on AWS alone";
        let hint = "write `store = \"redis\"` under `[env.compose.state]`: Compose brings a server of its own";
        found.error("state.store", message, hint);
    }
    match app.telemetry.traces {
        Traces::Platform => {
            let message = "traces go to what the platform has for them, and Compose has nothing: there will be none";
            let hint =
                "write `traces = \"otlp\"` and the `otlp-endpoint` of a collector under `[env.compose.telemetry]`";
            found.warning("telemetry.traces", message, hint);
        }
        Traces::Otlp if app.network.egress == Egress::Platform => {
            let message = "traces go to a collector, but egress is `platform`, and the server reaches nothing outside";
            found.warning("telemetry.traces", message, "");
        }
        Traces::Otlp | Traces::None => {}
    }
}

fn size(found: &mut Findings<'_>) {
    let app = found.app;
    let Build::Command(command) = &app.build else { return };
    let memory = app.compose.memory_mb;
    if command.runtime != Runtime::None && memory < RUNTIME_MEMORY_MB {
        let runtime = command.runtime.as_str();
        let message = format!(
            "memory is {memory} MiB, but a command of the runtime `{runtime}` needs {RUNTIME_MEMORY_MB} to start"
        );
        found.error("compose.memory", message, "");
    }
}
