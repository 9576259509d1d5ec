//! The plan that goes back to a revision that answered before.

use super::{
    Operation, Plan,
    deploy::{change_stack, leftovers, move_alias, stuck, verified, verify},
    service,
};
use crate::{
    change::Changes,
    deployment::{Deployment, Workload},
    error::Error,
    observe::{Observed, Stack, StackState},
};

/// Plans the way back to a revision: the alias at once, so that it answers within a second, then the stack, so that it
/// says what runs. `deployment` is what the revision's record holds, `version` Lambda's number of it.
///
/// Empty when it is what runs already.
///
/// # Errors
///
/// [`Error::NotDeployed`], [`Error::StackNotOurs`], [`Error::Stuck`], and [`Error::CodeGone`] when its code was removed.
pub fn rollback(deployment: &Deployment, version: &str, observed: &Observed) -> Result<Plan, Error> {
    let stack = deployed(&deployment.stack, observed)?;
    match &deployment.workload {
        Workload::Service(workload) => return service::rollback(deployment, workload, version, observed),
        Workload::Function { key, .. } if !observed.is_uploaded(key) => {
            return Err(Error::CodeGone { version: version.to_owned(), key: key.clone() });
        }
        Workload::Function { .. } => {}
    }
    let nothing = || Error::NotDeployed { stack: deployment.stack.clone() };
    let alias = observed.alias.as_ref().ok_or_else(nothing)?;
    let is_there = stack.state() == StackState::Healthy && deployment.matches(stack);
    // A stack that went back has published the revision again, under another number.
    let published = stack.published_version().filter(|_| is_there);
    let version = published.as_deref().unwrap_or(version);
    let mut steps: Vec<_> = move_alias(&deployment.stack, alias, version).into_iter().collect();
    if !is_there {
        steps.extend(leftovers(stack));
        steps.extend(change_stack(&deployment.stack, Operation::Update));
    }
    if !steps.is_empty() || !verified(deployment, observed) {
        steps.extend(verify(deployment));
    }
    let changes = Changes::between(stack.blueprint(), Some(deployment.blueprint()));
    Ok(Plan { steps, changes, drift: Vec::new() })
}

/// The stack of the app, from which there may be a way back. Whoever looks for a revision asks this first: a stack that
/// is not ours has none, and that is not what is wrong with it.
///
/// # Errors
///
/// [`Error::NotDeployed`], [`Error::StackNotOurs`] and [`Error::Stuck`].
pub fn deployed<'a>(app: &str, observed: &'a Observed) -> Result<&'a Stack, Error> {
    let stack = observed.stack.as_ref().ok_or_else(|| Error::NotDeployed { stack: app.to_owned() })?;
    if !stack.is_ours() {
        return Err(Error::StackNotOurs { stack: stack.name.clone() });
    }
    match stack.state() {
        StackState::Healthy | StackState::Updatable => Ok(stack),
        _ => Err(stuck(stack)),
    }
}
