//! The calls that this crate makes, and what IAM calls each: what a role has to be allowed follows from here.
//!
//! A call that is added beside this file is added here; a test reads the sources and finds one that is not.

use mcp_cloud_app::Target;

use crate::policy::{
    Purpose::{self, Deploy, Destroy, Doctor, Operate},
    scope::On,
};

/// A call of ours.
#[derive(Debug)]
pub(crate) struct Call {
    /// The client and its method, as the sources have it.
    #[cfg_attr(not(test), expect(dead_code, reason = "by it the table is held against the sources"))]
    pub(crate) operation: (&'static str, &'static str),
    /// What IAM calls it; nothing where everybody may.
    pub(crate) actions: &'static [&'static str],
    pub(crate) on: On,
    /// What it is made for.
    pub(crate) purposes: &'static [Purpose],
}

const fn call(
    client: &'static str,
    method: &'static str,
    actions: &'static [&'static str],
    on: On,
    purposes: &'static [Purpose],
) -> Call {
    Call { operation: (client, method), actions, on, purposes }
}

const EVERY: &[Purpose] = &[Deploy, Operate, Destroy, Doctor];
const CHANGE: &[Purpose] = &[Deploy, Destroy];

/// Who has the roles that services make for themselves
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html>).
pub(crate) const ECS: &str = "ecs.amazonaws.com";
/// The same for what scales services of ECS
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html>).
const SCALING_OF_ECS: &str = "ecs.application-autoscaling.amazonaws.com";

/// What is called for an app that runs here.
pub(crate) fn calls(target: Target) -> impl Iterator<Item = &'static Call> {
    let own = if target == Target::Ecs { CALLS_OF_A_SERVICE } else { CALLS_OF_A_FUNCTION };
    CALLS.iter().chain(own)
}

/// The calls that are made wherever an app runs, service by service. IAM has names of its own for some of S3
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>).
const CALLS: &[Call] = &[
    call("cloudformation", "describe_stacks", &["cloudformation:DescribeStacks"], On::Stack, EVERY),
    call("cloudformation", "describe_stack_events", &["cloudformation:DescribeStackEvents"], On::Stack, EVERY),
    call("cloudformation", "describe_stack_resources", &["cloudformation:DescribeStackResources"], On::Stack, EVERY),
    call("cloudformation", "get_template", &["cloudformation:GetTemplate"], On::Stack, EVERY),
    call("cloudformation", "list_change_sets", &["cloudformation:ListChangeSets"], On::Stack, EVERY),
    call(
        "cloudformation",
        "create_change_set",
        &["cloudformation:CreateChangeSet", "cloudformation:TagResource", "cloudformation:UntagResource"],
        On::Stack,
        &[Deploy],
    ),
    call("cloudformation", "describe_change_set", &["cloudformation:DescribeChangeSet"], On::Stack, CHANGE),
    call("cloudformation", "execute_change_set", &["cloudformation:ExecuteChangeSet"], On::Stack, &[Deploy]),
    call("cloudformation", "delete_change_set", &["cloudformation:DeleteChangeSet"], On::Stack, CHANGE),
    call("cloudformation", "delete_stack", &["cloudformation:DeleteStack"], On::Stack, CHANGE),
    call("cloudformation", "continue_update_rollback", &["cloudformation:ContinueUpdateRollback"], On::Stack, CHANGE),
    call("cloudformation", "cancel_update_stack", &["cloudformation:CancelUpdateStack"], On::Stack, &[Deploy]),
    call("cloudformation", "detect_stack_drift", &["cloudformation:DetectStackDrift"], On::Stack, EVERY),
    call(
        "cloudformation",
        "describe_stack_drift_detection_status",
        &["cloudformation:DescribeStackDriftDetectionStatus"],
        On::Anything,
        EVERY,
    ),
    call(
        "cloudformation",
        "describe_stack_resource_drifts",
        &["cloudformation:DescribeStackResourceDrifts"],
        On::Stack,
        EVERY,
    ),
    call("s3", "head_bucket", &["s3:ListBucket"], On::Bucket, EVERY),
    call("s3", "list_objects_v2", &["s3:ListBucket"], On::Bucket, EVERY),
    call("s3", "get_bucket_tagging", &["s3:GetBucketTagging"], On::Bucket, EVERY),
    call("s3", "create_bucket", &["s3:CreateBucket"], On::Bucket, &[Deploy]),
    call("s3", "put_public_access_block", &["s3:PutBucketPublicAccessBlock"], On::Bucket, &[Deploy]),
    call("s3", "put_bucket_encryption", &["s3:PutEncryptionConfiguration"], On::Bucket, &[Deploy]),
    call("s3", "put_bucket_tagging", &["s3:PutBucketTagging"], On::Bucket, &[Deploy]),
    call("s3", "delete_bucket", &["s3:DeleteBucket"], On::Bucket, &[Destroy]),
    call("s3", "get_object", &["s3:GetObject"], On::Objects, EVERY),
    call("s3", "put_object", &["s3:PutObject"], On::Objects, &[Deploy, Operate, Destroy]),
    call("s3", "delete_object", &["s3:DeleteObject"], On::Objects, &[Deploy, Operate, Destroy]),
    call("s3", "delete_objects", &["s3:DeleteObject"], On::Objects, CHANGE),
    // Before the stack is read, nobody knows where the app runs, and all there can be is looked for at once.
    call("lambda", "get_alias", &["lambda:GetAlias"], On::Function, EVERY),
    call("lambda", "get_function_configuration", &["lambda:GetFunctionConfiguration"], On::Function, EVERY),
    call("logs", "describe_log_groups", &["logs:DescribeLogGroups"], On::Anything, EVERY),
    // A first deployment that is taken back shows the log before it is gone.
    call("logs", "filter_log_events", &["logs:FilterLogEvents"], On::LogGroups, &[Deploy, Operate]),
    call("logs", "start_live_tail", &["logs:StartLiveTail"], On::LogGroups, &[Operate]),
    call("cloudwatch", "describe_alarms", &["cloudwatch:DescribeAlarms"], On::Anything, EVERY),
    call("secrets", "list_secrets", &["secretsmanager:ListSecrets"], On::Anything, &[Operate]),
    call("secrets", "describe_secret", &["secretsmanager:DescribeSecret"], On::Secrets, EVERY),
    // CloudFormation looks values up in the name of whoever deploys.
    call("secrets", "get_secret_value", &["secretsmanager:GetSecretValue"], On::Secrets, &[Deploy, Operate]),
    call(
        "secrets",
        "create_secret",
        &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
        On::Secrets,
        &[Operate],
    ),
    call("secrets", "put_secret_value", &["secretsmanager:PutSecretValue"], On::Secrets, &[Operate]),
    call("secrets", "restore_secret", &["secretsmanager:RestoreSecret"], On::Secrets, &[Operate]),
    call("secrets", "delete_secret", &["secretsmanager:DeleteSecret"], On::Secrets, &[Operate]),
    // The role is that of whoever asks, whose name nothing here says.
    call("iam", "get_role", &["iam:GetRole"], On::Anything, &[Doctor]),
    call("iam", "simulate_principal_policy", &["iam:SimulatePrincipalPolicy"], On::Anything, &[Doctor]),
    call("acm", "describe_certificate", &["acm:DescribeCertificate"], On::Anything, &[Doctor]),
    // Whoever has credentials may ask whose they are.
    call("sts", "get_caller_identity", &[], On::Anything, EVERY),
];

/// The calls that are made for a function of Lambda beside those.
const CALLS_OF_A_FUNCTION: &[Call] = &[
    call("lambda", "get_account_settings", &["lambda:GetAccountSettings"], On::Anything, &[Doctor]),
    call("lambda", "get_function", &["lambda:GetFunction"], On::Function, EVERY),
    call("lambda", "get_function_concurrency", &["lambda:GetFunctionConcurrency"], On::Function, EVERY),
    call("lambda", "list_versions_by_function", &["lambda:ListVersionsByFunction"], On::Function, EVERY),
    // To go back to an earlier version is to operate.
    call("lambda", "update_alias", &["lambda:UpdateAlias"], On::Function, &[Deploy, Operate]),
    call("lambda", "delete_function", &["lambda:DeleteFunction"], On::Function, CHANGE),
    // The server itself is asked: the gate after a deployment, `invoke`, and the probe of `doctor`.
    call(
        "function_url",
        "invoke",
        &["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"],
        On::Function,
        &[Deploy, Operate, Doctor],
    ),
];

/// The calls that are made for a service of ECS beside those
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html>).
const CALLS_OF_A_SERVICE: &[Call] = &[
    call("ecs", "describe_clusters", &["ecs:DescribeClusters"], On::Cluster, EVERY),
    call("ecs", "describe_services", &["ecs:DescribeServices"], On::Service, EVERY),
    call("ecs", "create_service", &["ecs:CreateService", "ecs:TagResource"], On::Service, &[Deploy]),
    // To scale, to start and to stop is to operate.
    call("ecs", "update_service", &["ecs:UpdateService"], On::Service, &[Deploy, Operate]),
    call("ecs", "delete_service", &["ecs:DeleteService"], On::Service, CHANGE),
    call("ecs", "tag_resource", &["ecs:TagResource"], On::Service, &[Deploy]),
    // These take no resource.
    call("ecs", "describe_task_definition", &["ecs:DescribeTaskDefinition"], On::Anything, EVERY),
    call("ecs", "list_task_definitions", &["ecs:ListTaskDefinitions"], On::Anything, EVERY),
    call("ecs", "deregister_task_definition", &["ecs:DeregisterTaskDefinition"], On::Anything, CHANGE),
    call(
        "ecs",
        "register_task_definition",
        &["ecs:RegisterTaskDefinition", "ecs:TagResource"],
        On::TaskDefinitions,
        &[Deploy],
    ),
    call("ecs", "delete_task_definitions", &["ecs:DeleteTaskDefinitions"], On::TaskDefinitions, CHANGE),
    // ECS makes a role for itself the first time, and so does what scales its services.
    call("roles", "of_ecs", &["iam:CreateServiceLinkedRole"], On::ServiceRole(ECS), &[Deploy]),
    call("roles", "of_scaling", &["iam:CreateServiceLinkedRole"], On::ServiceRole(SCALING_OF_ECS), &[Deploy]),
    // Whoever starts tasks hands their roles to ECS.
    call("roles", "pass", &["iam:PassRole"], On::RolesForTasks, &[Deploy, Operate]),
    call("roles", "pass_for_moving", &["iam:PassRole"], On::RoleForMoving, &[Deploy]),
    // Tasks of a service are listed by what runs them, which is a kind of machine that Fargate has none of.
    call("ecs", "list_tasks", &["ecs:ListTasks"], On::Anything, EVERY),
    call("ecs", "describe_tasks", &["ecs:DescribeTasks"], On::Tasks, EVERY),
    call("ecs", "run_task", &["ecs:RunTask"], On::TaskDefinitions, &[Operate]),
    call("ecs", "stop_task", &["ecs:StopTask"], On::Tasks, &[Operate]),
    call("ecs", "execute_command", &["ecs:ExecuteCommand"], On::Tasks, &[Operate]),
    call("ecr", "get_authorization_token", &["ecr:GetAuthorizationToken"], On::Anything, &[Deploy]),
    // Whoever has that token pushes with the registry's own protocol
    // (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html>).
    call(
        "registry",
        "push",
        &[
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ],
        On::Repository,
        &[Deploy],
    ),
    call("ecr", "describe_repositories", &["ecr:DescribeRepositories"], On::Repository, EVERY),
    call("ecr", "describe_images", &["ecr:DescribeImages"], On::Repository, EVERY),
    call("ecr", "batch_get_image", &["ecr:BatchGetImage"], On::Repository, EVERY),
    // No command removes images: the repository does that by a rule of its own.
    call("ecr", "batch_delete_image", &["ecr:BatchDeleteImage"], On::Repository, &[]),
    // How much of Fargate the account uses, and may.
    call("cloudwatch", "get_metric_data", &["cloudwatch:GetMetricData"], On::Anything, &[Doctor]),
    call("elb", "describe_target_health", &["elasticloadbalancing:DescribeTargetHealth"], On::Anything, EVERY),
    call("elb", "describe_rules", &["elasticloadbalancing:DescribeRules"], On::Anything, &[Deploy]),
    call("elb", "modify_rule", &["elasticloadbalancing:ModifyRule"], On::LoadBalancers, &[Deploy]),
    call("elb", "describe_load_balancers", &["elasticloadbalancing:DescribeLoadBalancers"], On::Anything, EVERY),
    call("elb", "describe_target_groups", &["elasticloadbalancing:DescribeTargetGroups"], On::Anything, EVERY),
    call(
        "scaling",
        "describe_scalable_targets",
        &["application-autoscaling:DescribeScalableTargets"],
        On::Anything,
        EVERY,
    ),
    call(
        "scaling",
        "describe_scaling_policies",
        &["application-autoscaling:DescribeScalingPolicies"],
        On::Anything,
        EVERY,
    ),
    call(
        "scaling",
        "describe_scheduled_actions",
        &["application-autoscaling:DescribeScheduledActions"],
        On::Anything,
        EVERY,
    ),
    call(
        "scaling",
        "register_scalable_target",
        &["application-autoscaling:RegisterScalableTarget"],
        On::ScalableTargets,
        &[Deploy, Operate],
    ),
    call(
        "scaling",
        "deregister_scalable_target",
        &["application-autoscaling:DeregisterScalableTarget"],
        On::ScalableTargets,
        CHANGE,
    ),
    // What scales by a metric has alarms of its own. They are made in the service's name, but not for whoever could not make
    // them (<https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html>).
    call("scaling", "alarms", &["cloudwatch:PutMetricAlarm"], On::ScalingAlarms, &[Deploy]),
    call("scaling", "no_alarms", &["cloudwatch:DeleteAlarms"], On::ScalingAlarms, CHANGE),
    call(
        "scaling",
        "put_scaling_policy",
        &["application-autoscaling:PutScalingPolicy"],
        On::ScalableTargets,
        &[Deploy],
    ),
    call(
        "scaling",
        "delete_scaling_policy",
        &["application-autoscaling:DeleteScalingPolicy"],
        On::ScalableTargets,
        CHANGE,
    ),
    call(
        "scaling",
        "put_scheduled_action",
        &["application-autoscaling:PutScheduledAction"],
        On::ScalableTargets,
        &[Deploy],
    ),
    call(
        "scaling",
        "delete_scheduled_action",
        &["application-autoscaling:DeleteScheduledAction"],
        On::ScalableTargets,
        CHANGE,
    ),
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_call_in_the_sources_is_in_the_table() {
        let mut found = 0;
        visit(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut |source| {
            for (client, method) in calls(source) {
                found += 1;
                assert!(
                    every().any(|call| call.operation == (client.as_str(), method.as_str())),
                    "`{client}.{method}` is not in the table of calls"
                );
            }
        });
        assert!(found > 15, "the calls were seen: {found}");
    }

    #[test]
    fn no_call_is_in_the_table_twice() {
        let calls: Vec<_> = every().collect();
        for (index, call) in calls.iter().enumerate() {
            assert!(calls[index + 1..].iter().all(|other| other.operation != call.operation), "{call:?}");
        }
    }

    fn every() -> impl Iterator<Item = &'static Call> {
        CALLS.iter().chain(CALLS_OF_A_FUNCTION).chain(CALLS_OF_A_SERVICE)
    }

    fn visit(folder: &Path, look: &mut impl FnMut(&str)) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                None if path.is_dir() => visit(&path, look),
                Some("rs") => look(&fs::read_to_string(&path).unwrap()),
                _ => {}
            }
        }
    }

    /// What is called of a client: `self.s3.head_bucket()`, on one line or several.
    fn calls(source: &str) -> Vec<(String, String)> {
        let source: String = source.split_whitespace().collect();
        let clients = [
            "acm",
            "cloudformation",
            "cloudwatch",
            "ecr",
            "ecs",
            "elb",
            "iam",
            "lambda",
            "logs",
            "s3",
            "scaling",
            "secrets",
        ];
        let word = |text: &str| -> String {
            text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
        };
        let mut calls = Vec::new();
        for client in clients {
            for start in [format!("self.{client}."), format!("deployer.{client}.")] {
                for (index, found) in source.match_indices(&start) {
                    let method = word(&source[index + found.len()..]);
                    let is_call = source[index + found.len() + method.len()..].starts_with("()");
                    // A client that is only handed on is asked for nothing.
                    if is_call && method != "clone" && method != "config" {
                        calls.push((client.to_owned(), method));
                    }
                }
            }
        }
        calls
    }
}
