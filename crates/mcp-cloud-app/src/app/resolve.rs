//! Completes what the file says: the only place where defaults are.

use std::path::{Path, PathBuf};

use mcp_cloud_contract::DEFAULT_PATH;

use super::{App, Architecture, Authorization, Lambda, Source, Trigger};
use crate::{
    config::{Cargo, Config, Located},
    diagnostic::{Diagnostic, Severity},
};

/// Same work for a fifth less money, and a server without C dependencies needs nothing but the Rust target to be built
/// for it on any machine (<https://aws.amazon.com/lambda/pricing/>).
const ARCHITECTURE: Architecture = Architecture::Arm64;
/// Twice the least: Lambda gives processor time by memory, and a cold start feels it.
const MEMORY_MB: u32 = 256;
/// Long enough for a slow tool, short enough to bound what a client that went away can cost. A trigger that gives up
/// sooner brings its own limit.
const TIMEOUT_SECONDS: u32 = 60;
/// What a person writes when nothing else is said: streaming, no gateway to pay for, up to 15 minutes.
const TRIGGER: Trigger = Trigger::FunctionUrl;
/// Nobody is let in by accident.
const AUTHORIZATION: Authorization = Authorization::Iam;
/// CloudWatch keeps logs for ever unless told otherwise, and charges for it.
const LOG_RETENTION_DAYS: u32 = 30;

/// Builds the app; `None` when something that has no default is missing, which is among the diagnostics then.
pub(super) fn resolve(
    config: Config,
    manifest: &Path,
    manifest_directory: PathBuf,
    package_directory: PathBuf,
    cargo: &Cargo,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<App> {
    let binary = match choose_binary(&config, cargo) {
        Ok(binary) => binary,
        Err((message, hint)) => {
            let position = config.binary.as_ref().map(|binary| binary.position);
            let path = manifest.to_owned();
            diagnostics.push(Diagnostic { severity: Severity::Error, path, position, message, hint });
            return None;
        }
    };
    let name = value(config.name)?;
    let trigger = value(config.trigger).unwrap_or(TRIGGER);
    Some(App {
        description: value(config.description).unwrap_or_else(|| format!("MCP server {name}")),
        name,
        path: value(config.path).unwrap_or_else(|| DEFAULT_PATH.to_owned()),
        manifest_directory,
        package_directory,
        package: cargo.package.clone(),
        binary,
        environment: config.environment,
        tags: config.tags,
        lambda: Lambda {
            architecture: value(config.architecture).unwrap_or(ARCHITECTURE),
            memory_mb: value(config.memory).unwrap_or(MEMORY_MB),
            timeout_seconds: value(config.timeout).unwrap_or(TIMEOUT_SECONDS.min(trigger.longest_reply_seconds())),
            trigger,
            authorization: value(config.authorization).unwrap_or(AUTHORIZATION),
            region: value(config.region),
            log_retention_days: value(config.log_retention).unwrap_or(LOG_RETENTION_DAYS),
            policies: config.policies,
        },
        warnings: Vec::new(),
        source: Source { path: manifest.to_owned(), positions: config.positions },
    })
}

fn value<T>(located: Option<Located<T>>) -> Option<T> {
    located.map(|located| located.value)
}

/// The binary the file names, or the one `cargo run` would run. The error is a message and perhaps a hint.
fn choose_binary(config: &Config, cargo: &Cargo) -> Result<String, (String, Option<String>)> {
    let package = &cargo.package;
    let listed = || cargo.binaries.iter().map(|binary| format!("`{binary}`")).collect::<Vec<_>>().join(", ");
    if let Some(binary) = &config.binary {
        if cargo.binaries.contains(&binary.value) {
            return Ok(binary.value.clone());
        }
        let message = if cargo.binaries.is_empty() {
            format!("binary is `{}`, but the package `{package}` has no binary", binary.value)
        } else {
            format!("binary is `{}`, but the package `{package}` has {}", binary.value, listed())
        };
        return Err((message, None));
    }
    let default = cargo.default_run.as_ref().unwrap_or(package);
    match cargo.binaries.as_slice() {
        [] => Err((format!("the package `{package}` has no binary to deploy, and a server is one"), None)),
        [only] => Ok(only.clone()),
        several if several.contains(default) => Ok(default.clone()),
        _ => Err((
            format!("the package `{package}` has several binaries ({}), and none is named as the server", listed()),
            Some("say which one to deploy: `binary = \"…\"` under `[build]`".to_owned()),
        )),
    }
}
