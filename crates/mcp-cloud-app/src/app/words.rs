//! The choices of the file: each an enum whose variants are the words it may say.

use crate::config::words;

words! {
    /// The processor a server runs on.
    pub enum Architecture {
        /// 64-bit Arm (AWS Graviton).
        Arm64 = "arm64",
        /// 64-bit x86.
        X86_64 = "x86_64",
    }
}

impl Architecture {
    /// The Rust target whose binaries run there whatever the C library: static, with musl.
    #[must_use]
    pub fn rust_target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-musl",
            Self::X86_64 => "x86_64-unknown-linux-musl",
        }
    }
}

words! {
    /// What compiles a cargo package.
    pub enum Builder {
        /// `cargo build`, with the linker that comes with Rust.
        Cargo = "cargo",
        /// `cargo lambda build`, with Zig as linker and C compiler, for servers with C dependencies.
        CargoLambda = "cargo-lambda",
    }
}

words! {
    /// What starts a command that speaks MCP over standard input and output.
    pub enum Runtime {
        /// Node.js, with `npm` for what it needs.
        Node = "node",
        /// Python, with `pip` for what it needs.
        Python = "python",
        /// Nothing: the command is a program among `files` that needs no other.
        None = "none",
    }
}

words! {
    /// Who lets callers in.
    pub enum AuthMode {
        /// What the platform has for it: IAM on Lambda and Cloud Run, function keys on Azure; on ECS and Compose, where there is nothing, the server is reached from its own network alone.
        Platform = "platform",
        /// OAuth: a gateway in front of the server lets in tokens of `issuer` for `audiences`.
        Jwt = "jwt",
        /// OAuth with a Cognito user pool, `user-pool`.
        Cognito = "cognito",
        /// Everyone may call: there is nothing to protect, or the server sees to it itself.
        None = "none",
    }
}

words! {
    /// Where sessions of protocol versions before 2026-07-28 are kept.
    pub enum Sessions {
        /// Nowhere: every request stands for itself.
        None = "none",
        /// In the memory of the process, which then has to be the only one.
        Memory = "memory",
        /// In the session id itself, encrypted, so that any instance can open it.
        Sealed = "sealed",
    }
}

words! {
    /// What instances share.
    pub enum Store {
        /// Nothing.
        None = "none",
        /// A DynamoDB table.
        DynamoDb = "dynamodb",
        /// A Redis or Valkey server.
        Redis = "redis",
    }
}

words! {
    /// Where traces go.
    pub enum Traces {
        /// Nowhere.
        None = "none",
        /// To what the platform has for it: X-Ray, Cloud Trace, Application Insights.
        Platform = "platform",
        /// To an OpenTelemetry collector, at `otlp-endpoint`.
        Otlp = "otlp",
    }
}

words! {
    /// Who can reach the endpoint over the network.
    pub enum Exposure {
        /// The internet.
        Public = "public",
        /// The network that the server runs in, and what is connected to it.
        Private = "private",
    }
}

words! {
    /// What the server can reach over the network.
    pub enum Egress {
        /// The internet.
        Internet = "internet",
        /// The platform's own services that it needs (secrets, logs, the registry), and its own network.
        Platform = "platform",
    }
}

words! {
    /// What invokes a Lambda function.
    pub enum Trigger {
        /// A function URL that streams.
        FunctionUrl = "function-url",
        /// A function URL that waits for the whole reply.
        FunctionUrlBuffered = "function-url-buffered",
        /// An API Gateway REST API that waits for the whole reply.
        RestApi = "rest-api",
        /// An API Gateway REST API that streams.
        RestApiStream = "rest-api-stream",
        /// An API Gateway HTTP API, which cannot stream.
        HttpApi = "http-api",
        /// An Application Load Balancer, which cannot stream from a function, and carries at most 1 MB each way.
        Alb = "alb",
    }
}

impl Trigger {
    /// Whether replies reach the client while they are being written.
    #[must_use]
    pub fn streams(self) -> bool {
        matches!(self, Self::FunctionUrl | Self::RestApiStream)
    }

    /// Whether it is a function URL.
    #[must_use]
    pub fn is_function_url(self) -> bool {
        matches!(self, Self::FunctionUrl | Self::FunctionUrlBuffered)
    }

    /// Whether it is a REST API of API Gateway.
    #[must_use]
    pub fn is_rest_api(self) -> bool {
        matches!(self, Self::RestApi | Self::RestApiStream)
    }

    /// Seconds after which the trigger gives up on a reply, whatever the function's own timeout.
    ///
    /// The 29 seconds of a buffering REST API can be raised for an account, but not by a template
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
    #[must_use]
    pub fn longest_reply_seconds(self) -> u32 {
        match self {
            Self::FunctionUrl | Self::FunctionUrlBuffered | Self::RestApiStream | Self::Alb => 900,
            Self::RestApi => 29,
            Self::HttpApi => 30,
        }
    }
}

words! {
    /// How secrets reach a function.
    pub enum SecretDelivery {
        /// As values of its variables, which CloudFormation looks up while it deploys: any server can use them, whoever may read the function's settings can read them, and a rotated secret needs a deployment.
        Resolve = "resolve",
        /// As ARNs, in variables whose names end in `_ARN`; the server reads the secret itself and its role allows it.
        Arn = "arn",
    }
}

words! {
    /// How a new version of a function takes over: CodeDeploy's own ways, whose names these are
    /// (<https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html>).
    pub enum Shift {
        /// With all requests at once.
        AllAtOnce = "all-at-once",
        /// With a tenth of the requests, and with all of them 5 minutes later.
        Canary5 = "canary-10-5m",
        /// With a tenth of the requests, and with all of them 10 minutes later.
        Canary10 = "canary-10-10m",
        /// With a tenth of the requests, and with all of them 15 minutes later.
        Canary15 = "canary-10-15m",
        /// With a tenth of the requests, and with all of them 30 minutes later.
        Canary30 = "canary-10-30m",
        /// With another tenth of the requests each minute.
        Linear1 = "linear-10-1m",
        /// With another tenth of the requests every 2 minutes.
        Linear2 = "linear-10-2m",
        /// With another tenth of the requests every 3 minutes.
        Linear3 = "linear-10-3m",
        /// With another tenth of the requests every 10 minutes.
        Linear10 = "linear-10-10m",
    }
}

impl Shift {
    /// What SAM calls it; absent where nothing is shifted.
    #[must_use]
    pub fn preference(self) -> Option<&'static str> {
        match self {
            Self::AllAtOnce => None,
            Self::Canary5 => Some("Canary10Percent5Minutes"),
            Self::Canary10 => Some("Canary10Percent10Minutes"),
            Self::Canary15 => Some("Canary10Percent15Minutes"),
            Self::Canary30 => Some("Canary10Percent30Minutes"),
            Self::Linear1 => Some("Linear10PercentEvery1Minute"),
            Self::Linear2 => Some("Linear10PercentEvery2Minutes"),
            Self::Linear3 => Some("Linear10PercentEvery3Minutes"),
            Self::Linear10 => Some("Linear10PercentEvery10Minutes"),
        }
    }
}

words! {
    /// How new tasks of a service take over: ECS's own ways
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service-options.html>), in the words of functions.
    pub enum TaskShift {
        /// One after the other, each in the place of an old one.
        Rolling = "rolling",
        /// With all requests at once, as soon as all of them are well.
        BlueGreen = "blue-green",
        /// With a tenth of the requests, and with all of them 5 minutes later.
        Canary5 = "canary-10-5m",
        /// With a tenth of the requests, and with all of them 10 minutes later.
        Canary10 = "canary-10-10m",
        /// With a tenth of the requests, and with all of them 15 minutes later.
        Canary15 = "canary-10-15m",
        /// With a tenth of the requests, and with all of them 30 minutes later.
        Canary30 = "canary-10-30m",
        /// With another tenth of the requests each minute.
        Linear1 = "linear-10-1m",
        /// With another tenth of the requests every 2 minutes.
        Linear2 = "linear-10-2m",
        /// With another tenth of the requests every 3 minutes.
        Linear3 = "linear-10-3m",
        /// With another tenth of the requests every 10 minutes.
        Linear10 = "linear-10-10m",
    }
}

/// How requests move from the old tasks of a service to new ones, all of which are there before the first request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// All of them at once.
    AtOnce,
    /// Some percent of them, and the others so many minutes later.
    Canary {
        /// What moves first.
        percent: u32,
        /// Until the others follow.
        minutes: u32,
    },
    /// So many percent of them in each step.
    Linear {
        /// What moves in each step.
        percent: u32,
        /// From one step to the next.
        minutes: u32,
    },
}

impl TaskShift {
    /// How requests move from the old tasks to the new ones; absent where new tasks take the places of old ones.
    #[must_use]
    pub fn moves(self) -> Option<Move> {
        let canary = |minutes| Some(Move::Canary { percent: 10, minutes });
        let linear = |minutes| Some(Move::Linear { percent: 10, minutes });
        match self {
            Self::Rolling => None,
            Self::BlueGreen => Some(Move::AtOnce),
            Self::Canary5 => canary(5),
            Self::Canary10 => canary(10),
            Self::Canary15 => canary(15),
            Self::Canary30 => canary(30),
            Self::Linear1 => linear(1),
            Self::Linear2 => linear(2),
            Self::Linear3 => linear(3),
            Self::Linear10 => linear(10),
        }
    }
}

words! {
    /// What a workflow deploys.
    pub enum PipelineTarget {
        /// The SAM template, with `sam deploy`.
        Sam = "sam",
        /// The stack and the task definition, with AWS's own actions.
        Ecs = "ecs",
        /// The Cloud Run service, with `gcloud`.
        CloudRun = "cloud-run",
        /// The function app, with `az` and `func`.
        AzureFunctions = "azure-functions",
    }
}
