//! The binary `mcp-cloud`: reads arguments, runs one command, prints its outcome.

mod app;
mod cargo;
mod cli;
mod commands;
mod costs;
mod emulation;
mod execution;
mod failure;
mod interrupt;
mod printer;
mod progress;
mod remote;
mod traffic;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, printer::Printer};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer::new(cli.output);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return printer.failure(&failure::Failure::new(error).context("cannot start the command"));
        }
    };
    match runtime.block_on(commands::run(cli.command, &printer)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => printer.failure(&failure),
    }
}
