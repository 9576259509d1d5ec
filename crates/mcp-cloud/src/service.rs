//! The server as a `tower` service, for a router or a runtime of one's own.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
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
    /// about to stop. Requests under way are answered, and so are new ones.
    pub fn stop(&self) {
        self.transport.stop();
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
        match read_body(body, limit).await {
            Ok(body) => self.answer(Request::from_parts(parts, body)).await,
            Err(response) => *response,
        }
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

/// Reads a body to its end, unless it is larger than `limit` bytes.
async fn read_body<B>(body: B, limit: usize) -> Result<Bytes, Box<Response<Body>>>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Box::new(too_large(limit))),
        Err(_) => Err(Box::new(refuse(StatusCode::BAD_REQUEST, "the request body could not be read to its end"))),
    }
}

pub(crate) fn too_large(limit: usize) -> Response<Body> {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("the request body is larger than {limit} bytes"))
}

pub(crate) fn refuse(status: StatusCode, message: impl Into<String>) -> Response<Body> {
    rejection(status, None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message))
}
