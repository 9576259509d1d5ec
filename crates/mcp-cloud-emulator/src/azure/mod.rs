//! The Azure Functions host in front of a custom handler, in its three modes.
//!
//! Source: <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>, and
//! `src/WebJobs.Script/Workers/Http` of <https://github.com/Azure/azure-functions-host> where that page is silent.

pub mod payload;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    body::{self, Body, BodyError, Expiring},
    container::Server,
    front_door::{Notes, plain},
    observation::Start,
    proxy,
    trigger::{
        Facts,
        request::{media_type, text},
    },
};

/// Name of the function whose HTTP trigger gets every request.
pub const FUNCTION_NAME: &str = "mcp";
/// Where payloads are posted: the function's name, whatever the request's own path.
const PAYLOAD_PATH: &str = "/mcp";
/// Version the host says it has.
pub const HOST_VERSION: &str = "4.1041.200";
/// How long the platform's load balancer waits for a response
/// (<https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout>).
pub const TIMEOUT: Duration = Duration::from_secs(230);
/// How long the host waits until the handler answers `GET /`.
pub const INIT_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest request body.
pub const REQUEST_BYTES: usize = 210 * 1024 * 1024;

/// How the host hands requests to the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Payload,
    Forwarding,
    Proxying,
}

/// The host and its handler.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) mode: Mode,
    pub(crate) server: Server,
    pub(crate) timeout: Duration,
}

/// The variables of a custom handler.
pub(crate) fn environment(port: u16, app_root: &str) -> Vec<(&'static str, String)> {
    let worker_id = crate::runtime_api::request_id();
    vec![
        ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()),
        ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", worker_id.clone()),
        ("FUNCTIONS_HTTPWORKER_PORT", port.to_string()),
        ("FUNCTIONS_HTTPWORKER_ID", worker_id),
        ("FUNCTIONS_APP_ROOT_PATH", app_root.to_owned()),
        ("FUNCTIONS_WORKER_RUNTIME", "custom".to_owned()),
    ]
}

impl Host {
    pub(crate) async fn handle(&self, request: Request<Body>, facts: &Facts, notes: &Notes) -> (Start, Response<Body>) {
        let (address, start) = match self.server.instance().await {
            Ok(instance) => instance,
            Err(error) => {
                notes.add(error.to_string());
                return (Start::Cold, failed());
            }
        };
        let deadline = Instant::now() + self.timeout;
        let answered = timeout_at(deadline, async {
            match self.mode {
                Mode::Payload => self.payload(request, address, facts, notes).await,
                Mode::Forwarding => self.forwarding(request, address, facts, notes).await,
                Mode::Proxying => self.proxying(request, address, facts, deadline).await,
            }
        });
        let response = match answered.await {
            Ok(Ok(response)) => response,
            Ok(Err(note)) => {
                notes.add(note);
                failed()
            }
            Err(_) => {
                notes.add("the handler did not answer in time");
                plain(StatusCode::GATEWAY_TIMEOUT, "")
            }
        };
        (start, response)
    }

    /// One JSON document each way.
    async fn payload(
        &self,
        request: Request<Body>,
        address: SocketAddr,
        facts: &Facts,
        notes: &Notes,
    ) -> Result<Response<Body>, String> {
        let request = with_body_of_known_length(request, notes).await.map_err(|error| error.to_string())?;
        let document = payload::request(&request, facts).to_string();
        let mut posted = Request::new(body::full(document));
        *posted.method_mut() = Method::POST;
        *posted.uri_mut() = Uri::from_static(PAYLOAD_PATH);
        posted.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        add_headers(posted.headers_mut(), facts);
        let reply = proxy::forward(posted, address).await.map_err(|error| error.to_string())?;
        if !reply.status().is_success() {
            let status = reply.status().as_u16();
            return Err(format!("the handler answered {status}; in payload mode anything but 2xx is a failure"));
        }
        if !media_type(reply.headers()).is_some_and(|it| it == "application/json" || it == "text/json") {
            return Err("the handler's reply has no `Content-Type` of JSON, so the host does not read it".to_owned());
        }
        let reply = body::read(reply.into_body(), REQUEST_BYTES).await.map_err(|error| error.to_string())?;
        let response = payload::response(&reply).map_err(|malformed| malformed.to_string())?;
        Ok(response.map(body::full))
    }

    /// The request as it is, the response buffered.
    async fn forwarding(
        &self,
        request: Request<Body>,
        address: SocketAddr,
        facts: &Facts,
        notes: &Notes,
    ) -> Result<Response<Body>, String> {
        let request = with_body_of_known_length(request, notes).await.map_err(|error| error.to_string())?;
        let mut request = request.map(body::full);
        add_headers(request.headers_mut(), facts);
        let response = proxy::forward(request, address).await.map_err(|error| error.to_string())?;
        let (head, body) = response.into_parts();
        let body = body::read(body, REQUEST_BYTES).await.map_err(|error| error.to_string())?;
        Ok(Response::from_parts(head, body::full(body)))
    }

    /// A reverse proxy that streams both ways.
    async fn proxying(
        &self,
        mut request: Request<Body>,
        address: SocketAddr,
        facts: &Facts,
        deadline: Instant,
    ) -> Result<Response<Body>, String> {
        add_headers(request.headers_mut(), facts);
        if let Ok(id) = facts.request_id.parse() {
            request.headers_mut().insert("x-ms-invocation-id", id);
        }
        match proxy::forward(request, address).await {
            Ok(response) => Ok(response.map(|body| Expiring::new(body, deadline).boxed_unsync())),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(crate) async fn stop(&self) {
        self.server.kill().await;
    }
}

/// The host copies a body only if the request says how long it is; one sent in chunks is lost.
async fn with_body_of_known_length(request: Request<Body>, notes: &Notes) -> Result<Request<Bytes>, BodyError> {
    let (head, body) = request.into_parts();
    let declared =
        text(&head.headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<u64>().ok()).unwrap_or_default();
    let mut body = body::read(body, REQUEST_BYTES).await?;
    if declared == 0 && !body.is_empty() {
        notes.add("the host drops a body without `Content-Length`");
        body = Bytes::new();
    }
    Ok(Request::from_parts(head, body))
}

fn add_headers(headers: &mut HeaderMap, facts: &Facts) {
    if let Ok(id) = facts.request_id.parse() {
        headers.insert("x-azure-functions-invocationid", id);
    }
    headers.insert("x-azure-functions-hostversion", HeaderValue::from_static(HOST_VERSION));
    let agent = format!("Azure-Functions-Host/{HOST_VERSION}");
    let agent = match text(headers, USER_AGENT.as_str()) {
        Some(client) => format!("{client} {agent}"),
        None => agent,
    };
    if let Ok(agent) = agent.parse() {
        headers.insert(USER_AGENT, agent);
    }
}

/// What the host answers when a function fails.
fn failed() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
