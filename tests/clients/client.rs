//! Runs the client programs and reads what they saw.

use std::{path::Path, process::Command, time::Duration};

use mcp_cloud_tests::{Program, node, node_modules, python, workspace_root};
use serde_json::Value;

/// What a client may take for all its calls, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// A client program beside this file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Client {
    /// PyPI `mcp`.
    Python,
    /// npm `@modelcontextprotocol/sdk`.
    TypeScriptV1,
    /// npm `@modelcontextprotocol/client`.
    TypeScriptV2,
}

/// How a client speaks: with a handshake, or with metadata in every request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Era {
    Legacy,
    Modern,
}

impl Era {
    /// The version a client that speaks this era must come to agree on with a server that speaks all.
    pub(crate) fn protocol_version(self) -> &'static str {
        match self {
            Self::Legacy => "2025-11-25",
            Self::Modern => "2026-07-28",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "2026-07-28",
        }
    }
}

/// What a client saw.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) protocol_version: String,
    pub(crate) server: Option<String>,
    /// Sorted.
    pub(crate) tools: Vec<String>,
    pub(crate) echo: String,
    pub(crate) add: String,
    pub(crate) countdown: String,
    /// Progress and total, as they came.
    pub(crate) progress: Vec<(f64, Option<f64>)>,
}

impl Client {
    pub(crate) const ALL: [Self; 3] = [Self::Python, Self::TypeScriptV1, Self::TypeScriptV2];

    /// Whether it can run here; says so where it cannot.
    pub(crate) fn is_installed(&self) -> bool {
        match self {
            Self::Python => python().is_some(),
            Self::TypeScriptV1 | Self::TypeScriptV2 => node().is_some() && node_modules().is_some(),
        }
    }

    /// The eras it knows.
    pub(crate) fn eras(self) -> &'static [Era] {
        match self {
            Self::Python | Self::TypeScriptV2 => &[Era::Legacy, Era::Modern],
            Self::TypeScriptV1 => &[Era::Legacy],
        }
    }

    /// Connects to `url`, makes every call and reports, also how long before the answer to `countdown` its first
    /// progress came.
    pub(crate) fn talk(self, url: &str, era: Era) -> (Seen, Duration) {
        let finished = Program::start(self.command().args([url, era.argument()])).finish(LIMIT);
        assert_eq!(finished.code, Some(0), "{self:?} in the era {era:?} at {url}: {}", finished.stderr);
        let seen = serde_json::from_str::<Value>(&finished.stdout)
            .unwrap_or_else(|error| panic!("{self:?} wrote no JSON line ({error}): {}", finished.stdout));
        let ahead = seen["milliseconds_from_first_progress_to_answer"].as_f64().unwrap_or_default();
        let read = Seen::read(&seen).unwrap_or_else(|| panic!("{self:?} left something out: {seen}"));
        (read, Duration::from_secs_f64(ahead / 1000.0))
    }

    fn command(self) -> Command {
        let scripts = workspace_root().join("tests/clients");
        let script = |interpreter: &Path, name: &str| {
            let mut command = Command::new(interpreter);
            command.arg(scripts.join(name));
            command
        };
        let javascript = |name: &str| {
            let mut command = script(&node().expect("asked before"), name);
            command.env("NODE_MODULES", node_modules().expect("asked before"));
            command
        };
        match self {
            Self::Python => script(&python().expect("asked before"), "python.py"),
            Self::TypeScriptV1 => javascript("typescript_v1.mjs"),
            Self::TypeScriptV2 => javascript("typescript_v2.mjs"),
        }
    }
}

impl Seen {
    fn read(seen: &Value) -> Option<Self> {
        let text = |key: &str| seen[key].as_str().map(str::to_owned);
        let mut tools: Vec<String> =
            seen["tools"].as_array()?.iter().map(|tool| tool.as_str().map(str::to_owned)).collect::<Option<_>>()?;
        tools.sort();
        let progress = seen["progress"].as_array()?.iter().map(|step| Some((step[0].as_f64()?, step[1].as_f64())));
        Some(Self {
            protocol_version: text("protocol_version")?,
            server: text("server"),
            tools,
            echo: text("echo")?,
            add: text("add")?,
            countdown: text("countdown")?,
            progress: progress.collect::<Option<_>>()?,
        })
    }
}
