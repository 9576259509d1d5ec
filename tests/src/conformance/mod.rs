//! Runs the official MCP conformance suite against a server program behind emulated triggers, and says what passed.
//!
//! [`run`] runs one [`Set`] of the suite's scenarios behind one trigger, `suite` reads what the suite left behind, and
//! [`Expectations`] holds the outcome against `tests/conformance/expected-failures.yaml` and a table of numbers. The
//! program `conformance` prints reports; the test area `conformance` asserts them.

mod expected;
mod run;
mod set;
mod suite;

pub use expected::{Entry, Expectations, ExpectationsError};
pub use run::{Instances, Plan, Report, run};
pub use set::{Set, UnknownSet};
pub use suite::{Check, RunError, Scenario, Status, Suite, Totals};
