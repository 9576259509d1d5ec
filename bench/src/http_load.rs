//! A closed loop of HTTP requests: as many connections as asked for, each with one request on its way at any time.
//!
//! One thread drives all of them, on a processor of its own where there is one. Every answer is checked: the first in
//! full, each later one by its bytes, and in full where they differ.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mcp_cloud_contract::{DEFAULT_PATH, SESSIONS_NONE, env, platform_env};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::answer::{WrongAnswer, shown};
use crate::processors::Processors;
use crate::program::{Running, peak_memory, processor_time};
use crate::{Case, Error, Program};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much is read at once.
const PIECE: usize = 16 * 1024;

/// How long the load lasts, and over how many connections.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Connections, each with one request on its way.
    pub connections: usize,
    /// How long before answers count.
    pub warm_up: Duration,
    /// How long answers are counted.
    pub timed: Duration,
}

/// What a server showed under a [`Load`].
#[derive(Debug, Clone, Copy)]
pub struct Loaded {
    /// Answers a second.
    pub rate: f64,
    /// Microseconds of the server's processor time for each answer. Where this times the rate is well under a second,
    /// the load could not ask faster, or somebody else was at work.
    pub processor: f64,
    /// The most memory the server had resident, in KiB.
    pub peak_kib: u64,
}

/// The port a server shall listen on, by `PORT`.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] if the variable holds no port.
pub fn port() -> io::Result<u16> {
    let value = std::env::var(platform_env::PORT).map_err(io::Error::other)?;
    value.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// Starts `program` as a server on the processor that `processors` has for it, loads it with `case` from the other one,
/// and ends it again.
///
/// # Errors
///
/// [`Error`] if the program does not start or listen, ends early, answers wrongly or breaks a connection.
pub fn load(program: &Program, case: &Case, asked: Load, processors: Processors) -> Result<Loaded, Error> {
    let address = free_address().map_err(Error::Socket)?;
    let mut running = processors.start(|| {
        program.start(&[
            (platform_env::PORT, address.port().to_string()),
            (env::ALLOW_UNAUTHENTICATED, "0".to_owned()),
            (env::SESSIONS, SESSIONS_NONE.to_owned()),
        ])
    })?;
    wait_until_it_listens(program, &mut running, address)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Socket)?;
    let limit = asked.warm_up + asked.timed + PATIENCE;
    let loaded = runtime.block_on(async { timeout(limit, drive(program, case, asked, address, running.pid())).await });
    running.end(Duration::from_secs(2));
    let slow = |elapsed: Elapsed| Error::Load { program: program.name.clone(), source: elapsed.into() };
    loaded.map_err(slow)?
}

/// Asks over all connections, and sums up.
async fn drive(program: &Program, case: &Case, asked: Load, address: SocketAddr, pid: Pid) -> Result<Loaded, Error> {
    let caller = Arc::new(Caller::new(program, case, address).await?);
    let before = processor_time(pid)?;
    let start = Instant::now() + asked.warm_up;
    let end = start + asked.timed;
    let mut connections = JoinSet::new();
    for _ in 0..asked.connections {
        let caller = Arc::clone(&caller);
        connections.spawn(async move { caller.ask_until(start, end).await });
    }
    let (mut answers, mut in_time) = (0, 0);
    while let Some(counted) = connections.join_next().await {
        let counted = counted.map_err(|error| caller.broken(error.into()))??;
        answers += counted.answers;
        in_time += counted.in_time;
    }
    let used = processor_time(pid)?.saturating_sub(before);
    Ok(Loaded {
        rate: in_time as f64 / asked.timed.as_secs_f64(),
        processor: used.as_secs_f64() * 1e6 / answers.max(1) as f64,
        peak_kib: peak_memory(pid)?,
    })
}

/// Answers over one connection.
#[derive(Default)]
struct Counted {
    /// All of them.
    answers: usize,
    /// Those that came while the clock counted.
    in_time: usize,
}

/// An address that nobody listens on. Somebody could take it before the server does, which the server would say.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn wait_until_it_listens(program: &Program, running: &mut Running, address: SocketAddr) -> Result<(), Error> {
    let started = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        let (program, answered, wanted) = (program.name.clone(), 0, 1);
        if let Ok(Some(status)) = running.child.try_wait() {
            return Err(Error::EndedEarly { program, status, answered, wanted });
        }
        if started.elapsed() > PATIENCE {
            return Err(Error::TimedOut { program, limit: PATIENCE, answered, wanted });
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// What every connection says, and what it must hear.
struct Caller {
    program: String,
    case: Case,
    address: SocketAddr,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Caller {
    /// Asks once, and remembers the answer.
    async fn new(program: &Program, case: &Case, address: SocketAddr) -> Result<Self, Error> {
        let (program, request) = (program.name.clone(), request(case, address));
        let mut caller = Self { program, case: *case, address, request, answer: Vec::new() };
        let mut connection = Connection::open(address).await.map_err(|source| caller.broken(source))?;
        let answer = connection.ask(&caller.request).await.map_err(|source| caller.broken(source))?.to_vec();
        caller.check(&answer)?;
        caller.answer = answer;
        Ok(caller)
    }

    /// Asks over one connection until `end`, and counts the answers, those that came since `start` on their own.
    async fn ask_until(&self, start: Instant, end: Instant) -> Result<Counted, Error> {
        let mut connection = Connection::open(self.address).await.map_err(|source| self.broken(source))?;
        let mut counted = Counted::default();
        loop {
            let answer = connection.ask(&self.request).await.map_err(|source| self.broken(source))?;
            if answer != self.answer {
                self.check(answer)?;
            }
            counted.answers += 1;
            let now = Instant::now();
            if now >= end {
                return Ok(counted);
            }
            counted.in_time += usize::from(now >= start);
        }
    }

    fn check(&self, answer: &[u8]) -> Result<(), Error> {
        let wrong = |source| Error::Answer { program: self.program.clone(), case: self.case.to_string(), source };
        let response = serde_json::from_slice(answer)
            .map_err(|source| wrong(WrongAnswer::Json { what: "the body", shown: shown(answer), source }))?;
        self.case.check(&response).map_err(wrong)
    }

    fn broken(&self, source: io::Error) -> Error {
        Error::Load { program: self.program.clone(), source }
    }
}

/// `case` as an MCP client sends it.
fn request(case: &Case, address: SocketAddr) -> Vec<u8> {
    let message = case.message();
    let mut request = format!("POST {DEFAULT_PATH} HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in case.headers(message.len()) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(&message);
    request.into_bytes()
}

/// A connection that is kept, and what was last read from it.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(PIECE) })
    }

    /// Sends `request`, reads the answer whole and returns its body.
    async fn ask(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.received.clear();
        loop {
            self.received.reserve(PIECE);
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((head, length)) = head(&self.received)? else { continue };
            match self.received.len().cmp(&(head + length)) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Ok(self.received.get(head..).unwrap_or_default()),
                std::cmp::Ordering::Greater => return Err(invalid("more than an answer")),
            }
        }
    }
}

/// Lengths of an answer's head and body; `None` as long as the head is not whole.
fn head(received: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(received).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(head) = parsed else { return Ok(None) };
    if response.code != Some(200) {
        return Err(invalid("a status that is not 200"));
    }
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| str::from_utf8(header.value).ok()?.parse().ok());
    length.map(|length| Some((head, length))).ok_or_else(|| invalid("an answer without a length"))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lengths_of_head_and_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(head(answer).unwrap(), Some((answer.len() - 2, 2)));
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-").unwrap(), None);
    }

    #[test]
    fn refuses_another_status_and_a_body_without_a_length() {
        head(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap_err();
        head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap_err();
        head(b"\0\0").unwrap_err();
    }
}
