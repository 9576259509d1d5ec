//! Platforms: where requests come from at run time. Each folder detects its platform, turns what it sends into
//! requests, encodes replies for it, and runs.

pub(crate) mod azure_functions;
pub(crate) mod cloud_run;
pub(crate) mod health;
pub(crate) mod lambda;
pub(crate) mod local;
pub(crate) mod stdio;

mod drain;
mod listen;

use std::{env, error::Error, fmt, io, net::SocketAddr, time::Duration};

use mcp_cloud_contract::{
    RESPONSE_MODE_BUFFERED, RESPONSE_MODE_STREAM,
    env::{KEEP_ALIVE, REQUEST_TIMEOUT, RESPONSE_MODE, STDIO},
};

use crate::capabilities::Capabilities;

pub use lambda::LambdaContext;

/// The platform this process runs on, and what its environment says about it.
pub(crate) enum Platform {
    /// None: the process asks another one whether it lives.
    Health,
    Stdio,
    Lambda(lambda::Settings),
    AzureFunctions(azure_functions::Settings),
    CloudRun(cloud_run::Container),
    Local,
}

impl Platform {
    /// Looks at the arguments and the environment. Every platform has a variable of its own, so the order matters only
    /// where somebody sets one by hand.
    pub(crate) fn detect() -> Result<Self, ServeError> {
        // What stands behind `--` is for somebody else: the server that a bridge starts, for instance.
        let has = |flag: &str| {
            env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == flag)
        };
        if has("--health") {
            return Ok(Self::Health);
        }
        if has("--stdio") || env::var_os(STDIO).is_some_and(|on| on == "1") {
            return Ok(Self::Stdio);
        }
        if let Some(settings) = lambda::detect()? {
            return Ok(Self::Lambda(settings));
        }
        if let Some(settings) = azure_functions::detect()? {
            return Ok(Self::AzureFunctions(settings));
        }
        Ok(cloud_run::detect()?.map_or(Self::Local, Self::CloudRun))
    }
}

/// Reads a variable that holds a port.
fn port(name: &'static str) -> Result<Option<u16>, ServeError> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    let port = value.to_str().and_then(|value| value.trim().parse().ok());
    match port {
        Some(port) => Ok(Some(port)),
        None => Err(ServeError::Variable { name, expected: "a port number" }),
    }
}

/// How a platform that can do either expects its replies: its requests do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Buffered,
    Stream,
}

impl ResponseMode {
    /// Reads `MCP_CLOUD_RESPONSE_MODE`.
    fn detect() -> Result<Self, ServeError> {
        match env::var(RESPONSE_MODE).as_deref() {
            Ok(RESPONSE_MODE_STREAM) => Ok(Self::Stream),
            Ok(RESPONSE_MODE_BUFFERED) | Err(env::VarError::NotPresent) => Ok(Self::Buffered),
            _ => Err(ServeError::Variable { name: RESPONSE_MODE, expected: "`stream` or `buffered`" }),
        }
    }
}

/// Reads `MCP_CLOUD_REQUEST_TIMEOUT` into what a trigger carries.
fn with_request_timeout(capabilities: Capabilities) -> Result<Capabilities, ServeError> {
    let max_duration = seconds(REQUEST_TIMEOUT, 1)?.or(capabilities.max_duration);
    Ok(Capabilities { max_duration, ..capabilities })
}

/// Reads `MCP_CLOUD_KEEP_ALIVE` into what a container's socket carries.
fn with_keep_alive(capabilities: Capabilities) -> Result<Capabilities, ServeError> {
    let max_silence = seconds(KEEP_ALIVE, 1)?.map(|keep_alive| 2 * keep_alive).or(capabilities.max_silence);
    Ok(Capabilities { max_silence, ..capabilities })
}

/// Reads a variable that holds a number of seconds.
fn seconds(name: &'static str, least: u32) -> Result<Option<Duration>, ServeError> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    let seconds = value.to_str().and_then(|value| value.trim().parse().ok()).filter(|seconds| *seconds >= least);
    let seconds: u32 = seconds.ok_or(ServeError::Variable { name, expected: "a number of seconds" })?;
    Ok(Some(Duration::from_secs(seconds.into())))
}

/// A server that could not be served. Its `Debug` is its `Display`, because that is what a `main` that returns it
/// prints.
#[non_exhaustive]
pub enum ServeError {
    /// A variable of the environment holds something else than it should.
    Variable {
        /// The variable.
        name: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// The address cannot be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The Lambda Runtime API failed or went away.
    RuntimeApi {
        /// What was being done.
        attempt: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Standard input or output failed.
    Stdio(io::Error),
    /// The server that was asked by `--health` does not live.
    Unhealthy {
        /// Where it was asked.
        address: SocketAddr,
        /// What came of it.
        source: io::Error,
    },
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, expected } => write!(f, "the environment variable {name} does not hold {expected}"),
            Self::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: something else does; set PORT to another port")
            }
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::RuntimeApi { attempt, source } => write!(f, "cannot {attempt} the Lambda Runtime API: {source}"),
            Self::Stdio(source) => write!(f, "cannot serve over standard input and output: {source}"),
            Self::Unhealthy { address, source } => write!(f, "the server at {address} does not live: {source}"),
        }
    }
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Variable { .. } => None,
            Self::Listen { source, .. }
            | Self::RuntimeApi { source, .. }
            | Self::Unhealthy { source, .. }
            | Self::Stdio(source) => Some(source),
        }
    }
}
