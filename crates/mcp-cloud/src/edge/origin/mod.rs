//! Who may call: the `Host` a request names must be one of this server's, and the `Origin` header of a request sent by
//! a web page must be too (MCP, basic/transports, Security Warning). Without this, a page that a person merely visits
//! could speak to a server on that person's machine.

mod policy;

use bytes::Bytes;
use http::{Request, Response};

use super::Gate;
use crate::{body::Body, handler::ErrorObject, transport::rejection};

pub(crate) use policy::{Hosts, OriginPolicy};

impl Gate for OriginPolicy {
    fn admit(&self, request: &Request<Bytes>) -> Result<(), Box<Response<Body>>> {
        self.check(request).map_err(|(status, message)| {
            Box::new(rejection(status, None, &ErrorObject::new(ErrorObject::INVALID_REQUEST, message)))
        })
    }
}
