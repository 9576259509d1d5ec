//! The way in: a handler, a few settings, and then either [`Server::serve`] or [`Server::into_service`].

use std::{fmt, future::Future, io, sync::Arc};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use mcp_cloud_contract::{DEFAULT_PATH, HEALTH_PATH, SESSIONS_MEMORY, SESSIONS_NONE, env};
use serde::Serialize;

use crate::{
    edge::{
        edge,
        origin::{Hosts, OriginPolicy},
        route::Routes,
    },
    handler::{ErrorObject, Handler, Request, duplex::DuplexHandler, json_rpc},
    platform::{self, Platform, ServeError},
    service::McpService,
    transport::{Eras, SessionSettings, Settings, Transport},
};

/// An MCP server that runs wherever it is started.
#[must_use = "a server does nothing until it is served"]
pub struct Server {
    handler: Arc<dyn Handler>,
    path: String,
    health_path: String,
    resource_metadata: Option<Bytes>,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    eras: Eras,
    sessions: Option<SessionSettings>,
    server_info: Option<Bytes>,
}

impl Server {
    /// A server for any handler. What the environment says (`MCP_CLOUD_PATH`, `MCP_CLOUD_HEALTH_PATH`,
    /// `MCP_CLOUD_RESOURCE_METADATA`, `MCP_CLOUD_ALLOWED_HOSTS`, `MCP_CLOUD_ALLOWED_ORIGINS`) is read here, so that the setters below have the last word.
    pub fn new(handler: impl Handler) -> Self {
        Self {
            handler: Arc::new(handler),
            path: std::env::var(env::PATH).unwrap_or_else(|_| DEFAULT_PATH.to_owned()),
            resource_metadata: std::env::var(env::RESOURCE_METADATA).ok().map(Bytes::from),
            health_path: std::env::var(env::HEALTH_PATH).unwrap_or_else(|_| HEALTH_PATH.to_owned()),
            allowed_hosts: list(env::ALLOWED_HOSTS),
            allowed_origins: list(env::ALLOWED_ORIGINS),
            eras: Eras::Both,
            sessions: None,
            server_info: None,
        }
    }

    /// A server for an rmcp handler. The factory is called once: the handler serves every request, and many at a time
    /// where the platform brings many.
    ///
    /// A request's extensions hold the `http::request::Parts` that carried it, and in their extensions what the
    /// platform knows about it, [`RequestInfo`](crate::RequestInfo).
    #[cfg(feature = "rmcp")]
    pub fn rmcp<H: rmcp::ServerHandler>(factory: impl FnOnce() -> H) -> Self {
        let handler = crate::handler::rmcp::RmcpHandler::new(factory());
        let server_info = handler.server_info();
        Self { server_info, ..Self::new(handler) }
    }

    /// A server for a function of JSON-RPC requests, with no SDK between: see [`handler::json_rpc`](json_rpc).
    pub fn json_rpc<F, A, R>(function: F) -> Self
    where
        F: Fn(Request, json_rpc::Context) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R, ErrorObject>> + Send + 'static,
        R: Serialize + 'static,
    {
        Self::new(json_rpc::JsonRpcHandler::new(function))
    }

    /// A server for whatever speaks MCP over a sink and a stream of messages: see
    /// [`handler::duplex`](crate::handler::duplex). It is connected when the first request comes, again when the
    /// connection has ended, and once more for each client that stays.
    pub fn duplex<C, F, S, R>(connect: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<(S, R)>> + Send + 'static,
        S: Sink<Bytes, Error = io::Error> + Send + 'static,
        R: Stream<Item = Bytes> + Send + 'static,
    {
        Self::new(DuplexHandler::new(connect))
    }

    /// Serves MCP at this path instead of `/mcp`.
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Accepts these values of the `Host` header besides the platform's own, with or without a port.
    pub fn with_allowed_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.allowed_hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Accepts these values of the `Origin` header besides the server's own, such as `https://app.example`.
    pub fn with_allowed_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.allowed_origins.extend(origins.into_iter().map(Into::into));
        self
    }

    /// Speaks one era of the protocol alone. Both, unless set.
    pub fn with_eras(mut self, eras: Eras) -> Self {
        self.eras = eras;
        self
    }

    /// Keeps sessions for clients of the legacy era, or none, whatever `MCP_CLOUD_SESSIONS` says.
    ///
    /// Unless either says so, only a server that is started by hand, on a platform that is none, keeps sessions:
    /// anywhere else the next request may reach another instance.
    pub fn with_sessions(mut self, sessions: SessionSettings) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Says in each modern result who answered (MCP 2026-07-28, basic/index, `serverInfo`). An rmcp handler says it
    /// itself.
    pub fn with_server_info(mut self, name: &str, version: &str) -> Self {
        let info = serde_json::json!({ "name": name, "version": version });
        self.server_info = Some(info.to_string().into());
        self
    }

    /// Serves on the platform this process runs on, until the platform ends it:
    ///
    /// | The environment has | It serves |
    /// |---|---|
    /// | `--health` as an argument before any `--` | nothing: it asks the server on this machine whether it lives, and ends |
    /// | `--stdio` as an argument before any `--`, or `MCP_CLOUD_STDIO=1` | one client over standard input and output |
    /// | `AWS_LAMBDA_RUNTIME_API` | every HTTP trigger of a Lambda function |
    /// | `FUNCTIONS_CUSTOMHANDLER_PORT` | an Azure Functions custom handler |
    /// | `K_SERVICE` or `PORT` | a container: Cloud Run, ECS, Kubernetes |
    /// | none of these | `127.0.0.1:8080` |
    ///
    /// A current-thread runtime is enough and starts fastest. On Lambda the calling thread waits for invocations
    /// without yielding to the runtime, since the platform freezes the whole process there anyway; on Lambda Managed
    /// Instances, which do not, threads of the runtime's pool wait instead.
    ///
    /// # Errors
    ///
    /// When the platform cannot be reached, a variable cannot be understood, or the address cannot be listened on.
    pub async fn serve(mut self) -> Result<(), ServeError> {
        if self.sessions.is_none() {
            self.sessions = sessions_variable()?;
        }
        let is_object = |json: &Bytes| matches!(serde_json::from_slice(json), Ok(serde_json::Value::Object(_)));
        if self.resource_metadata.as_ref().is_some_and(|metadata| !is_object(metadata)) {
            return Err(ServeError::Variable { name: env::RESOURCE_METADATA, expected: "a JSON object" });
        }
        // Whoever was told of a store would lose what it relies on if nobody said that there is none.
        if std::env::var_os(env::STORE).is_some() {
            return Err(ServeError::Variable {
                name: env::STORE,
                expected: "a store that this version knows; it knows none",
            });
        }
        match Platform::detect()? {
            Platform::Health => platform::health::ask(&self.health_path),
            Platform::Stdio => {
                platform::stdio::run(self.handler, self.eras, self.server_info).await.map_err(ServeError::Stdio)
            }
            Platform::Lambda(settings) => platform::lambda::run(self.service(Hosts::Any), settings).await,
            Platform::AzureFunctions(settings) => {
                platform::azure_functions::run(self.service(Hosts::Any), settings).await
            }
            Platform::CloudRun(container) => {
                let hosts = if container.public { Hosts::Any } else { Hosts::Loopback };
                platform::cloud_run::run(self.service(hosts), container).await
            }
            Platform::Local => {
                let path = self.path.clone();
                self.sessions.get_or_insert(SessionSettings::in_memory());
                platform::local::run(self.service(Hosts::Loopback), &path).await
            }
        }
    }

    /// The server as a `tower` service: for a router, a runtime of one's own, or `lambda_http::run`.
    ///
    /// Such a service does not know by which names it is reached: unless [`Self::with_allowed_hosts`] lists them, any
    /// `Host` header is accepted, and an `Origin` header must agree with it. On the loopback interface, list the names.
    /// Nor does it know whether it is the only instance: it keeps sessions only where [`Self::with_sessions`] says so.
    #[must_use]
    pub fn into_service(self) -> McpService {
        self.service(Hosts::Any)
    }

    fn service(self, hosts: Hosts) -> McpService {
        let Self {
            handler,
            path,
            health_path,
            resource_metadata,
            allowed_hosts,
            allowed_origins,
            eras,
            sessions,
            server_info,
        } = self;
        let origin = OriginPolicy { hosts, allowed_hosts, allowed_origins };
        let settings = Settings { eras, sessions: sessions.unwrap_or(SessionSettings::none()), server_info };
        let transport = Transport::new(handler, settings);
        let routes = Routes::new(&path, health_path, resource_metadata, transport.clone());
        McpService::new(edge(routes, origin, transport.clone()), transport)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("path", &self.path)
            .field("health_path", &self.health_path)
            .field("allowed_hosts", &self.allowed_hosts)
            .field("allowed_origins", &self.allowed_origins)
            .field("eras", &self.eras)
            .field("sessions", &self.sessions)
            .finish_non_exhaustive()
    }
}

/// Reads `MCP_CLOUD_SESSIONS`.
fn sessions_variable() -> Result<Option<SessionSettings>, ServeError> {
    match std::env::var(env::SESSIONS).as_deref() {
        Ok(SESSIONS_MEMORY) => Ok(Some(SessionSettings::in_memory())),
        Ok(SESSIONS_NONE) => Ok(Some(SessionSettings::none())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        _ => Err(ServeError::Variable { name: env::SESSIONS, expected: "`memory` or `none`" }),
    }
}

/// A list separated by commas.
fn list(variable: &str) -> Vec<String> {
    let value = std::env::var(variable).unwrap_or_default();
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
