//! `cargo xtask bench`.

use std::path::PathBuf;

use crate::command::{self, TaskError, answer, cargo, say, target};

/// What `cargo xtask bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A few hundred invocations: shows that everything works, not how fast
    #[arg(long)]
    quick: bool,
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

/// Builds the example server and its peers with the release profile, then measures them in one run.
///
/// Each package is built by itself: in one command cargo would give hello the features its peers ask for.
pub(crate) fn run(args: &Args) -> Result<(), TaskError> {
    let hello = ["build", "--release", "-p", "hello"];
    command::run(cargo().args(hello))?;
    let shipped = if args.quick { None } else { shipped_target() };
    if let Some(triple) = &shipped {
        command::run(cargo().args(hello).args(["--target", triple]))?;
    }
    command::run(cargo().args(["build", "--release", "-p", "mcp-cloud-bench", "--bins"]))?;

    let release = target().join("release");
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder).map_err(|source| TaskError::Write { path: folder.clone(), source })?;
    let mut measure = command::in_root(release.join("measure"));
    measure.arg("compare").arg("--folder").arg(folder);
    measure.arg("--floor").arg(release.join("floor"));
    measure.arg("--glue").arg(release.join("rmcp-lambda-http"));
    measure.arg("--subject").arg(release.join("hello"));
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
