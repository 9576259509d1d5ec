//! The keys of `mcp-cloud.toml`, and what each may say.
//!
//! What holds for a key wherever the server is deployed is decided here; what depends on the target or on another key is
//! the target's `limits`.

use std::collections::BTreeMap;

use mcp_cloud_contract::{HEALTH_PATH, env};

use super::{
    Config,
    reader::{Keys, Located, Reader, Table, plain},
};
use crate::{
    app::{Architecture, Authorization, Trigger},
    diagnostic::{Position, Severity},
};

/// Every table with fixed keys, by its name.
const KEYS: [(&str, Keys); 3] = [
    ("", &["name", "description", "path", "build", "lambda", "environment", "tags"]),
    ("build", &["directory", "binary"]),
    (
        "lambda",
        &["trigger", "authorization", "architecture", "memory", "timeout", "region", "log-retention", "policies"],
    ),
];

/// The longest name Cloud Run takes; no other platform is stricter.
const MAX_NAME: usize = 49;
/// Lambda's limit, the strictest.
const MAX_DESCRIPTION: usize = 256;

/// The periods CloudWatch Logs offers, in days
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Reads the whole document.
pub(super) fn config(reader: &mut Reader<'_>, root: Table<'_>) -> Config {
    let mut config = Config {
        name: name(reader, root),
        description: description(reader, root),
        path: endpoint_path(reader, root),
        ..Config::default()
    };
    only(reader, root, "");
    if let Some(build) = reader.table(root, "build") {
        only(reader, build, "build");
        config.build_directory = non_empty(reader, build, "directory");
        config.binary = non_empty(reader, build, "binary");
    }
    if let Some(table) = reader.table(root, "lambda") {
        only(reader, table, "lambda");
        lambda(reader, table, &mut config);
    }
    config.environment = environment(reader, root);
    config.tags = reader.map(root, "tags").into_iter().map(|(key, tag)| (key, tag.value)).collect();
    config.positions = reader.take_positions();
    config
}

fn only(reader: &mut Reader<'_>, table: Table<'_>, name: &str) {
    let known = KEYS.iter().find(|(table, _)| *table == name).map_or(&[] as Keys, |(_, keys)| *keys);
    reader.only(table, known, &KEYS);
}

fn lambda(reader: &mut Reader<'_>, table: Table<'_>, config: &mut Config) {
    config.trigger = reader.choice(table, "trigger", &Trigger::ALL.map(|trigger| (trigger.as_str(), trigger)));
    let authorizations = [Authorization::Iam, Authorization::None].map(|choice| (choice.as_str(), choice));
    config.authorization = reader.choice(table, "authorization", &authorizations);
    let architectures = [Architecture::Arm64, Architecture::X86_64].map(|choice| (choice.as_str(), choice));
    config.architecture = reader.choice(table, "architecture", &architectures);
    // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    config.memory = reader.number(table, "memory", (" MB", "Lambda takes", 128..=10_240));
    config.timeout = reader.number(table, "timeout", (" s", "Lambda takes", 1..=900));
    config.region = region(reader, table);
    config.log_retention = log_retention(reader, table);
    config.policies = policies(reader, table);
}

fn name(reader: &mut Reader<'_>, root: Table<'_>) -> Option<Located<String>> {
    let Some(name) = reader.string(root, "name") else {
        if !reader.has(root, "name") {
            let hint = "begin it with a line such as `name = \"my-server\"`".to_owned();
            let message = "the file does not name the server".to_owned();
            reader.report(Severity::Error, Some(Position { line: 1, column: 1 }), message, Some(hint));
        }
        return None;
    };
    let text = &name.value;
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let right = text.len() <= MAX_NAME
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(allowed)
        && !text.ends_with('-');
    right.then_some(()).or_else(|| {
        let message = format!(
            "name is `{}`, but has to be 1 to {MAX_NAME} lower-case letters, digits and hyphens, begin with a letter and \
             not end in a hyphen",
            plain(text)
        );
        reader.error(name.position, message, None);
        None
    })?;
    Some(name)
}

fn description(reader: &mut Reader<'_>, root: Table<'_>) -> Option<Located<String>> {
    let description = reader.string(root, "description")?;
    let length = description.value.chars().count();
    if length > MAX_DESCRIPTION {
        let message = format!("description has {length} characters, but Lambda takes at most {MAX_DESCRIPTION}");
        reader.error(description.position, message, None);
        return None;
    }
    if description.value.chars().any(char::is_control) {
        let message = "description has a line break or another control character, but has to be one line".to_owned();
        reader.error(description.position, message, None);
        return None;
    }
    Some(description)
}

/// The path becomes a route of a gateway, part of a URL and an environment variable: only what means itself in all
/// three is allowed.
fn endpoint_path(reader: &mut Reader<'_>, root: Table<'_>) -> Option<Located<String>> {
    let path = reader.string(root, "path")?;
    let right = path.value.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|segment| {
            let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(allowed)
        })
    });
    let message = if !right || path.value.len() > 128 {
        format!(
            "path is `{}`, but has to be like `/mcp`: a slash before each part, parts of letters, digits, `-`, `_` and `.`",
            plain(&path.value)
        )
    } else if path.value == HEALTH_PATH {
        format!("path is `{HEALTH_PATH}`, but that is where the server says that it is alive")
    } else {
        return Some(path);
    };
    reader.error(path.position, message, None);
    None
}

fn non_empty(reader: &mut Reader<'_>, table: Table<'_>, key: &str) -> Option<Located<String>> {
    let text = reader.string(table, key)?;
    if text.value.is_empty() || text.value.chars().any(char::is_control) {
        let message = format!("{key} is `{}`, and should name something, or not be there", plain(&text.value));
        reader.error(text.position, message, None);
        return None;
    }
    Some(text)
}

fn region(reader: &mut Reader<'_>, table: Table<'_>) -> Option<Located<String>> {
    let region = reader.string(table, "region")?;
    let parts: Vec<_> = region.value.split('-').collect();
    let right = match parts.as_slice() {
        [area, middle @ .., number] => {
            (2..=4).contains(&area.len())
                && !middle.is_empty()
                && parts.len() <= 5
                && [*area].iter().chain(middle).all(|part| {
                    !part.is_empty() && part.len() <= 12 && part.chars().all(|letter| letter.is_ascii_lowercase())
                })
                && (1..=2).contains(&number.len())
                && number.chars().all(|digit| digit.is_ascii_digit())
        }
        _ => false,
    };
    if !right {
        let message = format!("region is `{}`, but has to be like `eu-central-1`", plain(&region.value));
        reader.error(region.position, message, None);
        return None;
    }
    Some(region)
}

fn log_retention(reader: &mut Reader<'_>, table: Table<'_>) -> Option<Located<u32>> {
    let days = reader.number(table, "log-retention", (" days", "CloudWatch Logs takes", 1..=3653))?;
    if RETENTION_DAYS.contains(&days.value) {
        return Some(days);
    }
    let next = RETENTION_DAYS.into_iter().find(|period| *period > days.value).unwrap_or(1);
    let message = format!(
        "log-retention is {} days, but CloudWatch Logs has no such period; the next longer one is {next} days",
        days.value
    );
    reader.error(days.position, message, None);
    None
}

fn policies(reader: &mut Reader<'_>, table: Table<'_>) -> Vec<String> {
    let mut policies = Vec::new();
    for policy in reader.strings(table, "policies") {
        let right = policy.value.strip_prefix("arn:").is_some_and(|rest| {
            rest.contains(":iam::") && rest.contains(":policy/") && rest.chars().all(|letter| letter.is_ascii_graphic())
        });
        if right {
            policies.push(policy.value);
        } else {
            let message = format!(
                "the policy `{}` is not the ARN of a managed policy, such as `arn:aws:iam::123456789012:policy/read-notes`",
                plain(&policy.value)
            );
            reader.error(policy.position, message, None);
        }
    }
    policies
}

fn environment(reader: &mut Reader<'_>, root: Table<'_>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for (key, Located { value, position }) in reader.map(root, "environment") {
        if let Some(message) = reserved(&key) {
            reader.error(position, message, None);
            continue;
        }
        if looks_secret(&key) && !value.is_empty() && !value.starts_with("{{resolve:") {
            let message = format!(
                "`{}` looks like a secret, and everyone who may read this file, the template or the function's settings \
                 can read its value",
                plain(&key)
            );
            let hint = "keep it in AWS Secrets Manager, and tell the server only its ARN";
            reader.report(Severity::Warning, Some(position), message, Some(hint.to_owned()));
        }
        environment.insert(key, value);
    }
    environment
}

/// Why a variable of mcp-cloud's own is not to be set by hand.
fn reserved(key: &str) -> Option<String> {
    const FREE: [&str; 3] = [env::ALLOWED_HOSTS, env::ALLOWED_ORIGINS, env::ALLOW_UNAUTHENTICATED];
    match key {
        env::RESPONSE_MODE => Some(format!("`{key}` follows from the trigger, and is set by mcp-cloud itself")),
        env::PATH => Some(format!("`{key}` is set by mcp-cloud itself; use `path` at the top of the file")),
        env::STDIO => {
            Some(format!("`{key}` would make the deployed server read its standard input instead of serving"))
        }
        _ if key.starts_with("MCP_CLOUD_") && !FREE.contains(&key) => {
            Some(format!("mcp-cloud has no variable `{}`; it has `{}`", plain(key), FREE.join("`, `")))
        }
        _ => None,
    }
}

/// Whether a variable's name says that its value is a secret, and not where a secret is.
fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    let secret =
        ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "PRIVATE_KEY", "ACCESS_KEY", "CREDENTIAL"];
    let place = ["_ARN", "_NAME", "_ID", "_URL", "_URI", "_PATH", "_FILE", "_TTL", "_HEADER"];
    secret.iter().any(|word| key.contains(word)) && !place.iter().any(|end| key.ends_with(end))
}
