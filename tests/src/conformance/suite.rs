//! Starts the suite's program and reads what it leaves: one `checks.json` for each scenario.
//!
//! The suite counts a check with status `SUCCESS` as passed and one with `FAILURE` as failed; `WARNING`, `SKIPPED` and
//! `INFO` count as neither. A scenario that threw leaves no file and counts as one failed check by its own name. The
//! totals it prints are held against what was read, so that no file can be overlooked.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use mcp_cloud_emulator::StartError;
use serde::{Deserialize, Serialize};

use super::Set;
use crate::tools::{node_22, node_modules};

/// How long one set may take. A set with every scenario takes half a minute on an idle machine; one scenario that hangs
/// is ended by the suite itself, after 30 seconds.
const LIMIT: Duration = Duration::from_secs(900);

/// How many lines of what the suite wrote go into an error, from the begin and from the end.
const SHOWN_LINES: usize = 6;

/// The suite's program, installed.
#[derive(Debug, Clone)]
pub struct Suite {
    node: PathBuf,
    program: PathBuf,
}

/// What one scenario found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Its checks, in the order they were made. The same check may have been made more than once.
    pub checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What is checked, in one word.
    pub id: String,
    /// How it went.
    pub status: Status,
    /// What is checked, in a sentence.
    #[serde(default)]
    pub description: String,
    /// What was wrong.
    pub error_message: Option<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "UPPERCASE", serialize = "lowercase"))]
pub enum Status {
    /// The server does what it must.
    Success,
    /// The server does not.
    Failure,
    /// The server does not do what it should.
    Warning,
    /// The server has nothing that could be checked.
    Skipped,
    /// No check, but something to know.
    Info,
}

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server program could not be started.
    #[error("cannot start the server behind {trigger}")]
    Server {
        /// The trigger's name.
        trigger: String,
        /// The reason.
        #[source]
        source: StartError,
    },
    /// The suite could not be started, or what it wrote could not be read or kept.
    #[error("cannot {attempt} `{}`", path.display())]
    File {
        /// What was tried.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A `checks.json` is not what it should be.
    #[error("`{}` holds no list of checks", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: serde_json::Error,
    },
    /// The suite was still at work when its time was up, and was killed.
    #[error("the suite did not end within {} seconds", LIMIT.as_secs())]
    Timeout,
    /// The suite ended before it had summed up.
    #[error("the suite broke off ({code:?}):\n{said}")]
    BrokeOff {
        /// Its exit code; `None` if a signal ended it.
        code: Option<i32>,
        /// The first and the last lines it wrote to standard error.
        said: String,
    },
    /// The suite ran fewer scenarios than it said it would.
    #[error("the suite announced {announced} scenarios and ran {ran}")]
    Incomplete {
        /// How many it announced.
        announced: usize,
        /// How many it ran.
        ran: usize,
    },
    /// The checks that were read are not those the suite counted.
    #[error("the suite counted {counted}, its files hold {read}")]
    Miscounted {
        /// What it printed.
        counted: Totals,
        /// What it left.
        read: Totals,
    },
    /// The one scenario asked for does not belong to the revision asked for.
    #[error("{set} has no scenario `{scenario}`")]
    NotApplicable {
        /// The set.
        set: Set,
        /// The scenario.
        scenario: String,
    },
}

/// What the suite sums up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Checks passed.
    pub passed: usize,
    /// Checks failed.
    pub failed: usize,
}

impl std::fmt::Display for Totals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} passed and {} failed", self.passed, self.failed)
    }
}

impl Check {
    /// What was wrong, or what was checked where the suite says no more.
    #[must_use]
    pub fn message(&self) -> &str {
        self.error_message.as_deref().unwrap_or(&self.description)
    }
}

impl Suite {
    /// The suite in `target/tools`; `None`, with a word about it, where it is not installed.
    ///
    /// # Panics
    ///
    /// If it is not installed and `CI` is set.
    #[must_use]
    pub fn installed() -> Option<Self> {
        let program = node_modules()?.join("@modelcontextprotocol/conformance/dist/index.js");
        Some(Self { node: node_22()?, program })
    }

    /// Runs a set, or one scenario of it, against the server at `url`. Everything the suite writes is kept in `folder`.
    pub(super) async fn run(
        &self,
        url: &str,
        set: Set,
        scenario: Option<&str>,
        folder: &Path,
    ) -> Result<Vec<Scenario>, RunError> {
        let mut command = tokio::process::Command::new(&self.node);
        command.arg(&self.program).args(["server", "--url", url, "--output-dir"]).arg(folder);
        command.args(set.arguments(scenario)).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output()).await.map_err(|_| RunError::Timeout)?;
        let output = output.map_err(|source| RunError::File { attempt: "start", path: self.node.clone(), source })?;
        let said = Said {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        for (name, text) in [("suite.stdout.txt", &said.stdout), ("suite.stderr.txt", &said.stderr)] {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|source| RunError::File { attempt: "write", path, source })?;
        }
        match scenario {
            Some(scenario) => said.one(set, scenario, output.status.code(), folder),
            None => said.every(output.status.code(), folder),
        }
    }
}

/// What the suite wrote.
struct Said {
    stdout: String,
    stderr: String,
}

impl Said {
    fn every(&self, code: Option<i32>, folder: &Path) -> Result<Vec<Scenario>, RunError> {
        let (Some(announced), Some(counted)) = (self.announced(), self.totals("Total: ", " passed, ")) else {
            return Err(self.broke_off(code));
        };
        let mut files = files(folder)?;
        let mut scenarios = Vec::new();
        for line in self.stdout.lines() {
            let name = line.strip_prefix("=== Running scenario: ").and_then(|rest| rest.strip_suffix(" ==="));
            if let Some(name) = name {
                let checks = match files.remove(name) {
                    Some(path) => checks(&path)?,
                    None => vec![self.thrown(name)],
                };
                scenarios.push(Scenario { name: name.to_owned(), checks });
            }
        }
        if scenarios.len() != announced {
            return Err(RunError::Incomplete { announced, ran: scenarios.len() });
        }
        agree(counted, scenarios)
    }

    fn one(&self, set: Set, name: &str, code: Option<i32>, folder: &Path) -> Result<Vec<Scenario>, RunError> {
        if self.stdout.lines().any(|line| line.starts_with("SKIPPED: ")) {
            return Err(RunError::NotApplicable { set, scenario: name.to_owned() });
        }
        // "Passed: 3/4, 1 failed": of four checks made.
        let counted = self.totals("Passed: ", ", ");
        let (Some(counted), Some(path)) = (counted, files(folder)?.remove(name)) else {
            return Err(self.broke_off(code));
        };
        agree(counted, vec![Scenario { name: name.to_owned(), checks: checks(&path)? }])
    }

    /// The number in "Running … (30 scenarios) against …".
    fn announced(&self) -> Option<usize> {
        let line = self.stdout.lines().find(|line| line.starts_with("Running ") && line.contains(" scenarios) "))?;
        line.rsplit_once(" scenarios) ")?.0.rsplit_once('(')?.1.parse().ok()
    }

    /// The numbers in the last line that begins so: before and after `between`.
    fn totals(&self, begin: &str, between: &str) -> Option<Totals> {
        let line = self.stdout.lines().rev().find_map(|line| line.strip_prefix(begin))?;
        let (passed, rest) = line.split_once(between)?;
        let passed = passed.split('/').next()?.parse().ok()?;
        Some(Totals { passed, failed: rest.split(' ').next()?.parse().ok()? })
    }

    /// The check the suite counts for a scenario that threw.
    fn thrown(&self, name: &str) -> Check {
        let said = self.stderr.lines().find_map(|line| line.strip_prefix(&format!("Failed to run scenario {name}: ")));
        Check {
            id: name.to_owned(),
            status: Status::Failure,
            description: "Failed to run scenario".to_owned(),
            error_message: said.map(str::to_owned),
        }
    }

    fn broke_off(&self, code: Option<i32>) -> RunError {
        let lines: Vec<&str> = self.stderr.lines().collect();
        let said = match lines.len().checked_sub(2 * SHOWN_LINES) {
            None | Some(0) => lines.join("\n"),
            Some(_) => {
                let (first, last) = (&lines[..SHOWN_LINES], &lines[lines.len() - SHOWN_LINES..]);
                [first, &["…"], last].concat().join("\n")
            }
        };
        RunError::BrokeOff { code, said }
    }
}

/// The `checks.json` of each scenario, by its name: `server-<scenario>-<time>/checks.json`.
fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, RunError> {
    let failed = |source| RunError::File { attempt: "read", path: folder.to_owned(), source };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path().join("checks.json");
        // The folder is there before the scenario runs, the file after.
        if let Some(scenario) = entry.file_name().to_str().and_then(scenario_of)
            && path.is_file()
        {
            files.insert(scenario.to_owned(), path);
        }
    }
    Ok(files)
}

/// The scenario in the name of its folder, which ends in a time such as `2026-07-28T12-00-00-000Z`.
fn scenario_of(folder: &str) -> Option<&str> {
    let named = folder.strip_prefix("server-")?;
    let (scenario, time) = named.split_at_checked(named.len().checked_sub("-2026-07-28T12-00-00-000Z".len())?)?;
    time.strip_prefix('-')?.ends_with('Z').then_some(scenario)
}

fn checks(path: &Path) -> Result<Vec<Check>, RunError> {
    let text = fs::read(path).map_err(|source| RunError::File { attempt: "read", path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|source| RunError::Malformed { path: path.to_owned(), source })
}

fn agree(counted: Totals, scenarios: Vec<Scenario>) -> Result<Vec<Scenario>, RunError> {
    let count =
        |status| scenarios.iter().flat_map(|scenario| &scenario.checks).filter(|it| it.status == status).count();
    let read = Totals { passed: count(Status::Success), failed: count(Status::Failure) };
    if read == counted { Ok(scenarios) } else { Err(RunError::Miscounted { counted, read }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the suite wrote for two scenarios, of which the second threw.
    const STDOUT: &str = "Running requirements 2025-11-25 (2 scenarios) against http://127.0.0.1:1/mcp\n\n\
                          === Running scenario: tools-list ===\n\
                          === Running scenario: ping ===\n\n\
                          === SUMMARY ===\nTotal: 1 passed, 1 failed\n";
    const STDERR: &str = "Failed to run scenario ping: Error: connection refused\n    at somewhere\n";
    const CHECKS: &str = r#"[
        { "id": "a", "name": "A", "description": "does", "status": "SUCCESS", "timestamp": "" },
        { "id": "b", "name": "B", "description": "should", "status": "WARNING", "errorMessage": "does not" },
        { "id": "c", "status": "SKIPPED" }, { "id": "d", "status": "INFO" }
    ]"#;

    fn read(stdout: &str) -> Result<Vec<Scenario>, RunError> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let of_scenario = folder.path().join("server-tools-list-2026-07-28T12-00-00-000Z");
        fs::create_dir(&of_scenario).expect("it is new");
        fs::write(of_scenario.join("checks.json"), CHECKS).expect("it is writable");
        Said { stdout: stdout.to_owned(), stderr: STDERR.to_owned() }.every(Some(1), folder.path())
    }

    #[test]
    fn a_scenario_that_threw_is_one_failed_check() {
        let scenarios = read(STDOUT).expect("the run is whole");
        let statuses = |index: usize| scenarios[index].checks.iter().map(|check| check.status).collect::<Vec<_>>();
        assert_eq!(statuses(0), [Status::Success, Status::Warning, Status::Skipped, Status::Info]);
        assert_eq!(statuses(1), [Status::Failure]);
        assert_eq!(scenarios[1].checks[0].error_message.as_deref(), Some("Error: connection refused"));
    }

    #[test]
    fn a_run_that_is_not_whole_has_no_outcome() {
        let cut = STDOUT.split("\n=== SUMMARY").next().expect("there is a first part");
        assert!(matches!(read(cut), Err(RunError::BrokeOff { .. })));
        let fewer = STDOUT.replace("(2 scenarios)", "(3 scenarios)");
        assert!(matches!(read(&fewer), Err(RunError::Incomplete { announced: 3, ran: 2 })));
        let more = STDOUT.replace("Total: 1 passed", "Total: 2 passed");
        assert!(matches!(read(&more), Err(RunError::Miscounted { .. })));
    }

    #[test]
    fn the_totals_of_one_scenario_are_read() {
        let said = Said { stdout: "Passed: 3/4, 1 failed, 0 warnings\n".to_owned(), stderr: String::new() };
        assert_eq!(said.totals("Passed: ", ", "), Some(Totals { passed: 3, failed: 1 }));
    }

    #[test]
    fn a_folder_names_its_scenario() {
        assert_eq!(scenario_of("server-tools-list-2026-07-28T12-00-00-000Z"), Some("tools-list"));
        assert_eq!(scenario_of("server-"), None);
        assert_eq!(scenario_of("suite.stdout.txt"), None);
    }
}
