//! The keys of `mcp-cloud.toml`.
//!
//! What holds for a key wherever the server is deployed is decided here; what depends on the target or on another key is
//! the target's `limits`, or `app::resolve`. It is one table, and as long as there are keys.

use super::{
    forms,
    schema::{Form, Key, Kind, Range},
};
use crate::app::words::{
    Architecture, AuthMode, Builder, Egress, Exposure, PipelineTarget, Runtime, SecretDelivery, Sessions, Shift, Store,
    TaskShift, Traces, Trigger,
};

const LAMBDA_LIMITS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";
const FARGATE_SIZES: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size";
const CLOUD_RUN_LIMITS: &str = "https://cloud.google.com/run/quotas";
const FLEX_PLAN: &str = "https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan";
const ALB_ATTRIBUTES: &str =
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html";
const DEPLOYMENT_CONFIGURATION: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html";
const CONTAINER_PARAMETERS: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html";

const fn text(name: &'static str, form: &'static Form, default: Option<&'static str>, meaning: &'static str) -> Key {
    Key { name, kind: Kind::Text(form), meaning, default }
}

const fn number(name: &'static str, range: Range, default: Option<&'static str>, meaning: &'static str) -> Key {
    Key { name, kind: Kind::Number(range), meaning, default }
}

const fn list(name: &'static str, kind: &'static Kind, meaning: &'static str) -> Key {
    Key { name, kind: Kind::List(kind), meaning, default: Some("[]") }
}

const fn section(name: &'static str, keys: &'static [Key], meaning: &'static str) -> Key {
    Key { name, kind: Kind::Table(keys), meaning, default: None }
}

/// A limit that a platform sets.
const fn theirs(least: u32, most: u32, unit: &'static str, who: &'static str, source: &'static str) -> Range {
    Range { least, most, unit, who, source }
}

/// A limit of our own, to catch what was not meant.
const fn ours(least: u32, most: u32, unit: &'static str) -> Range {
    Range { least, most, unit, who: "it has to be", source: "" }
}

/// The whole file.
pub(crate) static ROOT: &[Key] = &[
    text(
        "name",
        &forms::NAME,
        None,
        "Names everything that is deployed. At most 49 characters, because Cloud Run takes no more.",
    ),
    text("description", &forms::DESCRIPTION, None, "What the server is for; `MCP server NAME` unless said."),
    section("build", BUILD, "What the server is made of: a cargo package unless `command` or `image` says otherwise."),
    section("endpoint", ENDPOINT, "Where clients find it."),
    Key {
        name: "environment",
        kind: Kind::Map(&forms::VARIABLE, &Kind::Text(&forms::ANY)),
        meaning: "Variables of the server. No place for secrets: everyone who may read the file, what is emitted or the \
                  settings of what is deployed reads them.",
        default: None,
    },
    Key {
        name: "secrets",
        kind: Kind::Map(&forms::VARIABLE, &Kind::Table(SECRET)),
        meaning: "Secrets of the server by the variable that brings each, and where it is kept; never the secret itself.",
        default: None,
    },
    section("auth", AUTH, "Who lets callers in."),
    section("state", STATE, "What outlives a request."),
    section("telemetry", TELEMETRY, "What is told about the server while it runs."),
    section("scaling", SCALING, "How many instances there are."),
    section("resources", RESOURCES, "What an instance has, wherever it runs."),
    section("health", HEALTH, "How a platform finds out that the server lives."),
    section("network", NETWORK, "Who can reach the server, and what it can reach."),
    section(
        "alarms",
        ALARMS,
        "Who is told when the server fails. Without the section there are no alarms: nobody would hear them.",
    ),
    Key {
        name: "tags",
        kind: Kind::Map(&forms::LINE, &Kind::Text(&forms::ANY)),
        meaning: "Tags, or labels, of everything that is deployed.",
        default: None,
    },
    section("aws", AWS, "For the targets `sam`, `ecs` and `ecs-express`."),
    section("lambda", LAMBDA, "For the target `sam`."),
    section("ecs", ECS, "For the targets `ecs` and `ecs-express`."),
    section("google", GOOGLE, "For the target `cloud-run`."),
    section("cloud-run", CLOUD_RUN, "For the target `cloud-run`."),
    section("azure", AZURE, "For the target `azure-functions`."),
    section("azure-functions", AZURE_FUNCTIONS, "For the target `azure-functions`: a Flex Consumption plan."),
    section("compose", COMPOSE, "For the target `compose`."),
    section("github-actions", GITHUB_ACTIONS, "For the target `github-actions`."),
    Key {
        name: "env",
        kind: Kind::Overlays,
        meaning: "Environments: what stands under `[env.prod]` takes the place of what stands elsewhere when `--env prod` \
                  is given. Tables are merged key by key, lists are replaced. Unless the overlay has a `name`, the \
                  environment's is added to the name, so that two environments can share an account.",
        default: None,
    },
];

const KEEP_REVISIONS: Key = number(
    "keep-revisions",
    ours(1, 100, ""),
    Some("10"),
    "How many revisions `mcp-cloud deploy` keeps to roll back to, with their code, the one that serves among them.",
);

static BUILD: &[Key] = &[
    text(
        "directory",
        &forms::DIRECTORY,
        Some("\".\""),
        "Directory of the `Cargo.toml`, or of the command's files, relative to this file.",
    ),
    text("binary", &forms::LINE, None, "The binary of the package; the one `cargo run` would run, unless said."),
    Key {
        name: "builder",
        kind: Kind::Choice(Builder::WORDS),
        meaning: "What compiles the package when it is deployed.",
        default: Some("\"cargo\""),
    },
    list(
        "command",
        &Kind::Text(&forms::LINE),
        "A program and its arguments that speak MCP over standard input and output, in any language; `mcp-bridge` serves it.",
    ),
    Key {
        name: "runtime",
        kind: Kind::Choice(Runtime::WORDS),
        meaning: "What the command needs to start; follows from its first word (`node`, `npx`, `python`, `python3`) unless said.",
        default: None,
    },
    text(
        "runtime-version",
        &forms::RUNTIME_VERSION,
        None,
        "Version of the runtime: Node.js `22` or Python `3.13` unless said, the longest supported that Lambda has, too.",
    ),
    list(
        "files",
        &Kind::Text(&forms::RELATIVE_PATH),
        "What the command consists of, relative to `directory`; a `package.json`, `package-lock.json` or `requirements.txt` among them is installed from.",
    ),
    text("image", &forms::IMAGE, None, "An image that is there already and serves HTTP on `PORT`, best by digest."),
];

static ENDPOINT: &[Key] = &[
    text("path", &forms::PATH, Some("\"/mcp\""), "The path of the MCP endpoint."),
    text("domain", &forms::DOMAIN, None, "A domain of its own; without one, the platform makes a name."),
    list(
        "origins",
        &Kind::Text(&forms::ORIGIN),
        "Web pages that may call the server from a browser: values of the `Origin` header. `*` is none, because a page of anybody's could then use what a visitor may.",
    ),
    number(
        "cors-max-age",
        ours(0, 86_400, " s"),
        Some("600"),
        "How long a browser remembers what it may do; ten minutes, since Chromium keeps it for two hours at most and a change should be felt the same day.",
    ),
];

static SECRET: &[Key] = &[
    text("aws", &forms::SECRET_ARN, None, "ARN of a secret of AWS Secrets Manager."),
    text("key", &forms::JSON_KEY, None, "Member of the AWS secret's JSON; the whole text unless said."),
    text(
        "google",
        &forms::SECRET_NAME,
        None,
        "Name of a secret of Google's Secret Manager, in the project of the service.",
    ),
    text(
        "google-version",
        &forms::SECRET_VERSION,
        Some("\"1\""),
        "Version of the Google secret: a number, so that a revision means the same for ever.",
    ),
    text("azure", &forms::KEY_VAULT_SECRET, None, "URI of a Key Vault secret."),
    text(
        "file",
        &forms::RELATIVE_PATH,
        None,
        "File with the value, relative to this file, for Compose; keep it out of the repository.",
    ),
];

static AUTH: &[Key] = &[
    Key {
        name: "mode",
        kind: Kind::Choice(AuthMode::WORDS),
        meaning: "Who lets callers in. Nobody gets in by accident: `platform` unless said.",
        default: Some("\"platform\""),
    },
    text("issuer", &forms::HTTPS_URL, None, "Who issues tokens, with `jwt`: exactly their `iss` claim."),
    text(
        "jwks-url",
        &forms::HTTPS_URL,
        None,
        "Where the issuer's keys are; `ISSUER/.well-known/jwks.json` unless said.",
    ),
    list(
        "audiences",
        &Kind::Text(&forms::LINE),
        "For whom tokens are: their `aud` claim, with Cognito the ids of app clients.",
    ),
    list("scopes", &Kind::Text(&forms::SCOPE), "Scopes that a token needs."),
    text("user-pool", &forms::USER_POOL_ARN, None, "The Cognito user pool, with `cognito`."),
];

static STATE: &[Key] = &[
    Key {
        name: "sessions",
        kind: Kind::Choice(Sessions::WORDS),
        meaning: "Where sessions of protocol versions before 2026-07-28 are kept. None is needed to call tools, so `none` unless said.",
        default: Some("\"none\""),
    },
    Key {
        name: "store",
        kind: Kind::Choice(Store::WORDS),
        meaning: "What instances share.",
        default: Some("\"none\""),
    },
    number(
        "ttl",
        ours(1, 8_760, " h"),
        Some("24"),
        "How long the store keeps what nobody asks for: a working day and the night after it.",
    ),
    section(
        "sealing-key",
        SECRET,
        "Where the key is kept that seals sessions: at least 32 random bytes. On AWS the stack makes one unless said.",
    ),
    section(
        "redis",
        SECRET,
        "Where the URL of the Redis server is kept, with `store = \"redis\"`; it may have a password in it. Compose brings a server of its own.",
    ),
];

static TELEMETRY: &[Key] = &[
    number(
        "log-retention",
        theirs(
            1,
            3653,
            " days",
            "CloudWatch Logs takes",
            "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html",
        ),
        Some("30"),
        "How long logs are kept; platforms keep them for ever unless told otherwise, and charge for it.",
    ),
    Key {
        name: "traces",
        kind: Kind::Choice(Traces::WORDS),
        meaning: "Where traces go. They cost money, so nowhere unless said.",
        default: Some("\"none\""),
    },
    text("otlp-endpoint", &forms::HTTP_URL, None, "The OpenTelemetry collector, with `otlp`."),
];

static SCALING: &[Key] = &[
    number(
        "minimum",
        ours(0, 1_000, ""),
        None,
        "Instances that are always there: they are paid for, and nobody waits for a start. None unless said, on ECS one.",
    ),
    number(
        "maximum",
        ours(1, 10_000, ""),
        None,
        "Instances that there are at most, which bounds what a flood of calls can cost: four on ECS, ten on Cloud Run, forty on Azure unless said; Lambda's own limit is the account's.",
    ),
    number(
        "concurrency",
        ours(1, 1_000, ""),
        Some("80"),
        "Requests that an instance serves at a time, where the platform asks; Cloud Run's own default. A classic Lambda function serves one.",
    ),
    number(
        "requests-per-minute",
        ours(1, 1_000_000, ""),
        Some("600"),
        "Requests per minute and instance that scaling aims at: ten a second, a tenth of what the smallest task can do, since tools work longer than the transport.",
    ),
    number(
        "cpu",
        ours(10, 95, " %"),
        Some("60"),
        "Use of the processor that scaling aims at: leaves room for the minutes that a new instance takes.",
    ),
    number(
        "connections",
        ours(1, 100_000, ""),
        None,
        "Open connections per instance that scaling aims at; for servers whose clients listen for long. Not looked at unless said.",
    ),
    text(
        "working-hours",
        &forms::WORKING_HOURS,
        None,
        "When there are instances at all, such as `mon-fri 08:00-18:00 Europe/Berlin`; always unless said.",
    ),
];

static RESOURCES: &[Key] = &[
    Key {
        name: "architecture",
        kind: Kind::Choice(Architecture::WORDS),
        meaning: "The processor, where there is a choice: AWS and Compose. Arm does the same work for a fifth less, and a server without C dependencies needs nothing but the Rust target to be built for it on any machine.",
        default: Some("\"arm64\""),
    },
    number(
        "memory",
        ours(128, 122_880, " MB"),
        None,
        "Memory of an instance: 256 MB on Lambda, where processor time comes in proportion and a cold start feels it, 512 MB elsewhere unless said. A target's own `memory` takes its place.",
    ),
    number(
        "timeout",
        ours(1, 86_400, " s"),
        Some("60"),
        "Longest request: long enough for a slow tool, short enough to bound what a client that went away can cost. Streams without an end go on in a container that nobody cuts off. A Lambda trigger that gives up sooner brings its own limit.",
    ),
];

static HEALTH: &[Key] = &[
    text(
        "path",
        &forms::PATH,
        Some("\"/health\""),
        "The path that answers 200 while the server takes requests, and 503 once it is asked to end; it needs no MCP headers.",
    ),
    number("interval", ours(5, 300, " s"), Some("30"), "Between two questions."),
    number("timeout", ours(2, 60, " s"), Some("5"), "How long an answer may take."),
    number("retries", ours(1, 10, ""), Some("3"), "Failures in a row after which the instance counts as dead."),
    number(
        "start",
        ours(0, 300, " s"),
        Some("10"),
        "How long it may take to start: a Rust server needs a moment, a Python one some seconds.",
    ),
];

static NETWORK: &[Key] = &[
    Key {
        name: "exposure",
        kind: Kind::Choice(Exposure::WORDS),
        meaning: "Who can reach the endpoint.",
        default: Some("\"public\""),
    },
    text("vpc", &forms::VPC, None, "The VPC to run in. ECS makes one unless said, Lambda needs none."),
    list(
        "subnets",
        &Kind::Text(&forms::SUBNET),
        "Subnets of that VPC for the server itself; two at least, in different zones.",
    ),
    list("public-subnets", &Kind::Text(&forms::SUBNET), "Subnets of that VPC for the load balancer."),
    list(
        "security-groups",
        &Kind::Text(&forms::SECURITY_GROUP),
        "Security groups of the server besides its own, at most four.",
    ),
    Key {
        name: "egress",
        kind: Kind::Choice(Egress::WORDS),
        meaning: "What the server can reach.",
        default: Some("\"internet\""),
    },
    list("allow", &Kind::Text(&forms::CIDR), "Ranges of addresses that may call; everyone unless said."),
    Key {
        name: "waf",
        kind: Kind::Switch,
        meaning: "A web application firewall with AWS's managed rules in front of a REST API or a load balancer. It costs about 8 $ a month, so none unless said.",
        default: Some("false"),
    },
];

static ALARMS: &[Key] = &[
    text("notify", &forms::TOPIC_ARN, None, "The SNS topic that alarms are sent to. Has to be there."),
    number(
        "errors",
        ours(1, 100, " %"),
        Some("5"),
        "Requests that fail (5xx). 401, 404 and 405 are answers that clients ask for on purpose, and do not count.",
    ),
    number(
        "latency",
        ours(1, 900_000, " ms"),
        Some("10000"),
        "What 99 of 100 requests have to stay below; ten seconds, where people give up.",
    ),
];

static AWS: &[Key] = &[
    text("region", &forms::AWS_REGION, None, "The region; that of the AWS profile unless said."),
    text("account", &forms::AWS_ACCOUNT, None, "The only account to deploy to; any unless said."),
];

static LAMBDA: &[Key] = &[
    Key {
        name: "trigger",
        kind: Kind::Choice(Trigger::WORDS),
        meaning: "What invokes the function. A function URL streams for up to 15 minutes and costs nothing by itself.",
        default: Some("\"function-url\""),
    },
    number(
        "memory",
        theirs(128, 10_240, " MB", "Lambda takes", LAMBDA_LIMITS),
        None,
        "Memory of the function, in place of `resources.memory`.",
    ),
    number(
        "timeout",
        theirs(1, 900, " s", "Lambda takes", LAMBDA_LIMITS),
        None,
        "Longest invocation, in place of `resources.timeout`.",
    ),
    list("policies", &Kind::Text(&forms::POLICY_ARN), "ARNs of managed policies for the function's role."),
    Key {
        name: "secrets",
        kind: Kind::Choice(SecretDelivery::WORDS),
        meaning: "How secrets reach the function.",
        default: Some("\"resolve\""),
    },
    Key {
        name: "shift",
        kind: Kind::Choice(Shift::WORDS),
        meaning: "How a new version takes over. One that fails more often than `alarms.errors` allows while it does is taken back.",
        default: Some("\"all-at-once\""),
    },
    KEEP_REVISIONS,
    text("certificate", &forms::CERTIFICATE_ARN, None, "Certificate for `endpoint.domain`, or of the load balancer."),
    text(
        "hosted-zone",
        &forms::HOSTED_ZONE,
        None,
        "Hosted zone of Route 53 in which `endpoint.domain` is entered; whoever runs the domain's DNS enters it unless said.",
    ),
];

static ECS: &[Key] = &[
    number(
        "cpu",
        theirs(256, 16_384, "", "Fargate takes", FARGATE_SIZES),
        Some("256"),
        "Processor units of a task; 1024 are one processor. The least there is serves hundreds of requests a second.",
    ),
    number(
        "memory",
        theirs(512, 122_880, " MB", "Fargate takes", FARGATE_SIZES),
        None,
        "Memory of a task, in place of `resources.memory`; has to fit `cpu`.",
    ),
    number(
        "spot",
        ours(0, 100, " %"),
        Some("0"),
        "Share of tasks on Fargate Spot: a third of the price, but they may be stopped with two minutes' notice.",
    ),
    list("policies", &Kind::Text(&forms::POLICY_ARN), "ARNs of managed policies for the task's role."),
    text(
        "certificate",
        &forms::CERTIFICATE_ARN,
        None,
        "Certificate of the load balancer; without one it speaks plain HTTP, which is refused where it faces the internet.",
    ),
    text("hosted-zone", &forms::HOSTED_ZONE, None, "Hosted zone of Route 53 in which `endpoint.domain` is entered."),
    text("cluster", &forms::CLUSTER, None, "The cluster to run in; one is made unless said."),
    number(
        "idle-timeout",
        theirs(1, 4_000, " s", "a load balancer takes", ALB_ATTRIBUTES),
        Some("120"),
        "Silence after which the load balancer closes a connection; more than the 15 seconds after which the server says something. The server keeps connections for longer.",
    ),
    number(
        "stop-timeout",
        theirs(2, 120, " s", "Fargate takes", CONTAINER_PARAMETERS),
        Some("70"),
        "How long a task may take to end, and how long the load balancer waits for requests before; unless said ten seconds more than a request, up to 120, and 115 with Spot.",
    ),
    Key {
        name: "shift",
        kind: Kind::Choice(TaskShift::WORDS),
        meaning: "How new tasks take over. Where requests move, new tasks that fail more often than `alarms.errors` allows are taken back; a service that began so cannot return to `rolling`.",
        default: Some("\"rolling\""),
    },
    number(
        "bake",
        theirs(0, 1_440, " min", "ECS takes", DEPLOYMENT_CONFIGURATION),
        Some("5"),
        "How long old tasks stay beside new ones that have all requests, so that these can return at once; paid for twice meanwhile. Says nothing with `shift = \"rolling\"`.",
    ),
    KEEP_REVISIONS,
    Key {
        name: "exec",
        kind: Kind::Switch,
        meaning: "Whether `mcp-cloud exec` may run commands in the tasks, whose file system can be written to then.",
        default: Some("false"),
    },
    text(
        "repository",
        &forms::REPOSITORY,
        None,
        "Repository that images are pushed to; the stack makes one unless said.",
    ),
];

static GOOGLE: &[Key] = &[
    text("project", &forms::GOOGLE_PROJECT, None, "The project; that of the configuration of `gcloud` unless said."),
    text("region", &forms::GOOGLE_REGION, Some("\"us-central1\""), "The region; one of the cheapest unless said."),
];

static CLOUD_RUN: &[Key] = &[
    number(
        "cpu",
        theirs(80, 8_000, "", "Cloud Run takes", CLOUD_RUN_LIMITS),
        Some("1000"),
        "Thousandths of a processor. Below 1000 an instance serves one request at a time.",
    ),
    number(
        "memory",
        theirs(128, 32_768, " MiB", "Cloud Run takes", CLOUD_RUN_LIMITS),
        None,
        "Memory of an instance, in place of `resources.memory`.",
    ),
    number(
        "timeout",
        theirs(1, 3_600, " s", "Cloud Run takes", CLOUD_RUN_LIMITS),
        None,
        "Longest request, in place of `resources.timeout`.",
    ),
    text(
        "service-account",
        &forms::GOOGLE_SERVICE_ACCOUNT,
        None,
        "Who the service acts as. Without one it would be the project's default account, which may do far too much, so the service's own is expected: NAME@PROJECT.iam.gserviceaccount.com.",
    ),
    text(
        "repository",
        &forms::GOOGLE_REPOSITORY,
        Some("\"mcp-servers\""),
        "The Artifact Registry repository that images are pushed to.",
    ),
    list("invokers", &Kind::Text(&forms::GOOGLE_MEMBER), "Who may call, as members of an IAM policy."),
];

static AZURE: &[Key] =
    &[text("location", &forms::AZURE_LOCATION, None, "The location; that of the resource group unless said.")];

static AZURE_FUNCTIONS: &[Key] = &[number(
    "memory",
    theirs(512, 4_096, " MB", "Flex Consumption takes", FLEX_PLAN),
    None,
    "Memory of an instance, in place of `resources.memory`: 512, 2048 or 4096.",
)];

static COMPOSE: &[Key] = &[
    number(
        "port",
        ours(1, 65_535, ""),
        Some("8080"),
        "Port of this machine that the server is reached at. Only on the loopback interface, unless `auth.mode` is `none` and `network.exposure` is `public`, both in words.",
    ),
    number("cpu", ours(50, 64_000, ""), Some("1000"), "Thousandths of a processor that it may use."),
    number("memory", ours(16, 131_072, " MiB"), None, "Memory that it may use, in place of `resources.memory`."),
    Key {
        name: "tls",
        kind: Kind::Switch,
        meaning: "A proxy (Caddy) in front of the server that gets a certificate for `endpoint.domain` and speaks TLS.",
        default: Some("false"),
    },
];

static GITHUB_ACTIONS: &[Key] = &[
    text("branch", &forms::BRANCH, Some("\"main\""), "The branch that is deployed."),
    Key {
        name: "target",
        kind: Kind::Choice(PipelineTarget::WORDS),
        meaning: "What is deployed.",
        default: Some("\"sam\""),
    },
    text(
        "role",
        &forms::ROLE_ARN,
        None,
        "The role that the workflow takes on AWS by OIDC; the repository's variable `AWS_ROLE_ARN` unless said.",
    ),
];

/// Every table with fixed keys by its dotted name; `*` stands for a free key.
pub(crate) fn tables() -> Vec<(String, &'static [Key])> {
    fn collect(name: &str, keys: &'static [Key], tables: &mut Vec<(String, &'static [Key])>) {
        tables.push((name.to_owned(), keys));
        for key in keys {
            let name = if name.is_empty() { key.name.to_owned() } else { format!("{name}.{}", key.name) };
            match &key.kind {
                Kind::Table(keys) => collect(&name, keys, tables),
                Kind::Map(_, Kind::Table(keys)) => collect(&format!("{name}.NAME"), keys, tables),
                _ => {}
            }
        }
    }
    let mut tables = Vec::new();
    collect("", ROOT, &mut tables);
    tables
}
