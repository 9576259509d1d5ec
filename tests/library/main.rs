//! The library's other ways in, as programs behind emulated triggers.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod drain;
mod handlers;
mod lambda_http;
mod load_balancer;
mod misfortunes;
mod parity;
mod platforms;
mod sessions;
mod sizes;
mod wire;

use std::path::Path;

use mcp_cloud_emulator::{Emulator, Running, Trigger};
use mcp_cloud_tests::{Profile, everything_binary, hello_binary};

/// The server with everything, built already or now.
async fn everything() -> &'static Path {
    tokio::task::spawn_blocking(everything_binary).await.expect("everything builds")
}

/// The small server, built already or now.
async fn hello() -> &'static Path {
    tokio::task::spawn_blocking(|| hello_binary(Profile::Dev)).await.expect("hello builds")
}

/// A program behind a trigger, told of it what its emitted configuration would tell.
fn emulator(trigger: Trigger, program: &Path) -> Emulator {
    Emulator::new(trigger, program)
        .env("MCP_CLOUD_RESPONSE_MODE", if trigger.streams() { "stream" } else { "buffered" })
        // On Cloud Run the server would listen on every interface of this machine.
        .env("MCP_CLOUD_ALLOW_UNAUTHENTICATED", "0")
}

async fn listen(emulator: Emulator) -> Running {
    emulator.listen(([127, 0, 0, 1], 0).into()).await.expect("the emulator starts")
}
