//! This machine: plain HTTP on the loopback interface.

mod run;

pub(crate) use run::run;
