//! An HTTP/1.1 server on a socket, for every platform that brings requests over one.

use std::{
    convert::Infallible,
    future::Future,
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

use super::ServeError;
use crate::{body::Body, service::McpService};

/// How long requests may go on after the platform asked the process to end. Cloud Run kills after 10 s
/// (<https://cloud.google.com/run/docs/container-contract>), the others allow more.
const DRAIN: Duration = Duration::from_secs(9);

/// How long to wait after a connection could not be taken, for instance because every file descriptor is in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens, serves until SIGTERM or Ctrl-C, then ends what would go on for ever and lets running requests finish.
pub(super) async fn serve<H, F>(address: SocketAddr, server: McpService, handle: H) -> Result<(), ServeError>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
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
        let handle = handle.clone();
        let service = service_fn(move |request| {
            let response = handle(request);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
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
