//! The names both halves of mcp-cloud must agree on: what the library reads at run time is what the command line
//! writes into the files it emits.
//!
//! Names that belong to a platform keep the platform's spelling and are listed with the page that defines them.

/// Environment variables that mcp-cloud itself defines.
pub mod env {
    /// `1` serves the handler over standard input and output instead of HTTP.
    pub const STDIO: &str = "MCP_CLOUD_STDIO";
    /// How a trigger that can do either carries replies: [`RESPONSE_MODE_STREAM`](super::RESPONSE_MODE_STREAM) or
    /// [`RESPONSE_MODE_BUFFERED`](super::RESPONSE_MODE_BUFFERED) (the default). Neither a function URL's event nor a
    /// REST API's says which one its gateway expects, nor does the Azure Functions host say whether it proxies a request
    /// or forwards it, so whoever configures them sets this beside it.
    pub const RESPONSE_MODE: &str = "MCP_CLOUD_RESPONSE_MODE";
    /// Where sessions of the legacy era are kept: [`SESSIONS_MEMORY`](super::SESSIONS_MEMORY) or
    /// [`SESSIONS_NONE`](super::SESSIONS_NONE).
    pub const SESSIONS: &str = "MCP_CLOUD_SESSIONS";
    /// Where what instances share is kept: `dynamodb:TABLE`, or `redis`, whose URL is in [`REDIS_URL`].
    pub const STORE: &str = "MCP_CLOUD_STORE";
    /// How many hours the store keeps what nobody asks for.
    pub const STORE_TTL: &str = "MCP_CLOUD_STORE_TTL";
    /// URL of the Redis or Valkey server of [`STORE`]; a secret, for it may have a password in it.
    pub const REDIS_URL: &str = "MCP_CLOUD_REDIS_URL";
    /// The key that seals sessions; a secret.
    pub const SEALING_KEY: &str = "MCP_CLOUD_SEALING_KEY";
    /// Which versions of its secrets a function was deployed with; says nothing about their values. CloudFormation looks a
    /// secret up again only when something about the function changes, and this does when a secret has.
    pub const SECRETS_VERSION: &str = "MCP_CLOUD_SECRETS_VERSION";
    /// What is added to the name of a variable to name the file that the secret is in, where secrets come as files:
    /// `GITHUB_TOKEN_FILE` for `GITHUB_TOKEN`. `mcp-bridge` reads the files and gives its command the variables; a server
    /// of its own reads them by itself.
    pub const FILE_SUFFIX: &str = "_FILE";
    /// How many seconds the platform gives a request, where it says so neither with each request nor by its default
    /// value: a Cloud Run service with another request timeout than five minutes, for instance. In a container that nobody
    /// cuts off it is how long a call may take, and streams without an end go on.
    pub const REQUEST_TIMEOUT: &str = "MCP_CLOUD_REQUEST_TIMEOUT";
    /// How many seconds pass between the platform's wish that the server end (`SIGTERM`) and the moment it is killed;
    /// [`STOP_TIMEOUT_SECONDS`](super::STOP_TIMEOUT_SECONDS) unless set. The server is done
    /// [`STOP_MARGIN_SECONDS`](super::STOP_MARGIN_SECONDS) before.
    pub const STOP_TIMEOUT: &str = "MCP_CLOUD_STOP_TIMEOUT";
    /// For how many seconds after that wish there may still be new requests, because whoever sends them hears of it later;
    /// 0 unless set. The server answers them, and does not end before, even if it has nothing to do.
    pub const LINGER: &str = "MCP_CLOUD_LINGER";
    /// After how many seconds of silence whoever stands before the server closes a connection;
    /// [`IDLE_TIMEOUT_SECONDS`](super::IDLE_TIMEOUT_SECONDS) unless set. The server keeps a connection that is not in use
    /// for [`IDLE_MARGIN_SECONDS`](super::IDLE_MARGIN_SECONDS) longer, so that it is never the one who closes it.
    pub const IDLE_TIMEOUT: &str = "MCP_CLOUD_IDLE_TIMEOUT";
    /// How many seconds a stream of a container may be silent before the server says something on it;
    /// [`KEEP_ALIVE_SECONDS`](super::KEEP_ALIVE_SECONDS) unless set.
    pub const KEEP_ALIVE: &str = "MCP_CLOUD_KEEP_ALIVE";
    /// The path of the MCP endpoint; [`DEFAULT_PATH`](super::DEFAULT_PATH) unless set.
    pub const PATH: &str = "MCP_CLOUD_PATH";
    /// The path that answers `200` as long as the process takes requests, and `503` from the moment it is asked to end;
    /// [`HEALTH_PATH`](super::HEALTH_PATH) unless set.
    pub const HEALTH_PATH: &str = "MCP_CLOUD_HEALTH_PATH";
    /// What the server says about who issues tokens for it: its protected resource metadata, a JSON object (RFC 9728 §2),
    /// served at [`RESOURCE_METADATA_PATH`](super::RESOURCE_METADATA_PATH) and at that followed by the endpoint's path.
    /// For servers behind a gateway that checks tokens and does not say this itself.
    pub const RESOURCE_METADATA: &str = "MCP_CLOUD_RESOURCE_METADATA";
    /// The bearer token that the command line shows a server which asks for one; a secret, read where a command calls the
    /// server itself, and sent to nobody else.
    pub const TOKEN: &str = "MCP_CLOUD_TOKEN";
    /// Values of the `Origin` header to accept besides the server's own, separated by commas.
    pub const ALLOWED_ORIGINS: &str = "MCP_CLOUD_ALLOWED_ORIGINS";
    /// Values of the `Host` header to accept besides the platform's own, separated by commas.
    pub const ALLOWED_HOSTS: &str = "MCP_CLOUD_ALLOWED_HOSTS";
    /// Stands for the settings of a Lambda function that are part of its versions, so that whoever publishes versions by
    /// what a function's variables say publishes one when such a setting changes. No program reads it.
    pub const SETTINGS: &str = "MCP_CLOUD_SETTINGS";
    /// `1` allows a container to listen on every interface although nothing authenticates callers; anything else keeps
    /// it on the loopback interface, on Cloud Run too.
    pub const ALLOW_UNAUTHENTICATED: &str = "MCP_CLOUD_ALLOW_UNAUTHENTICATED";
}

/// Environment variables of the platforms, spelled as the platforms do.
pub mod platform_env {
    /// Address of the Runtime API; present in every Lambda function
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
    pub const AWS_LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
    /// How many invocations an instance takes at once; present on Lambda Managed Instances
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>).
    pub const AWS_LAMBDA_MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";
    /// Port an Azure Functions custom handler must listen on
    /// (<https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>).
    pub const FUNCTIONS_CUSTOMHANDLER_PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
    /// Port a container must listen on (<https://cloud.google.com/run/docs/container-contract>).
    pub const PORT: &str = "PORT";
    /// Where an OpenTelemetry collector is
    /// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
    pub const OTEL_EXPORTER_OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    /// What traces call the server
    /// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
    pub const OTEL_SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
    /// Name of the Cloud Run service; present in every Cloud Run container.
    pub const K_SERVICE: &str = "K_SERVICE";
}

/// The path of the MCP endpoint unless [`env::PATH`] says otherwise.
pub const DEFAULT_PATH: &str = "/mcp";
/// Where clients look for the protected resource metadata of a server (RFC 9728 §3); the path of the endpoint may follow.
pub const RESOURCE_METADATA_PATH: &str = "/.well-known/oauth-protected-resource";
/// The port the server listens on when nothing names one.
pub const DEFAULT_PORT: u16 = 8080;
/// The path that answers `200` as long as the process takes requests, unless [`env::HEALTH_PATH`] says otherwise; it needs
/// no MCP headers. It does not end in `z`, because Cloud Run keeps such paths for itself.
pub const HEALTH_PATH: &str = "/health";
/// Seconds between `SIGTERM` and `SIGKILL` unless [`env::STOP_TIMEOUT`] says otherwise: Cloud Run's
/// (<https://cloud.google.com/run/docs/container-contract>) and Docker's.
pub const STOP_TIMEOUT_SECONDS: u32 = 10;
/// Seconds of the stop timeout in which the server does nothing any more: what is left to end a process.
pub const STOP_MARGIN_SECONDS: u32 = 1;
/// Seconds of silence after which a load balancer closes a connection unless it is told otherwise
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>).
pub const IDLE_TIMEOUT_SECONDS: u32 = 60;
/// Seconds for which the server keeps an idle connection longer than whoever stands before it. Where the server closed it
/// first, a request that was already on its way would end in a 502 (the same page).
pub const IDLE_MARGIN_SECONDS: u32 = 10;
/// Seconds of silence after which the server says something in a stream: half of what the most impatient on the way wait,
/// CDNs, and a quarter of what a load balancer does.
pub const KEEP_ALIVE_SECONDS: u32 = 15;
/// Value of [`env::RESPONSE_MODE`]: the gateway streams.
pub const RESPONSE_MODE_STREAM: &str = "stream";
/// Value of [`env::RESPONSE_MODE`]: the gateway expects one JSON document.
pub const RESPONSE_MODE_BUFFERED: &str = "buffered";
/// Value of [`env::SESSIONS`]: in the memory of the process, which then must be the only one that a client reaches.
pub const SESSIONS_MEMORY: &str = "memory";
/// Value of [`env::SESSIONS`]: nowhere; every request stands for itself.
pub const SESSIONS_NONE: &str = "none";
/// Value of [`env::SESSIONS`]: in the session id itself, sealed with [`env::SEALING_KEY`], so that any instance can open
/// it. The library does not know it yet.
pub const SESSIONS_SEALED: &str = "sealed";
/// Partition key of the table of [`env::STORE`], a text.
pub const DYNAMODB_KEY: &str = "id";
/// Attribute of that table with the second since 1970 after which an item is forgotten.
pub const DYNAMODB_EXPIRES_AT: &str = "expires_at";
/// Name of the HTTP output binding of an Azure function whose requests arrive as a payload.
pub const AZURE_HTTP_OUTPUT: &str = "res";
