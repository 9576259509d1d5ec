//! MiniStack as a child process: CloudFormation, S3, IAM, Lambda and the rest, on this machine and without Docker.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use mcp_cloud_tests::{Docker, Program, checker, python, workspace_root};
use tempfile::TempDir;

use crate::account::REGION;

/// It is ready in two seconds on an idle machine.
const START: Duration = Duration::from_secs(60);

/// A running MiniStack; stopped with everything it runs when dropped.
pub(crate) struct MiniStack {
    program: Program,
    address: SocketAddr,
    /// Its state, and the code of the functions it runs. Goes last.
    _folder: TempDir,
}

/// Where it listens in a network that is nobody else's: where a Docker daemon looks for a registry without TLS.
const ALONE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

impl MiniStack {
    /// Starts one; `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let program = checker("ministack")?;
        let target = Path::join(workspace_root(), "target");
        fs::create_dir_all(&target).expect("there is a target folder");
        let folder = TempDir::with_prefix_in("ministack-", target).expect("a folder can be made");
        let address = free_address();
        let mut command = Command::new(program);
        configure(command.env_clear(), address, folder.path());
        let running = Self { program: Program::start(&mut command), address, _folder: folder };
        running.wait();
        Some(running)
    }

    /// Starts one in the network of a Docker daemon, which runs its tasks as containers; `None` where it is not installed.
    /// It is reached from inside of that network alone ([`Docker::inside`]), and is of one region.
    pub(crate) fn start_inside(docker: &Docker) -> Option<Self> {
        let _ = checker("ministack")?;
        let folder = TempDir::with_prefix_in("ministack-", docker.folder()).expect("a folder can be made");
        let mut command = docker.inside(&python()?);
        command.arg(workspace_root().join("tests/deploy/ministack_more.py"));
        configure(command.env_clear(), ALONE, folder.path());
        // What comes through a load balancer names no region.
        command.env("DOCKER_HOST", docker.host()).env("MINISTACK_REGION", REGION);
        let program = Program::start(&mut command);
        let _ = program.stderr_line(START, |line| line.contains("Ready"));
        Some(Self { program, address: ALONE, _folder: folder })
    }

    fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(start.elapsed() < START, "ministack does not answer");
            sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What the server said belongs to the report of a test that failed.
#[expect(clippy::print_stderr, reason = "the report of a test goes to standard error")]
impl Drop for MiniStack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines: Vec<_> =
                self.program.stdout_so_far().into_iter().filter(|line| !line.contains(" INFO ")).collect();
            eprintln!("ministack said:\n{}", lines.join("\n"));
        }
    }
}

fn configure(command: &mut Command, address: SocketAddr, folder: &Path) {
    command
        .envs(["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", address.port().to_string())
        .env("MINISTACK_HOST", "127.0.0.1")
        // These two would listen on ports of their own; the first one on every interface.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        // Functions run as processes.
        .env("LAMBDA_EXECUTOR", "local")
        .env("STATE_DIR", folder.join("state"))
        .env("TMPDIR", folder)
        .current_dir(folder);
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has an address")
}
