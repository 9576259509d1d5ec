//! The Lambda Runtime API over one connection (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
//!
//! The connection is blocking. Lambda freezes the process from the moment it asks for the next invocation until there
//! is one, so nothing else could run meanwhile; and an invocation costs two system calls less than through an event
//! loop. `TCP_NODELAY` is on: without it, the second piece of a streamed reply waits for the acknowledgement of the
//! first, which the other side delays by 40 ms.

use std::{
    io::{self, ErrorKind, IoSlice, Write},
    net::TcpStream,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};

use super::{
    LambdaContext,
    inbox::{Head, Inbox, is_closed},
};
use crate::{
    byte_str::ByteStr,
    json::{Run, Span},
};

/// Most events fit into it together with their head.
const EVENT: usize = 16 * 1024;
/// So does what the Runtime API says to a reply.
const ACKNOWLEDGEMENT: usize = 1024;
/// Pieces up to this size are sent together with what stands before them.
const COALESCE: usize = 64 * 1024;

/// A client of the Runtime API.
pub(super) struct RuntimeApi {
    address: String,
    stream: Option<TcpStream>,
    events: Inbox,
    acknowledgements: Inbox,
    /// What asks for the next invocation, whole.
    question: Vec<u8>,
    outbox: Vec<u8>,
    invocation: Ids,
}

/// How the invocation is called that is being answered.
#[derive(Default)]
struct Ids {
    request_id: Vec<u8>,
    /// What the Runtime API wants to hear back with the reply, where it said so.
    invocation_id: Option<Vec<u8>>,
}

/// One invocation.
pub(super) struct Invocation {
    /// Where the event stands, and what the context refers to. [`RuntimeApi::restore`] takes it back.
    pub(super) buffer: BytesMut,
    pub(super) event: Span,
    pub(super) context: ContextSpans,
    pub(super) deadline: Option<Instant>,
}

/// Where a [`LambdaContext`] stands.
pub(super) struct ContextSpans {
    request_id: Span,
    invoked_function_arn: Span,
    trace_id: Option<Span>,
}

impl ContextSpans {
    /// The context, once the memory it stands in changes no more.
    pub(super) fn read(&self, whole: &Bytes) -> LambdaContext {
        let text = |span: Span| ByteStr::new(whole.slice(span.start..span.end));
        LambdaContext {
            request_id: text(self.request_id),
            invoked_function_arn: text(self.invoked_function_arn),
            trace_id: self.trace_id.map(text),
        }
    }
}

impl RuntimeApi {
    /// # Errors
    ///
    /// When the address cannot be connected to.
    pub(super) fn connect(address: String) -> io::Result<Self> {
        let mut api = Self {
            address,
            stream: None,
            events: Inbox::new(EVENT),
            acknowledgements: Inbox::new(ACKNOWLEDGEMENT),
            question: Vec::new(),
            outbox: Vec::new(),
            invocation: Ids::default(),
        };
        api.outbox.extend_from_slice(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n");
        api.end_head();
        std::mem::swap(&mut api.question, &mut api.outbox);
        stream(&mut api.stream, &api.address)?;
        Ok(api)
    }

    /// Waits for the next invocation, as long as it takes.
    ///
    /// # Errors
    ///
    /// When the connection fails or the Runtime API answers with something else.
    pub(super) fn next(&mut self) -> io::Result<Invocation> {
        // A connection that was closed while it was idle is opened anew, once.
        let head = match self.ask() {
            Err(error) if is_closed(&error) => {
                self.stream = None;
                self.ask()?
            }
            head => head?,
        };
        let event = self.events.body(&head, stream(&mut self.stream, &self.address)?)?;
        let request_id = self.events.read(head.request_id);
        if head.status != 200 || request_id.is_empty() {
            return Err(io::Error::other(format!("it answered {} to /next", head.status)));
        }
        self.invocation.request_id.clear();
        self.invocation.request_id.extend_from_slice(request_id);
        self.invocation.invocation_id = head.invocation_id.map(|span| self.events.read(span).to_vec());
        if head.close {
            self.stream = None;
        }
        let Head { request_id, invoked_function_arn, trace_id, deadline, .. } = head;
        let context = ContextSpans { request_id, invoked_function_arn, trace_id };
        Ok(Invocation { buffer: self.events.take(), event, context, deadline })
    }

    /// Takes the memory of an event back that has been answered.
    pub(super) fn restore(&mut self, whole: Bytes) {
        self.events.restore(whole);
    }

    fn ask(&mut self) -> io::Result<Head> {
        stream(&mut self.stream, &self.address)?.write_all(&self.question)?;
        self.events.head(stream(&mut self.stream, &self.address)?)
    }

    /// Begins a reply whose length is known, in bytes.
    pub(super) fn reply(&mut self, length: usize) -> Reply<'_> {
        self.begin_response();
        self.outbox.extend_from_slice(b"content-type: application/json\r\ncontent-length: ");
        decimal(&mut self.outbox, length);
        self.outbox.extend_from_slice(b"\r\n");
        self.end_head();
        Reply { api: self, chunked: false }
    }

    /// Begins a reply that is sent as it is made. Nothing is sent before the first [`Reply::flush`].
    pub(super) fn streamed_reply(&mut self) -> Reply<'_> {
        self.begin_response();
        self.outbox.extend_from_slice(
            b"content-type: application/vnd.awslambda.http-integration-response\r\n\
              lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\n",
        );
        self.end_head();
        Reply { api: self, chunked: true }
    }

    fn begin_response(&mut self) {
        self.outbox.clear();
        let Ids { request_id, invocation_id } = &self.invocation;
        for piece in [b"POST /2018-06-01/runtime/invocation/", &**request_id, b"/response HTTP/1.1\r\n"] {
            self.outbox.extend_from_slice(piece);
        }
        if let Some(id) = invocation_id {
            for piece in [b"lambda-runtime-invocation-id: ", &**id, b"\r\n"] {
                self.outbox.extend_from_slice(piece);
            }
        }
    }

    fn end_head(&mut self) {
        for piece in ["host: ", &self.address, "\r\n", USER_AGENT, "\r\n"] {
            self.outbox.extend_from_slice(piece.as_bytes());
        }
    }

    /// Sends what has been written.
    fn send(&mut self) -> io::Result<()> {
        stream(&mut self.stream, &self.address)?.write_all(&self.outbox)
    }

    /// Reads the answer to a reply. What it says is for Lambda's own log; the loop goes on: the invocation has failed,
    /// and the next one can succeed.
    fn acknowledged(&mut self) -> io::Result<()> {
        let stream = stream(&mut self.stream, &self.address)?;
        let head = self.acknowledgements.head(stream)?;
        self.acknowledgements.body(&head, stream)?;
        if head.close {
            self.stream = None;
        }
        if !(200..300).contains(&head.status) {
            tracing::error!(status = head.status, "the Lambda Runtime API did not take the reply");
        }
        Ok(())
    }
}

/// Appends a number in decimal digits. One is in every reply, and formatting is made for more.
fn decimal(out: &mut Vec<u8>, mut number: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        // A remainder of ten fits.
        *digit += (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// The connection, opened if there is none.
fn stream<'s>(stream: &'s mut Option<TcpStream>, address: &str) -> io::Result<&'s mut TcpStream> {
    if stream.is_none() {
        let opened = TcpStream::connect(address)?;
        opened.set_nodelay(true)?;
        *stream = Some(opened);
    }
    stream.as_mut().ok_or_else(|| ErrorKind::NotConnected.into())
}

const USER_AGENT: &str = concat!("user-agent: mcp-cloud/", env!("CARGO_PKG_VERSION"), "\r\n");

/// A reply on its way. When an error comes out of it the connection has failed.
pub(super) struct Reply<'a> {
    api: &'a mut RuntimeApi,
    chunked: bool,
}

impl Reply<'_> {
    /// Adds a piece; a large one is sent at once, together with what was added before. An empty piece is left out: it
    /// would end the reply.
    pub(super) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        if self.chunked {
            write!(self.api.outbox, "{:x}\r\n", piece.len())?;
        }
        if self.api.outbox.len() + piece.len() <= COALESCE {
            self.api.outbox.extend_from_slice(piece);
        } else {
            self.write(&[piece])?;
        }
        if self.chunked {
            self.api.outbox.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// Adds text with runs that are left out of it; all of it is sent at once where there are any.
    pub(super) fn push_around(&mut self, text: &[u8], runs: &[Run<'_>]) -> io::Result<()> {
        if runs.is_empty() {
            return self.push(text);
        }
        let mut pieces = Vec::with_capacity(2 * runs.len() + 1);
        let mut from = 0;
        for run in runs {
            pieces.extend([text.get(from..run.at).unwrap_or_default(), run.text]);
            from = run.at;
        }
        pieces.push(text.get(from..).unwrap_or_default());
        self.write(&pieces)
    }

    /// Sends what was added, and pieces behind it, without putting them together first.
    fn write(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let stream = stream(&mut self.api.stream, &self.api.address)?;
        let mut slices = vec![IoSlice::new(&self.api.outbox)];
        slices.extend(pieces.iter().map(|piece| IoSlice::new(piece)));
        let mut slices = slices.as_mut_slice();
        while !slices.is_empty() {
            match stream.write_vectored(slices) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.api.outbox.clear();
        Ok(())
    }

    /// Sends what was added.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.api.send()?;
        self.api.outbox.clear();
        Ok(())
    }

    /// Ends the reply, and waits until it has been taken.
    pub(super) fn finish(self) -> io::Result<()> {
        if self.chunked {
            self.api.outbox.extend_from_slice(b"0\r\n\r\n");
        }
        if !self.api.outbox.is_empty() {
            self.api.send()?;
        }
        self.api.acknowledged()
    }
}

/// The moment a count of milliseconds since 1970 stands for, on the clock that timers use.
pub(super) fn instant(epoch_ms: u64) -> Option<Instant> {
    let deadline = UNIX_EPOCH.checked_add(Duration::from_millis(epoch_ms))?;
    match deadline.duration_since(SystemTime::now()) {
        Ok(left) => Instant::now().checked_add(left),
        Err(_) => Some(Instant::now()),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener};

    use super::*;

    proptest::proptest! {
        #[test]
        fn a_number_is_written_as_it_would_be_otherwise(number: usize, shift in 0_u32..64) {
            let mut out = Vec::new();
            decimal(&mut out, number >> shift);
            proptest::prop_assert_eq!(String::from_utf8_lossy(&out), (number >> shift).to_string());
        }
    }

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
        api.next().unwrap();
        let mut reply = api.reply(2);
        reply.push(b"{}").unwrap();
        reply.finish().unwrap();
        let heads = other_side.join().unwrap();
        assert!(
            heads[1].contains("/invocation/r/response") && heads[1].contains("lambda-runtime-invocation-id: i-1\r\n")
        );
    }
}
