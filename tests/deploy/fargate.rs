//! ECS on Fargate whose tasks are containers: MiniStack with a Docker daemon, in a network that is nobody else's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use mcp_cloud_tests::{Docker, Program, cli_binary, python, static_hello, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    account::{Run, sees_only},
    ministack::MiniStack,
};

const START: Duration = Duration::from_secs(60);
/// Where scaling is asked for, which MiniStack does not know.
const SCALING: &str = "127.0.0.1:5555";

/// An account whose tasks run.
pub(crate) struct Fargate {
    ministack: MiniStack,
    /// Knows Application Auto Scaling.
    _scaling: Program,
    /// Ends after what runs in its network.
    pub(crate) docker: Docker,
}

/// The example server for containers of this machine.
fn hello() -> PathBuf {
    static_hello(&format!("{}-unknown-linux-musl", std::env::consts::ARCH))
}

impl Fargate {
    /// Opens one; `None` where what is needed is not installed or not allowed.
    pub(crate) fn open() -> Option<Self> {
        python()?;
        let docker = Docker::start()?;
        let ministack = MiniStack::start_inside(&docker)?;
        let (host, port) = SCALING.split_once(':').expect("it has a port");
        let mut moto = docker.inside(&python()?);
        let scaling = Program::start(moto.args(["-m", "moto.server", "-H", host, "-p", port]));
        let _ = scaling.stderr_line(START, |line| line.contains("Running on"));
        Some(Self { ministack, _scaling: scaling, docker })
    }

    /// A program that sees this account, and nothing of this machine's own AWS configuration or network.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = self.docker.inside(program);
        sees_only(&mut command, &format!("http://{}", self.ministack.address()));
        command.env("AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING", format!("http://{SCALING}"));
        command
    }

    /// Runs mcp-cloud for the app of a folder.
    pub(crate) fn mcp_cloud(&self, arguments: &[&str], app: &Path) -> Run {
        Run::of(self.command(cli_binary()).args(arguments).arg(app))
    }

    /// Runs one of the scripts beside this file, and gives what it prints.
    pub(crate) fn run_script(&self, script: &str, arguments: &[&str]) -> Value {
        let python = python().expect("it was there before");
        let script = workspace_root().join("tests/deploy").join(script);
        let mut command = self.command(&python);
        let run = Run::of(command.env("AWS_DEFAULT_REGION", crate::account::REGION).arg(script).args(arguments));
        assert_eq!(run.code, Some(0), "{run}");
        run.json()
    }

    /// An image with nothing but the example server in it, called as the account's registry would have it.
    fn build_image(&self, repository: &str) -> String {
        let folder = self.docker.folder().join("image");
        fs::create_dir(&folder).expect("a folder can be made");
        fs::copy(hello(), folder.join("server")).expect("the program can be copied");
        let recipe = "FROM scratch\nCOPY server /server\nUSER 65532:65532\nENTRYPOINT [\"/server\"]\n";
        fs::write(folder.join("Dockerfile"), recipe).expect("the recipe can be written");
        let image = format!("{}/{repository}:1", self.ministack.address());
        let path = folder.to_str().expect("the path is text");
        let _ = self.docker.run(&["build", "--quiet", "--tag", &image, path]);
        image
    }
}

#[test]
fn what_is_emitted_for_ecs_answers_through_its_load_balancer() {
    let Some(account) = Fargate::open() else { return };
    let image = account.build_image("notes");
    let folder = workspace_root().join("tests/golden/minimal/ecs");
    let seen = account.run_script("ecs_service.py", &[folder.to_str().expect("the path is text"), &image]);
    assert_eq!(seen["tools"], json!(["add", "countdown", "echo"]), "{seen:#}");
    assert_eq!(seen["sum"], "5", "{seen:#}");
    assert_eq!((&seen["running"], &seen["rollout"]), (&json!(1), &json!("COMPLETED")), "{seen:#}");
    let container = account.docker.run(&["ps", "--quiet", "--no-trunc"]);
    assert_eq!(container.lines().count(), 1, "one task runs: {container}");
    // The container is asked to end as Fargate asks it, and the server lingers and ends by itself.
    let _ = account.docker.run(&["stop", "--time", "20", &container]);
    let code = account.docker.run(&["inspect", "--format", "{{.State.ExitCode}}", &container]);
    assert_eq!(code, "0", "it was killed");
}

/// An app whose server is this package, with one task and these lines before its tables.
pub(crate) fn write_app(folder: &Path, server: &Path, lines: &str) {
    let (server, architecture) = (server.display(), std::env::consts::ARCH.replace("aarch64", "arm64"));
    let file = format!(
        "name = \"hello\"\n{lines}\n[build]\ndirectory = \"{server}\"\n\n[auth]\nmode = \"none\"\n\n[network]\nexposure = \"private\"\n\n\
         [resources]\narchitecture = \"{architecture}\"\n\n[scaling]\nminimum = 1\nmaximum = 1\n"
    );
    fs::write(folder.join("mcp-cloud.toml"), file).expect("it can be written");
}

/// A package whose program is this function.
pub(crate) fn write_program(folder: &Path, name: &str, main: &str) -> PathBuf {
    let server = folder.join(name);
    fs::create_dir_all(server.join("src")).expect("a folder can be made");
    let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n");
    fs::write(server.join("Cargo.toml"), package).expect("the package can be written");
    fs::write(server.join("src/main.rs"), main).expect("it can be written");
    server
}

#[test]
fn service_is_deployed_left_alone_taken_back_and_removed() {
    let Some(account) = Fargate::open() else { return };
    let folder = TempDir::new().expect("a folder can be made");
    let (app, hello) = (folder.path(), workspace_root().join("examples/hello"));
    write_app(app, &hello, "");
    let run = account.mcp_cloud(&["deploy", "--target", "ecs", "--yes"], app);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.starts_with("http://") && run.stdout.trim_end().ends_with("/mcp"), "{run}");
    assert!(run.stderr.contains("OK   it speaks 2026-07-28"), "the deployed server was asked: {run}");

    let run = account.mcp_cloud(&["deploy", "--target", "ecs", "--yes"], app);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("nothing has changed"), "{run}");

    write_app(app, &hello, "environment.GREETING = \"hello\"\n");
    let run = account.mcp_cloud(&["deploy", "--target", "ecs", "--yes"], app);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("Environment[GREETING]"), "{run}");
    let status = account.mcp_cloud(&["--output", "json", "status"], app);
    assert_eq!(
        (&status.json()["running"]["version"], &status.json()["service"]["running"]),
        (&json!("2"), &json!(1)),
        "{status}"
    );

    write_app(app, &write_program(app, "ends", "fn main() { std::process::exit(3) }\n"), "");
    let run = account.mcp_cloud(&["deploy", "--target", "ecs", "--yes"], app);
    assert_eq!(run.code, Some(1), "{run}");
    let status = account.mcp_cloud(&["--output", "json", "status"], app);
    assert_eq!(status.json()["running"]["version"], "2", "what ran before serves: {status}");

    write_app(app, &hello, "");
    let run = account.mcp_cloud(&["destroy", "--yes"], app);
    assert_eq!(run.code, Some(0), "{run}");
    let containers = account.docker.run(&["ps", "--quiet"]);
    assert_eq!(containers, "", "no task runs");
}

#[test]
fn a_daemon_leaves_nothing_behind_when_its_test_fails() {
    let Some(docker) = Docker::start() else { return };
    let folder: PathBuf = docker.folder().to_owned();
    let failed = std::thread::spawn(move || {
        let image = docker.folder().join("image");
        fs::create_dir(&image).expect("a folder can be made");
        fs::copy(hello(), image.join("server")).expect("the program can be copied");
        fs::write(image.join("Dockerfile"), "FROM scratch\nCOPY server /server\n").expect("it can be written");
        let _ = docker.run(&["build", "--quiet", "--tag", "a:1", image.to_str().expect("the path is text")]);
        let _ = docker.run(&["run", "--detach", "--env", "PORT=8080", "a:1", "/server"]);
        panic!("as a test does that fails");
    });
    assert!(failed.join().is_err());
    assert!(!folder.exists(), "its images and containers are gone");
    // Mounts, processes and control groups have it in their names; what it connected was in a network of its own.
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).expect("it has a name");
    let running = Command::new("pgrep").args(["--full", &name]).output().expect("pgrep starts");
    assert!(running.stdout.is_empty(), "{}", String::from_utf8_lossy(&running.stdout));
    let mounts = fs::read_to_string("/proc/self/mounts").expect("there are mounts");
    assert!(!mounts.contains(&name), "{mounts}");
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    for hierarchy in hierarchies.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let groups = fs::read_dir(hierarchy.path()).into_iter().flatten().flatten();
        let left = groups.map(|group| group.path()).find(|group| group.to_string_lossy().contains(&name));
        assert!(left.is_none(), "{left:?}");
    }
}
