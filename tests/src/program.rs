//! A program that a test starts, reads line by line and stops.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

/// A program in a process group of its own. Dropping it kills it, its group and everything that descends from it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdout: Lines,
    stderr: Lines,
    /// Whether it and everything that held its output has ended; their ids may be others' by now.
    ended: bool,
    /// What a failure is reported as.
    name: String,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All it wrote to standard output.
    pub stdout: String,
    /// All it wrote to standard error.
    pub stderr: String,
}

impl Program {
    /// Starts the program without standard input.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let stdout = Lines::read(child.stdout.take().expect("standard output is a pipe"));
        let stderr = Lines::read(child.stderr.take().expect("standard error is a pipe"));
        Self { child, stdout, stderr, ended: false, name }
    }

    /// Its process id, which is also its process group's.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the program alone, as `kill` does.
    pub fn signal(&self, signal: Signal) {
        if let Some(id) = process_id(self.id()) {
            let _ = kill_process(id, signal);
        }
    }

    /// Sends a signal to the program's whole group, as a terminal does on Ctrl-C.
    pub fn signal_group(&self, signal: Signal) {
        if let Some(id) = process_id(self.id()) {
            let _ = kill_process_group(id, signal);
        }
    }

    /// The first line on standard output, earlier ones included, that `wanted` accepts.
    ///
    /// # Panics
    ///
    /// If the program ends or `limit` passes before there is one; all the program wrote is in the message.
    #[must_use]
    pub fn stdout_line(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> String {
        self.line(&self.stdout, limit, wanted)
    }

    /// The first line on standard error, earlier ones included, that `wanted` accepts.
    ///
    /// # Panics
    ///
    /// If the program ends or `limit` passes before there is one; all the program wrote is in the message.
    #[must_use]
    pub fn stderr_line(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> String {
        self.line(&self.stderr, limit, wanted)
    }

    /// The lines on standard output so far.
    #[must_use]
    pub fn stdout_so_far(&self) -> Vec<String> {
        self.stdout.so_far()
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Waits until the program has ended and everything that held its output has closed it.
    ///
    /// # Panics
    ///
    /// If that takes longer than `limit`; all the program wrote is in the message.
    #[must_use]
    pub fn finish(mut self, limit: Duration) -> Finished {
        let deadline = Instant::now() + limit;
        let status = self.wait(deadline);
        let code = status.unwrap_or_else(|| self.fail("did not end in time")).code();
        if !(self.stdout.wait_for_end(deadline) && self.stderr.wait_for_end(deadline)) {
            self.fail("ended, and something it started did not");
        }
        self.ended = true;
        Finished { code, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    fn wait(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }

    fn line(&self, lines: &Lines, limit: Duration, wanted: impl Fn(&str) -> bool) -> String {
        lines.find(Instant::now() + limit, wanted).unwrap_or_else(|| self.fail("did not write the line waited for"))
    }

    fn fail(&self, what: &str) -> ! {
        panic!(
            "{} {what}\n--- standard output\n{}\n--- standard error\n{}",
            self.name,
            self.stdout.text(),
            self.stderr.text()
        )
    }
}

impl Drop for Program {
    #[expect(clippy::print_stderr, reason = "the test harness shows it with the failure")]
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if thread::panicking() {
            let status = self.child.try_wait();
            eprintln!("{} ({status:?})\n--- standard error so far\n{}", self.name, self.stderr.text());
        }
        let started = descendants(self.id());
        self.signal_group(Signal::KILL);
        for id in started.into_iter().filter_map(process_id) {
            let _ = kill_process(id, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// The ids of all processes that `ancestor` started, and those started, and so on. Nothing where there is no `/proc`.
#[must_use]
pub fn descendants(ancestor: u32) -> Vec<u32> {
    let processes: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, parent_and_state(id)?.0)))
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(processes.iter().filter(|(_, its_parent)| *its_parent == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

/// Whether the process exists and has not ended; one that ended and was not waited for has ended.
#[must_use]
pub fn is_running(id: u32) -> bool {
    parent_and_state(id).is_some_and(|(_, state)| state != 'Z')
}

/// The fourth and the third field of `/proc/<id>/stat` (proc(5)); the second may hold anything, up to the last `)`.
fn parent_and_state(id: u32) -> Option<(u32, char)> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = line.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

fn process_id(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// The lines of a pipe, read as they come.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<(Mutex<Seen>, Condvar)>);

#[derive(Debug, Default)]
struct Seen {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn read(pipe: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let writer = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                writer.change(|seen| seen.lines.push(String::from_utf8_lossy(&line).into_owned()));
            }
            writer.change(|seen| seen.ended = true);
        });
        lines
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    /// Waits until `look` finds something, or there is nothing more to wait for.
    fn wait<T>(&self, deadline: Instant, look: impl Fn(&Seen) -> Option<T>) -> Option<T> {
        let mut seen = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match look(&seen) {
                Some(found) => return Some(found),
                None if seen.ended || left.is_zero() => return None,
                None => seen = self.0.1.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0,
            }
        }
    }

    fn find(&self, deadline: Instant, wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.wait(deadline, |seen| seen.lines.iter().find(|line| wanted(line)).cloned())
    }

    fn wait_for_end(&self, deadline: Instant) -> bool {
        self.wait(deadline, |seen| seen.ended.then_some(())).is_some()
    }

    fn so_far(&self) -> Vec<String> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    fn text(&self) -> String {
        let lines = self.so_far();
        lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}
