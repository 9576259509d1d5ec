//! Who hears what happens while a plan is executed.

use std::{future::Future, pin::Pin};

use super::StepOutcome;
use crate::{logs::LogEvent, mcp::Question, plan::Step, watch::ResourceEvent};

/// Hears what happens while a plan is executed, and decides where the plan alone does not.
pub trait Reporter: Send + Sync {
    /// Says that a step begins: its number, from 1, and how many there are.
    fn begin(&self, number: usize, of: usize, step: &Step);

    /// Says that a resource of the stack changed its state.
    fn resource(&self, event: &ResourceEvent);

    /// Says what the server answered.
    fn question(&self, question: &Question);

    /// Says what the server logged, where its log is about to be removed.
    fn log(&self, event: &LogEvent);

    /// Says something that is going on within a step, or before the first.
    fn note(&self, text: &str);

    /// Says that the step has ended; without an outcome, that it failed, and the error says why.
    fn end(&self, outcome: Option<&StepOutcome>);

    /// Decides whether to go on although CloudFormation would do what the plan did not say.
    fn agree<'a>(&'a self, beyond: &'a [String]) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
}

/// Hears nothing, and agrees to nothing beyond the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Reporter for Quiet {
    fn begin(&self, _: usize, _: usize, _: &Step) {}
    fn resource(&self, _: &ResourceEvent) {}
    fn question(&self, _: &Question) {}
    fn log(&self, _: &LogEvent) {}
    fn note(&self, _: &str) {}
    fn end(&self, _: Option<&StepOutcome>) {}
    fn agree<'a>(&'a self, _: &'a [String]) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(std::future::ready(false))
    }
}
