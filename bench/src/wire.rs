//! The HTTP/1.1 a Lambda runtime speaks to the Runtime API: one request after the other on a connection, bodies with a
//! length or in chunks.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::case::ReplyMode;

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Request {
    /// Method and path, as on the request line.
    pub(crate) target: String,
    pub(crate) mode: ReplyMode,
    pub(crate) body: Vec<u8>,
    /// When the first byte after the head was there.
    pub(crate) first_byte: Instant,
    /// When the last byte was there.
    pub(crate) last_byte: Instant,
    /// The trailer with which a program ends a stream that failed.
    pub(crate) failure: Option<String>,
}

/// A connection, seen from the Runtime API.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
    scratch: Box<[u8]>,
    /// How much of `received` is used up.
    used: usize,
}

enum Body {
    Length(usize),
    Chunks,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new(), scratch: vec![0; 64 * 1024].into(), used: 0 })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next request; `None` when the other side has closed the connection.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Request>> {
        self.received.drain(..self.used);
        self.used = 0;
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.fill()? {
                return if self.received.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        };
        let (target, mode, length) = head(self.received.get(..end).unwrap_or_default())?;
        self.used = end + 4;
        if self.used == self.received.len() && !matches!(length, Body::Length(0)) {
            self.more()?;
        }
        let first_byte = Instant::now();
        let (body, failure) = match length {
            Body::Length(length) => (self.take(length)?, None),
            Body::Chunks => self.chunks()?,
        };
        Ok(Some(Request { target, mode, body, first_byte, last_byte: Instant::now(), failure }))
    }

    /// Reads what there is; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let read = self.stream.read(&mut self.scratch)?;
        self.received.extend_from_slice(self.scratch.get(..read).unwrap_or_default());
        Ok(read > 0)
    }

    fn more(&mut self) -> io::Result<()> {
        if self.fill()? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        loop {
            if let Some(bytes) = self.received.get(self.used..).and_then(|rest| rest.get(..length)) {
                let bytes = bytes.to_vec();
                self.used += length;
                return Ok(bytes);
            }
            self.more()?;
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            let rest = self.received.get(self.used..).unwrap_or_default();
            if let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
                self.used += end + 2;
                return Ok(line);
            }
            self.more()?;
        }
    }

    /// A body in chunks, and the trailer that says the function failed, if there is one.
    fn chunks(&mut self) -> io::Result<(Vec<u8>, Option<String>)> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).map_err(|_| invalid("a chunk without a length"))?;
            if length == 0 {
                break;
            }
            body.extend(self.take(length)?);
            if !self.line()?.is_empty() {
                return Err(invalid("a chunk longer than it says"));
            }
        }
        let mut failure = None;
        loop {
            let trailer = self.line()?;
            if trailer.is_empty() {
                return Ok((body, failure));
            }
            if trailer.to_ascii_lowercase().starts_with("lambda-runtime-function-error") {
                failure = Some(trailer);
            }
        }
    }
}

/// Method and path, how the reply comes, and how long the body is.
fn head(bytes: &[u8]) -> io::Result<(String, ReplyMode, Body)> {
    let head = str::from_utf8(bytes).map_err(|_| invalid("a head that is not text"))?;
    let mut lines = head.split("\r\n");
    let target = lines.next().and_then(|line| line.rsplit_once(' ')).map(|(target, _)| target.to_owned());
    let target = target.ok_or_else(|| invalid("a request line without a version"))?;
    let (mut mode, mut body) = (ReplyMode::Buffered, Body::Length(0));
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header without a colon"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body = Body::Length(value.parse().map_err(|_| invalid("a length that is no number"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            body = Body::Chunks;
        } else if name.eq_ignore_ascii_case("lambda-runtime-function-response-mode")
            && value.eq_ignore_ascii_case("streaming")
        {
            mode = ReplyMode::Streamed;
        }
    }
    Ok((target, mode, body))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
