//! Measures Lambda bootstraps: one, or the project beside its peers.

use std::error::Error as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use mcp_cloud_bench::compare::{self, Binaries, Effort};
use mcp_cloud_bench::gate::{Figures, Verdict};
use mcp_cloud_bench::processors::Processors;
use mcp_cloud_bench::simulator::{Rounds, play};
use mcp_cloud_bench::{Case, Error, Program, callgrind, report};

#[derive(Debug, Parser)]
#[command(about = "Plays the Lambda Runtime API to a program, checks its answers and times it")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Where callgrind's files go
    #[arg(long, default_value = ".", global = true)]
    folder: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compares the project with its peers
    Compare {
        #[command(flatten)]
        binaries: Binaries,
        /// A few hundred invocations: shows that everything works, not how fast
        #[arg(long)]
        quick: bool,
        /// What is printed on standard output
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Counts what an invocation costs, and holds it against committed figures
    Gate {
        /// The server to measure
        #[arg(long)]
        server: PathBuf,
        /// The committed figures
        #[arg(long)]
        figures: PathBuf,
        /// Writes what was counted as the figures to commit
        #[arg(long)]
        accept: bool,
        /// What is printed on standard output
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Measures one program with one case
    One {
        #[command(flatten)]
        case: Case,
        /// Invocations before the clock counts
        #[arg(long, default_value_t = 300)]
        warm_up: usize,
        /// Invocations that are timed
        #[arg(long, default_value_t = 1000)]
        timed: usize,
        /// Counts instructions and allocations too
        #[arg(long)]
        count: bool,
        /// Environment variable for the program
        #[arg(long, value_name = "NAME=VALUE")]
        variable: Vec<String>,
        /// The bootstrap and its arguments
        #[arg(last = true, required = true)]
        program: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Table,
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = format!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                message = format!("{message}: {cause}");
                source = cause.source();
            }
            say(&message);
            if let Some(hint) = error.hint() {
                say(&format!("hint: {hint}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let processors = Processors::choose()?;
    let processor = processors.pin()?;
    let output = &mut io::stdout().lock();
    match arguments.command {
        Command::Compare { binaries, quick, output: format } => {
            say(&format!("everything runs on processor {processor}, but servers under a load from many connections"));
            if processors.are_shared() {
                say("there is one processor only: a server under a load shares it with the load");
            }
            let effort = if quick { Effort::quick() } else { Effort::full() };
            let report = compare::run(&binaries, effort, processors, &arguments.folder, &mut say)?;
            match format {
                Format::Table => report::table(&report, output),
                Format::Json => report::json(&report, output),
            }
            .map_err(Error::Output)
        }
        Command::Gate { server, figures, accept, output: format } => {
            // Before the count, so that a file that cannot be read says so at once.
            let committed = if accept { None } else { Some(Figures::read(&figures)?) };
            let counted = Figures::count(&server, &arguments.folder, &mut say)?;
            if accept {
                counted.write(&figures)?;
            }
            hold(&figures, &committed.unwrap_or_else(|| counted.clone()), &counted, format, output)
        }
        Command::One { case, warm_up, timed, count, variable, program } => {
            let Some((path, rest)) = program.split_first() else { return Ok(()) };
            let mut program = Program::new("the program", path);
            program.arguments = rest.to_vec();
            for (name, value) in variable.iter().filter_map(|variable| variable.split_once('=')) {
                program = program.with_variable(name, value);
            }
            let samples = play(&program, &case, Rounds::new(warm_up, timed))?;
            let cost = if count { Some(callgrind::count(&program, &case, 100, 500, &arguments.folder)?) } else { None };
            report::samples(&samples, cost, output).map_err(Error::Output)
        }
    }
}

/// Prints `counted` beside the figures in `path`, and fails where a case does not keep to them.
fn hold(
    path: &Path,
    committed: &Figures,
    counted: &Figures,
    format: Format,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let comparison = committed.compare(counted);
    match format {
        Format::Table => report::gate(&comparison, output),
        Format::Json => report::json(&comparison, output),
    }
    .map_err(Error::Output)?;
    if let Some(elsewhere) = &comparison.elsewhere {
        say(&format!(
            "the figures were counted with {elsewhere}, these with {}: the limit is {:.0} %",
            counted.counted_with,
            comparison.limit * 100.0
        ));
    }
    for case in comparison.cases.iter().filter(|case| case.verdict != Verdict::Held) {
        say(&report::sentence(case));
    }
    match comparison.failures().count() {
        0 => Ok(()),
        failures => Err(Error::Gate { failures, cases: comparison.cases.len(), path: path.to_owned() }),
    }
}

/// Talk goes to standard error. That it cannot be written is no reason to stop measuring.
fn say(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
