//! An execution environment: a process of the function, and the Runtime API it calls.

use std::{io, net::SocketAddr};

use bytes::Bytes;

use super::function::Shared;
use crate::{
    process::Process,
    runtime_api::{FunctionError, Outcome, RuntimeApi, Settings},
};

const REGION: &str = "us-east-1";

/// An execution environment.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) api: RuntimeApi,
    pub(super) process: Process,
}

impl Instance {
    pub(super) async fn start(shared: &Shared) -> io::Result<Self> {
        let name = shared.program.name();
        let api = RuntimeApi::listen(Settings {
            timeout: shared.settings.timeout,
            function_arn: format!("arn:aws:lambda:{REGION}:123456789012:function:{name}"),
            concurrency: shared.settings.concurrency,
        })
        .await?;
        let env = environment(shared, &name, api.address());
        let process = shared.program.start(&env)?;
        Ok(Self { api, process })
    }

    /// Carries an event under this id, unless the process ends before there is an outcome.
    pub(super) async fn invoke(&self, request_id: &str, event: Bytes) -> Outcome {
        tokio::select! {
            // What the runtime still said counts more than that it then ended.
            biased;
            outcome = self.api.invoke_as(request_id, event) => outcome,
            exit = self.process.exited() => Outcome::FunctionError(exit_error(exit.code)),
        }
    }
}

/// The variables of every function with an OS-only runtime
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>), and the one that Lambda Managed Instances
/// add (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-managed-instances>).
fn environment(shared: &Shared, name: &str, api: SocketAddr) -> Vec<(&'static str, String)> {
    let task_root = shared
        .program
        .path
        .parent()
        .map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()))
        .map_or_else(|| "/var/task".to_owned(), |folder| folder.display().to_string());
    let stream = format!("2026/01/01/[$LATEST]{:016x}", crate::runtime_api::random()[0]);
    let mut environment = vec![
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", shared.settings.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
    ];
    if shared.settings.is_managed() {
        environment.push(("AWS_LAMBDA_INITIALIZATION_TYPE", "lambda-managed-instances".to_owned()));
        environment.push(("AWS_LAMBDA_MAX_CONCURRENCY", shared.settings.concurrency.to_string()));
    } else {
        environment.push(("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()));
    }
    environment
}

pub(super) fn launch_error(error: &io::Error) -> FunctionError {
    function_error("Runtime.InvalidEntrypoint", &error.to_string())
}

pub(super) fn exit_error(code: Option<i32>) -> FunctionError {
    let how = code.map_or_else(|| "signal: killed".to_owned(), |code| format!("exit status {code}"));
    function_error("Runtime.ExitError", &format!("Runtime exited with error: {how}"))
}

fn function_error(error_type: &str, message: &str) -> FunctionError {
    let body = serde_json::json!({"errorType": error_type, "errorMessage": message});
    FunctionError { error_type: error_type.to_owned(), body: body.to_string().into() }
}
