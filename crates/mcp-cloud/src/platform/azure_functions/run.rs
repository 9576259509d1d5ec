//! Listens on the port the Functions host names, on the loopback interface: the host is the only caller.

use std::net::{Ipv4Addr, SocketAddr};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{
    detect::Settings,
    request::{Arrived, read},
    response::describe,
};
use crate::{
    McpService,
    body::Body,
    capabilities::Capabilities,
    handler::ErrorObject,
    platform::{ServeError, listen::serve},
    service::read_body,
    transport::rejection,
};

pub(crate) async fn run(service: McpService, settings: Settings) -> Result<(), ServeError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    serve(address, service.clone(), move |request| answer(service.clone(), settings, request)).await
}

async fn answer(mut service: McpService, settings: Settings, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // A payload holds the body as a JSON string, which can make it twice as long.
    let body = match read_body(body, 2 * Capabilities::MAX_REQUEST_BODY).await {
        Ok(body) => body,
        Err(response) => return *response,
    };
    let reply = match read(parts, body, settings) {
        Arrived::Plain(request) => return service.answer(request).await,
        Arrived::Payload(request) => service.answer(request).await,
        Arrived::Malformed(complaint) => {
            let error = ErrorObject::new(ErrorObject::INVALID_REQUEST, complaint);
            rejection(StatusCode::BAD_REQUEST, None, &error)
        }
    };
    let (parts, body) = reply.into_parts();
    let body = match body.into_full() {
        Ok(body) => body,
        Err(stream) => match stream.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        },
    };
    describe(&parts, &body)
}
