//! JSON of one's own through an operation of the SDK.
//!
//! The SDK's types cannot be read from JSON, and drop what they do not know. What the emitters write is sent as it is, and
//! an answer is kept as it came; signing, endpoints, errors and trying again stay the SDK's. Only for services that speak
//! AWS's JSON protocol, whose requests have everything in their body
//! (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>).

use std::{
    error::Error as StdError,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_ecs::{
    config::{ConfigBag, Intercept, RuntimeComponents, http::HttpResponse},
    error::{BoxError, ProvideErrorMetadata, SdkError},
};
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use serde_json::Value;

use crate::error::AwsError;

/// The body of one call, and of the answer to it.
#[derive(Clone)]
pub(super) struct Exchange {
    body: Arc<Vec<u8>>,
    answer: Arc<Mutex<Bytes>>,
}

/// Variables and tokens are in both.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Exchange {
    /// What is sent; each time, where the SDK tries again.
    pub(super) fn of(body: &Value) -> Self {
        Self { body: Arc::new(body.to_string().into_bytes()), answer: Arc::default() }
    }

    /// The answer, once the call that this was an interceptor of has returned; `attempt` completes "cannot …".
    pub(super) fn answer<T, E>(
        self,
        attempt: impl Into<String>,
        sent: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<Value, AwsError>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let attempt = attempt.into();
        if let Err(error) = sent {
            return Err(AwsError::new(attempt, error));
        }
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|error| AwsError::local(attempt, error))
    }
}

impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "Exchange"
    }

    /// Before it is signed, so that the signature is of what is sent.
    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.body.as_slice().to_vec());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Bytes::copy_from_slice(bytes);
        Ok(())
    }
}
