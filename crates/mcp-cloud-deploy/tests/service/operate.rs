//! What is done between deployments, and its end.

use std::{sync::Mutex, time::Duration};

use mcp_cloud_app::target::ecs::Scaling;
use mcp_cloud_deploy::service::*;
use serde_json::{Value, json};

use crate::script::{Script, refused};

const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/servers/0a1b2c";

fn hello() -> ServiceName {
    ServiceName { cluster: "servers".to_owned(), service: "hello".to_owned() }
}

fn of_desired(desired: u32) -> Value {
    json!({ "services": [{
        "status": "ACTIVE", "desiredCount": desired, "taskDefinition": "hello:3", "platformVersion": "LATEST",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
    }] })
}

#[tokio::test]
async fn scaling_is_put_once_and_what_is_not_wanted_goes() {
    let there: Mutex<(Option<Value>, Vec<Value>)> = Mutex::new((
        Some(json!({ "MinCapacity": 1, "MaxCapacity": 9 })),
        vec![json!({ "PolicyName": "old", "PolicyType": "TargetTrackingScaling", "PolicyARN": "arn" })],
    ));
    let script = Script::new(move |asked| {
        let mut there = there.lock().unwrap();
        match asked.operation.as_str() {
            "DescribeScalableTargets" => (200, json!({ "ScalableTargets": there.0.iter().collect::<Vec<_>>() })),
            "DescribeScalingPolicies" => (200, json!({ "ScalingPolicies": there.1 })),
            "DescribeScheduledActions" => (200, json!({ "ScheduledActions": [] })),
            "RegisterScalableTarget" => {
                there.0 = Some(asked.body.clone());
                (200, json!({}))
            }
            "PutScalingPolicy" => {
                let mut policy = asked.body.clone();
                policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] = json!(50.0);
                policy["Alarms"] = json!([{ "AlarmName": "x" }]);
                there.1.push(policy);
                (200, json!({ "PolicyARN": "arn" }))
            }
            "DeleteScalingPolicy" => {
                there.1.retain(|one| one["PolicyName"] != asked.body["PolicyName"]);
                (200, json!({}))
            }
            "DeregisterScalableTarget" => {
                there.0 = None;
                (200, json!({}))
            }
            other => refused(400, "ValidationException", other),
        }
    });
    let deployer = script.deployer().await;
    let policy = json!({
        "PolicyName": "processor", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": { "TargetValue": 50 },
    });
    let target = json!({ "MinCapacity": 2, "MaxCapacity": 9 });
    let wanted =
        Scaling { scalable_target: Some(target), scaling_policies: vec![policy], scheduled_actions: Vec::new() };
    assert!(deployer.apply_scaling(&hello(), &wanted).await.unwrap());
    assert_eq!(script.calls("DeleteScalingPolicy")[0].body["PolicyName"], "old");
    let put = script.calls("PutScalingPolicy").remove(0).body;
    assert_eq!((&put["ResourceId"], &put["ServiceNamespace"]), (&json!("service/servers/hello"), &json!("ecs")));
    assert!(!deployer.apply_scaling(&hello(), &wanted).await.unwrap());
    assert_eq!(script.calls("PutScalingPolicy").len(), 1);
    assert!(deployer.apply_scaling(&hello(), &Scaling::default()).await.unwrap());
    assert!(!deployer.apply_scaling(&hello(), &Scaling::default()).await.unwrap());
}

#[tokio::test]
async fn service_that_rests_is_not_started_by_its_scaling_and_works_again_as_before() {
    let state = Mutex::new((3, json!({ "MinCapacity": 2, "MaxCapacity": 9 })));
    let script = Script::new(move |asked| {
        let mut state = state.lock().unwrap();
        match asked.operation.as_str() {
            "DescribeServices" => (200, of_desired(state.0)),
            "UpdateService" => {
                state.0 = asked.body["desiredCount"].as_u64().unwrap().try_into().unwrap();
                (200, json!({ "service": {} }))
            }
            "DescribeScalableTargets" => (200, json!({ "ScalableTargets": [state.1] })),
            "RegisterScalableTarget" => {
                assert!(asked.body.get("MinCapacity").is_none(), "between which numbers it scales stays");
                state.1["SuspendedState"] = asked.body["SuspendedState"].clone();
                (200, json!({}))
            }
            other => refused(400, "ClientException", other),
        }
    });
    let deployer = script.deployer().await;
    assert_eq!(deployer.stop_service(&hello()).await.unwrap(), Switched::Now);
    let suspended = &script.calls("RegisterScalableTarget")[0];
    assert!(suspended.body["SuspendedState"].as_object().unwrap().values().all(|value| *value == json!(true)));
    assert_eq!(deployer.stop_service(&hello()).await.unwrap(), Switched::Before);
    assert_eq!(deployer.start_service(&hello(), 1).await.unwrap(), Switched::Now);
    assert_eq!(script.calls("UpdateService")[1].body["desiredCount"], 2, "no fewer than it scales to");
    assert_eq!(deployer.start_service(&hello(), 1).await.unwrap(), Switched::Before);
    assert_eq!(script.calls("UpdateService").len(), 2);
    assert_eq!(script.calls("RegisterScalableTarget").len(), 2);
}

#[tokio::test]
async fn task_beside_the_service_has_its_network_and_ends_with_its_exit_code_and_its_log() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeServices" => (200, of_desired(1)),
        "RunTask" => (200, json!({ "tasks": [{ "taskArn": TASK, "taskDefinitionArn": "hello:3" }] })),
        "DescribeTaskDefinition" => {
            let options = json!({ "awslogs-group": "/ecs/hello", "awslogs-stream-prefix": "server" });
            let container =
                json!({ "name": "server", "logConfiguration": { "logDriver": "awslogs", "options": options } });
            let definition = json!({ "taskDefinitionArn": "hello:3", "containerDefinitions": [container] });
            (200, json!({ "taskDefinition": definition }))
        }
        "DescribeTasks" if asked.at < Duration::from_secs(5) => (200, json!({ "tasks": [] })),
        "DescribeTasks" => {
            let status = if asked.at < Duration::from_secs(60) { "RUNNING" } else { "STOPPED" };
            let container = json!({ "name": "server", "exitCode": 3 });
            (200, json!({ "tasks": [{ "taskArn": TASK, "lastStatus": status, "containers": [container] }] }))
        }
        _ => (200, json!({})),
    });
    let deployer = script.deployer().await;
    let limit = Duration::from_secs(600);
    let one_off = OneOff { container: "server".to_owned(), command: vec!["/server".into(), "--migrate".into()], limit };
    let run = deployer.run_task(&hello(), &one_off).await.unwrap();
    assert_eq!((run.task.as_str(), run.exit_code), ("0a1b2c", Some(3)));
    let log = LogStream { group: "/ecs/hello".to_owned(), stream: "server/server/0a1b2c".to_owned() };
    assert_eq!(run.log, Some(log));
    let body = script.calls("RunTask").remove(0).body;
    assert_eq!(body["networkConfiguration"]["awsvpcConfiguration"]["subnets"][0], "subnet-1");
    assert_eq!(body["overrides"]["containerOverrides"][0]["command"], json!(["/server", "--migrate"]));
    assert!(body["clientToken"].is_string(), "a lost answer starts no second task");

    let short = OneOff { limit: Duration::from_secs(10), ..one_off };
    let script = Script::new(move |asked| match asked.operation.as_str() {
        "DescribeServices" => (200, of_desired(1)),
        "RunTask" => (200, json!({ "tasks": [{ "taskArn": TASK, "taskDefinitionArn": "hello:3" }] })),
        "DescribeTaskDefinition" => refused(400, "ClientException", "Unable to describe task definition."),
        _ => (200, json!({ "tasks": [] })),
    });
    let error = script.deployer().await.run_task(&hello(), &short).await.unwrap_err();
    assert_eq!(error.to_string(), "the task 0a1b2c was not done within 10 s, and is stopped");
    assert_eq!(script.calls("StopTask").len(), 1);
}

#[tokio::test]
async fn task_that_there_is_no_room_for_is_told_in_the_words_of_aws() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeServices" => (200, of_desired(1)),
        _ => (
            200,
            json!({ "tasks": [], "failures": [{ "reason": "RESOURCE:ENI", "detail": "No addresses are left." }] }),
        ),
    });
    let one_off = OneOff { container: "server".to_owned(), command: Vec::new(), limit: Duration::from_secs(10) };
    let error = script.deployer().await.run_task(&hello(), &one_off).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot start a task: No addresses are left (RESOURCE:ENI)");
}

#[tokio::test]
async fn token_of_a_session_is_in_no_argument_and_is_never_shown() {
    let answer = |allowed: bool| {
        Script::new(move |asked| match asked.operation.as_str() {
            "ListTasks" => (200, json!({ "taskArns": [TASK] })),
            "DescribeTasks" => {
                let container = json!({ "name": "server", "runtimeId": "0a1b2c-77" });
                let task = json!({
                    "taskArn": TASK, "lastStatus": "RUNNING", "enableExecuteCommand": allowed, "containers": [container],
                });
                (200, json!({ "tasks": [task] }))
            }
            _ => {
                let session = json!({ "sessionId": "s", "streamUrl": "wss://x", "tokenValue": "hunter2" });
                (200, json!({ "session": session }))
            }
        })
    };
    let deployer = answer(true).deployer().await;
    let session = deployer.execute_command(&hello(), None, "server", &["sh".to_owned()]).await.unwrap();
    assert_eq!(session.arguments[4], r#"{"Target":"ecs:servers_0a1b2c_0a1b2c-77"}"#);
    assert!(session.variable.1.contains("hunter2"));
    assert!(!format!("{session:?} {:?}", session.arguments).contains("hunter2"));
    let error = deployer.execute_command(&hello(), Some("ffff"), "server", &["sh".to_owned()]).await.unwrap_err();
    assert_eq!(error.to_string(), "no task of the service `servers/hello` runs by the id `ffff`");
    let error =
        answer(false).deployer().await.execute_command(&hello(), None, "server", &["sh".to_owned()]).await.unwrap_err();
    assert_eq!(error.to_string(), "the task 0a1b2c takes no commands");
}

#[tokio::test]
async fn service_is_removed_when_its_last_task_has_ended_and_removing_it_again_does_nothing() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "ListTasks" if asked.body["desiredStatus"] == "RUNNING" => (200, json!({ "taskArns": [TASK] })),
        "ListTasks" => (200, json!({ "taskArns": [] })),
        "DescribeServices" if asked.at < Duration::from_secs(30) => (200, of_desired(1)),
        "DescribeServices" => (200, json!({ "services": [{ "status": "INACTIVE" }] })),
        "DescribeTasks" => {
            let status = if asked.at < Duration::from_secs(90) { "DEPROVISIONING" } else { "STOPPED" };
            (200, json!({ "tasks": [{ "taskArn": TASK, "lastStatus": status }] }))
        }
        _ => (200, json!({ "service": {} })),
    });
    let deployer = script.deployer().await;
    deployer.remove_service(&hello()).await.unwrap();
    assert_eq!(script.calls("DeleteService")[0].body["force"], true);
    let last = script.calls("DescribeTasks").last().unwrap().at;
    assert!((90..100).contains(&last.as_secs()), "{last:?}");
    deployer.remove_service(&hello()).await.unwrap();
    assert_eq!(script.calls("DeleteService").len(), 1);

    let gone = Script::new(|_| refused(400, "ClusterNotFoundException", "Cluster not found."));
    gone.deployer().await.remove_service(&hello()).await.unwrap();
}

#[tokio::test]
async fn old_revisions_are_deregistered_and_deleted_ten_at_a_time() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DeregisterTaskDefinition" if asked.body["taskDefinition"] == "hello:3" => {
            refused(400, "ClientException", "The specified task definition is not active. Specify one that is.")
        }
        _ => (200, json!({})),
    });
    let arns: Vec<_> = (1..=12).map(|number| format!("hello:{number}")).collect();
    script.deployer().await.remove_task_definitions(&arns).await.unwrap();
    assert_eq!(script.calls("DeregisterTaskDefinition").len(), 12);
    let deleted: Vec<_> = script.calls("DeleteTaskDefinitions").into_iter().map(|call| call.body).collect();
    assert_eq!(deleted[1]["taskDefinitions"], json!(["hello:11", "hello:12"]));
}
