//! ECS on Fargate whose tasks are containers: MiniStack with a Docker daemon, in a network that is nobody else's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use mcp_cloud_tests::{Docker, python, static_hello, workspace_root};
use serde_json::{Value, json};

use crate::{
    account::{Run, sees_only},
    ministack::MiniStack,
};

/// An account whose tasks run.
struct Fargate {
    ministack: MiniStack,
    /// Ends after what runs in its network.
    docker: Docker,
}

impl Fargate {
    /// Opens one; `None` where what is needed is not installed or not allowed.
    fn open() -> Option<Self> {
        python()?;
        let docker = Docker::start()?;
        let ministack = MiniStack::start_inside(&docker)?;
        Some(Self { ministack, docker })
    }

    /// A program that sees this account, and nothing of this machine's own AWS configuration or network.
    fn command(&self, program: &Path) -> Command {
        let mut command = self.docker.inside(program);
        sees_only(&mut command, &format!("http://{}", self.ministack.address()));
        command
    }

    /// Runs one of the scripts beside this file, and gives what it prints.
    fn run_script(&self, script: &str, arguments: &[&str]) -> Value {
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
        fs::copy(static_hello(&format!("{}-unknown-linux-musl", std::env::consts::ARCH)), folder.join("server"))
            .expect("the program can be copied");
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

#[test]
fn a_daemon_leaves_nothing_behind_when_its_test_fails() {
    let Some(docker) = Docker::start() else { return };
    let folder: PathBuf = docker.folder().to_owned();
    let failed = std::thread::spawn(move || {
        let image = docker.folder().join("image");
        fs::create_dir(&image).expect("a folder can be made");
        fs::copy(static_hello(&format!("{}-unknown-linux-musl", std::env::consts::ARCH)), image.join("server"))
            .expect("the program can be copied");
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
