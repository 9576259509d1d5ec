//! App → a task definition, for the stack and for the ECS API.

use std::collections::BTreeMap;

use mcp_cloud_contract::{IDLE_TIMEOUT_SECONDS, env, platform_env};

use super::{
    lower,
    schema::{
        Capabilities, Container, HealthCheck, LinuxParameters, LogConfiguration, PortMapping, RuntimePlatform,
        SecretVariable, TaskDefinition, Variable,
    },
};
use crate::{
    app::{App, Architecture, Build, Traces},
    target::{
        aws::{Value, state, tags},
        container, variables,
    },
};

/// The collector of AWS Distro for OpenTelemetry, beside the server in its task: X-Ray takes signed requests alone, and
/// the server sends OTLP (<https://aws-otel.github.io/docs/setup/ecs>).
const COLLECTOR: &str = "collector";
const COLLECTOR_IMAGE: &str = "public.ecr.aws/aws-observability/aws-otel-collector:v0.48.0";
/// A configuration in that image that takes OTLP and hands it to X-Ray, and does nothing else.
const COLLECTOR_ARGUMENTS: [&str; 1] = ["--config=/etc/ecs/ecs-xray.yaml"];
/// Where it listens: the containers of a task share one network interface.
const COLLECTOR_ENDPOINT: &str = "http://localhost:4318";

/// How long a task answers what is still on its way, after ECS has waited for the load balancer to be done with it.
const LINGER_SECONDS: u32 = 5;

/// For how many seconds after `SIGTERM` requests may still come.
///
/// A task that is replaced or stopped leaves its target group before (`DEACTIVATING`, then `STOPPING`:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>). One that loses its place on
/// Fargate Spot may be a target to its end (<https://repost.aws/knowledge-center/fargate-spot-termination-notice>): there
/// the load balancer hears of it from its health checks alone.
pub(super) fn linger_seconds(app: &App) -> u32 {
    if app.ecs.spot_percent == 0 {
        return LINGER_SECONDS;
    }
    let checks = app.health.interval_seconds.saturating_mul(lower::unhealthy_threshold(app));
    checks.saturating_add(app.health.timeout_seconds)
}

/// By which names the server is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::target) enum Names {
    /// By its domain, if it has one.
    One,
    /// By a name that AWS makes, too.
    Several,
}

/// What a task definition names, which is known in another way to whoever reads it.
#[derive(Debug)]
pub(in crate::target) struct Surroundings<'a> {
    /// What the server's container is called.
    pub(in crate::target) container: &'static str,
    pub(in crate::target) names: Names,
    pub(in crate::target) image: Value<'a>,
    pub(in crate::target) execution_role: Value<'a>,
    pub(in crate::target) task_role: Value<'a>,
    pub(in crate::target) log_group: Value<'a>,
    pub(in crate::target) region: Value<'a>,
    /// Instead of what the stack makes: the value of [`env::STORE`] and the ARN of the sealing key.
    pub(in crate::target) made_by_stack: Option<(String, String)>,
}

pub(in crate::target) fn lower<'a>(app: &'a App, around: &Surroundings<'a>) -> TaskDefinition<'a> {
    let mut container_definitions = vec![server(app, around)];
    if app.telemetry.traces == Traces::Platform {
        container_definitions.push(collector(around));
    }
    TaskDefinition {
        family: &app.name,
        requires_compatibilities: ["FARGATE"],
        network_mode: "awsvpc",
        cpu: app.ecs.cpu.to_string(),
        memory: app.ecs.memory_mb.to_string(),
        runtime_platform: RuntimePlatform {
            cpu_architecture: match app.architecture {
                Architecture::Arm64 => "ARM64",
                Architecture::X86_64 => "X86_64",
            },
            operating_system_family: "LINUX",
        },
        execution_role_arn: around.execution_role.clone(),
        task_role_arn: around.task_role.clone(),
        container_definitions,
        tags: tags(app),
    }
}

fn server<'a>(app: &'a App, around: &Surroundings<'a>) -> Container<'a> {
    // What an image that somebody else built needs is known to whoever built it.
    let is_own = !matches!(app.build, Build::Image(_));
    Container {
        name: around.container,
        image: around.image.clone(),
        essential: true,
        command: Vec::new(),
        user: is_own.then_some(container::USER),
        // The agent through which commands come keeps its files there
        // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-considerations>).
        readonly_root_filesystem: (is_own && !app.ecs.exec).then_some(true),
        linux_parameters: LinuxParameters {
            // A command and the agent may start processes that nobody waits for; the first process of the container has to.
            init_process_enabled: (matches!(app.build, Build::Command(_)) || app.ecs.exec).then_some(true),
            capabilities: Capabilities { drop: ["ALL"] },
        },
        port_mappings: vec![PortMapping { name: "http", container_port: container::PORT, protocol: "tcp" }],
        environment: environment(app, around),
        secrets: secrets(app, around),
        health_check: container::health_command(app).map(|command| HealthCheck {
            // The program asks itself: there is no shell in the image, and nothing that could ask for it.
            command: std::iter::once("CMD".to_owned()).chain(command).collect(),
            interval: app.health.interval_seconds,
            timeout: app.health.timeout_seconds,
            retries: app.health.retries,
            start_period: app.health.start_seconds,
        }),
        stop_timeout: Some(app.ecs.stop_timeout_seconds),
        log_configuration: logs(around, around.container),
    }
}

fn collector<'a>(around: &Surroundings<'a>) -> Container<'a> {
    Container {
        name: COLLECTOR,
        image: Value::text(COLLECTOR_IMAGE),
        // Without traces the server still serves.
        essential: false,
        command: COLLECTOR_ARGUMENTS.to_vec(),
        user: None,
        readonly_root_filesystem: Some(true),
        linux_parameters: LinuxParameters { init_process_enabled: None, capabilities: Capabilities { drop: ["ALL"] } },
        port_mappings: Vec::new(),
        environment: Vec::new(),
        secrets: Vec::new(),
        health_check: None,
        stop_timeout: None,
        log_configuration: logs(around, COLLECTOR),
    }
}

fn environment<'a>(app: &'a App, around: &Surroundings<'a>) -> Vec<Variable<'a>> {
    let mut of_server = variables::of_container(app);
    for (name, seconds) in [
        (env::STOP_TIMEOUT, app.ecs.stop_timeout_seconds),
        (env::LINGER, linger_seconds(app)),
        // Express Mode has a load balancer of its own, which is told nothing.
        (env::IDLE_TIMEOUT, app.ecs.idle_timeout_seconds.max(IDLE_TIMEOUT_SECONDS)),
    ] {
        of_server.entry(name.to_owned()).or_insert_with(|| seconds.to_string());
    }
    if let (Some(domain), Names::One) = (&app.endpoint.domain, around.names) {
        // Who is called by another name is not called: a page could point a name of its own here (DNS rebinding).
        of_server.entry(env::ALLOWED_HOSTS.to_owned()).or_insert_with(|| domain.clone());
    }
    if app.telemetry.traces == Traces::Platform {
        let mut set = |name: &str, value: &str| {
            of_server.insert(name.to_owned(), value.to_owned());
        };
        set(platform_env::OTEL_EXPORTER_OTLP_ENDPOINT, COLLECTOR_ENDPOINT);
        set(platform_env::OTEL_SERVICE_NAME, &app.name);
    }
    let mut all: BTreeMap<_, _> = of_server.into_iter().map(|(name, value)| (name, Value::text(value))).collect();
    for (name, value) in state::variables(app) {
        let value = match (value, &around.made_by_stack) {
            (Value::Function(_), Some((store, _))) => Value::text(store.clone()),
            (value, _) => value,
        };
        all.insert(name, value);
    }
    all.into_iter().map(|(name, value)| Variable { name, value }).collect()
}

/// Fargate fetches them when it starts the task, by its execution role; their values are in no file and no setting.
fn secrets<'a>(app: &'a App, around: &Surroundings<'a>) -> Vec<SecretVariable<'a>> {
    let known = |value| match (value, &around.made_by_stack) {
        (Value::Function(_), Some((_, sealing_key))) => Value::text(sealing_key.clone()),
        (value, _) => value,
    };
    state::secrets(app)
        .into_iter()
        .map(|(name, secret)| SecretVariable { name, value_from: known(secret.value_from()) })
        .collect()
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html>
fn logs<'a>(around: &Surroundings<'a>, stream: &'static str) -> LogConfiguration<'a> {
    LogConfiguration {
        log_driver: "awslogs",
        options: [
            ("awslogs-group", around.log_group.clone()),
            ("awslogs-region", around.region.clone()),
            ("awslogs-stream-prefix", Value::text(stream)),
            // A server that waits for CloudWatch before it can say a word answers nobody: rather lose lines than requests.
            ("mode", Value::text("non-blocking")),
            ("max-buffer-size", Value::text("4m")),
        ]
        .into(),
    }
}
