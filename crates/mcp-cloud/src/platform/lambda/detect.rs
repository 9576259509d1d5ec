//! Every Lambda function finds the Runtime API's address in `AWS_LAMBDA_RUNTIME_API`.

use std::env;

use mcp_cloud_contract::platform_env::{AWS_LAMBDA_MAX_CONCURRENCY, AWS_LAMBDA_RUNTIME_API};

use crate::platform::{ResponseMode, ServeError};

/// What the environment says about the function.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) runtime_api: String,
    pub(crate) gateway: Gateway,
    /// How many invocations this instance takes at once.
    pub(crate) concurrency: usize,
}

/// What an event does not say about the gateway it came through, and about the instance it came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gateway {
    pub(crate) response_mode: ResponseMode,
    /// Whether the instance is a managed one: it takes many invocations at once, and is not frozen in between.
    pub(crate) managed: bool,
}

pub(crate) fn detect() -> Result<Option<Settings>, ServeError> {
    let Some(runtime_api) = env::var_os(AWS_LAMBDA_RUNTIME_API) else { return Ok(None) };
    let Ok(runtime_api) = runtime_api.into_string() else {
        return Err(ServeError::Variable { name: AWS_LAMBDA_RUNTIME_API, expected: "an address" });
    };
    Ok(Some(Settings { runtime_api, gateway: gateway()?, concurrency: concurrency()? }))
}

/// What the environment says about the gateway and the instance.
pub(super) fn gateway() -> Result<Gateway, ServeError> {
    Ok(Gateway { response_mode: ResponseMode::detect()?, managed: concurrency()? > 1 })
}

fn concurrency() -> Result<usize, ServeError> {
    let Some(value) = env::var_os(AWS_LAMBDA_MAX_CONCURRENCY) else { return Ok(1) };
    let count = value.to_str().and_then(|value| value.trim().parse().ok()).filter(|count| *count > 0);
    count.ok_or(ServeError::Variable { name: AWS_LAMBDA_MAX_CONCURRENCY, expected: "a number of invocations" })
}
