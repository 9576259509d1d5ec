//! What a person sees of the commands that are used most: in a pipe, and in a terminal.
//!
//! They talk to the account in memory, so that what they say is the same every time; the program that is deployed runs
//! behind an emulated function URL. What is not the same is written as `<time>`, `<hash>` and the like, colours as `␛[…m`,
//! and what a terminal redraws is left out. `SNAPSHOTS=overwrite` accepts what is said now.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use mcp_cloud_emulator::{
    Emulator, Running, Trigger,
    aws::{Account, Served, StackMisfortune, When},
};
use mcp_cloud_tests::{Profile, cli_binary, hello_binary, python, workspace_root};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    account::{REGION, Run},
    transcript::{Scrub, settled},
};

const ID: &str = "123456789012";
/// The value of the one secret; it may be seen nowhere.
const VALUE: &str = "a-value-nobody-sees";

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Pipe,
    Terminal,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Pipe => "pipe",
            Self::Terminal => "terminal",
        }
    }
}

struct Stage {
    place: Place,
    account: Account,
    served: Served,
    _program: Running,
    _runtime: Runtime,
    app: TempDir,
}

impl Stage {
    fn open(place: Place) -> Self {
        let runtime = Runtime::new().expect("a runtime can be made");
        let account = Account::new(ID, REGION);
        let (served, program) = runtime.block_on(async {
            let emulator = Emulator::new(Trigger::FunctionUrl, hello_binary(Profile::Dev));
            let emulator = emulator.env("MCP_CLOUD_RESPONSE_MODE", "stream");
            let program = emulator.listen(([127, 0, 0, 1], 0).into()).await.expect("the emulator starts");
            account.run_program_at(program.address());
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
            (account.serve(listener).expect("it can be served"), program)
        });
        let app = TempDir::new().expect("a folder can be made");
        Self { place, account, served, _program: program, _runtime: runtime, app }
    }

    /// Writes the app, with more lines.
    fn write(&self, lines: &str) {
        let hello = workspace_root().join("examples/hello");
        let text = format!(
            "name = \"hello\"\nbuild.directory = {hello:?}\nauth.mode = \"none\"\nresources.architecture = \
             \"x86_64\"\n{lines}\n"
        );
        fs::write(self.app.path().join("mcp-cloud.toml"), text).expect("the app can be written");
    }

    fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .env("AWS_ENDPOINT_URL", self.served.url())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test-secret-that-is-never-shown")
            .env("AWS_REGION", REGION)
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NO_PROXY", "127.0.0.1")
            // A commit would be another one every day.
            .env("GIT_DIR", "/nonexistent")
            .env("TERM", "xterm-256color");
        for name in ["NO_COLOR", "CI", "CLICOLOR", "CLICOLOR_FORCE", "GITHUB_SHA", "CI_COMMIT_SHA"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command, where this is typed or piped in, and holds what is seen against what was seen before.
    fn shows(&self, name: &str, input: &str, arguments: &[&str]) -> Run {
        let run = match self.place {
            Place::Pipe => self.pipe(input, arguments),
            Place::Terminal => {
                let script = workspace_root().join("tests/deploy/terminal.py");
                let python = python().expect("it was there before");
                let mut command = self.command(&python);
                Run::of(command.arg(script).arg(input).arg(cli_binary()).args(arguments).arg(self.app.path()))
            }
        };
        let scrub = Scrub { app: self.app.path().to_owned(), endpoint: self.served.url() };
        let shown = arguments.join(" ");
        let code = run.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let text = match self.place {
            Place::Pipe => format!(
                "$ mcp-cloud {shown}\n--- standard error\n{}--- standard output\n{}--- exit code {code}\n",
                scrub.clean(&run.stderr),
                scrub.clean(&run.stdout)
            ),
            Place::Terminal => {
                format!("$ mcp-cloud {shown}\n{}--- exit code {code}\n", scrub.clean(&settled(&run.stdout)))
            }
        };
        assert!(!format!("{run}").contains(VALUE), "the secret is seen: {run}");
        assert!(self.account.unknown_calls().is_empty(), "{:?}", self.account.unknown_calls());
        hold(&format!("{name}.{}.txt", self.place.name()), &text);
        run
    }

    fn pipe(&self, input: &str, arguments: &[&str]) -> Run {
        let mut child = self
            .command(cli_binary())
            .args(arguments)
            .arg(self.app.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that does not read closes its end.
        let _ = child.stdin.take().expect("it is a pipe").write_all(input.as_bytes());
        Run::from(child.wait_with_output().expect("it ends"))
    }

    /// The same arguments in a pipe, where nobody can be asked, with consent given beforehand.
    fn agreed<'a>(&self, arguments: &[&'a str]) -> Vec<&'a str> {
        let consent = (self.place == Place::Pipe).then_some("--yes");
        arguments.iter().copied().chain(consent).collect()
    }
}

fn folder() -> PathBuf {
    workspace_root().join("tests/transcripts")
}

fn hold(file: &str, text: &str) {
    let path = folder().join(file);
    if env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::create_dir_all(folder()).expect("the folder can be made");
        return fs::write(path, text).expect("the transcript can be written");
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, before, "{file} is another: run with `SNAPSHOTS=overwrite` and look at the difference");
}

fn transcripts(place: Place) {
    // What a server costs, and for which processor it is built, would be others elsewhere.
    if python().is_none() || !cfg!(target_arch = "x86_64") {
        return mcp_cloud_tests::report("SKIP transcripts: they are of x86_64, and need Python");
    }
    let stage = Stage::open(place);
    stage.write("");
    let run = stage.shows("secrets-set", VALUE, &["secrets", "set", "API_KEY"]);
    let arn = run.stdout.lines().find(|line| line.starts_with("arn:")).expect("it says which").trim().to_owned();
    let secret = format!("[secrets]\nAPI_KEY.aws = \"{arn}\"\n");
    stage.write(&secret);
    stage.shows("secrets-list", "", &["secrets", "list"]);
    stage.shows("deploy-first", "y", &stage.agreed(&["deploy"]));
    stage.shows("deploy-again", "", &["deploy"]);
    stage.shows("status", "", &["status"]);

    stage.write(&format!("resources.memory = 512\n{secret}"));
    stage.shows("deploy-dry-run", "", &["deploy", "--dry-run"]);
    stage.account.strike_stack(StackMisfortune::ResourceFails {
        resource_type: "AWS::Lambda::Function".to_owned(),
        when: When::Update,
        reason: "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 128"
            .to_owned(),
        times: 1,
    });
    stage.shows("deploy-failing", "y", &stage.agreed(&["deploy"]));
    let run = stage.pipe("", &["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    stage.shows("rollback", "y", &stage.agreed(&["rollback"]));

    for line in [
        "START RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Version: 1",
        r#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","fields":{"message":"listening"},"target":"hello"}"#,
        "a line as it comes",
    ] {
        stage.account.log("/aws/lambda/hello", "2026/01/01/[1]0123456789abcdef", line);
    }
    stage.shows("logs", "", &["logs", "--since", "2025-12-31T00:00:00Z"]);
    stage.shows("doctor", "", &["doctor"]);
    stage.shows("destroy", "hello", &stage.agreed(&["destroy"]));
    stage.account.run_program_at(wrong_program(&stage.account));
    stage.shows("deploy-unanswered", "y", &stage.agreed(&["deploy"]));
}

/// A program that is no MCP server, and logs what it believes; says where it listens.
fn wrong_program(account: &Account) -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    let address = listener.local_addr().expect("it has an address");
    let account = account.clone();
    thread::spawn(move || {
        let stream = "2026/01/01/[1]0123456789abcdef";
        let mut lines = vec![
            r#"{"timestamp":"2026-01-01T00:00:00Z","level":"ERROR","fields":{"message":"no table of books"},"target":"shop"}"#,
            "it serves pages all the same",
        ];
        for client in listener.incoming().map_while(Result::ok) {
            lines.drain(..).for_each(|line| account.log("/aws/lambda/hello", stream, line));
            // Who goes away in the middle misses nothing.
            let _ = answer_with_a_page(client);
        }
    });
    address
}

fn answer_with_a_page(mut client: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let page = "It works!";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close";
    write!(client, "{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len())
}

#[test]
fn commands_say_in_a_pipe_what_they_said_before() {
    transcripts(Place::Pipe);
}

#[test]
fn commands_say_in_a_terminal_what_they_said_before() {
    transcripts(Place::Terminal);
}

#[test]
fn no_secret_is_in_any_transcript() {
    let files: Vec<_> =
        fs::read_dir(folder()).expect("they are there").map(|file| file.expect("it is one").path()).collect();
    assert!(files.len() >= 20, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).expect("it is text");
        for secret in [VALUE, "test-secret-that-is-never-shown"] {
            assert!(!text.contains(secret), "{}", file.display());
        }
    }
}
