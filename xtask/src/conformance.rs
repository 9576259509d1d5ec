//! `cargo xtask conformance`.

use crate::{
    command::{self, TaskError, cargo, target},
    install,
};

/// What `cargo xtask conformance` takes: the runner knows its arguments, so that `xtask` stays quick to build.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

/// Installs the suite, builds the server and the runner, and runs.
///
/// Each package is built by itself: in one command cargo would give the server the features of the tests.
pub(crate) fn run(args: &Args) -> Result<(), TaskError> {
    if !args.arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        install::node()?;
        command::run(cargo().args(["build", "--package", "everything"]))?;
    }
    command::run(cargo().args(["build", "--package", "mcp-cloud-tests", "--bin", "conformance"]))?;
    let debug = target().join("debug");
    let mut runner = command::in_root(debug.join("conformance"));
    runner.arg("--program").arg(debug.join("everything")).arg("--folder").arg(target().join("conformance"));
    command::run(runner.args(&args.arguments))
}
