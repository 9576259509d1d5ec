//! One set of scenarios behind one trigger: starts the emulator, runs the suite, stops the emulator.

use std::{
    fmt::Write as _,
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use mcp_cloud_emulator::{Emulator, Observation, Running, StartError, Trigger, trigger::alb};

use super::{Check, RunError, Scenario, Set, Status, Suite, suite::Totals};

/// How many ports are tried.
const PORTS: usize = 3;

/// How the instances of a function run. There is one of any other program, and it takes many requests at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instances {
    /// One instance that takes many invocations at once, and keeps the sessions of legacy clients in its memory.
    Managed,
    /// Several, each with one invocation, frozen in between, and no session anywhere.
    Classic,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the server program stands behind.
    pub trigger: Trigger,
    /// How its instances run.
    pub instances: Instances,
    /// Which scenarios.
    pub set: Set,
    /// Only this one of them.
    pub scenario: Option<String>,
    /// The server program.
    pub program: PathBuf,
    /// Where everything that the suite and the server write is kept. What is there is removed.
    pub folder: PathBuf,
}

/// What a run found.
#[derive(Debug)]
pub struct Report {
    /// The scenarios, in the order they ran.
    pub scenarios: Vec<Scenario>,
    /// How long all of them took.
    pub duration: Duration,
}

impl Report {
    /// Checks with this status, counted as the suite counts them: one made twice counts twice.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.checks(status).count()
    }

    /// Checks with this status, each with the name of its scenario.
    pub fn checks(&self, status: Status) -> impl Iterator<Item = (&str, &Check)> {
        let all = self.scenarios.iter();
        all.flat_map(|scenario| scenario.checks.iter().map(|check| (scenario.name.as_str(), check)))
            .filter(move |(_, check)| check.status == status)
    }

    /// What the suite sums up.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals { passed: self.count(Status::Success), failed: self.count(Status::Failure) }
    }
}

/// Runs the plan with an emulator of its own, on a free port.
///
/// # Errors
///
/// If the server does not start, or the suite does not come to the end of all it announced. A server that fails every
/// check is no error.
pub async fn run(suite: &Suite, plan: &Plan) -> Result<Report, RunError> {
    empty(&plan.folder)?;
    let log = Log::default();
    let running =
        start(plan, &log).await.map_err(|source| RunError::Server { trigger: plan.trigger.to_string(), source })?;
    let url = format!("http://{}/mcp", running.address());
    let begun = Instant::now();
    let scenarios = suite.run(&url, plan.set, plan.scenario.as_deref(), &plan.folder).await;
    let duration = begun.elapsed();
    running.stop().await;
    let path = plan.folder.join("server.txt");
    fs::write(&path, log.text()).map_err(|source| RunError::File { attempt: "write", path, source })?;
    Ok(Report { scenarios: scenarios?, duration })
}

/// Listens where nobody else does. The server has to know the port before there is a listener that has it; in between,
/// another program may take it.
async fn start(plan: &Plan, log: &Log) -> Result<Running, StartError> {
    let mut attempts = 1..=PORTS;
    loop {
        let address = free_address()?;
        let observer = log.clone();
        let started = server(plan, address).observer(move |observation| observer.add(&observation)).listen(address);
        match started.await {
            Err(StartError::PortInUse { .. }) if attempts.next().is_some() => {}
            done => return done,
        }
    }
}

fn free_address() -> Result<SocketAddr, StartError> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    listener.map_err(|source| StartError::Listen { address, source })
}

/// The server program behind its trigger, for clients that know it by `address`.
fn server(plan: &Plan, address: SocketAddr) -> Emulator {
    let trigger = plan.trigger;
    let mode = if trigger.streams() { "stream" } else { "buffered" };
    let emulator = Emulator::new(trigger, &plan.program)
        .env("MCP_CLOUD_RESPONSE_MODE", mode)
        // On Cloud Run the server would listen on every interface of this machine.
        .env("MCP_CLOUD_ALLOW_UNAUTHENTICATED", "0")
        // The suite expects of every server what it expects of one on the loopback interface: that address and no other
        // name. To a server behind a platform it is one more name, which whoever runs it adds, as a domain of theirs.
        // A load balancer's own name is in no event but as the `Host` header.
        .env("MCP_CLOUD_ALLOWED_HOSTS", format!("{address},{}", alb::DOMAIN))
        .env("MCP_CLOUD_ALLOWED_ORIGINS", format!("http://{address}"));
    match plan.instances {
        Instances::Classic if trigger.is_lambda() => emulator,
        Instances::Managed if trigger.is_lambda() => emulator.env("MCP_CLOUD_SESSIONS", "memory").concurrency(16),
        Instances::Managed | Instances::Classic => emulator.env("MCP_CLOUD_SESSIONS", "memory"),
    }
}

fn empty(folder: &Path) -> Result<(), RunError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(folder),
    }
    .map_err(|source| RunError::File { attempt: "empty", path: folder.to_owned(), source })
}

/// What the emulator saw, a line each.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn add(&self, observation: &Observation) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = match observation {
            Observation::ServerOutput { line, .. } => writeln!(log, "{line}"),
            Observation::Request(request) => writeln!(
                log,
                "# {} {} {} after {:?} {}",
                request.http_method,
                request.path,
                request.status,
                request.duration,
                request.note.as_deref().unwrap_or_default()
            ),
            other => writeln!(log, "# {other:?}"),
        };
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
