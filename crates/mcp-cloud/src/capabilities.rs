//! What each trigger can carry. `docs/triggers.md` is made of this file: the values, and the comments on the constants,
//! which say where each value comes from. `tests/triggers.rs` does it.

use std::time::Duration;

use mcp_cloud_contract::KEEP_ALIVE_SECONDS;

const MIB: usize = 1024 * 1024;

/// What the way to and from a client can carry. The transport asks this, never the platform's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether a reply may be sent piece by piece. Where it may not, everything goes out at once when the handler is
    /// done.
    pub streams: bool,
    /// Whether other requests reach this process while one is being answered. Where they do not, nobody can answer
    /// what the server asks a client in mid-call, and nothing can happen that a listening client would hear of.
    pub concurrent: bool,
    /// Whether the process stands still between requests, so that nothing may be left running after a reply.
    pub freezes: bool,
    /// The largest request body, in bytes.
    pub max_request_body: usize,
    /// The largest reply, in bytes, where there is a limit.
    pub max_response_body: Option<usize>,
    /// Whether a reply travels as a string in a JSON document, so that its quotation marks count twice.
    pub response_is_quoted: bool,
    /// How long a reply may take from the request's arrival to its last byte, where the platform does not say it with
    /// each request.
    pub max_duration: Option<Duration>,
    /// Whether the line is cut when a reply has taken that long. Where nobody cuts it, streams that have no end go on: the
    /// limit is for calls.
    pub is_cut: bool,
    /// How long a stream may say nothing before somebody on the way closes it.
    pub max_silence: Option<Duration>,
}

impl Capabilities {
    /// 6 MiB: the most a Lambda function can be sent
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>), and so what any trigger accepts
    /// that has no smaller limit.
    pub(crate) const MAX_REQUEST_BODY: usize = 6 * MIB;

    /// A container's socket, with nothing before it that cuts a reply. Load balancers close what is silent for a minute,
    /// unless they are told otherwise
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>); a CDN
    /// before one waits 30 seconds. `MCP_CLOUD_KEEP_ALIVE` is for what is less patient.
    pub const SOCKET: Self = Self {
        streams: true,
        concurrent: true,
        freezes: false,
        max_request_body: Self::MAX_REQUEST_BODY,
        max_response_body: None,
        response_is_quoted: false,
        max_duration: None,
        is_cut: false,
        max_silence: Some(Duration::from_secs(2 * KEEP_ALIVE_SECONDS as u64)),
    };

    /// Cloud Run: requests end after five minutes unless the service says otherwise
    /// (<https://cloud.google.com/run/docs/configuring/request-timeout>), and the processor is taken away between them
    /// (<https://cloud.google.com/run/docs/configuring/billing-settings>).
    pub const CLOUD_RUN: Self =
        Self { max_duration: Some(Duration::from_secs(300)), is_cut: true, freezes: true, ..Self::SOCKET };

    /// The Functions host as a proxy. The load balancer before it waits 230 seconds
    /// (<https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout>).
    pub const AZURE_PROXYING: Self =
        Self { max_duration: Some(Duration::from_secs(230)), is_cut: true, ..Self::SOCKET };

    /// The Functions host forwarding requests: it reads the whole reply before it passes it on. The load balancer before
    /// it waits 230 seconds (<https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout>).
    pub const AZURE_FORWARDING: Self = Self { streams: false, ..Self::AZURE_PROXYING };

    /// The Functions host with requests as payloads: a request and its reply are JSON documents, with the body as a string
    /// in them (<https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>). The load balancer before
    /// it waits 230 seconds.
    pub const AZURE_PAYLOAD: Self = Self { response_is_quoted: true, ..Self::AZURE_FORWARDING };

    /// A function URL with `RESPONSE_STREAM`: 200 MB
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html>). Lambda has no idle
    /// limit; a CDN before it, which is how a function URL gets a domain, waits 30 seconds.
    pub const FUNCTION_URL_STREAM: Self = Self {
        streams: true,
        concurrent: false,
        freezes: true,
        max_request_body: Self::MAX_REQUEST_BODY,
        max_response_body: Some(200 * MIB),
        response_is_quoted: false,
        max_duration: None,
        is_cut: true,
        max_silence: Some(Duration::from_secs(30)),
    };

    /// A function URL with `BUFFERED`: the reply is one JSON document of at most 6 MB
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
    pub const FUNCTION_URL_BUFFERED: Self = Self {
        streams: false,
        max_response_body: Some(6 * MIB),
        response_is_quoted: true,
        max_silence: None,
        ..Self::FUNCTION_URL_STREAM
    };

    /// A REST API with `responseTransferMode: STREAM`: 200 MB, 15 minutes, and 30 seconds of silence where it is
    /// edge-optimised
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html>).
    pub const REST_API_STREAM: Self =
        Self { max_duration: Some(Duration::from_secs(900)), ..Self::FUNCTION_URL_STREAM };

    /// A REST API: the reply is one JSON document of at most 6 MB, and an integration may take 29 seconds
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
    pub const REST_API: Self = Self { max_duration: Some(Duration::from_secs(29)), ..Self::FUNCTION_URL_BUFFERED };

    /// An HTTP API: the reply is one JSON document of at most 6 MB, and an integration may take 30 seconds
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
    pub const HTTP_API: Self = Self { max_duration: Some(Duration::from_secs(30)), ..Self::FUNCTION_URL_BUFFERED };

    /// An Application Load Balancer with the function as its target: one JSON document of at most 1 MB in each direction
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>).
    pub const ALB: Self = Self { max_request_body: MIB, max_response_body: Some(MIB), ..Self::FUNCTION_URL_BUFFERED };

    /// Every trigger by the name that `mcp-cloud dev --trigger` has for it.
    pub const TRIGGERS: [(&'static str, Self); 11] = [
        ("function-url", Self::FUNCTION_URL_STREAM),
        ("function-url-buffered", Self::FUNCTION_URL_BUFFERED),
        ("rest-api", Self::REST_API),
        ("rest-api-stream", Self::REST_API_STREAM),
        ("http-api", Self::HTTP_API),
        ("alb", Self::ALB),
        ("cloud-run", Self::CLOUD_RUN),
        ("azure-payload", Self::AZURE_PAYLOAD),
        ("azure-forwarding", Self::AZURE_FORWARDING),
        ("azure-proxying", Self::AZURE_PROXYING),
        ("direct", Self::SOCKET),
    ];

    /// The same trigger of a function on Lambda Managed Instances, where one process takes many requests at once and
    /// is not frozen (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>).
    #[must_use]
    pub const fn on_managed_instances(self) -> Self {
        Self { concurrent: true, freezes: false, ..self }
    }

    /// How long a stream says nothing before it gives a sign of life: half as long as it may, where there is a limit.
    #[must_use]
    pub fn keep_alive(self) -> Option<Duration> {
        self.max_silence.filter(|_| self.streams).map(|silence| silence / 2)
    }

    /// Whether a client can be asked something while its request is being answered, given that there is a session.
    #[must_use]
    pub const fn can_ask(self) -> bool {
        self.streams && self.concurrent
    }
}
