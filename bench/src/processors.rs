//! Which processors the measuring process and the programs it starts may run on.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Error;
use crate::program::Running;

/// One processor for who asks, and one for the servers that answer over many connections.
///
/// The Runtime API and a program take turns, so they share a processor and lose nothing by it; on two processors each
/// turn would wake an idle one, which in a virtual machine takes longer than everything that is to be measured. So does
/// a client with one connection. Many connections keep both sides busy, and then each needs a processor of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processors {
    asks: usize,
    answers: usize,
}

impl Processors {
    /// Chooses among those that this process may use: the last to ask, the first to answer.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the system does not say which those are.
    pub fn choose() -> Result<Self, Error> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).map_err(refused)?;
        let mut allowed = (0..CpuSet::count()).filter(|&processor| allowed.is_set(processor) == Ok(true));
        let answers = allowed.next().unwrap_or(0);
        Ok(Self { asks: allowed.next_back().unwrap_or(answers), answers })
    }

    /// The same processor for both: the one that asks.
    #[must_use]
    pub fn shared(self) -> Self {
        Self { answers: self.asks, ..self }
    }

    /// Whether both sides share one.
    #[must_use]
    pub fn are_shared(self) -> bool {
        self.asks == self.answers
    }

    /// Pins this thread, and every thread and program it starts from now on, to the processor that asks. Returns the
    /// processor's number.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the system refuses.
    pub fn pin(self) -> Result<usize, Error> {
        pin_to(self.asks)?;
        Ok(self.asks)
    }

    /// Runs `start` on the processor that answers, so that what it starts is there from its first instruction: tokio
    /// counts the processors it may use when it starts.
    pub(crate) fn start(self, start: impl FnOnce() -> Result<Running, Error>) -> Result<Running, Error> {
        pin_to(self.answers)?;
        let running = start();
        pin_to(self.asks)?;
        running
    }
}

fn pin_to(processor: usize) -> Result<(), Error> {
    let mut one = CpuSet::new();
    one.set(processor).and_then(|()| sched_setaffinity(Pid::from_raw(0), &one)).map_err(refused)
}

fn refused(source: nix::Error) -> Error {
    Error::System { attempt: "pin to one processor", source: source.into() }
}
