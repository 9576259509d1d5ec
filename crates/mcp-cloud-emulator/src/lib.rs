//! The other side of every trigger, on this machine.
//!
//! Starts a server program the way a platform would, listens for HTTP requests, carries each one to the program in the
//! form its trigger has when deployed, and turns the program's answer back into an HTTP response with that trigger's
//! limits and quirks. It knows nothing of the library under test, so that it can judge it.
//!
//! ```no_run
//! # async fn example() -> Result<(), mcp_cloud_emulator::StartError> {
//! use mcp_cloud_emulator::{Emulator, Trigger};
//!
//! let address = ([127, 0, 0, 1], 8080).into();
//! let running = Emulator::new(Trigger::FunctionUrl, "target/debug/hello")
//!     .env("MCP_CLOUD_RESPONSE_MODE", "stream")
//!     .listen(address)
//!     .await?;
//! // Requests to http://127.0.0.1:8080/mcp now reach the program through an emulated function URL.
//! running.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! The parts can be used alone: [`RuntimeApi`] is the Lambda Runtime API for a runtime in the same process, and
//! [`trigger`] turns requests into events and replies into responses without any network. [`aws`] is the other side of a
//! deployment: an account in memory.

pub mod aws;
pub mod azure;
mod body;
mod container;
mod emulator;
mod front_door;
mod lambda;
mod observation;
mod process;
mod proxy;
pub mod runtime_api;
pub mod trigger;

pub use body::{Body, BodyError};
pub use emulator::{Emulator, Running, StartError};
pub use observation::{Observation, OutputStream, RequestRecord, Start};
pub use process::Freeze;
pub use runtime_api::RuntimeApi;
pub use trigger::{Trigger, UnknownTrigger};
