//! Reads HTTP/1.1 responses, one at a time, into memory that is used again.

use std::{
    io::{self, ErrorKind, Read},
    net::TcpStream,
    time::Instant,
};

use bytes::{Bytes, BytesMut};

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
            match Head::read(self.buffer.get(..self.end).unwrap_or_default())? {
                Some(head) => return Ok(head),
                None if self.end > MAX_HEAD => return Err(io::Error::other("it sent a head that does not end")),
                None => {}
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
    /// Reads a head (RFC 9112 §2.1): a status line, and lines of which few matter. Nothing where it is not all there yet.
    fn read(text: &[u8]) -> io::Result<Option<Self>> {
        let malformed = || io::Error::other("it sent what is no HTTP response");
        let Some(first) = line(text, 0) else { return Ok(None) };
        let mut head = Self {
            status: status(first.of(text)).ok_or_else(malformed)?,
            length: Length::UntilClose,
            close: first.of(text).starts_with(b"HTTP/1.0"),
            body: 0,
            request_id: Span::default(),
            invoked_function_arn: Span::default(),
            trace_id: None,
            invocation_id: None,
            deadline: None,
        };
        let mut next = after(text, first);
        loop {
            let Some(line) = line(text, next) else { return Ok(None) };
            next = after(text, line);
            if line.start == line.end {
                break;
            }
            let colon = memchr::memchr(b':', line.of(text)).ok_or_else(malformed)?;
            let name = Span { start: line.start, end: line.start + colon };
            let value = trimmed(text, Span { start: name.end + 1, end: line.end });
            head.note(name.of(text), value, text);
        }
        head.body = next;
        if matches!(head.status, 100..200 | 204 | 304) {
            head.length = Length::Known(0);
        }
        head.close |= matches!(head.length, Length::UntilClose);
        Ok(Some(head))
    }

    fn note(&mut self, name: &[u8], value: Span, text: &[u8]) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        let said = || std::str::from_utf8(value.of(text)).unwrap_or_default();
        // The length tells almost every name apart before a letter is compared.
        match name.len() {
            10 if is("connection") => self.close |= said().eq_ignore_ascii_case("close"),
            14 if is("content-length") => self.length = said().parse().map_or(Length::UntilClose, Length::Known),
            17 if is("transfer-encoding") => self.length = Length::Chunked,
            23 if is("lambda-runtime-trace-id") => self.trace_id = Some(value),
            26 if is("lambda-runtime-deadline-ms") => self.deadline = said().parse().ok().and_then(instant),
            28 if is("lambda-runtime-invocation-id") => self.invocation_id = Some(value),
            29 if is("lambda-runtime-aws-request-id") => self.request_id = value,
            35 if is("lambda-runtime-invoked-function-arn") => self.invoked_function_arn = value,
            _ => {}
        }
    }
}

/// The line that begins at a place, without its end; nothing where the end is not there yet.
fn line(text: &[u8], start: usize) -> Option<Span> {
    let rest = text.get(start..)?;
    let length = memchr::memchr(b'\n', rest)?;
    let is_pair = length > 0 && rest.get(length - 1) == Some(&b'\r');
    Some(Span { start, end: start + length - usize::from(is_pair) })
}

/// Where the line behind this one begins.
fn after(text: &[u8], line: Span) -> usize {
    line.end + if text.get(line.end) == Some(&b'\r') { 2 } else { 1 }
}

/// The status that a status line names.
fn status(line: &[u8]) -> Option<u16> {
    let [b' ', digits @ ..] = line.strip_prefix(b"HTTP/1.")?.get(1..5)? else { return None };
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn trimmed(text: &[u8], value: Span) -> Span {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let leading = value.of(text).iter().take_while(|byte| is_space(byte)).count();
    let trailing = value.of(text).iter().skip(leading).rev().take_while(|byte| is_space(byte)).count();
    Span { start: value.start + leading, end: value.end - trailing }
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
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 2\u{e9} OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        ] {
            read(response.as_bytes(), 4096).unwrap_err();
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_heads_never_panic(text in "(HTTP/1.1 [0-9]{3}|[a-z-]{1,20}|:| |\r|\n|\r\n|.){0,30}") {
            let _ = Head::read(text.as_bytes());
        }

        #[test]
        fn a_head_is_read_as_httparse_reads_it(
            headers in proptest::collection::vec(("[a-zA-Z-]{1,40}", "[ \t]{0,2}[a-z0-9:;=-]{0,40}[ \t]{0,2}"), 0..10),
            id in "[a-z0-9-]{1,40}", length in 0_usize..1000, status in 200_u16..600,
        ) {
            let mut text = format!("HTTP/1.1 {status} Fine\r\n");
            for (name, value) in &headers {
                text += &format!("x-{name}:{value}\r\n");
            }
            text += &format!("Lambda-Runtime-Aws-Request-Id: {id} \r\nContent-Length:{length}\r\n\r\nbody");
            let mut there = [httparse::EMPTY_HEADER; 16];
            let mut response = httparse::Response::new(&mut there);
            let body = response.parse(text.as_bytes()).unwrap().unwrap();
            let head = Head::read(text.as_bytes()).unwrap().unwrap();
            proptest::prop_assert_eq!((head.body, Some(head.status)), (body, response.code));
            proptest::prop_assert_eq!(head.request_id.of(text.as_bytes()), id.as_bytes());
            let expected = if status == 204 || status == 304 { 0 } else { length };
            proptest::prop_assert!(matches!(head.length, Length::Known(found) if found == expected));
            proptest::prop_assert!(Head::read(&text.as_bytes()[..body - 1]).unwrap().is_none());
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
