//! Starts the server program, hands on what it writes, and freezes, ends or kills it as a platform would.
//!
//! One task owns the child process, because only its owner knows that the process id is still the child's. Everybody
//! else sends it commands; when nobody is left to send any, it kills the child.

mod signal;

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    sync::{mpsc, watch},
    time::timeout,
};

use crate::observation::{Observation, Observer, OutputStream};

/// Whether a Lambda function's process is stopped between invocations, as on Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freeze {
    /// The process is stopped (`SIGSTOP`) when it asks for the next event, and continued when there is one. Where the
    /// operating system cannot do that, this is the same as [`Freeze::Never`].
    BetweenInvocations,
    /// The process runs on.
    Never,
}

/// Variables of the emulator's own environment that the program gets too; a platform's container has them as well.
const INHERITED: [&str; 6] = ["PATH", "HOME", "TMPDIR", "USER", "SystemRoot", "TEMP"];

/// A longer line is handed on in pieces.
const LINE_BYTES: u64 = 64 * 1024;

/// What to start, and with which environment.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Later entries win over earlier ones, and the platform's own win over these.
    env: Vec<(OsString, OsString)>,
    pub(crate) observer: Observer,
    /// How many processes of it there are.
    alive: watch::Sender<usize>,
}

impl fmt::Debug for Program {
    // The environment may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Program").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Program {
    pub(crate) fn new(path: PathBuf, env: Vec<(OsString, OsString)>, observer: Observer) -> Self {
        Self { path, env, observer, alive: watch::Sender::new(0) }
    }

    /// Waits until every process of it has ended.
    pub(crate) async fn ended(&self) {
        // The sender lives as long as `self`.
        let _ = self.alive.subscribe().wait_for(|alive| *alive == 0).await;
    }

    /// Starts the program with the platform's variables `platform_env`.
    pub(crate) fn start(&self, platform_env: &[(&str, String)]) -> io::Result<Process> {
        // A child started by a relative path is looked up in `PATH` instead of the current folder.
        let path = std::path::absolute(&self.path)?;
        let mut command = Command::new(path);
        command
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| {
                let value = std::env::var_os(name)?;
                Some((OsString::from(name), value))
            }))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .envs(platform_env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        signal::own_group(&mut command);
        let mut child = command.spawn()?;
        self.observer.observe(Observation::ServerStarted { process_id: child.id() });
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(lines(stdout, OutputStream::Stdout, self.observer.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(lines(stderr, OutputStream::Stderr, self.observer.clone()));
        }
        let (commands, received) = mpsc::unbounded_channel();
        let (exited, exit) = watch::channel(None);
        self.alive.send_modify(|alive| *alive += 1);
        let (alive, observer) = (self.alive.clone(), self.observer.clone());
        tokio::spawn(async move {
            own(Owned(child), received, exited, observer).await;
            alive.send_modify(|alive| *alive -= 1);
        });
        Ok(Process { commands, exit })
    }

    pub(crate) fn name(&self) -> String {
        Path::file_stem(&self.path).map_or_else(|| "function".into(), |stem| stem.to_string_lossy()).into_owned()
    }
}

/// A started program. Dropping it kills the program.
#[derive(Debug)]
pub(crate) struct Process {
    commands: mpsc::UnboundedSender<Order>,
    exit: watch::Receiver<Option<Exit>>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Stop,
    Continue,
    Terminate,
    Kill(&'static str),
}

impl Process {
    /// Whether the program has not ended yet.
    pub(crate) fn is_running(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Waits until the program has ended.
    pub(crate) async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        // The sender goes only after it has sent, unless the runtime is shutting down.
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit { code: None }),
            Err(_) => Exit { code: None },
        }
    }

    pub(crate) fn freeze(&self) {
        self.order(Order::Stop);
    }

    pub(crate) fn thaw(&self) {
        self.order(Order::Continue);
    }

    /// Kills the program and waits until it is gone.
    pub(crate) async fn kill(&self, reason: &'static str) {
        self.order(Order::Kill(reason));
        self.exited().await;
    }

    /// Asks the program to end (`SIGTERM`), and kills it if it has not within `grace`.
    pub(crate) async fn terminate(&self, grace: Duration) {
        self.order(Order::Terminate);
        if timeout(grace, self.exited()).await.is_err() {
            self.kill("did not end in time after SIGTERM").await;
        }
    }

    fn order(&self, order: Order) {
        // Fails if the program has ended, which is what the order was about.
        let _ = self.commands.send(order);
    }
}

/// The child, killed with everything it started when its owner goes.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        signal::kill_group(&self.0);
    }
}

async fn own(
    mut child: Owned,
    mut orders: mpsc::UnboundedReceiver<Order>,
    exited: watch::Sender<Option<Exit>>,
    observer: Observer,
) {
    let mut reason = None;
    let status = loop {
        tokio::select! {
            status = child.0.wait() => break status,
            order = orders.recv() => match order {
                Some(Order::Stop) => signal::stop_group(&child.0),
                Some(Order::Continue) => signal::continue_group(&child.0),
                Some(Order::Terminate) => {
                    reason = Some("stopped");
                    signal::continue_group(&child.0);
                    signal::terminate_group(&mut child.0);
                }
                Some(Order::Kill(why)) => {
                    reason = Some(why);
                    signal::kill_group(&child.0);
                    // Where there are no groups, and in case the child left its own.
                    let _ = child.0.start_kill();
                }
                None => {
                    reason = Some("stopped");
                    signal::kill_group(&child.0);
                    let _ = child.0.start_kill();
                    break child.0.wait().await;
                }
            },
        }
    };
    let code = status.ok().as_ref().and_then(ExitStatus::code);
    // First, so that whoever waits for the exit finds it already observed.
    observer.observe(Observation::ServerExited { code, reason });
    exited.send_replace(Some(Exit { code }));
}

async fn lines(source: impl AsyncRead + Unpin, stream: OutputStream, observer: Observer) {
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut source).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        observer.observe(Observation::ServerOutput { line: String::from_utf8_lossy(&line).into_owned(), stream });
    }
}
