//! `cargo xtask bench`.

use std::path::PathBuf;

use crate::command::{self, TaskError, answer, cargo, root, say, target};
use crate::install;

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A few hundred invocations: shows that everything works, not how fast
    #[arg(long)]
    quick: bool,
    /// Only counts instructions and allocations, and fails where they exceed the figures in bench/figures.json
    #[arg(long, conflicts_with = "quick")]
    gate: bool,
    /// Counts as `--gate` does, and writes what it counts into bench/figures.json
    #[arg(long, conflicts_with = "quick")]
    accept: bool,
    /// What is printed on standard output
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
}

/// What cargo does for the server that is measured.
const SERVER: [&str; 4] = ["build", "--release", "-p", "mcp-cloud-bench-server"];

/// Builds, then measures what the arguments ask for.
pub(crate) fn run(args: &Args) -> Result<(), TaskError> {
    if args.gate || args.accept { gate(args) } else { compare(args) }
}

/// Counts what an invocation costs and holds it against the committed figures.
fn gate(args: &Args) -> Result<(), TaskError> {
    if !install::valgrind()? {
        return Ok(());
    }
    command::run(cargo().args(SERVER))?;
    // Who counts need not be quick, and CI should not optimise a whole program for it.
    command::run(cargo().args(["build", "-p", "mcp-cloud-bench", "--bin", "measure"]))?;
    let mut measure = command::in_root(target().join("debug/measure"));
    measure.arg("gate").arg("--folder").arg(folder()?);
    measure.arg("--server").arg(target().join("release/server"));
    measure.arg("--figures").arg(root().join("bench/figures.json"));
    if args.accept {
        measure.arg("--accept");
    }
    if args.output == Output::Json {
        measure.args(["--output", "json"]);
    }
    command::run(&mut measure)
}

/// Where callgrind's files go.
fn folder() -> Result<PathBuf, TaskError> {
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder).map_err(|source| TaskError::Write { path: folder.clone(), source })?;
    Ok(folder)
}

/// Builds the servers and their peers with the release profile, then measures them in one run.
///
/// Each package is built by itself: in one command cargo would give hello the features its peers ask for.
fn compare(args: &Args) -> Result<(), TaskError> {
    let hello = ["build", "--release", "-p", "hello"];
    command::run(cargo().args(hello))?;
    let shipped = if args.quick { None } else { shipped_target() };
    if let Some(triple) = &shipped {
        command::run(cargo().args(hello).args(["--target", triple]))?;
    }
    command::run(cargo().args(SERVER))?;
    command::run(cargo().args(["build", "--release", "-p", "mcp-cloud-bench", "--bins"]))?;

    let release = target().join("release");
    let mut measure = command::in_root(release.join("measure"));
    measure.arg("compare").arg("--folder").arg(folder()?);
    measure.arg("--floor").arg(release.join("floor"));
    measure.arg("--glue").arg(release.join("rmcp-lambda-http"));
    measure.arg("--rmcp-http").arg(release.join("rmcp-http"));
    measure.arg("--hyper-floor").arg(release.join("hyper-floor"));
    measure.arg("--subject").arg(release.join("hello"));
    measure.arg("--server").arg(release.join("server"));
    if let Some(triple) = shipped {
        measure
            .arg("--subject-static")
            .arg([target(), triple.into(), "release/hello".into()].iter().collect::<PathBuf>());
    }
    if args.quick {
        measure.arg("--quick");
    }
    if args.output == Output::Json {
        measure.args(["--output", "json"]);
    }
    command::run(&mut measure)
}

/// The target of a binary that ships to Lambda on this machine's architecture, if it can be built here.
fn shipped_target() -> Option<String> {
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let installed = answer(command::in_root("rustup").args(["target", "list", "--installed"]))?;
    if installed.lines().any(|line| line == triple) {
        return Some(triple);
    }
    say(format_args!("SKIP static binary: `rustup target add {triple}` lets it be built"));
    None
}
