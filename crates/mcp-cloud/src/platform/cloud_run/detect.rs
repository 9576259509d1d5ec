//! A container is told its port by `PORT`; Cloud Run also names its service in `K_SERVICE`.

use std::{env, ffi::OsStr};

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
    /// Whether nobody said where to listen, so that the choice deserves a word.
    pub(crate) unsaid: bool,
}

pub(crate) fn detect() -> Result<Option<Container>, ServeError> {
    let said = env::var_os(ALLOW_UNAUTHENTICATED);
    Ok(container(port(PORT)?, env::var_os(K_SERVICE).is_some(), said.as_deref()))
}

fn container(port: Option<u16>, cloud_run: bool, said: Option<&OsStr>) -> Option<Container> {
    let port = port.or(cloud_run.then_some(DEFAULT_PORT))?;
    let public = said.map_or(cloud_run, |said| said == "1");
    Some(Container { port, cloud_run, public, unsaid: said.is_none() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(cloud_run: bool, said: Option<&str>) -> bool {
        container(Some(1), cloud_run, said.map(OsStr::new)).unwrap().public
    }

    #[test]
    fn only_cloud_run_or_a_word_opens_a_container_to_every_interface() {
        assert!(public(true, None) && public(false, Some("1")) && public(true, Some("1")));
        assert!(
            !public(false, None) && !public(false, Some("0")) && !public(true, Some("0")) && !public(true, Some(""))
        );
    }

    #[test]
    fn a_container_is_told_its_port_unless_cloud_run_says_nothing() {
        assert_eq!(container(None, true, None).map(|container| container.port), Some(DEFAULT_PORT));
        assert!(container(None, false, None).is_none());
    }
}
