//! What the platform knows about a request, carried beside it as an extension.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Extensions;

use crate::{byte_str::ByteStr, capabilities::Capabilities, platform::LambdaContext};

/// Where a request came from. It decides how the reply is encoded; nothing between the platform and the handler asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RequestOrigin {
    /// A plain HTTP request: this machine, a container, or a router this service is mounted in.
    #[default]
    Http,
    /// A Lambda function URL.
    FunctionUrl,
    /// An API Gateway REST API, or an HTTP API with payload format 1.0.
    ApigwV1,
    /// An API Gateway HTTP API with payload format 2.0.
    ApigwV2,
    /// An Application Load Balancer with a Lambda target.
    Alb,
    /// Cloud Run.
    CloudRun,
    /// An Azure Functions custom handler.
    AzureFunctions,
}

/// What the platform knows about a request. Every request carries one in its [`Extensions`]; a handler finds it there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestInfo {
    /// Where the request came from.
    pub origin: RequestOrigin,
    /// What the way back can carry.
    pub capabilities: Capabilities,
    /// The host the platform says the request was sent to, where it says so. A `Host` header that disagrees is
    /// refused.
    pub host: Option<ByteStr>,
    /// The address of the caller, where the platform vouches for it.
    pub source_ip: Option<IpAddr>,
    /// What the gateway's authorizer said about the caller, as the JSON it sent (`requestContext.authorizer` of an
    /// event). Where it is there, the caller is known, and results are marked as theirs alone.
    pub authorizer: Option<Bytes>,
    /// When the platform cuts the line, or a call has taken as long as it may.
    pub deadline: Option<Instant>,
    /// What the Lambda Runtime API says about the invocation, on Lambda.
    pub lambda: Option<LambdaContext>,
}

impl RequestInfo {
    /// A request that has just arrived.
    pub(crate) fn new(origin: RequestOrigin, capabilities: Capabilities) -> Self {
        let deadline = capabilities.max_duration.and_then(from_now);
        Self { origin, capabilities, host: None, source_ip: None, authorizer: None, deadline, lambda: None }
    }

    /// Takes a deadline into account that the platform says itself: the sooner one holds.
    pub(crate) fn limit(&mut self, deadline: Option<Instant>) {
        self.deadline = match (self.deadline, deadline) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// What the platform knows about the request that carries this.
    #[inline(never)]
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// What the request carries, or what holds for a request from a socket that carries nothing.
    pub(crate) fn capabilities_of(extensions: &Extensions) -> Capabilities {
        Self::of(extensions).map_or(Capabilities::SOCKET, |info| info.capabilities)
    }
}

fn from_now(duration: Duration) -> Option<Instant> {
    Instant::now().checked_add(duration)
}
