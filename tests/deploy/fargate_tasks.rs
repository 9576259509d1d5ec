//! What befalls the tasks of a service on Fargate: they are replaced while clients call, and they are killed.

use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use mcp_cloud_tests::{Finished, Program, python, report, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    account::Run,
    fargate::{Fargate, write_app},
};

/// How long each client may take for its first call, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// How long calls that are under way may take.
const END: Duration = Duration::from_secs(60);
const CLIENTS: &str = "20";
/// What a client's call of the example server answers.
const SUM: &str = "42";

/// What the server is for is a label of its image.
pub(crate) const ANOTHER_IMAGE: &str = "description = \"Adds\"\n";

/// An account with a service in it, whose server is the example.
pub(crate) struct Deployed {
    pub(crate) account: Fargate,
    folder: TempDir,
    /// Of its endpoint.
    url: String,
}

impl Deployed {
    /// Opens one; `None` where what is needed is not installed or not allowed.
    fn open() -> Option<Self> {
        Fargate::open().map(Self::on)
    }

    /// Deploys the example to an account.
    pub(crate) fn on(account: Fargate) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let mut deployed = Self { account, folder, url: String::new() };
        let run = deployed.deploy("");
        assert_eq!(run.code, Some(0), "{run}");
        run.stdout.trim_end().clone_into(&mut deployed.url);
        deployed
    }

    pub(crate) fn app(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.account.mcp_cloud(arguments, self.app())
    }

    /// Deploys the example server, with more lines of the file.
    pub(crate) fn deploy(&self, lines: &str) -> Run {
        self.deploy_server(&workspace_root().join("examples/hello"), lines)
    }

    pub(crate) fn deploy_server(&self, server: &Path, lines: &str) -> Run {
        write_app(self.app(), server, lines);
        self.run(&["deploy", "--target", "ecs", "--yes"])
    }

    fn status(&self) -> Value {
        self.run(&["--output", "json", "status"]).json()
    }

    /// Calls a tool of whatever serves.
    fn invoke(&self) -> Run {
        self.run(&["invoke", "add", "--arg", "a=40", "--arg", "b=2"])
    }

    /// Holds that this version serves, and that its server answers.
    pub(crate) fn serves(&self, version: &str) {
        let run = self.invoke();
        assert_eq!((run.code, run.stdout.trim_end()), (Some(0), SUM), "{run}");
        let status = self.status();
        assert_eq!(
            (&status["running"]["version"], &status["service"]["running"], &status["service"]["desired"]),
            (&json!(version), &json!(1), &json!(1)),
            "{status:#}"
        );
    }

    /// The image that runs.
    pub(crate) fn digest(&self) -> String {
        let status = self.status();
        format!("sha256:{}", status["code_sha256"].as_str().unwrap_or_else(|| panic!("{status:#}")))
    }

    /// The container that was started last, of those that run; one that is on its way to the end still does.
    pub(crate) fn container(&self) -> String {
        let running = self.account.docker.run(&["ps", "--quiet", "--no-trunc"]);
        running.lines().next().unwrap_or_default().to_owned()
    }

    /// A script beside this file that goes on until [`Until::end`].
    pub(crate) fn start(&self, script: &str, arguments: &[&str]) -> Until {
        let end = self.app().join(format!("{script}.end"));
        let mut command = self.account.command(&python().expect("it was there before"));
        command.env("AWS_DEFAULT_REGION", crate::account::REGION);
        command.arg(workspace_root().join("tests/deploy").join(script)).args(arguments).arg(&end);
        let program = Program::start(&mut command);
        let _ = program.stdout_line(START, |line| line == "ready");
        Until { program, end }
    }
}

/// A script that goes on until it is told to end.
pub(crate) struct Until {
    program: Program,
    end: PathBuf,
}

impl Until {
    /// What it printed last.
    pub(crate) fn end(self) -> Value {
        fs::write(&self.end, "").expect("the file can be written");
        let Finished { code, stdout, stderr } = self.program.finish(END);
        assert_eq!(code, Some(0), "{stderr}");
        let last = stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    }
}

#[test]
fn image_is_replaced_under_load_without_a_failed_call_and_a_killed_task_is_replaced() {
    let Some(deployed) = Deployed::open() else { return };
    let before = deployed.digest();
    let load = deployed.start("load.py", &[&deployed.url, CLIENTS]);
    let start = Instant::now();
    let run = deployed.deploy(ANOTHER_IMAGE);
    assert_eq!(run.code, Some(0), "{run}");
    let took = start.elapsed();
    let seen = load.end();
    let calls = seen["calls"].as_u64().expect("they are counted");
    report(format_args!(
        "{CLIENTS} clients made {calls} calls, {} s of them while an image was replaced: {seen}",
        took.as_secs()
    ));
    assert_eq!(seen["failures"], json!([]), "{seen:#}");
    assert!(calls > 200, "they called all the time: {seen:#}");
    assert_ne!(deployed.digest(), before, "another image runs");
    deployed.serves("2");

    let killed = deployed.container();
    let _ = deployed.account.docker.run(&["kill", &killed]);
    let start = Instant::now();
    while deployed.invoke().code != Some(0) {
        assert!(start.elapsed() < START, "no task is started in the place of the one that was killed");
        sleep(Duration::from_millis(200));
    }
    report(format_args!("{:.1} s after a task was killed, another one answered", start.elapsed().as_secs_f32()));
    assert_ne!(deployed.container(), killed);
    deployed.serves("2");
}
