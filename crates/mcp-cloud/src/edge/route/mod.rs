//! Which paths there are: the MCP endpoint, the health check, and what the server says about who issues tokens for it.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use mcp_cloud_contract::RESOURCE_METADATA_PATH;

use super::Gate;
use crate::{
    body::Body,
    handler::ErrorObject,
    transport::{Transport, rejection},
};

/// What the health path says of a server that is about to stop, with 503.
pub(crate) const STOPPING: &str = "stopping\n";

/// Lets only the endpoint's path through, and answers the others itself.
pub(crate) struct Routes {
    endpoint: String,
    health: String,
    /// Where it stands in its life decides what the health path says.
    transport: Transport,
    /// Protected resource metadata (RFC 9728), where whoever checks tokens in front of the server does not say it itself.
    resource_metadata: Option<Bytes>,
}

impl Routes {
    pub(crate) fn new(endpoint: &str, health: String, resource_metadata: Option<Bytes>, transport: Transport) -> Self {
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), health, transport, resource_metadata }
    }

    /// The metadata is at the well-known path, and at that followed by the path of the resource (RFC 9728 §3.1).
    fn is_metadata(&self, path: &str) -> bool {
        path.strip_prefix(RESOURCE_METADATA_PATH).is_some_and(|rest| rest.is_empty() || rest == self.endpoint)
    }
}

impl Gate for Routes {
    fn admit(&self, request: &Request<Bytes>) -> Result<(), Box<Response<Body>>> {
        let path = request.uri().path();
        if path.strip_suffix('/').unwrap_or(path) == self.endpoint {
            return Ok(());
        }
        let asks = matches!(*request.method(), Method::GET | Method::HEAD);
        Err(Box::new(match &self.resource_metadata {
            _ if asks && path == self.health => health(self.transport.is_stopping()),
            Some(metadata) if asks && self.is_metadata(path) => public_json(metadata.clone()),
            _ => not_found(&self.endpoint),
        }))
    }
}

/// Whether to send requests here. A server that is about to stop lives and answers, but the sooner they are sent elsewhere
/// the better: a load balancer may hear of its end from nobody else.
fn health(is_stopping: bool) -> Response<Body> {
    let said = if is_stopping { STOPPING } else { "ok\n" };
    let mut response = Response::new(Body::from(Bytes::from_static(said.as_bytes())));
    if is_stopping {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// A document that anyone may read, a page of anybody's in a browser as well: it says what is no secret.
fn public_json(document: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(document));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn not_found(endpoint: &str) -> Response<Body> {
    let message = format!("there is nothing at this path; the MCP endpoint is {endpoint}");
    rejection(StatusCode::NOT_FOUND, None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message))
}
