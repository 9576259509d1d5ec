//! Says how far a transfer is.

use crate::Digest;

/// What happens to one piece of content. Several are on their way at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It is where it should be already.
    Present {
        /// Which content.
        digest: Digest,
        /// Its bytes.
        size: u64,
    },
    /// Its transfer begins, possibly again from the start.
    Started {
        /// Which content.
        digest: Digest,
        /// Its bytes.
        size: u64,
    },
    /// More of it is on its way.
    Moved {
        /// Which content.
        digest: Digest,
        /// How many bytes more.
        bytes: u64,
    },
    /// All of it has arrived.
    Finished {
        /// Which content.
        digest: Digest,
    },
}

/// Hears how far a transfer is.
pub trait Progress: Send {
    /// Takes note. Called on the task that waits for the transfer, so it should be quick.
    fn event(&mut self, event: Event);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&mut self, _: Event) {}
}
