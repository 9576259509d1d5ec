//! Names the triggers, and turns requests into events and replies into responses for those that are events.
//!
//! Each AWS trigger has its own file with two pure functions: the event its gateway sends for a request, and the
//! response its gateway makes of a function's reply. They can be used without an emulator around them.

pub mod alb;
pub mod function_url;
pub mod http_api;
pub(crate) mod reply;
pub(crate) mod request;
pub mod rest_api;

use std::{
    fmt,
    net::IpAddr,
    str::FromStr,
    time::{Duration, SystemTime},
};

/// How a request reaches the server program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Lambda function URL with invoke mode `RESPONSE_STREAM`.
    FunctionUrl,
    /// Lambda function URL with invoke mode `BUFFERED`.
    FunctionUrlBuffered,
    /// API Gateway REST API, Lambda proxy integration.
    RestApi,
    /// API Gateway REST API, Lambda proxy integration with response transfer mode `STREAM`.
    RestApiStream,
    /// API Gateway HTTP API, payload format 2.0.
    HttpApi,
    /// Application Load Balancer with a Lambda target group.
    Alb,
    /// Cloud Run's container contract.
    CloudRun,
    /// Azure Functions custom handler that gets each request as a JSON payload.
    AzurePayload,
    /// Azure Functions custom handler with `enableForwardingHttpRequest`.
    AzureForwarding,
    /// Azure Functions custom handler with `enableProxyingHttpRequest`.
    AzureProxying,
    /// No platform at all: the program listens on `PORT`, requests pass unchanged.
    Direct,
}

impl Trigger {
    /// Every trigger, in the order they are documented.
    pub const ALL: [Self; 11] = [
        Self::FunctionUrl,
        Self::FunctionUrlBuffered,
        Self::RestApi,
        Self::RestApiStream,
        Self::HttpApi,
        Self::Alb,
        Self::CloudRun,
        Self::AzurePayload,
        Self::AzureForwarding,
        Self::AzureProxying,
        Self::Direct,
    ];

    /// The name a person types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FunctionUrl => "function-url",
            Self::FunctionUrlBuffered => "function-url-buffered",
            Self::RestApi => "rest-api",
            Self::RestApiStream => "rest-api-stream",
            Self::HttpApi => "http-api",
            Self::Alb => "alb",
            Self::CloudRun => "cloud-run",
            Self::AzurePayload => "azure-payload",
            Self::AzureForwarding => "azure-forwarding",
            Self::AzureProxying => "azure-proxying",
            Self::Direct => "direct",
        }
    }

    /// Whether the parts of a response reach the client as the program writes them.
    #[must_use]
    pub const fn streams(self) -> bool {
        match self {
            Self::FunctionUrl | Self::RestApiStream | Self::CloudRun | Self::AzureProxying | Self::Direct => true,
            Self::FunctionUrlBuffered
            | Self::RestApi
            | Self::HttpApi
            | Self::Alb
            | Self::AzurePayload
            | Self::AzureForwarding => false,
        }
    }

    /// Whether the program is a Lambda function.
    #[must_use]
    pub const fn is_lambda(self) -> bool {
        matches!(
            self,
            Self::FunctionUrl
                | Self::FunctionUrlBuffered
                | Self::RestApi
                | Self::RestApiStream
                | Self::HttpApi
                | Self::Alb
        )
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Trigger {
    type Err = UnknownTrigger;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|trigger| trigger.name() == name)
            .ok_or_else(|| UnknownTrigger { name: name.to_owned() })
    }
}

/// A name that is no trigger's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no trigger named `{name}`")]
pub struct UnknownTrigger {
    /// The name as given.
    pub name: String,
}

/// What can go wrong between a gateway and its function; each gateway answers it in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The request's body is larger than the gateway hands on.
    RequestTooLarge,
    /// The function's reply is not what the gateway can make a response of.
    MalformedReply,
    /// The function failed: it said so, or its process ended.
    FunctionError,
    /// The function did not answer before its own deadline.
    FunctionTimeout,
    /// The gateway does not wait any longer, although the function may.
    GatewayTimeout,
}

/// Why a gateway can make no response of a function's reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the function's reply is malformed: {reason}")]
pub struct Malformed {
    /// What is wrong with it.
    pub reason: String,
}

impl Malformed {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// How the gateways in front of the function are configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Stage of the REST API.
    pub rest_api_stage: String,
    /// How long a streaming REST API waits for the next bytes of a reply before it cuts the stream: five minutes for
    /// Regional and private endpoints, 30 seconds for edge-optimised ones
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html>).
    pub rest_api_idle_timeout: Duration,
    /// Stage of the HTTP API. Any other than `$default` is part of the event's `rawPath`.
    pub http_api_stage: String,
    /// The target group's attribute `lambda.multi_value_headers.enabled`.
    pub alb_headers: AlbHeaders,
    /// The REST API's `binaryMediaTypes`.
    pub binary_media_types: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rest_api_stage: "prod".to_owned(),
            rest_api_idle_timeout: rest_api::IDLE_TIMEOUT,
            http_api_stage: "$default".to_owned(),
            alb_headers: AlbHeaders::SingleValue,
            binary_media_types: Vec::new(),
        }
    }
}

/// Which of its two maps an Application Load Balancer fills and reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlbHeaders {
    /// `headers`, with the last value of each name.
    SingleValue,
    /// `multiValueHeaders`.
    MultiValue,
}

/// What a gateway knows of a request besides its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Id the gateway gives the request.
    pub request_id: String,
    /// Address of the client.
    pub source_ip: IpAddr,
    /// When the request came.
    pub time: SystemTime,
}

impl Facts {
    /// A new request from `source_ip`, now.
    #[must_use]
    pub fn new(source_ip: IpAddr) -> Self {
        Self { request_id: crate::runtime_api::request_id(), source_ip, time: SystemTime::now() }
    }
}
