//! Runs a Model Context Protocol server on AWS Lambda, Cloud Run, Azure Functions, in any container, on this machine
//! and over stdio: the same binary, no platform code.
//!
//! A handler is a conversation in JSON-RPC messages; a platform is a way of carrying HTTP requests; the transport
//! turns one into the other and knows neither:
//!
//! ```text
//!  event bytes ─► platform ─► edge layers ─► transport ─► handler
//!  reply bytes ◄─ platform ◄─ http::Response ◄─ messages ◄─
//! ```
//!
//! [`Server`] is the way in. [`Server::serve`] picks the platform from the environment; [`Server::into_service`] is a
//! `tower` service for a router or a runtime of your own.
#![cfg_attr(
    feature = "rmcp",
    doc = r##"
```no_run
use rmcp::{ServerHandler, handler::server::wrapper::Parameters, schemars, tool, tool_handler, tool_router};

#[derive(Default)]
struct Hello;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    text: String,
}

#[tool_router]
impl Hello {
    #[tool(description = "Gives back what it was given")]
    fn echo(&self, Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }
}

#[tool_handler]
impl ServerHandler for Hello {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), mcp_cloud::ServeError> {
    mcp_cloud::Server::rmcp(Hello::default).serve().await
}
```
"##
)]

mod body;
mod byte_str;
mod capabilities;
mod edge;
pub mod handler;
mod json;
mod names;
mod platform;
mod reconnect;
mod request_info;
mod server;
mod service;
mod spare;
mod tasks;
#[cfg(test)]
#[cfg(feature = "rmcp")]
mod testing;
mod transport;

/// The crate whose types requests are made of.
pub use http;

pub use body::Body;
pub use byte_str::ByteStr;
pub use capabilities::Capabilities;
pub use platform::{LambdaContext, ServeError};
pub use reconnect::Reconnect;
pub use request_info::{RequestInfo, RequestOrigin};
pub use server::Server;
pub use service::McpService;
pub use transport::{Eras, SessionSettings};

/// The examples of the README compile.
#[cfg(all(doctest, feature = "rmcp"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So do those of the page on handlers.
#[cfg(all(doctest, feature = "rmcp"))]
#[doc = include_str!("../../../docs/handlers.md")]
struct Handlers;
