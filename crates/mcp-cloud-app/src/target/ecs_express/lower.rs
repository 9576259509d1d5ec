//! App → the stack.

use super::{
    CONTAINER, OUTPUT_ENDPOINT, OUTPUT_REPOSITORY,
    schema::{ExpressGatewayService, NetworkConfiguration, ScalingTarget},
};
use crate::{
    app::App,
    target::{
        Code,
        aws::{Output, Outputs, Resources, Role, Value, load_balancer},
        ecs::{
            lower::{self, REPOSITORY, TASK_DEFINITION, WITH_SERVICE},
            schema::{Properties, Template},
            task_definition::{self, Names},
        },
    },
};

const INFRASTRUCTURE_ROLE: &str = "InfrastructureRole";
const SERVICE: &str = "ExpressService";
/// What the role has to be able to do, as AWS keeps it up to date
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/infrastructure_IAM_role.html>).
const INFRASTRUCTURE_POLICY: &str =
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSInfrastructureRoleforExpressGatewayServices";

pub(super) fn stack<'a>(app: &'a App, code: &'a Code) -> Template<'a, Properties<'a>> {
    let mut resources = Resources::new();
    if lower::makes_repository(app) {
        resources.add(REPOSITORY, Properties::Repository(lower::repository(app)));
    }
    lower::add_roles(&mut resources, app);
    let mut infrastructure_role = Role::of_service("ecs.amazonaws.com", Vec::new(), app);
    infrastructure_role.managed_policy_arns.push(Value::substitute(INFRASTRUCTURE_POLICY));
    resources.add(INFRASTRUCTURE_ROLE, Properties::Role(infrastructure_role));
    lower::add_state(&mut resources, app);
    // By a task definition of our own the server gets what Express Mode has no property for: a processor of Arm, a root
    // file system that cannot be written to, a health check of its own, and the time it needs to end.
    let definition = task_definition::lower(app, &lower::in_stack(CONTAINER, Names::Several));
    resources.add(TASK_DEFINITION, lower::with_service(Properties::TaskDefinition(definition)));
    resources.add(SERVICE, lower::with_service(Properties::ExpressGatewayService(service(app))));
    Template {
        format_version: "2010-09-09",
        description: &app.description,
        parameters: Some(lower::parameters(app, code)),
        conditions: Some(lower::conditions()),
        resources,
        outputs: outputs(app),
    }
}

fn service(app: &App) -> ExpressGatewayService<'_> {
    let by_processor = app.says("scaling.cpu") && !app.says("scaling.requests-per-minute");
    let (auto_scaling_metric, auto_scaling_target_value) = if by_processor {
        ("AVERAGE_CPU", app.scaling.cpu_percent)
    } else {
        ("REQUEST_COUNT_PER_TARGET", app.scaling.requests_per_minute)
    };
    ExpressGatewayService {
        service_name: &app.name,
        cluster: app.ecs.cluster.as_deref(),
        infrastructure_role_arn: Value::attribute(INFRASTRUCTURE_ROLE, "Arn"),
        task_definition_arn: Value::reference(TASK_DEFINITION),
        health_check_path: &app.health.path,
        network_configuration: network_configuration(app),
        scaling_target: ScalingTarget {
            min_task_count: app.ecs.minimum,
            max_task_count: app.ecs.maximum,
            auto_scaling_metric,
            auto_scaling_target_value,
        },
    }
}

/// The load balancer faces the internet if the subnets do; without any, they are those of the default VPC, which do.
fn network_configuration(app: &App) -> Option<NetworkConfiguration<'_>> {
    app.network.vpc.as_ref().map(|_| NetworkConfiguration {
        subnets: if load_balancer::is_internal(app) { &app.network.subnets } else { &app.network.public_subnets },
        security_groups: &app.network.security_groups,
    })
}

fn outputs(app: &App) -> Outputs<'_> {
    let output = |description, value| Output { condition: None, description, value };
    let mut outputs = vec![(
        OUTPUT_ENDPOINT,
        Output {
            condition: Some(WITH_SERVICE),
            ..output("URL of the MCP endpoint", Value::https_url(SERVICE, "Endpoint", &app.endpoint.path))
        },
    )];
    let repository = lower::repository_uri(app);
    outputs.extend(repository.map(|uri| (OUTPUT_REPOSITORY, output("Repository that images are pushed to", uri))));
    outputs
}
