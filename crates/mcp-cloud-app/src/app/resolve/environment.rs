//! `[environment]` and `[secrets]`: what the server finds in its environment.

use std::collections::BTreeMap;

use mcp_cloud_contract::env;

use super::Findings;
use crate::{
    app::sections::Secret,
    config::{Table, plain},
    diagnostic::Severity,
};

pub(super) fn environment(config: &Table, findings: &mut Findings<'_>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for (key, value) in config.map("environment") {
        let place = format!("environment.{key}");
        if let Some(message) = reserved(&key) {
            findings.error(&place, message, None);
            continue;
        }
        if let Some(severity) = secrecy(&key, &value) {
            let message = format!(
                "`{}` looks like a secret, and everyone who may read this file, what is emitted from it or the settings \
                 of what is deployed can read its value",
                plain(&key)
            );
            let hint = "keep it where the platform keeps secrets, and name that place under `[secrets]`";
            findings.report(severity, &place, message, Some(hint));
        }
        environment.insert(key, value);
    }
    environment
}

pub(super) fn secrets(config: &Table, findings: &mut Findings<'_>) -> BTreeMap<String, Secret> {
    let table = config.table("secrets");
    let mut secrets = BTreeMap::new();
    for key in table.0.keys() {
        let place = format!("secrets.{key}");
        if let Some(message) = reserved(key) {
            findings.error(&place, message, None);
        }
        if config.table("environment").get(key).is_some() {
            let message = format!("`{}` is under `[environment]`, too", plain(key));
            findings.error(&place, message, None);
        }
        secrets.insert(key.clone(), secret(table, key, &place, findings));
    }
    secrets
}

/// Reads where a secret is kept. At least one place has to be named.
pub(super) fn secret(table: &Table, key: &str, place: &str, findings: &mut Findings<'_>) -> Secret {
    let table = table.table(key);
    let text = |key: &str| table.text(key).map(str::to_owned);
    let secret = Secret {
        aws: text("aws"),
        key: text("key"),
        google: text("google"),
        google_version: text("google-version").unwrap_or_else(|| "1".to_owned()),
        azure: text("azure"),
        file: text("file"),
    };
    if secret.aws.is_none() && secret.google.is_none() && secret.azure.is_none() && secret.file.is_none() {
        // A reference that is there and wrong has been reported already.
        let message = format!("the secret `{}` is kept nowhere", plain(key));
        findings.error(place, message, Some("name at least one place: `aws`, `google`, `azure` or `file`"));
    }
    if let (Some(_), None) = (&secret.key, &secret.aws) {
        let message =
            format!("the secret `{}` has a `key`, which is a member of an AWS secret, and none of those", plain(key));
        findings.error(&format!("{place}.key"), message, None);
    }
    if let Some(file) = &secret.file
        && file.split('/').any(|part| part == "..")
    {
        let message = format!("the file `{}` lies outside of the directory of this file", plain(file));
        findings.report(Severity::Error, &format!("{place}.file"), message, None);
    }
    secret
}

/// Why a variable of mcp-cloud's own is not to be set by hand.
fn reserved(key: &str) -> Option<String> {
    const FREE: [&str; 2] = [env::ALLOWED_HOSTS, env::REQUEST_TIMEOUT];
    let instead = match key {
        env::RESPONSE_MODE => return Some(format!("`{key}` follows from the trigger, and is set by mcp-cloud itself")),
        env::STDIO => {
            return Some(format!("`{key}` would make the deployed server read its standard input instead of serving"));
        }
        env::PATH => "`path` under `[endpoint]`",
        env::HEALTH_PATH => "`path` under `[health]`",
        env::STOP_TIMEOUT => "`stop-timeout` under `[ecs]`",
        env::IDLE_TIMEOUT => "`idle-timeout` under `[ecs]`",
        env::ALLOWED_ORIGINS => "`origins` under `[endpoint]`",
        env::ALLOW_UNAUTHENTICATED => "`mode` under `[auth]`",
        env::SESSIONS => "`sessions` under `[state]`",
        _ if key.starts_with("MCP_CLOUD_") && !FREE.contains(&key) => {
            return Some(format!("mcp-cloud has no variable `{}` to be set by hand", plain(key)));
        }
        _ => return None,
    };
    Some(format!("`{key}` is set by mcp-cloud itself; use {instead}"))
}

/// How sure it is that a variable's value is a secret: an error where its name ends in a word for one, or the value is of
/// a kind that only secrets are; a warning where such a word is anywhere in the name. The place of a secret is none, nor
/// is a number.
fn secrecy(key: &str, value: &str) -> Option<Severity> {
    const WORDS: [&str; 11] = [
        "SECRET",
        "TOKEN",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "API_KEY",
        "APIKEY",
        "PRIVATE_KEY",
        "ACCESS_KEY",
        "CREDENTIAL",
        "CREDENTIALS",
    ];
    const PLACES: [&str; 11] =
        ["_ARN", "_NAME", "_ID", "_URL", "_URI", "_PATH", "_FILE", "_TTL", "_HEADER", "_ENDPOINT", "_TYPE"];
    if value.is_empty()
        || value.starts_with("{{resolve:")
        || value.parse::<f64>().is_ok()
        || value.parse::<bool>().is_ok()
    {
        return None;
    }
    let key = key.to_ascii_uppercase();
    if looks_secret(value) || WORDS.iter().any(|word| key.ends_with(word)) {
        return Some(Severity::Error);
    }
    let named = WORDS.iter().any(|word| key.contains(word)) && !PLACES.iter().any(|end| key.ends_with(end));
    named.then_some(Severity::Warning)
}

/// Whether text is of a kind that only secrets are: keys and tokens with the prefixes their issuers gave them so that
/// they can be found, and passwords in URLs.
fn looks_secret(value: &str) -> bool {
    const PREFIXES: [&str; 13] = [
        "AKIA",
        "ASIA",
        "AIza",
        "ghp_",
        "gho_",
        "ghs_",
        "github_pat_",
        "glpat-",
        "sk-",
        "sk_live_",
        "xoxb-",
        "xoxp-",
        "-----BEGIN",
    ];
    let prefixed = PREFIXES.iter().any(|prefix| value.starts_with(prefix) && value.len() >= prefix.len() + 16);
    let password = value.split_once("://").and_then(|(_, rest)| rest.split_once('@')).is_some_and(|(user, _)| {
        !user.contains('/') && user.split_once(':').is_some_and(|(_, password)| !password.is_empty())
    });
    prefixed || password
}
