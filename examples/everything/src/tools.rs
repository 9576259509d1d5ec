//! Tools that answer at once: text, media, progress, errors.

use std::time::Duration;

use rmcp::{
    RoleServer,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, ProgressNotificationParam, ResourceContents},
    schemars,
    service::RequestContext,
    tool, tool_router,
};
use tokio::time::sleep;

use crate::{Everything, media};

/// The longest text that is made, in bytes.
const LONGEST: usize = 256 * 1024 * 1024;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Repetition {
    /// The text
    text: String,
    /// How often it is wanted
    times: usize,
}

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

    /// Gives back a text many times over, to see how much the way back carries
    #[tool]
    fn repeat_text(&self, Parameters(wanted): Parameters<Repetition>) -> Result<String, String> {
        let length = wanted.text.len().checked_mul(wanted.times);
        match length.filter(|length| *length <= LONGEST) {
            Some(_) => Ok(wanted.text.repeat(wanted.times)),
            None => Err(format!("A text of more than {LONGEST} bytes is not made")),
        }
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
