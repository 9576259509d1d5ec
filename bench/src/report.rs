//! Prints what was measured: a table for people, JSON for pipelines.

use std::io::{self, Write};

use serde::Serialize;

use crate::callgrind::Cost;
use crate::compare::{CaseRow, HttpRow, PayloadRow, Report, Row, ToolsRow};
use crate::gate::{Comparison, Figure, Held};
use crate::simulator::Samples;
use crate::statistics::Spread;

/// What stands where nothing was measured.
const NOTHING: &str = "–";

/// Writes `report` as tables.
///
/// # Errors
///
/// What the output said.
pub fn table(report: &Report, output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "{}; medians\n", report.case)?;
    let mut lines = vec![
        [
            "program",
            "cycle µs",
            "p90",
            "÷ P0",
            "answer µs",
            "CPU µs",
            "k instructions",
            "mallocs",
            "cold ms",
            "÷ P0",
            "peak MiB",
            "streamed tail ms",
            "binary MB",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    lines.extend(report.programs.iter().map(cells));
    write_aligned(&lines, output)?;
    cases(&report.cases, output)?;
    payloads(&report.payloads, output)?;
    tools(&report.tools, output)?;
    http(&report.http, output)
}

fn cases(rows: &[CaseRow], output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "\nhello, asked other things\n")?;
    let mut lines = vec![["case", "cycle µs", "k instructions", "mallocs"].map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let [instructions, allocations] = cost(row.cost);
        vec![row.case.clone(), format!("{:.1}", row.cycle.median), instructions, allocations]
    }));
    write_aligned(&lines, output)
}

fn payloads(rows: &[PayloadRow], output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "\nresults of a size; the floor returns as many bytes\n")?;
    let mut lines = vec![["program", "bytes", "cycle µs", "÷ P0", "peak MiB"].map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        vec![
            row.program.clone(),
            row.bytes.to_string(),
            format!("{:.1}", row.cycle.median),
            format!("{:.2}", row.cycle_ratio),
            format!("{:.1}", row.peak_kib / 1024.0),
        ]
    }));
    write_aligned(&lines, output)
}

fn tools(rows: &[ToolsRow], output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "\na server with many tools, beside the same with three\n")?;
    let head = ["case", "tools", "cycle µs", "÷ 3 tools", "k instructions", "÷ 3 tools", "mallocs"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let [instructions, allocations] = cost(row.cost);
        vec![
            row.case.clone(),
            row.tools.to_string(),
            format!("{:.1}", row.cycle.median),
            format!("{:.2}", row.cycle_ratio),
            instructions,
            row.instructions_ratio.map_or_else(|| NOTHING.to_owned(), |ratio| format!("{ratio:.3}")),
            allocations,
        ]
    }));
    write_aligned(&lines, output)
}

fn http(rows: &[HttpRow], output: &mut dyn Write) -> io::Result<()> {
    writeln!(output, "\nplain HTTP under a closed-loop load\n")?;
    let head = ["program", "connections", "k answers/s", "÷ P7", "CPU µs", "÷ P7", "peak MiB"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        vec![
            row.program.clone(),
            row.connections.to_string(),
            format!("{:.1}", row.rate / 1e3),
            format!("{:.2}", row.rate_ratio),
            format!("{:.1}", row.processor),
            format!("{:.2}", row.processor_ratio),
            format!("{:.1}", row.peak_kib / 1024.0),
        ]
    }));
    write_aligned(&lines, output)
}

/// Writes counts beside their figures.
///
/// # Errors
///
/// What the output said.
pub fn gate(comparison: &Comparison, output: &mut dyn Write) -> io::Result<()> {
    let head = ["case", "instructions", "figure", "%", "mallocs", "figure", "%", "verdict"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(comparison.cases.iter().map(|held| {
        let mut cells = vec![held.case.clone()];
        cells.extend(beside(held, |figure| format!("{:.0}", figure.instructions), |figure| figure.instructions));
        cells.extend(beside(held, |figure| format!("{:.1}", figure.allocations), |figure| figure.allocations));
        cells.push(held.verdict.to_string());
        cells
    }));
    write_aligned(&lines, output)
}

/// What the gate says about a case, in a sentence.
#[must_use]
pub fn sentence(held: &Held) -> String {
    let verdict = format!("`{}` {}", held.case, held.verdict);
    if held.figure.is_none() || held.count.is_none() {
        return verdict;
    }
    let [count, figure, percent] =
        beside(held, |figure| format!("{:.0}", figure.instructions), |figure| figure.instructions);
    let instructions = format!("{count} instructions, figure {figure}, {percent} %");
    let [count, figure, percent] =
        beside(held, |figure| format!("{:.1}", figure.allocations), |figure| figure.allocations);
    format!("{verdict}: {instructions}; {count} allocations, figure {figure}, {percent} %")
}

/// Count, figure, and by how many per cent the one is above the other.
fn beside(held: &Held, shown: impl Fn(&Figure) -> String, of: impl Fn(&Figure) -> f64) -> [String; 3] {
    let percent = held.count.as_ref().zip(held.figure.as_ref()).map(|(count, figure)| {
        let figure = of(figure);
        if figure == 0.0 { NOTHING.to_owned() } else { format!("{:+.1}", (of(count) / figure - 1.0) * 100.0) }
    });
    [held.count.as_ref().map(&shown), held.figure.as_ref().map(&shown), percent]
        .map(|cell| cell.unwrap_or_else(|| NOTHING.to_owned()))
}

/// Writes what was measured as one JSON document.
///
/// # Errors
///
/// What the output said.
pub fn json(report: &impl Serialize, output: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *output, report)?;
    writeln!(output)
}

/// Writes what one program showed.
///
/// # Errors
///
/// What the output said.
pub fn samples(samples: &Samples, counted: Option<Cost>, output: &mut dyn Write) -> io::Result<()> {
    let micros = |spread: Option<Spread>| match spread {
        Some(Spread { min, median, p90 }) => format!("median {median:.1}, p90 {p90:.1}, min {min:.1}"),
        None => NOTHING.to_owned(),
    };
    let invocations = samples.cycles.len();
    writeln!(output, "event {} B, answer {} B, invocations {invocations}", samples.event_bytes, samples.answer_bytes)?;
    writeln!(output, "cycle µs:  {}", micros(Spread::of(&samples.cycles)))?;
    writeln!(output, "answer µs: {}", micros(Spread::of(&samples.answers)))?;
    writeln!(output, "last byte after the first µs: {}", micros(Spread::of(&samples.tails)))?;
    writeln!(
        output,
        "first /next {:.2} ms, first answer {:.2} ms after the start",
        samples.first_next.as_secs_f64() * 1e3,
        samples.first_answer.as_secs_f64() * 1e3
    )?;
    writeln!(
        output,
        "CPU {:.1} µs per invocation, peak {:.1} MiB, {} connections",
        samples.processor_time.as_secs_f64() * 1e6 / invocations.max(1) as f64,
        samples.peak_kib as f64 / 1024.0,
        samples.connections
    )?;
    if counted.is_some() {
        let [instructions, allocations] = cost(counted);
        writeln!(output, "k instructions {instructions}, mallocs {allocations}")?;
    }
    Ok(())
}

fn cells(row: &Row) -> Vec<String> {
    let [instructions, allocations] = cost(row.cost);
    vec![
        row.program.clone(),
        format!("{:.1}", row.cycle.median),
        format!("{:.1}", row.cycle.p90),
        format!("{:.2}", row.cycle_ratio),
        format!("{:.1}", row.answer.median),
        format!("{:.1}", row.processor),
        instructions,
        allocations,
        format!("{:.2}", row.cold_start.median / 1e3),
        format!("{:.2}", row.cold_start_ratio),
        format!("{:.1}", row.peak_kib / 1024.0),
        row.streamed_tail.map_or_else(|| NOTHING.to_owned(), |tail| format!("{:.3}", tail.median / 1e3)),
        format!("{:.2}", row.binary_bytes as f64 / 1e6),
    ]
}

fn cost(cost: Option<Cost>) -> [String; 2] {
    let instructions = cost.map(|cost| format!("{:.1}", cost.instructions / 1e3));
    let allocations = cost.and_then(|cost| cost.allocations).map(|allocations| format!("{allocations:.1}"));
    [instructions, allocations].map(|cell| cell.unwrap_or_else(|| NOTHING.to_owned()))
}

/// The first column to the left, numbers to the right.
fn write_aligned(lines: &[Vec<String>], output: &mut dyn Write) -> io::Result<()> {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                write!(output, "{cell:width$}")?;
            } else {
                write!(output, "  {cell:>width$}")?;
            }
        }
        writeln!(output)?;
    }
    Ok(())
}
