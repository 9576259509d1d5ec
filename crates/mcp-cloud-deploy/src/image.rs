//! The image that the tasks of a service run: built here, and pushed to a repository.

/// The repository of the account's own registry that images are named by; `None` for any other registry.
///
/// `123456789012.dkr.ecr.eu-central-1.amazonaws.com/hello` → `hello`
#[must_use]
pub fn ecr_repository(uri: &str) -> Option<&str> {
    let (registry, name) = uri.split_once('/')?;
    registry.contains(".dkr.ecr.").then_some(name)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents;

impl Contents {
    pub fn bytes(&self) -> u64 {
        0
    }
}
