//! Accepts the clients' requests, hands each to what stands behind, and says how it went.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};

use crate::{
    azure, body,
    body::{Body, BodyError, Captured, Tee},
    container, lambda,
    observation::{Observation, Observer, RequestRecord, Start},
    trigger::Facts,
};

/// How long responses under way may go on once the front door is closing.
const DRAIN: Duration = Duration::from_secs(2);

/// What stands behind the front door.
#[derive(Debug)]
pub(crate) enum Backend {
    Lambda(lambda::Backend),
    Container(container::Container),
    Azure(azure::Host),
}

impl Backend {
    async fn handle(&self, request: Request<Body>, facts: &Facts, notes: &Notes) -> (Start, Response<Body>) {
        match self {
            Self::Lambda(backend) => backend.handle(request, facts, notes).await,
            Self::Container(container) => container.handle(request, facts, notes).await,
            Self::Azure(host) => host.handle(request, facts, notes).await,
        }
    }

    pub(crate) async fn stop(&self) {
        match self {
            Self::Lambda(backend) => backend.function.stop().await,
            Self::Container(container) => container.stop().await,
            Self::Azure(host) => host.stop().await,
        }
    }
}

/// What a person should know about one request, gathered on its way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Option<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match notes.as_mut() {
            Some(notes) => {
                notes.push_str("; ");
                notes.push_str(&note.into());
            }
            None => *notes = Some(note.into()),
        }
    }

    fn take(&self) -> Option<String> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.take()
    }
}

/// Serves until told to close, then until the connections have drained.
pub(crate) async fn serve(
    listener: TcpListener,
    backend: Arc<Backend>,
    observer: Observer,
    closing: watch::Receiver<bool>,
) {
    let mut close = closing.clone();
    // Dropped, and with it every connection, when this task is aborted.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, client)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(
                    TokioIo::new(stream),
                    client,
                    Arc::clone(&backend),
                    observer.clone(),
                    closing.clone(),
                ));
            }
            Some(_) = connections.join_next() => {}
            _ = close.wait_for(|closing| *closing) => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(DRAIN, drained).await;
}

async fn connection(
    stream: TokioIo<tokio::net::TcpStream>,
    client: SocketAddr,
    backend: Arc<Backend>,
    observer: Observer,
    mut closing: watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let backend = Arc::clone(&backend);
        answer(backend, observer.clone(), client, request)
    });
    let connection = http1::Builder::new().preserve_header_case(true).serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A client that breaks off, or sends no HTTP, has its answer.
        _ = connection.as_mut() => return,
        _ = closing.wait_for(|closing| *closing) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer(
    backend: Arc<Backend>,
    observer: Observer,
    client: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let captured = Captured::default();
    let notes = Notes::default();
    let mut record = Record {
        observer,
        begun: Instant::now(),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        headers: request.headers().clone(),
        captured: captured.clone(),
        notes: notes.clone(),
        answered: None,
    };
    let facts = Facts::new(client.ip());
    let request = request.map(|body| Tee::new(body, captured).boxed_unsync());
    // Dropped by a client that does not wait for its response, the record still says so.
    let (start, response) = backend.handle(request, &facts, &notes).await;
    record.answered = Some((response.status(), start));
    Ok(response.map(|inner| Recorded { inner, _record: record }.boxed_unsync()))
}

/// A request under way. Dropping it hands it to the observer.
struct Record {
    observer: Observer,
    begun: Instant,
    method: Method,
    path: String,
    headers: HeaderMap,
    captured: Captured,
    notes: Notes,
    answered: Option<(StatusCode, Start)>,
}

impl Drop for Record {
    fn drop(&mut self) {
        let (status, start) = self.answered.unwrap_or_else(|| {
            self.notes.add("the client went away before it was answered");
            // What web servers log for it; no client sees this status.
            let status = StatusCode::from_u16(499).unwrap_or_default();
            (status, Start::Warm)
        });
        self.observer.observe(Observation::Request(RequestRecord {
            http_method: std::mem::take(&mut self.method),
            path: std::mem::take(&mut self.path),
            request_headers: std::mem::take(&mut self.headers),
            request_body: self.captured.bytes(),
            status,
            duration: self.begun.elapsed(),
            start,
            note: self.notes.take(),
        }));
    }
}

/// A response's body on its way out. The record goes with it when it has ended or nobody wants the rest.
struct Recorded {
    inner: Body,
    _record: Record,
}

impl http_body::Body for Recorded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A short answer of the platform's own.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
