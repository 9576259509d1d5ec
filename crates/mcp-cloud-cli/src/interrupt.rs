//! The wish of whoever started the command that it end: Ctrl-C, a `kill`, a terminal that closes.

use std::{
    io,
    sync::atomic::{AtomicU8, Ordering},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// The exit code that the last signal means. Signals come to the process, not to whoever listens.
static EXIT_CODE: AtomicU8 = AtomicU8::new(Failure::INTERRUPTED);

/// The exit code of a command that was asked to end, by the signal that asked.
pub(crate) fn exit_code() -> u8 {
    EXIT_CODE.load(Ordering::Relaxed)
}

/// Listens for the signals that ask a process to end. From its creation on they no longer end the process by
/// themselves, so what was started can be stopped first.
#[derive(Debug)]
pub(crate) struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Interrupt {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Nothing is lost when the wait is given up and taken up again.
    pub(crate) async fn wait(&mut self) {
        let exit_code = tokio::select! {
            _ = self.interrupt.recv() => Failure::INTERRUPTED,
            _ = self.terminate.recv() => Failure::TERMINATED,
            _ = self.hangup.recv() => Failure::HUNG_UP,
        };
        EXIT_CODE.store(exit_code, Ordering::Relaxed);
    }
}
