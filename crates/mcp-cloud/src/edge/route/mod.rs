//! Which paths there are: the MCP endpoint and the health check.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use mcp_cloud_contract::HEALTH_PATH;
use tower_layer::Layer;
use tower_service::Service;

use super::{EdgeFuture, Inner};
use crate::{body::Body, handler::ErrorObject, transport::rejection};

/// Lets only the endpoint's path through, and answers the health check.
#[derive(Debug, Clone)]
pub(crate) struct RouteLayer {
    endpoint: Arc<str>,
}

impl RouteLayer {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').into() }
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = Route<S>;

    fn layer(&self, inner: S) -> Route<S> {
        Route { inner, endpoint: Arc::clone(&self.endpoint) }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Route<S> {
    inner: S,
    endpoint: Arc<str>,
}

impl<S: Inner> Service<Request<Bytes>> for Route<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = EdgeFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let path = request.uri().path();
        if path.strip_suffix('/').unwrap_or(path) == &*self.endpoint {
            return EdgeFuture::Passed { future: self.inner.call(request) };
        }
        let asks = matches!(*request.method(), Method::GET | Method::HEAD);
        EdgeFuture::answered(if asks && path == HEALTH_PATH { healthy() } else { not_found(&self.endpoint) })
    }
}

fn healthy() -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(b"ok\n")));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn not_found(endpoint: &str) -> Response<Body> {
    let message = format!("there is nothing at this path; the MCP endpoint is {endpoint}");
    rejection(StatusCode::NOT_FOUND, None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message))
}
