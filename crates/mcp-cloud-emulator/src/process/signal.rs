//! Signals to a child and everything it started, where the operating system has them.

use tokio::process::{Child, Command};

#[cfg(unix)]
mod imp {
    use rustix::process::{Pid, Signal, kill_process_group};

    use super::{Child, Command};

    /// Puts the child in a process group of its own, so that what it starts ends with it, and so that an interrupt
    /// typed at the terminal goes to the emulator alone, which then ends the child in order.
    pub(crate) fn own_group(command: &mut Command) {
        command.process_group(0);
    }

    pub(crate) fn stop_group(child: &Child) {
        send(child, Signal::STOP);
    }

    pub(crate) fn continue_group(child: &Child) {
        send(child, Signal::CONT);
    }

    pub(crate) fn terminate_group(child: &mut Child) {
        send(child, Signal::TERM);
    }

    pub(crate) fn kill_group(child: &Child) {
        send(child, Signal::KILL);
    }

    fn send(child: &Child, signal: Signal) {
        // `id` is `None` once the child has been waited for; until then the id cannot belong to another process.
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Fails only if the group is gone already.
            let _ = kill_process_group(pid, signal);
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use super::{Child, Command};

    pub(crate) fn own_group(_: &mut Command) {}

    pub(crate) fn stop_group(_: &Child) {}

    pub(crate) fn continue_group(_: &Child) {}

    pub(crate) fn terminate_group(child: &mut Child) {
        let _ = child.start_kill();
    }

    pub(crate) fn kill_group(_: &Child) {}
}

pub(super) use imp::{continue_group, kill_group, own_group, stop_group, terminate_group};
