//! Tools that answer at once: text, media, progress, errors.

use std::time::Duration;

use rmcp::{
    RoleServer,
    model::{CallToolResult, ContentBlock, ProgressNotificationParam, ResourceContents},
    service::RequestContext,
    tool, tool_router,
};
use tokio::time::sleep;

use crate::{Everything, media};

#[tool_router(router = plain_tools, vis = "pub(crate)")]
impl Everything {
    /// Answers with a line of text
    #[tool]
    fn test_simple_text(&self) -> String {
        "This is a simple text response for testing.".to_owned()
    }

    /// Answers with a picture
    #[tool]
    fn test_image_content(&self) -> ContentBlock {
        ContentBlock::image(media::PIXEL, "image/png")
    }

    /// Answers with a sound
    #[tool]
    fn test_audio_content(&self) -> ContentBlock {
        ContentBlock::audio(media::TONE, "audio/wav")
    }

    /// Answers with a resource
    #[tool]
    fn test_embedded_resource(&self) -> ContentBlock {
        ContentBlock::embedded_text("test://embedded-resource", "This is an embedded resource content.")
    }

    /// Answers with text, a picture and a resource
    #[tool]
    fn test_multiple_content_types(&self) -> CallToolResult {
        let resource = ResourceContents::text(r#"{"test":"data","value":123}"#, "test://mixed-content-resource");
        CallToolResult::success(vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(media::PIXEL, "image/png"),
            ContentBlock::resource(resource.with_mime_type("application/json")),
        ])
    }

    /// Fails, as a tool does: the error is for the model to read
    #[tool]
    fn test_error_handling(&self) -> Result<String, String> {
        Err("This tool intentionally returns an error for testing".to_owned())
    }

    /// Reports its progress, if the client gave it a token to report under
    #[tool]
    async fn test_tool_with_progress(&self, context: RequestContext<RoleServer>) -> String {
        let token = context.meta.get_progress_token();
        for (step, message) in [(0.0, "Starting"), (50.0, "Halfway"), (100.0, "Complete")] {
            if let Some(token) = token.clone() {
                let progress = ProgressNotificationParam::new(token, step).with_total(100.0).with_message(message);
                // A client that cannot be told of the progress may still want the answer.
                let _ = context.peer.notify_progress(progress).await;
            }
            sleep(Duration::from_millis(50)).await;
        }
        "Progress test completed".to_owned()
    }

    /// Closes the connection and takes its time, so that the client comes back for the answer
    #[tool]
    async fn test_reconnection(&self, context: RequestContext<RoleServer>) -> String {
        outlast_the_connection(&context).await;
        "Reconnection test completed".to_owned()
    }
}

/// Lets go of the connection, where the client can come back, and goes on working.
async fn outlast_the_connection(context: &RequestContext<RoleServer>) {
    let http = context.extensions.get::<mcp_cloud::http::request::Parts>();
    if let Some(reconnect) = http.and_then(|http| http.extensions.get::<mcp_cloud::Reconnect>()) {
        reconnect.ask();
    }
    sleep(Duration::from_millis(300)).await;
}
