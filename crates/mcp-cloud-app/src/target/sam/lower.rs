//! App → the structures of [`schema`](super::schema).

use std::collections::BTreeMap;

use mcp_cloud_contract::{RESPONSE_MODE_BUFFERED, RESPONSE_MODE_STREAM, env};
use sha2::{Digest as _, Sha256};

use super::{
    gateway, load_balancer, names,
    schema::{
        CodeUri, Environment, Function, LoggingConfig, Package, Properties, ProvisionedConcurrency, ScalableTarget,
        ScalableTargetAction, ScheduledAction, Settings, Template, VpcConfig,
    },
    source, watch,
};
use crate::{
    app::{App, Build, CommandBuild, Egress, Runtime, SecretDelivery, Traces, Trigger},
    target::{
        Code,
        aws::{
            LogGroup, Output, Outputs, Policy, PolicyDocument, Resource, Resources, Role, Statement, Value,
            load_balancer::LOAD_BALANCER,
            network::{Ec2, PRIVATE_RANGES, SERVER_SECURITY_GROUP, SecurityGroup, SecurityGroupRule},
            state, tags, waf,
        },
        oauth, relative, variables,
    },
};

/// Enough that two settings never look alike by chance.
const FINGERPRINT_BYTES: usize = 8;

pub(super) fn template<'a>(app: &'a App, code: &'a Code) -> Template<'a> {
    let mut resources = Resources::new();
    resources.add(names::SERVER, server(app, code));
    resources.add(names::ROLE, Properties::Role(role(app)));
    resources.add(names::LOGS, Properties::LogGroup(logs(app, "/aws/lambda/${AWS::StackName}")));
    if let Some(group) = security_group(app) {
        resources.add(SERVER_SECURITY_GROUP, Properties::Ec2(Ec2::SecurityGroup(group)));
    }
    if let Some(working_hours) = working_hours(app) {
        resources.add(names::WORKING_HOURS, working_hours);
    }
    if let Some(api) = gateway::rest_api(app) {
        resources.add(names::REST_API, Properties::RestApi(Box::new(api)));
    }
    if let Some(api) = gateway::http_api(app) {
        resources.add(names::HTTP_API, Properties::HttpApi(Box::new(api)));
        // Names that begin like this need no policy of their own, of which an account has few
        // (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html).
        let name = "/aws/vendedlogs/apis/${AWS::StackName}";
        resources.add(names::ACCESS_LOGS, Properties::LogGroup(logs(app, name)));
    }
    load_balancer::add(app, &mut resources);
    if let Some(table) = state::table(app, Properties::Table) {
        resources.add(state::TABLE, table);
    }
    if let Some(key) = state::sealing_key(app) {
        resources.add(state::SEALING_KEY, Properties::Secret(key));
    }
    if let Some(guarded) = guarded_by_firewall(app) {
        resources.add(waf::FIREWALL, Properties::WebAcl(waf::firewall(app)));
        resources.add(waf::FIREWALL_ASSOCIATION, Properties::WebAclAssociation(waf::association(guarded)));
    }
    for (name, alarm) in watch::alarms(app) {
        resources.add(name, Properties::Alarm(alarm));
    }
    Template {
        format_version: "2010-09-09",
        transform: "AWS::Serverless-2016-10-31",
        description: &app.description,
        resources,
        outputs: outputs(app),
    }
}

/// What triggers invoke: the alias. Versions stay as they were published, so what served before serves again as soon as
/// the alias is put back, in one call that neither builds nor uploads; and only a version's instances can be kept warm.
pub(super) fn function<'a>() -> Value<'a> {
    Value::reference(names::ALIAS_RESOURCE)
}

fn server<'a>(app: &'a App, code: &'a Code) -> Resource<Properties<'a>> {
    let (package, metadata) = package(app, code);
    let provisioned = app.lambda.provisioned;
    let function = Function {
        // Found by the stack's name in the console and in `aws logs tail`, and two stacks never clash.
        function_name: Value::reference("AWS::StackName"),
        package,
        memory_size: app.lambda.memory_mb,
        settings: settings(app),
        reserved_concurrent_executions: app.lambda.reserved,
        auto_publish_alias: super::ALIAS,
        provisioned_concurrency_config: (provisioned > 0)
            .then_some(ProvisionedConcurrency { provisioned_concurrent_executions: provisioned }),
        environment: Environment { variables: environment(app) },
        function_url_config: gateway::function_url(app),
        events: gateway::events(app),
        tags: &app.tags,
    };
    Resource { metadata, ..Properties::Function(Box::new(function)).into() }
}

fn settings(app: &App) -> Settings<'_> {
    Settings {
        description: &app.description,
        architectures: [app.architecture.as_str()],
        timeout: app.lambda.timeout_seconds,
        role: Value::attribute(names::ROLE, "Arn"),
        vpc_config: app.network.vpc.as_ref().map(|_| VpcConfig {
            subnet_ids: &app.network.subnets,
            security_group_ids: [Value::attribute(SERVER_SECURITY_GROUP, "GroupId")]
                .into_iter()
                .chain(app.network.security_groups.iter().map(Value::text))
                .collect(),
        }),
        tracing: (app.telemetry.traces == Traces::Platform).then_some("Active"),
        logging_config: LoggingConfig { log_group: Value::reference(names::LOGS) },
    }
}

/// The settings and the runtime as one short word, which is a variable of the function, because for a changed variable
/// SAM publishes a version. `AutoPublishAliasAllProperties` would do so for tags and for the reserved concurrency, too,
/// which are no part of a version: Lambda publishes none then, and the stack fails
/// (<https://github.com/aws/serverless-application-model/issues/3281>).
fn fingerprint(app: &App) -> String {
    let text = serde_json::to_string(&(settings(app), runtime(app))).unwrap_or_default();
    Sha256::digest(text).iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

fn package<'a>(app: &'a App, code: &'a Code) -> (Package<'a>, Option<serde_json::Value>) {
    let archive = |code_uri, runtime| Package::Archive { code_uri, runtime, handler: "bootstrap" };
    let image = |image_uri| (Package::Image { package_type: "Image", image_uri }, None);
    let directory = |path| CodeUri::Directory(relative(code.directory(app), path));
    let runtime = runtime(app);
    match (code, &app.build) {
        (Code::Image { reference, .. }, _) => image(reference),
        (Code::S3 { bucket, key }, _) => (archive(CodeUri::Object { bucket, key }, runtime), None),
        (Code::Local { .. }, Build::Image(reference)) => image(reference),
        (Code::Local { .. }, Build::Cargo(cargo)) => {
            // `sam build` calls `cargo lambda build --bin` there, and takes what it puts into the workspace's `target`.
            let metadata = serde_json::json!({
                "BuildMethod": "rust-cargolambda",
                "BuildProperties": { "Binary": cargo.binary },
            });
            (archive(directory(&cargo.package_directory), runtime), Some(metadata))
        }
        (Code::Local { .. }, Build::Command(command)) => {
            let metadata = serde_json::json!({ "BuildMethod": "makefile", "ContextPath": source::DIRECTORY });
            (archive(directory(&command.directory), runtime), Some(metadata))
        }
    }
}

fn runtime(app: &App) -> String {
    let runtime = match &app.build {
        Build::Command(command) => managed_runtime(command),
        Build::Cargo(_) | Build::Image(_) => None,
    };
    runtime.unwrap_or_else(|| "provided.al2023".to_owned())
}

/// The runtime of Lambda that a command needs, if it needs one. Its own program never runs: the variable
/// `AWS_LAMBDA_EXEC_WRAPPER` puts ours in its place, with the interpreter and its patches around it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper>).
fn managed_runtime(command: &CommandBuild) -> Option<String> {
    match command.runtime {
        Runtime::Node => Some(format!("nodejs{}.x", command.runtime_version)),
        Runtime::Python => Some(format!("python{}", command.runtime_version)),
        Runtime::None => None,
    }
}

/// All variables of the function.
pub(super) fn environment(app: &App) -> BTreeMap<String, Value<'_>> {
    let mut variables: BTreeMap<String, Value<'_>> =
        variables::of_server(app).into_iter().map(|(key, value)| (key, Value::text(value))).collect();
    let mode = if app.lambda.trigger.streams() { RESPONSE_MODE_STREAM } else { RESPONSE_MODE_BUFFERED };
    variables.insert(env::RESPONSE_MODE.to_owned(), Value::text(mode));
    variables.insert(env::SETTINGS.to_owned(), Value::text(fingerprint(app)));
    if let (Trigger::Alb, Some(domain)) = (app.lambda.trigger, &app.endpoint.domain) {
        // Every other trigger says in its events by which name it was reached.
        variables.entry(env::ALLOWED_HOSTS.to_owned()).or_insert_with(|| Value::text(domain.as_str()));
    }
    // A load balancer says it itself.
    if let Some(metadata) = oauth::resource_metadata(app).filter(|_| app.lambda.trigger != Trigger::Alb) {
        variables.insert(env::RESOURCE_METADATA.to_owned(), Value::text(metadata));
    }
    variables.extend(state::variables(app));
    for (name, secret) in state::secrets(app) {
        match app.lambda.secrets {
            SecretDelivery::Resolve => {
                variables.insert(name.to_owned(), secret.resolved());
            }
            SecretDelivery::Arn => {
                variables.insert(format!("{name}_ARN"), secret.arn());
                if let Some(key) = secret.key {
                    variables.insert(format!("{name}_KEY"), Value::text(key));
                }
            }
        }
    }
    if let Build::Command(command) = &app.build
        && command.runtime != Runtime::None
    {
        variables.insert(source::WRAPPER_VARIABLE.to_owned(), Value::text(source::WRAPPER_PATH));
    }
    variables
}

/// What the function may: what the template itself needs, and nothing else. The role SAM would make may write any log
/// group of the account and make new ones; this one may write its own, so nothing brings the group back after the stack
/// is gone.
fn role(app: &App) -> Role<'_> {
    let policy = |policy_name, statements| Policy { policy_name, policy_document: PolicyDocument::new(statements) };
    let everything = || vec![Value::text("*")];
    let write_logs =
        Statement::allow(vec!["logs:CreateLogStream", "logs:PutLogEvents"], vec![Value::attribute(names::LOGS, "Arn")]);
    let mut policies = vec![policy("WriteLogs", vec![write_logs])];
    if app.telemetry.traces == Traces::Platform {
        // X-Ray has no resources that could be named.
        let send = Statement::allow(vec!["xray:PutTraceSegments", "xray:PutTelemetryRecords"], everything());
        policies.push(policy("SendTraces", vec![send]));
    }
    if app.network.vpc.is_some() {
        policies.push(policy("JoinVpc", join_vpc()));
    }
    if let (SecretDelivery::Arn, Some(read)) = (app.lambda.secrets, state::read_secrets(app)) {
        policies.push(policy("ReadSecrets", vec![read]));
    }
    policies.extend(state::use_table(app).map(|statement| policy("UseTable", vec![statement])));
    Role::of_service("lambda.amazonaws.com", policies, app).with_managed(&app.lambda.policies)
}

/// Lambda needs these rights to put the function into the VPC, and cannot do with less than all resources. They are
/// Lambda's, not the server's, so the server's own calls are denied
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>).
fn join_vpc<'a>() -> Vec<Statement<'a>> {
    let actions = || {
        vec![
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ]
    };
    let function = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}";
    let condition =
        BTreeMap::from([("ArnEquals", BTreeMap::from([("lambda:SourceFunctionArn", Value::substitute(function))]))]);
    vec![
        Statement::allow(actions(), vec![Value::text("*")]),
        Statement { effect: "Deny", condition: Some(condition), ..Statement::allow(actions(), vec![Value::text("*")]) },
    ]
}

/// Nothing comes in over the network: Lambda invokes the function from elsewhere.
fn security_group(app: &App) -> Option<SecurityGroup<'_>> {
    let vpc = Value::text(app.network.vpc.as_deref()?);
    let out = SecurityGroupRule::to_range_any_port;
    let egress = match app.network.egress {
        Egress::Internet => vec![out("0.0.0.0/0", "Whatever the server calls")],
        Egress::Platform => {
            PRIVATE_RANGES.map(|range| out(range, "Its own network, and endpoints of AWS in it")).into()
        }
    };
    Some(SecurityGroup::new("The function", vpc, Vec::new(), egress, app))
}

fn logs<'a>(app: &'a App, name: &'static str) -> LogGroup<'a> {
    LogGroup {
        log_group_name: Value::substitute(name),
        retention_in_days: app.telemetry.log_retention_days,
        tags: tags(app),
    }
}

/// Keeps instances warm in working hours only. The function is there at any time; outside of them somebody waits for it
/// to start.
fn working_hours(app: &App) -> Option<Resource<Properties<'_>>> {
    let (hours, warm) = (app.scaling.working_hours.as_ref()?, app.lambda.provisioned);
    let action = |scheduled_action_name, (hour, minute): (u8, u8), capacity| {
        let (first, last) = (hours.first_day.to_ascii_uppercase(), hours.last_day.to_ascii_uppercase());
        ScheduledAction {
            scheduled_action_name,
            schedule: if first == last {
                format!("cron({minute} {hour} ? * {first} *)")
            } else {
                format!("cron({minute} {hour} ? * {first}-{last} *)")
            },
            timezone: &hours.time_zone,
            scalable_target_action: ScalableTargetAction { min_capacity: capacity, max_capacity: capacity },
        }
    };
    let target = ScalableTarget {
        service_namespace: "lambda",
        scalable_dimension: "lambda:function:ProvisionedConcurrency",
        resource_id: Value::substitute(format!("function:${{{}}}:{}", names::SERVER, super::ALIAS)),
        min_capacity: 0,
        max_capacity: warm,
        scheduled_actions: [action("start", hours.start, warm), action("end", hours.end, 0)],
    };
    (warm > 0)
        .then(|| Resource { depends_on: vec![names::ALIAS_RESOURCE], ..Properties::ScalableTarget(target).into() })
}

/// What the firewall stands in front of: neither a function URL nor an HTTP API can have one.
fn guarded_by_firewall(app: &App) -> Option<Value<'_>> {
    let stage = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${RestApi}/stages/${RestApi.Stage}";
    match app.lambda.trigger {
        _ if !app.network.waf => None,
        Trigger::RestApi | Trigger::RestApiStream => Some(Value::substitute(stage)),
        Trigger::Alb => Some(Value::reference(LOAD_BALANCER)),
        Trigger::FunctionUrl | Trigger::FunctionUrlBuffered | Trigger::HttpApi => None,
    }
}

fn outputs(app: &App) -> Outputs<'_> {
    let gateway = |api: &str| format!("https://${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}");
    let path = &app.endpoint.path;
    let endpoint = match (&app.endpoint.domain, app.lambda.trigger) {
        // The URL of a function ends in a slash, and it cannot have a domain of its own.
        (_, Trigger::FunctionUrl | Trigger::FunctionUrlBuffered) => {
            Value::substitute(format!("${{ServerUrl.FunctionUrl}}{}", path.trim_start_matches('/')))
        }
        (Some(domain), _) => Value::text(format!("https://{domain}{path}")),
        (None, Trigger::RestApi | Trigger::RestApiStream) => {
            Value::substitute(format!("{}/{}{path}", gateway(names::REST_API), gateway::STAGE))
        }
        (None, Trigger::HttpApi) => Value::substitute(format!("{}{path}", gateway(names::HTTP_API))),
        (None, Trigger::Alb) => Value::substitute(format!("https://${{{LOAD_BALANCER}.DNSName}}{path}")),
    };
    let output = |description, value| Output { condition: None, description, value };
    let mut outputs = vec![
        (super::OUTPUT_ENDPOINT, output("URL of the MCP endpoint", endpoint)),
        (super::OUTPUT_FUNCTION_NAME, output("Name of the function", Value::reference(names::SERVER))),
        (super::OUTPUT_FUNCTION_ARN, output("ARN of the function", Value::attribute(names::SERVER, "Arn"))),
        (super::OUTPUT_FUNCTION_VERSION, output("ARN of the version published last", Value::reference(names::VERSION))),
    ];
    let target = match app.lambda.trigger {
        _ if app.endpoint.domain.is_none() || app.lambda.hosted_zone.is_some() => None,
        Trigger::RestApi | Trigger::RestApiStream => Some(("RestApi.DomainName", "RegionalDomainName")),
        Trigger::HttpApi => Some(("HttpApi.DomainName", "RegionalDomainName")),
        Trigger::Alb => Some((LOAD_BALANCER, "DNSName")),
        Trigger::FunctionUrl | Trigger::FunctionUrlBuffered => None,
    };
    if let Some((id, attribute)) = target {
        let description = "What the domain has to be a CNAME of, in its own zone";
        outputs.push((super::OUTPUT_DOMAIN_TARGET, output(description, Value::attribute(id, attribute))));
    }
    outputs
}
