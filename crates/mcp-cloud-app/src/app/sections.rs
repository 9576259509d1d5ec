//! What is said about a server wherever it runs.

use std::path::PathBuf;

use super::words::{AuthMode, Builder, Egress, Exposure, Runtime, Sessions, Store, Traces};

/// What a server is made of: the section `[build]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Build {
    /// A binary of a cargo package, which serves by itself.
    Cargo(CargoBuild),
    /// A command that speaks MCP over standard input and output, behind `mcp-bridge`.
    Command(CommandBuild),
    /// An image that is there already and listens on `PORT`.
    Image(String),
}

/// A binary of a cargo package.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CargoBuild {
    /// Directory of the package's `Cargo.toml`, absolute.
    pub package_directory: PathBuf,
    /// Directory of the workspace the package belongs to, absolute; its own where it belongs to none.
    pub workspace_directory: PathBuf,
    /// The package.
    pub package: String,
    /// The binary of that package to deploy.
    pub binary: String,
    /// What compiles it.
    pub builder: Builder,
}

/// A command that speaks MCP over standard input and output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandBuild {
    /// Directory with the files, absolute.
    pub directory: PathBuf,
    /// The program and its arguments; never given to a shell.
    pub command: Vec<String>,
    /// What the program needs to start.
    pub runtime: Runtime,
    /// Version of the runtime, such as `22` or `3.13`; empty without a runtime.
    pub runtime_version: String,
    /// Files and directories of the server, relative to the directory and with `/` between their parts.
    pub files: Vec<String>,
}

impl CommandBuild {
    /// The file among `files` that lists what the runtime's package manager installs, and its lock file, if there.
    #[must_use]
    pub fn has_file(&self, name: &str) -> bool {
        self.files.iter().any(|file| file == name)
    }
}

/// Where clients find the server: the section `[endpoint]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The path of the MCP endpoint, starting with `/` and ending without one.
    pub path: String,
    /// The domain of its own, if it has one; else it is reached by a name the platform makes.
    pub domain: Option<String>,
    /// Values of the `Origin` header that browsers may call with, besides the server's own.
    pub origins: Vec<String>,
    /// How long browsers remember what they may do, in seconds.
    pub cors_max_age_seconds: u32,
}

/// Where a secret is kept: a table of `[secrets]`. A target uses the reference that is of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Secret {
    /// ARN of a secret of AWS Secrets Manager.
    pub aws: Option<String>,
    /// The member of its JSON that is meant; the whole text where absent.
    pub key: Option<String>,
    /// Name of a secret of Google's Secret Manager, in the project of the service.
    pub google: Option<String>,
    /// The version of it; a number, so that a revision always means the same.
    pub google_version: String,
    /// URI of a Key Vault secret.
    pub azure: Option<String>,
    /// File with the value, relative to `mcp-cloud.toml`.
    pub file: Option<String>,
}

/// Who lets callers in: the section `[auth]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Auth {
    /// How.
    pub mode: AuthMode,
    /// Who issues tokens: the `iss` claim, an `https://` URL. There with [`AuthMode::Jwt`], and with
    /// [`AuthMode::Cognito`], where it follows from the user pool.
    pub issuer: Option<String>,
    /// Where the issuer's keys are. There where an issuer is.
    pub jwks_url: Option<String>,
    /// For whom tokens are: the `aud` claim (with Cognito, the ids of app clients).
    pub audiences: Vec<String>,
    /// Scopes that a token needs to have.
    pub scopes: Vec<String>,
    /// ARN of the Cognito user pool, with [`AuthMode::Cognito`].
    pub user_pool: Option<String>,
}

/// What outlives a request: the section `[state]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Where sessions are kept.
    pub sessions: Sessions,
    /// What instances share.
    pub store: Store,
    /// How long what nobody asks for is kept in the store, in hours.
    pub ttl_hours: u32,
    /// Where the key is kept that seals sessions; absent where the target makes one, or none is needed.
    pub sealing_key: Option<Secret>,
    /// Where the URL of the Redis server is kept; absent where the target brings a server of its own.
    pub redis: Option<Secret>,
}

impl State {
    /// Whether what is kept has to be sealed with a key that all instances know.
    #[must_use]
    pub fn needs_sealing_key(&self) -> bool {
        self.sessions == Sessions::Sealed
    }
}

/// What is told about a server while it runs: the section `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Telemetry {
    /// How many days logs are kept; one of the periods CloudWatch Logs offers.
    pub log_retention_days: u32,
    /// Where traces go.
    pub traces: Traces,
    /// The OpenTelemetry collector, with [`Traces::Otlp`].
    pub otlp_endpoint: Option<String>,
}

/// How many instances there are: the section `[scaling]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scaling {
    /// Instances that are always there; absent where the file does not say so and the target has an own idea.
    pub minimum: Option<u32>,
    /// Instances that there are at most; absent where nothing but the platform limits them.
    pub maximum: Option<u32>,
    /// Requests that one instance serves at a time.
    pub concurrency: u32,
    /// Requests per minute and instance that scaling aims at.
    pub requests_per_minute: u32,
    /// Use of the processor in percent that scaling aims at.
    pub cpu_percent: u32,
    /// Open connections per instance that scaling aims at.
    pub connections: Option<u32>,
    /// When there are instances at all; always where absent.
    pub working_hours: Option<WorkingHours>,
}

/// A part of the week: `mon-fri 08:00-18:00 Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkingHours {
    /// The first day, in lower case and three letters.
    pub first_day: String,
    /// The last day; may be the first.
    pub last_day: String,
    /// Hour and minute at which they begin.
    pub start: (u8, u8),
    /// Hour and minute at which they end; later than the beginning.
    pub end: (u8, u8),
    /// Time zone by its IANA name.
    pub time_zone: String,
}

/// How a platform finds out that a server lives: the section `[health]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The path that answers 200 while it does.
    pub path: String,
    /// Seconds between two questions.
    pub interval_seconds: u32,
    /// Seconds that an answer may take.
    pub timeout_seconds: u32,
    /// Failures in a row after which it counts as dead.
    pub retries: u32,
    /// Seconds that it may take to start.
    pub start_seconds: u32,
}

/// Who can reach a server, and what it can reach: the section `[network]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// Who can reach it.
    pub exposure: Exposure,
    /// The VPC it runs in; absent where the target makes one, or needs none.
    pub vpc: Option<String>,
    /// Subnets of that VPC for the server itself.
    pub subnets: Vec<String>,
    /// Subnets of that VPC for what faces the internet.
    pub public_subnets: Vec<String>,
    /// Security groups of the server besides its own.
    pub security_groups: Vec<String>,
    /// What it can reach.
    pub egress: Egress,
    /// Ranges of addresses that may call; everyone where there are none.
    pub allow: Vec<String>,
    /// Whether a web application firewall stands in front of it.
    pub waf: bool,
}

/// Who is told when a server fails: the section `[alarms]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alarms {
    /// ARN of the SNS topic that alarms are sent to.
    pub notify: String,
    /// Failed requests (5xx; never 401, 404 or 405, which are answers) in percent.
    pub errors_percent: u32,
    /// Milliseconds that 99 of 100 requests have to stay below.
    pub latency_milliseconds: u32,
}
