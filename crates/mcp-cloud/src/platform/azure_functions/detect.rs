//! The Functions host names the port in `FUNCTIONS_CUSTOMHANDLER_PORT`.

use mcp_cloud_contract::platform_env::FUNCTIONS_CUSTOMHANDLER_PORT;

use crate::{
    capabilities::Capabilities,
    platform::{ResponseMode, ServeError, port, with_request_timeout},
};

/// What the environment says about the custom handler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    /// What a proxied or forwarded request's reply can be.
    pub(crate) plain: Capabilities,
    /// What a payload's reply can be.
    pub(crate) payload: Capabilities,
}

pub(crate) fn detect() -> Result<Option<Settings>, ServeError> {
    let Some(port) = port(FUNCTIONS_CUSTOMHANDLER_PORT)? else { return Ok(None) };
    let plain = match ResponseMode::detect()? {
        ResponseMode::Stream => Capabilities::AZURE_PROXYING,
        ResponseMode::Buffered => Capabilities::AZURE_FORWARDING,
    };
    let payload = with_request_timeout(Capabilities::AZURE_PAYLOAD)?;
    Ok(Some(Settings { port, plain: with_request_timeout(plain)?, payload }))
}
