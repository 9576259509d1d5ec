//! The way in: a handler, a few settings, and then either [`Server::serve`] or [`Server::into_service`].

use std::{fmt, sync::Arc};

use mcp_cloud_contract::{DEFAULT_PATH, env};

use crate::{
    edge::{
        edge,
        origin::{Hosts, OriginPolicy},
        route::Routes,
    },
    handler::Handler,
    platform::{self, Platform, ServeError},
    service::McpService,
    transport::Transport,
};

/// An MCP server that runs wherever it is started.
#[must_use = "a server does nothing until it is served"]
pub struct Server {
    handler: Arc<dyn Handler>,
    path: String,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
}

impl Server {
    /// A server for any handler. What the environment says (`MCP_CLOUD_PATH`, `MCP_CLOUD_ALLOWED_HOSTS`,
    /// `MCP_CLOUD_ALLOWED_ORIGINS`) is read here, so that the setters below have the last word.
    pub fn new(handler: impl Handler) -> Self {
        Self {
            handler: Arc::new(handler),
            path: std::env::var(env::PATH).unwrap_or_else(|_| DEFAULT_PATH.to_owned()),
            allowed_hosts: list(env::ALLOWED_HOSTS),
            allowed_origins: list(env::ALLOWED_ORIGINS),
        }
    }

    /// A server for an rmcp handler. The factory is called once: the handler serves every request, and many at a time
    /// where the platform brings many.
    #[cfg(feature = "rmcp")]
    pub fn rmcp<H: rmcp::ServerHandler>(factory: impl FnOnce() -> H) -> Self {
        Self::new(crate::handler::rmcp::RmcpHandler::new(factory()))
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

    /// Serves on the platform this process runs on, until the platform ends it:
    ///
    /// | The environment has | It serves |
    /// |---|---|
    /// | `--stdio` as an argument, or `MCP_CLOUD_STDIO=1` | one client over standard input and output |
    /// | `AWS_LAMBDA_RUNTIME_API` | every HTTP trigger of a Lambda function |
    /// | `FUNCTIONS_CUSTOMHANDLER_PORT` | an Azure Functions custom handler |
    /// | `K_SERVICE` or `PORT` | a container: Cloud Run, ECS, Kubernetes |
    /// | none of these | `127.0.0.1:8080` |
    ///
    /// A current-thread runtime is enough and starts fastest. On Lambda the calling thread waits for invocations
    /// without yielding to the runtime, since the platform freezes the whole process there anyway.
    ///
    /// # Errors
    ///
    /// When the platform cannot be reached, a variable cannot be understood, or the address cannot be listened on.
    pub async fn serve(self) -> Result<(), ServeError> {
        match Platform::detect()? {
            Platform::Stdio => self.handler.serve_stdio().await.map_err(ServeError::Stdio),
            Platform::Lambda(settings) => platform::lambda::run(self.service(Hosts::Any), settings).await,
            Platform::AzureFunctions(port) => platform::azure_functions::run(self.service(Hosts::Any), port).await,
            Platform::CloudRun(container) => {
                let hosts = if container.public { Hosts::Any } else { Hosts::Loopback };
                platform::cloud_run::run(self.service(hosts), container).await
            }
            Platform::Local => {
                let path = self.path.clone();
                platform::local::run(self.service(Hosts::Loopback), &path).await
            }
        }
    }

    /// The server as a `tower` service: for a router, a runtime of one's own, or `lambda_http::run`.
    ///
    /// Such a service does not know by which names it is reached: unless [`Self::with_allowed_hosts`] lists them, any
    /// `Host` header is accepted, and an `Origin` header must agree with it. On the loopback interface, list the names.
    #[must_use]
    pub fn into_service(self) -> McpService {
        self.service(Hosts::Any)
    }

    fn service(self, hosts: Hosts) -> McpService {
        let Self { handler, path, allowed_hosts, allowed_origins } = self;
        let origin = OriginPolicy { hosts, allowed_hosts, allowed_origins };
        McpService::new(edge(Routes::new(&path), origin, Transport::new(handler)))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("path", &self.path)
            .field("allowed_hosts", &self.allowed_hosts)
            .field("allowed_origins", &self.allowed_origins)
            .finish_non_exhaustive()
    }
}

/// A list separated by commas.
fn list(variable: &str) -> Vec<String> {
    let value = std::env::var(variable).unwrap_or_default();
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
