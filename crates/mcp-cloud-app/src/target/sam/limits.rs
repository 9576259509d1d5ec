//! What Lambda, API Gateway and CloudFormation take, where it depends on more than one key.

use super::{access, front, lower, source::WRAPPER_VARIABLE};
use crate::{
    app::{App, Build, CommandBuild, Runtime, SecretDelivery, Shift},
    diagnostic::Diagnostic,
    target::{
        aws::{Value, limits, state},
        findings::Findings,
    },
};

/// Bytes of all variables together
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
const ENVIRONMENT_BYTES: usize = 4096;
/// Names Lambda keeps for itself (same page).
const RESERVED_VARIABLES: [&str; 19] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];
/// The runtimes of Lambda that are not deprecated (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>).
const NODE_VERSIONS: [&str; 3] = ["22", "24", "26"];
const PYTHON_VERSIONS: [&str; 5] = ["3.11", "3.12", "3.13", "3.14", "3.15"];
/// Programs that fetch what they run when it is run. A function's file system cannot be written to.
const FETCHERS: [&str; 4] = ["npm", "npx", "uv", "uvx"];

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Findings::new(app);
    timeout(&mut found);
    environment(&mut found);
    secrets(&mut found);
    limits::tags(&mut found);
    build(&mut found);
    scaling(&mut found);
    description(&mut found);
    limits::policies("lambda.policies", &app.lambda.policies, &mut found);
    access::check(&mut found);
    front::check(&mut found);
    found.found
}

/// A timeout that is longer is one that somebody wrote: else it follows from the trigger.
fn timeout(found: &mut Findings<'_>) {
    let (timeout, trigger) = (found.app.lambda.timeout_seconds, found.app.lambda.trigger);
    let longest = trigger.longest_reply_seconds();
    if timeout <= longest {
        return;
    }
    let key = found.said("lambda.timeout", "resources.timeout");
    let message = format!(
        "timeout is {timeout} s, but the trigger `{}` gives up after {longest} s, while the function runs on and is paid for",
        trigger.as_str()
    );
    let hint = format!("write `timeout = {longest}` under `[lambda]`, or choose a trigger that streams");
    found.error(key, message, &hint);
}

fn environment(found: &mut Findings<'_>) {
    let app = found.app;
    for key in app.environment.keys() {
        let shown = key.escape_debug();
        let message = if RESERVED_VARIABLES.contains(&key.as_str()) {
            format!("`{shown}` is a variable that Lambda sets itself")
        } else if key == WRAPPER_VARIABLE && matches!(app.build, Build::Command(_)) {
            format!("`{shown}` is set by mcp-cloud itself: it starts the bridge")
        } else if !is_variable(key) {
            format!(
                "`{shown}` is not a name Lambda takes for a variable: at least two letters, digits and `_`, the first a letter"
            )
        } else {
            continue;
        };
        found.error(&format!("environment.{key}"), message, "");
    }
    let bytes: usize = lower::environment(app)
        .iter()
        .map(|(key, value)| match value {
            Value::Text(text) => key.len() + text.len(),
            // What CloudFormation computes is not known here.
            Value::Function(_) => key.len(),
        })
        .sum();
    if bytes > ENVIRONMENT_BYTES {
        let message = format!(
            "the variables take {bytes} bytes together with those of mcp-cloud, but Lambda takes {ENVIRONMENT_BYTES} at most"
        );
        found.error("environment", message, "keep what is long in a file of the server, or in a secret that it reads");
    }
}

fn is_variable(key: &str) -> bool {
    key.len() >= 2
        && key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn secrets(found: &mut Findings<'_>) {
    let app = found.app;
    state::check(found);
    for (name, secret) in state::secrets(app) {
        if !is_variable(name) {
            let message = format!(
                "`{}` is not a name Lambda takes for a variable: at least two letters, digits and `_`, the first a letter",
                name.escape_debug()
            );
            found.error(&format!("secrets.{name}"), message, "");
        }
        if app.lambda.secrets == SecretDelivery::Resolve {
            continue;
        }
        let suffixes = ["_ARN"].into_iter().chain(secret.key.map(|_| "_KEY"));
        for variable in suffixes.map(|suffix| format!("{name}{suffix}")) {
            if app.environment.contains_key(&variable) || app.secrets.contains_key(&variable) {
                let message = format!("`{variable}` says where the secret `{name}` is, and is something else, too");
                found.error(&format!("secrets.{name}"), message, "give one of them another name");
            }
        }
    }
}

fn build(found: &mut Findings<'_>) {
    match &found.app.build {
        Build::Cargo(_) => {}
        Build::Command(command) => self::command(found, command),
        Build::Image(image) => self::image(found, image),
    }
}

fn command(found: &mut Findings<'_>, command: &CommandBuild) {
    if let Some(program) = command.command.first().filter(|program| FETCHERS.contains(&program.as_str())) {
        let message = format!(
            "`{program}` fetches what it runs, which a function cannot: its file system is read-only, and it starts anew \
             time and again"
        );
        let hint = "name the program itself, and the file that lists what it needs among `files`: a `package.json` or \
                    `requirements.txt`";
        found.error("build.command", message, hint);
    }
    let versions: &[&str] = match command.runtime {
        Runtime::Node => &NODE_VERSIONS,
        Runtime::Python => &PYTHON_VERSIONS,
        Runtime::None => return,
    };
    if !versions.contains(&command.runtime_version.as_str()) {
        let message = format!(
            "runtime-version is `{}`, but Lambda has {}",
            command.runtime_version,
            versions.iter().map(|version| format!("`{version}`")).collect::<Vec<_>>().join(", ")
        );
        let hint = "see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html";
        found.error("build.runtime-version", message, hint);
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>
fn image(found: &mut Findings<'_>, image: &str) {
    let registry = image.split('/').next().unwrap_or_default();
    let mut parts = registry.split('.').skip(1);
    let (dkr, ecr, region) = (parts.next(), parts.next(), parts.next());
    if (dkr, ecr) != (Some("dkr"), Some("ecr")) {
        let message = "Lambda runs images of Elastic Container Registry only, and this is none";
        let hint = "push it there, and name it so: `123456789012.dkr.ecr.eu-central-1.amazonaws.com/…@sha256:…`";
        found.error("build.image", message, hint);
        return;
    }
    if let (Some(region), Some(own)) = (region, &found.app.aws.region)
        && region != own
    {
        let message = format!("the image is in `{region}`, but Lambda takes one of its own region, `{own}`");
        found.error("build.image", message, "push it to a registry of that region");
    }
    let message = "Lambda hands events to an image by its Runtime API, and sends nothing to `PORT`";
    let hint = "servers made with mcp-cloud know both; another needs \
                https://github.com/awslabs/aws-lambda-web-adapter in its image";
    found.warning("build.image", message, hint);
}

fn scaling(found: &mut Findings<'_>) {
    let app = found.app;
    if app.scaling.working_hours.is_some() && app.lambda.provisioned == 0 {
        let message = "working-hours say when instances are kept warm, and none are";
        found.warning("scaling.working-hours", message, "say how many under `[scaling]`: `minimum = 1`");
    }
    if app.scaling.working_hours.is_some() && app.lambda.provisioned > 0 && app.lambda.shift != Shift::AllAtOnce {
        // https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
        let message = "while a version takes over step by step, Lambda lets nobody change how many instances are kept \
                       warm, so working-hours that begin or end then go unheeded until the next time";
        found.warning("lambda.shift", message, "deploy at another time, or write `shift = \"all-at-once\"`");
    }
}

/// CloudFormation looks up what is named like this wherever it stands, and the description can be read by everyone who
/// sees the function.
fn description(found: &mut Findings<'_>) {
    if found.app.description.contains("{{resolve:") {
        let message = "description has `{{resolve:` in it, and CloudFormation would put what that names in its place";
        found.error("description", message, "leave it out");
    }
}
