//! A handler's wish to end the connection of its reply, not the reply.

use std::fmt;

use crate::transport::Signal;

/// Ends the connection that a legacy session's reply goes out on, and lets the client come back for the rest (MCP
/// 2025-11-25, basic/transports: a server may close a connection without ending the stream). What takes minutes need
/// not hold a connection for minutes.
///
/// A handler finds it among the extensions of the HTTP request, if the request belongs to a session.
#[derive(Clone)]
pub struct Reconnect(Signal);

impl Reconnect {
    pub(crate) fn new(signal: Signal) -> Self {
        Self(signal)
    }

    /// Asks for it. On a trigger that does not stream, nothing happens.
    pub fn ask(&self) {
        self.0.raise();
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reconnect")
    }
}
