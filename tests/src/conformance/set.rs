//! Names the sets of scenarios the suite can be asked for.

use std::fmt;

/// A set of scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Set {
    /// What revision 2025-11-25 requires, spoken in that revision.
    Revision20251125,
    /// What revision 2026-07-28 requires, spoken in that revision.
    Revision20260728,
    /// Every scenario there is, each in the revision it belongs to.
    All,
    /// The suite `active`: what holds for released revisions.
    Active,
    /// The suite `draft`.
    Draft,
    /// The suite `pending`.
    Pending,
}

impl Set {
    /// What is run when nobody asks for anything else: together it is every scenario in every revision.
    pub const DEFAULT: [Self; 3] = [Self::Revision20251125, Self::Revision20260728, Self::All];

    const ALL: [Self; 6] =
        [Self::Revision20251125, Self::Revision20260728, Self::All, Self::Active, Self::Draft, Self::Pending];

    /// The name a person types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revision20251125 => "2025-11-25",
            Self::Revision20260728 => "2026-07-28",
            Self::All => "all",
            Self::Active => "active",
            Self::Draft => "draft",
            Self::Pending => "pending",
        }
    }

    /// The set that a revision requires.
    ///
    /// # Errors
    ///
    /// If no set has that name, or it is a suite's.
    pub fn of_revision(name: &str) -> Result<Self, UnknownSet> {
        Self::find(name, Self::is_revision)
    }

    /// The set that is one of the suite's own suites.
    ///
    /// # Errors
    ///
    /// If no set has that name, or it is a revision's.
    pub fn of_suite(name: &str) -> Result<Self, UnknownSet> {
        Self::find(name, |set| !set.is_revision())
    }

    /// The set of that name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, UnknownSet> {
        Self::find(name, |_| true)
    }

    fn find(name: &str, wanted: impl Fn(Self) -> bool) -> Result<Self, UnknownSet> {
        let wanted: Vec<Self> = Self::ALL.into_iter().filter(|set| wanted(*set)).collect();
        wanted
            .iter()
            .find(|set| set.name() == name)
            .copied()
            .ok_or_else(|| UnknownSet { name: name.to_owned(), known: wanted })
    }

    fn is_revision(self) -> bool {
        matches!(self, Self::Revision20251125 | Self::Revision20260728)
    }

    /// What the suite's command line takes for the set, or for one scenario of it.
    ///
    /// The suite runs a scenario alone in the revision it is told, if the scenario applies there, and says so if not.
    pub(super) fn arguments(self, scenario: Option<&str>) -> Vec<String> {
        let arguments = match (scenario, self.is_revision()) {
            (None, true) => vec!["--requirements", self.name()],
            (None, false) => vec!["--suite", self.name()],
            (Some(scenario), true) => vec!["--scenario", scenario, "--spec-version", self.name()],
            (Some(scenario), false) => vec!["--scenario", scenario],
        };
        arguments.into_iter().map(str::to_owned).collect()
    }
}

impl fmt::Display for Set {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A name that is no set's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no set named `{name}`, only {}", known.iter().map(|set| format!("`{set}`")).collect::<Vec<_>>().join(", "))]
pub struct UnknownSet {
    /// The name as given.
    pub name: String,
    /// The sets it could have named.
    pub known: Vec<Set>,
}
