//! A Docker daemon that this machine does not notice: in namespaces of its own for network, mounts and processes, from
//! packages that are not installed. Whatever it started ends with it, and what it mounted and connected is gone.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    Program, descendants,
    tools::{docker, skip, target},
};

/// The registry of an emulated account, which the daemon looks for at port 80 of its own network.
const REGISTRY: &str = "000000000000.dkr.ecr.eu-west-1.amazonaws.com";
/// It listens after a second on an idle machine.
const START: Duration = Duration::from_secs(60);
/// How long the kernel may take to let go of what was killed.
const END: Duration = Duration::from_secs(10);

/// Runs as the first process of its namespaces, and so reaps and takes everything with it. Sockets of shims are under
/// `/run`, whatever dockerd is told.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs tmpfs /run
ip link set lo up
printf '127.0.0.1 localhost %s\n' "$REGISTRY" > "$HOME/hosts"
mount --bind "$HOME/hosts" /etc/hosts
exec tini-static -s -- dockerd --log-level warn --insecure-registry "$REGISTRY" --data-root "$HOME/data" --exec-root "$HOME/exec" --host "unix://$HOME/docker.sock" \
    --pidfile "$HOME/dockerd.pid" --userland-proxy-path "$TOOL/usr/sbin/docker-proxy" --cgroup-parent "/$CGROUP"
"#;

/// A running daemon, with a network that nobody outside is in. Dropping it leaves nothing behind; it ends with the thread that
/// started it, whatever ends that, and then leaves its folder.
#[derive(Debug)]
pub struct Docker {
    program: Program,
    /// The first process of its namespaces.
    init: u32,
    tool: PathBuf,
    _cgroups: Cgroups,
    folder: TempDir,
}

impl Docker {
    /// Starts one; `None` where it is not installed or this machine does not allow it, which is said.
    ///
    /// # Panics
    ///
    /// If it does not start, and where there is none although `CI` is set.
    #[must_use]
    pub fn start() -> Option<Self> {
        let tool = docker()?;
        if !may_make_namespaces() {
            skip("a Docker daemon: only root may make namespaces for one here");
            return None;
        }
        let folder = TempDir::with_prefix_in("docker-", target()).expect("a folder can be made");
        let name = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let cgroups = Cgroups(format!("mcp-cloud-{name}"));
        // A test program that is killed drops nothing: the daemon is killed with the thread that started it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]);
        command.args(["--mount-proc", "sh", "-c", SCRIPT]);
        environment(&mut command, &tool, folder.path());
        command.env("CGROUP", &cgroups.0).env("REGISTRY", REGISTRY);
        let program = Program::start(&mut command);
        let mut daemon = Self { program, init: 0, tool, _cgroups: cgroups, folder };
        daemon.wait();
        let started = descendants(daemon.program.id());
        daemon.init = *started.first().expect("it has started something");
        Some(daemon)
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while !answers(&self.socket()) {
            assert!(!self.program.has_ended(), "dockerd ended");
            assert!(start.elapsed() < START, "dockerd does not answer");
            sleep(Duration::from_millis(50));
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// What `DOCKER_HOST` has to be, inside of its network and outside.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// A folder that is gone with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command that runs this program where containers and what they publish can be reached: in the daemon's network, and
    /// so out of reach of everything else. It ends with the daemon at the latest.
    #[must_use]
    pub fn inside(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string(), "--net", "--pid", "--"]).arg(program);
        command.env("DOCKER_HOST", self.host());
        command
    }

    /// Runs Docker's own command line, and gives what it prints.
    ///
    /// # Panics
    ///
    /// If it fails; what it said is in the message.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = self.inside(&self.tool.join("usr/bin/docker"));
        let output = command.args(arguments).stdin(Stdio::null()).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {}: {said}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// Programs and libraries where they were taken out to, and the names that dockerd calls iptables by.
fn environment(command: &mut Command, tool: &Path, home: &Path) {
    let names = home.join("iptables");
    fs::create_dir(&names).expect("a folder can be made");
    for family in ["iptables", "ip6tables"] {
        for suffix in ["", "-save", "-restore"] {
            let link = names.join(format!("{family}{suffix}"));
            std::os::unix::fs::symlink(tool.join("usr/sbin/xtables-nft-multi"), link).expect("a link can be made");
        }
    }
    let libraries = tool.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{1}/usr/sbin:{1}/usr/bin:{path}", names.display(), tool.display());
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("TOOL", tool)
        .env("LD_LIBRARY_PATH", &libraries)
        .env("XTABLES_LIBDIR", libraries.join("xtables"));
}

fn may_make_namespaces() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "ip", "link", "set", "lo", "up"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn answers(socket: &Path) -> bool {
    let Ok(mut connection) = UnixStream::connect(socket) else { return false };
    let mut head = [0; 12];
    connection.write_all(b"GET /_ping HTTP/1.0\r\n\r\n").is_ok()
        && connection.read_exact(&mut head).is_ok()
        && head.ends_with(b"200")
}

/// The control groups of the daemon's containers, which outlive them.
#[derive(Debug)]
struct Cgroups(String);

impl Drop for Cgroups {
    fn drop(&mut self) {
        let start = Instant::now();
        // Where there is one hierarchy for all controllers, and where each has its own.
        let own = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
        for hierarchy in own.chain([PathBuf::from("/sys/fs/cgroup")]) {
            let group = hierarchy.join(&self.0);
            while !is_removed(&group) && start.elapsed() < END {
                sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Removes a control group with those in it; fails as long as a process is in one.
fn is_removed(group: &Path) -> bool {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_removed(&entry.path()) {
            return false;
        }
    }
    fs::remove_dir(group).is_ok_and(|()| true)
        || fs::symlink_metadata(group).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}
