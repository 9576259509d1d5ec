use std::{fs, path::Path};

use mcp_cloud_app::App;
use serde_json::Value;

use super::*;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

fn app(manifest: &str) -> App {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Cargo.toml"), "[package]\nname = \"server\"\n").unwrap();
    fs::create_dir(directory.path().join("src")).unwrap();
    fs::write(directory.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    let manifest =
        if manifest.contains("name = ") { manifest.to_owned() } else { format!("name = \"hello\"\n{manifest}") };
    fs::write(directory.path().join("mcp-cloud.toml"), manifest).unwrap();
    App::load(directory.path()).unwrap()
}

/// The app of a golden folder as a target has it, with a package beside a copy of its files.
fn golden(folder: &Path, target: Target) -> App {
    let directory = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, directory.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::create_dir_all(directory.path().join("src")).unwrap();
    fs::write(directory.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(directory.path().join("Cargo.toml"), "[package]\nname = \"server\"\n").unwrap();
    let environments = App::environments(directory.path());
    match environments.iter().find(|name| *name == target.as_str()) {
        Some(name) => App::load_environment(directory.path(), name).unwrap(),
        None => App::load(directory.path()).unwrap(),
    }
}

fn on(app: &App, target: Target, purposes: &[Purpose]) -> Vec<Document> {
    policies(app, &Scope::of(app, target, Some(ACCOUNT), Some(REGION), None), purposes)
}

fn of(app: &App, purposes: &[Purpose]) -> Vec<Document> {
    on(app, Target::Sam, purposes)
}

fn of_service(app: &App, purposes: &[Purpose]) -> Vec<Document> {
    on(app, Target::Ecs, purposes)
}

fn statements(documents: &[Document]) -> impl Iterator<Item = &Statement> {
    documents.iter().flat_map(|document| &document.statement)
}

fn actions_of(documents: &[Document]) -> BTreeSet<&str> {
    statements(documents).flat_map(|statement| &statement.action).map(String::as_str).collect()
}

/// Whether a `*` in a pattern can stand for what makes it the text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(text) = text.strip_prefix(start) else { return false };
            (0..=text.len()).any(|index| text.get(index..).is_some_and(|text| matches(rest, text)))
        }
    }
}

fn allows(documents: &[Document], action: &str, resource: &str) -> bool {
    documents.iter().flat_map(|document| &document.statement).any(|statement| {
        statement.action.iter().any(|allowed| allowed == action)
            && statement.resource.iter().any(|pattern| matches(pattern, resource))
    })
}

const EVERYTHING: &str = "[lambda]\ntrigger = \"rest-api\"\n[scaling]\nminimum = 2\n[network]\nwaf = true\n[state]\nsessions = \
                          \"sealed\"\nstore = \"dynamodb\"\n[alarms]\nnotify = \"arn:aws:sns:eu-west-1:123456789012:a\"\n";

/// What an app of ECS can have.
const ALL_AROUND: &str = "[network]\nwaf = true\negress = \"platform\"\n[state]\nsessions = \"sealed\"\nstore = \"dynamodb\"\n\
                          [alarms]\nnotify = \"arn:aws:sns:eu-west-1:123456789012:a\"\n";

#[test]
fn what_is_a_services_own_is_allowed_and_its_neighbours_are_not() {
    let documents = of_service(&app(ALL_AROUND), &Purpose::ALL);
    let ecs = |rest: &str| format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{rest}");
    let alarm =
        |name: &str| format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:TargetTracking-service/{name}-AlarmLow-1");
    for (action, resource, allowed) in [
        ("ecs:CreateService", ecs("service/hello/hello"), true),
        ("ecs:UpdateService", ecs("service/hello/other"), false),
        ("ecs:DeleteService", ecs("service/other/hello"), false),
        ("ecs:RegisterTaskDefinition", ecs("task-definition/hello:7"), true),
        ("ecs:RegisterTaskDefinition", ecs("task-definition/hello-2:7"), false),
        ("ecs:RunTask", ecs("task-definition/hello:7"), true),
        ("ecs:ExecuteCommand", ecs("task/hello/0a1b"), true),
        ("ecs:ExecuteCommand", ecs("task/other/0a1b"), false),
        ("ecs:StopTask", ecs("task/other/0a1b"), false),
        ("ecs:CreateCluster", ecs("cluster/hello"), true),
        ("ecs:DeleteCluster", ecs("cluster/other"), false),
        ("ecr:PutImage", format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/hello"), true),
        ("ecr:PutImage", format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/other"), false),
        ("iam:PassRole", format!("arn:aws:iam::{ACCOUNT}:role/hello-task"), true),
        ("iam:PassRole", format!("arn:aws:iam::{ACCOUNT}:role/hello-execution"), true),
        ("iam:PassRole", format!("arn:aws:iam::{ACCOUNT}:role/hello-admin"), false),
        ("iam:CreateRole", format!("arn:aws:iam::{ACCOUNT}:role/hello-ServerRole-1A2B3C"), false),
        ("logs:DeleteLogGroup", format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/hello"), true),
        ("logs:DeleteLogGroup", format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/hello"), false),
        ("dynamodb:DeleteTable", format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/hello-state"), true),
        ("dynamodb:DeleteTable", format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/hello-orders"), false),
        ("cloudwatch:PutMetricAlarm", alarm("hello/hello"), true),
        ("cloudwatch:PutMetricAlarm", alarm("hello/other"), false),
        ("ec2:DeleteVpc", format!("arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-1"), true),
        ("lambda:CreateFunction", format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"), false),
        ("lambda:UpdateAlias", format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"), false),
    ] {
        assert_eq!(allows(&documents, action, &resource), allowed, "{action} on {resource}");
    }
}

#[test]
fn cluster_that_others_made_is_used_and_not_changed() {
    let documents = of_service(&app("ecs.cluster = \"servers\"\n"), &Purpose::ALL);
    let ecs = |rest: &str| format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{rest}");
    assert!(allows(&documents, "ecs:CreateService", &ecs("service/servers/hello")));
    assert!(allows(&documents, "ecs:DescribeClusters", &ecs("cluster/servers")));
    assert!(!actions_of(&documents).iter().any(|action| ["ecs:CreateCluster", "ecs:DeleteCluster"].contains(action)));
}

#[test]
fn images_are_pushed_to_the_repository_that_is_meant_and_to_no_other() {
    let uri = "210987654321.dkr.ecr.eu-central-1.amazonaws.com/team/hello";
    let documents = of_service(&app(&format!("ecs.repository = \"{uri}\"\n")), &Purpose::ALL);
    assert!(allows(&documents, "ecr:PutImage", "arn:aws:ecr:eu-central-1:210987654321:repository/team/hello"));
    assert!(!allows(&documents, "ecr:PutImage", &format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/hello")));
    assert!(!actions_of(&documents).contains("ecr:CreateRepository"));

    let documents = of_service(&app("ecs.repository = \"ghcr.io/team/hello\"\n"), &Purpose::ALL);
    assert!(!actions_of(&documents).contains("ecr:PutImage"), "a registry of others asks somebody else");
    assert!(statements(&documents).all(|statement| !statement.resource.is_empty()));
}

#[test]
fn roles_of_tasks_are_handed_to_tasks_alone() {
    let documents = of_service(&app(ALL_AROUND), &Purpose::ALL);
    let passing: Vec<_> = statements(&documents)
        .filter(|statement| statement.action.iter().any(|action| action == "iam:PassRole"))
        .collect();
    assert_eq!(passing.len(), 1, "{passing:?}");
    assert_eq!(passing[0].action, ["iam:PassRole"]);
    assert_eq!(passing[0].condition["StringEquals"]["iam:PassedToService"], "ecs-tasks.amazonaws.com");
}

#[test]
fn roles_that_services_make_for_themselves_are_made_for_those_services_alone() {
    for (target, manifest, expected) in [
        (
            Target::Ecs,
            "",
            ["ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com"]
                .as_slice(),
        ),
        (Target::Sam, "", [].as_slice()),
    ] {
        let documents = on(&app(manifest), target, &Purpose::ALL);
        let making: Vec<_> = statements(&documents)
            .filter(|statement| statement.action.iter().any(|action| action == "iam:CreateServiceLinkedRole"))
            .collect();
        let services: Vec<_> =
            making.iter().map(|of| of.condition["StringEquals"]["iam:AWSServiceName"].as_str()).collect();
        assert_eq!(services, expected);
        for (statement, service) in making.iter().zip(services) {
            assert_eq!(statement.action, ["iam:CreateServiceLinkedRole"]);
            assert_eq!(statement.resource, [format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/{service}/*")]);
        }
    }
}

#[test]
fn whoever_operates_a_service_runs_it_and_deploys_nothing() {
    let documents = of_service(&app(ALL_AROUND), &[Purpose::Operate, Purpose::Doctor]);
    let actions = actions_of(&documents);
    for action in [
        "ecs:RunTask",
        "ecs:StopTask",
        "ecs:ExecuteCommand",
        "ecs:UpdateService",
        "iam:PassRole",
        "logs:FilterLogEvents",
    ] {
        assert!(actions.contains(action), "{action}");
    }
    for action in ["ecs:RegisterTaskDefinition", "ecs:CreateService", "ecs:DeleteService", "ecr:PutImage"] {
        assert!(!actions.contains(action), "{action}");
    }
    assert!(actions.iter().all(|action| !action.starts_with("ec2:Create") && !action.starts_with("iam:Put")));
}

#[test]
fn what_is_the_apps_own_is_allowed_and_its_neighbours_are_not() {
    let documents = of(&app(""), &Purpose::ALL);
    let function = |name: &str| format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
    for (action, resource, allowed) in [
        ("lambda:CreateFunction", function("hello"), true),
        ("lambda:UpdateAlias", function("hello:live"), true),
        ("lambda:CreateFunction", function("hello-2"), false),
        ("lambda:CreateFunction", function("hell"), false),
        ("iam:PassRole", format!("arn:aws:iam::{ACCOUNT}:role/hello-ServerRole-1A2B3C"), true),
        ("iam:PassRole", format!("arn:aws:iam::{ACCOUNT}:role/admin"), false),
        ("iam:CreateRole", format!("arn:aws:iam::{ACCOUNT}:role/other-hello-ServerRole"), false),
        ("cloudformation:DeleteStack", format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/hello/0a"), true),
        ("cloudformation:DeleteStack", format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/hello-2/0a"), false),
        ("s3:PutObject", format!("arn:aws:s3:::mcp-cloud-{ACCOUNT}-{REGION}/mcp-cloud/hello/0.zip"), true),
        ("s3:PutObject", format!("arn:aws:s3:::mcp-cloud-{ACCOUNT}-{REGION}/mcp-cloud/other/0.zip"), false),
        ("logs:DeleteLogGroup", format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/hello"), true),
        ("logs:DeleteLogGroup", format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/other"), false),
    ] {
        assert_eq!(allows(&documents, action, &resource), allowed, "{action} on {resource}");
    }
}

#[test]
fn only_reading_is_allowed_on_everything() {
    for (target, manifest) in
        [(Target::Sam, ""), (Target::Sam, EVERYTHING), (Target::Ecs, ""), (Target::Ecs, ALL_AROUND)]
    {
        let documents = on(&app(manifest), target, &Purpose::ALL);
        for statement in statements(&documents).filter(|statement| statement.resource == ["*"]) {
            for action in &statement.action {
                let (_, name) = action.split_once(':').unwrap();
                let reads = ["Describe", "Get", "List", "Simulate"].iter().any(|verb| name.starts_with(verb));
                // A delivery of logs has no ARN before it is there, and ECS takes no ARN of what is deregistered.
                let has_none = name.ends_with("LogDelivery") || name == "DeregisterTaskDefinition";
                assert!(reads || has_none, "{action} on everything");
            }
        }
    }
}

#[test]
fn role_is_handed_to_the_services_that_take_it_and_to_no_other() {
    let documents = of(&app(""), &[Purpose::Deploy]);
    let passing: Vec<_> = documents
        .iter()
        .flat_map(|document| &document.statement)
        .filter(|statement| statement.action.iter().any(|action| action == "iam:PassRole"))
        .collect();
    assert_eq!(passing.len(), 1);
    assert_eq!(passing[0].action, ["iam:PassRole"]);
    assert_eq!(passing[0].condition["StringEquals"]["iam:PassedToService"], "lambda.amazonaws.com");
}

#[test]
fn whoever_operates_or_looks_on_changes_no_resource() {
    let documents = of(&app(EVERYTHING), &[Purpose::Operate, Purpose::Doctor]);
    let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello");
    assert!(allows(&documents, "lambda:UpdateAlias", &function), "to go back is to operate");
    for action in ["lambda:UpdateFunctionCode", "lambda:DeleteFunction", "lambda:AddPermission"] {
        assert!(!allows(&documents, action, &function), "{action}");
    }
    let actions: Vec<_> =
        documents.iter().flat_map(|document| &document.statement).flat_map(|one| &one.action).collect();
    assert!(actions.iter().all(|action| !action.starts_with("iam:Put") && *action != "iam:PassRole"), "{actions:?}");
}

#[test]
fn whoever_removes_can_make_nothing() {
    for (target, manifest, own) in [
        (Target::Sam, EVERYTHING, ["lambda:DeleteFunction", "lambda:DeleteAlias"]),
        (Target::Ecs, ALL_AROUND, ["ecs:DeleteService", "ec2:DeleteVpc"]),
    ] {
        let documents = on(&app(manifest), target, &[Purpose::Destroy]);
        let actions = actions_of(&documents);
        for action in
            own.into_iter().chain(["dynamodb:DeleteTable", "wafv2:DeleteWebACL", "cloudformation:DeleteStack"])
        {
            assert!(actions.contains(action), "{action}");
        }
        assert!(actions.iter().all(|action| !action.contains(":Create")), "{actions:?}");
    }
}

#[test]
fn policy_that_is_too_large_is_split_and_nothing_is_lost() {
    let app = app(EVERYTHING);
    let documents = of(&app, &Purpose::ALL);
    assert!(documents.len() > 1, "this app needs more than one");
    assert!(documents.iter().all(|document| document.characters() <= LIMIT_CHARACTERS));
    let scope = Scope::of(&app, Target::Sam, Some(ACCOUNT), Some(REGION), None);
    let many = (0..900).map(|number| format!("service:Action{number}")).collect::<Vec<_>>();
    let split = document::split(vec![Statement::allow(many.clone(), On::Function.arns(&scope))]);
    let kept: Vec<_> =
        split.iter().flat_map(|document| &document.statement).flat_map(|one| one.action.clone()).collect();
    assert_eq!(kept, many);
    assert!(split.iter().all(|document| document.characters() <= LIMIT_CHARACTERS));
}

#[test]
fn every_type_of_every_golden_template_is_in_the_table() {
    let apps = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    for target in [Target::Sam, Target::Ecs] {
        let mut seen = BTreeSet::new();
        for folder in fs::read_dir(apps).unwrap() {
            let folder = folder.unwrap().path();
            if folder.join(target.as_str()).is_dir() {
                seen.extend(resource_types(&golden(&folder, target), target));
            }
        }
        assert!(seen.len() > 20, "{target}: {seen:?}");
        let unknown: Vec<_> = seen.iter().filter(|kind| resources::rights(kind).is_none()).collect();
        assert!(unknown.is_empty(), "{target}: {unknown:?}");
    }
}

#[test]
fn long_name_is_cut_as_cloudformation_cuts_it() {
    let app = app("name = \"a-name-that-is-longer-than-what-fits\"\n");
    let documents = of(&app, &[Purpose::Deploy]);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/a-name-that-is-longer-th-ServerRole-1A2B3C");
    assert!(allows(&documents, "iam:CreateRole", &role));
}

#[test]
fn secrets_of_the_file_are_allowed_by_their_arns() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shared/key-AbCdEf";
    let documents = of(&app(&format!("[secrets]\nKEY = {{ aws = \"{arn}\" }}\n")), &[Purpose::Deploy]);
    assert!(allows(&documents, "secretsmanager:GetSecretValue", arn));
    assert!(!allows(&documents, "secretsmanager:GetSecretValue", &arn.replace("shared/key", "shared/other")));
}

#[test]
fn workflows_of_one_branch_take_the_role_and_no_others() {
    let app = app("");
    let scope = Scope::of(&app, Target::Sam, Some(ACCOUNT), Some(REGION), None);
    let repository = GithubRepository::from_name("octo-org/octo.repo").unwrap();
    let document = trust(&scope, &Trusted::Github { repository, branch: "main".to_owned() });
    let document: Value = serde_json::to_value(document).unwrap();
    let statement = &document["Statement"][0];
    assert_eq!(
        statement["Principal"]["Federated"],
        "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    );
    assert_eq!(statement["Action"][0], "sts:AssumeRoleWithWebIdentity");
    let equals = &statement["Condition"]["StringEquals"];
    assert_eq!(equals["token.actions.githubusercontent.com:sub"], "repo:octo-org/octo.repo:ref:refs/heads/main");
    assert_eq!(equals["token.actions.githubusercontent.com:aud"], "sts.amazonaws.com");
    for text in ["octo-org", "octo-org/", "octo-org/*", "a/b/c", "a b/c", "octo-org/re?o"] {
        assert_eq!(GithubRepository::from_name(text), None, "{text}");
    }
}
