//! The policies that are printed are enough: every call that is made for a purpose is allowed by the policies for that
//! purpose, on what it is made on. What AWS asks for beside the call is asked for here, too: roles that are handed on, tags,
//! and what stands behind scaling.

use std::{collections::BTreeMap, time::Duration};

use mcp_cloud_app::Target;
use mcp_cloud_deploy::{
    doctor::Examination,
    logs::{LogQuery, server_group},
    policy::{Document, Purpose, Scope, policies},
    service::{OneOff, ServiceName},
    status::Health,
};
use mcp_cloud_emulator::aws::{Call, TaskFate};
use serde_json::Value;

use crate::account::{ACCOUNT, REGION, Stage, block_on};

/// What IAM asks for one call: an action, what it is on, and what a condition could be about.
#[derive(Debug)]
struct Asked {
    action: String,
    resource: String,
    context: Option<(&'static str, &'static str)>,
}

fn asked(action: &str, resource: impl Into<String>) -> Asked {
    Asked { action: action.to_owned(), resource: resource.into(), context: None }
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// Text of a call.
fn text<'a>(call: &'a Call, name: &str) -> &'a str {
    call.parameters[name].as_str().unwrap_or_default()
}

/// The texts of a list of a call.
fn texts<'a>(call: &'a Call, name: &str) -> impl Iterator<Item = &'a str> {
    call.parameters[name].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn has(call: &Call, name: &str) -> bool {
    !call.parameters[name].is_null()
}

/// What IAM asks for a call; nothing for what everybody may.
fn rights(call: &Call) -> Vec<Asked> {
    let plain = |resource: String| vec![asked(&format!("{}:{}", call.service, call.action), resource)];
    let everything = || plain("*".to_owned());
    match call.service {
        "sts" => Vec::new(),
        "cloudformation" => of_stacks(call),
        "s3" => of_buckets(call),
        "lambda" if call.action == "GetAccountSettings" => everything(),
        "lambda" => plain(arn("lambda", &format!("function:{}", text(call, "FunctionName")))),
        "ecs" => of_services(call),
        "ecr" => match call.action.as_str() {
            "Ping" => Vec::new(),
            "GetAuthorizationToken" => everything(),
            _ => {
                let named = texts(call, "repositoryNames").next().unwrap_or_else(|| text(call, "repositoryName"));
                plain(arn("ecr", &format!("repository/{named}")))
            }
        },
        "application-autoscaling" => of_scaling(call),
        "logs" if call.action == "DescribeLogGroups" => everything(),
        "logs" => plain(arn("logs", &format!("log-group:{}:log-stream:", text(call, "logGroupName")))),
        "secretsmanager" if call.action == "ListSecrets" => everything(),
        "secretsmanager" => plain(arn("secretsmanager", &format!("secret:{}-AbCdEf", text(call, "SecretId")))),
        // They describe what has no ARN, or all there is.
        "elasticloadbalancing" | "cloudwatch" | "acm" | "iam" => everything(),
        other => panic!("nobody said what IAM calls {}:{other}: {call:?}", call.action),
    }
}

fn of_stacks(call: &Call) -> Vec<Asked> {
    let stack = match text(call, "StackName") {
        arn if arn.starts_with("arn:") => arn.to_owned(),
        name => arn("cloudformation", &format!("stack/{}/0a1b2c3d", if name.is_empty() { "hello" } else { name })),
    };
    let on = if call.action == "DescribeStackDriftDetectionStatus" { "*".to_owned() } else { stack.clone() };
    let mut rights = vec![asked(&format!("cloudformation:{}", call.action), on)];
    if has(call, "Tags") {
        rights.push(asked("cloudformation:TagResource", stack));
    }
    rights
}

/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>)
fn of_buckets(call: &Call) -> Vec<Asked> {
    let name = match call.action.as_str() {
        "HeadBucket" | "ListObjectsV2" => "ListBucket",
        "HeadObject" => "GetObject",
        "DeleteObjects" => "DeleteObject",
        "PutPublicAccessBlock" => "PutBucketPublicAccessBlock",
        "PutBucketEncryption" => "PutEncryptionConfiguration",
        same => same,
    };
    let key = if call.action == "DeleteObjects" { "mcp-cloud/hello/a" } else { text(call, "Key") };
    let key = if key.is_empty() { String::new() } else { format!("/{key}") };
    vec![asked(&format!("s3:{name}"), format!("arn:aws:s3:::{}{key}", text(call, "Bucket")))]
}

/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html>)
fn of_services(call: &Call) -> Vec<Asked> {
    let ecs = |rest: String| arn("ecs", &rest);
    let cluster = text(call, "cluster").rsplit('/').next().unwrap_or_default();
    let service = |name: &str| ecs(format!("service/{cluster}/{name}"));
    let on: Vec<String> = match call.action.as_str() {
        "DescribeClusters" => texts(call, "clusters").map(|name| ecs(format!("cluster/{name}"))).collect(),
        "DescribeServices" => texts(call, "services").map(service).collect(),
        "CreateService" => vec![service(text(call, "serviceName"))],
        "UpdateService" | "DeleteService" => vec![service(text(call, "service"))],
        "TagResource" => vec![text(call, "resourceArn").to_owned()],
        "RegisterTaskDefinition" => vec![ecs(format!("task-definition/{}:1", text(call, "family")))],
        "DeleteTaskDefinitions" => texts(call, "taskDefinitions").map(str::to_owned).collect(),
        "DescribeTasks" => texts(call, "tasks").map(str::to_owned).collect(),
        "RunTask" => vec![text(call, "taskDefinition").to_owned()],
        "StopTask" => vec![text(call, "task").to_owned()],
        "DescribeTaskDefinition" | "ListTaskDefinitions" | "DeregisterTaskDefinition" | "ListTasks" => {
            vec!["*".to_owned()]
        }
        _ => panic!("nobody said what ECS is asked for: {call:?}"),
    };
    let mut rights: Vec<_> = on.iter().map(|on| asked(&format!("ecs:{}", call.action), on)).collect();
    if has(call, "tags") && call.action != "TagResource" {
        rights.extend(on.iter().map(|on| asked("ecs:TagResource", on)));
    }
    let handed: Vec<_> = match call.action.as_str() {
        "RegisterTaskDefinition" => vec![text(call, "executionRoleArn"), text(call, "taskRoleArn")],
        "RunTask" => vec!["hello-execution", "hello-task"],
        _ => Vec::new(),
    };
    rights.extend(handed.into_iter().map(|name| Asked {
        context: Some(("iam:PassedToService", "ecs-tasks.amazonaws.com")),
        ..asked("iam:PassRole", role(name))
    }));
    if call.action == "CreateService" {
        rights.push(linked("ecs.amazonaws.com", "AWSServiceRoleForECS"));
    }
    rights
}

/// The role that a service makes for itself the first time.
fn linked(service: &'static str, name: &str) -> Asked {
    let resource = role(&format!("aws-service-role/{service}/{name}"));
    Asked { context: Some(("iam:AWSServiceName", service)), ..asked("iam:CreateServiceLinkedRole", resource) }
}

/// Who asks for scaling has to be allowed what it does
/// (<https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html>).
fn of_scaling(call: &Call) -> Vec<Asked> {
    if call.action.starts_with("Describe") {
        return vec![asked(&format!("application-autoscaling:{}", call.action), "*")];
    }
    let mut rights = vec![asked(
        &format!("application-autoscaling:{}", call.action),
        arn("application-autoscaling", "scalable-target/0a"),
    )];
    let id = text(call, "ResourceId");
    let alarm = arn("cloudwatch", &format!("alarm:TargetTracking-{id}-AlarmHigh-0a1b"));
    match call.action.as_str() {
        "RegisterScalableTarget" => {
            rights.extend(["ecs:DescribeServices", "ecs:UpdateService"].map(|action| asked(action, arn("ecs", id))));
            // It is there when scaling only rests.
            if has(call, "MinCapacity") {
                let service = "ecs.application-autoscaling.amazonaws.com";
                rights.push(linked(service, "AWSServiceRoleForApplicationAutoScaling_ECSService"));
            }
        }
        "PutScalingPolicy" => {
            rights.extend([asked("cloudwatch:PutMetricAlarm", alarm), asked("cloudwatch:DescribeAlarms", "*")]);
        }
        "DeleteScalingPolicy" | "DeregisterScalableTarget" => rights.push(asked("cloudwatch:DeleteAlarms", alarm)),
        _ => {}
    }
    if has(call, "Tags") {
        rights.push(asked("application-autoscaling:TagResource", arn("application-autoscaling", "scalable-target/0a")));
    }
    rights
}

/// Whether a pattern with `*` is a text's.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|index| text.get(index..).is_some_and(|text| matches(rest, text)))
        }),
    }
}

/// Whether policies allow it: some statement does, and its condition holds.
fn allow(documents: &[Document], asked: &Asked) -> bool {
    documents.iter().flat_map(|document| &document.statement).any(|statement| {
        let holds = |conditions: &BTreeMap<&'static str, String>| {
            conditions.iter().all(|(key, value)| asked.context == Some((*key, value.as_str())))
        };
        statement.action.contains(&asked.action)
            && statement.resource.iter().any(|pattern| matches(pattern, &asked.resource))
            && statement.condition.values().all(holds)
    })
}

/// A purpose, on a target.
struct Role<'a> {
    stage: &'a Stage,
    target: Target,
}

impl Role<'_> {
    /// Holds all that was called since the last time against the policies for a purpose.
    fn holds(&self, purpose: Purpose, least: &[&str]) {
        let app = self.stage.app();
        let scope = Scope::of(&app, self.target, Some(ACCOUNT), Some(REGION), None);
        let documents = policies(&app, &scope, &[purpose]);
        let calls = self.stage.account.take_calls();
        let made = |wanted: &&str| calls.iter().any(|call| call.action == **wanted);
        let missing: Vec<_> = least.iter().filter(|wanted| !made(wanted)).collect();
        assert!(missing.is_empty(), "nobody called {missing:?} to {}", purpose.as_str());
        for call in &calls {
            for asked in rights(call) {
                assert!(allow(&documents, &asked), "to {}: {asked:?} is not allowed, for {call:?}", purpose.as_str());
            }
        }
    }

    async fn looks(&self) {
        let deployer = self.stage.deployer().await.expect("it connects");
        let observed = self.stage.settled(&deployer).await.expect("it can be read");
        let app = self.stage.app();
        deployer.status(&app, &observed, Health::Skip).await.expect("it can be told");
        deployer.list_secrets(&app).await.expect("they can be listed");
        let query = LogQuery::new(vec![server_group(&app, self.target)], 0);
        deployer.read_logs(&query, &mut |_| {}).await.expect("they can be read");
    }

    async fn examines(&self) {
        let examination = Examination::new(self.stage.app()).with_target(Some(self.target));
        examination.run(self.stage.deployer(), &|_| {}).await;
    }
}

#[test]
fn every_call_of_a_services_life_is_allowed_by_the_policy_for_it() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        let role = Role { stage: &stage, target: Target::Ecs };
        stage.write("[alarms]\nnotify = \"arn:aws:sns:eu-west-1:123456789012:a\"");
        let bad = stage.deployment("bad").code_sha256().to_owned();
        stage.account.destine(&bad, TaskFate::Exits(1));
        stage.deploy("bad").await.expect_err("its tasks end, and it is removed");
        role.holds(
            Purpose::Deploy,
            &["CreateService", "DeleteService", "DeleteStack", "DeleteTaskDefinitions", "PutImage"],
        );

        stage.deploy("one").await.expect("it deploys");
        role.holds(Purpose::Deploy, &["CreateService", "RegisterScalableTarget", "PutScalingPolicy", "TagResource"]);
        stage.deploy("two").await.expect("it deploys");
        role.holds(Purpose::Deploy, &["RegisterTaskDefinition", "UpdateService"]);
        stage.deploy("bad").await.expect_err("its tasks end, and what ran before runs again");
        role.holds(Purpose::Deploy, &["UpdateService"]);
        stage.rollback(1).await.expect("it goes back");
        stage.write("[scaling]\nmaximum = 1\n[ecs]\nstop-timeout = 100\nkeep-revisions = 1");
        stage.deploy("one").await.expect("it deploys");
        role.holds(Purpose::Deploy, &["DeregisterScalableTarget", "DeregisterTaskDefinition"]);

        stage.write("");
        stage.deploy("one").await.expect("it deploys");
        stage.account.take_calls();
        role.looks().await;
        role.holds(Purpose::Operate, &["DescribeServices", "DescribeScalableTargets", "FilterLogEvents"]);
        let deployer = stage.deployer().await.expect("it connects");
        let name = ServiceName { cluster: "hello".to_owned(), service: "hello".to_owned() };
        let (container, command) = ("server".to_owned(), Vec::new());
        let once = OneOff { container, command, limit: Duration::from_secs(600) };
        deployer.run_task(&name, &once).await.expect("it runs and ends");
        deployer.stop_service(&name).await.expect("it rests");
        deployer.start_service(&name, 1).await.expect("it works");
        role.holds(Purpose::Operate, &["RunTask", "DescribeTasks", "UpdateService", "RegisterScalableTarget"]);

        role.examines().await;
        role.holds(Purpose::Doctor, &["DescribeTargetHealth", "BatchGetImage", "GetMetricData"]);
        stage.destroy().await.expect("it goes");
        role.holds(Purpose::Destroy, &["DeregisterScalableTarget", "DeleteService", "DeleteStack", "DeleteBucket"]);
        assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
    });
}

#[test]
fn every_call_of_a_functions_life_is_allowed_by_the_policy_for_it() {
    block_on(async {
        let stage = Stage::open();
        let role = Role { stage: &stage, target: Target::Sam };
        for (code, memory) in [("one", 256), ("two", 512), ("three", 512)] {
            stage.write(&format!("[resources]\nmemory = {memory}\n[lambda]\nkeep-revisions = 2"));
            stage.deploy(code).await.expect("it deploys");
        }
        stage.rollback(2).await.expect("it goes back");
        role.holds(
            Purpose::Deploy,
            &["CreateChangeSet", "PutObject", "UpdateAlias", "DeleteFunction", "DeleteObjects"],
        );
        role.looks().await;
        role.holds(Purpose::Operate, &["GetAlias", "FilterLogEvents"]);
        role.examines().await;
        role.holds(Purpose::Doctor, &["GetAccountSettings", "SimulatePrincipalPolicy"]);
        stage.destroy().await.expect("it goes");
        role.holds(Purpose::Destroy, &["DeleteStack", "DeleteBucket"]);
    });
}

#[test]
fn call_that_is_not_allowed_is_found() {
    let stage = Stage::open();
    let app = stage.app();
    let scope = Scope::of(&app, Target::Ecs, Some(ACCOUNT), Some(REGION), None);
    let documents = policies(&app, &scope, &[Purpose::Deploy]);
    let service = arn("ecs", "service/hello/hello");
    assert!(allow(&documents, &asked("ecs:CreateService", &service)));
    assert!(!allow(&documents, &asked("ecs:CreateService", arn("ecs", "service/hello/other"))));
    assert!(!allow(&documents, &asked("ecs:ExecuteCommand", arn("ecs", "task/hello/0a"))));
    let pass = |to| Asked { context: Some(("iam:PassedToService", to)), ..asked("iam:PassRole", role("hello-task")) };
    assert!(allow(&documents, &pass("ecs-tasks.amazonaws.com")));
    assert!(!allow(&documents, &pass("lambda.amazonaws.com")), "the condition counts");
    assert!(!allow(&documents, &asked("iam:PassRole", role("hello-task"))));
}
