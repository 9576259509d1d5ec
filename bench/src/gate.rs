//! Holds what an invocation costs against figures that are committed.
//!
//! Instructions and allocations are counted, never time: a count repeats, on a busy machine too. Six counts of every
//! case, with a `PATH` of another length each time, agreed within 0.01 %, and allocations exactly. What
//! looks into a map of tools varies with the seed of its hashes, which is random: `initialize` by 0.03 %, `tools/list` by
//! 0.2 %, a call among 53 tools by 0.01 %, and one time in seven by 0.4 %.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::callgrind::{self, Cost};
use crate::case::{BodyEncoding, Call, Era, MemberOrder, ReplyMode, Trigger};
use crate::{Case, Error, Program};

/// How far above its figure a count may lie. Less than this nobody notices, and code that grows a feature needs it.
const LIMIT: f64 = 0.02;
/// The same for instructions where the compiler, the host or the C library are others than those of the figures.
const LIMIT_ELSEWHERE: f64 = 0.10;
/// Allocations may always lie this far above: of a few, one that happens every other time would be more than the limit.
const LIMIT_ALLOCATIONS: f64 = 0.5;
/// Tools of the server that has many.
pub(crate) const MANY_TOOLS: usize = 53;

/// What the counts depend on besides the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Host triple of the compiler.
    pub host: String,
    /// Name and version of the C library.
    pub libc: String,
    /// Release of the compiler.
    pub rustc: String,
}

/// What one invocation of a case costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Calls of `malloc` and its kin.
    pub allocations: f64,
    /// Instructions executed in user space.
    pub instructions: f64,
}

/// The committed file: a figure for each case, and what they were counted with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// By the name of the case.
    pub cases: BTreeMap<String, Figure>,
    /// What they were counted with.
    pub counted_with: Conditions,
}

/// What the gate says about a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It costs what its figure says, within the limit.
    Held,
    /// It costs less, by more than the limit.
    Better,
    /// It costs more, by more than the limit.
    Worse,
    /// It has no figure.
    New,
    /// It has a figure and is not counted any more.
    Gone,
}

impl Verdict {
    /// Whether it keeps the gate shut.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Worse | Self::New | Self::Gone)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Held => "held",
            Self::Better => "better; accept it",
            Self::Worse => "worse",
            Self::New => "has no figure",
            Self::Gone => "is not counted any more",
        })
    }
}

/// One case beside its figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Held {
    /// What was asked.
    pub case: String,
    /// What is committed.
    pub figure: Option<Figure>,
    /// What was counted.
    pub count: Option<Figure>,
    /// What the gate says about it.
    pub verdict: Verdict,
}

/// Every case beside its figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// What the figures were counted with, where that is not what was counted with now.
    pub elsewhere: Option<Conditions>,
    /// How far above its figure the instructions of a case may lie, as a fraction.
    pub limit: f64,
    /// The cases, sorted by name.
    pub cases: Vec<Held>,
}

impl Comparison {
    /// The cases that keep the gate shut.
    pub fn failures(&self) -> impl Iterator<Item = &Held> {
        self.cases.iter().filter(|held| held.verdict.is_failure())
    }
}

impl Figures {
    /// Counts every case of `server`. `say` is told what is being done; callgrind's files go to `folder`.
    ///
    /// # Errors
    ///
    /// As [`callgrind::count`], and [`Error::Conditions`] if the compiler does not say its version.
    pub fn count(server: &Path, folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        let counted_with = Conditions::here()?;
        let mut cases = BTreeMap::new();
        for question in questions() {
            let name = question.to_string();
            say(&format!("counting instructions: {name}"));
            // What is large is slow to count, and differs less from one invocation to the next.
            let (few, many) = if question.case.size > 10_000 { (20, 60) } else { (100, 500) };
            let cost = callgrind::count(&question.program(server), &question.case, few, many, folder)?;
            cases.insert(name, Figure::from(cost));
        }
        Ok(Self { cases, counted_with })
    }

    /// Reads committed figures.
    ///
    /// # Errors
    ///
    /// [`Error::Figures`] if `path` does not hold any.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Figures { attempt: "read", path: path.to_owned(), source };
        let written = fs::read(path).map_err(failed)?;
        serde_json::from_slice(&written).map_err(|source| failed(source.into()))
    }

    /// Writes figures to be committed: sorted, one member a line.
    ///
    /// # Errors
    ///
    /// [`Error::Figures`] if `path` cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Figures { attempt: "write", path: path.to_owned(), source };
        let mut text = serde_json::to_string_pretty(self).map_err(|source| failed(source.into()))?;
        text.push('\n');
        fs::write(path, text).map_err(failed)
    }

    /// Holds `counted` against these figures.
    #[must_use]
    pub fn compare(&self, counted: &Self) -> Comparison {
        let elsewhere = (self.counted_with != counted.counted_with).then(|| self.counted_with.clone());
        let limit = if elsewhere.is_some() { LIMIT_ELSEWHERE } else { LIMIT };
        let names = self.cases.keys().chain(counted.cases.keys().filter(|name| !self.cases.contains_key(*name)));
        let mut cases: Vec<Held> = names
            .map(|name| {
                let (figure, count) = (self.cases.get(name).copied(), counted.cases.get(name).copied());
                Held { case: name.clone(), figure, count, verdict: verdict(figure, count, limit) }
            })
            .collect();
        cases.sort_unstable_by(|one, other| one.case.cmp(&other.case));
        Comparison { elsewhere, limit, cases }
    }
}

fn verdict(figure: Option<Figure>, count: Option<Figure>, limit: f64) -> Verdict {
    let (figure, count) = match (figure, count) {
        (Some(figure), Some(count)) => (figure, count),
        (None, _) => return Verdict::New,
        (Some(_), None) => return Verdict::Gone,
    };
    let margin = figure.instructions * limit;
    // How often code allocates does not depend on who compiled it.
    let margin_allocations = (figure.allocations * LIMIT).max(LIMIT_ALLOCATIONS);
    let more = count.instructions - figure.instructions;
    let more_allocations = count.allocations - figure.allocations;
    if more > margin || more_allocations > margin_allocations {
        Verdict::Worse
    } else if more < -margin || more_allocations < -margin_allocations {
        Verdict::Better
    } else {
        Verdict::Held
    }
}

impl From<Cost> for Figure {
    /// Rounds what a reader of the file would not look at.
    fn from(cost: Cost) -> Self {
        let allocations = cost.allocations.unwrap_or_default();
        Self { allocations: (allocations * 100.0).round() / 100.0, instructions: cost.instructions.round() }
    }
}

impl Conditions {
    /// What programs are built and run with here.
    fn here() -> Result<Self, Error> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let answer = |command: &mut Command| {
            let output = command.stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
            String::from_utf8(output.stdout).ok()
        };
        let version = answer(Command::new(rustc).arg("-vV")).ok_or(Error::Conditions)?;
        let member = |name: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).ok_or(Error::Conditions)
        };
        // Other C libraries do not know the question; the host triple tells them apart well enough.
        let libc = answer(Command::new("getconf").arg("GNU_LIBC_VERSION"));
        Ok(Self {
            host: member("host:")?,
            libc: libc.map_or_else(|| "unknown".to_owned(), |libc| libc.trim().to_owned()),
            rustc: member("release:")?,
        })
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "rustc {}, {}, {}", self.rustc, self.host, self.libc)
    }
}

/// A case, and the tools of the server it is asked of.
#[derive(Debug, Clone, Copy)]
struct Question {
    case: Case,
    tools: Option<usize>,
}

impl Question {
    fn program(&self, server: &Path) -> Program {
        let program = Program::new("server", server).replying(self.case.reply);
        match self.tools {
            Some(tools) => program.with_tools(tools),
            None => program,
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.case.fmt(formatter)?;
        match self.tools {
            Some(tools) => write!(formatter, ", {tools} tools"),
            None => Ok(()),
        }
    }
}

/// What is counted: every trigger, both eras, every kind of body and of call, and what grows with its size.
fn questions() -> Vec<Question> {
    let http_api = Case::default();
    let modern = Case { era: Era::Modern, ..http_api };
    let ask = |case| Question { case, tools: None };
    let ask_many = |case| Question { case, tools: Some(MANY_TOOLS) };
    vec![
        ask(http_api),
        ask(modern),
        ask(Case { trigger: Trigger::FunctionUrl, reply: ReplyMode::Streamed, ..http_api }),
        ask(Case { trigger: Trigger::RestApi, ..http_api }),
        ask(Case { trigger: Trigger::Alb, ..http_api }),
        ask(Case { body: BodyEncoding::Base64, ..http_api }),
        ask(Case { members: MemberOrder::ParamsFirst, ..http_api }),
        ask(Case { call: Call::Initialize, ..http_api }),
        ask(Case { call: Call::ToolsList, ..http_api }),
        ask(Case { call: Call::ToolsList, ..modern }),
        ask(Case { call: Call::UnknownTool, ..http_api }),
        ask(Case { call: Call::Blob, size: 100_000, ..http_api }),
        ask(Case { size: 100_000, ..http_api }),
        ask_many(http_api),
        ask_many(modern),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rustc: &str, cases: &[(&str, f64, f64)]) -> Figures {
        let counted_with = Conditions { host: "host".to_owned(), libc: "libc".to_owned(), rustc: rustc.to_owned() };
        let figure = |&(name, instructions, allocations): &(&str, f64, f64)| {
            (name.to_owned(), Figure { allocations, instructions })
        };
        Figures { cases: cases.iter().map(figure).collect(), counted_with }
    }

    fn verdict_of(committed: (f64, f64), counted: (f64, f64)) -> Verdict {
        let [committed, counted] = [committed, counted].map(|(one, other)| figures("1", &[("echo", one, other)]));
        committed.compare(&counted).cases[0].verdict
    }

    #[test]
    fn more_than_two_percent_above_is_worse_and_less_is_not() {
        assert_eq!(verdict_of((100_000.0, 50.0), (102_100.0, 50.0)), Verdict::Worse);
        assert_eq!(verdict_of((100_000.0, 50.0), (101_900.0, 50.0)), Verdict::Held);
        assert!(Verdict::Worse.is_failure() && !Verdict::Held.is_failure());
    }

    #[test]
    fn what_got_better_is_told_and_passes() {
        assert_eq!(verdict_of((100_000.0, 50.0), (97_900.0, 50.0)), Verdict::Better);
        assert_eq!(verdict_of((100_000.0, 50.0), (100_000.0, 40.0)), Verdict::Better);
        assert!(!Verdict::Better.is_failure());
    }

    #[test]
    fn allocations_may_grow_by_half_a_one_or_by_two_percent() {
        assert_eq!(verdict_of((100_000.0, 3.0), (100_000.0, 3.5)), Verdict::Held);
        assert_eq!(verdict_of((100_000.0, 3.0), (100_000.0, 4.0)), Verdict::Worse);
        assert_eq!(verdict_of((100_000.0, 100.0), (100_000.0, 101.9)), Verdict::Held);
        assert_eq!(verdict_of((100_000.0, 100.0), (90_000.0, 103.0)), Verdict::Worse);
    }

    #[test]
    fn a_case_without_a_figure_and_a_figure_without_a_case_fail() {
        let committed = figures("1", &[("echo", 1.0, 1.0), ("gone", 1.0, 1.0)]);
        let counted = figures("1", &[("echo", 1.0, 1.0), ("new", 1.0, 1.0)]);
        let comparison = committed.compare(&counted);
        let failures: Vec<_> = comparison.failures().map(|held| (held.case.as_str(), held.verdict)).collect();
        assert_eq!(failures, [("gone", Verdict::Gone), ("new", Verdict::New)]);
    }

    #[test]
    fn another_compiler_loosens_the_limit_for_instructions_and_is_named() {
        let committed = figures("1", &[("allocates", 100.0, 50.0), ("at 9 %", 100.0, 1.0), ("at 11 %", 100.0, 1.0)]);
        let counted = figures("2", &[("allocates", 100.0, 52.0), ("at 9 %", 109.0, 1.0), ("at 11 %", 111.0, 1.0)]);
        let comparison = committed.compare(&counted);
        assert_eq!(comparison.elsewhere, Some(committed.counted_with));
        let failures: Vec<_> = comparison.failures().map(|held| held.case.as_str()).collect();
        assert_eq!(failures, ["allocates", "at 11 %"]);
    }

    #[test]
    fn every_question_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = questions().iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), questions().len());
    }

    #[test]
    fn every_question_has_a_committed_figure_and_no_other_has() {
        let committed: Figures = serde_json::from_str(include_str!("../figures.json")).unwrap();
        let names: std::collections::BTreeSet<_> = questions().iter().map(ToString::to_string).collect();
        assert!(committed.cases.keys().eq(names.iter()));
    }

    #[test]
    fn figures_are_read_as_they_were_written() {
        let path = std::env::temp_dir().join(format!("mcp-cloud-figures-{}.json", std::process::id()));
        let written = figures("1", &[("echo", 100_000.0, 48.5)]);
        written.write(&path).unwrap();
        let read = Figures::read(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!(read.unwrap(), written);
        assert!(matches!(Figures::read(&path), Err(Error::Figures { .. })));
    }
}
