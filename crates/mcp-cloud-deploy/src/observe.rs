//! Reads what is there. Everything in this file is a read: it may be called at any time and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use mcp_cloud_app::{
    Target,
    target::{
        ecs::{self, Scaling},
        sam,
    },
};

use crate::{
    aws::Deployer,
    change::{Blueprint, FunctionState},
    deployment::{Bucket, TAG_APP, TAG_BUCKET, TAG_BUCKET_OURS, TAG_TARGET, code_hash, key_prefix},
    error::{AwsError, Error},
    image, lock,
    revision::RevisionKey,
    service::{self, ServiceName, ServiceState, TaskDefinition},
};

/// Change sets of ours start with this.
pub(crate) const CHANGE_SET_PREFIX: &str = "mcp-cloud-";
/// Tag of a service that says which of its revisions answered last.
pub(crate) const TAG_REVISION: &str = "mcp-cloud:revision";

/// What there is of an app in an account and region.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The stack of the app's name.
    pub stack: Option<Stack>,
    /// The bucket that is looked at.
    pub bucket: Bucket,
    /// What is in it, if it exists.
    pub bucket_contents: Option<BucketContents>,
    /// The function of the app's name.
    pub function: Option<Function>,
    /// What the alias of the function points to.
    pub alias: Option<Alias>,
    /// The service that the stack is around, where it is around one.
    pub service: Option<ObservedService>,
}

impl Observed {
    /// The revisions whose records are kept, oldest first.
    #[must_use]
    pub fn revisions(&self, app: &str) -> Vec<RevisionKey> {
        let mut revisions: Vec<_> = self.keys().iter().filter_map(|key| RevisionKey::parse(app, key)).collect();
        revisions.sort();
        revisions
    }

    /// Whether an object is in the bucket.
    #[must_use]
    pub fn is_uploaded(&self, key: &str) -> bool {
        self.keys().iter().any(|uploaded| uploaded == key)
    }

    /// Whether a run held the lock of the app.
    #[must_use]
    pub fn is_locked(&self, app: &str) -> bool {
        self.is_uploaded(&lock::key(app))
    }

    /// The version that answers, as [`RevisionKey::version`] counts them; for a service, the one that answered when it
    /// was asked last.
    #[must_use]
    pub fn running(&self) -> Option<String> {
        match (&self.service, &self.alias) {
            (Some(service), _) => service.revision().map(|revision| revision.to_string()),
            (None, alias) => alias.as_ref().map(|alias| alias.version.clone()),
        }
    }

    /// The SHA-256 of what runs, in hexadecimal: of the code's archive, or of the image's manifest.
    #[must_use]
    pub fn code_sha256(&self, app: &str) -> Option<String> {
        match &self.service {
            Some(service) => service.image()?.rsplit_once("@sha256:").map(|(_, digits)| digits.to_owned()),
            None => code_hash(self.stack.as_ref()?.template.as_deref()?, app).map(str::to_owned),
        }
    }

    fn keys(&self) -> &[String] {
        self.bucket_contents.as_ref().map(|contents| contents.keys.as_slice()).unwrap_or_default()
    }
}

/// A service on ECS, and what it needs.
#[derive(Debug, Clone)]
pub struct ObservedService {
    /// What it is called.
    pub name: ServiceName,
    /// The service itself, if it is there.
    pub state: Option<ServiceState>,
    /// What its tasks are made from.
    pub task_definition: Option<TaskDefinition>,
    /// All revisions of its task definition that can be used, newest first, by their ARNs.
    pub task_definitions: Vec<String>,
    /// How the number of its tasks changes.
    pub scaling: Scaling,
    /// Where its images are, and the digests of those that are there.
    pub images: Option<(String, BTreeSet<String>)>,
}

impl ObservedService {
    /// The image that the server's container is made from.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        service::image(&self.task_definition.as_ref()?.raw, ecs::CONTAINER)
    }

    /// Whether it has no tasks, and is to have none.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.desired == 0)
    }

    /// Whether it rests because it is out of its working hours, and will work again by itself.
    #[must_use]
    pub fn rests_by_the_clock(&self) -> bool {
        let least = self.scaling.scalable_target.as_ref().and_then(|target| target.get("MinCapacity")?.as_u64());
        self.rests() && least == Some(0)
    }

    /// The number of the revision that was verified last, as a tag of the service says it.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        let tags = self.state.as_ref()?.raw.get("tags")?.as_array()?;
        let tag = tags.iter().find(|tag| tag["key"] == TAG_REVISION)?;
        tag["value"].as_str()?.parse().ok()
    }
}

/// A Lambda function: its version that is still being edited.
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// Its ARN.
    pub arn: String,
    /// Lambda's name of its state, such as `Active`.
    pub state: Option<String>,
    /// Lambda's reason for the state.
    pub reason: Option<String>,
    /// What it is made of.
    pub configuration: FunctionState,
}

/// What an alias points to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alias {
    /// The version that answers.
    pub version: String,
    /// Other versions that answer a share of what is invoked, from 0 to 1.
    pub shifting: BTreeMap<String, f64>,
}

/// A CloudFormation stack.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its ARN, which stays valid after the stack is deleted.
    pub id: String,
    /// CloudFormation's name of its state.
    pub status: String,
    /// CloudFormation's reason for the state.
    pub reason: Option<String>,
    /// Tags of the stack.
    pub tags: BTreeMap<String, String>,
    /// Outputs of the template.
    pub outputs: BTreeMap<String, String>,
    /// When it was last updated, or created, in RFC 3339.
    pub changed: Option<String>,
    /// Whether termination protection is on.
    pub protected: bool,
    /// The template as it was given; absent for a stack that was never created.
    pub template: Option<String>,
    /// Names of change sets that were not executed, or failed.
    pub change_sets: Vec<String>,
}

/// A bucket that exists and belongs to the account.
#[derive(Debug, Clone, Default)]
pub struct BucketContents {
    /// Tags of the bucket.
    pub tags: BTreeMap<String, String>,
    /// Everything in our bucket; in one of the user's, the uploads of this app.
    pub keys: Vec<String>,
}

impl BucketContents {
    /// Whether the bucket was created by us.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.tags.contains_key(TAG_BUCKET_OURS)
    }
}

/// What is another after every operation on a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackMark {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) changed: Option<String>,
}

/// What can be done with a stack
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackState {
    /// An empty shell: a change set was computed for it and never executed.
    Review,
    /// An operation is going on.
    Busy,
    /// It is as its template says.
    Healthy,
    /// It can be updated, but whether it is as its template says is not certain.
    Updatable,
    /// It never came to life, or is half removed: it can only be deleted.
    Failed,
    /// The rollback of an update failed; it can be taken up again.
    RollbackFailed,
    /// A person has to decide.
    Stuck,
}

impl StackState {
    /// Reads CloudFormation's name of a state. A name that is not known is nothing to touch.
    #[must_use]
    pub fn of(status: &str) -> Self {
        match status {
            "REVIEW_IN_PROGRESS" => Self::Review,
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => Self::Healthy,
            "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE" | "UPDATE_FAILED" => Self::Updatable,
            "UPDATE_ROLLBACK_FAILED" => Self::RollbackFailed,
            "CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED" => Self::Failed,
            other if other.ends_with("_IN_PROGRESS") => Self::Busy,
            _ => Self::Stuck,
        }
    }
}

impl Stack {
    /// What can be done with it.
    #[must_use]
    pub fn state(&self) -> StackState {
        StackState::of(&self.status)
    }

    /// Whether this stack was created for the app of its name. An empty shell has no tags yet; it is ours as long as
    /// nobody else has put a change set there.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        match self.state() {
            StackState::Review => self.change_sets.iter().all(|name| name.starts_with(CHANGE_SET_PREFIX)),
            _ => self.tags.get(TAG_APP) == Some(&self.name),
        }
    }

    /// What it was made from; `None` for one that was never created.
    pub(crate) fn blueprint(&self) -> Option<Blueprint<'_>> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        Some(Blueprint { template: self.template.as_deref()?, parameters: &NONE, tags: &self.tags })
    }

    /// Where the app runs.
    #[must_use]
    pub fn target(&self) -> Target {
        self.tags.get(TAG_TARGET).and_then(|name| Target::from_name(name)).unwrap_or(Target::Sam)
    }

    pub(crate) fn mark(&self) -> StackMark {
        StackMark { id: self.id.clone(), status: self.status.clone(), changed: self.changed.clone() }
    }

    /// Lambda's number of the version that the stack published last.
    #[must_use]
    pub fn published_version(&self) -> Option<String> {
        let version_arn = self.outputs.get(sam::OUTPUT_FUNCTION_VERSION)?;
        version_arn.rsplit(':').next().map(str::to_owned)
    }
}

impl Deployer {
    /// Reads the stack of an app, and the bucket of its uploads: the one named, or the one that was used before, or
    /// ours for the account and region.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails, [`Error::BucketNotOurs`] and [`Error::BucketElsewhere`] when the bucket cannot
    /// be used.
    pub async fn observe(&self, app: &str, named_bucket: Option<String>) -> Result<Observed, Error> {
        let (stack, function, alias) =
            tokio::try_join!(self.stack(app), from_aws(self.function(app)), from_aws(self.alias(app, sam::ALIAS)))?;
        let used = stack.as_ref().filter(|stack| stack.is_ours()).and_then(|stack| stack.tags.get(TAG_BUCKET).cloned());
        let bucket = Bucket::choose(named_bucket.or(used), self.account(), self.region());
        let prefix = match &bucket {
            // Whether our bucket can go depends on everything that is in it.
            Bucket::Ours(_) => String::new(),
            Bucket::Named(_) => key_prefix(app),
        };
        let around = stack.as_ref().filter(|stack| stack.is_ours());
        let (bucket_contents, service) =
            tokio::try_join!(async { self.bucket_contents(bucket.name(), &prefix).await }, async {
                match around {
                    Some(stack) => self.observed_service(&stack.outputs).await,
                    None => Ok(None),
                }
            })?;
        Ok(Observed { stack, bucket, bucket_contents, function, alias, service })
    }

    /// Reads the service that a stack with these outputs is around.
    async fn observed_service(&self, outputs: &BTreeMap<String, String>) -> Result<Option<ObservedService>, Error> {
        let (Some(cluster), Some(service)) = (outputs.get(ecs::OUTPUT_CLUSTER), outputs.get(ecs::OUTPUT_SERVICE))
        else {
            return Ok(None);
        };
        let name = ServiceName { cluster: cluster.clone(), service: service.clone() };
        let (state, task_definitions, scaling, images) = tokio::try_join!(
            from_aws(self.service(&name)),
            from_aws(self.task_definitions(service)),
            from_aws(self.scaling(&name)),
            from_aws(self.pushed_images(outputs.get(ecs::OUTPUT_REPOSITORY))),
        )?;
        let task_definition = match &state {
            Some(state) => self.task_definition(&state.task_definition).await?,
            None => None,
        };
        Ok(Some(ObservedService { name, state, task_definition, task_definitions, scaling, images }))
    }

    async fn pushed_images(&self, repository: Option<&String>) -> Result<Option<(String, BTreeSet<String>)>, AwsError> {
        // A registry of somebody else is not asked.
        let Some((uri, name)) = repository.and_then(|uri| Some((uri, image::ecr_repository(uri)?))) else {
            return Ok(None);
        };
        let images = self.images(name).await?;
        Ok(Some((uri.clone(), images.into_iter().map(|image| image.digest).collect())))
    }

    /// Reads the stack of an app alone; `None` when there is none of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails.
    pub async fn observe_stack(&self, app: &str) -> Result<Option<Stack>, Error> {
        self.stack(app).await
    }
}

async fn from_aws<T>(call: impl Future<Output = Result<T, AwsError>>) -> Result<T, Error> {
    Ok(call.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_state_is_not_touched() {
        assert_eq!(StackState::of("SOMETHING_NEW"), StackState::Stuck);
        assert_eq!(StackState::of("SOMETHING_IN_PROGRESS"), StackState::Busy);
    }

    #[test]
    fn stack_without_our_tag_is_not_ours() {
        let mut stack = Stack { name: "hello".into(), status: "CREATE_COMPLETE".into(), ..Stack::default() };
        assert!(!stack.is_ours());
        stack.tags.insert(TAG_APP.into(), "other".into());
        assert!(!stack.is_ours());
        stack.tags.insert(TAG_APP.into(), "hello".into());
        assert!(stack.is_ours());
    }

    #[test]
    fn empty_shell_is_ours_unless_somebody_else_uses_it() {
        let mut stack = Stack { name: "hello".into(), status: "REVIEW_IN_PROGRESS".into(), ..Stack::default() };
        assert!(stack.is_ours());
        stack.change_sets = vec!["mcp-cloud-1".into()];
        assert!(stack.is_ours());
        stack.change_sets.push("release-7".into());
        assert!(!stack.is_ours());
    }
}
