//! The library's other ways in, as programs behind emulated triggers.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod handlers;
mod lambda_http;
mod parity;
mod platforms;

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A reply as a client sees it.
#[derive(Debug)]
struct Reply {
    status: u16,
    media_type: Option<String>,
    session: Option<String>,
    body: String,
}

/// Sends a message to the endpoint, and reads the whole reply.
async fn post(address: SocketAddr, body: &str) -> Reply {
    send(address, "POST", &[], body).await
}

/// Reads another path.
async fn get(address: SocketAddr, path: &str) -> Reply {
    exchange(address, &format!("GET {path}"), &[], "").await
}

/// Sends any request to the endpoint.
async fn send(address: SocketAddr, method: &str, headers: &[(&str, String)], body: &str) -> Reply {
    exchange(address, &format!("{method} /mcp"), headers, body).await
}

async fn exchange(address: SocketAddr, request: &str, headers: &[(&str, String)], body: &str) -> Reply {
    rest(open(address, request, headers, body).await, Vec::new()).await
}

/// Sends a request, and leaves the reply to be read.
async fn open(address: SocketAddr, request: &str, headers: &[(&str, String)], body: &str) -> TcpStream {
    let mut head = format!("{request} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in [("content-type", "application/json"), ("accept", "application/json, text/event-stream")] {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.expect("it reads");
    stream
}

/// Reads a reply to its end.
async fn rest(mut stream: TcpStream, mut reply: Vec<u8>) -> Reply {
    stream.read_to_end(&mut reply).await.expect("it answers");
    read(&reply)
}

fn read(reply: &[u8]) -> Reply {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = head.parse(reply) else {
        panic!("{}", String::from_utf8_lossy(reply))
    };
    let value = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).into_owned())
    };
    let body = &reply[length..];
    let body = if value("transfer-encoding").is_some() { unchunked(body) } else { body.to_vec() };
    Reply {
        status: head.code.expect("a response has a status"),
        media_type: value("content-type"),
        session: value("mcp-session-id"),
        body: String::from_utf8(body).expect("the reply is text"),
    }
}

fn unchunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(chunks) else {
            panic!("a reply was cut off: {}", String::from_utf8_lossy(&body));
        };
        let size = usize::try_from(size).expect("a chunk fits");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[start..start + size]);
        chunks = &chunks[start + size + 2..];
    }
}
