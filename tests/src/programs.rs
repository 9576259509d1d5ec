//! The programs under test, built at most once per run.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// Names the folder that holds programs built already; [`cli_binary`] then builds nothing. `cargo xtask test` sets it,
/// because it has built the whole workspace with one set of features and a second build would differ from it.
const BUILT: &str = "MCP_CLOUD_TESTS_BUILT";

/// How the example server is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Dev,
    /// As it ships to a function.
    Release,
}

/// The folder of the workspace's `Cargo.toml`.
#[must_use]
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate of the tests lies in the workspace")
}

/// The program `mcp-cloud`, built by the first caller.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn cli_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build("mcp-cloud-cli", "mcp-cloud", Profile::Dev))
}

/// The example server for this machine, built by the first caller.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn hello_binary(profile: Profile) -> &'static Path {
    static DEV: OnceLock<PathBuf> = OnceLock::new();
    static RELEASE: OnceLock<PathBuf> = OnceLock::new();
    let binary = match profile {
        Profile::Dev => &DEV,
        Profile::Release => &RELEASE,
    };
    binary.get_or_init(|| build("hello", "hello", profile))
}

/// The example server as it ships, static, for this target, such as `aarch64-unknown-linux-musl`. Cargo builds it each time,
/// which is quick the second time.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn static_hello(target: &str) -> PathBuf {
    static_program(&["--package", "hello", "--bin", "hello", "--release"], "hello", target)
}

/// The example of the library that serves a command, static, for this target. Cargo builds it each time, which is quick the
/// second time.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn static_bridge(target: &str) -> PathBuf {
    static_program(&["--package", "mcp-cloud", "--example", "duplex"], "duplex", target)
}

fn static_program(arguments: &[&str], name: &str, target: &str) -> PathBuf {
    let linker = format!("CARGO_TARGET_{}_LINKER", target.to_ascii_uppercase().replace('-', "_"));
    cargo_build_with(&[arguments, &["--target", target]].concat(), name, &[(&linker, "rust-lld")])
}

/// The server with everything the conformance suite asks for, built by the first caller.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn everything_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build("everything", "everything", Profile::Dev))
}

fn build(package: &str, binary: &str, profile: Profile) -> PathBuf {
    if profile == Profile::Dev
        && let Some(folder) = std::env::var_os(BUILT)
    {
        let built = Path::new(&folder).join(binary);
        assert!(built.is_file(), "{BUILT} names a folder without `{binary}`: {}", built.display());
        return built;
    }
    let release: &[&str] = if profile == Profile::Release { &["--release"] } else { &[] };
    cargo_build(&[&["--package", package, "--bin", binary], release].concat(), binary)
}

/// An example of the library for this machine, with these features of the library.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn library_example(name: &str, features: &str) -> PathBuf {
    cargo_build(&["--package", "mcp-cloud", "--example", name, "--features", features], name)
}

fn cargo_build(arguments: &[&str], target: &str) -> PathBuf {
    cargo_build_with(arguments, target, &[])
}

fn cargo_build_with(arguments: &[&str], target: &str, variables: &[(&str, &str)]) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .current_dir(workspace_root())
        .arg("build")
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"])
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo starts");
    assert!(built.status.success(), "`{target}` does not build");
    built
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == target)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the executable it built")
}
