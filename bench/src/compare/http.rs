//! The same servers as a plain HTTP service, as a container runs them, under a closed-loop load.

use serde::Serialize;

use super::{Binaries, Effort, in_turns};
use crate::http_load::{Load, Loaded, load};
use crate::processors::Processors;
use crate::statistics::{median, median_ratio};
use crate::{Case, Error, Program};

/// Connections of a load.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// What one server showed under one load. Figures are medians over its turns.
#[derive(Debug, Serialize)]
pub struct HttpRow {
    /// What the tables call the program.
    pub program: String,
    /// Connections, each with one request on its way.
    pub connections: usize,
    /// Answers a second.
    pub rate: f64,
    /// The rate as a fraction of the floor's in the same turn.
    pub rate_ratio: f64,
    /// Microseconds of the server's processor time for each answer.
    pub processor: f64,
    /// That time as a multiple of the floor's. Unlike the rate, it does not depend on how fast the load can ask, nor on
    /// who else is at work on the machine.
    pub processor_ratio: f64,
    /// KiB resident at most.
    pub peak_kib: f64,
}

/// Measures every number of connections, the floor first: the others are divided by it.
pub(super) fn run(
    binaries: &Binaries,
    effort: Effort,
    processors: Processors,
    say: &mut dyn FnMut(&str),
) -> Result<Vec<HttpRow>, Error> {
    let programs = [
        Program::new("P7 hyper alone", &binaries.hyper_floor),
        Program::new("P2 rmcp on axum", &binaries.rmcp_http),
        Program::new("server", &binaries.server),
    ];
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        say(&format!("plain HTTP, connections: {connections}"));
        let places = if connections == 1 { processors.shared() } else { processors };
        let asked = Load { connections, warm_up: effort.load / 2, timed: effort.load };
        let turn = |program: &Program| load(program, &Case::default(), asked, places);
        let shown = in_turns(&programs, effort.turns_aside, turn)?;
        let figures = |turns: &[Loaded], of: fn(&Loaded) -> f64| turns.iter().map(of).collect::<Vec<f64>>();
        let floor = shown.first().map(|(_, turns)| turns.as_slice()).unwrap_or_default();
        rows.extend(shown.iter().filter_map(|(program, turns)| {
            let of_median = |of| median(figures(turns, of));
            let ratio = |of| median_ratio(&figures(turns, of), &figures(floor, of));
            Some(HttpRow {
                program: program.name.clone(),
                connections,
                rate: of_median(|loaded| loaded.rate)?,
                rate_ratio: ratio(|loaded| loaded.rate)?,
                processor: of_median(|loaded| loaded.processor)?,
                processor_ratio: ratio(|loaded| loaded.processor)?,
                peak_kib: of_median(|loaded| loaded.peak_kib as f64)?,
            })
        }));
    }
    Ok(rows)
}
