//! Who may call: the `Host` a request names must be one of this server's, and the `Origin` header of a request sent by
//! a web page must be too (MCP, basic/transports, Security Warning). Without this, a page that a person merely visits
//! could speak to a server on that person's machine.

mod policy;

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{EdgeFuture, Inner};
use crate::{body::Body, handler::ErrorObject, transport::rejection};

pub(crate) use policy::{Hosts, OriginPolicy};

/// Refuses requests that the policy does not allow.
#[derive(Debug, Clone)]
pub(crate) struct OriginLayer {
    policy: Arc<OriginPolicy>,
}

impl OriginLayer {
    pub(crate) fn new(policy: OriginPolicy) -> Self {
        Self { policy: Arc::new(policy) }
    }
}

impl<S> Layer<S> for OriginLayer {
    type Service = Origin<S>;

    fn layer(&self, inner: S) -> Origin<S> {
        Origin { inner, policy: Arc::clone(&self.policy) }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Origin<S> {
    inner: S,
    policy: Arc<OriginPolicy>,
}

impl<S: Inner> Service<Request<Bytes>> for Origin<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = EdgeFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        match self.policy.check(&request) {
            Ok(()) => EdgeFuture::Passed { future: self.inner.call(request) },
            Err((status, message)) => {
                EdgeFuture::answered(rejection(status, None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message)))
            }
        }
    }
}
