//! The Lambda Runtime API over one connection (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
//!
//! The connection is blocking. Lambda freezes the process from the moment it asks for the next invocation until there
//! is one, so nothing else could run meanwhile; and an invocation costs two system calls less than through an event
//! loop. `TCP_NODELAY` is on: without it, the second piece of a streamed reply waits for the acknowledgement of the
//! first, which the other side delays by 40 ms.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use super::LambdaContext;

/// How much is read at once; a response head that is larger is not one. Most events fit beside their head.
const INBOX: usize = 16 * 1024;
/// Bodies up to this size are sent together with their head.
const COALESCE: usize = 64 * 1024;

/// A client of the Runtime API.
pub(super) struct RuntimeApi {
    address: String,
    stream: Option<TcpStream>,
    inbox: Inbox,
    outbox: Vec<u8>,
    /// What the Runtime API called the invocation, where it wants to hear it back with the reply.
    invocation_id: Option<Box<str>>,
}

/// What has been read and not yet used. The buffer is made once: clearing one for every read costs more than reading.
struct Inbox {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// One invocation.
pub(super) struct Invocation {
    /// The request id again, for the reply: the context goes to the handler.
    pub(super) id: Box<str>,
    pub(super) context: LambdaContext,
    pub(super) deadline: Option<Instant>,
    pub(super) event: Bytes,
}

/// The head of a response.
struct Head {
    status: u16,
    length: Length,
    close: bool,
    context: LambdaContext,
    deadline: Option<Instant>,
    invocation_id: Option<Box<str>>,
}

enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

impl RuntimeApi {
    /// # Errors
    ///
    /// When the address cannot be connected to.
    pub(super) fn connect(address: String) -> io::Result<Self> {
        let mut api = Self { address, stream: None, inbox: Inbox::new(), outbox: Vec::new(), invocation_id: None };
        api.stream()?;
        Ok(api)
    }

    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_nodelay(true)?;
            self.inbox.clear();
            self.stream = Some(stream);
        }
        self.stream.as_mut().ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Waits for the next invocation, as long as it takes.
    ///
    /// # Errors
    ///
    /// When the connection fails or the Runtime API answers with something else.
    pub(super) fn next(&mut self) -> io::Result<Invocation> {
        self.outbox.clear();
        self.outbox.extend_from_slice(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n");
        self.end_head();
        // A connection that was closed while it was idle is opened anew, once.
        let head = match self.send(None).and_then(|()| self.head()) {
            Err(error) if is_stale(&error) => {
                self.stream = None;
                self.send(None)?;
                self.head()?
            }
            head => head?,
        };
        let event = self.body(&head)?;
        if head.status != 200 || head.context.request_id.is_empty() {
            return Err(io::Error::other(format!("it answered {} to /next", head.status)));
        }
        let Head { context, deadline, invocation_id, .. } = head;
        self.invocation_id = invocation_id;
        Ok(Invocation { id: context.request_id.clone(), context, deadline, event })
    }

    /// Sends a whole reply.
    ///
    /// # Errors
    ///
    /// When the connection fails. A reply that the Runtime API does not take is not an error of the loop: the
    /// invocation has failed, and the next one can succeed.
    pub(super) fn respond(&mut self, id: &str, body: &[u8]) -> io::Result<()> {
        self.begin_response(id);
        write!(self.outbox, "content-type: application/json\r\ncontent-length: {}\r\n", body.len())?;
        self.end_head();
        if body.len() <= COALESCE {
            self.outbox.extend_from_slice(body);
            self.send(None)?;
        } else {
            self.send(Some(body))?;
        }
        self.acknowledged()
    }

    /// Begins a streamed reply. Nothing is sent before the first [`Reply::flush`].
    pub(super) fn reply(&mut self, id: &str) -> Reply<'_> {
        self.begin_response(id);
        self.outbox.extend_from_slice(
            b"content-type: application/vnd.awslambda.http-integration-response\r\n\
              lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\n",
        );
        self.end_head();
        Reply { api: self }
    }

    fn begin_response(&mut self, id: &str) {
        self.outbox.clear();
        for piece in ["POST /2018-06-01/runtime/invocation/", id, "/response HTTP/1.1\r\n"] {
            self.outbox.extend_from_slice(piece.as_bytes());
        }
        if let Some(id) = &self.invocation_id {
            for piece in ["lambda-runtime-invocation-id: ", id, "\r\n"] {
                self.outbox.extend_from_slice(piece.as_bytes());
            }
        }
    }

    fn end_head(&mut self) {
        for piece in ["host: ", &self.address, "\r\n", USER_AGENT, "\r\n"] {
            self.outbox.extend_from_slice(piece.as_bytes());
        }
    }

    fn send(&mut self, body: Option<&[u8]>) -> io::Result<()> {
        let outbox = std::mem::take(&mut self.outbox);
        let sent = self.stream().and_then(|stream| {
            stream.write_all(&outbox)?;
            body.map_or(Ok(()), |body| stream.write_all(body))
        });
        self.outbox = outbox;
        sent
    }

    /// Reads the answer to a reply. What it says is for Lambda's own log; the loop goes on.
    fn acknowledged(&mut self) -> io::Result<()> {
        let head = self.head()?;
        self.body(&head)?;
        if !(200..300).contains(&head.status) {
            tracing::error!(status = head.status, "the Lambda Runtime API did not take the reply");
        }
        Ok(())
    }

    fn fill(&mut self) -> io::Result<()> {
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.inbox.fill(stream)
    }

    fn head(&mut self) -> io::Result<Head> {
        if self.inbox.unread().is_empty() {
            self.fill()?;
        }
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 48];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(self.inbox.unread()).map_err(io::Error::other)? {
                httparse::Status::Complete(length) => {
                    let head = Head::read(&response);
                    self.inbox.used(length);
                    return Ok(head);
                }
                httparse::Status::Partial => self.fill()?,
            }
        }
    }

    fn body(&mut self, head: &Head) -> io::Result<Bytes> {
        let mut body = Vec::new();
        match head.length {
            Length::Known(length) => self.take(length, &mut body)?,
            Length::Chunked => self.chunks(&mut body)?,
            Length::UntilClose => loop {
                body.extend_from_slice(self.inbox.unread());
                self.inbox.clear();
                match self.fill() {
                    Err(error) if is_stale(&error) => break,
                    filled => filled?,
                }
            },
        }
        if head.close || matches!(head.length, Length::UntilClose) {
            self.stream = None;
        }
        Ok(body.into())
    }

    /// Appends the next `length` bytes to `body`.
    fn take(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
        let unread = self.inbox.unread();
        let here = unread.get(..length).unwrap_or(unread);
        body.reserve_exact(length);
        body.extend_from_slice(here);
        let found = here.len();
        let missing = length - found;
        self.inbox.used(found);
        if missing == 0 {
            return Ok(());
        }
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        let read = stream.take(missing as u64).read_to_end(body)?;
        if read < missing { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let bad = |_| io::Error::other("it sent a chunk without a size");
            let (start, size) = loop {
                match httparse::parse_chunk_size(self.inbox.unread()).map_err(bad)? {
                    httparse::Status::Complete(found) => break found,
                    httparse::Status::Partial => self.fill()?,
                }
            };
            self.inbox.used(start);
            self.take(usize::try_from(size).map_err(io::Error::other)?, body)?;
            // The line end after a chunk; after the last one trailers could come, which the Runtime API never sends.
            self.take(2, &mut Vec::new())?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

impl Inbox {
    fn new() -> Self {
        Self { buffer: vec![0; INBOX].into(), start: 0, end: 0 }
    }

    fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn used(&mut self, length: usize) {
        self.start = self.end.min(self.start + length);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Reads what there is, at least one byte.
    fn fill(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let free = self.buffer.get_mut(self.end..).filter(|free| !free.is_empty());
        let free = free.ok_or_else(|| io::Error::other("it sent a head that does not end"))?;
        loop {
            match stream.read(free) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.end += read;
                    return Ok(());
                }
                // A signal, or the thaw after a freeze.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

const USER_AGENT: &str = concat!("user-agent: mcp-cloud/", env!("CARGO_PKG_VERSION"), "\r\n");

/// A streamed reply on its way.
pub(super) struct Reply<'a> {
    api: &'a mut RuntimeApi,
}

impl Reply<'_> {
    /// Adds a piece to what the next flush sends. An empty piece is left out: it would end the reply.
    pub(super) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        write!(self.api.outbox, "{:x}\r\n", piece.len())?;
        self.api.outbox.extend_from_slice(piece);
        self.api.outbox.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Sends what was added.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.api.send(None)?;
        self.api.outbox.clear();
        Ok(())
    }

    /// Ends the reply, and waits until it has been taken.
    pub(super) fn finish(self) -> io::Result<()> {
        self.api.outbox.extend_from_slice(b"0\r\n\r\n");
        self.api.send(None)?;
        self.api.acknowledged()
    }
}

impl Head {
    fn read(response: &httparse::Response<'_, '_>) -> Self {
        let mut head = Self {
            status: response.code.unwrap_or_default(),
            length: Length::UntilClose,
            close: response.version == Some(0),
            context: LambdaContext { request_id: Box::default(), invoked_function_arn: Box::default(), trace_id: None },
            deadline: None,
            invocation_id: None,
        };
        for header in response.headers.iter() {
            let value = || std::str::from_utf8(header.value).unwrap_or_default();
            // The length tells almost every name apart before a letter is compared.
            match header.name.len() {
                10 if is(header, "connection") => head.close = value().eq_ignore_ascii_case("close"),
                14 if is(header, "content-length") => {
                    head.length = value().parse().map_or(Length::UntilClose, Length::Known);
                }
                17 if is(header, "transfer-encoding") => head.length = Length::Chunked,
                23 if is(header, "lambda-runtime-trace-id") => head.context.trace_id = Some(value().into()),
                26 if is(header, "lambda-runtime-deadline-ms") => {
                    head.deadline = value().parse().ok().and_then(instant);
                }
                28 if is(header, "lambda-runtime-invocation-id") => head.invocation_id = Some(value().into()),
                29 if is(header, "lambda-runtime-aws-request-id") => head.context.request_id = value().into(),
                35 if is(header, "lambda-runtime-invoked-function-arn") => {
                    head.context.invoked_function_arn = value().into();
                }
                _ => {}
            }
        }
        if matches!(head.status, 100..200 | 204 | 304) {
            head.length = Length::Known(0);
        }
        head
    }
}

fn is(header: &httparse::Header<'_>, name: &str) -> bool {
    header.name.eq_ignore_ascii_case(name)
}

/// The moment a count of milliseconds since 1970 stands for, on the clock that timers use.
pub(super) fn instant(epoch_ms: u64) -> Option<Instant> {
    let deadline = UNIX_EPOCH.checked_add(Duration::from_millis(epoch_ms))?;
    match deadline.duration_since(SystemTime::now()) {
        Ok(left) => Instant::now().checked_add(left),
        Err(_) => Some(Instant::now()),
    }
}

fn is_stale(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_reply_names_the_invocation_as_the_runtime_api_did() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let other_side = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heads = Vec::new();
            for answer in [
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: r\r\nLambda-Runtime-Invocation-Id: i-1\r\n\
                 content-length: 2\r\n\r\n{}",
                "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
            ] {
                let mut head = [0; 1024];
                let read = stream.read(&mut head).unwrap();
                heads.push(String::from_utf8_lossy(&head[..read]).into_owned());
                stream.write_all(answer.as_bytes()).unwrap();
            }
            heads
        });
        let mut api = RuntimeApi::connect(address).unwrap();
        let invocation = api.next().unwrap();
        api.respond(&invocation.id, b"{}").unwrap();
        let heads = other_side.join().unwrap();
        assert!(
            heads[1].contains("/invocation/r/response") && heads[1].contains("lambda-runtime-invocation-id: i-1\r\n")
        );
    }
}
