//! Azure Functions: a custom handler, which the Functions host starts and speaks HTTP to
//! (<https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>).
//!
//! The host has three ways to pass a request on. Proxied and forwarded requests arrive as the caller sent them; in the
//! payload mode a request arrives described in JSON, and the reply goes back the same way. A forwarded reply is read whole
//! before it is passed on, a proxied one is streamed; the request is the same, so `MCP_CLOUD_RESPONSE_MODE` tells.

mod detect;
mod request;
mod response;
mod run;

pub(crate) use detect::{Settings, detect};
pub(crate) use run::{answer, run};
