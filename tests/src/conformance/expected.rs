//! What must come out: the failures that are accepted, each with its reason, and how many checks must pass.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use mcp_cloud_emulator::Trigger;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Report, Set, Status};
use crate::workspace_root;

/// The numbers of checks that must pass at least, so that a suite that shrinks is noticed: for each set the number of
/// its scenarios, then the checks where the trigger streams, then those where it does not.
///
/// Where there is no number yet, the list of failures alone decides.
const MINIMUMS: [(Set, usize, Option<usize>, Option<usize>); 3] = [
    (Set::Revision20251125, 33, Some(84), Some(69)),
    (Set::Revision20260728, 50, Some(197), Some(192)),
    (Set::All, 65, Some(234), Some(214)),
];

/// The list of accepted failures. It is strict: a failure that is not listed is one too many, and so is an entry that
/// does not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    entries: Vec<Entry>,
}

/// A check that fails wherever the entry says, and the reason why that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Behind which triggers.
    #[serde(deserialize_with = "triggers")]
    pub triggers: Vec<Trigger>,
    /// In which sets.
    #[serde(deserialize_with = "sets")]
    pub sets: Vec<Set>,
    /// In which scenario.
    pub scenario: String,
    /// The check's id.
    pub check: String,
    /// Why it cannot pass.
    pub why: String,
}

/// Why the list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExpectationsError {
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The list.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// It is no list of entries.
    #[error("`{}` is no list of failures: {reason}", path.display())]
    Malformed {
        /// The list.
        path: PathBuf,
        /// The reason, with its place.
        reason: String,
    },
}

impl Expectations {
    /// Reads `tests/conformance/expected-failures.yaml`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, has an entry without a reason, or says something twice.
    pub fn load() -> Result<Self, ExpectationsError> {
        let path = workspace_root().join("tests/conformance/expected-failures.yaml");
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|reason| ExpectationsError::Malformed { path, reason }),
            Err(source) => Err(ExpectationsError::Read { path, source }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let entries: Vec<Entry> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let mut said = BTreeSet::new();
        for entry in &entries {
            let Entry { triggers, sets, scenario, check, why } = entry;
            if why.trim().is_empty() || triggers.is_empty() || sets.is_empty() {
                return Err(format!(
                    "the entry for `{scenario}:{check}` leaves out a reason, the triggers or the sets"
                ));
            }
            for (trigger, set) in triggers.iter().flat_map(|trigger| sets.iter().map(move |set| (trigger, set))) {
                if !said.insert((trigger.name(), *set, scenario, check)) {
                    return Err(format!("`{scenario}:{check}` is listed twice for {trigger} and {set}"));
                }
            }
        }
        Ok(Self { entries })
    }

    /// Why this check may fail there; `None` if it must not.
    #[must_use]
    pub fn why(&self, trigger: Trigger, set: Set, scenario: &str, check: &str) -> Option<&str> {
        self.of(trigger, set)
            .find(|entry| entry.scenario == scenario && entry.check == check)
            .map(|entry| entry.why.as_str())
    }

    /// Everything that is not as it must be in a run of a whole set, a sentence each.
    #[must_use]
    pub fn judge(&self, trigger: Trigger, set: Set, report: &Report) -> Vec<String> {
        let mut complaints: Vec<String> = report
            .checks(Status::Failure)
            .filter(|(scenario, check)| self.why(trigger, set, scenario, &check.id).is_none())
            .map(|(scenario, check)| format!("{scenario}:{} failed: {}", check.id, check.message()))
            .collect();
        complaints.extend(self.missed(trigger, set, report));
        complaints
    }

    /// What was to happen in a run of a whole set and did not: failures that are listed, checks that must pass.
    #[must_use]
    pub fn missed(&self, trigger: Trigger, set: Set, report: &Report) -> Vec<String> {
        let failed: BTreeSet<_> =
            report.checks(Status::Failure).map(|(scenario, check)| (scenario, check.id.as_str())).collect();
        let mut missed: Vec<String> = self
            .of(trigger, set)
            .filter(|entry| !failed.contains(&(entry.scenario.as_str(), entry.check.as_str())))
            .map(|entry| format!("{}:{} is listed as failing and did not fail", entry.scenario, entry.check))
            .collect();
        if let Some((scenarios, passed)) = minimum(trigger, set) {
            let found = (report.scenarios.len(), report.count(Status::Success));
            if found.0 < scenarios {
                missed.push(format!("{} scenarios ran, at least {scenarios} must", found.0));
            }
            if let Some(passed) = passed.filter(|passed| found.1 < *passed) {
                missed.push(format!("{} checks passed, at least {passed} must", found.1));
            }
        }
        missed
    }

    fn of(&self, trigger: Trigger, set: Set) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.triggers.contains(&trigger) && entry.sets.contains(&set))
    }
}

/// How many scenarios a set must have, and how many checks must pass at least; `None` for a set that nobody asserts.
fn minimum(trigger: Trigger, set: Set) -> Option<(usize, Option<usize>)> {
    let (_, scenarios, streamed, buffered) = MINIMUMS.into_iter().find(|(of, ..)| *of == set)?;
    Some((scenarios, if trigger.streams() { streamed } else { buffered }))
}

fn triggers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Trigger>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| name.parse().map_err(D::Error::custom)).collect()
}

fn sets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Set>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| Set::named(name).map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::conformance::{Check, Scenario};

    const LIST: &str = "
- triggers: &buffered [alb, http-api]
  sets: [2025-11-25]
  scenario: tools-call-sampling
  check: asked
  why: the question cannot reach the client
- triggers: *buffered
  sets: [all]
  scenario: tools-call-sampling
  check: asked
  why: the question cannot reach the client
";

    fn report(checks: &[(&str, Status)]) -> Report {
        let check = |(id, status): &(&str, Status)| Check {
            id: (*id).to_owned(),
            status: *status,
            description: String::new(),
            error_message: Some("no".to_owned()),
        };
        let scenario = Scenario { name: "tools-call-sampling".to_owned(), checks: checks.iter().map(check).collect() };
        // As many as must pass there, of which these tests say nothing.
        let passing = check(&("other", Status::Success));
        let others = (1..65).map(|number| Scenario {
            name: number.to_string(),
            checks: if number == 1 { vec![passing.clone(); OTHERS] } else { Vec::new() },
        });
        Report { scenarios: others.chain([scenario]).collect(), duration: Duration::ZERO }
    }

    const OTHERS: usize = 69;

    #[test]
    fn a_listed_failure_is_accepted_and_nothing_else_is() {
        let list = Expectations::parse(LIST).expect("it is a list");
        let (alb, set) = (Trigger::Alb, Set::Revision20251125);
        assert_eq!(list.judge(alb, set, &report(&[("asked", Status::Failure)])), Vec::<String>::new());
        let unlisted = report(&[("asked", Status::Failure), ("answered", Status::Failure)]);
        assert_eq!(list.judge(alb, set, &unlisted), ["tools-call-sampling:answered failed: no"]);
        let elsewhere = list.judge(Trigger::RestApi, set, &report(&[("asked", Status::Failure)]));
        assert_eq!(elsewhere, ["tools-call-sampling:asked failed: no"]);
    }

    #[test]
    fn a_listed_failure_that_does_not_happen_is_refused() {
        let list = Expectations::parse(LIST).expect("it is a list");
        let stale = "tools-call-sampling:asked is listed as failing and did not fail";
        for report in [report(&[("asked", Status::Success)]), report(&[("asked", Status::Skipped)]), report(&[])] {
            assert_eq!(list.judge(Trigger::Alb, Set::Revision20251125, &report), [stale]);
        }
    }

    #[test]
    fn a_suite_that_shrinks_is_noticed() {
        let list = Expectations::parse("[]").expect("it is a list");
        let mut passing = report(&[("asked", Status::Success); 233 - OTHERS]);
        assert_eq!(list.judge(Trigger::Direct, Set::All, &passing), ["233 checks passed, at least 234 must"]);
        passing.scenarios.remove(1);
        assert_eq!(list.judge(Trigger::Alb, Set::All, &passing), ["64 scenarios ran, at least 65 must"]);
    }

    #[test]
    fn an_entry_needs_a_reason_known_names_and_to_be_the_only_one() {
        for (wrong, right) in [
            ("why: the question cannot reach the client", "why: ' '"),
            ("alb", "elb"),
            ("all", "any"),
            ("all", "2025-11-25"),
            ("check:", "id:"),
        ] {
            assert!(Expectations::parse(&LIST.replace(wrong, right)).is_err(), "{right}");
        }
    }
}
