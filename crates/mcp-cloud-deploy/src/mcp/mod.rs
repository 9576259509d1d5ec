//! Speaks MCP to a server, as a client of its own: to ask it after a rollout whether it serves, to compare its tools with
//! those of the revision before, and to call one of them.
//!
//! - [`http`]: one request over the HTTP client that AWS is talked to with, signed or with a token where that is needed.
//! - [`client`]: MCP over Streamable HTTP, in both eras; [`events`] reads its event streams.
//! - [`gate`]: the questions that a server has to answer before a rollout counts.
//! - [`surface`]: what a server offers, and what a change of it breaks.
//! - [`arguments`]: what a person types, as the arguments of a tool.
//! - [`connect`]: what other MCP clients have to be told about a server.

pub mod access;
pub mod arguments;
pub mod client;
pub mod connect;
pub mod events;
pub mod gate;
pub mod http;
mod json_text;
mod message;
mod schema;
pub mod surface;

pub use self::{
    access::Access,
    client::{Client, ClientError, Era, Introduction},
    gate::{Answers, Gate, Outcome, Question},
    http::{Authorization, Http, Token},
    surface::Surface,
};
