//! What Lambda, API Gateway and CloudFormation take, where it depends on more than one key.

use crate::{
    app::App,
    diagnostic::{Diagnostic, Severity},
    target::aws::limits,
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
pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    timeout(app, &mut found);
    environment(app, &mut found);
    limits::tags(app, &mut found);
    limits::policies(app, "lambda.policies", &app.lambda.policies, &mut found);
    found
}

fn timeout(app: &App, found: &mut Vec<Diagnostic>) {
    let (timeout, trigger) = (app.lambda.timeout_seconds, app.lambda.trigger);
    let longest = trigger.longest_reply_seconds();
    if timeout > longest {
        let message = format!(
            "timeout is {timeout} s, but the trigger `{}` gives up after {longest} s, while the function runs on and is paid for",
            trigger.as_str()
        );
        let hint = format!("write `timeout = {longest}`, or choose a trigger that streams");
        found.push(Diagnostic { hint: Some(hint), ..app.diagnostic(Severity::Warning, "lambda.timeout", message) });
    }
}

fn environment(app: &App, found: &mut Vec<Diagnostic>) {
    let mut bytes = 0;
    for (key, value) in &app.environment {
        bytes += key.len() + value.len();
        let shown = key.escape_debug();
        let message = if RESERVED_VARIABLES.contains(&key.as_str()) {
            format!("`{shown}` is a variable that Lambda sets itself")
        } else if !is_variable(key) {
            format!(
                "`{shown}` is not a name Lambda takes for a variable: at least two letters, digits and `_`, the first a letter"
            )
        } else {
            continue;
        };
        found.push(app.diagnostic(Severity::Error, &format!("environment.{key}"), message));
    }
    if bytes > ENVIRONMENT_BYTES {
        let message =
            format!("the variables take {bytes} bytes together, but Lambda takes {ENVIRONMENT_BYTES} at most");
        found.push(app.diagnostic(Severity::Error, "environment", message));
    }
}

fn is_variable(key: &str) -> bool {
    key.len() >= 2
        && key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
