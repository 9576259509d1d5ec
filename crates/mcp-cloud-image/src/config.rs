//! The configuration of an image, as it is written: <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>.

use std::collections::BTreeMap;

use mcp_cloud_contract::platform_env::PORT;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Digest, Layer, Platform, Recipe};

/// The document. What a base image says and nobody here knows is passed on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ImageConfig {
    #[serde(default)]
    pub(crate) created: String,
    pub(crate) architecture: String,
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) config: RunConfig,
    pub(crate) rootfs: RootFs,
    #[serde(default)]
    history: Vec<History>,
    /// Such as `variant`.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// How it is run. `Healthcheck` is Docker's: <https://github.com/moby/docker-image-spec/blob/v1.3.1/specs-go/v1/image.go>.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RunConfig {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exposed_ports: Option<BTreeMap<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    env: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entrypoint: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    working_dir: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    healthcheck: Option<HealthCheck>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Times are in nanoseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthCheck {
    test: Vec<String>,
    #[serde(default)]
    interval: u64,
    #[serde(default)]
    timeout: u64,
    #[serde(default)]
    start_period: u64,
    #[serde(default)]
    retries: u32,
}

/// What the layers unpack to, the lowest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RootFs {
    #[serde(rename = "type")]
    kind: String,
    pub(crate) diff_ids: Vec<Digest>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".to_owned(), diff_ids: Vec::new() }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct History {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    created: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    created_by: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    empty_layer: bool,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Who built a layer, in the history.
const BUILDER: &str = concat!("mcp-cloud ", env!("CARGO_PKG_VERSION"));
const SECOND: u64 = 1_000_000_000;

impl ImageConfig {
    /// The configuration of an image without a base.
    pub(crate) fn new(platform: Platform) -> Self {
        Self { architecture: platform.architecture().to_owned(), os: "linux".to_owned(), ..Self::default() }
    }

    /// The same image with these layers on top of it, run as the recipe says.
    pub(crate) fn with(mut self, layers: &[Layer], recipe: &Recipe) -> Self {
        let created = recipe.timestamp();
        self.rootfs.diff_ids.extend(layers.iter().map(|layer| layer.diff_id.clone()));
        self.history.extend(layers.iter().map(|layer| History {
            created: created.clone(),
            created_by: format!("{BUILDER}: {}", layer.purpose),
            ..History::default()
        }));
        self.created = created;
        self.config = self.config.with(recipe);
        self
    }
}

impl RunConfig {
    /// The value of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.env.iter().flatten().filter_map(|line| line.split_once('='));
        variables.find(|(its, _)| *its == name).map(|(_, value)| value)
    }

    fn with(mut self, recipe: &Recipe) -> Self {
        self.user.clone_from(&recipe.user);
        let ports = self.exposed_ports.get_or_insert_default();
        ports.insert(format!("{}/tcp", recipe.port), Value::Object(serde_json::Map::new()));
        let port = (PORT.to_owned(), recipe.port.to_string());
        for (name, value) in recipe.environment.clone().into_iter().chain([port]) {
            set(self.env.get_or_insert_default(), &name, &value);
        }
        self.entrypoint = Some(recipe.entrypoint.clone());
        // The base image's are arguments of the base image's entrypoint.
        self.cmd = None;
        if let Some(directory) = &recipe.working_directory {
            self.working_dir.clone_from(directory);
        }
        self.labels.get_or_insert_default().extend(recipe.labels.clone());
        self.healthcheck = recipe.health.as_ref().map(|health| HealthCheck {
            test: std::iter::once("CMD".to_owned()).chain(health.command.iter().cloned()).collect(),
            interval: u64::from(health.interval_seconds) * SECOND,
            timeout: u64::from(health.timeout_seconds) * SECOND,
            start_period: u64::from(health.start_seconds) * SECOND,
            retries: health.retries,
        });
        self
    }
}

/// Sets a variable in a list of `NAME=value`, where it stands or at the end.
fn set(environment: &mut Vec<String>, name: &str, value: &str) {
    let line = format!("{name}={value}");
    match environment.iter_mut().find(|line| line.split('=').next() == Some(name)) {
        Some(old) => *old = line,
        None => environment.push(line),
    }
}
