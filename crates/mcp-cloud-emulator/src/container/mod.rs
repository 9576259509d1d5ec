//! A program that listens on a port: Cloud Run's container contract, or no platform at all.
//!
//! Source: <https://cloud.google.com/run/docs/container-contract>,
//! <https://cloud.google.com/run/docs/known-issues#reserved_url_paths> and <https://cloud.google.com/run/quotas>.

mod server;

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    body::{Body, Expiring, Limited},
    front_door::{Notes, plain},
    observation::Start,
    proxy,
    trigger::{Facts, request::text},
};

pub(crate) use server::{Probe, Server, ServerError};

/// Largest request body over HTTP/1.
const CLOUD_RUN_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// How long a container may take to end after `SIGTERM`.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Which rules hold for the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    CloudRun,
    /// None: requests and responses pass unchanged.
    Direct,
}

/// A container and the proxy in front of it.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) rules: Rules,
    pub(crate) server: Server,
    /// How long a request may take, its response's body included; `None` for ever.
    pub(crate) timeout: Option<Duration>,
}

impl Container {
    pub(crate) async fn handle(
        &self,
        mut request: Request<Body>,
        facts: &Facts,
        notes: &Notes,
    ) -> (Start, Response<Body>) {
        if self.rules == Rules::CloudRun {
            if is_reserved(request.uri().path()) {
                notes.add("Cloud Run keeps this path for itself");
                return (Start::Warm, plain(StatusCode::NOT_FOUND, "Not Found"));
            }
            if declared_length(request.headers()).is_some_and(|length| length > CLOUD_RUN_REQUEST_BYTES) {
                notes.add("the request's body is larger than 32 MiB");
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return (Start::Warm, plain(status, "Request Entity Too Large"));
            }
            add_cloud_run_headers(request.headers_mut(), facts);
            request = request.map(|body| Limited::new(body, CLOUD_RUN_REQUEST_BYTES).boxed_unsync());
        }
        let (address, start) = match self.server.instance().await {
            Ok(instance) => instance,
            Err(error) => {
                notes.add(error.to_string());
                return (Start::Cold, self.unavailable());
            }
        };
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let forwarded = proxy::forward(request, address);
        let response = match deadline {
            Some(deadline) => match timeout_at(deadline, forwarded).await {
                Ok(response) => response,
                Err(_) => {
                    notes.add("the program did not answer in time");
                    let status = StatusCode::GATEWAY_TIMEOUT;
                    return (start, plain(status, "upstream request timeout"));
                }
            },
            None => forwarded.await,
        };
        match response {
            Ok(response) => {
                let response = response.map(|body| match deadline {
                    Some(deadline) => Expiring::new(body, deadline).boxed_unsync(),
                    None => body,
                });
                (start, response)
            }
            Err(error) => {
                notes.add(error.to_string());
                (start, self.unavailable())
            }
        }
    }

    fn unavailable(&self) -> Response<Body> {
        match self.rules {
            Rules::CloudRun => plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            Rules::Direct => plain(StatusCode::BAD_GATEWAY, "Bad Gateway"),
        }
    }

    pub(crate) async fn stop(&self) {
        self.server.terminate(GRACE).await;
    }
}

/// The variables of a Cloud Run container.
pub(crate) fn cloud_run_environment(name: &str, port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("PORT", port.to_string()),
        ("K_SERVICE", name.to_owned()),
        ("K_REVISION", format!("{name}-00001-abc")),
        ("K_CONFIGURATION", name.to_owned()),
    ]
}

/// The one variable of a container without a platform.
pub(crate) fn direct_environment(port: u16) -> Vec<(&'static str, String)> {
    vec![("PORT", port.to_string())]
}

fn is_reserved(path: &str) -> bool {
    path == "/eventlog" || path.starts_with("/_ah/") || path.ends_with('z')
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    text(headers, CONTENT_LENGTH.as_str())?.parse().ok()
}

fn add_cloud_run_headers(headers: &mut HeaderMap, facts: &Facts) {
    let [first, second] = crate::runtime_api::random();
    let client = facts.source_ip;
    let forwarded_for = match text(headers, "x-forwarded-for") {
        Some(before) => format!("{before},{client}"),
        None => client.to_string(),
    };
    let mut add = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    add("x-forwarded-for", forwarded_for);
    add("x-forwarded-proto", "https".to_owned());
    add("forwarded", format!("for=\"{client}\";proto=https"));
    let trace = format!("{first:016x}{second:016x}");
    let [span, _] = crate::runtime_api::random();
    if !headers.contains_key("x-cloud-trace-context")
        && let Ok(value) = format!("{trace}/{span};o=1").parse()
    {
        headers.insert("x-cloud-trace-context", value);
    }
    if !headers.contains_key("traceparent")
        && let Ok(value) = format!("00-{trace}-{span:016x}-01").parse()
    {
        headers.insert("traceparent", value);
    }
}
