//! An AWS account of MiniStack with nothing in it, and the command line in front of it.

use std::{
    cell::{OnceCell, RefCell},
    env, fs,
    io::{BufRead as _, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
    time::Duration,
};

use mcp_cloud_tests::{Finished, Program, Signal, cli_binary, python, workspace_root};
use serde_json::Value;
use tempfile::TempDir;

use crate::{ministack::MiniStack, proxy::Proxy};

/// A deployment compiles the server first, optimised.
const BUILD: Duration = Duration::from_secs(900);
/// A command that was interrupted ends at once.
const END: Duration = Duration::from_secs(10);

pub(crate) const REGION: &str = "eu-west-1";

/// An account, with an app to deploy to it.
pub(crate) struct Account {
    pub(crate) proxy: Proxy,
    pub(crate) ministack: MiniStack,
    app: TempDir,
    /// Started when it is asked for the first time.
    inventory: OnceCell<Inventory>,
}

/// A program that says what there is, as often as it is asked.
struct Inventory {
    process: Child,
    asked: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Inventory {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdin = process.stdin.take().expect("it is a pipe");
        let stdout = BufReader::new(process.stdout.take().expect("it is a pipe"));
        Self { process, asked: RefCell::new((stdin, stdout)) }
    }

    fn ask(&self) -> Value {
        let (stdin, stdout) = &mut *self.asked.borrow_mut();
        writeln!(stdin).expect("it listens");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("it prints JSON, not `{line}`: {error}"))
    }
}

impl Drop for Inventory {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Account {
    /// Opens one; `None` where what is needed is not installed.
    pub(crate) fn open() -> Option<Self> {
        python()?;
        let ministack = MiniStack::start()?;
        let account = Self {
            proxy: Proxy::start(ministack.address()),
            ministack,
            app: TempDir::new().expect("a folder can be made"),
            inventory: OnceCell::new(),
        };
        account.write_app("");
        Some(account)
    }

    /// Writes `mcp-cloud.toml` of the example server for the processor of this machine, with more lines under
    /// `[lambda]`.
    pub(crate) fn write_app(&self, lambda: &str) {
        self.write(&workspace_root().join("examples/hello"), lambda);
    }

    fn write(&self, server: &Path, lambda: &str) {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let text = format!(
            "name = \"hello\"\nbuild.directory = {server:?}\nauth.mode = \"none\"\nresources.architecture = \
             \"{architecture}\"\n[lambda]\n{lambda}\n"
        );
        fs::write(self.app.path().join("mcp-cloud.toml"), text).expect("the app can be written");
    }

    /// Writes a server that ends at once, and the app that deploys it. It has the name of the other, which is all that an
    /// account knows of it.
    pub(crate) fn write_app_that_ends(&self) {
        let server = self.app.path().join("ends");
        fs::create_dir_all(server.join("src")).expect("a folder can be made");
        let package = "[package]\nname = \"ends\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        fs::write(server.join("Cargo.toml"), package).expect("the package can be written");
        fs::write(server.join("src/main.rs"), "fn main() {}\n").expect("the program can be written");
        self.write(&server, "");
    }

    pub(crate) fn app(&self) -> &Path {
        self.app.path()
    }

    /// Runs a command on the app. Standard input is no terminal.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(cli_binary()).args(arguments).arg(self.app.path()))
    }

    /// The same, and this is piped in.
    pub(crate) fn run_with_input(&self, input: &[u8], arguments: &[&str]) -> Run {
        let mut child = self
            .command(cli_binary())
            .args(arguments)
            .arg(self.app.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that refuses before it reads closes its end.
        let _ = child.stdin.take().expect("it is a pipe").write_all(input);
        Run::from(child.wait_with_output().expect("it ends"))
    }

    /// Runs a command on the app in a terminal, where somebody types this, a line at each question.
    pub(crate) fn run_in_terminal(&self, typed: &str, arguments: &[&str]) -> Run {
        let python = python().expect("it was there before");
        let script = workspace_root().join("tests/deploy/terminal.py");
        Run::of(self.command(&python).arg(script).arg(typed).arg(cli_binary()).args(arguments).arg(self.app.path()))
    }

    /// Runs a command on the app until it says this on standard error, and presses Ctrl-C.
    pub(crate) fn interrupt(&self, sign: &str, arguments: &[&str]) -> Run {
        let program = Program::start(self.command(cli_binary()).args(arguments).arg(self.app.path()));
        let _ = program.stderr_line(BUILD, |line| line.contains(sign));
        program.signal_group(Signal::INT);
        let Finished { code, stdout, stderr } = program.finish(END);
        Run { code, stdout, stderr }
    }

    /// Asks with AWS's own SDK for Python what there is, whatever we think there is.
    pub(crate) fn inventory(&self) -> Value {
        let inventory = self.inventory.get_or_init(|| Inventory::start(&mut self.script("inventory.py"))).ask();
        // Its own calls are nobody's concern.
        self.proxy.take_calls();
        inventory
    }

    /// Makes a bucket as somebody else would.
    pub(crate) fn make_bucket(&self, name: &str, region: &str) {
        self.run_script("make_bucket.py", &[name, region]);
    }

    pub(crate) fn run_script(&self, script: &str, arguments: &[&str]) -> Run {
        let run = Run::of(self.script(script).args(arguments));
        assert_eq!(run.code, Some(0), "{run}");
        // Its own calls are nobody's concern.
        self.proxy.take_calls();
        run
    }

    fn script(&self, script: &str) -> Command {
        let python = python().expect("it was there before");
        let mut command = self.command(&python);
        // This SDK knows the region by another name.
        command.env("AWS_DEFAULT_REGION", REGION).arg(workspace_root().join("tests/deploy").join(script));
        command
    }

    /// A program that sees this account and nothing of this machine's own AWS configuration.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        sees_only(&mut command, &self.proxy.url());
        command
    }
}

/// Lets a program see the account at this address, and nothing of this machine's own AWS configuration.
pub(crate) fn sees_only(command: &mut Command, url: &str) {
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test-secret-that-is-never-shown")
        .env("AWS_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_PROXY", "127.0.0.1");
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("the program starts"))
    }

    pub(crate) fn from(output: Output) -> Self {
        let Output { status, stdout, stderr } = output;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
        let run = Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) };
        assert!(!format!("{run}").contains("test-secret-that-is-never-shown"), "credentials are never shown: {run}");
        run
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}
