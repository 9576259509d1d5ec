//! Runs the project and its peers side by side, in turns, so that a noisy moment falls on all of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::callgrind::{self, Cost};
use crate::case::{BodyEncoding, Call, Era, MemberOrder, ReplyMode, Trigger};
use crate::simulator::{Rounds, Samples, play};
use crate::statistics::{Spread, median};
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
    /// The project's example server
    #[arg(long)]
    pub subject: PathBuf,
    /// The same as a static binary, as it ships to Lambda
    #[arg(long)]
    pub subject_static: Option<PathBuf>,
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
        }
    }

    /// Enough to see that everything works.
    #[must_use]
    pub fn quick() -> Self {
        Self { turns: 1, rounds: Rounds::new(20, 200), cold_starts: 2, streamed: Rounds::new(1, 3), counted: (20, 40) }
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
}

/// What one program showed. Times are medians over its turns.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What the tables call the program.
    pub program: String,
    /// Microseconds from an event to the request for the next one.
    pub cycle: Spread,
    /// Median cycle as a multiple of the floor's.
    pub cycle_ratio: f64,
    /// Microseconds from an event to the end of its answer.
    pub answer: Spread,
    /// Microseconds of processor time per invocation.
    pub processor: f64,
    /// Microseconds from the start of the process to its first answer.
    pub cold_start: Spread,
    /// Median cold start as a multiple of the floor's.
    pub cold_start_ratio: f64,
    /// KiB resident at most.
    pub peak_kib: f64,
    /// Connections opened in a turn.
    pub connections: f64,
    /// Microseconds from the first to the last byte of a small streamed answer.
    pub streamed_tail: Option<Spread>,
    /// Instructions and allocations per invocation.
    pub cost: Option<Cost>,
    /// Size of the binary.
    pub binary_bytes: u64,
}

/// What one case costs the project.
#[derive(Debug, Serialize)]
pub struct CaseRow {
    /// What was asked.
    pub case: String,
    /// Microseconds from an event to the request for the next one.
    pub cycle: Spread,
    /// Instructions and allocations per invocation.
    pub cost: Option<Cost>,
}

/// A program, and how it is started where it has to stream.
struct Contestant {
    plain: Program,
    streaming: Option<Program>,
    turns: Turns,
}

#[derive(Default)]
struct Turns {
    warm: Vec<Samples>,
    cold: Vec<Duration>,
    tails: Vec<Spread>,
}

/// Measures everything. `say` is told what is being done; callgrind's files go to `folder`.
///
/// # Errors
///
/// The first [`Error`] of any program: figures of a comparison in which one answered wrongly are worth nothing.
pub fn run(binaries: &Binaries, effort: Effort, folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Report, Error> {
    let case = Case::default();
    let counting = callgrind::available();
    if !counting {
        say("SKIP callgrind: install `valgrind` to have instructions and allocations counted");
    }
    let mut contestants = contestants(binaries);
    for turn in 1..=effort.turns {
        say(&format!("turn {turn} of {}", effort.turns));
        for contestant in &mut contestants {
            contestant.take_turn(&case, effort)?;
        }
    }
    let mut count = |program: &Program, case: &Case| {
        if !counting {
            return Ok(None);
        }
        say(&format!("counting instructions: {}, {case}", program.name));
        let (few, many) = effort.counted;
        callgrind::count(program, case, few, many, folder).map(Some)
    };
    let mut programs = Vec::new();
    for contestant in &contestants {
        let cost = count(&contestant.plain, &case)?;
        programs.extend(contestant.row(cost)?);
    }
    if let Some(floor) = programs.first().map(|floor| (floor.cycle.median, floor.cold_start.median)) {
        for row in &mut programs {
            row.cycle_ratio = row.cycle.median / floor.0;
            row.cold_start_ratio = row.cold_start.median / floor.1;
        }
    }
    let mut cases = Vec::new();
    for case in other_cases() {
        let program = Program::new("hello", &binaries.subject).replying(case.reply);
        let samples = play(&program, &case, effort.rounds)?;
        let cost = count(&program, &case)?;
        cases.extend(Spread::of(&samples.cycles).map(|cycle| CaseRow { case: case.to_string(), cycle, cost }));
    }
    Ok(Report { case: case.to_string(), programs, cases })
}

/// The floor comes first: the others are divided by it.
fn contestants(binaries: &Binaries) -> Vec<Contestant> {
    let contestant = |plain, streaming| Contestant { plain, streaming, turns: Turns::default() };
    let glue = Program::new("P1 rmcp under lambda_http", &binaries.glue);
    let mut contestants = vec![
        contestant(Program::new("P0 floor", &binaries.floor), None),
        contestant(glue.clone(), Some(glue.with_argument("stream"))),
    ];
    let subjects = [("hello", Some(&binaries.subject)), ("hello, static", binaries.subject_static.as_ref())];
    for (name, path) in subjects {
        contestants.extend(path.map(|path| {
            let program = Program::new(name, path);
            contestant(program.clone(), Some(program.replying(ReplyMode::Streamed)))
        }));
    }
    contestants
}

fn streamed() -> Case {
    Case { trigger: Trigger::FunctionUrl, reply: ReplyMode::Streamed, ..Case::default() }
}

/// What else the project is asked: every trigger, both eras, every kind of body and of call.
fn other_cases() -> Vec<Case> {
    let http_api = Case::default();
    let modern = Case { era: Era::Modern, ..http_api };
    vec![
        modern,
        Case { trigger: Trigger::FunctionUrl, ..http_api },
        streamed(),
        Case { trigger: Trigger::RestApi, ..http_api },
        Case { trigger: Trigger::Alb, ..http_api },
        Case { body: BodyEncoding::Base64, ..http_api },
        Case { members: MemberOrder::ParamsFirst, ..http_api },
        Case { call: Call::Add, ..http_api },
        Case { call: Call::UnknownTool, ..http_api },
        Case { call: Call::ToolsList, ..http_api },
        Case { call: Call::ToolsList, ..modern },
        Case { call: Call::Initialize, ..http_api },
        Case { size: 10_000, ..http_api },
    ]
}

impl Contestant {
    fn take_turn(&mut self, case: &Case, effort: Effort) -> Result<(), Error> {
        for _ in 0..effort.cold_starts {
            self.turns.cold.push(play(&self.plain, case, Rounds::cold())?.first_answer);
        }
        self.turns.warm.push(play(&self.plain, case, effort.rounds)?);
        if let Some(streaming) = &self.streaming {
            self.turns.tails.extend(Spread::of(&play(streaming, &streamed(), effort.streamed)?.tails));
        }
        Ok(())
    }

    /// The row of this program; `None` if it never had a turn.
    fn row(&self, cost: Option<Cost>) -> Result<Option<Row>, Error> {
        let warm = &self.turns.warm;
        let spread = |of: fn(&Samples) -> &Vec<Duration>| {
            Spread::over_runs(&warm.iter().filter_map(|turn| Spread::of(of(turn))).collect::<Vec<_>>())
        };
        let figure = |of: fn(&Samples) -> f64| median(warm.iter().map(of));
        let size = |source: io::Error| Error::System { attempt: "read the size of a binary", source };
        let binary_bytes = fs::metadata(&self.plain.path).map_err(size)?.len();
        let row = || {
            Some(Row {
                program: self.plain.name.clone(),
                cycle: spread(|turn| &turn.cycles)?,
                cycle_ratio: 1.0,
                answer: spread(|turn| &turn.answers)?,
                processor: figure(|turn| turn.processor_time.as_secs_f64() * 1e6 / turn.cycles.len().max(1) as f64)?,
                cold_start: Spread::of(&self.turns.cold)?,
                cold_start_ratio: 1.0,
                peak_kib: figure(|turn| turn.peak_kib as f64)?,
                connections: figure(|turn| turn.connections as f64)?,
                streamed_tail: Spread::over_runs(&self.turns.tails),
                cost,
                binary_bytes,
            })
        };
        Ok(row())
    }
}
