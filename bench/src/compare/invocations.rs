//! Invocations as Lambda makes them: the project beside its peers, and the project alone, asked other things.

use std::fs;
use std::io;
use std::time::Duration;

use serde::Serialize;

use super::{Binaries, Counter, Effort, cycles, in_turns, medians};
use crate::callgrind::Cost;
use crate::case::{BodyEncoding, Call, Era, MemberOrder, ReplyMode, Trigger};
use crate::simulator::{Rounds, Samples, play};
use crate::statistics::{Spread, median, median_ratio};
use crate::{Case, Error, Program};

/// What one program showed. Times are medians over its turns.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What the tables call the program.
    pub program: String,
    /// Microseconds from an event to the request for the next one.
    pub cycle: Spread,
    /// Cycle as a multiple of the floor's in the same turn.
    pub cycle_ratio: f64,
    /// Microseconds from an event to the end of its answer.
    pub answer: Spread,
    /// Microseconds of processor time per invocation.
    pub processor: f64,
    /// Microseconds from the start of the process to its first answer.
    pub cold_start: Spread,
    /// Cold start as a multiple of the floor's in the same turn.
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

/// What one case costs the project. Times are medians over its turns.
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

/// Measures the project and its peers.
pub(super) fn programs(
    binaries: &Binaries,
    effort: Effort,
    counter: &Counter<'_>,
    say: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, Error> {
    let case = Case::default();
    let mut contestants = contestants(binaries);
    for turn in 1..=effort.turns {
        say(&format!("turn {turn} of {}", effort.turns));
        for contestant in &mut contestants {
            contestant.take_turn(&case, effort)?;
        }
    }
    let mut programs = Vec::new();
    let Some(floor) = contestants.first() else { return Ok(programs) };
    for contestant in &contestants {
        let cost = counter.count(&contestant.plain, &case, say)?;
        programs.extend(contestant.row(floor, cost)?);
    }
    Ok(programs)
}

/// Asks the project alone other things.
pub(super) fn cases(
    binaries: &Binaries,
    effort: Effort,
    counter: &Counter<'_>,
    say: &mut dyn FnMut(&str),
) -> Result<Vec<CaseRow>, Error> {
    say("the project, asked other things");
    let hello = Program::new("hello", &binaries.subject);
    let asked = other_cases();
    let turn = |case: &Case| play(&hello.clone().replying(case.reply), case, effort.rounds);
    let mut rows = Vec::new();
    for (case, turns) in in_turns(&asked, effort.turns_aside, turn)? {
        let cost = counter.count(&hello.clone().replying(case.reply), case, say)?;
        rows.extend(Spread::over_runs(&cycles(&turns)).map(|cycle| CaseRow { case: case.to_string(), cycle, cost }));
    }
    Ok(rows)
}

fn seconds(durations: &[Duration]) -> Vec<f64> {
    durations.iter().map(Duration::as_secs_f64).collect()
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

    /// The row of this program beside the floor's; `None` if it never had a turn.
    fn row(&self, floor: &Self, cost: Option<Cost>) -> Result<Option<Row>, Error> {
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
                cycle_ratio: median_ratio(&medians(&cycles(warm)), &medians(&cycles(&floor.turns.warm)))?,
                answer: spread(|turn| &turn.answers)?,
                processor: figure(|turn| turn.processor_time.as_secs_f64() * 1e6 / turn.cycles.len().max(1) as f64)?,
                cold_start: Spread::of(&self.turns.cold)?,
                cold_start_ratio: median_ratio(&seconds(&self.turns.cold), &seconds(&floor.turns.cold))?,
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
