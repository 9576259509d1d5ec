//! The emulator against programs that know nothing of it: a function and a web server in Python, and a runtime written
//! by hand.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod azure;
mod container;
mod conversion;
mod function;
mod managed;
mod runtime_api;
mod service;
mod start;
mod support;
