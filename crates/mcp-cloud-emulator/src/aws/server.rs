//! HTTP around an account, for programs that reach AWS through `AWS_ENDPOINT_URL`.

use std::{io, net::SocketAddr};

use http::{Request, Response, StatusCode, header::AUTHORIZATION, header::HOST};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Account, NoAnswer};
use crate::{
    body::{self, Body, BodyError},
    front_door::plain,
    proxy,
};

/// The end of names of function URLs.
const FUNCTION_URL: &str = ".on.aws";
/// The end of names of load balancers.
const LOAD_BALANCER: &str = ".elb.amazonaws.com";

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

async fn respond(account: Account, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    if host.ends_with(FUNCTION_URL) {
        return Ok(ask(&account, &host, request).await);
    }
    if host.ends_with(LOAD_BALANCER) {
        return Ok(balance(&account, &host, request).await);
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let response = account.answer(Request::from_parts(parts, body))?;
    Ok(response.map(body::full))
}

/// Answers for a function URL. Who has signed a request is not held against anything: the account has one identity.
async fn ask(account: &Account, host: &str, request: Request<Incoming>) -> Response<Body> {
    // What the gateway in front of function URLs says when there is none of that name.
    let Some(deployed) = account.function_url(host) else {
        return plain(StatusCode::FORBIDDEN, "{\"Message\":null}");
    };
    if deployed.auth_type.as_deref() == Some("AWS_IAM") && !request.headers().contains_key(AUTHORIZATION) {
        return plain(StatusCode::FORBIDDEN, "{\"Message\":\"Forbidden\"}");
    }
    forward(account, request).await
}

/// Answers at the name of a load balancer, as long as somebody who is healthy is behind it.
async fn balance(account: &Account, host: &str, request: Request<Incoming>) -> Response<Body> {
    match account.load_balancer(host) {
        Some(_) => forward(account, request).await,
        None => plain(StatusCode::SERVICE_UNAVAILABLE, "503 Service Temporarily Unavailable"),
    }
}

/// Asks whoever runs the program.
async fn forward(account: &Account, request: Request<Incoming>) -> Response<Body> {
    let Some(address) = account.program() else {
        return plain(StatusCode::BAD_GATEWAY, "Internal Server Error");
    };
    let request = request.map(|body| body.map_err(BodyError::Read).boxed_unsync());
    let forwarded = proxy::forward(request, address).await;
    forwarded.unwrap_or_else(|_| plain(StatusCode::BAD_GATEWAY, "Internal Server Error"))
}
