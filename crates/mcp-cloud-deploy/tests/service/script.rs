//! An AWS that answers what a test says, in a time that nobody waits for.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::config::{RuntimeComponents, SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::body::SdkBody;
use http::Response;
use serde_json::{Value, json};

use mcp_cloud_deploy::Deployer;

pub(crate) const ACCOUNT: &str = "123456789012";

/// A call as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The operation, such as `CreateService`.
    pub(crate) operation: String,
    /// Its body: JSON, or the form as one text.
    pub(crate) body: Value,
    /// The virtual time.
    pub(crate) at: Duration,
    pub(crate) length: String,
    pub(crate) bytes: usize,
    pub(crate) signed: bool,
    /// All of it, as it is held against AWS's models.
    pub(crate) record: Value,
}

/// An answer: its status and its body.
pub(crate) type Answer = (u16, Value);

type Answers = dyn Fn(&Asked) -> Answer + Send + Sync;

#[derive(Clone)]
pub(crate) struct Script {
    now: Arc<Mutex<Duration>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Answers>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl Script {
    pub(crate) fn new(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self { now: Arc::default(), asked: Arc::default(), answers: Arc::new(answers) }
    }

    pub(crate) async fn deployer(&self) -> Deployer {
        let keys = Credentials::new("test", "test", None, None, "a test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .retry_config(RetryConfig::standard().with_max_attempts(6))
            .sleep_impl(SharedAsyncSleep::new(self.clone()))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(SharedHttpClient::new(self.clone()))
            .build();
        Deployer::over(config, None).await.unwrap()
    }

    /// Every call, as it is held against AWS's models.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.asked.lock().unwrap().iter().map(|asked| asked.record.clone()).collect()
    }

    /// The calls of this operation.
    pub(crate) fn calls(&self, operation: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.operation == operation).cloned().collect()
    }

    fn reply(&self, request: &HttpRequest) -> (u16, String) {
        let bytes = request.body().bytes().unwrap_or_default();
        let text = String::from_utf8_lossy(bytes).into_owned();
        let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let form = || text.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
        let asked = Asked {
            operation: target.unwrap_or_else(form).to_owned(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text.clone())),
            at: *self.now.lock().unwrap(),
            length: request.headers().get("content-length").unwrap_or_default().to_owned(),
            bytes: bytes.len(),
            record: json!({
                "method": request.method(),
                "path": request.uri().splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |path| format!("/{path}")),
                "service": signed_for(request),
                "headers": request.headers().iter().collect::<Vec<_>>(),
                "body": text,
            }),
            signed: request.headers().get("authorization").is_some_and(|it| it.contains("Signature=")),
        };
        if asked.operation == "GetCallerIdentity" {
            let identity = format!("<Arn>arn:aws:iam::{ACCOUNT}:user/test</Arn><Account>{ACCOUNT}</Account>");
            let result = format!("<GetCallerIdentityResult>{identity}</GetCallerIdentityResult>");
            return (200, format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"));
        }
        let (status, body) = (self.answers)(&asked);
        self.asked.lock().unwrap().push(asked);
        (status, body.as_str().map_or_else(|| body.to_string(), str::to_owned))
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.reply(&request);
        let response = Response::builder().status(status).body(SdkBody::from(body)).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).unwrap()))
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl AsyncSleep for Script {
    fn sleep(&self, duration: Duration) -> Sleep {
        let now = Arc::clone(&self.now);
        Sleep::new(async move {
            // Limits on time are slept on, too, and given up when what they limit is done.
            tokio::task::yield_now().await;
            *now.lock().unwrap() += duration;
        })
    }
}

/// The name of the service that a request is signed for.
fn signed_for(request: &HttpRequest) -> String {
    let signature = request.headers().get("authorization").unwrap_or_default();
    let scope = signature.split(',').next().unwrap_or_default();
    scope.rsplit('/').nth(1).unwrap_or_default().to_owned()
}

/// An error as services of the JSON protocol say it.
pub(crate) fn refused(status: u16, code: &str, message: &str) -> Answer {
    (status, json!({ "__type": code, "message": message }))
}

/// How targets do, by address, as Elastic Load Balancing says it.
pub(crate) fn health(targets: &[(&str, &str, &str)]) -> Answer {
    let member = |(address, state, description): &(&str, &str, &str)| {
        let said = match description.is_empty() {
            true => String::new(),
            false => format!("<Reason>Target.ResponseCodeMismatch</Reason><Description>{description}</Description>"),
        };
        let target = format!("<Target><Id>{address}</Id><Port>8080</Port></Target>");
        format!("<member>{target}<TargetHealth><State>{state}</State>{said}</TargetHealth></member>")
    };
    let members: String = targets.iter().map(member).collect();
    let result = format!("<TargetHealthDescriptions>{members}</TargetHealthDescriptions>");
    let result = format!("<DescribeTargetHealthResult>{result}</DescribeTargetHealthResult>");
    (200, Value::String(format!("<DescribeTargetHealthResponse>{result}</DescribeTargetHealthResponse>")))
}
