//! Listens on the port the Functions host names, on the loopback interface: the host is the only caller.

use std::net::{Ipv4Addr, SocketAddr};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::{
    detect::Settings,
    request::{Arrived, is_payload, read},
    response::describe,
};
use crate::{
    McpService,
    body::Body,
    capabilities::Capabilities,
    handler::ErrorObject,
    platform::{
        ServeError,
        listen::{Arriving, serve},
    },
    service::{read_up_to, too_large, unreadable},
    transport::rejection,
};

pub(crate) async fn run(service: McpService, settings: Settings) -> Result<(), ServeError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    serve(address, service, Arriving::FromFunctionsHost(settings)).await
}

pub(crate) async fn answer(mut service: McpService, settings: Settings, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let (body, is_whole) = match read_up_to(body, MAX_PAYLOAD).await {
        Ok(read) => read,
        Err(_) => return unreadable(),
    };
    if !is_whole {
        let reply = too_large(Capabilities::MAX_REQUEST_BODY);
        return if is_payload(&parts, &body, settings) { whole(reply).await } else { reply };
    }
    let reply = match read(parts, body, settings) {
        Arrived::Plain(request) => return service.answer(request).await,
        Arrived::Payload(request) => service.answer(request).await,
        Arrived::Malformed(complaint) => {
            let error = ErrorObject::new(ErrorObject::INVALID_REQUEST, complaint);
            rejection(StatusCode::BAD_REQUEST, None, &error)
        }
    };
    whole(reply).await
}

/// A payload holds the body as a JSON string, which can make it twice as long, and what else there is to say.
const MAX_PAYLOAD: usize = 2 * Capabilities::MAX_REQUEST_BODY + 256 * 1024;

/// A reply described in one piece.
async fn whole(reply: Response<Body>) -> Response<Body> {
    let (parts, body) = reply.into_parts();
    match read_up_to(body, usize::MAX).await {
        Ok((body, _)) => describe(&parts, &body),
        Err(never) => match never {},
    }
}
