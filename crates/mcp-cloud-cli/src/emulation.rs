//! Puts a built server behind an emulated platform, and says why where that fails.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mcp_cloud_app::app::Lambda;
use mcp_cloud_contract as contract;
use mcp_cloud_emulator::{Emulator, Observation, Running, StartError, Trigger};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

/// How long Lambda lets a function start
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>, "Init phase").
const LAMBDA_INIT: Duration = Duration::from_secs(10);
/// How long Lambda Managed Instances let it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html>, "Init phase").
const MANAGED_INIT: Duration = Duration::from_secs(130);
/// How long the end of a program, and what it wrote last, may take to be seen.
const AFTERMATH: Duration = Duration::from_millis(300);
/// How many of the last lines of a server that did not start are shown.
const LAST_LINES: usize = 20;

/// A built server and what it stands behind.
#[derive(Debug)]
pub(crate) struct Emulation {
    pub(crate) trigger: Trigger,
    /// How many invocations an instance takes at once, if it is a function.
    pub(crate) concurrency: usize,
    pub(crate) program: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    /// How it runs on Lambda, where a file says so.
    pub(crate) function: Option<Lambda>,
}

/// Why a server does not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Start(StartError),
    #[error("`{}` ended before it served ({})", program.display(), ending(*code))]
    Ended { program: PathBuf, code: Option<i32> },
    #[error("`{}` told Lambda that it cannot start: {error_type}", program.display())]
    Refused { program: PathBuf, error_type: String },
    #[error("`{}` did not ask Lambda for a request within {} s", program.display(), limit.as_secs())]
    Silent { program: PathBuf, limit: Duration },
}

impl ServeError {
    /// What to do about it, where something can be done.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Start(StartError::PortInUse { .. } | StartError::Listen { .. }) => Some(OTHER_PORT),
            Self::Start(StartError::Exited { .. }) | Self::Ended { .. } | Self::Refused { .. } => {
                Some("what the server wrote stands above")
            }
            Self::Start(StartError::NotListening { .. }) | Self::Silent { .. } => {
                Some("a server that serves with `mcp_cloud::Server` finds its platform by itself")
            }
            Self::Start(_) => None,
        }
    }
}

/// The hint for an address that cannot be had.
pub(crate) const OTHER_PORT: &str = "choose another port with `--port`";

fn ending(code: Option<i32>) -> String {
    code.map_or_else(|| "killed by a signal".to_owned(), |code| format!("exit status {code}"))
}

impl Emulation {
    /// Serves on `address`. A function is started by its first request, so it is tried out before: one that cannot
    /// start is known now, and the first request still finds it cold.
    pub(crate) async fn listen(
        &self,
        address: SocketAddr,
        observe: impl Fn(Observation) + Send + Sync + 'static,
    ) -> Result<Running, ServeError> {
        if self.trigger.is_lambda()
            && let Err((error, last_lines)) = self.try_out().await
        {
            last_lines.into_iter().for_each(observe);
            return Err(error);
        }
        // Until the server serves, its end is the error that is returned.
        let serves = Arc::new(AtomicBool::new(false));
        let tell_of_its_end = Arc::clone(&serves);
        let observer = move |seen| {
            if tell_of_its_end.load(Ordering::Relaxed) || !matches!(seen, Observation::ServerExited { .. }) {
                observe(seen);
            }
        };
        let running = self.emulator().observer(observer).listen(address).await.map_err(ServeError::Start)?;
        serves.store(true, Ordering::Relaxed);
        Ok(running)
    }

    fn emulator(&self) -> Emulator {
        let mut emulator = Emulator::new(self.trigger, &self.program);
        for (name, value) in &self.environment {
            emulator = emulator.env(name, value);
        }
        let mode = match self.trigger.streams() {
            true => contract::RESPONSE_MODE_STREAM,
            false => contract::RESPONSE_MODE_BUFFERED,
        };
        emulator = emulator.env(contract::env::RESPONSE_MODE, mode);
        if self.trigger.is_lambda() {
            emulator = emulator.concurrency(self.concurrency);
            if let Some(function) = &self.function {
                let timeout = Duration::from_secs(function.timeout_seconds.into());
                emulator = emulator.timeout(timeout).memory_mb(function.memory_mb);
            }
        } else {
            // As Cloud Run's container it would listen on every interface of this machine.
            emulator = emulator.env(contract::env::ALLOW_UNAUTHENTICATED, "0");
        }
        emulator
    }

    async fn try_out(&self) -> Result<(), (ServeError, VecDeque<Observation>)> {
        let (sender, mut seen) = mpsc::unbounded_channel();
        let emulator = self.emulator().timeout(LAMBDA_INIT).observer(move |observation| {
            // Nobody listens any more once the server was found to serve.
            let _ = sender.send(observation);
        });
        let nothing = |error| (ServeError::Start(error), VecDeque::new());
        let running = emulator.listen((Ipv4Addr::LOCALHOST, 0).into()).await.map_err(nothing)?;
        let asking = ask(running.address());
        let mut last_lines = VecDeque::new();
        let limit = if self.concurrency > 1 { MANAGED_INIT } else { LAMBDA_INIT };
        let judging = judge(&self.program, limit, &mut seen, &mut last_lines);
        let (_, judged) = tokio::join!(asking, judging);
        running.stop().await;
        judged.map_err(|error| (error, last_lines))
    }
}

/// Sends one request, whose answer does not matter: that there is one does.
async fn ask(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n", contract::HEALTH_PATH);
    stream.write_all(request.as_bytes()).await?;
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

/// Finds out from what was seen whether the server serves, and keeps the last lines it wrote.
async fn judge(
    program: &Path,
    init_limit: Duration,
    seen: &mut mpsc::UnboundedReceiver<Observation>,
    last_lines: &mut VecDeque<Observation>,
) -> Result<(), ServeError> {
    let program = program.to_owned();
    let mut verdict = None;
    loop {
        // How a program ended and what it wrote last may be seen after the answer its platform gave instead of it.
        let limit = if verdict.is_some() { AFTERMATH } else { Duration::MAX };
        match timeout(limit, seen.recv()).await {
            Ok(Some(Observation::Request(record))) if record.status.is_server_error() => {
                verdict.get_or_insert(Ok(()));
            }
            Ok(Some(Observation::Request(_))) => return Ok(()),
            Ok(Some(line @ Observation::ServerOutput { .. })) => {
                last_lines.push_back(line);
                if last_lines.len() > LAST_LINES {
                    last_lines.pop_front();
                }
            }
            Ok(Some(Observation::InitError { error_type })) => {
                verdict = Some(Err(ServeError::Refused { program: program.clone(), error_type }));
            }
            Ok(Some(Observation::ServerExited { code, reason })) if !matches!(verdict, Some(Err(_))) => {
                verdict = Some(Err(match reason {
                    None => ServeError::Ended { program: program.clone(), code },
                    Some(_) => ServeError::Silent { program: program.clone(), limit: init_limit },
                }));
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return verdict.unwrap_or(Ok(())),
        }
    }
}
