//! The deployer against an AWS account in memory, through the SDK's own clients.

mod account;
mod lifecycle;
mod misfortune;
#[path = "../mcp/server.rs"]
#[expect(dead_code, reason = "the tests of the gate use all of it")]
mod server;
mod stacks;
