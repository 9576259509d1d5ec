//! The resolved model: what to deploy, with every default filled in and every path absolute.
//!
//! What is said about a server wherever it runs is in [`sections`], what only one target knows in [`targets`], and the
//! choices are in [`words`]. An `Option` that is left means something by itself, never "the default".

mod load;
mod resolve;
pub mod sections;
pub mod targets;
pub mod words;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use self::{
    load::LoadError,
    sections::{
        Alarms, Auth, Build, CargoBuild, CommandBuild, Endpoint, Health, Network, Scaling, Secret, State, Telemetry,
        WorkingHours,
    },
    targets::{Aws, Azure, AzureFunctions, CloudRun, Compose, Ecs, GithubActions, Google, Lambda},
    words::{
        Architecture, AuthMode, Builder, Egress, Exposure, PipelineTarget, Runtime, SecretDelivery, Sessions, Shift,
        Store, TaskShift, Traces, Trigger,
    },
};
use crate::diagnostic::{Diagnostic, Position, Severity};

/// A server and how it is to be deployed, as its `mcp-cloud.toml` says and the defaults complete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct App {
    /// Names everything that is deployed: the stack, the function, the service. Lower-case letters, digits and hyphens,
    /// at most 49. Where an environment was asked for whose overlay has no name of its own, it ends in the environment's.
    pub name: String,
    /// The environment that was asked for, whose overlay is part of what is said here.
    pub environment_name: Option<String>,
    /// What the server is for, in one line of at most 256 characters; says the name when the file says nothing.
    pub description: String,
    /// Directory of `mcp-cloud.toml`, absolute.
    pub manifest_directory: PathBuf,
    /// What the server is made of.
    pub build: Build,
    /// Where clients find it.
    pub endpoint: Endpoint,
    /// Environment variables of the server, besides those mcp-cloud sets itself.
    pub environment: BTreeMap<String, String>,
    /// Secrets of the server by the variables that bring them.
    pub secrets: BTreeMap<String, Secret>,
    /// Who lets callers in.
    pub auth: Auth,
    /// What outlives a request.
    pub state: State,
    /// What is told about it while it runs.
    pub telemetry: Telemetry,
    /// How many instances there are.
    pub scaling: Scaling,
    /// The processor it runs on where there is a choice; Cloud Run and Azure Functions have x86 only.
    pub architecture: Architecture,
    /// Longest request in seconds.
    pub timeout_seconds: u32,
    /// How its platform finds out that it lives.
    pub health: Health,
    /// Who can reach it, and what it can reach.
    pub network: Network,
    /// Who is told when it fails.
    pub alarms: Option<Alarms>,
    /// Tags of everything that is deployed.
    pub tags: BTreeMap<String, String>,
    /// The account and region for targets of AWS.
    pub aws: Aws,
    /// How it runs on AWS Lambda.
    pub lambda: Lambda,
    /// How it runs on ECS Fargate.
    pub ecs: Ecs,
    /// The project and region for targets of Google Cloud.
    pub google: Google,
    /// How it runs on Cloud Run.
    pub cloud_run: CloudRun,
    /// The location for targets of Azure.
    pub azure: Azure,
    /// How it runs on Azure Functions.
    pub azure_functions: AzureFunctions,
    /// How it runs under Docker Compose.
    pub compose: Compose,
    /// The pipeline that deploys it.
    pub github_actions: GithubActions,
    /// What is odd about the file although it can be used.
    pub warnings: Vec<Diagnostic>,
    source: Source,
}

impl App {
    /// Reads a server's `mcp-cloud.toml`, and the `Cargo.toml` of the package it names.
    ///
    /// `path` is the file, or the directory it is in. Everything that is wrong is reported, not only the first.
    ///
    /// # Errors
    ///
    /// [`LoadError::Missing`] when there is no such file, [`LoadError::Unreadable`] when it cannot be read, and
    /// [`LoadError::Invalid`] with at least one diagnostic when it does not say what it should.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        load::load(path.as_ref(), None)
    }

    /// Reads it as it is for one of its environments: what stands under `[env.NAME]` is laid over the rest.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load), and [`LoadError::NoEnvironment`] when the file has no such environment.
    pub fn load_environment(path: impl AsRef<Path>, environment: &str) -> Result<Self, LoadError> {
        load::load(path.as_ref(), Some(environment))
    }

    /// The names of the environments that a file has, in alphabetical order; none when it is no such file.
    #[must_use]
    pub fn environments(path: impl AsRef<Path>) -> Vec<String> {
        load::environments(path.as_ref())
    }

    /// The cargo package to build, if that is what the server is made of.
    #[must_use]
    pub fn cargo(&self) -> Option<&CargoBuild> {
        match &self.build {
            Build::Cargo(cargo) => Some(cargo),
            Build::Command(_) | Build::Image(_) => None,
        }
    }

    /// The secrets that the server and what it keeps need, by the variables that bring them. A key that the stack makes
    /// itself is none of them.
    #[must_use]
    pub fn needed_secrets(&self) -> BTreeMap<&str, &Secret> {
        crate::target::needed_secrets(self)
    }

    /// Reports something about a key of the file, such as `lambda.timeout`, at the place where it is written; a key that
    /// is not written, at that of the table around it.
    pub(crate) fn diagnostic(&self, severity: Severity, key: &str, message: String) -> Diagnostic {
        let mut name = key;
        let position = loop {
            match (self.source.positions.get(name), name.rsplit_once('.')) {
                (Some(position), _) => break Some(*position),
                (None, Some((table, _))) => name = table,
                (None, None) => break None,
            }
        };
        Diagnostic { severity, path: self.source.path.clone(), position, message, hint: None }
    }

    /// Whether the file itself says something, by its dotted name.
    pub(crate) fn says(&self, key: &str) -> bool {
        self.source.positions.contains_key(key)
    }
}

/// Where the model came from, so that what is found later can still point at a line.
#[derive(Debug, Clone, Default)]
struct Source {
    /// `mcp-cloud.toml` as the person who asked would name it.
    path: PathBuf,
    /// Where each value stands, by its dotted name.
    positions: BTreeMap<String, Position>,
}
