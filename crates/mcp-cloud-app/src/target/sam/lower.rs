//! App → the structures of [`schema`](super::schema).

use std::collections::BTreeMap;

use mcp_cloud_contract::{RESPONSE_MODE_BUFFERED, RESPONSE_MODE_STREAM, env};

use super::schema::{
    CodeUri, EndpointConfiguration, Environment, Event, Events, Function, FunctionUrlConfig, HttpApi, HttpAuth,
    LoggingConfig, Properties, RestApi, RestAuth, Template,
};
use crate::{
    app::{App, AuthMode, Build, Trigger},
    target::{
        Code,
        aws::{LogGroup, Output, Outputs, Policy, PolicyDocument, Resource, Resources, Role, Statement, Value, tags},
        relative, variables,
    },
};

/// The stage of a REST API. It is part of the URL; an HTTP API has one that is not.
const STAGE: &str = "prod";
/// What IAM authorization is called everywhere in API Gateway and Lambda.
const AWS_IAM: &str = "AWS_IAM";

pub(super) fn template<'a>(app: &'a App, code: &'a Code) -> Template<'a> {
    let mut resources = Resources::new();
    resources.add("Server", server(app, code));
    resources.add("ServerRole", Properties::Role(role(app)));
    resources.add("ServerLogs", Properties::LogGroup(logs(app)));
    if let Some(api) = rest_api(app) {
        resources.add("RestApi", Properties::RestApi(api));
    }
    if let Some(api) = http_api(app) {
        resources.add("HttpApi", Properties::HttpApi(api));
    }
    Template {
        format_version: "2010-09-09",
        transform: "AWS::Serverless-2016-10-31",
        description: &app.description,
        resources,
        outputs: outputs(app),
    }
}

fn server<'a>(app: &'a App, code: &'a Code) -> Resource<Properties<'a>> {
    let (code_uri, metadata) = match (code, &app.build) {
        (Code::S3 { bucket, key }, _) => (CodeUri::Object { bucket, key }, None),
        (_, Build::Cargo(cargo)) => {
            let metadata = serde_json::json!({
                "BuildMethod": "rust-cargolambda",
                "BuildProperties": { "Binary": cargo.binary },
            });
            (CodeUri::Directory(relative(code.directory(app), &cargo.package_directory)), Some(metadata))
        }
        (_, Build::Command(command)) => (CodeUri::Directory(relative(code.directory(app), &command.directory)), None),
        (_, Build::Image(_)) => (CodeUri::Directory(".".to_owned()), None),
    };
    let properties = Function {
        // Found by the stack's name in the console and in `aws logs tail`, and two stacks never clash.
        function_name: Value::reference("AWS::StackName"),
        description: &app.description,
        code_uri,
        runtime: "provided.al2023",
        handler: "bootstrap",
        architectures: [app.architecture.as_str()],
        memory_size: app.lambda.memory_mb,
        timeout: app.lambda.timeout_seconds,
        role: Value::attribute("ServerRole", "Arn"),
        logging_config: LoggingConfig { log_group: Value::reference("ServerLogs") },
        environment: environment(app),
        function_url_config: function_url(app),
        events: event(app).map(|endpoint| Events { endpoint }),
        tags: &app.tags,
    };
    Resource { metadata, ..Properties::Function(properties).into() }
}

fn environment(app: &App) -> Environment<'_> {
    let mut variables: BTreeMap<String, Value<'_>> =
        variables::of_server(app).into_iter().map(|(key, value)| (key, Value::text(value))).collect();
    let mode = if app.lambda.trigger.streams() { RESPONSE_MODE_STREAM } else { RESPONSE_MODE_BUFFERED };
    variables.insert(env::RESPONSE_MODE.to_owned(), Value::text(mode));
    Environment { variables }
}

/// SAM adds the two permissions a public function URL needs (`lambda:InvokeFunctionUrl`, and `lambda:InvokeFunction`
/// for calls through the URL); with IAM authorization both are the caller's to have.
fn function_url(app: &App) -> Option<FunctionUrlConfig> {
    let invoke_mode = match app.lambda.trigger {
        Trigger::FunctionUrl => "RESPONSE_STREAM",
        Trigger::FunctionUrlBuffered => "BUFFERED",
        Trigger::RestApi | Trigger::RestApiStream | Trigger::HttpApi | Trigger::Alb => return None,
    };
    let auth_type = if is_iam(app) { AWS_IAM } else { "NONE" };
    Some(FunctionUrlConfig { auth_type, invoke_mode })
}

/// Every method goes to the server, because API Gateway would answer the others itself, in words no MCP client knows.
fn event(app: &App) -> Option<Event<'_>> {
    const METHOD: &str = "ANY";
    let path = app.endpoint.path.as_str();
    let rest = |response_transfer_mode, timeout_in_millis| Event::Api {
        rest_api_id: Value::reference("RestApi"),
        path,
        method: METHOD,
        response_transfer_mode,
        timeout_in_millis,
    };
    match app.lambda.trigger {
        Trigger::FunctionUrl | Trigger::FunctionUrlBuffered | Trigger::Alb => None,
        Trigger::RestApi => Some(rest(None, None)),
        // SAM spells it as Lambda does, and writes API Gateway's `STREAM` and its streaming URI from it.
        Trigger::RestApiStream => Some(rest(Some("RESPONSE_STREAM"), Some(app.lambda.timeout_seconds * 1000))),
        Trigger::HttpApi => Some(Event::HttpApi { api_id: Value::reference("HttpApi"), path, method: METHOD }),
    }
}

fn rest_api(app: &App) -> Option<RestApi<'_>> {
    app.lambda.trigger.is_rest_api().then(|| RestApi {
        name: Value::reference("AWS::StackName"),
        description: &app.description,
        stage_name: STAGE,
        // Without it SAM adds a second stage called `Stage`.
        open_api_version: "3.0.1",
        // An edge endpoint cuts a stream that is silent for 30 seconds, a regional one after 5 minutes.
        endpoint_configuration: EndpointConfiguration { kind: "REGIONAL" },
        // Without a role of `NONE` the caller would need the right to invoke the function, too.
        auth: is_iam(app).then_some(RestAuth { default_authorizer: AWS_IAM, invoke_role: "NONE" }),
        tags: &app.tags,
    })
}

fn http_api(app: &App) -> Option<HttpApi<'_>> {
    (app.lambda.trigger == Trigger::HttpApi).then(|| HttpApi {
        name: Value::reference("AWS::StackName"),
        description: &app.description,
        auth: is_iam(app).then_some(HttpAuth { enable_iam_authorizer: true, default_authorizer: AWS_IAM }),
        tags: &app.tags,
    })
}

fn is_iam(app: &App) -> bool {
    app.auth.mode == AuthMode::Platform
}

/// The role SAM would make may write any log group of the account and make new ones; this one may write its own. So
/// nothing brings the group back after the stack is gone.
fn role(app: &App) -> Role<'_> {
    let write_logs = Policy {
        policy_name: "WriteLogs",
        policy_document: PolicyDocument::new(vec![Statement::allow(
            vec!["logs:CreateLogStream", "logs:PutLogEvents"],
            vec![Value::attribute("ServerLogs", "Arn")],
        )]),
    };
    Role {
        managed_policy_arns: &app.lambda.policies,
        ..Role::of_service("lambda.amazonaws.com", vec![write_logs], app)
    }
}

fn logs(app: &App) -> LogGroup<'_> {
    LogGroup {
        log_group_name: Value::substitute("/aws/lambda/${AWS::StackName}"),
        retention_in_days: app.telemetry.log_retention_days,
        tags: tags(app),
    }
}

fn outputs(app: &App) -> Outputs<'_> {
    let gateway = |api: &str| format!("https://${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}");
    let path = &app.endpoint.path;
    let endpoint = match app.lambda.trigger {
        // The URL of a function ends in a slash.
        Trigger::FunctionUrl | Trigger::FunctionUrlBuffered | Trigger::Alb => {
            format!("${{ServerUrl.FunctionUrl}}{}", path.trim_start_matches('/'))
        }
        Trigger::RestApi | Trigger::RestApiStream => format!("{}/{STAGE}{path}", gateway("RestApi")),
        Trigger::HttpApi => format!("{}{path}", gateway("HttpApi")),
    };
    let output = |description, value| Output { description, value };
    vec![
        (super::OUTPUT_ENDPOINT, output("URL of the MCP endpoint", Value::substitute(endpoint))),
        (super::OUTPUT_FUNCTION_NAME, output("Name of the function", Value::reference("Server"))),
        (super::OUTPUT_FUNCTION_ARN, output("ARN of the function", Value::attribute("Server", "Arn"))),
    ]
}
