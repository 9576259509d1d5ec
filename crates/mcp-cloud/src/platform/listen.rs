//! An HTTP/1.1 server on a socket, for every platform that brings requests over one.

use std::{
    convert::Infallible,
    future::Future,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep_until, timeout_at},
};

use super::{
    ServeError, azure_functions,
    drain::{Moments, Times, asked},
};
use crate::{
    body::Body,
    capabilities::Capabilities,
    request_info::{RequestInfo, RequestOrigin},
    service::McpService,
    tasks::spawn,
};

/// How long a connection that is made while the server is about to stop may say nothing. Whoever makes one then has
/// something to ask.
const LATE: Duration = Duration::from_secs(2);

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

/// Listens and serves until the platform or a person wants it to end ([`drain`](super::drain)). Then the health path says
/// so, and what would go on for ever ends; connections that come are answered for a while, and closed after the answer; what
/// was begun is finished. What is not finished when the time is over is answered with an error.
pub(super) async fn serve(address: SocketAddr, server: McpService, arriving: Arriving) -> Result<(), ServeError> {
    let times = Times::from_environment()?;
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let connections = Connections { server, arriving, idle: times.idle, all: GracefulShutdown::new() };
    let asked = connections.take(&listener, asked()).await;
    let Moments { refuse, give_up, over } = times.moments(asked);
    connections.server.stop();
    connections.take(&listener, sleep_until(refuse)).await;
    drop(listener);
    let Connections { server, all, .. } = connections;
    // Those that are not in use are closed, the others when their reply is out.
    let mut gone = std::pin::pin!(all.shutdown());
    if timeout_at(give_up, &mut gone).await.is_err() {
        server.give_up();
        let _ = timeout_at(over, gone).await;
    }
    Ok(())
}

/// The connections of a server, and what serves them.
struct Connections {
    server: McpService,
    arriving: Arriving,
    idle: Duration,
    all: GracefulShutdown,
}

impl Connections {
    /// Takes connections until something has happened.
    async fn take<T>(&self, listener: &TcpListener, until: impl Future<Output = T>) -> T {
        let mut until = std::pin::pin!(until);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                happened = &mut until => return happened,
            };
            match accepted {
                Ok((stream, _)) => self.serve(stream),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn serve(&self, stream: TcpStream) {
        // Without it a streamed event waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let (server, arriving) = (self.server.clone(), self.arriving);
        let idle = if server.is_stopping() { LATE } else { self.idle };
        let service = service_fn(move |request| {
            let server = server.clone();
            async move {
                let reply = arriving.answer(server.clone(), request).await;
                reply.map(|reply| if server.is_stopping() { last_on_its_connection(reply) } else { reply })
            }
        });
        let mut http = http1::Builder::new();
        // Between two requests it is the head of the next one that is waited for.
        http.timer(TokioTimer::new()).header_read_timeout(idle);
        let connection = self.all.watch(http.serve_connection(TokioIo::new(stream), service));
        spawn(async move {
            // A connection that breaks concerns its client alone.
            let _ = connection.await;
        });
    }
}

/// Closes the connection when the reply is out: its client makes the next one to a server that stays.
fn last_on_its_connection(mut reply: Response<Body>) -> Response<Body> {
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// Says on standard error where the server is: the one line a person who starts it needs.
pub(super) fn announce(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
