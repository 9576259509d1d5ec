//! App → the structures of [`schema`](super::schema).

use std::collections::BTreeMap;

use mcp_cloud_contract::{DEFAULT_PATH, RESPONSE_MODE_BUFFERED, RESPONSE_MODE_STREAM, env};

use super::schema::{
    BuildProperties, CodeUri, EndpointConfiguration, Environment, Event, Events, Function, FunctionUrlConfig, HttpApi,
    HttpAuth, LogGroup, LoggingConfig, Metadata, Output, Outputs, Policy, PolicyDocument, Principal, Resource,
    Resources, RestApi, RestAuth, Role, Statement, Tag, Template, Value,
};
use crate::{
    app::{App, Authorization, Trigger},
    target::Code,
};

/// The stage of a REST API. It is part of the URL; an HTTP API has one that is not.
const STAGE: &str = "prod";
/// What IAM authorization is called everywhere in API Gateway and Lambda.
const AWS_IAM: &str = "AWS_IAM";
const POLICY_VERSION: &str = "2012-10-17";

pub(super) fn template<'a>(app: &'a App, code: &'a Code) -> Template<'a> {
    Template {
        format_version: "2010-09-09",
        transform: "AWS::Serverless-2016-10-31",
        description: &app.description,
        resources: Resources {
            server: server(app, code),
            server_role: role(app),
            server_logs: logs(app),
            rest_api: rest_api(app),
            http_api: http_api(app),
        },
        outputs: outputs(app),
    }
}

fn server<'a>(app: &'a App, code: &'a Code) -> Resource<Function<'a>> {
    let (code_uri, metadata) = match code {
        Code::Local { directory } => {
            let build_properties = BuildProperties { binary: app.binary.clone() };
            (CodeUri::Directory(directory), Some(Metadata { build_method: "rust-cargolambda", build_properties }))
        }
        Code::S3 { bucket, key } => (CodeUri::Object { bucket, key }, None),
    };
    Resource {
        kind: "AWS::Serverless::Function",
        metadata,
        properties: Function {
            // Found by the stack's name in the console and in `aws logs tail`, and two stacks never clash.
            function_name: Value::Ref("AWS::StackName"),
            description: &app.description,
            code_uri,
            runtime: "provided.al2023",
            handler: "bootstrap",
            architectures: [app.lambda.architecture.as_str()],
            memory_size: app.lambda.memory_mb,
            timeout: app.lambda.timeout_seconds,
            role: Value::Attribute(["ServerRole", "Arn"]),
            logging_config: LoggingConfig { log_group: Value::Ref("ServerLogs") },
            environment: environment(app),
            function_url_config: function_url(app),
            events: event(app).map(|endpoint| Events { endpoint }),
            tags: &app.tags,
        },
    }
}

fn environment(app: &App) -> Environment<'_> {
    let mut variables: BTreeMap<&str, &str> =
        app.environment.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let mode = if app.lambda.trigger.streams() { RESPONSE_MODE_STREAM } else { RESPONSE_MODE_BUFFERED };
    variables.insert(env::RESPONSE_MODE, mode);
    if app.path != DEFAULT_PATH {
        variables.insert(env::PATH, &app.path);
    }
    Environment { variables }
}

/// SAM adds the two permissions a public function URL needs (`lambda:InvokeFunctionUrl`, and `lambda:InvokeFunction`
/// for calls through the URL); with IAM authorization both are the caller's to have.
fn function_url(app: &App) -> Option<FunctionUrlConfig> {
    let invoke_mode = match app.lambda.trigger {
        Trigger::FunctionUrl => "RESPONSE_STREAM",
        Trigger::FunctionUrlBuffered => "BUFFERED",
        Trigger::RestApi | Trigger::RestApiStream | Trigger::HttpApi => return None,
    };
    let auth_type = match app.lambda.authorization {
        Authorization::Iam => AWS_IAM,
        Authorization::None => "NONE",
    };
    Some(FunctionUrlConfig { auth_type, invoke_mode })
}

/// Every method goes to the server, because API Gateway would answer the others itself, in words no MCP client knows.
fn event(app: &App) -> Option<Event<'_>> {
    const METHOD: &str = "ANY";
    let path = app.path.as_str();
    let rest = |response_transfer_mode, timeout_in_millis| Event::Api {
        rest_api_id: Value::Ref("RestApi"),
        path,
        method: METHOD,
        response_transfer_mode,
        timeout_in_millis,
    };
    match app.lambda.trigger {
        Trigger::FunctionUrl | Trigger::FunctionUrlBuffered => None,
        Trigger::RestApi => Some(rest(None, None)),
        // SAM spells it as Lambda does, and writes API Gateway's `STREAM` and its streaming URI from it.
        Trigger::RestApiStream => Some(rest(Some("RESPONSE_STREAM"), Some(app.lambda.timeout_seconds * 1000))),
        Trigger::HttpApi => Some(Event::HttpApi { api_id: Value::Ref("HttpApi"), path, method: METHOD }),
    }
}

fn rest_api(app: &App) -> Option<Resource<RestApi<'_>>> {
    matches!(app.lambda.trigger, Trigger::RestApi | Trigger::RestApiStream).then(|| Resource {
        kind: "AWS::Serverless::Api",
        metadata: None,
        properties: RestApi {
            name: Value::Ref("AWS::StackName"),
            description: &app.description,
            stage_name: STAGE,
            // Without it SAM adds a second stage called `Stage`.
            open_api_version: "3.0.1",
            // An edge endpoint cuts a stream that is silent for 30 seconds, a regional one after 5 minutes.
            endpoint_configuration: EndpointConfiguration { kind: "REGIONAL" },
            // Without a role of `NONE` the caller would need the right to invoke the function, too.
            auth: is_iam(app).then_some(RestAuth { default_authorizer: AWS_IAM, invoke_role: "NONE" }),
            tags: &app.tags,
        },
    })
}

fn http_api(app: &App) -> Option<Resource<HttpApi<'_>>> {
    (app.lambda.trigger == Trigger::HttpApi).then(|| Resource {
        kind: "AWS::Serverless::HttpApi",
        metadata: None,
        properties: HttpApi {
            name: Value::Ref("AWS::StackName"),
            description: &app.description,
            auth: is_iam(app).then_some(HttpAuth { enable_iam_authorizer: true, default_authorizer: AWS_IAM }),
            tags: &app.tags,
        },
    })
}

fn is_iam(app: &App) -> bool {
    app.lambda.authorization == Authorization::Iam
}

/// The role SAM would make may write any log group of the account and make new ones; this one may write its own. So
/// nothing brings the group back after the stack is gone.
fn role(app: &App) -> Resource<Role<'_>> {
    let trust = Statement {
        effect: "Allow",
        principal: Some(Principal { service: "lambda.amazonaws.com" }),
        action: &["sts:AssumeRole"],
        resource: None,
    };
    let write_logs = Statement {
        effect: "Allow",
        principal: None,
        action: &["logs:CreateLogStream", "logs:PutLogEvents"],
        resource: Some(Value::Attribute(["ServerLogs", "Arn"])),
    };
    Resource {
        kind: "AWS::IAM::Role",
        metadata: None,
        properties: Role {
            assume_role_policy_document: PolicyDocument { version: POLICY_VERSION, statement: [trust] },
            managed_policy_arns: &app.lambda.policies,
            policies: [Policy {
                policy_name: "WriteLogs",
                policy_document: PolicyDocument { version: POLICY_VERSION, statement: [write_logs] },
            }],
            tags: tags(app),
        },
    }
}

fn logs(app: &App) -> Resource<LogGroup<'_>> {
    Resource {
        kind: "AWS::Logs::LogGroup",
        metadata: None,
        properties: LogGroup {
            log_group_name: Value::Substitute("/aws/lambda/${AWS::StackName}".to_owned()),
            retention_in_days: app.lambda.log_retention_days,
            tags: tags(app),
        },
    }
}

fn tags(app: &App) -> Vec<Tag<'_>> {
    app.tags.iter().map(|(key, value)| Tag { key, value }).collect()
}

fn outputs(app: &App) -> Outputs {
    let gateway = |api: &str| format!("https://${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}");
    let path = &app.path;
    let endpoint = match app.lambda.trigger {
        // The URL of a function ends in a slash.
        Trigger::FunctionUrl | Trigger::FunctionUrlBuffered => {
            format!("${{ServerUrl.FunctionUrl}}{}", path.trim_start_matches('/'))
        }
        Trigger::RestApi | Trigger::RestApiStream => format!("{}/{STAGE}{path}", gateway("RestApi")),
        Trigger::HttpApi => format!("{}{path}", gateway("HttpApi")),
    };
    Outputs {
        mcp_endpoint: Output { description: "URL of the MCP endpoint", value: Value::Substitute(endpoint) },
        function_name: Output { description: "Name of the function", value: Value::Ref("Server") },
        function_arn: Output { description: "ARN of the function", value: Value::Attribute(["Server", "Arn"]) },
    }
}
