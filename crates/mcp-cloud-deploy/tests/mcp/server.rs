//! A hand-made MCP server: a right answer to every question of a client in both eras, and a place for a wrong one.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const TOKEN: &str = "let-me-in";

/// A request, as the server sees it.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The message in it; null where there is none.
    pub(crate) message: Value,
}

pub(crate) type Reply = Response<Body>;

/// A body in one piece, or one that goes on.
pub(crate) struct Body {
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) then: Then,
}

/// What follows the pieces of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    End,
    /// Nothing, for ever.
    Silence,
    /// The last piece again and again.
    More,
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.pieces.len() == 1 && self.then == Then::More {
            return Poll::Ready(self.pieces.first().cloned().map(|piece| Ok(Frame::data(piece))));
        }
        if self.pieces.is_empty() {
            return if self.then == Then::Silence { Poll::Pending } else { Poll::Ready(None) };
        }
        let piece = self.pieces.remove(0);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// A server on a port of its own; stopped when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Ask>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server without a defect.
    pub(crate) async fn right() -> Self {
        Self::with(|_| None).await
    }

    /// A server that answers rightly wherever its defect has nothing to say.
    pub(crate) async fn with(defect: impl Fn(&Ask) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::answering(move |ask| defect(ask).unwrap_or_else(|| right(ask))).await
    }

    pub(crate) async fn answering(answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                let service = service_fn(move |request| {
                    let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                    async move {
                        let ask = Ask::read(request).await;
                        seen.lock().expect("nobody panicked with it").push(ask.clone());
                        Ok::<_, Infallible>(answer(&ask))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, asked, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// What has been asked so far.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().expect("nobody panicked with it").clone()
    }
}

impl Ask {
    async fn read(request: http::Request<Incoming>) -> Self {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("the client sends all of it").to_bytes();
        let message = serde_json::from_slice(&body).unwrap_or_default();
        Self { method: head.method, path: head.uri.path().to_owned(), headers: head.headers, body, message }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The method of the message.
    pub(crate) fn asks(&self) -> &str {
        self.message["method"].as_str().unwrap_or_default()
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    }
}

/// What a stateless server without a defect answers, that shows its tools to everybody.
pub(crate) fn right(ask: &Ask) -> Reply {
    if ask.path != "/mcp" {
        return text(StatusCode::NOT_FOUND, "nothing is here");
    }
    if ask.method != Method::POST {
        return text(StatusCode::METHOD_NOT_ALLOWED, "send messages with POST");
    }
    if ask.headers.contains_key("origin") {
        return text(StatusCode::FORBIDDEN, "not from there");
    }
    let tools = || json!({ "resultType": "complete", "tools": [tool("echo"), tool("add")] });
    let repeats = ask.header("mcp-method") == ask.asks() && ask.header("mcp-protocol-version") == "2026-07-28";
    match (ask.asks(), ask.is_modern()) {
        (_, true) if !repeats => error(StatusCode::BAD_REQUEST, ask, -32020),
        ("server/discover", true) => result(ask, discovered(json!({ "tools": {} }))),
        ("initialize", false) => result(
            ask,
            json!({
                "protocolVersion": "2025-11-25", "capabilities": { "tools": {} }, "serverInfo": { "name": "right", "version": "1" },
            }),
        ),
        ("notifications/initialized", false) => reply(StatusCode::ACCEPTED, "text/plain", ""),
        ("tools/list", _) => result(ask, tools()),
        (_, true) => error(StatusCode::NOT_FOUND, ask, -32601),
        (_, false) => error(StatusCode::OK, ask, -32601),
    }
}

/// The same server behind somebody who checks tokens, and lets everybody read where they come from.
pub(crate) fn guarded(ask: &Ask) -> Reply {
    if ask.path == "/.well-known/oauth-protected-resource/mcp" {
        let document = json!({ "resource": "https://mcp.example.com/mcp", "authorization_servers": [ISSUER] });
        return reply(StatusCode::OK, "application/json", &document.to_string());
    }
    if ask.header("authorization") == format!("Bearer {TOKEN}") {
        return right(ask);
    }
    let mut refusal = reply(StatusCode::UNAUTHORIZED, "application/json", r#"{"message":"Unauthorized"}"#);
    let challenge = "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";
    // As a REST API renames it.
    refusal.headers_mut().insert("x-amzn-remapped-www-authenticate", challenge.parse().expect("a value"));
    refusal
}

pub(crate) fn discovered(capabilities: Value) -> Value {
    json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28", "2025-11-25"], "capabilities": capabilities,
        "ttlMs": 0, "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "right", "version": "1" } },
    })
}

pub(crate) fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" } })
}

/// An answer to this request: as events where they come first in `Accept`.
pub(crate) fn result(ask: &Ask, result: Value) -> Reply {
    let message = json!({ "jsonrpc": "2.0", "id": ask.message["id"], "result": result });
    if ask.header("accept").starts_with("text/event-stream") {
        return events(&[message], Then::End);
    }
    reply(StatusCode::OK, "application/json", &message.to_string())
}

pub(crate) fn error(status: StatusCode, ask: &Ask, code: i64) -> Reply {
    let error = json!({ "code": code, "message": "no" });
    reply(status, "application/json", &json!({ "jsonrpc": "2.0", "id": ask.message["id"], "error": error }).to_string())
}

pub(crate) fn events(messages: &[Value], then: Then) -> Reply {
    let pieces = messages.iter().map(|message| Bytes::from(format!("event: message\ndata: {message}\n\n")));
    streamed("text/event-stream", pieces.collect(), then)
}

pub(crate) fn text(status: StatusCode, words: &str) -> Reply {
    reply(status, "text/plain", words)
}

pub(crate) fn reply(status: StatusCode, media_type: &str, body: &str) -> Reply {
    let mut reply = streamed(media_type, vec![Bytes::copy_from_slice(body.as_bytes())], Then::End);
    *reply.status_mut() = status;
    reply
}

pub(crate) fn streamed(media_type: &str, pieces: Vec<Bytes>, then: Then) -> Reply {
    let mut reply = Response::new(Body { pieces, then });
    reply.headers_mut().insert("content-type", media_type.parse().expect("a media type"));
    reply
}
