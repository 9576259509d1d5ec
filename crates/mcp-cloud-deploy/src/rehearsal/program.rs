//! Passes requests to function URLs on to whoever runs the program on this machine.

use std::{net::SocketAddr, sync::Arc};

use aws_sdk_sts::config::SharedHttpClient;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header::HOST};

use super::{Endpoint, connector::answer};
use crate::mcp::http::connector;

/// Under which name a program is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The one that was asked for, which the platform in front of it makes known to it.
    AsAsked,
    /// Its address: a program that listens for this machine alone answers to no other.
    Local,
}

/// Has requests to endpoints answered at this address. What is streamed there arrives as a stream.
#[must_use]
pub fn passed_on_to(address: SocketAddr, name: Name) -> Arc<Endpoint> {
    let client: SharedHttpClient = Builder::new().build_http();
    let sleep = SharedAsyncSleep::new(TokioSleep::new());
    let time = SharedTimeSource::new(SystemTimeSource::new());
    let connector = connector(&client, &sleep, &time);
    Arc::new(move |_, request| {
        let connector = connector.clone();
        Box::pin(async move {
            let passed_on = pass_on(connector, request, address, name).await;
            passed_on.unwrap_or_else(|| answer(StatusCode::BAD_GATEWAY, "Internal Server Error"))
        })
    })
}

async fn pass_on(
    connector: SharedHttpConnector,
    mut request: Request<Bytes>,
    address: SocketAddr,
    name: Name,
) -> Option<Response<SdkBody>> {
    let uri = request.uri().clone();
    let host = match name {
        Name::AsAsked => HeaderValue::from_str(uri.authority()?.as_str()),
        Name::Local => HeaderValue::from_str(&address.to_string()),
    };
    let host = host.ok()?;
    let path = uri.path_and_query()?.clone();
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() =
        Uri::builder().scheme("http").authority(address.to_string()).path_and_query(path).build().ok()?;
    let request = HttpRequest::try_from(request.map(SdkBody::from)).ok()?;
    let response = connector.call(request).await.ok()?;
    response.try_into_http1x().ok()
}
