//! Every Lambda function finds the Runtime API's address in `AWS_LAMBDA_RUNTIME_API`.

use std::env;

use mcp_cloud_contract::{
    RESPONSE_MODE_BUFFERED, RESPONSE_MODE_STREAM, env::RESPONSE_MODE, platform_env::AWS_LAMBDA_RUNTIME_API,
};

use crate::platform::ServeError;

/// What the environment says about the function.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) runtime_api: String,
    pub(crate) response_mode: ResponseMode,
}

/// How a gateway that can do either expects its replies: its events do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Buffered,
    Stream,
}

pub(crate) fn detect() -> Result<Option<Settings>, ServeError> {
    let Some(runtime_api) = env::var_os(AWS_LAMBDA_RUNTIME_API) else { return Ok(None) };
    let Ok(runtime_api) = runtime_api.into_string() else {
        return Err(ServeError::Variable { name: AWS_LAMBDA_RUNTIME_API, expected: "an address" });
    };
    Ok(Some(Settings { runtime_api, response_mode: response_mode()? }))
}

/// Reads `MCP_CLOUD_RESPONSE_MODE`.
pub(super) fn response_mode() -> Result<ResponseMode, ServeError> {
    match env::var(RESPONSE_MODE).as_deref() {
        Ok(RESPONSE_MODE_STREAM) => Ok(ResponseMode::Stream),
        Ok(RESPONSE_MODE_BUFFERED) | Err(env::VarError::NotPresent) => Ok(ResponseMode::Buffered),
        _ => Err(ServeError::Variable { name: RESPONSE_MODE, expected: "`stream` or `buffered`" }),
    }
}
