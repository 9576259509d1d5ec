//! What a server costs each month: a [`Footprint`] of what its template makes, a [`Usage`] of how it is called, and a
//! table of prices become an [`Estimate`].
//!
//! All of it is pure and exact: no network, no clock, no float. A footprint is read from a template, so that what is
//! deployed can be held against what is to be, and it can be kept as JSON. `docs/cost.md` says what is assumed.

mod amount;
mod estimate;
mod footprint;
mod prices;
mod reference;
mod usage;

pub use self::{
    amount::{Amount, Quantity},
    estimate::{Change, Difference, Estimate, FreeTier, Kind, Line, estimate},
    footprint::{Footprint, FunctionFootprint, Gateway, LoadBalancerFootprint, Storage, TaskFootprint},
    prices::{FALLBACK_REGION, Item, age_in_days, date, regions},
    reference::reference,
    usage::{Assumption, HOURS_PER_MONTH, Usage, assumptions},
};
