//! Waits until something that goes on has come to its end. Nothing here writes, and nothing here ends by itself: whoever
//! waits decides for how long.

use std::time::Duration;

use mcp_cloud_app::App;

use crate::{
    aws::Deployer,
    deployment::{TAG_BUCKET, key_prefix},
    error::Error,
    observe::{Stack, StackState},
    watch::Report,
};

/// How often it is asked again where no event tells.
const POLL: Duration = Duration::from_secs(3);

impl Deployer {
    /// Waits until the stack of an app is as its template says. `report` hears of each resource that changes meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::NotDeployed`] when there is no stack, [`Error::StackNotOurs`] when there is somebody else's,
    /// [`Error::StackFailed`] when it came to another end, [`Error::Aws`] when a call fails.
    pub async fn wait_until_deployed(&self, app: &str, report: &Report<'_>) -> Result<Stack, Error> {
        loop {
            let stack = self.own_stack(app).await?.ok_or_else(|| Error::NotDeployed { stack: app.to_owned() })?;
            match stack.state() {
                StackState::Healthy => return Ok(stack),
                StackState::Busy => self.settle(&stack, report).await?,
                // Somebody is about to create it.
                StackState::Review => self.sleep(POLL).await,
                StackState::Updatable | StackState::Failed | StackState::RollbackFailed | StackState::Stuck => {
                    return Err(Error::StackFailed { stack: stack.name, status: stack.status, failure: None });
                }
            }
        }
    }

    /// Waits until nothing is left of an app: no stack, and no code in the bucket that was named or used.
    ///
    /// # Errors
    ///
    /// [`Error::StackNotOurs`] when there is somebody else's stack, [`Error::StackFailed`] when its deletion failed,
    /// [`Error::Aws`] when a call fails.
    pub async fn wait_until_gone(
        &self,
        app: &App,
        mut bucket: Option<String>,
        report: &Report<'_>,
    ) -> Result<(), Error> {
        loop {
            match self.own_stack(&app.name).await? {
                Some(stack) if stack.status == "DELETE_FAILED" => {
                    return Err(Error::StackFailed { stack: stack.name, status: stack.status, failure: None });
                }
                Some(stack) => {
                    // Once the stack is gone, nothing else says where the code was.
                    bucket = bucket.or_else(|| stack.tags.get(TAG_BUCKET).cloned());
                    if stack.state() == StackState::Busy {
                        self.settle(&stack, report).await?;
                        continue;
                    }
                }
                None => {
                    let observed = self.observe(&app.name, bucket.clone()).await?;
                    let prefix = key_prefix(&app.name);
                    let contents = observed.bucket_contents.unwrap_or_default();
                    if observed.stack.is_none() && !contents.keys.iter().any(|key| key.starts_with(&prefix)) {
                        return Ok(());
                    }
                }
            }
            self.sleep(POLL).await;
        }
    }

    async fn own_stack(&self, app: &str) -> Result<Option<Stack>, Error> {
        match self.observe_stack(app).await? {
            Some(foreign) if !foreign.is_ours() => Err(Error::StackNotOurs { stack: foreign.name }),
            stack => Ok(stack),
        }
    }
}
