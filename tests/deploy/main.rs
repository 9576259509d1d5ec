//! `mcp-cloud deploy`, `status` and `destroy` against a server that speaks AWS's own API and runs what is deployed.

#![cfg(unix)]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod account;
mod lifecycle;
mod ministack;
mod misfortune;
mod pipeline;
mod policy;
mod proxy;
