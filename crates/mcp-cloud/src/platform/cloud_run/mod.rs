//! Cloud Run, and every other container that is told its port (<https://cloud.google.com/run/docs/container-contract>).

mod detect;
mod run;

pub(crate) use detect::{Container, detect};
pub(crate) use run::run;
