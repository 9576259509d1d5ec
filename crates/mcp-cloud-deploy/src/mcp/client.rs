//! A small MCP client for Streamable HTTP, in both eras of the protocol: 2026-07-28, where each request carries its own
//! metadata, and 2025-11-25 and before, where `initialize` comes first
//! (<https://modelcontextprotocol.io/specification>, basic/transports).
//!
//! It promises a server nothing: no sampling, no elicitation, no roots. What a server sends is not believed: whatever
//! comes, there is an answer or an error that says what was wrong with it.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use serde::Serialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::{
    events::Events,
    http::{Authorization, Http, HttpError, Limits, Reply},
    message::{self, Incoming},
};

pub use super::message::{Malformed, Notification, RpcError};

/// The version of the modern era.
pub const MODERN_VERSION: &str = "2026-07-28";
/// The version that is proposed to a server of the legacy era.
pub const LEGACY_VERSION: &str = "2025-11-25";
/// What a server of the legacy era may answer.
const LEGACY_VERSIONS: [&str; 4] = [LEGACY_VERSION, "2025-06-18", "2025-03-26", "2024-11-05"];

/// More pages than any list has; whoever sends more sends them for ever.
const PAGES: usize = 1000;
/// More tools than any server has.
const TOOLS: usize = 100_000;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What every MCP client sends: either form is fine.
pub(crate) const ANY_FORM: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
/// The same, with events first.
pub(crate) const RATHER_EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream, application/json;q=0.5");

/// An era of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Era {
    /// 2026-07-28: each request carries its own metadata.
    #[serde(rename = "2026-07-28")]
    Modern,
    /// 2025-11-25 and before: `initialize` first.
    #[serde(rename = "legacy")]
    Legacy,
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Modern => MODERN_VERSION,
            Self::Legacy => "legacy",
        })
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Introduction {
    /// The era that it answered in.
    pub era: Era,
    /// The version that is spoken from now on.
    pub protocol_version: String,
    /// Every version it names; in the legacy era, the one it agreed to.
    pub versions: Vec<String>,
    /// Its name, where it says it.
    pub name: Option<String>,
    /// Its version, where it says it.
    pub version: Option<String>,
    /// What it can do, as it says it.
    pub capabilities: Value,
}

/// Why a server did not give what it was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no reply.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The reply is no MCP, and its status says why.
    #[error("the server answered {status}{}", message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Status {
        /// The status.
        status: StatusCode,
        /// What the reply says, if it says it in a form that is known.
        message: Option<String>,
        /// The challenge, where it asks for other credentials.
        challenge: Option<String>,
    },
    /// The server answered with an error of JSON-RPC.
    #[error("the server answered {method} with an error: {error}")]
    Rpc {
        /// What was asked.
        method: String,
        /// The status the error came with.
        status: StatusCode,
        /// The error.
        error: RpcError,
    },
    /// The reply is of a kind that no MCP server sends.
    #[error("the server answered {method} with `{media_type}`, which is neither JSON nor an event stream")]
    MediaType {
        /// What was asked.
        method: String,
        /// What came.
        media_type: String,
    },
    /// The reply is no message of MCP, or not the one that was waited for.
    #[error("the server's answer to {method} cannot be used")]
    Malformed {
        /// What was asked.
        method: String,
        /// What is wrong with it.
        #[source]
        source: Malformed,
    },
}

/// A connection to a server: which era is spoken, and the session if there is one.
#[derive(Debug)]
pub struct Client {
    http: Http,
    url: Uri,
    authorization: Authorization,
    limits: Limits,
    era: Era,
    version: Option<String>,
    session: Option<HeaderValue>,
    last_id: u64,
}

impl Client {
    /// How much a reply may take unless [`with_limits`](Self::with_limits) says otherwise: a minute, and 32 MiB.
    pub const LIMITS: Limits = Limits { time: Duration::from_secs(60), bytes: 32 * 1024 * 1024 };

    /// A client of the server at this URL; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`HttpError::Url`] when that is no URL.
    pub fn new(http: &Http, url: &str, authorization: Authorization) -> Result<Self, HttpError> {
        let unusable = || HttpError::Url { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| unusable())?;
        uri.host().filter(|_| matches!(uri.scheme_str(), Some("http" | "https"))).ok_or_else(unusable)?;
        Ok(Self {
            http: http.clone(),
            url: uri,
            authorization,
            limits: Self::LIMITS,
            era: Era::Modern,
            version: Some(MODERN_VERSION.to_owned()),
            session: None,
            last_id: 0,
        })
    }

    /// Changes how much each reply may take.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Asks the server who it is: in the era that is wanted, or in the modern one first and in the legacy one where the
    /// server does not know that (MCP 2026-07-28, basic/transports/streamable-http, Backward Compatibility).
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn connect(&mut self, era: Option<Era>) -> Result<Introduction, ClientError> {
        match era {
            Some(Era::Modern) => self.discover().await,
            Some(Era::Legacy) => self.initialize().await,
            None => match self.discover().await {
                Err(error) if error.is_unknown_era() => self.initialize().await,
                discovered => discovered,
            },
        }
    }

    /// Asks who the server is, in the modern era.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn discover(&mut self) -> Result<Introduction, ClientError> {
        (self.era, self.version) = (Era::Modern, Some(MODERN_VERSION.to_owned()));
        let result = self.request("server/discover", json!({}), &mut |_| {}).await?;
        let versions = result.get("supportedVersions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let versions: Vec<_> = versions.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if !versions.iter().any(|version| version == MODERN_VERSION) {
            let found = if versions.is_empty() { "none".to_owned() } else { versions.join(", ") };
            let source = Malformed::Versions { found, spoken: MODERN_VERSION };
            return Err(ClientError::Malformed { method: "server/discover".to_owned(), source });
        }
        let info = result.get("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/serverInfo"));
        Ok(introduction(Era::Modern, MODERN_VERSION, versions, info, &result))
    }

    /// Shakes hands with the server, in the legacy era.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn initialize(&mut self) -> Result<Introduction, ClientError> {
        (self.era, self.version, self.session) = (Era::Legacy, None, None);
        let params = json!({
            "protocolVersion": LEGACY_VERSION,
            "capabilities": {},
            "clientInfo": client_info(),
        });
        let result = self.request("initialize", params, &mut |_| {}).await?;
        let agreed = result.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        if !LEGACY_VERSIONS.contains(&agreed) {
            let source = Malformed::Versions { found: message::excerpt(agreed), spoken: LEGACY_VERSION };
            return Err(ClientError::Malformed { method: "initialize".to_owned(), source });
        }
        self.version = Some(agreed.to_owned());
        self.notify("notifications/initialized").await?;
        Ok(introduction(Era::Legacy, agreed, vec![agreed.to_owned()], result.get("serverInfo"), &result))
    }

    /// Lists every tool, page after page.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; a list that does not end is one.
    pub async fn tools(&mut self) -> Result<Vec<Value>, ClientError> {
        let (mut tools, mut cursor) = (Vec::new(), None::<String>);
        let endless = || ClientError::Malformed { method: "tools/list".to_owned(), source: Malformed::Endless };
        for _ in 0..PAGES {
            let params = cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
            let mut result = self.request("tools/list", params, &mut |_| {}).await?;
            let Some(Value::Array(page)) = result.get_mut("tools").map(Value::take) else {
                let source = Malformed::Missing { member: "tools" };
                return Err(ClientError::Malformed { method: "tools/list".to_owned(), source });
            };
            tools.extend(page);
            let next = result.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            if tools.len() > TOOLS || (next.is_some() && next == cursor) {
                return Err(endless());
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(endless())
    }

    /// Calls a tool and returns its whole result, `isError` or not. What the server reports meanwhile is handed on as it
    /// comes. `input_schema` says which arguments are repeated in headers.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn call(
        &mut self,
        tool: &str,
        arguments: Map<String, Value>,
        input_schema: &Value,
        heard: &mut (dyn FnMut(Notification) + Send),
    ) -> Result<Value, ClientError> {
        let id = self.next_id();
        let mut meta = json!({ "progressToken": id });
        let mut headers = Vec::new();
        if self.era == Era::Modern {
            meta["io.modelcontextprotocol/logLevel"] = "info".into();
            headers = message::parameter_headers(input_schema, &arguments);
        }
        let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
        let mut request = self.post(Some(id), "tools/call", params);
        request.headers_mut().extend(headers);
        self.exchange(request, "tools/call", id, heard).await
    }

    /// Sends a request and waits for its result.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn request(
        &mut self,
        method: &str,
        params: Value,
        heard: &mut (dyn FnMut(Notification) + Send),
    ) -> Result<Value, ClientError> {
        let id = self.next_id();
        let request = self.post(Some(id), method, params);
        self.exchange(request, method, id, heard).await
    }

    /// Ends the session, if there is one. Whether the server takes note does not matter any more.
    pub async fn close(mut self) {
        let Some(session) = self.session.take() else { return };
        let mut request = self.http_request(Method::DELETE, Bytes::new());
        request.headers_mut().insert(SESSION_ID, session);
        let _ = self.http.exchange(request, &self.authorization, self.limits).await;
    }

    /// The id of the next request.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A message as an HTTP request, with all that this era wants of one.
    pub(crate) fn post(&self, id: Option<u64>, method: &str, mut params: Value) -> Request<Bytes> {
        if self.era == Era::Modern {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = MODERN_VERSION.into();
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
            meta["io.modelcontextprotocol/clientInfo"] = client_info();
        }
        let mut body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        if let Some(id) = id {
            body["id"] = id.into();
        }
        let mut request = self.http_request(Method::POST, body.to_string().into());
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.era == Era::Modern {
            headers.extend(message::header_value(method).map(|value| (METHOD, value)));
            let name = params.get("name").and_then(Value::as_str);
            headers.extend(name.and_then(message::header_value).map(|value| (NAME, value)));
        }
        if let Some(session) = &self.session {
            headers.insert(SESSION_ID, session.clone());
        }
        request
    }

    /// Any HTTP request to the endpoint, in this era.
    pub(crate) fn http_request(&self, method: Method, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, ANY_FORM);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("mcp-cloud/", env!("CARGO_PKG_VERSION"))));
        let version = self.version.as_deref().and_then(message::header_value);
        headers.extend(version.map(|version| (PROTOCOL_VERSION, version)));
        request
    }

    /// Sends a request and waits for the answer with this id.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Bytes>,
        method: &str,
        id: u64,
        heard: &mut (dyn FnMut(Notification) + Send),
    ) -> Result<Value, ClientError> {
        let (http, host) = (self.http.clone(), self.url.host().unwrap_or_default().to_owned());
        let limits = self.limits;
        let (answer, session) = http
            .within(limits.time, &host, async {
                let mut reply = http.send(request, &self.authorization, limits.bytes).await?;
                let answer = answer(&mut reply, method, id, heard).await?;
                Ok::<_, ClientError>((answer, reply.headers.remove(SESSION_ID)))
            })
            .await?;
        if method == "initialize" {
            self.session = session;
        }
        Ok(answer)
    }

    async fn notify(&mut self, method: &str) -> Result<(), ClientError> {
        let request = self.post(None, method, json!({}));
        let reply = self.http.exchange(request, &self.authorization, self.limits).await?;
        if reply.status().is_success() {
            return Ok(());
        }
        let (head, body) = reply.into_parts();
        Err(refused(method, head.status, &head.headers, &body))
    }

    /// The way to the server.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// What is shown to the server.
    pub(crate) fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    /// How much a reply may take.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }
}

impl ClientError {
    /// Whether a server answers like this that knows only the legacy era.
    fn is_unknown_era(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status.as_u16(), 400 | 404 | 405 | 406 | 415),
            Self::Rpc { .. } | Self::Malformed { .. } | Self::MediaType { .. } => true,
            Self::Http(_) => false,
        }
    }

    /// The status that came, where one did.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } | Self::Rpc { status, .. } => Some(*status),
            Self::Malformed { .. } | Self::MediaType { .. } => Some(StatusCode::OK),
            Self::Http(_) => None,
        }
    }

    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Http(error) => error.hint(),
            Self::Status { status, .. } if *status == StatusCode::UNAUTHORIZED => {
                Some("put a token of the server's issuer into the environment variable `MCP_CLOUD_TOKEN`")
            }
            Self::Status { status, .. } if *status == StatusCode::FORBIDDEN => {
                Some("see whether these credentials may call it: `auth` in `mcp-cloud.toml` says who may")
            }
            Self::Status { status, .. } if *status == StatusCode::NOT_FOUND => {
                Some("check the path: `path` under `[endpoint]` is `/mcp` unless `mcp-cloud.toml` says otherwise")
            }
            Self::Status { status, .. } if status.is_server_error() => Some("look at its logs: `mcp-cloud logs`"),
            Self::MediaType { .. } => Some("check that this is the URL of an MCP server, path included"),
            _ => None,
        }
    }
}

/// Reads a reply up to the answer with this id.
pub(crate) async fn answer(
    reply: &mut Reply,
    method: &str,
    id: u64,
    heard: &mut (dyn FnMut(Notification) + Send),
) -> Result<Value, ClientError> {
    let media_type = reply.media_type();
    if !reply.status.is_success() {
        let body = reply.rest().await?;
        return Err(refused(method, reply.status, &reply.headers, &body));
    }
    let malformed = |source| ClientError::Malformed { method: method.to_owned(), source };
    let mut take = |text: &[u8]| match message::read(text, id).map_err(malformed)? {
        Incoming::Notification(notification) => {
            heard(notification);
            Ok(None)
        }
        Incoming::Result(result) => Ok(Some(result)),
        Incoming::Error(error) => Err(ClientError::Rpc { method: method.to_owned(), status: StatusCode::OK, error }),
    };
    match media_type.as_str() {
        "application/json" => take(&reply.rest().await?)?.ok_or_else(|| malformed(Malformed::NoAnswer)),
        "text/event-stream" => {
            let mut events = Events::default();
            while let Some(chunk) = reply.chunk().await? {
                for event in events.push(&chunk).map_err(|error| malformed(error.into()))? {
                    // A server may begin a stream with an event that says nothing (MCP 2025-11-25, basic/transports).
                    if event.kind != "message" || event.data.trim().is_empty() {
                        continue;
                    }
                    if let Some(result) = take(event.data.as_bytes())? {
                        return Ok(result);
                    }
                }
            }
            Err(malformed(Malformed::NoAnswer))
        }
        _ => Err(ClientError::MediaType { method: method.to_owned(), media_type: message::excerpt(&media_type) }),
    }
}

/// Reads the first message of an event stream; `None` where it ends without one.
pub(crate) async fn first_message(reply: &mut Reply, method: &str, id: u64) -> Result<Option<Incoming>, ClientError> {
    if !reply.status.is_success() {
        let body = reply.rest().await?;
        return Err(refused(method, reply.status, &reply.headers, &body));
    }
    let media_type = reply.media_type();
    let malformed = |source| ClientError::Malformed { method: method.to_owned(), source };
    if media_type == "application/json" {
        return message::read(&reply.rest().await?, id).map(Some).map_err(malformed);
    }
    if media_type != "text/event-stream" {
        return Err(ClientError::MediaType { method: method.to_owned(), media_type: message::excerpt(&media_type) });
    }
    let mut events = Events::default();
    while let Some(chunk) = reply.chunk().await? {
        let events = events.push(&chunk).map_err(|error| malformed(error.into()))?;
        if let Some(event) = events.iter().find(|event| event.kind == "message" && !event.data.trim().is_empty()) {
            return message::read(event.data.as_bytes(), id).map(Some).map_err(malformed);
        }
    }
    Ok(None)
}

/// What a reply without success means. Only what is in a form that is known is shown of it.
pub(crate) fn refused(method: &str, status: StatusCode, headers: &http::HeaderMap, body: &[u8]) -> ClientError {
    if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        && let Some(error) = message::error(body)
    {
        return ClientError::Rpc { method: method.to_owned(), status, error };
    }
    ClientError::Status { status, message: message::complaint(body), challenge: challenge(headers) }
}

/// The challenge of a refusal. Function URLs and REST APIs rename the header
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>).
pub(crate) fn challenge(headers: &http::HeaderMap) -> Option<String> {
    let value = headers.get(header::WWW_AUTHENTICATE).or_else(|| headers.get("x-amzn-remapped-www-authenticate"))?;
    value.to_str().ok().map(str::to_owned)
}

fn introduction(
    era: Era,
    protocol_version: &str,
    versions: Vec<String>,
    info: Option<&Value>,
    result: &Value,
) -> Introduction {
    let text = |name: &str| info.and_then(|info| info.get(name)).and_then(Value::as_str).map(str::to_owned);
    let capabilities = result.get("capabilities").cloned().unwrap_or_else(|| json!({}));
    let protocol_version = protocol_version.to_owned();
    Introduction { era, protocol_version, versions, name: text("name"), version: text("version"), capabilities }
}

fn client_info() -> Value {
    json!({ "name": "mcp-cloud", "version": env!("CARGO_PKG_VERSION") })
}
