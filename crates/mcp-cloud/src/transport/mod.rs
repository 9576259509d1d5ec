//! MCP over Streamable HTTP: turns an HTTP request into a JSON-RPC message for the handler, and what the handler says
//! into an HTTP reply. It knows no platform; what the way back can carry stands in the request's
//! [`RequestInfo`](crate::RequestInfo).

mod envelope;
mod era;
mod headers;
mod reply;
mod stream;
#[cfg(test)]
#[cfg(feature = "rmcp")]
mod tests;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use tower_service::Service;

use crate::{
    body::Body,
    handler::{ErrorObject, Handler, Request},
    request_info::RequestInfo,
    transport::{
        envelope::{Envelope, Message},
        era::{Era, Refusal},
        reply::Exchange,
    },
};

pub(crate) use reply::rejection;

/// The transport as a service over requests whose body has been read.
#[derive(Clone)]
pub(crate) struct Transport {
    handler: Arc<dyn Handler>,
}

impl Transport {
    pub(crate) fn new(handler: Arc<dyn Handler>) -> Self {
        Self { handler }
    }
}

impl Service<http::Request<Bytes>> for Transport {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        match accept(&*self.handler, request) {
            Ok(exchange) => Box::pin(async move { Ok(exchange.reply().await) }),
            Err(response) => Box::pin(std::future::ready(Ok(*response))),
        }
    }
}

/// Takes a request through every gate, in the order of MCP 2026-07-28, basic/transports/streamable-http. What does not
/// pass is answered at once.
fn accept(handler: &dyn Handler, request: http::Request<Bytes>) -> Result<Exchange, Box<http::Response<Body>>> {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return Err(Box::new(method_not_allowed(&parts.method)));
    }
    let envelope =
        Envelope::parse(&body).map_err(|error| Box::new(rejection(StatusCode::BAD_REQUEST, None, &error)))?;
    let refuse = |refusal: Refusal| Box::new(rejection(refusal.status, envelope.id(), &refusal.error));
    let era = era::choose(&parts.headers, &envelope).map_err(refuse)?;
    let (id, method, params) = match &envelope.message {
        Message::Request { id, method, params } => (*id, method, *params),
        // A notification concerns nothing that this exchange could still change, and a response answers a request that
        // was never sent: both are taken, neither has an answer.
        Message::Notification | Message::Response => return Err(Box::new(accepted())),
    };
    if era == Era::Modern {
        headers::check(&parts.headers, method, &envelope.head)
            .and_then(|()| headers::check_method_exists(method))
            .map_err(refuse)?;
    }
    let capabilities = RequestInfo::capabilities_of(&parts.extensions);
    if method == "subscriptions/listen" && !capabilities.streams {
        let error = ErrorObject::new(
            ErrorObject::METHOD_NOT_FOUND,
            "subscriptions/listen needs a stream, and this trigger sends every reply in one piece",
        );
        return Err(refuse(Refusal { status: StatusCode::NOT_FOUND, error }));
    }
    let id = body.slice_ref(id.as_bytes());
    let params = params.map(|params| body.slice_ref(params.as_bytes()));
    let method = Box::from(&**method);
    let exchange = Exchange {
        id: id.clone(),
        era,
        streams: capabilities.streams,
        accepts_events: headers::accepts_events(&parts.headers),
        deadline: parts.extensions.get::<RequestInfo>().and_then(|info| info.deadline),
        conversation: handler.call(Request { message: body, id, method, params, http: parts }),
    };
    Ok(exchange)
}

/// Taken, and nothing to say about it.
fn accepted() -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// A stateless server has no stream to `GET` and no session to `DELETE`.
fn method_not_allowed(method: &Method) -> http::Response<Body> {
    let error = ErrorObject::new(
        ErrorObject::INVALID_REQUEST,
        format!("{method} is not supported here; send JSON-RPC messages with POST"),
    );
    let mut response = rejection(StatusCode::METHOD_NOT_ALLOWED, None, &error);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}
