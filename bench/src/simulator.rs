//! Plays the Runtime API to a program, one event after the other, and times it.
//!
//! Sockets block and each connection has its thread; a program works on one invocation at a time, so there is nothing to
//! wait for but its answer. The acknowledgement, the check of the first answer and the books are the same for every
//! program measured.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::answer::{self, WrongAnswer};
use crate::program::{Running, peak_memory, processor_time};
use crate::wire::{Request, Wire};
use crate::{Case, Error, Program};

const INVOCATION: &str = "/2018-06-01/runtime/invocation/";
const ACCEPTED: &[u8] =
    b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"status\":\"OK\"}\n";
const UNKNOWN: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
/// How often a program that says nothing is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How often a program is invoked, and how much patience it gets.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// Invocations before the clock counts.
    pub warm_up: usize,
    /// Invocations that are timed.
    pub timed: usize,
    /// How long all of it may take.
    pub limit: Duration,
    /// How long the program may take to end once asked to.
    pub grace: Duration,
}

impl Rounds {
    /// So many invocations, after so many to warm up.
    #[must_use]
    pub fn new(warm_up: usize, timed: usize) -> Self {
        Self { warm_up, timed, limit: Duration::from_secs(120), grace: Duration::from_secs(2) }
    }

    /// One invocation of a fresh process.
    #[must_use]
    pub fn cold() -> Self {
        Self::new(0, 1)
    }

    fn total(self) -> usize {
        self.warm_up + self.timed
    }
}

/// What one start of a program showed.
#[derive(Debug, Default, Clone)]
pub struct Samples {
    /// From the start of the process to its first request for an event.
    pub first_next: Duration,
    /// From the start of the process to the end of its first answer.
    pub first_answer: Duration,
    /// Of each timed invocation: from just before the event is written to the end of the answer.
    pub answers: Vec<Duration>,
    /// Of each timed invocation: from just before the event is written until the next event has been asked for, which
    /// is when Lambda calls the invocation done.
    pub cycles: Vec<Duration>,
    /// Of each timed invocation: from the first byte of the answer's body to the last.
    pub tails: Vec<Duration>,
    /// Processor time of the program over all timed invocations.
    pub processor_time: Duration,
    /// The most memory the program had resident, in KiB.
    pub peak_kib: u64,
    /// Connections it opened.
    pub connections: usize,
    /// Bytes of the event.
    pub event_bytes: usize,
    /// Bytes of the first answer.
    pub answer_bytes: usize,
}

/// Starts `program`, invokes it with `case` and ends it again.
///
/// Every answer is checked: the first in full, each later one by its bytes, and in full after the clock has stopped if
/// they differ.
///
/// # Errors
///
/// [`Error`] if the program does not start, ends early, answers wrongly, breaks the protocol or takes too long.
pub fn play(program: &Program, case: &Case, rounds: Rounds) -> Result<Samples, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::Socket)?;
    let address = listener.local_addr().map_err(Error::Socket)?;
    let stage = Stage::new(program, case, rounds);
    thread::scope(|scope| {
        scope.spawn(|| stage.accept(scope, &listener));
        let verdict = stage.perform(address);
        stage.close(address);
        verdict
    })
}

/// What the threads share.
struct Stage<'a> {
    program: &'a Program,
    case: &'a Case,
    rounds: Rounds,
    event: Vec<u8>,
    state: Mutex<State>,
    changed: Condvar,
    closed: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

#[derive(Default)]
struct State {
    started: Option<(Instant, Pid)>,
    given: usize,
    answered: usize,
    /// When the event that is being worked on was written.
    sent: Option<Instant>,
    first_answer: Vec<u8>,
    /// Answers unlike the first, to be checked in full later.
    others: Vec<Request>,
    processor_time_before: Duration,
    samples: Samples,
    verdict: Option<Result<(), Error>>,
}

impl<'a> Stage<'a> {
    fn new(program: &'a Program, case: &'a Case, rounds: Rounds) -> Self {
        let event = case.event();
        Self {
            program,
            case,
            rounds,
            event,
            state: Mutex::default(),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            connections: Mutex::default(),
        }
    }

    /// Starts the program, waits for the verdict and ends the program.
    fn perform(&self, address: SocketAddr) -> Result<Samples, Error> {
        let mut state = self.lock();
        // The lock is held meanwhile: a connection's thread needs to know the process, however quick that is.
        let spawned = Instant::now();
        let mut running = self.program.start_on_lambda(&address.to_string())?;
        state.started = Some((spawned, running.pid()));
        let verdict = self.wait(state, &mut running, spawned);
        running.end(self.rounds.grace);
        verdict?;
        let mut state = self.lock();
        for other in mem::take(&mut state.others) {
            answer::check(self.case, other.mode, &other.body).map_err(|source| self.wrong(source))?;
        }
        let mut samples = mem::take(&mut state.samples);
        samples.event_bytes = self.event.len();
        samples.answer_bytes = state.first_answer.len();
        samples.connections = self.open().len();
        Ok(samples)
    }

    fn wait(&self, mut state: MutexGuard<'_, State>, running: &mut Running, spawned: Instant) -> Result<(), Error> {
        loop {
            if let Some(verdict) = state.verdict.take() {
                return verdict;
            }
            let (program, wanted) = (self.program.name.clone(), self.rounds.total());
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(Error::EndedEarly { program, status, answered: state.answered, wanted });
            }
            if spawned.elapsed() > self.rounds.limit {
                let limit = self.rounds.limit;
                return Err(Error::TimedOut { program, limit, answered: state.answered, wanted });
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn accept<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.closed.load(Ordering::Acquire) {
                return;
            }
            scope.spawn(move || {
                let served = stream.and_then(|stream| self.serve(stream));
                if let Err(source) = served {
                    // After the verdict this is the program's end, in the middle of a request for the next event.
                    self.decide(Err(Error::Protocol { program: self.program.name.clone(), source }));
                }
            });
        }
    }

    /// Ends every thread, also those whose connection a process holds open that the program has left behind.
    fn close(&self, address: SocketAddr) {
        self.closed.store(true, Ordering::Release);
        // Wakes the thread that accepts; if that fails, the listener is already gone and so is the thread.
        let _ = TcpStream::connect(address);
        for connection in self.open().iter() {
            // Fails only if the other side has closed it, which is what is wanted.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        self.open().push(stream.try_clone()?);
        if self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut wire = Wire::new(stream)?;
        let mut event = Vec::with_capacity(self.event.len() + 1024);
        while let Some(request) = wire.receive()? {
            let path = request.target.split(' ').nth(1).unwrap_or_default();
            if path.strip_prefix(INVOCATION) == Some("next") {
                if self.next(request.last_byte, &mut event) {
                    self.lock().sent = Some(Instant::now());
                    wire.send(&event)?;
                }
            } else if path.ends_with("/error") {
                let (program, report) = (self.program.name.clone(), answer::shown(&request.body));
                self.decide(Err(Error::Reported { program, report }));
                wire.send(ACCEPTED)?;
            } else if let Some(id) = path.strip_prefix(INVOCATION).and_then(|rest| rest.strip_suffix("/response")) {
                let id = id.to_owned();
                self.answered(&id, request);
                wire.send(ACCEPTED)?;
            } else {
                wire.send(UNKNOWN)?;
            }
        }
        Ok(())
    }

    /// Books a request for the next event, and writes that event into `event`; `false` once all have been given.
    fn next(&self, asked: Instant, event: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        let Some((spawned, pid)) = state.started else { return false };
        if state.given == 0 {
            state.samples.first_next = asked - spawned;
        }
        if let Some(sent) = state.sent.take()
            && state.given > self.rounds.warm_up
        {
            state.samples.cycles.push(asked - sent);
        }
        if state.given == self.rounds.warm_up || state.given == self.rounds.total() {
            match processor_time(pid) {
                Ok(time) if state.given == self.rounds.warm_up => state.processor_time_before = time,
                Ok(time) => state.samples.processor_time = time.saturating_sub(state.processor_time_before),
                Err(error) => return self.settle(state, Err(error)),
            }
        }
        if state.given == self.rounds.total() {
            let peak = peak_memory(pid).map(|kib| state.samples.peak_kib = kib);
            return self.settle(state, peak);
        }
        state.given += 1;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: {}\r\n\
             lambda-runtime-deadline-ms: 4102444800000\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:123456789012:function:bench\r\n\
             lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
             content-length: {}\r\n\r\n",
            request_id(state.given),
            self.event.len()
        );
        event.clear();
        event.extend_from_slice(head.as_bytes());
        event.extend_from_slice(&self.event);
        true
    }

    /// Books an answer.
    fn answered(&self, id: &str, request: Request) {
        let mut state = self.lock();
        let (Some((spawned, _)), Some(sent)) = (state.started, state.sent) else { return };
        if id != request_id(state.given) {
            let source = io::Error::new(io::ErrorKind::InvalidData, "an answer to another invocation");
            self.settle(state, Err(Error::Protocol { program: self.program.name.clone(), source }));
            return;
        }
        if let Some(report) = request.failure {
            self.settle(state, Err(Error::Reported { program: self.program.name.clone(), report }));
            return;
        }
        if state.given > self.rounds.warm_up {
            state.samples.answers.push(request.last_byte - sent);
            state.samples.tails.push(request.last_byte - request.first_byte);
        }
        state.answered += 1;
        if state.answered == 1 {
            state.samples.first_answer = request.last_byte - spawned;
            if let Err(wrong) = answer::check(self.case, request.mode, &request.body) {
                let wrong = self.wrong(wrong);
                self.settle(state, Err(wrong));
                return;
            }
            state.first_answer = request.body;
        } else if state.first_answer != request.body {
            state.others.push(request);
        }
    }

    fn wrong(&self, source: WrongAnswer) -> Error {
        Error::Answer { program: self.program.name.clone(), case: self.case.to_string(), source }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, verdict: Result<(), Error>) {
        self.settle(self.lock(), verdict);
    }

    /// The first verdict stands. Returns `false`: nothing more is given.
    fn settle(&self, mut state: MutexGuard<'_, State>, verdict: Result<(), Error>) -> bool {
        if state.verdict.is_none() {
            state.verdict = Some(verdict);
        }
        self.changed.notify_all();
        false
    }
}

fn request_id(number: usize) -> String {
    format!("8476a536-e9f4-11e8-9739-{number:012x}")
}
