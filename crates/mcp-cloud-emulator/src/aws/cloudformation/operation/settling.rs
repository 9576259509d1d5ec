//! What is made and changed at once, and waited for until it works.

use super::{Going, Operation, Task};
use crate::aws::{
    clock::Time,
    cloudformation::{
        containers,
        stack::{Resource, Stack},
    },
    state::State,
};

/// A resource that is there, and is waited for.
#[derive(Debug, Clone)]
pub(super) struct Settling {
    resource: Resource,
    /// What it was before, if it was anything.
    before: Option<Resource>,
    what: What,
    deployment: String,
    since: Time,
}

/// What was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Create,
    Update,
    Restore,
}

impl What {
    fn verb(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update | Self::Restore => "UPDATE",
        }
    }
}

impl Operation {
    /// Puts a resource in its place: complete, or waited for where it takes its time.
    pub(super) fn settle(
        &mut self,
        resource: Resource,
        before: Option<Resource>,
        what: What,
        state: &mut State,
        stack: &mut Stack,
    ) {
        let verb = what.verb();
        match containers::deployment(state, &resource) {
            None => stack.put(state, resource, &format!("{verb}_COMPLETE"), None, self.token()),
            Some(deployment) => {
                stack.resources.insert(resource.logical_id.clone(), resource.clone());
                let since = state.clock;
                self.going.push(Going::Settle(Box::new(Settling { resource, before, what, deployment, since })));
            }
        }
    }

    pub(super) fn finish_settling(&mut self, settling: Box<Settling>, state: &mut State, stack: &mut Stack) {
        let arn = &settling.resource.physical_id;
        let Some(settled) = containers::settled(state, arn, &settling.deployment, settling.since) else {
            return self.going.push(Going::Settle(settling));
        };
        let Settling { resource, before, what, .. } = *settling;
        match settled {
            Ok(()) => stack.put(state, resource, &format!("{}_COMPLETE", what.verb()), None, self.token()),
            Err(reason) => {
                self.failed.push(resource.logical_id.clone());
                let left = before.clone().unwrap_or(resource);
                stack.put(state, left, &format!("{}_FAILED", what.verb()), Some(&reason), self.token());
                if let (What::Restore, Some(before)) = (what, before) {
                    self.waves.push_front(vec![Task::Restore(before)]);
                }
            }
        }
    }
}
