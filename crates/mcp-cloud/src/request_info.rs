//! What the platform knows about a request, carried beside it as an extension.

use std::{net::IpAddr, time::Instant};

use http::Extensions;

use crate::platform::LambdaContext;

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

/// What the way back can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a reply may be sent piece by piece. Where it may not, everything goes out at once when the handler is
    /// done.
    pub streams: bool,
    /// The largest request body, in bytes.
    pub max_request_body: usize,
}

impl Capabilities {
    /// A socket: streams, and takes bodies up to [`Self::MAX_REQUEST_BODY`].
    pub(crate) const SOCKET: Self = Self { streams: true, max_request_body: Self::MAX_REQUEST_BODY };

    /// 6 MiB: the most a Lambda function can be sent
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), and so what any trigger accepts
    /// that has no smaller limit.
    pub(crate) const MAX_REQUEST_BODY: usize = 6 * 1024 * 1024;
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
    pub host: Option<Box<str>>,
    /// The address of the caller, where the platform vouches for it.
    pub source_ip: Option<IpAddr>,
    /// When the platform cuts the line.
    pub deadline: Option<Instant>,
    /// What the Lambda Runtime API says about the invocation, on Lambda.
    pub lambda: Option<LambdaContext>,
}

impl RequestInfo {
    pub(crate) fn new(origin: RequestOrigin, capabilities: Capabilities) -> Self {
        Self { origin, capabilities, host: None, source_ip: None, deadline: None, lambda: None }
    }

    /// What the request carries, or what holds for a request from a socket that carries nothing.
    pub(crate) fn capabilities_of(extensions: &Extensions) -> Capabilities {
        extensions.get::<Self>().map_or(Capabilities::SOCKET, |info| info.capabilities)
    }
}
