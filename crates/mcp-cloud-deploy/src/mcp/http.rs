//! One HTTP request at a time, over the HTTP client that AWS is talked to with: proxies and TLS are the same, and a
//! rehearsal answers in process.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_async::{
    future::timeout::Timeout,
    rt::sleep::{AsyncSleep as _, SharedAsyncSleep, TokioSleep},
    time::{SharedTimeSource, SystemTimeSource},
};
use aws_smithy_runtime::client::{
    auth::no_auth::{NO_AUTH_SCHEME_ID, NoAuthScheme},
    identity::{IdentityCache, no_auth::NoAuthIdentityResolver},
    orchestrator::endpoints::StaticUriEndpointResolver,
    retries::strategy::NeverRetryStrategy,
};
use aws_smithy_runtime_api::client::{
    auth::static_resolver::StaticAuthSchemeOptionResolver,
    http::{HttpClient as _, HttpConnector as _, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    identity::SharedIdentityResolver,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body::Body as _;
use thiserror::Error;

use crate::aws::{self, Deployer};

/// How long it may take to reach a server; the SDK's own limit is 3.1 s, which a slow name server exceeds.
const CONNECT: Duration = Duration::from_secs(10);

/// The way to a server over HTTP.
#[derive(Clone)]
pub struct Http {
    connector: SharedHttpConnector,
    sleep: SharedAsyncSleep,
    time: SharedTimeSource,
    credentials: Option<SharedCredentialsProvider>,
    region: Option<String>,
}

/// Why a request got no reply, or none that could be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The request cannot be sent as it is.
    #[error("`{url}` is no URL that a request can be sent to")]
    Url {
        /// The URL.
        url: String,
    },
    /// Something secret would travel where everybody on the way can read it.
    #[error("credentials are not sent to `{url}`, because it is not `https`")]
    Insecure {
        /// The URL.
        url: String,
    },
    /// There is nothing to sign the request with.
    #[error("the request cannot be signed")]
    Sign {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server could not be reached, or went away.
    #[error("cannot reach {host}")]
    Unreachable {
        /// Its name.
        host: String,
        /// What went wrong on the way.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The reply broke off.
    #[error("the reply of {host} broke off")]
    BrokenOff {
        /// The server.
        host: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The reply does not come to an end in time.
    #[error("{host} did not reply within {} s", limit.as_secs())]
    TooSlow {
        /// The server.
        host: String,
        /// How long it had.
        limit: Duration,
    },
    /// The reply is larger than anybody would read.
    #[error("the reply of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The server.
        host: String,
        /// The most that is read.
        limit: usize,
    },
}

/// Text that lets its owner in. It is shown nowhere.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Takes a bearer token; `None` for one that no header can carry.
    #[must_use]
    pub fn new(token: &str) -> Option<Self> {
        let token = token.trim();
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| !token.is_empty())?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What shows a server who calls.
#[derive(Debug, Clone, Default)]
pub enum Authorization {
    /// Nothing.
    #[default]
    Nobody,
    /// A bearer token (RFC 6750 §2.1).
    Bearer(Token),
    /// A signature with AWS credentials, for this service: `lambda` for function URLs
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>), `execute-api` for API Gateway
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-use-iam-auth.html>).
    Signed(&'static str),
}

/// How much a reply may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time from the request to the last byte of the reply.
    pub time: Duration,
    /// Bytes of the body, whether it is one document or a stream.
    pub bytes: usize,
}

/// A reply whose head is there; the body is read as it comes.
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: Pin<Box<SdkBody>>,
    read: usize,
    limit: usize,
    host: Arc<str>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).field("read", &self.read).finish_non_exhaustive()
    }
}

impl Deployer {
    /// The way to a deployed server: the HTTP client, the credentials and the way of sleeping are the deployer's own.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::over(&self.config)
    }
}

impl Http {
    /// Sends requests as this configuration says, and waits as it says.
    #[must_use]
    pub fn over(config: &SdkConfig) -> Self {
        let sleep = config.sleep_impl().unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()));
        let time = config.time_source().unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()));
        let client = config.http_client().unwrap_or_else(aws::http_client);
        Self {
            connector: connector(&client, &sleep, &time),
            sleep,
            time,
            credentials: config.credentials_provider(),
            region: config.region().map(ToString::to_string),
        }
    }

    /// Sends requests without knowing anything of AWS: to a server of which only the URL is known.
    #[must_use]
    pub fn plain() -> Self {
        Self::over(&SdkConfig::builder().build())
    }

    /// Waits, by the configuration's own way of sleeping.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep.sleep(duration).await;
    }

    /// Lets something take this long and no longer.
    pub(crate) async fn within<T, E: From<HttpError>>(
        &self,
        limit: Duration,
        host: &str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match Timeout::new(work, self.sleep.sleep(limit)).await {
            Ok(done) => done,
            Err(_) => Err(HttpError::TooSlow { host: host.to_owned(), limit }.into()),
        }
    }

    /// Sends a request and waits for the head of the reply. Whoever reads the body, too, has to see to the time that all
    /// of it takes: [`exchange`](Self::exchange) does.
    ///
    /// # Errors
    ///
    /// [`HttpError`], but not [`HttpError::TooSlow`].
    pub async fn send(
        &self,
        mut request: Request<Bytes>,
        authorization: &Authorization,
        max_bytes: usize,
    ) -> Result<Reply, HttpError> {
        let url = request.uri().to_string();
        let unusable = || HttpError::Url { url: url.clone() };
        let host: Arc<str> = request.uri().authority().ok_or_else(unusable)?.as_str().into();
        if !matches!(request.uri().scheme_str(), Some("http" | "https")) {
            return Err(unusable());
        }
        match authorization {
            Authorization::Nobody => {}
            _ if !is_private(request.uri()) => return Err(HttpError::Insecure { url }),
            Authorization::Bearer(token) => {
                request.headers_mut().insert(header::AUTHORIZATION, token.0.clone());
            }
            Authorization::Signed(service) => self.sign(&mut request, service).await?,
        }
        let request = request.map(SdkBody::from).try_into().map_err(|_| unusable())?;
        let reply = self.connector.call(request).await.map_err(|error| unreachable(&host, error))?;
        let reply = reply
            .try_into_http1x()
            .map_err(|error| HttpError::BrokenOff { host: host.to_string(), source: error.into() })?;
        let (head, body) = reply.into_parts();
        let body = Box::pin(body);
        Ok(Reply { status: head.status, headers: head.headers, body, read: 0, limit: max_bytes, host })
    }

    /// Sends a request and reads the whole reply.
    ///
    /// # Errors
    ///
    /// [`HttpError`].
    pub async fn exchange(
        &self,
        request: Request<Bytes>,
        authorization: &Authorization,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        self.within(limits.time, &host, async {
            let mut reply = self.send(request, authorization, limits.bytes).await?;
            let body = reply.rest().await?;
            let mut whole = http::Response::new(body);
            *whole.status_mut() = reply.status;
            *whole.headers_mut() = reply.headers;
            Ok(whole)
        })
        .await
    }

    /// Adds a signature. Only what identifies the request is signed (host, time, body): proxies may change the rest.
    async fn sign(&self, request: &mut Request<Bytes>, service: &str) -> Result<(), HttpError> {
        let failed = |source| HttpError::Sign { source };
        let provider = self.credentials.as_ref().ok_or_else(|| failed("there are no AWS credentials".into()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| failed(error.into()))?;
        let region = self.region.as_deref().ok_or_else(|| failed("no AWS region is set".into()))?;
        let identity = credentials.into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(self.time.now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(error.into()))?
            .into();
        let method = request.method().as_str().to_owned();
        let url = request.uri().to_string();
        let signable = SignableRequest::new(&method, url, std::iter::empty(), SignableBody::Bytes(request.body()));
        let signed = signable.and_then(|signable| sign(signable, &params)).map_err(|error| failed(error.into()))?;
        signed.into_parts().0.apply_to_request_http1x(request);
        Ok(())
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Reply {
    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    ///
    /// [`HttpError::BrokenOff`], and [`HttpError::TooLarge`] as soon as more came than is read.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = std::future::poll_fn(|context| self.body.as_mut().poll_frame(context)).await;
            let Some(frame) = frame else { return Ok(None) };
            let broken = |source| HttpError::BrokenOff { host: self.host.to_string(), source };
            let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
            self.read = self.read.saturating_add(data.len());
            if self.read > self.limit {
                return Err(HttpError::TooLarge { host: self.host.to_string(), limit: self.limit });
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// What has not been read of the body.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    pub async fn rest(&mut self) -> Result<Bytes, HttpError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The media type of the body, without its parameters and in lower case; empty where the reply does not say.
    #[must_use]
    pub fn media_type(&self) -> String {
        media_type(&self.headers)
    }
}

impl HttpError {
    /// Whether the server was not reached at all, so that nothing has happened there.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Url { .. } => "write it out, as in `https://example.com/mcp`",
            Self::Insecure { .. } => "use the `https` URL; only this machine itself is trusted without TLS",
            Self::Sign { .. } => "set `AWS_PROFILE`, or log in again, for example with `aws sso login`",
            Self::Unreachable { .. } => "check the name, your network, and `HTTPS_PROXY` if you are behind a proxy",
            Self::TooSlow { .. } => "see what it is doing with `mcp-cloud logs`",
            Self::BrokenOff { .. } | Self::TooLarge { .. } => return None,
        })
    }
}

pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether nobody on the way reads along: TLS, or this machine itself.
fn is_private(url: &http::Uri) -> bool {
    let host = url.host().unwrap_or_default();
    url.scheme_str() == Some("https")
        || matches!(host, "127.0.0.1" | "[::1]")
        || host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
}

fn unreachable(host: &str, error: ConnectorError) -> HttpError {
    HttpError::Unreachable { host: host.to_owned(), source: error.into_source() }
}

/// A client makes connections for operations of the SDK, with all that belongs to one; here are those parts, as far as
/// somebody who signs, retries and finds endpoints by themselves can say what they are.
/// A connector that asks nobody for anything but the connection.
pub(crate) fn connector(
    client: &SharedHttpClient,
    sleep: &SharedAsyncSleep,
    time: &SharedTimeSource,
) -> SharedHttpConnector {
    let mut builder = RuntimeComponents::builder("mcp");
    builder
        .set_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![NO_AUTH_SCHEME_ID])))
        .set_endpoint_resolver(Some(StaticUriEndpointResolver::http_localhost(0)))
        .push_auth_scheme(NoAuthScheme::new())
        .set_identity_cache(Some(IdentityCache::no_cache()))
        .set_identity_resolver(NO_AUTH_SCHEME_ID, SharedIdentityResolver::new(NoAuthIdentityResolver::new()))
        .set_retry_strategy(Some(NeverRetryStrategy::new()))
        .set_sleep_impl(Some(sleep.clone()))
        .set_time_source(Some(time.clone()));
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).build();
    match builder.build() {
        Ok(components) => client.http_connector(&settings, &components),
        Err(error) => SharedHttpConnector::new(Broken(error.to_string())),
    }
}

/// Stands in for a connector where there is none, and says why.
#[derive(Debug)]
struct Broken(String);

impl aws_smithy_runtime_api::client::http::HttpConnector for Broken {
    fn call(
        &self,
        _: aws_smithy_runtime_api::client::orchestrator::HttpRequest,
    ) -> aws_smithy_runtime_api::client::http::HttpConnectorFuture {
        let error = ConnectorError::other(self.0.clone().into(), None);
        aws_smithy_runtime_api::client::http::HttpConnectorFuture::ready(Err(error))
    }
}
