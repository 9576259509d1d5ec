//! P0, the physical floor: one blocking socket, an event that is read and not looked at, an answer that never changes.
//!
//! It answers `tools/call` of `echo("hello")` in the legacy era, so that its answer passes the same check as everybody's;
//! with the arguments `--size N` it answers `blob(N)`.

use std::env;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;

use mcp_cloud_bench::peers;
use mcp_cloud_contract::platform_env;

const REQUEST_ID: &[u8] = b"lambda-runtime-aws-request-id";
const CONTENT_LENGTH: &[u8] = b"content-length";

/// The connection, and the last message read from it.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    filled: usize,
}

impl Connection {
    /// Reads one message whole, and returns the request id and nothing else of it.
    fn receive(&mut self) -> io::Result<Vec<u8>> {
        self.filled = 0;
        let mut wanted = usize::MAX;
        let mut request_id = Vec::new();
        while self.filled < wanted {
            if self.filled == self.received.len() {
                self.received.resize(self.filled * 2, 0);
            }
            let read = self.stream.read(self.received.get_mut(self.filled..).unwrap_or_default())?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.filled += read;
            let received = self.received.get(..self.filled).unwrap_or_default();
            if wanted == usize::MAX
                && let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n")
            {
                let head = received.get(..end).unwrap_or_default();
                let mut body = 0;
                for line in head.split(|&byte| byte == b'\n') {
                    if let Some(value) = header(line, CONTENT_LENGTH) {
                        body = str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
                    } else if let Some(value) = header(line, REQUEST_ID) {
                        request_id = value.to_vec();
                    }
                }
                wanted = end + 4 + body;
            }
        }
        Ok(request_id)
    }
}

/// The value of header `name`, if this is its line.
fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (key, value) = line.split_at_checked(name.len())?;
    key.eq_ignore_ascii_case(name).then(|| value.strip_prefix(b":").unwrap_or(value).trim_ascii())
}

/// What an HTTP API, a function URL and a REST API all accept.
fn envelope(body: &str) -> String {
    let body = serde_json::Value::from(body);
    format!(
        r#"{{"statusCode":200,"headers":{{"content-type":"application/json"}},"isBase64Encoded":false,"body":{body}}}"#
    )
}

/// The answer, with a text as long as the arguments say.
fn answer() -> String {
    let size = env::args().skip_while(|argument| argument != "--size").nth(1).and_then(|size| size.parse().ok());
    match size {
        Some(size) => envelope(&peers::ECHO_ANSWER.replace("hello", &"x".repeat(size))),
        None => envelope(peers::ECHO_ANSWER),
    }
}

/// Writes all of `pieces`, with one system call where the socket takes them.
fn write_all(stream: &mut TcpStream, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !pieces.is_empty() {
        let written = stream.write_vectored(pieces)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut pieces, written);
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let host = env::var(platform_env::AWS_LAMBDA_RUNTIME_API).map_err(io::Error::other)?;
    let stream = TcpStream::connect(&host)?;
    stream.set_nodelay(true)?;
    let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let answer = answer();
    let rest = format!(
        "/response HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    );
    drop(answer);
    let mut connection = Connection { stream, received: vec![0; 32 * 1024], filled: 0 };
    loop {
        connection.stream.write_all(next.as_bytes())?;
        let request_id = connection.receive()?;
        let pieces = [b"POST /2018-06-01/runtime/invocation/", request_id.as_slice(), rest.as_bytes()];
        write_all(&mut connection.stream, &mut pieces.map(IoSlice::new))?;
        connection.receive()?;
    }
}
