//! The plan that makes a deployment real, from whatever is there.

use mcp_cloud_app::target::sam;

use super::{Operation, Plan, Removal, Step, service};
use crate::{
    artifact::Archive,
    change::{self, Blueprint, Changes, FieldChange},
    deployment::{Bucket, Deployment, Workload, is_upload},
    error::Error,
    observe::{Alias, CHANGE_SET_PREFIX, Observed, Stack, StackState},
    revision::RevisionKey,
    template::Remainder,
};

/// What whoever deploys has decided for the case that something is wrong with the stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Resources that a failed rollback leaves as they are, by their names in the template.
    pub skip: Vec<String>,
    /// Resources that stay behind when a failed stack is deleted, by their names in the template.
    pub leave: Vec<String>,
}

/// Plans what makes a deployment real.
///
/// Empty when the stack is healthy with the same template and tags, the code is where the template says, the alias points
/// to the version that the stack published last, and that version was asked and answered.
///
/// # Errors
///
/// [`Error::StackNotOurs`], [`Error::Stuck`] (also for a stack that is [`StackState::Busy`]), [`Error::Protected`],
/// [`Error::NothingToLeave`] and [`Error::NoBucket`]: what is there forbids it.
pub fn deploy(deployment: &Deployment, observed: &Observed, choices: &Choices) -> Result<Plan, Error> {
    same_target(deployment, observed)?;
    match &deployment.workload {
        Workload::Function { key, archive } => function(deployment, (key, archive), observed, choices),
        Workload::Service(workload) => service::deploy(deployment, workload, observed, choices),
    }
}

/// A stack of functions does not become one around a service: what has the same name would get in its own way.
fn same_target(deployment: &Deployment, observed: &Observed) -> Result<(), Error> {
    let Some(stack) = observed.stack.as_ref().filter(|stack| stack.is_ours() && !stack.tags.is_empty()) else {
        return Ok(());
    };
    let (actual, wanted) = (stack.target(), deployment.target());
    if actual == wanted {
        return Ok(());
    }
    Err(Error::OtherTarget { stack: stack.name.clone(), actual: actual.to_string(), wanted: wanted.to_string() })
}

fn function(
    deployment: &Deployment,
    (key, archive): (&str, &Archive),
    observed: &Observed,
    choices: &Choices,
) -> Result<Plan, Error> {
    // The bucket comes first, because the lock is in it.
    let mut steps = create_bucket(deployment, observed)?;
    let remainder = remainder(observed)?;
    let (prepared, operation) = prepare_stack(deployment, observed, remainder.as_ref(), choices)?;
    steps.extend(prepared);
    steps.extend(upload(deployment, key, archive, observed));
    let restored = match operation {
        Some(operation) => {
            steps.extend(change_stack(&deployment.stack, operation));
            None
        }
        None => restore_alias(deployment, observed),
    };
    let same = operation.is_none() && restored.is_none() && verified(deployment, observed);
    steps.extend(restored);
    if !same {
        steps.extend(verify(deployment));
        steps.extend(prune(deployment, key, observed));
    }
    // What is created again begins with nothing, whatever a stack that failed said it was made from; and what the stack
    // has forgotten by then is made again.
    let updated = observed.stack.as_ref().filter(|_| operation == Some(Operation::Update));
    let before = updated.and_then(Stack::blueprint).map(|before| match &remainder {
        Some(remainder) => Blueprint { template: &remainder.template, ..before },
        None => before,
    });
    let changes = match operation {
        Some(_) => Changes::between(before, Some(deployment.blueprint())),
        None => Changes::default(),
    };
    Ok(Plan { steps, changes, drift: drift(observed) })
}

/// What must happen before the stack can be as wanted, and how it gets there; no operation when it is so already.
pub(super) fn prepare_stack(
    deployment: &Deployment,
    observed: &Observed,
    remainder: Option<&Remainder>,
    choices: &Choices,
) -> Result<(Vec<Step>, Option<Operation>), Error> {
    let Some(stack) = &observed.stack else { return Ok((Vec::new(), Some(Operation::Create))) };
    if !stack.is_ours() {
        return Err(Error::StackNotOurs { stack: stack.name.clone() });
    }
    match stack.state() {
        StackState::Review => Ok((leftovers(stack), Some(Operation::Create))),
        StackState::Healthy | StackState::Updatable => {
            let mut steps = leftovers(stack);
            if let Some(Remainder { stays, .. }) = remainder {
                let (stack, function, stays) = (stack.name.clone(), stack.name.clone(), stays.clone());
                steps.push(Step::ForgetFunction { stack, function, stays });
                return Ok((steps, Some(Operation::Update)));
            }
            let same = stack.state() == StackState::Healthy && deployment.matches(stack);
            Ok((steps, (!same).then_some(Operation::Update)))
        }
        StackState::Failed => {
            let gone = remove(stack, Removal::Failed(stack.status.clone()), &choices.leave)?;
            Ok((vec![gone], Some(Operation::Create)))
        }
        StackState::RollbackFailed => {
            let mut steps = vec![Step::ContinueRollback { stack: stack.name.clone(), skip: choices.skip.clone() }];
            steps.extend(leftovers(stack));
            Ok((steps, Some(Operation::Update)))
        }
        StackState::Busy | StackState::Stuck => Err(stuck(stack)),
    }
}

pub(super) fn stuck(stack: &Stack) -> Error {
    Error::Stuck { stack: stack.name.clone(), status: stack.status.clone(), reason: stack.reason.clone() }
}

pub(super) fn leftovers(stack: &Stack) -> Vec<Step> {
    let ours = stack.change_sets.iter().filter(|name| name.starts_with(CHANGE_SET_PREFIX));
    ours.map(|name| Step::RemoveChangeSet { stack: stack.name.clone(), change_set: name.clone() }).collect()
}

pub(super) fn remove(stack: &Stack, cause: Removal, leave: &[String]) -> Result<Step, Error> {
    if stack.protected {
        return Err(Error::Protected { stack: stack.name.clone() });
    }
    // CloudFormation takes it no earlier
    // (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html>).
    if !leave.is_empty() && stack.status != "DELETE_FAILED" {
        return Err(Error::NothingToLeave { stack: stack.name.clone(), status: stack.status.clone() });
    }
    Ok(Step::RemoveStack { stack: stack.name.clone(), stack_id: stack.id.clone(), cause, leave: leave.to_vec() })
}

/// What stays of a stack that lives on although somebody deleted its function.
fn remainder(observed: &Observed) -> Result<Option<Remainder>, Error> {
    let lives = |stack: &&Stack| matches!(stack.state(), StackState::Healthy | StackState::Updatable);
    let Some(stack) = observed.stack.as_ref().filter(|stack| stack.is_ours()).filter(lives) else { return Ok(None) };
    if observed.function.is_some() {
        return Ok(None);
    }
    stack.remainder().map(Some)
}

pub(super) fn create_bucket(deployment: &Deployment, observed: &Observed) -> Result<Vec<Step>, Error> {
    let bucket = deployment.bucket.name().to_owned();
    match (&deployment.bucket, &observed.bucket_contents) {
        (Bucket::Named(_), None) => Err(Error::NoBucket { bucket }),
        (Bucket::Ours(_), None) => Ok(vec![Step::CreateBucket { bucket }]),
        // Creation was interrupted: the tag comes last.
        (Bucket::Ours(_), Some(contents)) if contents.tags.is_empty() => Ok(vec![Step::CreateBucket { bucket }]),
        _ => Ok(Vec::new()),
    }
}

fn upload(deployment: &Deployment, key: &str, archive: &Archive, observed: &Observed) -> Option<Step> {
    (!observed.is_uploaded(key)).then(|| Step::Upload {
        bucket: deployment.bucket.name().to_owned(),
        key: key.to_owned(),
        bytes: archive.bytes.len(),
    })
}

/// The alias is the stack's, but somebody may have pointed it elsewhere: a rollback that did not come to its end, or a
/// person.
fn restore_alias(deployment: &Deployment, observed: &Observed) -> Option<Step> {
    let published = observed.stack.as_ref()?.published_version()?;
    move_alias(&deployment.stack, observed.alias.as_ref()?, &published)
}

/// Has a version answer everything; nothing where it does.
pub(super) fn move_alias(function: &str, alias: &Alias, version: &str) -> Option<Step> {
    let answers = alias.version == version && alias.shifting.is_empty();
    (!answers).then(|| Step::MoveAlias {
        function: function.to_owned(),
        alias: sam::ALIAS.to_owned(),
        version: version.to_owned(),
        from: Some(alias.version.clone()),
    })
}

/// Changes the stack: what CloudFormation computes is what it executes.
pub(super) fn change_stack(stack: &str, operation: Operation) -> [Step; 2] {
    [
        Step::CreateChangeSet { stack: stack.to_owned(), operation },
        Step::ExecuteChangeSet { stack: stack.to_owned(), operation },
    ]
}

/// Asks the server, and keeps the record of what answered.
pub(super) fn verify(deployment: &Deployment) -> [Step; 2] {
    [Step::Ask { stack: deployment.stack.clone() }, Step::KeepRevision { bucket: deployment.bucket.name().to_owned() }]
}

/// Whether the version that runs was asked, and answered.
pub(super) fn verified(deployment: &Deployment, observed: &Observed) -> bool {
    let Some(version) = observed.stack.as_ref().and_then(Stack::published_version) else { return false };
    let fingerprint = deployment.fingerprint();
    observed
        .revisions(&deployment.stack)
        .iter()
        .any(|kept| kept.version.to_string() == version && kept.fingerprint == fingerprint)
}

/// The records that are too old to be kept, and those that stay, oldest first. The one that is being deployed will be
/// kept as well.
pub(super) fn old_records(deployment: &Deployment, observed: &Observed) -> (Vec<RevisionKey>, Vec<RevisionKey>) {
    let mut old = observed.revisions(&deployment.stack);
    let surplus = (old.len() + 1).saturating_sub(deployment.keep).min(old.len());
    let kept = old.split_off(surplus);
    (old, kept)
}

/// What is older than the revisions that are kept: their records, and code that none of them needs.
fn prune(deployment: &Deployment, own_key: &str, observed: &Observed) -> Vec<Step> {
    let app = &deployment.stack;
    let (old, kept) = old_records(deployment, observed);
    if old.is_empty() {
        return Vec::new();
    }
    let needed = |key: &str| *key == *own_key || kept.iter().any(|revision| is_upload(app, key, &revision.code));
    let contents = observed.bucket_contents.as_ref().map(|contents| contents.keys.as_slice()).unwrap_or_default();
    let uploads = contents.iter().filter(|key| is_upload(app, key, "") && !needed(key)).cloned();
    let records = old.iter().map(|revision| revision.key(app));
    let mut steps = Vec::new();
    // Where nothing but the one that is being deployed is kept, its number is not known yet: it comes after all others.
    let after_old = || old.last().map(|last| last.version + 1);
    if let Some(oldest_kept) = kept.first().map(|first| first.version).or_else(after_old) {
        steps.push(Step::RemoveVersions { function: app.clone(), oldest_kept });
    }
    let keys: Vec<_> = records.chain(uploads).collect();
    if !keys.is_empty() {
        steps.push(Step::RemoveObjects { bucket: deployment.bucket.name().to_owned(), keys });
    }
    steps
}

/// What somebody changed by hand. What serves is a version, which nobody can change; this is what the next one would be
/// made of.
pub(crate) fn drift(observed: &Observed) -> Vec<FieldChange> {
    let template = observed.stack.as_ref().and_then(|stack| stack.template.as_deref());
    let (Some(template), Some(function)) = (template, &observed.function) else { return Vec::new() };
    change::drift(template, &function.configuration).unwrap_or_default()
}

/// The key of the record that [`Step::KeepRevision`] writes.
pub(crate) fn record_key(deployment: &Deployment, version: u64) -> RevisionKey {
    RevisionKey::new(version, &deployment.fingerprint(), deployment.code_sha256())
}
