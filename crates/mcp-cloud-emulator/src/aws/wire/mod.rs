//! What goes over the wire: which call a request is, and how its answer looks in the service's own protocol.
//!
//! - [`query`]: forms in, XML out (CloudFormation, IAM, STS, load balancers).
//! - [`json`]: JSON 1.1 (Secrets Manager, CloudWatch Logs, ACM, ECS, ECR, Application Auto Scaling).
//! - [`rest`]: paths and JSON (Lambda).
//! - [`s3`]: paths and XML.
//! - [`cbor`]: CBOR (CloudWatch).
//! - [`registry`]: the protocol of registries (ECR's images).

pub(super) mod cbor;
mod json;
mod query;
mod registry;
mod rest;
mod s3;
pub(super) mod xml;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Map, Value};

/// A service, by the name it is signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    Acm,
    CloudFormation,
    CloudWatch,
    Ecr,
    Ecs,
    Elb,
    Iam,
    Lambda,
    Logs,
    /// The registry of ECR, whose requests are not signed.
    Registry,
    S3,
    Scaling,
    SecretsManager,
    Sts,
}

impl Service {
    fn of(signing_name: &str) -> Option<Self> {
        Some(match signing_name {
            "acm" => Self::Acm,
            "cloudformation" => Self::CloudFormation,
            "monitoring" => Self::CloudWatch,
            "ecr" => Self::Ecr,
            "ecs" => Self::Ecs,
            "elasticloadbalancing" => Self::Elb,
            "iam" => Self::Iam,
            "lambda" => Self::Lambda,
            "logs" => Self::Logs,
            "s3" => Self::S3,
            "application-autoscaling" => Self::Scaling,
            "secretsmanager" => Self::SecretsManager,
            "sts" => Self::Sts,
            _ => return None,
        })
    }

    /// As actions of policies begin.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Acm => "acm",
            Self::CloudFormation => "cloudformation",
            Self::CloudWatch => "cloudwatch",
            Self::Ecr | Self::Registry => "ecr",
            Self::Ecs => "ecs",
            Self::Elb => "elasticloadbalancing",
            Self::Iam => "iam",
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::S3 => "s3",
            Self::Scaling => "application-autoscaling",
            Self::SecretsManager => "secretsmanager",
            Self::Sts => "sts",
        }
    }
}

/// A call, understood.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) service: Service,
    pub(super) action: String,
    /// Everything that names what the call is about, wherever the protocol puts it.
    pub(super) parameters: Map<String, Value>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What the credentials are called; tells who asks.
    pub(super) region: String,
}

impl Asked {
    /// A parameter that is text or can be read as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    /// A parameter that has to be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.text(name).ok_or_else(|| {
            Fault::new(
                400,
                "ValidationError",
                format!(
                    "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be \
                     null",
                    lower_first(name)
                ),
            )
        })
    }

    /// A whole number, whether it came as one or as text.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let value = self.parameters.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// Whether a switch is on, whether it came as a boolean or as text.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.parameters.get(name).is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("true"))
    }

    /// The texts of a list.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.parameters.get(name).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// A refusal in the service's own words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Fault {
    pub(super) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), headers: Vec::new() }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What a call is answered when it succeeds.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The members of the answer; how they are written down is the protocol's affair.
    pub(super) members: Value,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Bytes that are the whole body, for the few answers that are no structure.
    pub(super) raw: Option<Bytes>,
}

impl Reply {
    pub(super) fn of(members: Value) -> Self {
        Self { status: 200, members, ..Self::default() }
    }

    pub(super) fn empty() -> Self {
        Self::of(Value::Null)
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Understands a request; what it cannot be taken for is refused as AWS refuses it.
pub(super) fn read(request: Request<Bytes>) -> Result<Asked, Fault> {
    let (parts, body) = request.into_parts();
    if registry::is_meant(parts.uri.path(), &parts.headers) {
        let (action, parameters) =
            registry::read(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default());
        let region = String::new();
        return Ok(Asked { service: Service::Registry, action, parameters, headers: parts.headers, body, region });
    }
    let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scope = authorization.split_once("Credential=").map(|(_, rest)| rest).unwrap_or_default();
    let mut scope = scope.split([',', ' ']).next().unwrap_or_default().split('/').skip(2);
    let (region, signing_name) = (scope.next().unwrap_or_default().to_owned(), scope.next().unwrap_or_default());
    let missing = || Fault::new(403, "MissingAuthenticationToken", "Missing Authentication Token");
    let service = Service::of(signing_name).ok_or_else(missing)?;
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let (action, parameters) = match service {
        Service::CloudFormation | Service::Elb | Service::Iam | Service::Sts => query::read(&body, query),
        Service::Acm | Service::Ecr | Service::Ecs | Service::Logs | Service::Scaling | Service::SecretsManager => {
            json::read(&parts.headers, &body)?
        }
        Service::CloudWatch => cbor::read(path, &parts.headers, &body)?,
        Service::Registry => return Err(missing()),
        Service::Lambda => rest::read(&parts.method, path, query, &body)?,
        Service::S3 => {
            let host = parts.uri.host().or_else(|| parts.headers.get("host").and_then(|host| host.to_str().ok()));
            s3::read(&parts.method, host.unwrap_or_default(), path, query, &parts.headers, &body)?
        }
    };
    let body = if service == Service::S3 { s3::plain_body(&parts.headers, body) } else { body };
    Ok(Asked { service, action, parameters, headers: parts.headers, body, region })
}

/// Writes an answer in the protocol of its service.
pub(super) fn write(asked: &Asked, reply: Result<Reply, Fault>, request_id: &str, date: String) -> Response<Bytes> {
    let (status, mut headers, body) = match (asked.service, reply) {
        (Service::CloudFormation | Service::Elb | Service::Iam | Service::Sts, reply) => {
            query::write(asked, reply, request_id)
        }
        (
            Service::Acm | Service::Ecr | Service::Ecs | Service::Logs | Service::Scaling | Service::SecretsManager,
            reply,
        ) => json::write(reply),
        (Service::CloudWatch, reply) => cbor::write(asked, reply),
        (Service::Lambda, reply) => rest::write(reply),
        (Service::Registry, reply) => registry::write(reply),
        (Service::S3, reply) => s3::write(asked, reply, request_id),
    };
    headers.push(("date", date));
    let id_header = if asked.service == Service::S3 { "x-amz-request-id" } else { "x-amzn-requestid" };
    headers.push((id_header, request_id.to_owned()));
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Undoes percent-encoding; in a form a plus sign is a space.
pub(super) fn decode(text: &str, plus: Plus) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = (first == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None if first == b'+' && plus == Plus::IsSpace => bytes.push(b' '),
            None => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a plus sign stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    IsSpace,
    IsPlus,
}

/// The pairs of a query string or a form.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name, Plus::IsSpace), decode(value, Plus::IsSpace))
    })
}
