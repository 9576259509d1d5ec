//! Tools that log, as much as the client wants to hear.
#![expect(deprecated, reason = "MCP has deprecated logging, and clients of both eras still understand it")]

use std::time::Duration;

use rmcp::{
    RoleServer,
    model::{LoggingLevel, LoggingMessageNotificationParam, ProtocolVersion},
    service::RequestContext,
    tool, tool_router,
};
use tokio::time::sleep;

use crate::Everything;

#[tool_router(router = logging_tools, vis = "pub(crate)")]
impl Everything {
    /// Logs three messages while it works
    #[tool]
    async fn test_tool_with_logging(&self, context: RequestContext<RoleServer>) -> String {
        for message in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
            log(&context, LoggingLevel::Info, message).await;
            sleep(Duration::from_millis(50)).await;
        }
        "Logging test completed".to_owned()
    }

    /// Logs one message, if the client wants to hear it
    #[tool]
    async fn test_logging_tool(&self, context: RequestContext<RoleServer>) -> String {
        log(&context, LoggingLevel::Info, "The client wants to hear this").await;
        "Logging tool completed".to_owned()
    }
}

async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, message: &str) {
    if !is_wanted(context, level) {
        return;
    }
    let message = LoggingMessageNotificationParam::new(level, message.into()).with_logger("everything");
    // A client that cannot be logged to may still want the answer.
    let _ = context.peer.notify_logging_message(message).await;
}

/// From 2026-07-28 on each request says from which level on it wants to hear, and nothing means nothing.
fn is_wanted(context: &RequestContext<RoleServer>, level: LoggingLevel) -> bool {
    match context.meta.log_level() {
        Some(least) => level as u8 >= least as u8,
        None => context.protocol_version().is_none_or(|version| version < ProtocolVersion::V_2026_07_28),
    }
}
