//! The resolved model: what to deploy, with every default filled in and every path absolute.

mod load;
mod resolve;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use self::load::LoadError;
use crate::diagnostic::{Diagnostic, Position, Severity};

/// A server and how it is to be deployed, as its `mcp-cloud.toml` says and the defaults complete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct App {
    /// Names everything that is deployed: the stack, the function. Lower-case letters, digits and hyphens, at most 49.
    pub name: String,
    /// What the server is for, in one line of at most 256 characters; says the name when the file says nothing.
    pub description: String,
    /// The path of the MCP endpoint, starting with `/` and ending without one.
    pub path: String,
    /// Directory of `mcp-cloud.toml`, absolute.
    pub manifest_directory: PathBuf,
    /// Directory of the `Cargo.toml` to build, absolute.
    pub package_directory: PathBuf,
    /// The cargo package to build.
    pub package: String,
    /// The binary of that package to deploy.
    pub binary: String,
    /// Environment variables of the server, besides those mcp-cloud sets itself.
    pub environment: BTreeMap<String, String>,
    /// Tags of everything that is deployed.
    pub tags: BTreeMap<String, String>,
    /// How the server runs on AWS Lambda.
    pub lambda: Lambda,
    /// What is odd about the file although it can be used.
    pub warnings: Vec<Diagnostic>,
    source: Source,
}

/// How a server runs on AWS Lambda: the section `[lambda]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lambda {
    /// The processor it is built for.
    pub architecture: Architecture,
    /// Memory in MB; 128 to 10240. Lambda gives processor time in proportion.
    pub memory_mb: u32,
    /// Longest invocation in seconds; 1 to 900.
    pub timeout_seconds: u32,
    /// What invokes the function.
    pub trigger: Trigger,
    /// Who may call the endpoint.
    pub authorization: Authorization,
    /// The AWS region to deploy to; absent when whoever deploys decides it by their AWS profile or environment.
    pub region: Option<String>,
    /// How many days logs are kept; one of the periods CloudWatch Logs offers.
    pub log_retention_days: u32,
    /// ARNs of the managed policies the function's role gets, besides the right to write its own log.
    pub policies: Vec<String>,
}

/// The processor a function runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit Arm (AWS Graviton).
    Arm64,
    /// 64-bit x86.
    X86_64,
}

impl Architecture {
    /// As Lambda and `mcp-cloud.toml` spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// The Rust target whose binaries run there whatever the C library: static, with musl.
    #[must_use]
    pub fn rust_target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-musl",
            Self::X86_64 => "x86_64-unknown-linux-musl",
        }
    }
}

/// What invokes a Lambda function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A function URL that streams.
    FunctionUrl,
    /// A function URL that waits for the whole reply.
    FunctionUrlBuffered,
    /// An API Gateway REST API that waits for the whole reply.
    RestApi,
    /// An API Gateway REST API that streams.
    RestApiStream,
    /// An API Gateway HTTP API, which cannot stream.
    HttpApi,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Self; 5] =
        [Self::FunctionUrl, Self::FunctionUrlBuffered, Self::RestApi, Self::RestApiStream, Self::HttpApi];

    /// As `mcp-cloud.toml` spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FunctionUrl => "function-url",
            Self::FunctionUrlBuffered => "function-url-buffered",
            Self::RestApi => "rest-api",
            Self::RestApiStream => "rest-api-stream",
            Self::HttpApi => "http-api",
        }
    }

    /// Whether replies reach the client while they are being written.
    #[must_use]
    pub fn streams(self) -> bool {
        matches!(self, Self::FunctionUrl | Self::RestApiStream)
    }

    /// Seconds after which the trigger gives up on a reply, whatever the function's own timeout.
    ///
    /// The 29 seconds of a buffering REST API can be raised for an account, but not by a template
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
    #[must_use]
    pub fn longest_reply_seconds(self) -> u32 {
        match self {
            Self::FunctionUrl | Self::FunctionUrlBuffered | Self::RestApiStream => 900,
            Self::RestApi => 29,
            Self::HttpApi => 30,
        }
    }
}

/// Who may call a deployed endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// Requests signed by an IAM identity that was given the right.
    Iam,
    /// Everyone on the internet; the server authenticates callers itself, or nobody does.
    None,
}

impl Authorization {
    /// As `mcp-cloud.toml` spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::None => "none",
        }
    }
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
        load::load(path.as_ref())
    }

    /// Reports something about a key of the file, such as `lambda.timeout`, at the place where it is written.
    pub(crate) fn diagnostic(&self, severity: Severity, key: &str, message: String) -> Diagnostic {
        Diagnostic {
            severity,
            path: self.source.path.clone(),
            position: self.source.positions.get(key).copied(),
            message,
            hint: None,
        }
    }
}

/// Where the model came from, so that what is found later can still point at a line.
#[derive(Debug, Clone, Default)]
struct Source {
    /// `mcp-cloud.toml` as the person who asked would name it.
    path: PathBuf,
    /// Where each key stands, by its dotted name.
    positions: BTreeMap<String, Position>,
}
