//! Deployments that end well, and all the ways in which they do not.

use std::{sync::Mutex, time::Duration};

use mcp_cloud_deploy::service::*;
use serde_json::{Value, json};

use crate::script::{Answer, Asked, Script, health};

const OLD: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:6";
const NEW: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:7";
const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/servers/0a1b2c";
const BEGUN: f64 = 1_000.0;
const LIMIT: Duration = Duration::from_secs(600);

fn hello() -> ServiceName {
    ServiceName { cluster: "servers".to_owned(), service: "hello".to_owned() }
}

fn deployment(id: &str, status: &str, definition: &str, state: &str, running: u32) -> Value {
    json!({
        "id": id, "status": status, "taskDefinition": definition, "rolloutState": state, "desiredCount": 1,
        "runningCount": running, "pendingCount": 1 - running, "createdAt": if definition == NEW { BEGUN } else { 0.0 },
    })
}

fn service(deployments: &[Value], events: &[(&str, f64, &str)]) -> Answer {
    let running: u64 = deployments.iter().filter_map(|one| one["runningCount"].as_u64()).sum();
    let events: Vec<_> =
        events.iter().map(|(id, at, say)| json!({ "id": id, "createdAt": at, "message": say })).collect();
    let service = json!({
        "status": "ACTIVE", "desiredCount": 1, "runningCount": running, "pendingCount": 0, "deployments": deployments,
        "events": events, "loadBalancers": [{ "targetGroupArn": "arn:group" }], "taskDefinition": NEW,
    });
    (200, json!({ "services": [service] }))
}

/// A task of the new deployment that stopped.
fn stopped(code: &str, reason: &str, container: Value) -> Value {
    json!({
        "taskArn": TASK, "taskDefinitionArn": NEW, "startedBy": "ecs-svc/new", "lastStatus": "STOPPED", "stopCode": code,
        "stoppedReason": reason, "stoppedAt": BEGUN + 30.0, "containers": [container],
    })
}

/// What a service answers that tries a new task again and again, until ECS goes back after two minutes.
fn given_up(asked: &Asked, task: &Value) -> Answer {
    match asked.operation.as_str() {
        "DescribeServices" if asked.at < Duration::from_secs(120) => service(
            &[
                deployment("ecs-svc/new", "PRIMARY", NEW, "IN_PROGRESS", 0),
                deployment("ecs-svc/old", "ACTIVE", OLD, "COMPLETED", 1),
            ],
            &[],
        ),
        "DescribeServices" => service(
            &[
                deployment("ecs-svc/back", "PRIMARY", OLD, "IN_PROGRESS", 1),
                deployment("ecs-svc/new", "ACTIVE", NEW, "FAILED", 0),
            ],
            &[],
        ),
        "ListTasks" if asked.body["desiredStatus"] == "STOPPED" && asked.at > Duration::from_secs(30) => {
            (200, json!({ "taskArns": [TASK] }))
        }
        "ListTasks" => (200, json!({ "taskArns": [] })),
        "DescribeTasks" => (200, json!({ "tasks": [task] })),
        _ => health(&[("10.0.0.1", "healthy", "")]),
    }
}

async fn run(script: &Script) -> (Result<(), mcp_cloud_deploy::Error>, Vec<String>) {
    let heard = Mutex::new(Vec::new());
    let report = |event: &RolloutEvent| heard.lock().unwrap().push(event.to_string());
    let ended = script.deployer().await.rollout(&hello(), NEW, LIMIT, &report).await;
    (ended, heard.into_inner().unwrap())
}

#[tokio::test]
async fn rollout_ends_when_every_task_is_a_healthy_target_and_tells_everything_once() {
    let script = Script::new(|asked| {
        let (at, runs) = (asked.at.as_secs(), asked.at.as_secs() >= 40);
        match asked.operation.as_str() {
            "DescribeServices" => {
                let mut events = vec![("e1", 0.0, "(service hello) has reached a steady state.")];
                events.insert(0, ("e2", BEGUN + 1.0, "(service hello) has started 1 tasks: (task 0a1b2c)."));
                let new = |state| deployment("ecs-svc/new", "PRIMARY", NEW, state, runs.into());
                match at {
                    0..60 => {
                        let mut old = deployment("ecs-svc/old", "ACTIVE", OLD, "COMPLETED", 1);
                        old["runningCount"] = json!(u8::from(at < 50));
                        service(&[old, new("IN_PROGRESS")], &events)
                    }
                    _ => service(&[new("COMPLETED")], &events),
                }
            }
            "ListTasks" if asked.body["desiredStatus"] == "RUNNING" => (200, json!({ "taskArns": [TASK] })),
            "ListTasks" => (200, json!({ "taskArns": [] })),
            "DescribeTasks" => {
                let interface = json!({ "privateIpv4Address": "10.0.0.2" });
                let task = json!({
                    "taskArn": TASK, "taskDefinitionArn": NEW, "startedBy": "ecs-svc/new", "lastStatus": "RUNNING",
                    "containers": [{ "name": "server", "networkInterfaces": [interface] }],
                });
                (200, json!({ "tasks": [task] }))
            }
            // It is complete before its target is healthy.
            _ if at < 40 => health(&[("10.0.0.1", "healthy", "")]),
            _ if at < 90 => health(&[("10.0.0.1", "draining", ""), ("10.0.0.2", "initial", "")]),
            _ => health(&[("10.0.0.2", "healthy", "")]),
        }
    });
    let (ended, heard) = run(&script).await;
    ended.unwrap();
    let last = script.calls("DescribeServices").last().unwrap().at;
    assert!((90..100).contains(&last.as_secs()), "{last:?}");
    let expected = [
        "(service hello) has started 1 tasks: (task 0a1b2c)",
        "0 of 1 tasks of `hello:7` run, 1 about to",
        "1 of 1 tasks of `hello:7` run",
        "target 10.0.0.1:8080 is draining",
        "target 10.0.0.2:8080 is initial",
        "1 of 1 tasks of `hello:7` run",
        "target 10.0.0.2:8080 is healthy",
    ];
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn each_known_cause_is_told_in_the_words_of_aws_with_what_serves_and_what_to_do() {
    let image = "CannotPullContainerError: pull image manifest has been retried 7 time(s): image not found";
    let secret =
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm";
    let memory = "OutOfMemoryError: Container killed due to memory usage";
    let wrong = "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/arm64'";
    let unhealthy = "Task failed ELB health checks in (target-group arn:group)";
    let essential = "Essential container in task exited";
    for (code, reason, container, text, hint) in [
        (
            "EssentialContainerExited",
            essential,
            json!({ "name": "server", "exitCode": 1 }),
            "`server` exited with 1",
            "logs",
        ),
        ("TaskFailedToStart", image, json!({ "name": "server" }), image, "registry"),
        ("TaskFailedToStart", secret, json!({ "name": "server" }), secret, "secret"),
        (
            "EssentialContainerExited",
            essential,
            json!({ "name": "server", "exitCode": 137, "reason": memory }),
            "`server` exited with 137: OutOfMemoryError: Container killed due to memory usage",
            "memory",
        ),
        ("EssentialContainerExited", essential, json!({ "name": "server", "exitCode": 137 }), "with 137", "memory"),
        (
            "EssentialContainerExited",
            essential,
            json!({ "name": "server", "exitCode": 255, "reason": "exec /server: exec format error" }),
            "exec format error",
            "architecture",
        ),
        ("TaskFailedToStart", wrong, json!({ "name": "server" }), wrong, "architecture"),
        ("ServiceSchedulerInitiated", unhealthy, json!({ "name": "server", "exitCode": 0 }), unhealthy, "health path"),
        (
            "TaskFailedToStart",
            "Capacity is unavailable at this time. Please try again later",
            json!({ "name": "server" }),
            "Capacity is unavailable",
            "no room",
        ),
    ] {
        let task = stopped(code, reason, container);
        let script = Script::new(move |asked| given_up(asked, &task));
        let (ended, heard) = run(&script).await;
        let error = ended.unwrap_err();
        let begins = "the deployment of `hello:7` to the service `servers/hello` failed and was rolled back: task 0a1b2c \
                      stopped: ";
        let told = error.to_string();
        assert!(told.starts_with(begins) && told.contains(text) && told.ends_with("; `hello:6` serves"), "{told}");
        assert!(error.hint().is_some_and(|told| told.contains(hint)), "{reason}: {:?}", error.hint());
        assert_eq!(heard.iter().filter(|event| event.starts_with("task ")).count(), 1, "{heard:?}");
        let last = script.calls("DescribeServices").last().unwrap().at;
        assert!(last < Duration::from_secs(130), "it fails as soon as ECS has given up, not at {last:?}");
    }
}

#[tokio::test]
async fn service_that_is_stable_again_on_the_definition_before_is_a_failure() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeServices" if asked.at < Duration::from_secs(20) => {
            service(&[deployment("ecs-svc/new", "PRIMARY", NEW, "IN_PROGRESS", 0)], &[])
        }
        "DescribeServices" => service(&[deployment("ecs-svc/back", "PRIMARY", OLD, "COMPLETED", 1)], &[]),
        "ListTasks" => (200, json!({ "taskArns": [] })),
        _ => health(&[("10.0.0.1", "healthy", "")]),
    });
    let error = run(&script).await.0.unwrap_err().to_string();
    assert!(error.contains("was rolled back") && error.ends_with("`hello:6` serves"), "{error}");
}

#[tokio::test]
async fn first_deployment_that_is_given_up_leaves_nothing_that_serves() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeServices" => {
            let mut new = deployment("ecs-svc/new", "PRIMARY", NEW, "FAILED", 0);
            new["rolloutStateReason"] = json!("ECS deployment circuit breaker: tasks failed to start.");
            service(&[new], &[])
        }
        "ListTasks" => (200, json!({ "taskArns": [] })),
        _ => health(&[]),
    });
    let error = run(&script).await.0.unwrap_err().to_string();
    let expected = "the deployment of `hello:7` to the service `servers/hello` failed: ECS deployment circuit breaker: tasks \
                    failed to start; nothing serves";
    assert_eq!(error, expected);
}

#[tokio::test]
async fn stuck_deployment_ends_at_the_limit_with_what_aws_was_unable_to_do() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeServices" => service(
            &[
                deployment("ecs-svc/new", "PRIMARY", NEW, "IN_PROGRESS", 0),
                deployment("ecs-svc/old", "ACTIVE", OLD, "COMPLETED", 1),
            ],
            &[(
                "e1",
                BEGUN + 5.0,
                "(service hello) was unable to place a task. Reason: Capacity is unavailable at this time.",
            )],
        ),
        "ListTasks" => (200, json!({ "taskArns": [] })),
        _ => health(&[("10.0.0.1", "healthy", "")]),
    });
    let error = run(&script).await.0.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("is not done after 10 min") && told.contains("Capacity is unavailable"), "{told}");
    assert!(error.hint().is_some_and(|hint| hint.contains("no room")), "{:?}", error.hint());
    let last = script.calls("DescribeServices").last().unwrap().at;
    assert!(last >= LIMIT && last < LIMIT + Duration::from_secs(10), "{last:?}");
}

#[tokio::test]
async fn complete_deployment_whose_target_is_never_healthy_is_not_done() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeServices" => service(&[deployment("ecs-svc/new", "PRIMARY", NEW, "COMPLETED", 1)], &[]),
        "ListTasks" if asked.body["desiredStatus"] == "RUNNING" => (200, json!({ "taskArns": [TASK] })),
        "ListTasks" => (200, json!({ "taskArns": [] })),
        "DescribeTasks" => {
            let details = json!([{ "name": "privateIPv4Address", "value": "10.0.0.2" }]);
            let task = json!({
                "taskArn": TASK, "taskDefinitionArn": NEW, "startedBy": "ecs-svc/new", "lastStatus": "RUNNING",
                "attachments": [{ "details": details }],
            });
            (200, json!({ "tasks": [task] }))
        }
        _ => health(&[("10.0.0.2", "unhealthy", "Health checks failed with these codes: [500]")]),
    });
    let error = run(&script).await.0.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("target 10.0.0.2:8080 is unhealthy: Health checks failed with these codes: [500]"), "{told}");
    assert!(error.hint().is_some_and(|hint| hint.contains("health path")), "{:?}", error.hint());
}

#[tokio::test]
async fn other_deployment_meanwhile_and_deletion_meanwhile_are_told() {
    const OTHER: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:8";
    for (other, text) in [(true, "gave way to another one, of `hello:8`"), (false, "the service was deleted")] {
        let script = Script::new(move |asked| match asked.operation.as_str() {
            "DescribeServices" if asked.at < Duration::from_secs(20) => {
                service(&[deployment("ecs-svc/new", "PRIMARY", NEW, "IN_PROGRESS", 0)], &[])
            }
            "DescribeServices" if other => service(
                &[
                    deployment("ecs-svc/other", "PRIMARY", OTHER, "IN_PROGRESS", 0),
                    deployment("ecs-svc/new", "ACTIVE", NEW, "IN_PROGRESS", 0),
                ],
                &[],
            ),
            "DescribeServices" => (200, json!({ "services": [{ "status": "INACTIVE" }] })),
            "ListTasks" => (200, json!({ "taskArns": [] })),
            _ => health(&[]),
        });
        let error = run(&script).await.0.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("who else")), "{:?}", error.hint());
    }
}

#[tokio::test]
async fn deployment_that_is_not_seen_at_once_is_waited_for() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeServices" if asked.at < Duration::from_secs(3) => {
            service(&[deployment("ecs-svc/old", "PRIMARY", OLD, "COMPLETED", 1)], &[])
        }
        "DescribeServices" => {
            let mut found = service(&[deployment("ecs-svc/new", "PRIMARY", NEW, "COMPLETED", 1)], &[]);
            found.1["services"][0]["loadBalancers"] = json!([]);
            found
        }
        "ListTasks" => (200, json!({ "taskArns": [] })),
        _ => health(&[]),
    });
    run(&script).await.0.unwrap();

    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeServices" => service(&[deployment("ecs-svc/old", "PRIMARY", OLD, "COMPLETED", 1)], &[]),
        "ListTasks" => (200, json!({ "taskArns": [] })),
        _ => health(&[]),
    });
    let error = run(&script).await.0.unwrap_err().to_string();
    assert!(error.contains("gave way to another one, of `hello:6`"), "{error}");
}
