//! What passes between two attempts.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

type Sleep = dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// How it is waited before a question is put again: by the clock of this machine, or by somebody else's, such as that of a
/// rehearsal, in which nobody waits.
#[derive(Clone)]
pub struct Waiting(Arc<Sleep>);

impl Waiting {
    /// Waits by calling this; the future is done when the time has passed.
    #[must_use]
    pub fn by<F>(sleep: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |duration| Box::pin(sleep(duration))))
    }

    pub(super) async fn pass(&self, duration: Duration) {
        (self.0)(duration).await;
    }
}

impl Default for Waiting {
    /// By the clock of this machine.
    fn default() -> Self {
        Self::by(tokio::time::sleep)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}
