//! What an image says about itself and how it is run; the same, in effect, as the emitted Dockerfile says.

use std::collections::BTreeMap;

use mcp_cloud_contract::DEFAULT_PORT;

use crate::time::timestamp;

/// Where the program of a cargo package is in the image.
pub const SERVER: &str = "/server";
/// Where the program is that serves a command.
pub const BRIDGE: &str = "/usr/local/bin/mcp-bridge";
/// The directory of a command's files.
pub const APP: &str = "/app";
/// Where programs look for whom to trust over TLS.
pub(crate) const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Nobody whom an image or a host knows, by number, so that a platform can see that it is not root.
const USER: &str = "65532:65532";

/// How an image is run, and what is said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The program and its arguments.
    pub entrypoint: Vec<String>,
    /// The user and group that it runs as, by number.
    pub user: String,
    /// Where it starts; the base image's choice, or `/`, if there is none.
    pub working_directory: Option<String>,
    /// The port it listens on.
    pub port: u16,
    /// Variables besides `PORT`; they replace those of the base image.
    pub environment: BTreeMap<String, String>,
    /// What answers with its exit status whether the server lives.
    pub health: Option<Health>,
    /// Labels of the image, and annotations of its manifests: `org.opencontainers.image.title` and the like
    /// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md>).
    pub labels: BTreeMap<String, String>,
    /// When it was made, in seconds since 1970: the time of the commit, `SOURCE_DATE_EPOCH`, or zero. The clock would make
    /// another image of the same sources.
    pub created: u64,
}

/// How often a container is asked whether it lives, as Docker's `HEALTHCHECK` says it. ECS does not read this from an
/// image; its task definition says it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Seconds between two questions.
    pub interval_seconds: u32,
    /// Seconds that an answer may take.
    pub timeout_seconds: u32,
    /// Seconds after the start in which failures do not count.
    pub start_seconds: u32,
    /// How many failures in a row make it unhealthy.
    pub retries: u32,
}

impl Health {
    fn of(program: &str) -> Self {
        let command = vec![program.to_owned(), "--health".to_owned()];
        Self { command, interval_seconds: 30, timeout_seconds: 5, start_seconds: 10, retries: 3 }
    }
}

impl Recipe {
    /// The recipe of a program that needs nothing else.
    #[must_use]
    pub fn server(title: &str) -> Self {
        Self::new(title, vec![SERVER.to_owned()], SERVER)
    }

    /// The recipe of a command behind the bridge.
    #[must_use]
    pub fn command(title: &str, command: &[String]) -> Self {
        let bridge = [BRIDGE, "--"].map(str::to_owned);
        let recipe = Self::new(title, bridge.iter().chain(command).cloned().collect(), BRIDGE);
        Self { working_directory: Some(APP.to_owned()), ..recipe }
    }

    /// Adds a label of the group `org.opencontainers.image`, such as `description`, `revision` or `source`.
    #[must_use]
    pub fn with_label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(format!("org.opencontainers.image.{key}"), value.to_owned());
        self
    }

    fn new(title: &str, entrypoint: Vec<String>, program: &str) -> Self {
        let recipe = Self {
            entrypoint,
            user: USER.to_owned(),
            working_directory: None,
            port: DEFAULT_PORT,
            environment: BTreeMap::new(),
            health: Some(Health::of(program)),
            labels: BTreeMap::new(),
            created: 0,
        };
        recipe.with_label("title", title)
    }

    /// [`created`](Self::created) as documents write it.
    pub(crate) fn timestamp(&self) -> String {
        timestamp(self.created)
    }
}
