//! Counts instructions and allocations under valgrind's callgrind.
//!
//! A program is run twice, with few and with many invocations; the difference, divided, is what one invocation costs,
//! without the start of the process. Unlike times, these figures repeat on any machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;

use crate::simulator::{Rounds, play};
use crate::{Case, Error, Program};

/// Functions of the C library that allocate.
const ALLOCATING: [&str; 6] = ["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign"];

/// What one invocation costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Instructions executed in user space.
    pub instructions: f64,
    /// Calls of `malloc` and its kin; `None` where the allocator cannot be seen, as in a static binary.
    pub allocations: Option<f64>,
}

/// Whether valgrind can be run.
#[must_use]
pub fn available() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Counts what one invocation of `program` with `case` costs, from runs of `few` and of `many` invocations. The counts
/// are left in `folder`, for `callgrind_annotate` to read.
///
/// # Errors
///
/// [`Error`] as [`play`], and [`Error::NoCount`] if callgrind leaves no count behind.
pub fn count(program: &Program, case: &Case, few: usize, many: usize, folder: &Path) -> Result<Cost, Error> {
    let less = total(program, case, few, folder)?;
    let more = total(program, case, many, folder)?;
    let each = |less: u64, more: u64| more.saturating_sub(less) as f64 / many.saturating_sub(few).max(1) as f64;
    Ok(Cost {
        instructions: each(less.instructions, more.instructions),
        allocations: (more.allocations > 0).then(|| each(less.allocations, more.allocations)),
    })
}

struct Total {
    instructions: u64,
    allocations: u64,
}

fn total(program: &Program, case: &Case, invocations: usize, folder: &Path) -> Result<Total, Error> {
    let file = folder.join(format!("callgrind.{}.{invocations}.out", program.name.replace(['/', ' '], "-")));
    // What an earlier run left must not pass for this one's.
    let _ = fs::remove_file(&file);
    let mut observed = Program::new(&program.name, "valgrind")
        .with_argument("--tool=callgrind")
        .with_argument(format!("--callgrind-out-file={}", file.display()))
        .with_argument(program.path.display().to_string());
    observed.arguments.extend(program.arguments.iter().cloned());
    observed.environment.clone_from(&program.environment);
    let patience = Duration::from_secs(300);
    play(&observed, case, Rounds { limit: patience, grace: Duration::from_secs(60), ..Rounds::new(0, invocations) })?;
    let written =
        fs::read_to_string(&file).map_err(|source| Error::NoCount { file: file.clone(), source: Some(source) })?;
    parse(&written).ok_or(Error::NoCount { file, source: None })
}

/// Reads the sum of instructions and of calls from callgrind's file
/// (<https://valgrind.org/docs/manual/cl-format.html>).
fn parse(written: &str) -> Option<Total> {
    let mut allocating = Vec::new();
    let mut called_allocates = false;
    let mut allocations = 0;
    let mut instructions = None;
    for line in written.lines() {
        if let Some(name) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            // `(12) malloc` gives a name a number; from then on it is called `(12)`.
            let (number, name) = name.split_once(' ').unwrap_or((name, ""));
            if ALLOCATING.contains(&name) {
                allocating.push(number);
            }
            called_allocates = line.starts_with('c') && allocating.contains(&number);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            if called_allocates {
                allocations += calls.split(' ').next()?.parse::<u64>().ok()?;
            }
        } else if let Some(sum) = line.strip_prefix("summary:").or_else(|| line.strip_prefix("totals:")) {
            instructions = instructions.or(sum.trim().parse().ok());
        }
    }
    Some(Total { instructions: instructions?, allocations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_calls_of_allocating_functions_under_their_number_too() {
        let written = "fn=(1) main\n10 5\ncfn=(2) malloc\ncalls=3 0\n11 60\ncfn=(3) free\ncalls=9 0\n12 9\n\
                       fn=(4) other\n13 1\ncfn=(2)\ncalls=4 0\n14 80\ntotals: 155\n";
        let total = parse(written).unwrap();
        assert_eq!((total.instructions, total.allocations), (155, 7));
    }
}
