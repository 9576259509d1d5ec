//! Computes what is to be done from what is wanted and what is there. Pure: no network, no clock.

use std::fmt;

use serde::Serialize;

use crate::{
    deployment::{Bucket, Deployment, key_prefix},
    error::Error,
    observe::{BucketContents, CHANGE_SET_PREFIX, Observed, Stack, StackState},
};

/// Steps in the order in which they are executed; none when everything is as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[must_use]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether a person has to agree before it is executed to its end.
    #[must_use]
    pub fn needs_consent(&self) -> bool {
        self.steps.iter().any(Step::needs_consent)
    }
}

/// A unit of work. Each can be repeated: what it would do and finds done is no error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Removes a change set that an interrupted run left.
    RemoveChangeSet {
        /// The stack it was computed for.
        stack: String,
        /// Its name.
        change_set: String,
    },
    /// Deletes a stack and waits until it is gone.
    RemoveStack {
        /// Its name.
        stack: String,
        /// Its ARN.
        stack_id: String,
        /// Why it goes.
        cause: Removal,
    },
    /// Has CloudFormation compute what would change. Touches nothing that runs.
    CreateChangeSet {
        /// The stack.
        stack: String,
        /// The name of the change set.
        change_set: String,
        /// Whether the stack is new.
        operation: Operation,
    },
    /// Creates our bucket, private and encrypted.
    CreateBucket {
        /// Its name.
        bucket: String,
    },
    /// Uploads the code.
    Upload {
        /// Where to.
        bucket: String,
        /// The object, named by its content.
        key: String,
        /// Its size.
        bytes: usize,
    },
    /// Executes the change set and waits until the stack has changed.
    ExecuteChangeSet {
        /// The stack.
        stack: String,
        /// Whether the stack is new.
        operation: Operation,
    },
    /// Deletes uploads.
    RemoveObjects {
        /// Where from.
        bucket: String,
        /// The objects.
        keys: Vec<String>,
    },
    /// Deletes our bucket.
    RemoveBucket {
        /// Its name.
        bucket: String,
    },
}

/// Whether a stack is created or updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// There is none yet.
    Create,
    /// It exists.
    Update,
}

/// Why a stack is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// That is what was asked for.
    Asked,
    /// It failed, and CloudFormation lets nothing else be done with it. Holds CloudFormation's name of its state.
    Failed(String),
    /// It is an empty shell that an interrupted run left.
    Empty,
}

impl Step {
    /// Whether it touches something that runs, or leaves something that stays. Nothing else is done unasked.
    #[must_use]
    pub fn needs_consent(&self) -> bool {
        match self {
            Self::RemoveChangeSet { .. } | Self::CreateChangeSet { .. } => false,
            Self::RemoveStack { cause, .. } => *cause != Removal::Empty,
            _ => true,
        }
    }
}

/// In words, to stand in a list: no capital, no final period.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveChangeSet { change_set, .. } => {
                write!(f, "remove the change set `{change_set}`, which an earlier run left")
            }
            Self::RemoveStack { stack, cause: Removal::Asked, .. } => {
                write!(f, "delete the stack `{stack}` and everything in it")
            }
            Self::RemoveStack { stack, cause: Removal::Failed(status), .. } => {
                write!(f, "delete the stack `{stack}`, which failed ({status}) and can only be replaced")
            }
            Self::RemoveStack { stack, cause: Removal::Empty, .. } => {
                write!(f, "delete the empty stack `{stack}`, which an earlier run left")
            }
            Self::CreateChangeSet { stack, operation: Operation::Create, .. } => {
                write!(f, "compute what the new stack `{stack}` will hold (a change set)")
            }
            Self::CreateChangeSet { stack, operation: Operation::Update, .. } => {
                write!(f, "compute what will change in the stack `{stack}` (a change set)")
            }
            Self::CreateBucket { bucket } => write!(f, "create the bucket `{bucket}`, private and encrypted"),
            Self::Upload { bucket, key, bytes } => {
                write!(f, "upload {} of code to `s3://{bucket}/{key}`", Size(*bytes))
            }
            Self::ExecuteChangeSet { stack, operation: Operation::Create } => write!(f, "create the stack `{stack}`"),
            Self::ExecuteChangeSet { stack, operation: Operation::Update } => write!(f, "update the stack `{stack}`"),
            Self::RemoveObjects { bucket, keys } => match keys.as_slice() {
                [key] => write!(f, "delete `s3://{bucket}/{key}`"),
                keys => write!(f, "delete {} uploads in the bucket `{bucket}`", keys.len()),
            },
            Self::RemoveBucket { bucket } => write!(f, "delete the bucket `{bucket}`, which is empty then"),
        }
    }
}

struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KB: usize = 1000;
        const MB: usize = 1000 * KB;
        match self.0 {
            bytes @ ..KB => write!(f, "{bytes} bytes"),
            bytes @ KB..MB => write!(f, "{} kB", bytes.div_ceil(KB)),
            bytes => write!(f, "{}.{} MB", bytes / MB, bytes % MB / (MB / 10)),
        }
    }
}

/// Plans what makes a deployment real.
///
/// Empty when the stack is healthy with the same template and tags, and the code is where the template says.
///
/// # Errors
///
/// [`Error::StackNotOurs`], [`Error::Stuck`] (also for a stack that is [`StackState::Busy`]), [`Error::Protected`] and
/// [`Error::NoBucket`]: what is there forbids it.
pub fn deploy(deployment: &Deployment, observed: &Observed) -> Result<Plan, Error> {
    let (mut steps, operation) = prepare_stack(deployment, observed.stack.as_ref())?;
    let stack = &deployment.stack;
    if let Some(operation) = operation {
        steps.push(Step::CreateChangeSet {
            stack: stack.clone(),
            change_set: format!("{CHANGE_SET_PREFIX}{}", deployment.fingerprint()),
            operation,
        });
    }
    let bucket = deployment.bucket.name().to_owned();
    match (&deployment.bucket, &observed.bucket_contents) {
        (Bucket::Named(_), None) => return Err(Error::NoBucket { bucket }),
        (Bucket::Ours(_), None) => steps.push(Step::CreateBucket { bucket: bucket.clone() }),
        // Creation was interrupted: the tag comes last.
        (Bucket::Ours(_), Some(contents)) if contents.tags.is_empty() => {
            steps.push(Step::CreateBucket { bucket: bucket.clone() });
        }
        _ => {}
    }
    let uploaded = observed.bucket_contents.as_ref().is_some_and(|contents| contents.keys.contains(&deployment.key));
    if !uploaded {
        let bytes = deployment.archive.bytes.len();
        steps.push(Step::Upload { bucket, key: deployment.key.clone(), bytes });
    }
    if let Some(operation) = operation {
        steps.push(Step::ExecuteChangeSet { stack: stack.clone(), operation });
    }
    Ok(Plan { steps })
}

/// What must go before the stack can be as wanted, and how it gets there; no operation when it is so already.
fn prepare_stack(deployment: &Deployment, stack: Option<&Stack>) -> Result<(Vec<Step>, Option<Operation>), Error> {
    let Some(stack) = stack else { return Ok((Vec::new(), Some(Operation::Create))) };
    if !stack.is_ours() {
        return Err(Error::StackNotOurs { stack: stack.name.clone() });
    }
    match stack.state() {
        StackState::Review => Ok((leftovers(stack), Some(Operation::Create))),
        StackState::Healthy => {
            let same = deployment.matches(stack);
            Ok((leftovers(stack), (!same).then_some(Operation::Update)))
        }
        StackState::Updatable => Ok((leftovers(stack), Some(Operation::Update))),
        StackState::Failed => {
            Ok((vec![remove(stack, Removal::Failed(stack.status.clone()))?], Some(Operation::Create)))
        }
        StackState::Busy | StackState::Stuck => {
            Err(Error::Stuck { stack: stack.name.clone(), status: stack.status.clone(), reason: stack.reason.clone() })
        }
    }
}

fn leftovers(stack: &Stack) -> Vec<Step> {
    let ours = stack.change_sets.iter().filter(|name| name.starts_with(CHANGE_SET_PREFIX));
    ours.map(|name| Step::RemoveChangeSet { stack: stack.name.clone(), change_set: name.clone() }).collect()
}

fn remove(stack: &Stack, cause: Removal) -> Result<Step, Error> {
    if stack.protected {
        return Err(Error::Protected { stack: stack.name.clone() });
    }
    Ok(Step::RemoveStack { stack: stack.name.clone(), stack_id: stack.id.clone(), cause })
}

/// Plans what leaves nothing of an app behind. Empty when nothing is there.
///
/// # Errors
///
/// [`Error::StackNotOurs`], [`Error::Protected`], and [`Error::Stuck`] for a stack that is [`StackState::Busy`].
pub fn destroy(app: &str, observed: &Observed) -> Result<Plan, Error> {
    let mut steps = Vec::new();
    if let Some(stack) = &observed.stack {
        if !stack.is_ours() {
            return Err(Error::StackNotOurs { stack: stack.name.clone() });
        }
        steps.push(match stack.state() {
            StackState::Busy => {
                let (name, status) = (stack.name.clone(), stack.status.clone());
                return Err(Error::Stuck { stack: name, status, reason: stack.reason.clone() });
            }
            StackState::Review => remove(stack, Removal::Empty)?,
            _ => remove(stack, Removal::Asked)?,
        });
    }
    if let Some(contents) = &observed.bucket_contents {
        steps.extend(empty_bucket(app, &observed.bucket, contents));
    }
    Ok(Plan { steps })
}

fn empty_bucket(app: &str, bucket: &Bucket, contents: &BucketContents) -> Vec<Step> {
    let mut steps = Vec::new();
    let prefix = key_prefix(app);
    let (uploads, others): (Vec<_>, Vec<_>) = contents.keys.iter().cloned().partition(|key| key.starts_with(&prefix));
    let name = bucket.name().to_owned();
    if !uploads.is_empty() {
        steps.push(Step::RemoveObjects { bucket: name.clone(), keys: uploads });
    }
    if matches!(bucket, Bucket::Ours(_)) && contents.is_ours() && others.is_empty() {
        steps.push(Step::RemoveBucket { bucket: name });
    }
    steps
}

#[cfg(test)]
mod tests;
