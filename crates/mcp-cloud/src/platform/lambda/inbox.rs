//! Reads HTTP/1.1 responses, one at a time, into memory that is used again.

use std::{
    io::{self, ErrorKind, Read},
    mem::MaybeUninit,
    net::TcpStream,
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use httparse::ParserConfig;

use super::runtime_api::instant;
use crate::json::Span;

/// A body that is larger is not believed. An event has 6 MB at most.
const MAX_BODY: usize = 64 * 1024 * 1024;
/// A head that is larger is none.
const MAX_HEAD: usize = 64 * 1024;
/// Memory above this size is given back after the response that needed it.
const MAX_KEPT: usize = 256 * 1024;

/// What has been read of one response. All of the buffer's length is there to be read into: clearing it each time would
/// cost more than reading.
pub(super) struct Inbox {
    buffer: BytesMut,
    /// How much of the buffer has been read into.
    end: usize,
    /// What the buffer is as long as when nothing large has come.
    size: usize,
}

/// The head of a response. Its texts stand in the inbox.
pub(super) struct Head {
    pub(super) status: u16,
    length: Length,
    pub(super) close: bool,
    /// Where the body begins.
    body: usize,
    pub(super) request_id: Span,
    pub(super) invoked_function_arn: Span,
    pub(super) trace_id: Option<Span>,
    pub(super) invocation_id: Option<Span>,
    pub(super) deadline: Option<Instant>,
}

enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

impl Inbox {
    pub(super) fn new(size: usize) -> Self {
        Self { buffer: buffer(size), end: 0, size }
    }

    /// Reads the head of the next response.
    ///
    /// # Errors
    ///
    /// When the connection fails or ends, or what comes is no HTTP.
    pub(super) fn head(&mut self, stream: &mut TcpStream) -> io::Result<Head> {
        if self.buffer.len() < self.size {
            self.buffer = buffer(self.size);
        }
        self.end = 0;
        loop {
            self.fill(stream)?;
            let mut headers = [const { MaybeUninit::uninit() }; 48];
            let mut response = httparse::Response::new(&mut []);
            let read = self.buffer.get(..self.end).unwrap_or_default();
            let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut response, read, &mut headers);
            match parsed.map_err(io::Error::other)? {
                httparse::Status::Complete(length) => return Ok(Head::of(&response, read, length)),
                httparse::Status::Partial if self.end > MAX_HEAD => {
                    return Err(io::Error::other("it sent a head that does not end"));
                }
                httparse::Status::Partial => {}
            }
        }
    }

    /// Reads the body behind a head, to its end.
    ///
    /// # Errors
    ///
    /// When the connection fails or ends too soon, or the body is not what the head said.
    pub(super) fn body(&mut self, head: &Head, stream: &mut TcpStream) -> io::Result<Span> {
        let start = head.body;
        match head.length {
            Length::Known(length) => {
                if length > MAX_BODY {
                    return Err(io::Error::other("it announced more than 64 MiB"));
                }
                let end = start + length;
                self.grow(end);
                while self.end < end {
                    self.fill(stream)?;
                }
                Ok(Span { start, end })
            }
            Length::Chunked => self.chunks(start, stream),
            Length::UntilClose => loop {
                match self.fill(stream) {
                    Err(error) if is_closed(&error) => return Ok(Span { start, end: self.end }),
                    filled => filled?,
                }
            },
        }
    }

    /// Gives away the memory with what was read; [`Self::restore`] brings it back.
    pub(super) fn take(&mut self) -> BytesMut {
        std::mem::take(&mut self.buffer)
    }

    /// What stands at a place.
    pub(super) fn read(&self, span: Span) -> &[u8] {
        span.of(&self.buffer)
    }

    /// Takes memory back, unless somebody else still reads in it, or it is too much to be kept.
    pub(super) fn restore(&mut self, whole: Bytes) {
        if whole.len() > MAX_KEPT {
            return;
        }
        if let Ok(buffer) = whole.try_into_mut() {
            self.buffer = buffer;
        }
    }

    /// Puts the pieces of a body behind each other, over the sizes between them.
    fn chunks(&mut self, start: usize, stream: &mut TcpStream) -> io::Result<Span> {
        let bad = |_| io::Error::other("it sent a chunk without a size");
        let (mut from, mut to) = (start, start);
        loop {
            let unread = self.buffer.get(from..self.end).unwrap_or_default();
            let httparse::Status::Complete((digits, size)) = httparse::parse_chunk_size(unread).map_err(bad)? else {
                self.fill(stream)?;
                continue;
            };
            let size = usize::try_from(size).ok().filter(|size| to + size <= MAX_BODY);
            let size = size.ok_or_else(|| io::Error::other("it sent more than 64 MiB"))?;
            from += digits;
            // The line end after a chunk; after the last one trailers could come, which the Runtime API never sends.
            let next = from + size + 2;
            self.grow(next);
            while self.end < next {
                self.fill(stream)?;
            }
            self.buffer.copy_within(from..from + size, to);
            (from, to) = (next, to + size);
            if size == 0 {
                return Ok(Span { start, end: to });
            }
        }
    }

    /// Reads what there is, at least one byte.
    fn fill(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        if self.end == self.buffer.len() {
            self.grow(2 * self.end.max(self.size));
        }
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
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

    fn grow(&mut self, length: usize) {
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
    }
}

/// Memory that counts its readers from the start: the first reader of other memory would have to set that up each time.
fn buffer(size: usize) -> BytesMut {
    let mut buffer = BytesMut::zeroed(size + 1);
    drop(buffer.split_off(size));
    buffer
}

impl Head {
    fn of(response: &httparse::Response<'_, '_>, read: &[u8], body: usize) -> Self {
        let mut head = Self {
            status: response.code.unwrap_or_default(),
            length: Length::UntilClose,
            close: response.version == Some(0),
            body,
            request_id: Span::default(),
            invoked_function_arn: Span::default(),
            trace_id: None,
            invocation_id: None,
            deadline: None,
        };
        for header in response.headers.iter() {
            let value = || std::str::from_utf8(header.value).unwrap_or_default();
            let place = || {
                let start = (header.value.as_ptr() as usize).wrapping_sub(read.as_ptr() as usize);
                Span { start, end: start + header.value.len() }
            };
            // The length tells almost every name apart before a letter is compared.
            match header.name.len() {
                10 if is(header, "connection") => head.close = value().eq_ignore_ascii_case("close"),
                14 if is(header, "content-length") => {
                    head.length = value().parse().map_or(Length::UntilClose, Length::Known);
                }
                17 if is(header, "transfer-encoding") => head.length = Length::Chunked,
                23 if is(header, "lambda-runtime-trace-id") => head.trace_id = Some(place()),
                26 if is(header, "lambda-runtime-deadline-ms") => {
                    head.deadline = value().parse().ok().and_then(instant);
                }
                28 if is(header, "lambda-runtime-invocation-id") => head.invocation_id = Some(place()),
                29 if is(header, "lambda-runtime-aws-request-id") => head.request_id = place(),
                35 if is(header, "lambda-runtime-invoked-function-arn") => head.invoked_function_arn = place(),
                _ => {}
            }
        }
        if matches!(head.status, 100..200 | 204 | 304) {
            head.length = Length::Known(0);
        }
        head.close |= matches!(head.length, Length::UntilClose);
        head
    }
}

fn is(header: &httparse::Header<'_>, name: &str) -> bool {
    header.name.eq_ignore_ascii_case(name)
}

/// Whether the other side has closed the connection.
pub(super) fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::{io::Write, net::TcpListener};

    use super::*;

    /// Reads a response that arrives in pieces of one size.
    fn read(response: &[u8], piece: usize) -> io::Result<(u16, Vec<u8>)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let response = response.to_vec();
        let sender = std::thread::spawn(move || {
            for piece in response.chunks(piece) {
                server.write_all(piece).unwrap();
            }
        });
        let mut inbox = Inbox::new(64);
        let read = inbox.head(&mut client).and_then(|head| {
            let body = inbox.body(&head, &mut client)?;
            Ok((head.status, inbox.read(body).to_vec()))
        });
        sender.join().unwrap();
        read
    }

    #[test]
    fn a_body_is_read_however_it_arrives_and_however_its_length_is_told() {
        let long = "x".repeat(1000);
        let heads = "HTTP/1.1 200 OK\r\nServer: a\r\n";
        for response in [
            format!("{heads}Content-Length: 1000\r\n\r\n{long}"),
            format!("{heads}Transfer-Encoding: chunked\r\n\r\n3\r\nxxx\r\n3e5;a=b\r\n{}\r\n0\r\n\r\n", &long[3..]),
            format!("{heads}\r\n{long}"),
        ] {
            for piece in [1, 7, 4096] {
                assert_eq!(read(response.as_bytes(), piece).unwrap(), (200, long.clone().into()), "{response}");
            }
        }
    }

    #[test]
    fn a_response_that_is_none_is_an_error() {
        for response in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
            "nonsense\r\n\r\n",
        ] {
            read(response.as_bytes(), 4096).unwrap_err();
        }
    }

    #[test]
    fn memory_is_used_again_unless_somebody_reads_in_it_or_it_is_too_much() {
        let mut inbox = Inbox::new(64);
        let place = inbox.buffer.as_ptr();
        for _ in 0..3 {
            let whole = inbox.take().freeze();
            drop(whole.slice(3..5));
            inbox.restore(whole);
            assert_eq!((inbox.buffer.as_ptr(), inbox.buffer.len()), (place, 64));
        }
        let whole = inbox.take().freeze();
        let kept = whole.slice(3..5);
        inbox.restore(whole);
        assert!(inbox.buffer.is_empty());
        drop(kept);
        inbox.restore(Bytes::from(vec![0; MAX_KEPT + 1]));
        assert!(inbox.buffer.is_empty());
    }
}
