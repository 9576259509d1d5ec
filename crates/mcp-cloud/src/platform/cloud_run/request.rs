//! Requests arrive as they are; what the platform knows about them is added.

use http::Request;

use crate::{
    capabilities::Capabilities,
    request_info::{RequestInfo, RequestOrigin},
};

/// Adds what the container's contract says about every request.
pub(super) fn describe<B>(mut request: Request<B>, origin: RequestOrigin, capabilities: Capabilities) -> Request<B> {
    request.extensions_mut().insert(RequestInfo::new(origin, capabilities));
    request
}
