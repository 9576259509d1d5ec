//! The program under test: how it is started, observed and ended.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mcp_cloud_contract::{RESPONSE_MODE_STREAM, env, platform_env};
use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::Error;
use crate::case::ReplyMode;

/// A bootstrap binary, and what it is started with.
#[derive(Debug, Clone)]
pub struct Program {
    /// What the tables call it.
    pub name: String,
    /// The binary.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Environment variables besides those of Lambda.
    pub environment: Vec<(String, String)>,
}

impl Program {
    /// Names the binary at `path`.
    #[must_use]
    pub fn new(name: &str, path: impl Into<PathBuf>) -> Self {
        Self { name: name.to_owned(), path: path.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn with_argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Tells the project's servers which kind of reply their gateway expects.
    #[must_use]
    pub fn replying(self, reply: ReplyMode) -> Self {
        match reply {
            ReplyMode::Buffered => self,
            ReplyMode::Streamed => self.with_variable(env::RESPONSE_MODE, RESPONSE_MODE_STREAM),
        }
    }

    /// Gives the server that is measured so many tools.
    #[must_use]
    pub fn with_tools(self, tools: usize) -> Self {
        self.with_argument("--tools").with_argument(tools.to_string())
    }

    /// Starts it with these variables and its own and no other, so that every run is alike.
    pub(crate) fn start(&self, variables: &[(&str, String)]) -> Result<Running, Error> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().map_err(|source| Error::Start { program: self.path.clone(), source })?;
        Ok(Running { child })
    }

    /// Starts it with Lambda's environment.
    pub(crate) fn start_on_lambda(&self, runtime_api: &str) -> Result<Running, Error> {
        let variables = [
            (platform_env::AWS_LAMBDA_RUNTIME_API, runtime_api),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/20/[$LATEST]0"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("AWS_REGION", "eu-west-1"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("_HANDLER", "bootstrap"),
        ];
        self.start(&variables.map(|(name, value)| (name, value.to_owned())))
    }
}

/// A program that was started. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
}

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap_or(i32::MAX))
    }

    /// Asks the program to end and waits up to `grace` for it, then insists.
    pub(crate) fn end(&mut self, grace: Duration) {
        // Either call fails only if the program has ended by itself, which is what is wanted.
        let _ = kill(self.pid(), Signal::SIGTERM);
        let until = Instant::now() + grace;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time the process has used, in all its threads.
pub(crate) fn processor_time(pid: Pid) -> Result<Duration, Error> {
    clock_getcpuclockid(pid)
        .and_then(nix::time::ClockId::now)
        .map(Duration::from)
        .map_err(|source| Error::System { attempt: "read a process clock", source: source.into() })
}

/// The most memory the process ever had resident, in KiB.
pub(crate) fn peak_memory(pid: Pid) -> Result<u64, Error> {
    let attempt = "read a process's peak memory";
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).map_err(|source| Error::System { attempt, source })?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| Error::System { attempt, source: io::ErrorKind::InvalidData.into() })
}
