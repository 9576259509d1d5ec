//! Requests arrive as they are; what the platform knows about them is added.

use http::Request;

use crate::request_info::{Capabilities, RequestInfo, RequestOrigin};

/// Adds what Cloud Run's contract says about every request.
pub(super) fn describe<B>(mut request: Request<B>) -> Request<B> {
    request.extensions_mut().insert(RequestInfo::new(RequestOrigin::CloudRun, Capabilities::SOCKET));
    request
}
