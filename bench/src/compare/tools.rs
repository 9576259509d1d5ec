//! A server with many tools beside the same with three: a call of one should not pay for the others.

use serde::Serialize;

use super::{Binaries, Counter, Effort, cycles, in_turns, medians};
use crate::callgrind::Cost;
use crate::case::Era;
use crate::gate::MANY_TOOLS;
use crate::simulator::play;
use crate::statistics::{Spread, median_ratio};
use crate::{Case, Error, Program};

/// What many tools cost a call of one. Times are medians over turns.
#[derive(Debug, Serialize)]
pub struct ToolsRow {
    /// What was asked.
    pub case: String,
    /// Tools of the larger server; the smaller one has three.
    pub tools: usize,
    /// Cycle of the larger server as a multiple of the smaller one's in the same turn.
    pub cycle_ratio: f64,
    /// Instructions of an invocation of the larger server as a multiple of the smaller one's.
    pub instructions_ratio: Option<f64>,
    /// Microseconds from an event to the request for the next one, of the larger server.
    pub cycle: Spread,
    /// Instructions and allocations of an invocation of the larger server.
    pub cost: Option<Cost>,
}

/// Measures both eras.
pub(super) fn run(
    binaries: &Binaries,
    effort: Effort,
    counter: &Counter<'_>,
    say: &mut dyn FnMut(&str),
) -> Result<Vec<ToolsRow>, Error> {
    let mut rows = Vec::new();
    for era in [Era::Legacy, Era::Modern] {
        let case = Case { era, ..Case::default() };
        say(&format!("{MANY_TOOLS} tools: {case}"));
        let few = Program::new("server", &binaries.server);
        let programs = [few.clone(), few.with_tools(MANY_TOOLS)];
        let shown = in_turns(&programs, effort.turns_aside, |program| play(program, &case, effort.rounds))?;
        let [(few, turns_few), (many, turns)] = shown.as_slice() else { continue };
        let (cycles_few, cycles) = (cycles(turns_few), cycles(turns));
        let ratio = median_ratio(&medians(&cycles), &medians(&cycles_few));
        let (Some(cycle), Some(cycle_ratio)) = (Spread::over_runs(&cycles), ratio) else { continue };
        let (cost_few, cost) = (counter.count(few, &case, say)?, counter.count(many, &case, say)?);
        rows.push(ToolsRow {
            case: case.to_string(),
            tools: MANY_TOOLS,
            cycle_ratio,
            instructions_ratio: cost.zip(cost_few).map(|(many, few)| many.instructions / few.instructions),
            cycle,
            cost,
        });
    }
    Ok(rows)
}
