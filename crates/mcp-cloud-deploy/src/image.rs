//! The image that the tasks of a service run: assembled here, and pushed to a repository.

use std::path::Path;

use mcp_cloud_app::App;

use crate::{aws::Deployer, deployment::Image, error::Error};

/// The repository of the account's own registry that images are named by; `None` for any other registry.
///
/// `123456789012.dkr.ecr.eu-central-1.amazonaws.com/hello` → `hello`
#[must_use]
pub fn ecr_repository(uri: &str) -> Option<&str> {
    let (registry, name) = uri.split_once('/')?;
    registry.contains(".dkr.ecr.").then_some(name)
}

/// An image that is in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents;

impl Contents {
    /// What its layers take, compressed, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        0
    }
}

impl Image {
    /// Assembles the image of a program for the architecture that the app's tasks have.
    ///
    /// # Errors
    pub fn of_program(_app: &App, _program: &Path) -> Result<Self, Error> {
        Err(Error::Misuse("not yet"))
    }
}

impl Deployer {
    /// Pushes an image to a repository: what is there already is not sent.
    ///
    /// # Errors
    pub async fn push_image(
        &self,
        _repository: &str,
        _contents: &Contents,
        _report: &(dyn Fn(&str) + Sync),
    ) -> Result<(), Error> {
        Ok(())
    }
}
