//! Every request is one that AWS's own models of its services know.

use std::{collections::BTreeMap, fs, process::Command, time::Duration};

use mcp_cloud_app::target::ecs::Scaling;
use mcp_cloud_deploy::service::{OneOff, ServiceName, as_update};
use serde_json::{Value, json};

use crate::{
    apps::{SERVICES, create_body, lowered},
    script::{Answer, Asked, Script, health},
};

const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/servers/0a1b2c";
const GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/x/0a";
const BALANCER: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/x/0a";

/// An AWS in which everything goes well at once.
fn content(asked: &Asked) -> Answer {
    let deleted = asked.at > Duration::from_secs(20);
    let deployment =
        json!({ "id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "COMPLETED", "taskDefinition": "x:1" });
    let service = json!({
        "status": if deleted { "INACTIVE" } else { "ACTIVE" }, "desiredCount": 1, "runningCount": 1,
        "taskDefinition": "x:1", "deployments": [deployment], "loadBalancers": [{ "targetGroupArn": GROUP }],
    });
    let task = json!({
        "taskArn": TASK, "taskDefinitionArn": "x:1", "lastStatus": if asked.at.is_zero() { "RUNNING" } else { "STOPPED" },
        "enableExecuteCommand": true, "containers": [{ "name": "server", "runtimeId": "0a" }],
    });
    let target = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
    let body = match asked.operation.as_str() {
        "DescribeServices" => json!({ "services": [service] }),
        "RegisterTaskDefinition" | "DescribeTaskDefinition" => {
            json!({ "taskDefinition": { "taskDefinitionArn": "x:1" } })
        }
        "ListTasks" => json!({ "taskArns": [TASK] }),
        "DescribeTasks" | "RunTask" => json!({ "tasks": [task] }),
        "ListTaskDefinitions" => json!({ "taskDefinitionArns": ["x:1"] }),
        "DescribeScalableTargets" if asked.at.is_zero() => json!({ "ScalableTargets": [target] }),
        "DescribeScalingPolicies" => json!({ "ScalingPolicies": [{ "PolicyName": "old" }] }),
        "DescribeScheduledActions" => json!({ "ScheduledActions": [{ "ScheduledActionName": "old" }] }),
        "GetAuthorizationToken" => json!({ "authorizationData": [{ "authorizationToken": "QVdTOng=" }] }),
        "DescribeTargetHealth" => return health(&[("10.0.0.1", "healthy", "")]),
        "DescribeLoadBalancers" | "DescribeTargetGroups" => {
            Value::String(format!("<{0}Response><{0}Result></{0}Result></{0}Response>", asked.operation))
        }
        _ => json!({}),
    };
    (200, body)
}

/// What the stack around a service says.
pub(crate) fn known() -> BTreeMap<String, String> {
    let known = [
        ("IMAGE", "registry.example.com/x@sha256:00"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCOUNT_ID", "123456789012"),
        ("TargetGroupArn", GROUP),
        ("TargetGroupFullName", "targetgroup/x/0a"),
        ("LoadBalancerFullName", "app/x/0a"),
        ("AlternateTargetGroupArn", GROUP),
        ("AlternateTargetGroupFullName", "targetgroup/x/0a"),
        ("ProductionRuleArn", "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/x/0a/0b/0c"),
        ("InfrastructureRoleArn", "arn:aws:iam::123456789012:role/x-infrastructure"),
        ("ShiftAlarmName", "x-ShiftAlarm-0A"),
        ("TaskSubnets", "subnet-1,subnet-2"),
        ("TaskSecurityGroups", "sg-1"),
        ("AssignPublicIp", "ENABLED"),
    ];
    known.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The same with two groups that are not the same.
pub(crate) fn known_with_two_groups() -> BTreeMap<String, String> {
    let mut known = known();
    known.insert("AlternateTargetGroupArn".to_owned(), format!("{GROUP}0"));
    known
}

/// Does everything that can be done to a service.
async fn live(app: &str) -> Vec<Value> {
    let script = Script::new(content);
    let deployer = script.deployer().await;
    let wanted = lowered(app).with(&known());
    let name = ServiceName { cluster: wanted.cluster.clone(), service: wanted.name.clone() };
    deployer.has_cluster(&name.cluster).await.unwrap();
    let arn = deployer.register_task_definition(&wanted.task_definition).await.unwrap();
    let mut body = create_body(&wanted);
    body["taskDefinition"] = json!(arn);
    deployer.create_service(&body).await.unwrap();
    deployer.update_service(&name, &as_update(&body)).await.unwrap();
    deployer.tag_ecs(TASK, &[("team", "books")]).await.unwrap();
    deployer.apply_scaling(&name, &wanted.scaling).await.unwrap();
    deployer.apply_scaling(&name, &Scaling::default()).await.unwrap();
    deployer.target_health(GROUP).await.unwrap();
    deployer.load_balancer_host(BALANCER).await.unwrap();
    deployer.load_balancers_of(GROUP).await.unwrap();
    deployer.execute_command(&name, None, "server", &["sh".to_owned()]).await.unwrap();
    deployer.stop_service(&name).await.unwrap();
    deployer.start_service(&name, 2).await.unwrap();
    deployer.registry_login().await.unwrap();
    deployer.repository("hello").await.unwrap();
    deployer.images("hello").await.unwrap();
    deployer.image_manifest("hello", "1.0").await.unwrap();
    deployer.remove_images("hello", &[format!("sha256:{}", "0".repeat(64))]).await.unwrap();
    let limit = Duration::from_secs(5);
    let command = vec!["/server".to_owned(), "--migrate".to_owned()];
    deployer.run_task(&name, &OneOff { container: "server".to_owned(), command, limit }).await.unwrap();
    let found = deployer.task_definitions(&wanted.name).await.unwrap();
    deployer.remove_task_definitions(&found).await.unwrap();
    deployer.remove_service(&name).await.unwrap();
    script.records()
}

#[tokio::test]
async fn every_request_about_a_service_is_as_the_services_models_say() {
    let Some(python) = mcp_cloud_tests::python() else { return };
    let mut records = Vec::new();
    for app in SERVICES {
        records.extend(live(app).await);
    }
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    let script = mcp_cloud_tests::workspace_root().join("tests/deploy/models.py");
    let held = |file, records: &[Value]| {
        fs::write(file, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
        let run = Command::new(&python).arg(&script).arg(file).output().unwrap();
        (
            run.status.success(),
            format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr)),
        )
    };
    let (fits, said) = held(&good, &records);
    assert!(fits, "{said}");
    for operation in [
        "ecs.CreateService",
        "ecs.UpdateService",
        "ecs.RegisterTaskDefinition",
        "ecs.RunTask",
        "ecs.ExecuteCommand",
        "ecr.BatchDeleteImage",
        "elbv2.DescribeTargetHealth",
        "application-autoscaling.PutScalingPolicy",
        "application-autoscaling.PutScheduledAction",
        "application-autoscaling.DeleteScalingPolicy",
    ] {
        assert!(said.contains(operation), "{operation} is among them: {said}");
    }
    // A member that nobody knows would be found.
    let of_service = |record: &&Value| record["body"].as_str().is_some_and(|body| body.contains("\"serviceName\""));
    let mut wrong = records.iter().find(of_service).unwrap().clone();
    wrong["body"] = json!(wrong["body"].as_str().unwrap().replacen("\"serviceName\"", "\"nameOfService\"", 1));
    let (fits, said) = held(&bad, &[wrong]);
    assert!(!fits && said.contains("nameOfService"), "{said}");
}
