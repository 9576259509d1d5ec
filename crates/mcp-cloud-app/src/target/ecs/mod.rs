//! ECS on Fargate: a task definition, and the stack around the service that runs it.
//!
//! Both say the same. `task-definition.json` is what the ECS API takes, for pipelines that register a revision a
//! deployment; `ecs-stack.yaml` is all there is, so that CloudFormation alone makes a running service:
//!
//! ```sh
//! aws cloudformation deploy --template-file ecs-stack.yaml --stack-name NAME \
//!     --capabilities CAPABILITY_NAMED_IAM --parameter-overrides Image=REPOSITORY@sha256:…
//! ```
//!
//! Without an image the stack has no service, but already the repository that the first image is pushed to.
//!
//! The task definition names what the stack makes: the roles, the log group, the table and the key have fixed names. A
//! role may be named without its ARN, and ECS adds the account
//! (<https://github.com/aws-actions/amazon-ecs-render-task-definition/issues/19>). The price is that two regions of an
//! account cannot have a stack of the same name; an environment with a name of its own can. What is not known is left
//! open as `${IMAGE}`, `${AWS_REGION}` and `${AWS_ACCOUNT_ID}`, for whoever registers it to fill in.
//!
//! A network of its own has no NAT gateway, which would cost more than a small server: tasks that may reach the internet
//! have addresses there and let in nobody but the load balancer, and those that may not stand in subnets without a way
//! out. In a VPC that is there already, `network.subnets` have to have their own way to what tasks need (a NAT gateway, or
//! endpoints), for tasks get no address on the internet there.
//!
//! A deployment that pushes the image itself makes the stack without the service, and the service with the ECS API:
//! [`surroundings`] and [`Service`] are what it asks for.
//!
//! `limits` holds an app against what Fargate and load balancers take, `lower` turns it into the structures of `schema`.

pub(super) mod limits;
pub(super) mod lower;
mod scaling;
pub(super) mod schema;
mod service;
mod shift;
pub(super) mod task_definition;

use std::path::PathBuf;

use serde::Serialize;

pub use self::service::{ACCOUNT, IMAGE, REGION, Scaling, Service, surroundings};
use self::{
    lower::Holds,
    task_definition::{Names, Surroundings},
};
use super::{
    Bundle, Code, Target,
    aws::{Value, state},
    container, json, yaml,
};
use crate::{app::App, diagnostic::Diagnostic};

/// The emitted task definition: the input of `aws ecs register-task-definition --cli-input-json`.
pub const TASK_DEFINITION: &str = "task-definition.json";
/// The emitted stack.
pub const STACK: &str = "ecs-stack.yaml";
/// The container of the task definition that is the server, whose image a pipeline replaces.
pub const CONTAINER: &str = "server";
/// What whoever creates the stack has to acknowledge: it makes roles with names.
pub const CAPABILITIES: [&str; 1] = ["CAPABILITY_NAMED_IAM"];
/// The stack output with the URL of the MCP endpoint, path included.
pub const OUTPUT_ENDPOINT: &str = "McpEndpoint";
/// The stack output with the name of the load balancer in the DNS.
pub const OUTPUT_LOAD_BALANCER: &str = "LoadBalancerName";
/// The stack output with what metrics call the load balancer.
pub const OUTPUT_LOAD_BALANCER_FULL_NAME: &str = "LoadBalancerFullName";
/// The stack output with the name of the cluster.
pub const OUTPUT_CLUSTER: &str = "ClusterName";
/// The stack output with the name of the service.
pub const OUTPUT_SERVICE: &str = "ServiceName";
/// The stack output with the repository that images are pushed to; not there for an image of somebody else.
pub const OUTPUT_REPOSITORY: &str = "RepositoryUri";
/// The stack output with the ARN of the target group.
pub const OUTPUT_TARGET_GROUP: &str = "TargetGroupArn";
/// The stack output with what metrics call the target group.
pub const OUTPUT_TARGET_GROUP_FULL_NAME: &str = "TargetGroupFullName";
/// The stack output with the ARN of the other target group, where requests move from one to the other.
pub const OUTPUT_ALTERNATE_TARGET_GROUP: &str = "AlternateTargetGroupArn";
/// The stack output with what metrics call the other target group.
pub const OUTPUT_ALTERNATE_TARGET_GROUP_FULL_NAME: &str = "AlternateTargetGroupFullName";
/// The stack output with the ARN of the rule whose weights decide which target group has the requests.
pub const OUTPUT_PRODUCTION_RULE: &str = "ProductionRuleArn";
/// The stack output with the ARN of the role by which ECS moves requests.
pub const OUTPUT_INFRASTRUCTURE_ROLE: &str = "InfrastructureRoleArn";
/// The stack output with the name of the alarm that takes new tasks back.
pub const OUTPUT_SHIFT_ALARM: &str = "ShiftAlarmName";
/// The stack output with the subnets of the tasks, separated by commas.
pub const OUTPUT_SUBNETS: &str = "TaskSubnets";
/// The stack output with the security groups of the tasks, separated by commas.
pub const OUTPUT_SECURITY_GROUPS: &str = "TaskSecurityGroups";
/// The stack output that says whether tasks have an address on the internet: `ENABLED` or `DISABLED`.
pub const OUTPUT_ASSIGN_PUBLIC_IP: &str = "AssignPublicIp";

/// Holds an app against the limits of Fargate, Application Load Balancers and CloudFormation.
#[must_use]
pub fn check(app: &App) -> Vec<Diagnostic> {
    limits::check(app)
}

/// The same without what the emitted files leave open.
pub(super) fn check_to_deploy(app: &App) -> Vec<Diagnostic> {
    limits::check_to_deploy(app)
}

/// The stack itself.
pub(super) fn template<'a>(app: &'a App, code: &'a Code) -> impl Serialize + use<'a> {
    lower::stack(app, Holds::Everything(code))
}

/// Lowers an app to its task definition, its stack and the recipe of its image.
#[must_use]
pub fn emit(app: &App, code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.yaml(STACK, Target::Ecs, &lower::stack(app, Holds::Everything(code)));
    container::files(&mut bundle, app, code);
    bundle.files.insert(PathBuf::from(TASK_DEFINITION), task_definition_json(app, code));
    bundle
}

/// The stack as it is printed, but for its first line.
fn stack(app: &App, code: &Code) -> String {
    yaml::to_string(&lower::stack(app, Holds::Everything(code)))
}

/// The task definition as the ECS API takes it.
fn task_definition_json(app: &App, code: &Code) -> String {
    let json = json(&task_definition::lower(app, &by_name(app, code)));
    json.lines().flat_map(|line| [uncapitalized(line), "\n".to_owned()]).collect()
}

/// A line of printed JSON, whose key begins with a small letter: CloudFormation and the API differ in nothing else. A
/// value is never taken for a key: what follows a key is `": `, and inside of text the quote would have a backslash.
fn uncapitalized(line: &str) -> String {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let key = text.strip_prefix('"').and_then(|rest| rest.split_once("\": ")).map(|(key, _)| key);
    match key {
        Some(key) if key.starts_with(|first: char| first.is_ascii_uppercase()) && !key.contains(['"', '\\']) => {
            let (first, rest) = key.split_at(1);
            format!("{indent}\"{}{rest}{}", first.to_ascii_lowercase(), &text[1 + key.len()..])
        }
        _ => line.to_owned(),
    }
}

/// What a task definition outside of the stack names.
fn by_name<'a>(app: &'a App, code: &'a Code) -> Surroundings<'a> {
    let region = app.aws.region.as_deref().unwrap_or("${AWS_REGION}");
    let account = app.aws.account.as_deref().unwrap_or("${AWS_ACCOUNT_ID}");
    let sealing_key =
        format!("arn:{}:secretsmanager:{region}:{account}:secret:{}", partition(region), sealing_key_name(app));
    Surroundings {
        container: CONTAINER,
        names: Names::One,
        image: Value::text(lower::image(app, code).unwrap_or("${IMAGE}")),
        execution_role: Value::text(execution_role_name(app)),
        task_role: Value::text(task_role_name(app)),
        log_group: Value::text(log_group_name(app)),
        region: Value::text(region),
        made_by_stack: Some((format!("dynamodb:{}", table_name(app)), sealing_key)),
    }
}

/// Whether the task definition outside of the stack names the account.
fn names_account(app: &App) -> bool {
    state::makes_sealing_key(app)
}

/// The role that starts tasks.
fn execution_role_name(app: &App) -> String {
    format!("{}-execution", app.name)
}

/// The role that the server has.
fn task_role_name(app: &App) -> String {
    format!("{}-task", app.name)
}

/// The role by which ECS moves requests.
fn infrastructure_role_name(app: &App) -> String {
    format!("{}-infrastructure", app.name)
}

fn log_group_name(app: &App) -> String {
    format!("/ecs/{}", app.name)
}

fn table_name(app: &App) -> String {
    format!("{}-state", app.name)
}

/// ECS finds a secret by an ARN without the six random characters at its end, too.
fn sealing_key_name(app: &App) -> String {
    format!("{}/sealing-key", app.name)
}

/// The partition of a region (<https://docs.aws.amazon.com/general/latest/gr/rande.html>).
fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else if region.starts_with("eusc-") {
        "aws-eusc"
    } else {
        "aws"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_begin_with_a_small_letter_and_values_stay() {
        for (line, expected) in [
            (r#"  "ContainerDefinitions": ["#, r#"  "containerDefinitions": ["#),
            (r#""Value": "Name\": x","#, r#""value": "Name\": x","#),
            (r#"    "ALL""#, r#"    "ALL""#),
            (r#"    "A\": ","#, r#"    "A\": ","#),
            (r#"  "awslogs-group": "A": "#, r#"  "awslogs-group": "A": "#),
            ("}", "}"),
        ] {
            assert_eq!(uncapitalized(line), expected);
        }
    }

    #[test]
    fn partitions_follow_from_regions() {
        let of = ["eu-central-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"].map(partition);
        assert_eq!(of, ["aws", "aws-cn", "aws-us-gov", "aws-eusc"]);
    }
}
