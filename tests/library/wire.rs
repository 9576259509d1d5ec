//! A client that writes and reads HTTP as it is told to, and corrects nothing.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{timeout, timeout_at},
};

/// How long a reply may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A reply as a client sees it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media_type: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The last message in it, whether it is a document or a stream of events; null where there is none.
    pub(crate) fn message(&self) -> Value {
        self.messages().pop().unwrap_or_default()
    }

    /// Every message in it.
    pub(crate) fn messages(&self) -> Vec<Value> {
        if self.media_type.as_deref() == Some("text/event-stream") {
            return messages(&self.body);
        }
        serde_json::from_str(&self.body).into_iter().collect()
    }
}

/// The messages of a stream of events.
pub(crate) fn messages(events: &str) -> Vec<Value> {
    let data = events.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| !data.is_empty());
    data.map(|data| serde_json::from_str(data).expect("an event's data is a message")).collect()
}

/// Sends a message to the endpoint, and reads the whole reply.
pub(crate) async fn post(address: SocketAddr, body: &str) -> Reply {
    send(address, "POST", &[], body).await
}

/// Reads another path.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Reply {
    exchange(address, &format!("GET {path}"), &[], "").await
}

/// Sends any request to the endpoint.
pub(crate) async fn send(address: SocketAddr, method: &str, headers: &[(&str, String)], body: &str) -> Reply {
    exchange(address, &format!("{method} /mcp"), headers, body).await
}

/// Sends any request to any path. `Host`, `Content-Type` and `Accept` are a good client's unless they are given.
pub(crate) async fn exchange(address: SocketAddr, request: &str, headers: &[(&str, String)], body: &str) -> Reply {
    let mut stream = written(address, request, headers, body).await;
    let mut reply = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
    read.unwrap_or_else(|_| panic!("{request} is not answered to its end: {}", String::from_utf8_lossy(&reply)))
        .expect("it answers");
    let (mut head, length) = parsed_head(&reply);
    head.body = if request.starts_with("HEAD ") { String::new() } else { text(&head, &reply[length..], true) };
    head
}

async fn written(address: SocketAddr, request: &str, headers: &[(&str, String)], body: &str) -> TcpStream {
    let mut head = format!("{request} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    let host = address.to_string();
    for (name, value) in [
        ("host", host.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ] {
        if !headers.iter().any(|(given, _)| *given == name) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket has options");
    // A gateway may answer and hang up before it has read a body that is too large.
    let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes()).await;
    stream
}

/// A reply that is read while it comes.
pub(crate) struct Stream {
    pub(crate) head: Reply,
    socket: TcpStream,
    read: Vec<u8>,
    body: usize,
    ended: bool,
}

impl Stream {
    /// Sends a request to the endpoint, and waits for the head of its reply.
    pub(crate) async fn open(address: SocketAddr, method: &str, headers: &[(&str, String)], body: &str) -> Self {
        let mut socket = written(address, &format!("{method} /mcp"), headers, body).await;
        let mut read = Vec::new();
        while !read.windows(4).any(|window| window == b"\r\n\r\n") {
            assert!(more(&mut socket, &mut read).await, "{}", String::from_utf8_lossy(&read));
        }
        let (head, body) = parsed_head(&read);
        Self { head, socket, read, body, ended: false }
    }

    /// The first message, earlier ones included, that `wanted` accepts.
    pub(crate) async fn message(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let text = self.text();
            // What comes after the last empty line may be the beginning of an event.
            let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
            if let Some(found) = messages(whole).into_iter().find(&wanted) {
                return found;
            }
            assert!(!self.ended, "the stream ended without the message waited for: {text}");
            self.ended = !more(&mut self.socket, &mut self.read).await;
        }
    }

    /// Reads on for so long, and says whether it has not ended.
    pub(crate) async fn stays_open_for(&mut self, duration: Duration) -> bool {
        let until = tokio::time::Instant::now() + duration;
        while !self.ended {
            let Ok(count) = timeout_at(until, self.socket.read_buf(&mut self.read)).await else { return true };
            self.ended = count.expect("it reads") == 0;
        }
        false
    }

    /// All of it, once it has ended.
    pub(crate) async fn rest(&mut self) -> String {
        while !self.ended {
            self.ended = !more(&mut self.socket, &mut self.read).await;
        }
        self.text()
    }

    fn text(&self) -> String {
        text(&self.head, &self.read[self.body..], false)
    }
}

async fn more(socket: &mut TcpStream, read: &mut Vec<u8>) -> bool {
    let count = timeout(PATIENCE, socket.read_buf(read)).await;
    count.unwrap_or_else(|_| panic!("nothing more comes: {}", String::from_utf8_lossy(read))).expect("it reads") > 0
}

fn parsed_head(reply: &[u8]) -> (Reply, usize) {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = head.parse(reply) else {
        panic!("this is no reply: {}", String::from_utf8_lossy(reply))
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut reply = Reply {
        status: head.code.expect("a response has a status"),
        media_type: None,
        headers: head.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect(),
        body: String::new(),
    };
    reply.media_type = reply.header("content-type").map(str::to_owned);
    (reply, length)
}

fn text(head: &Reply, body: &[u8], whole: bool) -> String {
    let body = if head.header("transfer-encoding").is_some() { unchunked(body, whole) } else { body.to_vec() };
    // A stream may have been read up to the middle of a character.
    if whole {
        String::from_utf8(body).expect("the reply is text")
    } else {
        String::from_utf8_lossy(&body).into_owned()
    }
}

fn unchunked(mut chunks: &[u8], whole: bool) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let chunk = match httparse::parse_chunk_size(chunks) {
            Ok(httparse::Status::Complete((_, 0))) => return body,
            Ok(httparse::Status::Complete((start, size))) => {
                let size = usize::try_from(size).expect("a chunk fits");
                chunks.get(start..start + size).map(|chunk| (chunk, start + size + 2))
            }
            _ => None,
        };
        let Some((chunk, end)) = chunk else {
            assert!(!whole, "a reply was cut off: {}", String::from_utf8_lossy(&body));
            return body;
        };
        body.extend_from_slice(chunk);
        chunks = chunks.get(end..).unwrap_or_default();
    }
}
