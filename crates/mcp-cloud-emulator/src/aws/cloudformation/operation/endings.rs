//! In which order things are removed.

use std::collections::VecDeque;

use super::Task;
use crate::aws::cloudformation::{
    stack::Resource,
    template::{Definition, Ending},
};

/// Groups in the opposite order of the one in which things are made.
pub(super) fn deletions(
    resources: Vec<Resource>,
    definition: &Definition,
    ending: impl Fn(&Resource) -> Ending,
) -> VecDeque<Vec<Task>> {
    let mut left = resources;
    let mut waves = VecDeque::new();
    for wave in definition.waves() {
        let (of_wave, others) = left.into_iter().partition::<Vec<_>, _>(|of| wave.contains(&of.logical_id));
        left = others;
        waves.push_front(
            of_wave
                .into_iter()
                .map(|of| {
                    let ending = ending(&of);
                    Task::Delete(of, ending)
                })
                .collect(),
        );
    }
    waves.push_front(
        left.into_iter()
            .map(|of| {
                let ending = ending(&of);
                Task::Delete(of, ending)
            })
            .collect(),
    );
    waves
}
