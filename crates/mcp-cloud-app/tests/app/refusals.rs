//! What cannot work is refused before anything is emitted: each bad value, and the sentence that says so.

use mcp_cloud_app::{App, LoadError, Severity, Target};

use crate::directory;

/// The errors of a manifest for a target, each with its hint.
fn refusals(target: Target, manifest: &str) -> Vec<String> {
    let directory = directory(manifest);
    let found = match App::load(directory.path()) {
        Ok(app) => target.check(&app),
        Err(LoadError::Invalid { diagnostics }) => diagnostics,
        Err(error) => panic!("{error}"),
    };
    let errors = found.into_iter().filter(|found| found.severity == Severity::Error);
    errors.map(|found| format!("{} ({})", found.message, found.hint.unwrap_or_default())).collect()
}

/// What is said beneath `name = "a"`, the target it is said for (none: any), and what the refusal has in it.
type Case = (&'static str, Option<Target>, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // What holds wherever the server is deployed.
    ("lambda.memory = 64", None, "memory is 64 MB, but Lambda takes 128 to 10240 MB (see https://docs.aws"),
    ("lambda.memory = 20000", None, "memory is 20000 MB, but Lambda takes 128 to 10240 MB"),
    ("lambda.timeout = 901", None, "timeout is 901 s, but Lambda takes 1 to 900 s"),
    ("ecs.idle-timeout = 5000", None, "idle-timeout is 5000 s, but a load balancer takes 1 to 4000 s"),
    ("ecs.stop-timeout = 180", None, "stop-timeout is 180 s, but Fargate takes 2 to 120 s"),
    ("cloud-run.timeout = 4000", None, "timeout is 4000 s, but Cloud Run takes 1 to 3600 s"),
    ("cloud-run.memory = 65536", None, "but Cloud Run takes 128 to 32768 MiB"),
    ("azure-functions.memory = 8192", None, "but Flex Consumption takes 512 to 4096 MB"),
    ("telemetry.log-retention = 10", None, "CloudWatch Logs has no such period; the next longer one is 14 days"),
    ("endpoint.path = \"mcp\"", None, "path is `mcp`, but has to be like `/mcp`"),
    ("endpoint.path = \"/health\"", None, "path is `/health`, but that is where the server says that it is alive"),
    ("endpoint.domain = \"https://mcp.example.com\"", None, "has to be a domain in lower case"),
    ("endpoint.origins = [\"*\"]", None, "an item of origins is `*`, but has to be an origin without a path"),
    ("endpoint.origins = [\"https://a.example/\"]", None, "has to be an origin without a path"),
    ("environment.API_TOKEN = \"hunter2\"", None, "`API_TOKEN` looks like a secret"),
    ("environment.DATABASE = \"postgres://a:hunter2@db/x\"", None, "`DATABASE` looks like a secret"),
    ("environment.MCP_CLOUD_PATH = \"/x\"", None, "is set by mcp-cloud itself; use `path` under `[endpoint]`"),
    ("environment.\"A-B\" = \"x\"", None, "`A-B` is a key of environment, but has to be the name of a variable"),
    ("secrets.A = \"hunter2\"", None, "`A` is text, and should be a table that begins with `[secrets.A]`"),
    ("secrets.A = {}", None, "the secret `A` is kept nowhere (name at least one place"),
    ("secrets.A.aws = \"api\"", None, "aws is `api`, but has to be the whole ARN of a secret"),
    ("secrets.A = { google = \"a\", google-version = \"latest\" }", None, "has to be the number of a secret's version"),
    ("secrets.A.azure = \"https://evil.example/secrets/a\"", None, "has to be the URI of a Key Vault secret"),
    ("secrets.A.file = \"../a\"", None, "the file `../a` lies outside of the directory"),
    ("secrets.A.file = \"a\"\nenvironment.A = \"\"", None, "`A` is under `[environment]`, too"),
    ("auth.mode = \"jwt\"", None, "mode is `jwt`, which needs `issuer`"),
    ("auth = { mode = \"jwt\", issuer = \"https://i.example\" }", None, "needs `audiences`: a token for another server"),
    ("auth = { mode = \"jwt\", issuer = \"http://i.example\", audiences = [\"a\"] }", None, "has to be an `https://` URL"),
    ("auth.mode = \"cognito\"", None, "mode is `cognito`, which needs `user-pool`"),
    ("auth.issuer = \"https://i.example\"", None, "issuer says nothing while mode is `platform`; it belongs to `jwt`"),
    ("state.sessions = \"memory\"", None, "sessions are in the memory of one process, but there may be several"),
    ("state.sealing-key.file = \"k\"", None, "sealing-key seals sessions, but sessions are not `sealed`"),
    ("state.redis.file = \"k\"", None, "redis is the URL of a store that is not `redis`"),
    ("telemetry.traces = \"otlp\"", None, "no `otlp-endpoint` says where it is"),
    ("telemetry.otlp-endpoint = \"http://o:4318\"", None, "otlp-endpoint says nothing while traces is not `otlp`"),
    ("scaling = { minimum = 5, maximum = 2 }", None, "minimum is 5, more than the maximum of 2"),
    ("scaling.working-hours = \"mon-fri 18:00-08:00 UTC\"", None, "which end before they begin"),
    ("scaling.working-hours = \"always\"", None, "has to be days, hours and a time zone"),
    ("network.subnets = [\"subnet-0a1b2c3d\"]", None, "subnets belong to a VPC, and no `vpc` is named"),
    ("network.vpc = \"vpc-0a1b2c3d\"", None, "two in different zones are needed"),
    ("network.allow = [\"300.0.0.0/8\"]", None, "`300.0.0.0/8` is no range of addresses"),
    ("alarms.errors = 5", None, "there are alarms that nobody is told of"),
    ("build.image = \"ghcr.io/a/b\"", None, "which means another image tomorrow"),
    ("build.image = \"ghcr.io/a/b:latest\"", None, "which means another image tomorrow"),
    ("build = { command = [\"node\", \"x.js\"], files = [\"x.js\"] }", None, "there is no file `x.js`"),
    ("build = { command = [\"./x\"] }", None, "the program `./x` has to come from somewhere"),
    ("build = { command = [] }", None, "command is empty"),
    ("build.files = [\"x\"]", None, "files says nothing about a cargo package"),
    ("aws.account = \"12\"", None, "has to be the 12 digits of an AWS account"),
    ("lambda.trigger = \"http-api-stream\"", None, "trigger is `http-api-stream`; did you mean `rest-api-stream`?"),
    ("lambda.trigger = \"alb-stream\"", None, "trigger is `alb-stream`; it can be `function-url`, "),
    // What one target cannot do.
    ("lambda = { trigger = \"http-api\", timeout = 400 }", Some(Target::Sam), "gives up after 30 s, while the function runs on"),
    ("lambda = { trigger = \"rest-api\", timeout = 60 }", Some(Target::Sam), "gives up after 29 s"),
    (COGNITO_ON_REST, Some(Target::Sam), "without a domain the stage is part of the REST API's URL"),
    (TOKENS, Some(Target::Sam), "the trigger `function-url` cannot check such tokens"),
    (TOKENS, Some(Target::EcsExpress), "Express Mode cannot look at tokens: everyone would be let in"),
    (TOKENS, Some(Target::CloudRun), "Cloud Run checks tokens of Google only, so the server would be unguarded"),
    (TOKENS, Some(Target::AzureFunctions), "issuer is none of Entra ID, and App Service checks tokens of no other"),
    (TOKENS, Some(Target::Compose), "nothing under Compose checks tokens"),
    (TOKENS, Some(Target::Ecs), "a load balancer looks at tokens over HTTPS alone"),
    ("endpoint.domain = \"a.example.com\"", Some(Target::Sam), "a function URL cannot have a domain of its own"),
    ("network.waf = true", Some(Target::Sam), "no firewall can stand in front of the trigger `function-url`"),
    ("secrets.A_B.file = \"x\"", Some(Target::Sam), "is kept nowhere on AWS"),
    ("ecs = { cpu = 256, memory = 4096 }", Some(Target::Ecs), "with a cpu of 256 Fargate takes 512, 1024 or 2048 MB"),
    ("ecs.idle-timeout = 10", Some(Target::Ecs), "a stream may be silent for 15 s, and would be cut in between"),
    ("ecs.idle-timeout = 15", Some(Target::Ecs), "a stream may be silent for 15 s, and would be cut in between"),
    ("ecs.stop-timeout = 6", Some(Target::Ecs), "the server answers what is still on its way for 5 s, and needs 1 s to end"),
    ("ecs.stop-timeout = 60", Some(Target::Ecs), "a request may take 60 s: a deployment ends those that take longer (write `stop-timeout = 61`"),
    ("ecs = { spot = 10, stop-timeout = 120 }", Some(Target::Ecs), "Fargate Spot is gone 120 s after its notice: the load balancer"),
    ("ecs.exec = true", Some(Target::EcsExpress), "Express Mode does not say whether commands may be run"),
    ("ecs = { spot = 10, stop-timeout = 70 }", Some(Target::Ecs), "hears of its end first, and the load balancer by three keys"),
    ("ecs = { spot = 10 }\nhealth.interval = 60", Some(Target::Ecs), "(`interval` × `retries` + `timeout`) after 185 s"),
    ("ecs.stop-timeout = 6", Some(Target::EcsExpress), "the server answers what is still on its way for 5 s"),
    ("network.exposure = \"public\"", Some(Target::Ecs), "a load balancer knows nothing that keeps strangers out"),
    ("auth.mode = \"none\"", Some(Target::Ecs), "the load balancer faces the internet and has no certificate"),
    ("health.path = \"/healthz\"", Some(Target::CloudRun), "Cloud Run keeps paths that end in `z`"),
    ("cloud-run = { cpu = 1000, memory = 8192 }", Some(Target::CloudRun), "Cloud Run takes 512 to 4096 MiB"),
    ("state.store = \"dynamodb\"", Some(Target::CloudRun), "a server on Google Cloud could reach with keys of AWS only"),
    ("state.sessions = \"sealed\"", Some(Target::CloudRun), "no instance could open what another one sealed"),
    ("state.sessions = \"sealed\"", Some(Target::AzureFunctions), "no instance could open what another one sealed"),
    ("state.sessions = \"sealed\"", Some(Target::Compose), "sessions are sealed, but no file has the key"),
    ("azure-functions.memory = 1024", Some(Target::AzureFunctions), "an instance has 512, 2048 or 4096 MB"),
    ("resources.timeout = 300", Some(Target::AzureFunctions), "gives up on a reply after 230 s"),
    ("network.exposure = \"public\"", Some(Target::Compose), "Compose has nothing that asks who calls"),
    ("compose.tls = true\nauth.mode = \"none\"", Some(Target::Compose), "there is no `domain`"),
    ("build.image = \"ghcr.io/a/b:1\"", Some(Target::GithubActions), "takes a program, but there is an image"),
];

const TOKENS: &str = "auth = { mode = \"jwt\", issuer = \"https://i.example\", audiences = [\"a\"] }";
const COGNITO_ON_REST: &str = "lambda.trigger = \"rest-api\"
[auth]
mode = \"cognito\"
user-pool = \"arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a1B2\"
audiences = [\"a\"]
scopes = [\"a/b\"]";

#[test]
fn bad_values_are_refused_with_the_reason() {
    for (manifest, target, expected) in CASES {
        let refusals = refusals(target.unwrap_or(Target::Sam), &format!("name = \"a\"\n{manifest}\n"));
        assert!(refusals.iter().any(|refusal| refusal.contains(expected)), "{manifest}: {refusals:#?}");
        for refusal in refusals {
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }
    for name in ["\"Hello World\"", "\"a b\"", "\"\"", "\"-a\"", "1"] {
        let refusals = refusals(Target::Sam, &format!("name = {name}\n"));
        assert!(refusals[0].starts_with("name is "), "{refusals:?}");
    }
}
