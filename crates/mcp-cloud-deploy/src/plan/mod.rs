//! Computes what is to be done from what is wanted and what is there. Pure: no network, no clock.

use mcp_cloud_app::cost::{Difference, Estimate, Footprint, FreeTier, Usage, estimate};
use serde::Serialize;

use crate::change::{self, Changes, FieldChange};

pub use self::{
    deploy::{Choices, deploy},
    destroy::destroy,
    rollback::{deployed, rollback},
    service::{is_current, template_after, template_before},
    step::{Operation, Removal, Step},
};

pub(crate) use self::deploy::{drift, record_key};

mod deploy;
mod destroy;
mod rollback;
mod service;
mod step;

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[must_use]
pub struct Plan {
    /// Steps in the order in which they are executed; none when everything is as it should be.
    pub steps: Vec<Step>,
    /// What they change in the stack, field by field.
    pub changes: Changes,
    /// Where what runs is not what was deployed, because somebody changed it by hand.
    pub drift: Vec<FieldChange>,
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

/// What a stack costs in a month before and after, by the committed prices and the usage that is assumed where nothing else
/// is said; `None` when neither template can be read.
#[must_use]
pub fn cost(before: Option<&str>, after: Option<&str>, region: &str) -> Option<Difference> {
    let estimated = |template: Option<&str>| {
        let footprint = Footprint::of_template(&change::parse(template?).ok()?);
        Some(estimate(&footprint, &Usage::default(), region, FreeTier::Ignored))
    };
    let (before, after) = (estimated(before), estimated(after));
    (before.is_some() || after.is_some()).then(|| Estimate::difference(before.as_ref(), after.as_ref()))
}

#[cfg(test)]
mod tests;
