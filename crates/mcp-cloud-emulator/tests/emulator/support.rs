//! A client that says exactly which bytes it sends, and an observer that remembers.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_cloud_emulator::{Emulator, Observation, RequestRecord, Running, Trigger};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Nothing in these tests takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn program(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name)
}

pub(crate) fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// A function behind `trigger`, and what is seen of it.
pub(crate) async fn function(trigger: Trigger, configure: impl FnOnce(Emulator) -> Emulator) -> (Running, Seen) {
    start(trigger, "function.py", configure).await
}

pub(crate) async fn start(
    trigger: Trigger,
    name: &str,
    configure: impl FnOnce(Emulator) -> Emulator,
) -> (Running, Seen) {
    let seen = Seen::default();
    let observer = seen.clone();
    let emulator = Emulator::new(trigger, program(name)).observer(move |observation| {
        observer.0.lock().unwrap().push(observation);
    });
    let running = configure(emulator).listen(loopback()).await.unwrap();
    (running, seen)
}

/// Every observation so far.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<Observation>>>);

impl Seen {
    /// Waits until something that `wanted` picks has been observed.
    pub(crate) async fn wait<T>(&self, wanted: impl Fn(&Observation) -> Option<T>) -> T {
        let found = timeout(PATIENCE, async {
            loop {
                let found = self.0.lock().unwrap().iter().find_map(&wanted);
                match found {
                    Some(found) => return found,
                    None => sleep(Duration::from_millis(5)).await,
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("not observed; seen: {:?}", self.0.lock().unwrap()),
        }
    }

    pub(crate) async fn request(&self) -> RequestRecord {
        self.wait(|observation| match observation {
            Observation::Request(record) => Some(record.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn line(&self, wanted: &str) {
        self.wait(|observation| match observation {
            Observation::ServerOutput { line, .. } if line == wanted => Some(()),
            _ => None,
        })
        .await;
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Observation) -> bool) -> usize {
        self.0.lock().unwrap().iter().filter(|one| wanted(one)).count()
    }
}

/// A response as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether it ended where it said it would.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, &[], b"").await
}

pub(crate) async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let length = body.len().to_string();
    let mut headers = headers.to_vec();
    headers.push(("Content-Length", &length));
    send(address, "POST", path, &headers, body).await
}

/// Sends a request with these bytes as its body, framed by whatever `headers` say.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let exchange = async {
        let mut stream = open(address, method, path, headers).await;
        stream.write_all(body).await.unwrap();
        let mut bytes = Vec::new();
        // A connection that is cut shows as an incomplete answer.
        let _ = stream.read_to_end(&mut bytes).await;
        parse(&bytes)
    };
    timeout(PATIENCE, exchange).await.expect("an answer")
}

pub(crate) async fn open(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap()[9..12].parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        })
        .collect();
    let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec(), complete: true };
    if answer.header("transfer-encoding") == Some("chunked") {
        (answer.body, answer.complete) = unchunked(&answer.body);
    } else if let Some(length) = answer.header("content-length") {
        answer.complete = length.parse() == Ok(answer.body.len());
    }
    answer
}

fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let data = &bytes[end + 2..];
        if data.len() < size + 2 {
            body.extend_from_slice(&data[..size.min(data.len())]);
            break;
        }
        body.extend_from_slice(&data[..size]);
        bytes = &data[size + 2..];
    }
    (body, false)
}
