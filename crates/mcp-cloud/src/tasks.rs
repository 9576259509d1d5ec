//! Tasks that nobody waits for.

use std::{future::Future, pin::Pin};

/// A task of any kind. tokio's part of one is made anew for each type of future, and a box costs less where tasks are few.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts a task on the runtime that the caller is on.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let task: Task = Box::pin(task);
    tokio::spawn(task);
}
