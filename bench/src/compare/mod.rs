//! Runs the project and its peers side by side, in turns, so that a noisy moment falls on all of them: ratios are those
//! of a turn, and of those the median.
//!
//! [`invocations`](Row) are what Lambda sees; [`PayloadRow`], [`ToolsRow`] and [`HttpRow`] say how that grows with the
//! result, with the tools of a server, and with the connections of a container.

mod http;
mod invocations;
mod payload;
mod tools;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

pub use self::http::HttpRow;
pub use self::invocations::{CaseRow, Row};
pub use self::payload::PayloadRow;
pub use self::tools::ToolsRow;
use crate::callgrind::{self, Cost};
use crate::processors::Processors;
use crate::simulator::{Rounds, Samples};
use crate::statistics::Spread;
use crate::{Case, Error, Program};

/// The binaries to compare.
#[derive(Debug, Clone, clap::Args)]
pub struct Binaries {
    /// P0: the physical floor
    #[arg(long)]
    pub floor: PathBuf,
    /// P1: rmcp under `lambda_http`
    #[arg(long)]
    pub glue: PathBuf,
    /// P2: rmcp's HTTP service on axum
    #[arg(long)]
    pub rmcp_http: PathBuf,
    /// P7: hyper alone
    #[arg(long)]
    pub hyper_floor: PathBuf,
    /// The project's example server
    #[arg(long)]
    pub subject: PathBuf,
    /// The same as a static binary, as it ships to Lambda
    #[arg(long)]
    pub subject_static: Option<PathBuf>,
    /// The project's server with the tools of the peers
    #[arg(long)]
    pub server: PathBuf,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// How often each program has its turn.
    pub turns: usize,
    /// Invocations of a turn.
    pub rounds: Rounds,
    /// Cold starts of a turn.
    pub cold_starts: usize,
    /// Streamed invocations of a turn.
    pub streamed: Rounds,
    /// Invocations of the two runs under callgrind.
    pub counted: (usize, usize),
    /// How often each program has its turn with a size, with many tools or under a load.
    pub turns_aside: usize,
    /// Invocations of a turn with small results; fewer are asked for large ones.
    pub sized: Rounds,
    /// How long a load is counted; it runs half as long before.
    pub load: Duration,
}

impl Effort {
    /// Enough for figures worth writing down.
    #[must_use]
    pub fn full() -> Self {
        Self {
            turns: 9,
            rounds: Rounds::new(300, 1000),
            cold_starts: 5,
            streamed: Rounds::new(2, 10),
            counted: (100, 500),
            turns_aside: 5,
            sized: Rounds::new(200, 1000),
            load: Duration::from_secs(2),
        }
    }

    /// Enough to see that everything works.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            turns: 1,
            rounds: Rounds::new(20, 200),
            cold_starts: 2,
            streamed: Rounds::new(1, 3),
            counted: (20, 40),
            turns_aside: 1,
            sized: Rounds::new(20, 100),
            load: Duration::from_millis(300),
        }
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was asked of every program.
    pub case: String,
    /// The project and its peers.
    pub programs: Vec<Row>,
    /// The project alone, asked other things.
    pub cases: Vec<CaseRow>,
    /// Results of several sizes.
    pub payloads: Vec<PayloadRow>,
    /// A server with many tools.
    pub tools: Vec<ToolsRow>,
    /// Plain HTTP under a load.
    pub http: Vec<HttpRow>,
}

/// Measures everything. `say` is told what is being done; callgrind's files go to `folder`.
///
/// # Errors
///
/// The first [`Error`] of any program: figures of a comparison in which one answered wrongly are worth nothing.
pub fn run(
    binaries: &Binaries,
    effort: Effort,
    processors: Processors,
    folder: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<Report, Error> {
    let counter = Counter::new(effort, folder, say);
    let programs = invocations::programs(binaries, effort, &counter, say)?;
    let cases = invocations::cases(binaries, effort, &counter, say)?;
    let payloads = payload::run(binaries, effort, say)?;
    let tools = tools::run(binaries, effort, &counter, say)?;
    let http = http::run(binaries, effort, processors, say)?;
    Ok(Report { case: Case::default().to_string(), programs, cases, payloads, tools, http })
}

/// Counts instructions where that can be done.
struct Counter<'a> {
    available: bool,
    counted: (usize, usize),
    folder: &'a Path,
}

impl<'a> Counter<'a> {
    fn new(effort: Effort, folder: &'a Path, say: &mut dyn FnMut(&str)) -> Self {
        let available = callgrind::available();
        if !available {
            say("SKIP callgrind: install `valgrind` to have instructions and allocations counted");
        }
        Self { available, counted: effort.counted, folder }
    }

    fn count(&self, program: &Program, case: &Case, say: &mut dyn FnMut(&str)) -> Result<Option<Cost>, Error> {
        if !self.available {
            return Ok(None);
        }
        say(&format!("counting instructions: {}, {case}", program.name));
        let (few, many) = self.counted;
        callgrind::count(program, case, few, many, self.folder).map(Some)
    }
}

/// Gives each of `items` so many turns, one after the other, and returns what each showed.
fn in_turns<I, T>(
    items: &[I],
    turns: usize,
    mut take: impl FnMut(&I) -> Result<T, Error>,
) -> Result<Vec<(&I, Vec<T>)>, Error> {
    let mut shown: Vec<(&I, Vec<T>)> = items.iter().map(|item| (item, Vec::new())).collect();
    for _ in 0..turns {
        for (item, turns) in &mut shown {
            turns.push(take(item)?);
        }
    }
    Ok(shown)
}

/// Where the cycles of each turn lie.
fn cycles(turns: &[Samples]) -> Vec<Spread> {
    turns.iter().filter_map(|turn| Spread::of(&turn.cycles)).collect()
}

fn medians(spreads: &[Spread]) -> Vec<f64> {
    spreads.iter().map(|spread| spread.median).collect()
}
