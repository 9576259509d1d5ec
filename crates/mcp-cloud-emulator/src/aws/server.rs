//! HTTP around an account, for programs that reach AWS through `AWS_ENDPOINT_URL`.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Account, NoAnswer};

/// An account that is being served; it is not any more when this is dropped.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    /// What `AWS_ENDPOINT_URL` has to be.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Account {
    /// Answers calls on a socket. Anybody who reaches the socket may call: let it listen on the loopback interface.
    ///
    /// # Errors
    ///
    /// When the socket's own address cannot be told.
    pub fn serve(&self, listener: TcpListener) -> io::Result<Served> {
        let address = listener.local_addr()?;
        let account = self.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(account.clone(), stream));
            }
        });
        Ok(Served { address, task })
    }
}

/// A misfortune that breaks the connection does so here: the service fails, and hyper closes.
async fn connection(account: Account, stream: TcpStream) {
    let service = service_fn(move |request: Request<Incoming>| respond(account.clone(), request));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(account: Account, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let response = account.answer(Request::from_parts(parts, body))?;
    Ok(response.map(Full::new))
}
