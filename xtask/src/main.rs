//! What a developer of mcp-cloud runs that is not `cargo build`: `cargo xtask --help`.

mod bench;
mod check;
mod command;
mod conformance;
mod install;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks and tests mcp-cloud.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check format, lints, documentation and dependencies
    Check,
    /// Install what the tests call, then run every test
    Test(test::Args),
    /// Measure servers beside their peers, or hold what they cost against committed figures
    Bench(bench::Args),
    /// Run the MCP conformance suite behind every trigger
    Conformance(conformance::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Check => check::run(),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Conformance(args) => conformance::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::say(format_args!("error: {error}"));
            if let Some(hint) = error.hint() {
                command::say(format_args!("hint: {hint}"));
            }
            ExitCode::FAILURE
        }
    }
}
