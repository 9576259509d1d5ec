//! Computes what is to be done from what is wanted and what is there. Pure: no network, no clock.

use serde::Serialize;

pub use self::{
    deploy::{Choices, deploy},
    destroy::destroy,
    rollback::rollback,
    step::{Operation, Removal, Step},
};

pub(crate) use self::deploy::record_key;

mod deploy;
mod destroy;
mod rollback;
mod step;

/// Steps in the order in which they are executed; none when everything is as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[must_use]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether a person has to agree before it is executed to its end.
    #[must_use]
    pub fn needs_consent(&self) -> bool {
        self.steps.iter().any(Step::needs_consent)
    }
}

#[cfg(test)]
mod tests;
