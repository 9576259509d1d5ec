//! AWS Lambda: function URLs, API Gateway REST and HTTP APIs and Application Load Balancers, told apart by their
//! events, over the Runtime API (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

mod detect;
mod event;
mod inbox;
#[cfg(feature = "lambda-http")]
mod lambda_http;
mod request;
mod response;
mod run;
mod runtime_api;
#[cfg(test)]
#[cfg(feature = "rmcp")]
mod tests;

pub(crate) use detect::{Settings, detect};
#[cfg(feature = "lambda-http")]
pub(crate) use lambda_http::describe;
pub(crate) use run::run;

use crate::byte_str::ByteStr;

/// What the Runtime API says about an invocation, beside its deadline. A handler finds it in
/// [`RequestInfo::lambda`](crate::RequestInfo::lambda).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LambdaContext {
    /// Identifies the invocation, in the function's logs too.
    pub request_id: ByteStr,
    /// The ARN the function was invoked by: its version or alias is part of it.
    pub invoked_function_arn: ByteStr,
    /// The X-Ray trace header, where tracing is on.
    pub trace_id: Option<ByteStr>,
}
