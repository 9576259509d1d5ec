//! Passes a request to the program over HTTP and its response back, as it comes.

use std::net::SocketAddr;

use http::{HeaderMap, Request, Response, Uri, header::HOST};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{
    body::{Body, BodyError},
    trigger::request::HOP_BY_HOP,
};

/// Why the program gave no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("cannot connect to the program")]
    Connect(#[source] std::io::Error),
    #[error("the program closed the connection or sent no HTTP")]
    Http(#[from] hyper::Error),
}

/// Sends `request` to `address`. Dropping the response closes the connection, which is how the program learns that its
/// client has gone.
pub(crate) async fn forward(mut request: Request<Body>, address: SocketAddr) -> Result<Response<Body>, ProxyError> {
    without_hop_by_hop(request.headers_mut());
    // On the wire, a request to an origin server names only the path.
    if let Some(path) = request.uri().path_and_query() {
        *request.uri_mut() = Uri::from(path.clone());
    }
    if !request.headers().contains_key(HOST)
        && let Ok(host) = address.to_string().parse()
    {
        request.headers_mut().insert(HOST, host);
    }
    *request.version_mut() = http::Version::HTTP_11;
    let stream = TcpStream::connect(address).await.map_err(ProxyError::Connect)?;
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) =
        http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(stream)).await?;
    // Ends with the response's body; its failure shows there.
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let (mut head, body) = response.into_parts();
    without_hop_by_hop(&mut head.headers);
    head.version = http::Version::HTTP_11;
    let body = body.map_err(BodyError::Read).boxed_unsync();
    Ok(Response::from_parts(head, body))
}

fn without_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}
