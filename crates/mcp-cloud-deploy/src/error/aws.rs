//! Calls to AWS that did not succeed, in our words.

use std::error::Error as StdError;

use aws_sdk_cloudformation::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use thiserror::Error;

/// A call to AWS that did not succeed.
#[derive(Debug, Error)]
#[error("cannot {attempt}{}", details(message.as_deref(), code.as_deref(), request_id.as_deref()))]
pub struct AwsError {
    /// What was tried, as an infinitive: `describe the stack `hello``.
    pub attempt: String,
    /// Whose fault it was.
    pub fault: AwsFault,
    /// AWS's name of the error.
    pub code: Option<String>,
    /// AWS's sentence.
    pub message: Option<String>,
    /// What AWS support asks for.
    pub request_id: Option<String>,
    /// Why no answer came, when none did.
    source: Option<Box<dyn StdError + Send + Sync>>,
}

fn details(message: Option<&str>, code: Option<&str>, request_id: Option<&str>) -> String {
    let mut text = message.map(|message| format!(": {}", message.trim_end_matches('.'))).unwrap_or_default();
    let facts: Vec<_> =
        code.map(str::to_owned).into_iter().chain(request_id.map(|id| format!("request {id}"))).collect();
    if !facts.is_empty() {
        text.push_str(&format!(" ({})", facts.join(", ")));
    }
    text
}

/// Whose fault a failed call was, as far as the answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AwsFault {
    /// The credentials are over.
    Expired,
    /// AWS does not know the credentials.
    Credentials,
    /// The identity may not do this.
    Denied,
    /// Too many calls, even after waiting and trying again.
    Throttled,
    /// AWS has a problem of its own, even after waiting and trying again.
    Unavailable,
    /// No answer came.
    Unreachable,
    /// None of these.
    Other,
}

impl AwsFault {
    fn of(code: &str) -> Self {
        match code {
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => Self::Expired,
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "InvalidToken" => Self::Credentials,
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "AuthorizationError"
            | "Forbidden"
            | "AllAccessDisabled"
            | "OptInRequired" => Self::Denied,
            "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "SlowDown" | "TooManyRequestsException" => {
                Self::Throttled
            }
            "InternalFailure"
            | "InternalError"
            | "InternalServiceError"
            | "InternalServiceFault"
            | "InternalServerError"
            | "InternalServiceException"
            | "ServerException"
            | "ServiceException"
            | "ServiceUnavailable"
            | "ServiceUnavailableException" => Self::Unavailable,
            _ => Self::Other,
        }
    }

    pub(super) fn hint(self) -> Option<&'static str> {
        match self {
            Self::Expired => {
                Some("the session is over; log in again, for example with `aws sso login`, and repeat the command")
            }
            Self::Credentials => Some("check `AWS_PROFILE` and the access key; AWS does not know these credentials"),
            Self::Denied => Some("ask for the right to do this, or use another identity with `AWS_PROFILE`"),
            Self::Throttled => Some("wait a minute and repeat the command; it goes on where it stopped"),
            Self::Unavailable => Some("that is AWS's own; wait some minutes and repeat the command"),
            Self::Unreachable => Some("check the network, the region and `AWS_ENDPOINT_URL`"),
            Self::Other => None,
        }
    }
}

impl AwsError {
    /// Tells an SDK error in our words; `attempt` completes "cannot …".
    pub(crate) fn new<E>(attempt: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let attempt = attempt.into();
        let request_id = error.request_id().map(str::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        if let SdkError::ServiceError(context) = &error {
            let meta = context.err();
            // The answer to a HEAD request has no body, so only its status says what happened.
            let code = match (meta.code(), status) {
                (Some(code), _) => Some(code.to_owned()),
                (None, Some(503)) => Some("ServiceUnavailable".to_owned()),
                (None, Some(403)) => Some("AccessDenied".to_owned()),
                (None, status) => status.map(|status| format!("HTTP {status}")),
            };
            let fault = code.as_deref().map_or(AwsFault::Other, AwsFault::of);
            let message = meta.message().map(str::to_owned);
            return Self { attempt, fault, code, message, request_id, source: None };
        }
        let fault = match &error {
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => AwsFault::Unreachable,
            _ => AwsFault::Other,
        };
        let source = error.into_source().ok();
        Self { attempt, fault, code: None, message: None, request_id, source }
    }

    /// Tells why a request could not even be put together.
    pub(crate) fn local(attempt: String, error: impl StdError + Send + Sync + 'static) -> Self {
        let fault = AwsFault::Other;
        Self { attempt, fault, code: None, message: None, request_id: None, source: Some(Box::new(error)) }
    }

    /// Tells of an error that AWS reports within a successful answer.
    pub(crate) fn refused(attempt: String, code: Option<&str>, message: Option<&str>) -> Self {
        Self {
            attempt,
            fault: code.map_or(AwsFault::Other, AwsFault::of),
            code: code.map(str::to_owned),
            message: message.map(str::to_owned),
            request_id: None,
            source: None,
        }
    }

    /// Whether AWS says this, where its code alone does not tell.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.message.as_deref().is_some_and(|message| message.contains(text))
    }

    /// Whether AWS gave this code; for the answer to a HEAD request without one, `HTTP` and the status.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}
