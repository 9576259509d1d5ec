//! Drives a service of ECS: creates and changes it, waits until it is what it is to be, and removes it.
//!
//! Bodies of calls are JSON as the emitters write it (ECS's own names), and what AWS answers is kept as it came.
//!
//! - [`state`](self): a service, its task definition and its tasks, as AWS has them.
//! - `rollout`: waits for a deployment, and holds its end against the truth.
//! - `reason`: what tasks stopped of, and what to do about it.
//! - `compare`: what differs between what is registered and what is wanted.
//! - `shift`: how requests move, where new tasks do not take the places of old ones.
//! - `scaling`: by itself, by load and by the clock.
//! - `operate`: tasks beside the service, sessions in it, rest and work.

mod compare;
mod error;
mod operate;
mod reason;
mod rollout;
mod scaling;
mod shift;
mod state;

pub use self::{
    compare::{as_it_is, as_template, as_update, changes, image},
    error::{Ending, Error, FailedRollout},
    operate::{ExecSession, LogStream, OneOff, Scaled, Switched, TaskRun},
    reason::{ContainerStop, StopKind, TaskStop},
    rollout::RolloutEvent,
    scaling::Scaling,
    shift::{moves_for, moves_requests},
    state::{Rollout, ServiceEvent, ServiceName, ServiceState, TargetHealth, Task, TaskDefinition},
};
pub use crate::aws::{RegistryLogin, Repository, StoredImage};

pub(crate) use self::{
    compare::{SERVICE, TASK_DEFINITION, resources},
    error::minutes,
    scaling::{is_now, plain},
    shift::{at_once, keep_sides, production_rule},
};
