//! The MCP client and the gate against servers: hand-made ones with one defect each, and the example servers behind every
//! trigger.

#![cfg(unix)]
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

mod client;
mod examples;
mod gate;
mod in_process;
mod server;
mod signature;
