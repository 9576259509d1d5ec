//! The Runtime API on a stopwatch: starts a Lambda bootstrap, feeds it events, checks every answer and times what
//! happens between.
//!
//! A [`Case`] says what is asked: through which trigger, in which era, which call. [`simulator::play`] gives it to a
//! [`Program`] so many times and returns [`Samples`](simulator::Samples). [`callgrind`] does the same under valgrind
//! and counts instructions. [`http_load`] asks it of a program that serves plain HTTP. [`compare`] runs the project and its peers side by side, [`gate`] holds counts against
//! figures that are committed, and [`report`] prints the tables.
//!
//! The package knows the project only as a binary that speaks the Runtime API.

pub mod answer;
pub mod callgrind;
pub mod case;
pub mod compare;
mod error;
mod event;
pub mod gate;
pub mod http_load;
pub mod peers;
pub mod processors;
pub mod program;
pub mod report;
pub mod simulator;
pub mod statistics;
mod wire;

pub use case::Case;
pub use error::Error;
pub use program::Program;
