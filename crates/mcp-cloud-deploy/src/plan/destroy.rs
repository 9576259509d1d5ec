//! The plan that leaves nothing of an app behind.

use super::{
    Plan, Removal, Step,
    deploy::{Choices, remove, stuck},
    service,
};
use crate::{
    change::Changes,
    deployment::{Bucket, key_prefix},
    error::Error,
    lock,
    observe::{BucketContents, Observed, Stack, StackState},
};

/// Plans what leaves nothing of an app behind. Empty when nothing is there.
///
/// # Errors
///
/// [`Error::StackNotOurs`], [`Error::Protected`], [`Error::NothingToLeave`], and [`Error::Stuck`] for a stack that is
/// [`StackState::Busy`].
pub fn destroy(app: &str, observed: &Observed, choices: &Choices) -> Result<Plan, Error> {
    let mut steps = Vec::new();
    if let Some(stack) = &observed.stack {
        if !stack.is_ours() {
            return Err(Error::StackNotOurs { stack: stack.name.clone() });
        }
        steps.extend(service::destroy(observed));
        steps.push(match stack.state() {
            StackState::Busy => return Err(stuck(stack)),
            StackState::Review => remove(stack, Removal::Empty, &[])?,
            _ => remove(stack, Removal::Asked, &choices.leave)?,
        });
    }
    if let Some(contents) = &observed.bucket_contents {
        steps.extend(empty_bucket(app, &observed.bucket, contents));
    }
    let before = observed.stack.as_ref().and_then(Stack::blueprint);
    Ok(Plan { steps, changes: Changes::between(before, None), drift: Vec::new() })
}

fn empty_bucket(app: &str, bucket: &Bucket, contents: &BucketContents) -> Vec<Step> {
    let mut steps = Vec::new();
    let (prefix, lock) = (key_prefix(app), lock::key(app));
    let (ours, others): (Vec<_>, Vec<_>) = contents.keys.iter().cloned().partition(|key| key.starts_with(&prefix));
    // The lock goes when the run lets go of it.
    let keys: Vec<_> = ours.into_iter().filter(|key| *key != lock).collect();
    let name = bucket.name().to_owned();
    if !keys.is_empty() {
        steps.push(Step::RemoveObjects { bucket: name.clone(), keys });
    }
    if matches!(bucket, Bucket::Ours(_)) && contents.is_ours() && others.is_empty() {
        steps.push(Step::RemoveBucket { bucket: name });
    }
    steps
}
