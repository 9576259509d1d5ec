//! The server as a `tower` service, for a router or a runtime of one's own.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{Request, Response, StatusCode, header};
use tower_service::Service;

use crate::{
    body::Body,
    edge::Edge,
    handler::ErrorObject,
    request_info::RequestInfo,
    transport::{Transport, rejection},
};

/// The server as a `tower` service over `http` requests with any body. It is cheap to clone and always ready.
///
/// A body larger than the request's [`Capabilities`](crate::Capabilities) allow is answered with 413. Everything a
/// request carries in its extensions reaches the handler.
#[derive(Clone)]
pub struct McpService {
    edge: Edge,
    transport: Transport,
}

impl McpService {
    pub(crate) fn new(edge: Edge, transport: Transport) -> Self {
        Self { edge, transport }
    }

    /// Ends subscriptions well and lets clients of sessions know that they are to come back, because the server is
    /// about to stop. Requests under way are answered, and so are new ones; the health path says 503, so that whoever asks
    /// it sends no more. Once more changes nothing.
    pub fn stop(&self) {
        self.transport.stop();
    }

    /// Answers what is still being answered with an error, because the server stops now.
    pub(crate) fn give_up(&self) {
        self.transport.give_up();
    }

    /// Whether the server is about to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.transport.is_stopping()
    }

    /// Reads a request's body and answers it.
    pub(crate) async fn reply<B>(mut self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        #[cfg_attr(not(feature = "lambda-http"), expect(unused_mut, reason = "only lambda_http has something to add"))]
        let (mut parts, body) = request.into_parts();
        #[cfg(feature = "lambda-http")]
        crate::platform::lambda::describe(&mut parts);
        let limit = RequestInfo::capabilities_of(&parts.extensions).max_request_body;
        // Whoever asks before it sends (RFC 9110 §10.1.1) need not send.
        if parts.headers.contains_key(header::EXPECT) && body.size_hint().lower() > limit as u64 {
            return too_large(limit);
        }
        let Ok((body, is_whole)) = read_up_to(body, limit).await else { return unreadable() };
        if is_whole { self.answer(Request::from_parts(parts, body)).await } else { too_large(limit) }
    }

    /// Answers a request whose body has been read.
    pub(crate) async fn answer(&mut self, request: Request<Bytes>) -> Response<Body> {
        let limit = RequestInfo::capabilities_of(request.extensions()).max_request_body;
        if request.body().len() > limit {
            return too_large(limit);
        }
        match self.edge.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

impl fmt::Debug for McpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService").finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for McpService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.reply(request).await) })
    }
}

/// How much of a body that is too large is read on and thrown away, in bytes. A sender whose connection is closed while it
/// writes cannot read why, and a load balancer says 502 in its place.
const DISCARDED: usize = 64 * 1024 * 1024;

/// Reads a body of at most `limit` bytes, and says whether it is whole.
pub(crate) async fn read_up_to<B: http_body::Body>(body: B, limit: usize) -> Result<(Bytes, bool), B::Error> {
    let mut body = pin!(body);
    // Most bodies come in one piece, which need not be copied.
    let (mut read, mut pieces) = (Bytes::new(), BytesMut::new());
    let mut is_whole = true;
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let Ok(mut data) = frame?.into_data() else { continue };
        let data = data.copy_to_bytes(data.remaining());
        if read.is_empty() {
            read = data;
        } else {
            if pieces.is_empty() {
                pieces.extend_from_slice(&read);
            }
            pieces.extend_from_slice(&data);
        }
        is_whole = read.len().max(pieces.len()) <= limit;
        if !is_whole {
            break;
        }
    }
    if !is_whole {
        discard(body).await;
    }
    Ok((if pieces.is_empty() { read } else { pieces.freeze() }, is_whole))
}

/// Reads what is left of a body, within reason.
#[cold]
async fn discard<B: http_body::Body>(mut body: Pin<&mut B>) {
    let mut left = DISCARDED;
    while let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let length = frame.data_ref().map_or(0, Buf::remaining);
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

/// The connection broke, or what came over it was no body.
pub(crate) fn unreadable() -> Response<Body> {
    refuse(StatusCode::BAD_REQUEST, "the request body could not be read to its end")
}

pub(crate) fn too_large(limit: usize) -> Response<Body> {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("the request body is larger than {limit} bytes"))
}

pub(crate) fn refuse(status: StatusCode, message: impl Into<String>) -> Response<Body> {
    rejection(status, None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message))
}
