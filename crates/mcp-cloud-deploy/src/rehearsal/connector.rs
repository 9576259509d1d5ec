//! Carries the SDK's requests to an account in memory, and those to function URLs to whoever runs the program.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use aws_sdk_sts::error::BoxError;
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use mcp_cloud_emulator::aws::{Account, Deployed};

/// Answers a request to a function URL with what the program that is deployed there says.
pub type Endpoint =
    dyn Fn(Deployed, Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<SdkBody>> + Send>> + Send + Sync;

/// The end of names of function URLs.
const FUNCTION_URL: &str = ".on.aws";
/// The end of names of load balancers.
const LOAD_BALANCER: &str = ".elb.amazonaws.com";

/// A way to an account that needs no network.
#[derive(Clone)]
pub struct Connector {
    account: Account,
    endpoint: Option<Arc<Endpoint>>,
    /// How many answers of programs are waited for.
    busy: Arc<AtomicUsize>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Connector {
    /// Leads to this account. Function URLs answer 502 until somebody runs what is behind them.
    #[must_use]
    pub fn new(account: Account) -> Self {
        Self { account, endpoint: None, busy: Arc::default() }
    }

    /// Has this answer requests to function URLs.
    #[must_use]
    pub fn with_endpoint(self, endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint: Some(endpoint), ..self }
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn busy(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.busy)
    }

    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let user = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
        let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(user)?.to_bytes();
        let request = Request::from_parts(parts, body);
        let host = request.uri().host().unwrap_or_default().to_owned();
        let response = if host.ends_with(FUNCTION_URL) || host.ends_with(LOAD_BALANCER) {
            self.ask(&host, request).await
        } else {
            let answer = self.account.answer(request);
            answer.map_err(|lost| ConnectorError::io(lost.into()))?.map(SdkBody::from)
        };
        HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
    }

    async fn ask(&self, host: &str, request: Request<Bytes>) -> Response<SdkBody> {
        let deployed = if host.ends_with(LOAD_BALANCER) {
            self.account.load_balancer(host).ok_or((StatusCode::SERVICE_UNAVAILABLE, "Service Temporarily Unavailable"))
        } else {
            // What the gateway in front of function URLs says when there is none of that name.
            self.account.function_url(host).ok_or((StatusCode::FORBIDDEN, "{\"Message\":null}"))
        };
        let deployed = match deployed {
            Ok(deployed) => deployed,
            Err((status, body)) => return answer(status, body),
        };
        // Who has signed it is not held against anything: the rehearsal has one identity.
        let signed = request.headers().contains_key("authorization");
        if deployed.auth_type.as_deref() == Some("AWS_IAM") && !signed {
            return answer(StatusCode::FORBIDDEN, "{\"Message\":\"Forbidden\"}");
        }
        let Some(endpoint) = &self.endpoint else {
            return answer(StatusCode::BAD_GATEWAY, "Internal Server Error");
        };
        let at_work = AtWork::begin(&self.busy);
        let response = endpoint(deployed, request).await;
        response.map(|body| SdkBody::from_body_1_x(Answering { body, _at_work: at_work }))
    }
}

/// The body of a program's answer. The program is at work until all of it was read, or nobody reads on.
struct Answering {
    body: SdkBody,
    _at_work: AtWork,
}

impl Body for Answering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Body::poll_frame(Pin::new(&mut self.body), context)
    }

    fn is_end_stream(&self) -> bool {
        Body::is_end_stream(&self.body)
    }
}

/// A program is at work until this is dropped.
struct AtWork(Arc<AtomicUsize>);

impl AtWork {
    fn begin(busy: &Arc<AtomicUsize>) -> Self {
        busy.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(busy))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) fn answer(status: StatusCode, body: &'static str) -> Response<SdkBody> {
    let mut response = Response::new(SdkBody::from(body));
    *response.status_mut() = status;
    response
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request))
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
