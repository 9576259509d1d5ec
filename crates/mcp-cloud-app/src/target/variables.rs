//! The environment of a server that follows from its app, whatever the target.

use std::collections::BTreeMap;

use mcp_cloud_contract::{DEFAULT_PATH, HEALTH_PATH, SESSIONS_MEMORY, SESSIONS_SEALED, env, platform_env};

use crate::app::{App, Secret, Sessions, Store, Traces};

/// The variables of the file and those that mcp-cloud sets itself, but for what only a target can know: how replies are
/// carried, where the store is, secrets.
pub(super) fn of_server(app: &App) -> BTreeMap<String, String> {
    let mut variables = app.environment.clone();
    let mut set = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned());
    };
    if app.endpoint.path != DEFAULT_PATH {
        set(env::PATH, &app.endpoint.path);
    }
    if app.health.path != HEALTH_PATH {
        set(env::HEALTH_PATH, &app.health.path);
    }
    if !app.endpoint.origins.is_empty() {
        set(env::ALLOWED_ORIGINS, &app.endpoint.origins.join(","));
    }
    match app.state.sessions {
        Sessions::None => {}
        Sessions::Memory => set(env::SESSIONS, SESSIONS_MEMORY),
        Sessions::Sealed => set(env::SESSIONS, SESSIONS_SEALED),
    }
    if let (Traces::Otlp, Some(endpoint)) = (app.telemetry.traces, &app.telemetry.otlp_endpoint) {
        set(platform_env::OTEL_EXPORTER_OTLP_ENDPOINT, endpoint);
        set(platform_env::OTEL_SERVICE_NAME, &app.name);
    }
    variables
}

/// The same for a container: where it listens, and how long a request may take, which nothing else tells it. Somebody in
/// front of it lets callers in, or `auth.mode = "none"` says in words that nobody does, so it listens on every interface
/// of its own network.
pub(super) fn of_container(app: &App) -> BTreeMap<String, String> {
    let mut variables = of_server(app);
    let mut set = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned());
    };
    set(platform_env::PORT, &super::container::PORT.to_string());
    set(env::ALLOW_UNAUTHENTICATED, "1");
    variables.entry(env::REQUEST_TIMEOUT.to_owned()).or_insert_with(|| app.timeout_seconds.to_string());
    variables
}

/// The secrets of the server and of its state by the variables that bring them.
pub(crate) fn secrets(app: &App) -> BTreeMap<&str, &Secret> {
    let mut secrets: BTreeMap<_, _> = app.secrets.iter().map(|(name, secret)| (name.as_str(), secret)).collect();
    if let Some(key) = app.state.sealing_key.as_ref().filter(|_| app.state.needs_sealing_key()) {
        secrets.insert(env::SEALING_KEY, key);
    }
    if let Some(url) = app.state.redis.as_ref().filter(|_| app.state.store == Store::Redis) {
        secrets.insert(env::REDIS_URL, url);
    }
    secrets
}
