//! What stands between the platform and the transport: `tower` layers, one folder each. A layer answers itself what
//! must not go on, and passes everything else on untouched.

pub(crate) mod origin;
pub(crate) mod route;

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    body::Body,
    edge::{origin::OriginPolicy, route::Routes},
    transport::Transport,
};

/// The transport behind every layer.
pub(crate) type Edge = Gated<Routes, Gated<OriginPolicy, Transport>>;

/// Puts the layers around the transport, the outermost first.
pub(crate) fn edge(routes: Routes, origin: OriginPolicy, transport: Transport) -> Edge {
    GateLayer::new(routes).layer(GateLayer::new(origin).layer(transport))
}

/// What a layer of the edge decides about a request.
pub(crate) trait Gate {
    /// # Errors
    ///
    /// The layer's own answer, for a request that must not go on.
    fn admit(&self, request: &Request<Bytes>) -> Result<(), Box<Response<Body>>>;
}

/// A layer that lets through what its gate admits.
#[derive(Debug, Clone)]
pub(crate) struct GateLayer<G>(Arc<G>);

impl<G> GateLayer<G> {
    fn new(gate: G) -> Self {
        Self(Arc::new(gate))
    }
}

impl<G, S> Layer<S> for GateLayer<G> {
    type Service = Gated<G, S>;

    fn layer(&self, inner: S) -> Gated<G, S> {
        Gated { gate: Arc::clone(&self.0), inner }
    }
}

/// A service behind a gate.
#[derive(Debug)]
pub(crate) struct Gated<G, S> {
    gate: Arc<G>,
    inner: S,
}

impl<G, S: Clone> Clone for Gated<G, S> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate), inner: self.inner.clone() }
    }
}

impl<G, S> Service<Request<Bytes>> for Gated<G, S>
where
    G: Gate,
    S: Service<Request<Bytes>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = EdgeFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        match self.gate.admit(&request) {
            Ok(()) => EdgeFuture::Passed { future: self.inner.call(request) },
            Err(response) => EdgeFuture::Answered { response: Some(*response) },
        }
    }
}

pin_project! {
    /// Either the layer's own answer, or what the service under it answers.
    #[project = EdgeFutureProjection]
    pub(crate) enum EdgeFuture<F> {
        Answered { response: Option<Response<Body>> },
        Passed { #[pin] future: F },
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
