//! Listens on the port the Functions host names, on the loopback interface: the host is the only caller.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
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
    platform::{ServeError, listen::serve},
    service::{refuse, too_large},
    transport::rejection,
};

pub(crate) async fn run(service: McpService, settings: Settings) -> Result<(), ServeError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    serve(address, service.clone(), move |request| answer(service.clone(), settings, request)).await
}

async fn answer(mut service: McpService, settings: Settings, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let (body, is_whole) = match read_up_to(body, MAX_PAYLOAD).await {
        Ok(read) => read,
        Err(_) => return refuse(StatusCode::BAD_REQUEST, "the request body could not be read to its end"),
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

/// Reads a body, and stops where it is larger than `limit` bytes; says whether it is whole.
async fn read_up_to(mut body: Incoming, limit: usize) -> Result<(Bytes, bool), hyper::Error> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        read.extend_from_slice(&data);
        if read.len() > limit {
            return Ok((read.freeze(), false));
        }
    }
    Ok((read.freeze(), true))
}

/// A reply described in one piece.
async fn whole(reply: Response<Body>) -> Response<Body> {
    let (parts, body) = reply.into_parts();
    match body.collect().await {
        Ok(body) => describe(&parts, &body.to_bytes()),
        Err(never) => match never {},
    }
}
