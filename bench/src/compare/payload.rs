//! Results of a size: what carrying them costs beside a floor that writes as many bytes.

use std::time::Duration;

use serde::Serialize;

use super::{Binaries, Effort, cycles, in_turns, medians};
use crate::case::Call;
use crate::simulator::{Rounds, play};
use crate::statistics::{Spread, median, median_ratio};
use crate::{Case, Error, Program};

/// How large results are, and what share of [`Effort::sized`] is asked for them: large ones take long.
const SIZES: [(usize, usize); 4] = [(1_000, 1), (100_000, 4), (1_000_000, 20), (5_000_000, 50)];

/// What one program showed with results of one size. Times are medians over its turns.
#[derive(Debug, Serialize)]
pub struct PayloadRow {
    /// What the tables call the program.
    pub program: String,
    /// Bytes of text in the result.
    pub bytes: usize,
    /// Microseconds from an event to the request for the next one.
    pub cycle: Spread,
    /// Cycle as a multiple of the floor's with as many bytes, in the same turn.
    pub cycle_ratio: f64,
    /// KiB resident at most.
    pub peak_kib: f64,
}

/// Measures every size, the floor first: the others are divided by it.
pub(super) fn run(binaries: &Binaries, effort: Effort, say: &mut dyn FnMut(&str)) -> Result<Vec<PayloadRow>, Error> {
    let mut rows = Vec::new();
    for (bytes, share) in SIZES {
        say(&format!("results of {bytes} bytes"));
        let case = Case { call: Call::Blob, size: bytes, ..Case::default() };
        let rounds = effort.sized;
        let rounds = Rounds {
            warm_up: (rounds.warm_up / share).max(2),
            timed: (rounds.timed / share).max(4),
            limit: Duration::from_secs(300),
            ..rounds
        };
        let programs = [
            Program::new("P0 floor", &binaries.floor).with_argument("--size").with_argument(bytes.to_string()),
            Program::new("P1 rmcp under lambda_http", &binaries.glue),
            Program::new("server", &binaries.server),
        ];
        let shown = in_turns(&programs, effort.turns_aside, |program| play(program, &case, rounds))?;
        let floor = shown.first().map(|(_, turns)| medians(&cycles(turns))).unwrap_or_default();
        rows.extend(shown.iter().filter_map(|(program, turns)| {
            let cycles = cycles(turns);
            Some(PayloadRow {
                program: program.name.clone(),
                bytes,
                cycle: Spread::over_runs(&cycles)?,
                cycle_ratio: median_ratio(&medians(&cycles), &floor)?,
                peak_kib: median(turns.iter().map(|samples| samples.peak_kib as f64))?,
            })
        }));
    }
    Ok(rows)
}
