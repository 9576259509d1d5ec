//! Whether this machine can compile the server for where it is to run.

use std::{env, ffi::OsStr, path::Path, process::Stdio, sync::Arc};

use mcp_cloud_app::{App, app::CargoBuild};
use tokio::process::Command;

use super::{Finding, Group};
use crate::build::{self, BuildError, LINKER, configured, linker_variable, needs_linker, require_target};

/// The linker that Rust calls on Linux unless it is told another.
const SYSTEM_LINKER: &str = "cc";

pub(super) async fn findings(app: Arc<App>) -> Vec<Finding> {
    let Some(package) = app.cargo() else {
        return vec![Group::Tools.skipped("the server is no cargo package, so there is nothing to compile")];
    };
    let target = app.architecture.rust_target();
    let directory = &package.package_directory;
    let cargo = Group::Tools.ask("cargo");
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let cargo = match first_line(&program, &["--version"], directory).await {
        Ok(version) => cargo.ok(version),
        Err(error) => cargo.failed(&build::start("cargo", error).into()),
    };
    let installed = Group::Tools.ask(format!("Rust target `{target}`"));
    let installed = match require_target(package, target).await {
        Ok(()) => installed.ok("is installed"),
        Err(error @ BuildError::TargetMissing { .. }) => installed.ng("is not installed", error.hint()),
        Err(error) => installed.failed(&error.into()),
    };
    vec![cargo, installed, linker(package, target).await]
}

/// Asks for the linker that [`build`](crate::build::build) would have cargo call.
async fn linker(package: &CargoBuild, target: &'static str) -> Finding {
    let question = Group::Tools.ask(format!("linker for `{target}`"));
    let directory = &package.package_directory;
    if needs_linker(package, target) {
        return match bundled_linker(directory).await {
            Some(true) => question.ok(format!("`{LINKER}`, which comes with Rust")),
            Some(false) => question.ng(
                format!("this Rust came without `{LINKER}`"),
                format!("install Rust from <https://rustup.rs>, or name a linker in `{}`", linker_variable(target)),
            ),
            None => question.skip("`rustc` does not say where it is installed"),
        };
    }
    let named = env::var_os(linker_variable(target));
    if named.is_none() && configured(directory, target) {
        return question.skip("`.cargo/config.toml` says something about this target, and decides");
    }
    let program = named.unwrap_or_else(|| SYSTEM_LINKER.into());
    match first_line(&program, &["--version"], directory).await {
        Ok(version) => question.ok(version),
        Err(error) => question.ng(
            format!("cannot start `{}`: {error}", program.display()),
            format!("install a C compiler, or name another linker in `{}`", linker_variable(target)),
        ),
    }
}

/// Whether the linker lies where rustc looks for it; `None` when rustc says nothing.
async fn bundled_linker(directory: &Path) -> Option<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = first_line(&rustc, &["--print", "target-libdir"], directory).await.ok()?;
    // `…/lib/rustlib/HOST/lib`, with `bin` beside the last part.
    let host = Path::new(&libraries).parent()?;
    Some(host.join("bin").join(LINKER).with_extension(env::consts::EXE_EXTENSION).is_file())
}

/// The first line that a program writes to standard output. One that fails has not answered.
async fn first_line(program: &OsStr, arguments: &[&str], directory: &Path) -> std::io::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = command.output().await?;
    if !output.status.success() {
        return Err(std::io::Error::other(output.status.to_string()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
}
