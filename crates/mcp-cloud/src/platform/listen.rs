//! An HTTP/1.1 server on a socket, for every platform that brings requests over one.

use std::{
    convert::Infallible,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::net::TcpListener;

use super::{ServeError, azure_functions};
use crate::{
    body::Body,
    capabilities::Capabilities,
    request_info::{RequestInfo, RequestOrigin},
    service::McpService,
    tasks::spawn,
};

/// How long requests may go on after the platform asked the process to end. Cloud Run kills after 10 s
/// (<https://cloud.google.com/run/docs/container-contract>), the others allow more.
const DRAIN: Duration = Duration::from_secs(9);

/// How long to wait after a connection could not be taken, for instance because every file descriptor is in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What arrives on a socket. One type for all platforms, because hyper and tokio are made anew for each kind of service,
/// and are large.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arriving {
    /// Requests as they were sent.
    Requests,
    /// Requests about which the platform knows something.
    Known(RequestOrigin, Capabilities),
    /// What the Azure Functions host sends.
    FromFunctionsHost(azure_functions::Settings),
}

impl Arriving {
    async fn answer(self, service: McpService, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        match self {
            Self::FromFunctionsHost(settings) => return Ok(azure_functions::answer(service, settings, request).await),
            Self::Known(origin, capabilities) => {
                request.extensions_mut().insert(RequestInfo::new(origin, capabilities));
            }
            Self::Requests => {}
        }
        Ok(service.reply(request).await)
    }
}

/// Listens, serves until SIGTERM or Ctrl-C, then ends what would go on for ever and lets running requests finish.
pub(super) async fn serve(address: SocketAddr, server: McpService, arriving: Arriving) -> Result<(), ServeError> {
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Without it a streamed event waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let server = server.clone();
        let service = service_fn(move |request| arriving.answer(server.clone(), request));
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        spawn(async move {
            // A connection that breaks concerns its client alone.
            let _ = connection.await;
        });
    }
    drop(listener);
    server.stop();
    let _ = tokio::time::timeout(DRAIN, connections.shutdown()).await;
    Ok(())
}

/// Says on standard error where the server is: the one line a person who starts it needs.
pub(super) fn announce(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(unix)]
async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn stop() {
    let _ = tokio::signal::ctrl_c().await;
}
