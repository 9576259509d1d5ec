//! What is done to a service between deployments, by the command line: `scale`, `stop`, `start`, `run`, `exec`, `image push`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use mcp_cloud_emulator::{
    Emulator, Running, Trigger,
    aws::{Account, Served, TaskFate},
};
use mcp_cloud_tests::{Profile, cli_binary, hello_binary, workspace_root};
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::account::{REGION, Run, sees_only};

const ID: &str = "123456789012";
/// Stands for the plugin of the session manager: notes down what it was given, and ends with a code of its own.
const PLUGIN: &str = "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\nprintf '%s\\n' \"$@\" > \"$NOTES/arguments\"\n\
                      printf '%s' \"$AWS_SSM_START_SESSION_RESPONSE\" > \"$NOTES/session\"\nexit 7\n";

/// An account in memory whose time goes by quickly, with the example server behind its load balancers.
struct Stage {
    account: Account,
    served: Served,
    app: TempDir,
    over: Arc<AtomicBool>,
    clock: Option<JoinHandle<()>>,
    _program: Running,
    _runtime: Runtime,
}

impl Stage {
    fn open() -> Self {
        let runtime = Runtime::new().expect("a runtime can be made");
        let account = Account::new(ID, REGION);
        let (served, program) = runtime.block_on(async {
            let emulator =
                Emulator::new(Trigger::Direct, hello_binary(Profile::Dev)).env("MCP_CLOUD_ALLOW_UNAUTHENTICATED", "1");
            let program = emulator.listen(([127, 0, 0, 1], 0).into()).await.expect("the emulator starts");
            account.run_program_at(program.address());
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
            (account.serve(listener).expect("it can be served"), program)
        });
        let over = Arc::new(AtomicBool::new(false));
        let clock = thread::spawn({
            let (account, over) = (account.clone(), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    account.pass(Duration::from_secs(2));
                    thread::sleep(Duration::from_millis(20));
                }
            }
        });
        let app = TempDir::new().expect("a folder can be made");
        let hello = workspace_root().join("examples/hello");
        let architecture = std::env::consts::ARCH.replace("aarch64", "arm64");
        let text = format!(
            "name = \"hello\"\nbuild.directory = {hello:?}\nauth.mode = \"none\"\nnetwork.exposure = \"private\"\n\
             resources.architecture = \"{architecture}\"\nscaling = {{ minimum = 1, maximum = 3 }}\necs.exec = true\n"
        );
        fs::write(app.path().join("mcp-cloud.toml"), text).expect("the app can be written");
        Self { account, served, app, over, clock: Some(clock), _program: program, _runtime: runtime }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cli_binary());
        sees_only(&mut command, &self.served.url());
        command.args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let (before, after) = match arguments.iter().position(|argument| *argument == "--") {
            Some(end) => arguments.split_at(end),
            None => (arguments, [].as_slice()),
        };
        Run::of(self.command(before).arg(self.app.path()).args(after))
    }

    /// How many tasks AWS was asked for, in order.
    fn asked_for(&self) -> Vec<u64> {
        let calls = self.account.take_calls();
        let updates = calls.iter().filter(|call| call.action == "UpdateService");
        updates.filter_map(|call| call.parameters.get("desiredCount")?.as_u64()).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.clock.take().map(JoinHandle::join);
    }
}

#[test]
fn service_is_scaled_stopped_started_and_has_tasks_and_commands_beside_it() {
    let stage = Stage::open();
    let run = stage.run(&["stop"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("there is no service `hello/hello`"), "{run}");

    let run = stage.run(&["deploy", "--target", "ecs", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(!run.stderr.contains("leaves it open"), "no file is emitted, so none leaves anything open: {run}");

    stage.account.take_calls();
    let run = stage.run(&["scale", "--tasks", "2", "--output", "json"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!((&run.json()["before"], &run.json()["tasks"]), (&json!(1), &json!(2)), "{run}");
    let run = stage.run(&["scale", "--tasks", "5"]);
    assert!(run.stderr.contains("scales by itself between 1 and 3 tasks, and will be back there soon"), "{run}");
    assert_eq!(stage.asked_for(), [2, 5]);

    for (outcome, asked) in [("now", vec![0]), ("before", Vec::new())] {
        let run = stage.run(&["stop", "--output", "json"]);
        assert_eq!((run.code, &run.json()["stopped"]), (Some(0), &json!(outcome)), "{run}");
        assert_eq!(stage.asked_for(), asked);
    }
    let run = stage.run(&["exec", "--", "ls"]);
    assert!(run.code != Some(0), "nothing runs: {run}");
    for (outcome, asked) in [("now", vec![2]), ("before", Vec::new())] {
        let run = stage.run(&["start", "--tasks", "2", "--output", "json"]);
        assert_eq!((run.code, &run.json()["started"]), (Some(0), &json!(outcome)), "{run}");
        assert_eq!(stage.asked_for(), asked);
    }

    once(&stage);
    session(&stage);
    let platform = format!("linux/{}", std::env::consts::ARCH);
    let run = stage.run(&["image", "push", "--platform", &platform, "--output", "json"]);
    assert_eq!((run.code, &run.json()["sent_bytes"]), (Some(0), &json!(0)), "it is what was deployed: {run}");

    let run = stage.run(&["destroy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
    assert!(stage.account.unknown_calls().is_empty(), "{:?}", stage.account.unknown_calls());
}

/// A task beside the service ends with its own exit code, and one that takes too long is stopped.
fn once(stage: &Stage) {
    let run = stage.run(&["run"]);
    assert_eq!(run.code, Some(0), "{run}");
    let run = stage.run(&["run", "--timeout", "0s"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("was not done within 0 s, and is stopped"), "{run}");
    stage.account.destine("hello@", TaskFate::Exits(3));
    let run = stage.run(&["run", "--output", "json", "--", "--health"]);
    assert_eq!(run.code, Some(3), "{run}");
    assert_eq!(run.json()["run"]["exit_code"], 3, "{run}");
    stage.account.destine("hello@", TaskFate::Serves);
    let calls = stage.account.take_calls();
    let started: Vec<_> = calls.iter().filter(|call| call.action == "RunTask").collect();
    let command = started.last().expect("one was started").parameters["overrides"]["containerOverrides"][0].clone();
    assert_eq!(command["command"], json!(["--health"]));
}

/// The plugin gets the session by its environment, for everybody may read arguments.
fn session(stage: &Stage) {
    let folder = TempDir::new().expect("a folder can be made");
    let plugin = folder.path().join("session-manager-plugin");
    fs::write(&plugin, PLUGIN).expect("it can be written");
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let run = stage.run(&["exec", "--", "/bin/sh"]);
    assert!(run.stderr.contains("cannot start `session-manager-plugin`"), "{run}");
    assert!(run.stderr.contains("install it"), "{run}");

    let mut command = stage.command(&["exec"]);
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    command
        .arg(stage.app.path())
        .args(["--", "/bin/sh", "-c", "echo it's"])
        .env("PATH", path)
        .env("NOTES", folder.path());
    let run = Run::of(&mut command);
    assert_eq!(run.code, Some(7), "{run}");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("the plugin was run");
    let (arguments, session) = (read("arguments"), read("session"));
    assert!(session.contains("token-of-"), "{session}");
    assert!(!arguments.contains("token-of-") && !format!("{run}").contains("token-of-"), "{arguments}\n{run}");
    assert!(arguments.contains("StartSession") && arguments.contains("ecs:hello_"), "{arguments}");
    let calls = stage.account.take_calls();
    let asked = calls.iter().rfind(|call| call.action == "ExecuteCommand").expect("a session was asked for");
    assert_eq!(asked.parameters["command"], r#"/bin/sh -c 'echo it'\''s'"#);
}
