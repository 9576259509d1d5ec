//! Services of ECS in an account in memory: what comes of images, secrets and circuit breakers, and of stacks that wait.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use mcp_cloud_emulator::aws::{Account, Lasting, Misfortune, Moment, NoAnswer, StackMisfortune, TaskFate};
use serde_json::{Value, json};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";

fn send(account: &Account, service: &str, target: &str, body: String) -> Result<Response<Bytes>, NoAnswer> {
    let scope = format!("AWS4-HMAC-SHA256 Credential=key/20260101/{REGION}/{service}/aws4_request, Signature=0");
    let request = Request::post("https://amazonaws.com/")
        .header("authorization", scope)
        .header("x-amz-target", target)
        .body(Bytes::from(body))
        .expect("it is a request");
    account.answer(request)
}

/// What a service that speaks JSON says.
fn ask(account: &Account, service: &str, action: &str, body: &Value) -> (u16, Value) {
    let response = send(account, service, &format!("Service.{action}"), body.to_string()).expect("it is answered");
    (response.status().as_u16(), serde_json::from_slice(response.body()).expect("it is JSON"))
}

fn ok(account: &Account, service: &str, action: &str, body: &Value) -> Value {
    let (status, answer) = ask(account, service, action, body);
    assert_eq!(status, 200, "{action}: {answer}");
    answer
}

/// What a service that speaks forms and XML says, as text.
fn query(account: &Account, service: &str, action: &str, members: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let members = members.iter().map(|(name, value)| format!("&{name}={}", escape(value))).collect::<String>();
    let response = send(account, service, "", format!("Action={action}{members}")).expect("it is answered");
    String::from_utf8_lossy(response.body()).into_owned()
}

fn definition(image: &str) -> Value {
    json!({
        "family": "notes", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
        "memory": "512", "executionRoleArn": "notes", "containerDefinitions": [{ "name": "server", "image": image }],
    })
}

/// A cluster, and a service in it that has come to rest with an image that works.
fn account_with_service(breaker: bool) -> Account {
    let account = Account::new(ACCOUNT, REGION);
    account.make_cluster("notes");
    ok(&account, "ecs", "RegisterTaskDefinition", &definition("good"));
    let service = json!({
        "cluster": "notes", "serviceName": "notes", "taskDefinition": "notes", "desiredCount": 2, "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-0"] } },
        "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": breaker, "rollback": breaker } },
    });
    ok(&account, "ecs", "CreateService", &service);
    account.pass(Duration::from_secs(120));
    assert_eq!(rollout(&account), "COMPLETED");
    account
}

fn service(account: &Account) -> Value {
    let found = ok(account, "ecs", "DescribeServices", &json!({ "cluster": "notes", "services": ["notes"] }));
    found["services"][0].clone()
}

fn rollout(account: &Account) -> String {
    service(account)["deployments"][0]["rolloutState"].as_str().expect("it is said").to_owned()
}

/// Registers a definition with this image, and has the service deploy it.
fn deploy(account: &Account, image: &str) -> String {
    let registered = ok(account, "ecs", "RegisterTaskDefinition", &definition(image));
    let arn = registered["taskDefinition"]["taskDefinitionArn"].as_str().expect("it is said").to_owned();
    ok(account, "ecs", "UpdateService", &json!({ "cluster": "notes", "service": "notes", "taskDefinition": arn }));
    arn
}

fn stopped_reasons(account: &Account) -> Vec<String> {
    let stopped = json!({ "cluster": "notes", "serviceName": "notes", "desiredStatus": "STOPPED" });
    let arns = ok(account, "ecs", "ListTasks", &stopped)["taskArns"].clone();
    let tasks = ok(account, "ecs", "DescribeTasks", &json!({ "cluster": "notes", "tasks": arns }));
    let reason = |task: &Value| task["stoppedReason"].as_str().expect("it is said").to_owned();
    tasks["tasks"].as_array().expect("it is a list").iter().map(reason).collect()
}

#[test]
fn without_a_breaker_a_deployment_that_fails_never_ends() {
    let account = account_with_service(false);
    account.destine("bad", TaskFate::Exits(1));
    let bad = deploy(&account, "bad");
    account.pass(Duration::from_secs(3 * 3600));
    let service = service(&account);
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(service["deployments"][0]["taskDefinition"], bad.as_str());
    assert!(service["deployments"][0]["failedTasks"].as_u64().is_some_and(|failed| failed > 5), "{service}");
    assert_eq!(service["deployments"][1]["runningCount"], 2, "what was there before still serves");
    let said = service["events"].to_string();
    assert!(said.contains("(service notes) is unable to consistently start tasks successfully."), "{said}");
}

#[test]
fn breaker_goes_back_to_what_worked() {
    let account = account_with_service(true);
    let good = service(&account)["taskDefinition"].clone();
    account.destine("bad", TaskFate::Exits(1));
    deploy(&account, "bad");
    account.pass(Duration::from_secs(600));
    let service = service(&account);
    assert_eq!(service["taskDefinition"], good);
    assert_eq!(service["deployments"].as_array().map(Vec::len), Some(1), "{service}");
    assert_eq!(service["runningCount"], 2);
}

#[test]
fn forks_do_not_share_a_service() {
    let account = account_with_service(true);
    let fork = account.fork();
    deploy(&fork, "other");
    fork.pass(Duration::from_secs(600));
    assert_ne!(service(&account)["taskDefinition"], service(&fork)["taskDefinition"]);
    assert_eq!(rollout(&account), "COMPLETED");
}

#[test]
fn image_of_the_account_has_to_be_in_its_repository() {
    let account = account_with_service(true);
    let repository = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/notes");
    deploy(&account, &format!("{repository}:1.0"));
    account.pass(Duration::from_secs(600));
    let reasons = stopped_reasons(&account);
    assert!(reasons.iter().any(|reason| reason.starts_with("CannotPullContainerError: ")), "{reasons:?}");
    let digest = account.place_image("notes", "1.0");
    let deployed = deploy(&account, &format!("{repository}@{digest}"));
    account.pass(Duration::from_secs(600));
    assert_eq!(service(&account)["taskDefinition"], deployed.as_str());
    assert_eq!(rollout(&account), "COMPLETED");
}

#[test]
fn secret_of_the_account_has_to_be_there() {
    let account = account_with_service(true);
    let arn = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:notes/key-a1B2c3");
    let mut wanted = definition("good");
    wanted["containerDefinitions"][0]["secrets"] = json!([{ "name": "KEY", "valueFrom": format!("{arn}:member::") }]);
    ok(&account, "ecs", "RegisterTaskDefinition", &wanted);
    let update = json!({ "cluster": "notes", "service": "notes", "taskDefinition": "notes" });
    ok(&account, "ecs", "UpdateService", &update);
    account.pass(Duration::from_secs(600));
    let reasons = stopped_reasons(&account);
    assert!(reasons.iter().any(|reason| reason.starts_with("ResourceInitializationError: ")), "{reasons:?}");
    account.place_secret("notes/key", &arn, "{\"member\":\"value\"}");
    ok(&account, "ecs", "UpdateService", &update);
    account.pass(Duration::from_secs(600));
    assert!(service(&account)["taskDefinition"].as_str().is_some_and(|of| of.ends_with(":2")));
    assert_eq!(rollout(&account), "COMPLETED");
}

fn template(image: &str) -> String {
    json!({ "Resources": {
        "Definition": { "Type": "AWS::ECS::TaskDefinition", "Properties": {
            "Family": "notes", "RequiresCompatibilities": ["FARGATE"], "NetworkMode": "awsvpc", "Cpu": "256",
            "Memory": "512", "ContainerDefinitions": [{ "Name": "server", "Image": image }],
        } },
        "Service": { "Type": "AWS::ECS::Service", "Properties": {
            "ServiceName": "notes", "Cluster": "notes", "TaskDefinition": { "Ref": "Definition" },
            "NetworkConfiguration": { "AwsvpcConfiguration": { "Subnets": ["subnet-0"] } },
            "DeploymentConfiguration": { "DeploymentCircuitBreaker": { "Enable": true, "Rollback": true } },
        } },
    } })
    .to_string()
}

/// Brings a stack to this image, and tells its status in the end.
fn bring(account: &Account, kind: &str, image: &str) -> String {
    bring_template(account, kind, image, &template(image))
}

fn bring_template(account: &Account, kind: &str, change_set: &str, body: &str) -> String {
    let of = |members: &[(&str, &str)], action: &str| query(account, "cloudformation", action, members);
    let names = [("StackName", "notes"), ("ChangeSetName", change_set)];
    of(&[names[0], names[1], ("ChangeSetType", kind), ("TemplateBody", body)], "CreateChangeSet");
    while !of(&names, "DescribeChangeSet").contains("<Status>CREATE_COMPLETE<") {}
    of(&names, "ExecuteChangeSet");
    loop {
        account.pass(Duration::from_secs(10));
        let said = of(&names[..1], "DescribeStacks");
        let status = said.split("<StackStatus>").nth(1).and_then(|rest| rest.split('<').next()).expect("it is said");
        if !status.ends_with("_IN_PROGRESS") {
            return status.to_owned();
        }
    }
}

fn account_with_stack() -> Account {
    let account = Account::new(ACCOUNT, REGION);
    account.make_cluster("notes");
    assert_eq!(bring(&account, "CREATE", "good"), "CREATE_COMPLETE");
    assert_eq!(service(&account)["runningCount"], 1, "a stack waits for its service");
    account.destine("bad", TaskFate::OutOfMemory);
    account
}

#[test]
fn stack_is_rolled_back_when_the_breaker_ends_its_deployment() {
    let account = account_with_stack();
    assert_eq!(bring(&account, "UPDATE", "bad"), "UPDATE_ROLLBACK_COMPLETE");
    let events = query(&account, "cloudformation", "DescribeStackEvents", &[("StackName", "notes")]);
    assert!(events.contains("ECS Deployment Circuit Breaker was triggered"), "{events}");
    account.pass(Duration::from_secs(600));
    assert_eq!(service(&account)["runningCount"], 1);
    assert_eq!(rollout(&account), "COMPLETED");
}

#[test]
fn stack_calls_itself_complete_where_the_breaker_goes_unseen() {
    let account = account_with_stack();
    let good = service(&account)["taskDefinition"].clone();
    account.strike_stack(StackMisfortune::BreakerGoesUnseen { times: 1 });
    assert_eq!(bring(&account, "UPDATE", "bad"), "UPDATE_COMPLETE");
    account.pass(Duration::from_secs(600));
    assert_eq!(service(&account)["taskDefinition"], good, "what runs is what was there before");
    assert_eq!(rollout(&account), "COMPLETED");
}

#[test]
fn calls_are_struck_in_the_words_of_their_service() {
    for (service, action, expected) in [
        ("ecs", "DescribeClusters", "ThrottlingException"),
        ("ecr", "DescribeRepositories", "ThrottlingException"),
        ("application-autoscaling", "DescribeScalableTargets", "ThrottlingException"),
    ] {
        let account = Account::new(ACCOUNT, REGION);
        account.strike(Moment::nth(action, 1), Misfortune::Throttled, Lasting::Times(1));
        let (status, answer) = ask(&account, service, action, &json!({ "ServiceNamespace": "ecs" }));
        assert_eq!((status, &answer["__type"]), (400, &json!(expected)), "{service}");
        assert_eq!(ask(&account, service, action, &json!({ "ServiceNamespace": "ecs" })).0, 200);
    }
    let account = Account::new(ACCOUNT, REGION);
    account.strike(Moment::Call(1), Misfortune::ExpiredToken, Lasting::Times(1));
    let said = query(&account, "elasticloadbalancing", "DescribeTargetGroups", &[]);
    assert!(said.contains("<Code>ExpiredToken</Code>"), "{said}");
    account.deny(&["ecs:UpdateService"]);
    let (status, answer) = ask(&account, "ecs", "UpdateService", &json!({ "cluster": "c", "service": "s" }));
    assert_eq!((status, &answer["__type"]), (400, &json!("AccessDeniedException")));
    let message = answer["message"].as_str().expect("it is said");
    assert!(message.contains(&format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/c/s")), "{message}");
}

#[test]
fn token_of_the_registry_is_over_after_twelve_hours() {
    let account = Account::new(ACCOUNT, REGION);
    let given = ok(&account, "ecr", "GetAuthorizationToken", &json!({}));
    let token = given["authorizationData"][0]["authorizationToken"].as_str().expect("it is said").to_owned();
    let ping = |token: &str| {
        let request = Request::get("http://127.0.0.1/v2/").header("authorization", format!("Basic {token}"));
        account.answer(request.body(Bytes::new()).expect("it is a request")).expect("it is answered")
    };
    assert_eq!(ping(&token).status(), 200);
    let guessed = ping(&BASE64_STANDARD.encode("AWS:guessed"));
    assert_eq!((guessed.status().as_u16(), guessed.headers().contains_key("www-authenticate")), (401, true));
    account.strike(Moment::nth("Ping", 1), Misfortune::Throttled, Lasting::Times(1));
    let throttled = ping(&token);
    assert_eq!(throttled.status(), 429);
    assert!(String::from_utf8_lossy(throttled.body()).contains("\"code\":\"TOOMANYREQUESTS\""));
    account.pass(Duration::from_secs(12 * 3600));
    let over = ping(&token);
    assert_eq!(over.status(), 403);
    assert!(String::from_utf8_lossy(over.body()).contains("Reauthenticate"));
}

/// The name of the load balancer answers once a task is healthy; whoever is not is called unhealthy before it is stopped.
#[test]
fn load_balancer_leads_to_who_is_healthy() {
    let account = Account::new(ACCOUNT, REGION);
    account.make_cluster("notes");
    account.destine("deaf", TaskFate::FailsTargetHealth);
    let body = json!({
        "Resources": {
            "Balancer": { "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": { "Subnets": ["subnet-0"] } },
            "Group": { "Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": { "Port": 8080 } },
            "Listener": { "Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": {
                "LoadBalancerArn": { "Ref": "Balancer" },
                "DefaultActions": [{ "Type": "forward", "TargetGroupArn": { "Ref": "Group" } }],
            } },
        },
        "Outputs": {
            "Host": { "Value": { "Fn::GetAtt": ["Balancer", "DNSName"] } },
            "Group": { "Value": { "Ref": "Group" } },
        },
    });
    assert_eq!(bring_template(&account, "CREATE", "balancer", &body.to_string()), "CREATE_COMPLETE");
    let said = query(&account, "cloudformation", "DescribeStacks", &[("StackName", "notes")]);
    let output = |key: &str| {
        let rest = said.split(&format!("<OutputKey>{key}</OutputKey><OutputValue>")).nth(1).expect("it is there");
        rest.split('<').next().expect("it is there").to_owned()
    };
    let (host, group) = (output("Host"), output("Group"));
    assert_eq!(account.load_balancer(&host), None);
    let health = || query(&account, "elasticloadbalancing", "DescribeTargetHealth", &[("TargetGroupArn", &group)]);
    let with_port = |image: &str| {
        let mut definition = definition(image);
        definition["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 8080 }]);
        ok(&account, "ecs", "RegisterTaskDefinition", &definition);
    };
    with_port("good");
    ok(
        &account,
        "ecs",
        "CreateService",
        &json!({
            "cluster": "notes", "serviceName": "notes", "taskDefinition": "notes", "desiredCount": 1, "launchType": "FARGATE",
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-0"] } },
            "loadBalancers": [{ "targetGroupArn": group, "containerName": "server", "containerPort": 8080 }],
        }),
    );
    account.pass(Duration::from_secs(45));
    assert!(health().contains("<State>initial</State>"), "{}", health());
    assert_eq!(account.load_balancer(&host), None);
    account.pass(Duration::from_secs(20));
    assert_eq!(account.load_balancer(&host).map(|deployed| deployed.version), Some("good".to_owned()));
    with_port("deaf");
    ok(&account, "ecs", "UpdateService", &json!({ "cluster": "notes", "service": "notes", "taskDefinition": "notes" }));
    account.pass(Duration::from_secs(102));
    assert!(health().contains("<State>unhealthy</State>"), "{}", health());
    account.pass(Duration::from_secs(10));
    assert!(health().contains("<State>draining</State>"), "{}", health());
    assert_eq!(account.load_balancer(&host).map(|deployed| deployed.version), Some("good".to_owned()));
}

/// What has its requests moved needs two groups, and a rule that leads to both.
const SURROUNDINGS: &str = r#"{
  "AWSTemplateFormatVersion": "2010-09-09",
  "Resources": {
    "Balancer": { "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": { "Subnets": ["subnet-0"] } },
    "One": { "Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": { "TargetType": "ip", "Port": 80 } },
    "Other": { "Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": { "TargetType": "ip", "Port": 80 } },
    "Listener": { "Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": {
      "LoadBalancerArn": { "Ref": "Balancer" }, "Port": 80, "Protocol": "HTTP",
      "DefaultActions": [{ "Type": "forward", "TargetGroupArn": { "Ref": "One" } }] } },
    "Rule": { "Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": {
      "ListenerArn": { "Ref": "Listener" }, "Priority": 1,
      "Conditions": [{ "Field": "path-pattern", "Values": ["/*"] }],
      "Actions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": [
        { "TargetGroupArn": { "Ref": "One" }, "Weight": 100 }, { "TargetGroupArn": { "Ref": "Other" }, "Weight": 0 }] } }] } }
  },
  "Outputs": {
    "One": { "Value": { "Ref": "One" } }, "Other": { "Value": { "Ref": "Other" } }, "Rule": { "Value": { "Ref": "Rule" } },
    "Name": { "Value": { "Fn::GetAtt": ["Balancer", "DNSName"] } }
  }
}"#;

fn output(stacks: &str, name: &str) -> String {
    let value = stacks.split(&format!("<OutputKey>{name}</OutputKey>")).nth(1).expect("it is an output");
    let value = value.split("<OutputValue>").nth(1).expect("it has a value");
    value.split("</OutputValue>").next().expect("it ends").to_owned()
}

/// A service with two tasks whose requests are moved, and the name of its load balancer.
fn account_that_moves_requests(deployment: &Value) -> (Account, String) {
    let account = Account::new(ACCOUNT, REGION);
    account.make_cluster("notes");
    assert_eq!(bring_template(&account, "CREATE", "around", SURROUNDINGS), "CREATE_COMPLETE");
    let stacks = query(&account, "cloudformation", "DescribeStacks", &[("StackName", "notes")]);
    let mut good = definition("good");
    good["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 80 }]);
    ok(&account, "ecs", "RegisterTaskDefinition", &good);
    let mut service = json!({
        "cluster": "notes", "serviceName": "notes", "taskDefinition": "notes", "desiredCount": 2, "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-0"] } },
        "deploymentConfiguration": deployment,
        "loadBalancers": [{ "targetGroupArn": output(&stacks, "One"), "containerName": "server", "containerPort": 80 }],
    });
    let (status, refused) = ask(&account, "ecs", "CreateService", &service);
    assert!(status == 400 && refused.to_string().contains("advancedConfiguration"), "{refused}");
    service["loadBalancers"][0]["advancedConfiguration"] = json!({
        "alternateTargetGroupArn": output(&stacks, "Other"), "productionListenerRule": output(&stacks, "Rule"),
        "roleArn": "arn:aws:iam::123456789012:role/around",
    });
    ok(&account, "ecs", "CreateService", &service);
    account.pass(Duration::from_secs(120));
    assert_eq!(rollout(&account), "COMPLETED", "there is nothing to move requests from");
    (account, output(&stacks, "Name"))
}

/// Registers a definition with this image and a port, and has the service deploy it.
fn deploy_behind(account: &Account, image: &str) -> String {
    let mut wanted = definition(image);
    wanted["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 80 }]);
    let registered = ok(account, "ecs", "RegisterTaskDefinition", &wanted);
    let arn = registered["taskDefinition"]["taskDefinitionArn"].as_str().expect("it is said").to_owned();
    ok(account, "ecs", "UpdateService", &json!({ "cluster": "notes", "service": "notes", "taskDefinition": arn }));
    arn
}

#[test]
fn requests_move_when_all_new_tasks_are_well_and_old_ones_stay_until_the_end() {
    let canary = json!({
        "strategy": "CANARY", "bakeTimeInMinutes": 20,
        "canaryConfiguration": { "canaryPercent": 10, "canaryBakeTimeInMinutes": 10 },
    });
    let (account, host) = account_that_moves_requests(&canary);
    deploy_behind(&account, "better");
    account.pass(Duration::from_secs(30));
    assert_eq!(account.load_balancer(&host).map(|there| there.version).as_deref(), Some("good"), "nothing has moved");
    // Old tasks beside new ones, for as long as requests move and then a while.
    for minutes in [5, 10, 14] {
        account.pass(Duration::from_secs(minutes * 60));
        assert_eq!((service(&account)["runningCount"].clone(), rollout(&account).as_str()), (json!(4), "IN_PROGRESS"));
        assert_eq!(account.load_balancer(&host).map(|there| there.version).as_deref(), Some("better"));
    }
    account.pass(Duration::from_secs(600));
    assert_eq!((service(&account)["runningCount"].clone(), rollout(&account).as_str()), (json!(2), "COMPLETED"));
    assert_eq!(account.load_balancer(&host).map(|there| there.version).as_deref(), Some("better"));
    let settings = service(&account)["deploymentConfiguration"].to_string();
    assert!(settings.contains("\"canaryPercent\":10.0"), "{settings}");
}

#[test]
fn requests_are_back_at_once_when_an_alarm_rings_over_what_new_tasks_do() {
    let blue_green = json!({
        "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 60,
        "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        "alarms": { "alarmNames": ["failures"], "enable": true, "rollback": true },
    });
    let (account, host) = account_that_moves_requests(&blue_green);
    let good = service(&account)["taskDefinition"].clone();
    account.destine("bad", TaskFate::FailsRequests);
    deploy_behind(&account, "bad");
    account.pass(Duration::from_secs(90));
    assert_eq!(account.load_balancer(&host).map(|there| there.version).as_deref(), Some("bad"));
    account.pass(Duration::from_secs(60));
    assert_eq!(account.load_balancer(&host).map(|there| there.version).as_deref(), Some("good"));
    assert_eq!(service(&account)["taskDefinition"], good);
    let said = service(&account)["events"].to_string();
    assert!(said.contains("deployment failed: alarm detected."), "{said}");
}
