//! A container is told its port by `PORT`; Cloud Run also names its service in `K_SERVICE`.

use std::env;

use mcp_cloud_contract::{
    DEFAULT_PORT,
    env::ALLOW_UNAUTHENTICATED,
    platform_env::{K_SERVICE, PORT},
};

use crate::platform::{ServeError, port};

/// What the environment says about the container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container {
    pub(crate) port: u16,
    /// Whether Cloud Run started it.
    pub(crate) cloud_run: bool,
    /// Whether to listen on every interface. Cloud Run asks callers who they are before it passes them on; elsewhere
    /// nobody does, so it has to be said in words.
    pub(crate) public: bool,
}

pub(crate) fn detect() -> Result<Option<Container>, ServeError> {
    let cloud_run = env::var_os(K_SERVICE).is_some();
    let port = match port(PORT)? {
        Some(port) => port,
        None if cloud_run => DEFAULT_PORT,
        None => return Ok(None),
    };
    let public = cloud_run || env::var_os(ALLOW_UNAUTHENTICATED).is_some_and(|allowed| allowed == "1");
    Ok(Some(Container { port, cloud_run, public }))
}
