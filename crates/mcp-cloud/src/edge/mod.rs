//! What stands between the platform and the transport: `tower` layers, one folder each. A layer answers itself what
//! must not go on, and passes everything else on untouched.

pub(crate) mod origin;
pub(crate) mod route;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    body::Body,
    edge::{
        origin::{Origin, OriginLayer},
        route::{Route, RouteLayer},
    },
    transport::Transport,
};

/// The transport behind every layer.
pub(crate) type Edge = Route<Origin<Transport>>;

/// Puts the layers around the transport, the outermost first.
pub(crate) fn edge(route: RouteLayer, origin: OriginLayer, transport: Transport) -> Edge {
    route.layer(origin.layer(transport))
}

/// The service under a layer.
pub(crate) trait Inner:
    Service<http::Request<Bytes>, Response = Response<Body>, Error = Infallible, Future: Send>
{
}

impl<S> Inner for S where S: Service<http::Request<Bytes>, Response = Response<Body>, Error = Infallible, Future: Send> {}

pin_project! {
    /// Either the layer's own answer, or what the service under it answers.
    #[project = EdgeFutureProjection]
    pub(crate) enum EdgeFuture<F> {
        Answered { response: Option<Response<Body>> },
        Passed { #[pin] future: F },
    }
}

impl<F> EdgeFuture<F> {
    fn answered(response: Response<Body>) -> Self {
        Self::Answered { response: Some(response) }
    }
}

impl<F: Future<Output = Result<Response<Body>, Infallible>>> Future for EdgeFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            EdgeFutureProjection::Answered { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            EdgeFutureProjection::Passed { future } => future.poll(context),
        }
    }
}
