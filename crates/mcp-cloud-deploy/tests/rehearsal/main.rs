//! The deployer against an AWS account in memory, through the SDK's own clients.

#![cfg(unix)]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod account;
mod examined;
mod lifecycle;
mod matrix;
mod misfortune;
mod onlookers;
mod program;
mod rights;
mod scenes;
#[path = "../mcp/server.rs"]
#[expect(dead_code, reason = "the tests of the gate use all of it")]
mod server;
mod service;
mod stacks;
mod trouble;
