//! The binary `mcp-cloud`: reads arguments, runs one command, prints its outcome.

mod app;
mod cargo;
mod cli;
mod commands;
mod content;
mod costs;
mod duration;
mod emulation;
mod execution;
mod failure;
mod hosting;
mod images;
mod interrupt;
mod log_line;
mod overview;
mod printer;
mod progress;
mod rehearsal;
mod remote;
mod secret_input;
mod server;
mod shown;
mod tasks;
mod traffic;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, failure::Failure, printer::Printer};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unusable(&error),
    };
    let printer = Printer::new(cli.output);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return printer.failure(&Failure::new(error).context("cannot start the command"));
        }
    };
    match runtime.block_on(commands::run(cli.command, &printer)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => printer.failure(&failure),
    }
}

/// Says why the arguments cannot be used, or what was asked about them with `--help`. Whoever asks for detailed exit
/// codes takes 2 for changes that are to be made, so nothing else may end with it.
fn unusable(error: &clap::Error) -> ExitCode {
    // A closed pipe is not an error.
    let _ = error.print();
    let detailed = std::env::args_os().any(|argument| argument == "--detailed-exitcode");
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if detailed => ExitCode::from(Failure::FAILED),
        _ => ExitCode::from(Failure::USAGE),
    }
}
