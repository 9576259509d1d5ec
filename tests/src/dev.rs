//! `mcp-cloud dev` around the example server, for tests that need an address to talk to.

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::{Finished, Program, Signal, cli_binary, workspace_root};

/// Long enough for a first build on a slow machine that is busy with other tests.
const BUILD: Duration = Duration::from_secs(900);
/// Long enough for a platform's grace period.
const STOP: Duration = Duration::from_secs(30);

/// A running `mcp-cloud dev --output json` on a free port; dropping it stops everything it started.
#[derive(Debug)]
pub struct Dev {
    program: Program,
    url: String,
}

impl Dev {
    /// Serves `examples/hello` behind `trigger`.
    ///
    /// # Panics
    ///
    /// If it does not come to serve.
    #[must_use]
    pub fn hello(trigger: &str) -> Self {
        Self::start(&workspace_root().join("examples/hello"), &["--trigger", trigger])
    }

    /// Serves `directory` with more arguments.
    ///
    /// # Panics
    ///
    /// If it does not come to serve.
    #[must_use]
    pub fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(cli_binary());
        command.arg("dev").arg(directory).args(["--port", "0", "--output", "json"]).args(arguments);
        let program = Program::start(&mut command);
        let listening =
            program.stdout_line(BUILD, |line| event(line).is_some_and(|event| event["event"] == "listening"));
        let url = event(&listening).and_then(|event| event["url"].as_str().map(str::to_owned));
        Self { program, url: url.expect("the event `listening` has a URL") }
    }

    /// Where the server is, as an MCP client is told.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The program itself.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The requests served so far, as `--output json` reports them.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        let lines = self.program.stdout_so_far();
        lines.iter().filter_map(|line| event(line)).filter(|event| event["event"] == "request").collect()
    }

    /// Waits for the first request, earlier ones included, that `wanted` accepts.
    ///
    /// # Panics
    ///
    /// If none is reported within ten seconds.
    #[must_use]
    pub fn request(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let limit = Duration::from_secs(10);
        let is_wanted = |line: &str| event(line).is_some_and(|event| event["event"] == "request" && wanted(&event));
        event(&self.program.stdout_line(limit, is_wanted)).expect("the line was read before")
    }

    /// Ends it as Ctrl-C does.
    ///
    /// # Panics
    ///
    /// If it does not end within half a minute, or leaves something running that holds its output.
    #[must_use]
    pub fn stop(self) -> Finished {
        self.program.signal_group(Signal::INT);
        self.program.finish(STOP)
    }
}

fn event(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}
