//! App → the stack.

use super::{
    CONTAINER, OUTPUT_ASSIGN_PUBLIC_IP, OUTPUT_CLUSTER, OUTPUT_ENDPOINT, OUTPUT_LOAD_BALANCER,
    OUTPUT_LOAD_BALANCER_FULL_NAME, OUTPUT_REPOSITORY, OUTPUT_SECURITY_GROUPS, OUTPUT_SERVICE, OUTPUT_SUBNETS,
    OUTPUT_TARGET_GROUP, OUTPUT_TARGET_GROUP_FULL_NAME, scaling,
    schema::{
        AwsvpcConfiguration, CapacityProvider, Cluster, Conditions, Equals, ImageScanning, LifecycleAction,
        LifecyclePolicy, LifecycleRule, LifecycleRules, LifecycleSelection, NetworkConfiguration, Not, Parameter,
        Parameters, Properties, Repository, Service, ServiceLoadBalancer, Setting, Template,
    },
    shift,
    task_definition::{self, Names, Surroundings},
};
use crate::{
    app::{App, Build, Sessions, Traces},
    target::{
        Code,
        aws::{
            LogGroup, Output, Outputs, Policy, PolicyDocument, Resource, Resources, Role, Statement, Value,
            alarms::{Alarm, Metric, Together, Unit},
            domain::{self, DOMAIN_RECORD},
            load_balancer::{
                self, ALTERNATE_TARGET_GROUP, Attribute, Elb, Front, HealthCheck, LOAD_BALANCER, Matcher, TARGET_GROUP,
                TargetGroup,
            },
            network::{Network, SERVER_SECURITY_GROUP},
            state, tags, waf,
        },
        container,
    },
};

/// Logical ids.
pub(in crate::target) const EXECUTION_ROLE: &str = "ExecutionRole";
pub(in crate::target) const TASK_ROLE: &str = "TaskRole";
pub(in crate::target) const LOGS: &str = "ServerLogs";
pub(in crate::target) const REPOSITORY: &str = "Repository";
pub(in crate::target) const TASK_DEFINITION: &str = "TaskDefinition";
pub(super) const SERVICE: &str = "Service";
pub(super) const CLUSTER: &str = "Cluster";
/// The parameter with the image, and the condition that there is one.
pub(in crate::target) const IMAGE: &str = "Image";
pub(in crate::target) const WITH_SERVICE: &str = "WithService";

/// Nothing, or an image by digest, or by a tag that is not `latest`: what is deployed is the same tomorrow.
const IMAGE_PATTERN: &str = r"^$|^[^\s@]+@sha256:[0-9a-f]{64}$|^[^\s@]+:(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$";
/// The capacity providers of Fargate.
const FARGATE: &str = "FARGATE";
const FARGATE_SPOT: &str = "FARGATE_SPOT";
/// Images that a repository keeps: enough to go back to.
const IMAGES_KEPT: u32 = 20;
/// A load balancer takes one failure for none
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>).
const LEAST_THRESHOLD: u32 = 2;

/// What a stack holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds<'a> {
    /// All there is; the service as soon as there is an image.
    Everything(&'a Code),
    /// What stands around the service, which somebody makes with the ECS API.
    Surroundings,
}

pub(super) fn stack<'a>(app: &'a App, holds: Holds<'a>) -> Template<'a, Properties<'a>> {
    let network = Network::new(app, load_balancer::is_internal(app));
    let has_secrets = !state::secrets(app).is_empty();
    let mut resources = Resources::new();
    if makes_repository(app) {
        resources.add(REPOSITORY, Properties::Repository(repository(app)));
    }
    add_roles(&mut resources, app);
    add_state(&mut resources, app);
    network.add_to(&mut resources, container::PORT, load_balancer::LOAD_BALANCER_SECURITY_GROUP, has_secrets);
    let front = Front {
        app,
        vpc: network.vpc(),
        subnets: network.front_subnets(),
        depends_on: network.way_in(),
        certificate: app.ecs.certificate.as_deref(),
        idle_timeout_seconds: Some(app.ecs.idle_timeout_seconds),
        behind: Some((container::PORT, Value::attribute(SERVER_SECURITY_GROUP, "GroupId"))),
        alternate: shift::shifts(app).then_some(ALTERNATE_TARGET_GROUP),
    };
    front.add_to(&mut resources);
    resources.add(TARGET_GROUP, Properties::Elb(Elb::TargetGroup(target_group(app, network.vpc()))));
    shift::add_to(&mut resources, app, target_group(app, network.vpc()));
    if let (Some(domain), Some(zone)) = (&app.endpoint.domain, &app.ecs.hosted_zone) {
        let (name, name_zone) =
            (Value::attribute(LOAD_BALANCER, "DNSName"), Value::attribute(LOAD_BALANCER, "CanonicalHostedZoneID"));
        resources.add(DOMAIN_RECORD, Properties::RecordSet(domain::alias(domain, zone, name, name_zone)));
    }
    if app.network.waf {
        resources.add(waf::FIREWALL, Properties::WebAcl(waf::firewall(app)));
        let association = waf::association(Value::reference(LOAD_BALANCER));
        resources.add(waf::FIREWALL_ASSOCIATION, Properties::WebAclAssociation(association));
    }
    if app.ecs.cluster.is_none() {
        resources.add(CLUSTER, Properties::Cluster(cluster(app)));
    }
    if holds != Holds::Surroundings {
        let definition = task_definition::lower(app, &in_stack(CONTAINER, Names::One));
        resources.add(TASK_DEFINITION, with_service(Properties::TaskDefinition(definition)));
        // A service that moves requests names the rule itself.
        let way_in = front.alternate.is_none().then(|| front.way_in());
        let depends_on = way_in.into_iter().chain(network.ways_out(has_secrets)).collect();
        let service = Properties::Service(Box::new(service(app, &network)));
        resources.add(SERVICE, Resource { depends_on, ..with_service(service) });
        scaling::add_to(&mut resources, app);
    }
    add_alarms(&mut resources, app, holds);
    let (parameters, conditions) = match holds {
        Holds::Everything(code) => (Some(parameters(app, code)), Some(conditions())),
        Holds::Surroundings => (None, None),
    };
    Template {
        format_version: "2010-09-09",
        description: &app.description,
        parameters,
        conditions,
        resources,
        outputs: outputs(app, &network),
    }
}

/// A resource that is there when an image is.
pub(in crate::target) fn with_service(properties: Properties<'_>) -> Resource<Properties<'_>> {
    Resource { condition: Some(WITH_SERVICE), ..properties.into() }
}

/// The stack may be made before there is an image: the repository that the first one is pushed to is in it.
pub(in crate::target) fn parameters<'a>(app: &'a App, code: &'a Code) -> Parameters<'a> {
    Parameters {
        image: Parameter {
            kind: "String",
            default: image(app, code).unwrap_or_default(),
            description: "The image to run, by digest or by a tag that is not latest; without one there is no service yet",
            allowed_pattern: IMAGE_PATTERN,
            constraint_description: "an image by digest (NAME@sha256:...), or by a tag that is not latest",
        },
    }
}

pub(in crate::target) fn conditions<'a>() -> Conditions<'a> {
    Conditions { with_service: Not { not: [Equals { equals: [Value::reference(IMAGE), Value::text("")] }] } }
}

/// The image, where it is known already.
pub(in crate::target) fn image<'a>(app: &'a App, code: &'a Code) -> Option<&'a str> {
    match (code, &app.build) {
        (Code::Image { reference, .. }, _) | (_, Build::Image(reference)) => Some(reference),
        _ => None,
    }
}

/// What a task definition in the stack names.
pub(in crate::target) fn in_stack<'a>(container: &'static str, names: Names) -> Surroundings<'a> {
    Surroundings {
        container,
        names,
        image: Value::reference(IMAGE),
        execution_role: Value::attribute(EXECUTION_ROLE, "Arn"),
        task_role: Value::attribute(TASK_ROLE, "Arn"),
        log_group: Value::reference(LOGS),
        region: Value::reference("AWS::Region"),
        made_by_stack: None,
    }
}

pub(in crate::target) fn makes_repository(app: &App) -> bool {
    app.ecs.repository.is_none() && !matches!(app.build, Build::Image(_))
}

pub(in crate::target) fn repository(app: &App) -> Repository<'_> {
    // Each revision that can be gone back to needs its image. What an index consists of is not counted for itself
    // (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html>).
    let kept = IMAGES_KEPT.max(app.ecs.keep_revisions);
    let rule = LifecycleRule {
        rule_priority: 1,
        description: format!("The last {kept} images"),
        selection: LifecycleSelection { tag_status: "any", count_type: "imageCountMoreThan", count_number: kept },
        action: LifecycleAction { kind: "expire" },
    };
    Repository {
        repository_name: &app.name,
        image_tag_mutability: "IMMUTABLE",
        image_scanning_configuration: ImageScanning { scan_on_push: true },
        lifecycle_policy: LifecyclePolicy {
            lifecycle_policy_text: serde_json::to_string(&LifecycleRules { rules: [rule] }).unwrap_or_default(),
        },
        // Images can be built again; a stack that cannot be deleted helps nobody.
        empty_on_delete: true,
        tags: tags(app),
    }
}

/// The roles and the log group. The roles have names that `task-definition.json` can say without knowing the account, so
/// whoever creates the stack has to allow that.
pub(in crate::target) fn add_roles<'a>(resources: &mut Resources<Properties<'a>>, app: &'a App) {
    let of_tasks = |name: String, policies: Vec<Policy<'a>>| Role {
        role_name: Some(name),
        ..Role::of_service("ecs-tasks.amazonaws.com", policies, app).under(
            // For tasks of this account and region alone, or ECS could be talked into it by somebody else's
            // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>).
            [
                ("StringEquals", [("aws:SourceAccount", Value::reference("AWS::AccountId"))].into()),
                (
                    "ArnLike",
                    [(
                        "aws:SourceArn",
                        Value::substitute("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*"),
                    )]
                    .into(),
                ),
            ]
            .into(),
        )
    };
    let start = Policy { policy_name: "StartTasks", policy_document: PolicyDocument::new(to_start(app)) };
    let execution_role = of_tasks(super::execution_role_name(app), vec![start]);
    let statements = to_serve(app);
    let serve = (!statements.is_empty())
        .then(|| Policy { policy_name: "Serve", policy_document: PolicyDocument::new(statements) });
    let task_role = of_tasks(super::task_role_name(app), serve.into_iter().collect()).with_managed(&app.ecs.policies);
    resources.add(EXECUTION_ROLE, Properties::Role(execution_role));
    resources.add(TASK_ROLE, Properties::Role(task_role));
    let logs = LogGroup {
        log_group_name: Value::text(super::log_group_name(app)),
        retention_in_days: app.telemetry.log_retention_days,
        tags: tags(app),
    };
    resources.add(LOGS, Properties::LogGroup(logs));
}

/// What Fargate may do to start a task: write its logs, pull its image and read its secrets, and no others.
fn to_start(app: &App) -> Vec<Statement<'_>> {
    let mut statements =
        vec![Statement::allow(vec!["logs:CreateLogStream", "logs:PutLogEvents"], vec![Value::attribute(LOGS, "Arn")])];
    if let Some(repository) = repository_arn(app) {
        // Who logs in is known, but not yet to which repository.
        statements.push(Statement::allow(vec!["ecr:GetAuthorizationToken"], vec![Value::text("*")]));
        statements.push(Statement::allow(
            vec!["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            vec![repository],
        ));
    }
    statements.extend(state::read_secrets(app));
    statements
}

/// What the server itself may do.
fn to_serve(app: &App) -> Vec<Statement<'_>> {
    let mut statements: Vec<_> = state::use_table(app).into_iter().collect();
    if app.telemetry.traces == Traces::Platform {
        // Traces belong to nothing that has an ARN.
        statements.push(Statement::allow(
            vec![
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
            ],
            vec![Value::text("*")],
        ));
    }
    if app.ecs.exec {
        // What the agent of the session manager does in the server's name; channels have no ARN
        // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions>).
        statements.push(Statement::allow(
            vec![
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            vec![Value::text("*")],
        ));
    }
    statements
}

/// The repository that images are pulled from, if it is one of ECR.
fn repository_arn(app: &App) -> Option<Value<'_>> {
    if makes_repository(app) {
        return Some(Value::attribute(REPOSITORY, "Arn"));
    }
    let name = match (&app.ecs.repository, &app.build) {
        (Some(repository), _) => repository,
        (None, Build::Image(image)) => image,
        (None, _) => return None,
    };
    let (host, path) = name.split_once('/')?;
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let region = rest.split('.').next()?;
    let path = path.split('@').next()?.split(':').next()?;
    let partition = super::partition(region);
    Some(Value::text(format!("arn:{partition}:ecr:{region}:{account}:repository/{path}")))
}

pub(in crate::target) fn add_state<'a>(resources: &mut Resources<Properties<'a>>, app: &'a App) {
    if let Some(table) = state::named_table(app, super::table_name(app)) {
        // A stack that could not be made leaves nothing behind that would be in the way of the next one.
        let (deletion_policy, update_replace_policy) = (Some("RetainExceptOnCreate"), Some("Retain"));
        let table = Properties::Table(table).into();
        resources.add(state::TABLE, Resource { deletion_policy, update_replace_policy, ..table });
    }
    if let Some(key) = state::named_sealing_key(app, super::sealing_key_name(app)) {
        resources.add(state::SEALING_KEY, Properties::Secret(key));
    }
}

/// How many health checks in a row have to fail until nothing is sent any more.
pub(super) fn unhealthy_threshold(app: &App) -> u32 {
    app.health.retries.max(LEAST_THRESHOLD)
}

fn target_group<'a>(app: &'a App, vpc: Value<'a>) -> TargetGroup<'a> {
    let attribute = |key, value: String| Attribute { key, value };
    let mut target_group_attributes = vec![
        // A task that is replaced leaves the target group first, and gets `SIGTERM` when this is over
        // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html>); one on
        // Spot gets both at once. So a request has as long either way, and a longer delay would only hold up deployments.
        attribute("deregistration_delay.timeout_seconds", app.ecs.stop_timeout_seconds.to_string()),
        // Some requests take a thousand times as long as others, and turns would pile them up.
        attribute("load_balancing.algorithm.type", "least_outstanding_requests".to_owned()),
    ];
    if app.state.sessions == Sessions::Memory {
        // Only one task knows the session. Clients that keep no cookies are why there may be one task only.
        target_group_attributes.push(attribute("stickiness.enabled", "true".to_owned()));
        target_group_attributes.push(attribute("stickiness.type", "lb_cookie".to_owned()));
    }
    TargetGroup {
        target_type: "ip",
        protocol: Some("HTTP"),
        port: Some(container::PORT),
        vpc_id: Some(vpc),
        health_check: Some(HealthCheck {
            protocol: "HTTP",
            path: &app.health.path,
            interval_seconds: app.health.interval_seconds,
            timeout_seconds: app.health.timeout_seconds,
            healthy_threshold: LEAST_THRESHOLD,
            unhealthy_threshold: unhealthy_threshold(app),
            matcher: Matcher { http_code: "200" },
        }),
        target_group_attributes,
        targets: Vec::new(),
        tags: tags(app),
    }
}

fn cluster(app: &App) -> Cluster<'_> {
    Cluster {
        cluster_name: &app.name,
        capacity_providers: [FARGATE, FARGATE_SPOT],
        // How many tasks run is a metric of Container Insights alone, and scaling by connections and an alarm need it.
        cluster_settings: [Setting { name: "containerInsights", value: "enabled" }],
        tags: tags(app),
    }
}

/// The cluster by its name.
pub(super) fn cluster_name(app: &App) -> Value<'_> {
    app.ecs.cluster.as_ref().map_or_else(|| Value::reference(CLUSTER), |name| Value::text(name.as_str()))
}

pub(super) fn service<'a>(app: &'a App, network: &Network<'a>) -> Service<'a> {
    Service {
        service_name: &app.name,
        cluster: cluster_name(app),
        task_definition: Value::reference(TASK_DEFINITION),
        desired_count: (!scaling::scales(app)).then_some(app.ecs.minimum),
        capacity_provider_strategy: capacity_providers(app.ecs.spot_percent),
        // The newest one is what AWS repairs; `LATEST` is what the API calls it.
        platform_version: "LATEST",
        availability_zone_rebalancing: "ENABLED",
        deployment_configuration: shift::deployment_configuration(app),
        health_check_grace_period_seconds: app.health.start_seconds,
        load_balancers: [ServiceLoadBalancer {
            target_group_arn: Value::reference(TARGET_GROUP),
            container_name: CONTAINER,
            container_port: container::PORT,
            advanced_configuration: shift::advanced_configuration(app),
        }],
        network_configuration: NetworkConfiguration {
            awsvpc_configuration: AwsvpcConfiguration {
                subnets: network.subnets(),
                security_groups: network.server_security_groups(),
                assign_public_ip: assign_public_ip(network),
            },
        },
        enable_execute_command: app.ecs.exec,
        enable_managed_tags: true,
        propagate_tags: "SERVICE",
        tags: tags(app),
    }
}

fn assign_public_ip(network: &Network<'_>) -> &'static str {
    if network.has_public_address() { "ENABLED" } else { "DISABLED" }
}

fn capacity_providers(spot_percent: u32) -> Vec<CapacityProvider> {
    let provider = |capacity_provider, base, weight| CapacityProvider { capacity_provider, base, weight };
    match spot_percent {
        0 => vec![provider(FARGATE, None, 1)],
        1..=99 => vec![
            // The first task is none that may be taken away.
            provider(FARGATE, Some(1), 100 - spot_percent),
            provider(FARGATE_SPOT, None, spot_percent),
        ],
        _ => vec![provider(FARGATE_SPOT, None, 1)],
    }
}

/// The dimensions of a metric about the load balancer.
pub(super) fn of_load_balancer<'a>() -> (&'static str, Value<'a>) {
    ("LoadBalancer", Value::attribute(LOAD_BALANCER, "LoadBalancerFullName"))
}

fn add_alarms<'a>(resources: &mut Resources<Properties<'a>>, app: &'a App, holds: Holds<'_>) {
    const NAMESPACE: &str = "AWS/ApplicationELB";
    let Some(alarms) = &app.alarms else { return };
    let metric = |name| Metric::new(NAMESPACE, name, [of_load_balancer()]);
    // What the server could not answer, and what it did not.
    let failures = vec![metric("HTTPCode_Target_5XX_Count"), metric("HTTPCode_ELB_5XX_Count")];
    let failed = Alarm::failed_requests(app, alarms, failures, Together::Sum, metric("RequestCount"));
    resources.add("FailedRequestsAlarm", Properties::Alarm(failed));
    let latency = Alarm::latency(app, alarms, metric("TargetResponseTime"), Unit::Seconds);
    resources.add("LatencyAlarm", Properties::Alarm(latency));
    // After each deployment it may be the other group that tasks are in.
    let alternate = shift::shifts(app).then_some(("AlternateUnhealthyAlarm", ALTERNATE_TARGET_GROUP));
    for (id, group) in [("UnhealthyAlarm", TARGET_GROUP)].into_iter().chain(alternate) {
        let description = format!("Tasks of {} do not answer that they live", app.name);
        let target_group = ("TargetGroup", Value::attribute(group, "TargetGroupFullName"));
        let unhealthy = Metric::new(NAMESPACE, "UnHealthyHostCount", [target_group, of_load_balancer()]);
        resources.add(id, Properties::Alarm(Alarm::any(app, alarms, description, unhealthy)));
    }
    // Outside of working hours there should be none.
    if app.ecs.cluster.is_none() && app.scaling.working_hours.is_none() {
        let fewer = Alarm::fewer(app, alarms, scaling::running_tasks(app), app.ecs.minimum);
        let alarm = Properties::Alarm(fewer);
        // One that is made before the service rings until that runs.
        resources.add("TasksAlarm", if holds == Holds::Surroundings { alarm.into() } else { with_service(alarm) });
    }
}

/// Where images are pushed to.
pub(in crate::target) fn repository_uri(app: &App) -> Option<Value<'_>> {
    if makes_repository(app) {
        return Some(Value::attribute(REPOSITORY, "RepositoryUri"));
    }
    app.ecs.repository.as_ref().map(|repository| Value::text(repository.as_str()))
}

fn outputs<'a>(app: &'a App, network: &Network<'a>) -> Outputs<'a> {
    let output = |description, value| Output { condition: None, description, value };
    let path = &app.endpoint.path;
    let scheme = if app.ecs.certificate.is_some() { "https" } else { "http" };
    let endpoint = match &app.endpoint.domain {
        Some(domain) => Value::text(format!("{scheme}://{domain}{path}")),
        None => Value::substitute(format!("{scheme}://${{{LOAD_BALANCER}.DNSName}}{path}")),
    };
    let repository = repository_uri(app);
    let mut outputs = vec![
        (OUTPUT_ENDPOINT, output("URL of the MCP endpoint", endpoint)),
        (
            OUTPUT_LOAD_BALANCER,
            output("Name of the load balancer in the DNS", Value::attribute(LOAD_BALANCER, "DNSName")),
        ),
        (
            OUTPUT_LOAD_BALANCER_FULL_NAME,
            output("What metrics call the load balancer", Value::attribute(LOAD_BALANCER, "LoadBalancerFullName")),
        ),
        (OUTPUT_CLUSTER, output("Name of the cluster", cluster_name(app))),
        (OUTPUT_SERVICE, output("Name of the service", Value::text(app.name.as_str()))),
    ];
    outputs.extend(repository.map(|uri| (OUTPUT_REPOSITORY, output("Repository that images are pushed to", uri))));
    outputs.extend([
        (OUTPUT_TARGET_GROUP, output("ARN of the target group", Value::reference(TARGET_GROUP))),
        (
            OUTPUT_TARGET_GROUP_FULL_NAME,
            output("What metrics call the target group", Value::attribute(TARGET_GROUP, "TargetGroupFullName")),
        ),
    ]);
    outputs.extend(shift::outputs(app));
    outputs.extend([
        (OUTPUT_SUBNETS, output("Subnets of the tasks", Value::list(network.subnets()))),
        (OUTPUT_SECURITY_GROUPS, output("Security groups of the tasks", Value::list(network.server_security_groups()))),
        (
            OUTPUT_ASSIGN_PUBLIC_IP,
            output("Whether tasks have an address on the internet", Value::text(assign_public_ip(network))),
        ),
    ]);
    outputs
}
