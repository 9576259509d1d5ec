//! Which paths there are: the MCP endpoint and the health check.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::Gate;
use crate::{body::Body, handler::ErrorObject, transport::rejection};

/// Lets only the endpoint's path through, and answers the health check.
#[derive(Debug)]
pub(crate) struct Routes {
    endpoint: String,
    health: String,
}

impl Routes {
    pub(crate) fn new(endpoint: &str, health: String) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), health }
    }
}

impl Gate for Routes {
    fn admit(&self, request: &Request<Bytes>) -> Result<(), Box<Response<Body>>> {
        let path = request.uri().path();
        if path.strip_suffix('/').unwrap_or(path) == self.endpoint {
            return Ok(());
        }
        let asks = matches!(*request.method(), Method::GET | Method::HEAD);
        Err(Box::new(if asks && path == self.health { healthy() } else { not_found(&self.endpoint) }))
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
