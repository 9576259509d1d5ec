//! Completes what the file says: the only place where defaults are, and where keys are held against each other whatever
//! the target.

mod build;
mod environment;
mod sections;
mod targets;

use std::{collections::BTreeMap, path::Path};

use super::{App, Source, words::Architecture};
use crate::{
    config::{Config, Table, plain},
    diagnostic::{Diagnostic, Position, Severity},
};

/// The longest name Cloud Run takes; no other platform is stricter.
const MAX_NAME: usize = 49;

/// What has been found so far, and where each key stands.
struct Findings<'a> {
    path: &'a Path,
    positions: BTreeMap<String, Position>,
    diagnostics: Vec<Diagnostic>,
    /// Whether what is read is the file with the overlay of an environment.
    overlaid: bool,
}

impl Findings<'_> {
    /// Reports something about a key by its dotted name; one that is not there stands nowhere.
    fn report(&mut self, severity: Severity, key: &str, message: String, hint: Option<&str>) {
        self.diagnostics.push(Diagnostic {
            severity,
            path: self.path.to_owned(),
            position: self.positions.get(key).copied(),
            message,
            hint: hint.map(str::to_owned),
        });
    }

    fn error(&mut self, key: &str, message: impl Into<String>, hint: Option<&str>) {
        self.report(Severity::Error, key, message.into(), hint);
    }

    /// Reports a key that says nothing beside what another one says. An overlay can change the other key but take none
    /// away, so there it is only worth knowing.
    fn idle(&mut self, key: &str, message: impl Into<String>) {
        let severity = if self.overlaid { Severity::Warning } else { Severity::Error };
        self.report(severity, key, message.into(), None);
    }
}

/// Builds the app; nothing comes out when something that has no default is missing, which is among the diagnostics then.
pub(super) fn resolve(
    config: &Config,
    manifest: &Path,
    manifest_directory: &Path,
    environment: Option<&str>,
    diagnostics: Vec<Diagnostic>,
) -> (Option<App>, Vec<Diagnostic>) {
    let mut findings =
        Findings { path: manifest, positions: config.table.positions(), diagnostics, overlaid: environment.is_some() };
    let suffix = environment.filter(|_| !config.overlay_names);
    let name = name(&config.table, suffix, &mut findings);
    let app = app(&config.table, name, manifest_directory, environment, &mut findings);
    (app, findings.diagnostics)
}

fn app(
    config: &Table,
    name: Option<String>,
    manifest_directory: &Path,
    environment_name: Option<&str>,
    findings: &mut Findings<'_>,
) -> Option<App> {
    let resources = config.table("resources");
    let architecture = choice(resources, "architecture", Architecture::from_word).unwrap_or(Architecture::Arm64);
    let memory_mb = resources.number("memory");
    let build = build::build(config, manifest_directory, findings);
    let health = sections::health(config);
    let endpoint = sections::endpoint(config, &health, findings);
    let scaling = sections::scaling(config, findings);
    let state = sections::state(config, &scaling, findings);
    let environment = environment::environment(config, findings);
    let secrets = environment::secrets(config, findings);
    let auth = sections::auth(config, findings);
    let telemetry = sections::telemetry(config, findings);
    let network = sections::network(config, findings);
    let alarms = sections::alarms(config, findings);
    let timeout_seconds = resources.number("timeout").unwrap_or(sections::TIMEOUT_SECONDS);
    let (name, build) = (name?, build?);
    Some(App {
        description: config.text("description").map_or_else(|| format!("MCP server {name}"), str::to_owned),
        environment_name: environment_name.map(str::to_owned),
        manifest_directory: manifest_directory.to_owned(),
        lambda: targets::lambda(config, &scaling, memory_mb, timeout_seconds),
        ecs: targets::ecs(config, &scaling, memory_mb, timeout_seconds),
        cloud_run: targets::cloud_run(config, &scaling, memory_mb, timeout_seconds),
        azure_functions: targets::azure_functions(config, &scaling, memory_mb),
        compose: targets::compose(config, memory_mb),
        aws: targets::aws(config),
        google: targets::google(config),
        azure: targets::azure(config),
        github_actions: targets::github_actions(config),
        tags: config.map("tags"),
        name,
        build,
        endpoint,
        environment,
        secrets,
        auth,
        state,
        telemetry,
        scaling,
        architecture,
        timeout_seconds,
        health,
        network,
        alarms,
        warnings: Vec::new(),
        source: Source { path: findings.path.to_owned(), positions: findings.positions.clone() },
    })
}

/// The name, with that of the environment where the overlay has none of its own.
fn name(config: &Table, suffix: Option<&str>, findings: &mut Findings<'_>) -> Option<String> {
    let Some(name) = config.text("name") else {
        // A name that is there and wrong has been reported already.
        let wrong = findings.diagnostics.iter().any(|found| found.message.starts_with("name "));
        if !wrong {
            let hint = Some("begin it with a line such as `name = \"my-server\"`".to_owned());
            let (path, position) = (findings.path.to_owned(), Some(Position { line: 1, column: 1 }));
            let message = "the file does not name the server".to_owned();
            findings.diagnostics.push(Diagnostic { severity: Severity::Error, path, position, message, hint });
        }
        return None;
    };
    let Some(suffix) = suffix else { return Some(name.to_owned()) };
    let whole = format!("{name}-{suffix}");
    if whole.len() > MAX_NAME {
        let message = format!(
            "name is `{}`, which with that of the environment has {} characters, but Cloud Run takes {MAX_NAME} at most",
            plain(name),
            whole.len()
        );
        findings.error("name", message, Some("shorten it, or give the overlay a `name` of its own"));
        return None;
    }
    Some(whole)
}

/// The choice that a key says.
fn choice<T>(table: &Table, key: &str, from_word: impl Fn(&str) -> Option<T>) -> Option<T> {
    table.text(key).and_then(from_word)
}
