//! The part of the Compose specification that is emitted, as types; fields are in the order in which they are printed.
//!
//! It is described at <https://github.com/compose-spec/compose-spec/blob/main/spec.md>.

use std::collections::BTreeMap;

use serde::Serialize;

/// A Compose file. It has no `version`, which means nothing any more.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    pub(super) name: &'a str,
    pub(super) services: BTreeMap<&'static str, Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) networks: BTreeMap<&'static str, Network>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) volumes: BTreeMap<&'static str, Volume>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) secrets: BTreeMap<String, SecretFile>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Service {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) build: Option<Build>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) command: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) depends_on: BTreeMap<&'static str, Dependency>,
    /// In the short form, `ADDRESS:PORT:PORT`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ports: Vec<String>,
    /// The default network where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) networks: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) secrets: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) volumes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) init: Option<bool>,
    pub(super) read_only: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tmpfs: Vec<&'static str>,
    pub(super) cap_drop: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cap_add: Vec<&'static str>,
    pub(super) security_opt: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) healthcheck: Option<Healthcheck>,
    pub(super) deploy: Deploy,
    pub(super) restart: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_grace_period: Option<String>,
    pub(super) logging: Logging,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Build {
    pub(super) context: String,
    /// As seen from the context.
    pub(super) dockerfile: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Dependency {
    pub(super) condition: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Healthcheck {
    pub(super) test: Vec<String>,
    pub(super) interval: String,
    pub(super) timeout: String,
    pub(super) retries: u32,
    pub(super) start_period: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Deploy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replicas: Option<u32>,
    pub(super) resources: Resources,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Resources {
    pub(super) limits: Limits,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Limits {
    pub(super) cpus: String,
    pub(super) memory: String,
    pub(super) pids: u32,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Logging {
    pub(super) driver: &'static str,
    pub(super) options: BTreeMap<&'static str, &'static str>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Network {
    /// Whether nothing outside can be reached from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) internal: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) driver_opts: BTreeMap<&'static str, &'static str>,
}

/// A volume of the project's own.
#[derive(Debug, Serialize)]
pub(super) struct Volume {}

#[derive(Debug, Serialize)]
pub(super) struct SecretFile {
    pub(super) file: String,
}
