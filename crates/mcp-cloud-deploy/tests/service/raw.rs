//! What is sent is what was said, and what is answered is kept.

use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_cloud_deploy::service::*;
use serde_json::json;

use crate::script::{Script, refused};

fn hello() -> ServiceName {
    ServiceName { cluster: "servers".to_owned(), service: "hello".to_owned() }
}

#[tokio::test]
async fn body_is_sent_as_it_is_signed_and_of_the_length_it_has() {
    let script = Script::new(|asked| {
        let mut definition = asked.body.clone();
        definition["taskDefinitionArn"] = json!("arn:aws:ecs:eu-west-1:1:task-definition/hello:7");
        (200, json!({ "taskDefinition": definition }))
    });
    let body = json!({ "family": "hello", "madeUpTomorrow": [1, { "name": "Grüße" }] });
    let arn = script.deployer().await.register_task_definition(&body).await.unwrap();
    assert_eq!(arn, "arn:aws:ecs:eu-west-1:1:task-definition/hello:7");
    let call = script.calls("RegisterTaskDefinition").remove(0);
    assert_eq!(call.body, body);
    assert_eq!(call.length, call.bytes.to_string());
    assert!(call.signed);
}

#[tokio::test]
async fn answer_is_kept_with_what_the_sdk_does_not_know() {
    let script = Script::new(|_| {
        let service = json!({ "status": "ACTIVE", "desiredCount": 2, "madeUpTomorrow": { "a": [1.5] } });
        (200, json!({ "services": [service] }))
    });
    let state = script.deployer().await.service(&hello()).await.unwrap().unwrap();
    assert_eq!((state.desired, state.raw["madeUpTomorrow"]["a"][0].as_f64()), (2, Some(1.5)));
}

#[tokio::test]
async fn throttled_call_is_repeated_with_the_same_body_and_token() {
    let tries = AtomicUsize::new(0);
    let script = Script::new(move |asked| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => refused(400, "ThrottlingException", "Rate exceeded"),
        1 => refused(500, "ServerException", "Service Unavailable. Please try again later."),
        _ => (200, json!({ "service": asked.body })),
    });
    script.deployer().await.create_service(&json!({ "serviceName": "hello", "desiredCount": 1 })).await.unwrap();
    let calls = script.calls("CreateService");
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| call.body == calls[0].body && call.body["clientToken"].is_string()));
}

#[tokio::test]
async fn what_passes_by_itself_is_waited_for_and_what_does_not_is_told() {
    let new_role = "Unable to assume role and validate the specified targetGroupArn.";
    let tries = AtomicUsize::new(0);
    let script = Script::new(move |asked| match tries.fetch_add(1, Ordering::SeqCst) {
        0..3 => refused(400, "InvalidParameterException", new_role),
        _ => (200, json!({ "service": asked.body })),
    });
    script.deployer().await.create_service(&json!({ "serviceName": "hello" })).await.unwrap();
    assert_eq!(script.calls("CreateService").len(), 4);

    let script = Script::new(|_| refused(400, "InvalidParameterException", "Creation of service was not idempotent."));
    let error = script.deployer().await.create_service(&json!({ "serviceName": "hello" })).await.unwrap_err();
    assert_eq!(script.calls("CreateService").len(), 1);
    let expected =
        "cannot create the service `hello`: Creation of service was not idempotent (InvalidParameterException)";
    assert_eq!(error.to_string(), expected);

    let script = Script::new(move |_| refused(400, "InvalidParameterException", new_role));
    assert!(script.deployer().await.create_service(&json!({ "serviceName": "hello" })).await.is_err());
    assert_eq!(script.calls("CreateService").len(), 12, "it is not waited for without end");
}

#[tokio::test]
async fn what_is_not_there_is_none_and_no_error() {
    let script = Script::new(|asked| match asked.operation.as_str() {
        "DescribeTaskDefinition" => refused(400, "ClientException", "Unable to describe task definition."),
        "DescribeScalableTargets" => (200, json!({ "ScalableTargets": [] })),
        "DescribeRepositories" => refused(400, "RepositoryNotFoundException", "No such repository"),
        _ => refused(400, "ClusterNotFoundException", "Cluster not found."),
    });
    let deployer = script.deployer().await;
    assert!(deployer.service(&hello()).await.unwrap().is_none());
    assert!(deployer.task_definition("hello").await.unwrap().is_none());
    assert!(deployer.scaling(&hello()).await.unwrap().scalable_target.is_none());
    assert!(deployer.repository("hello").await.unwrap().is_none());
    for status in ["INACTIVE", "MISSING"] {
        let script = Script::new(move |_| match status {
            "INACTIVE" => (200, json!({ "services": [{ "status": status }] })),
            _ => (200, json!({ "services": [], "failures": [{ "reason": status }] })),
        });
        assert!(script.deployer().await.service(&hello()).await.unwrap().is_none(), "{status}");
    }
}

#[tokio::test]
async fn password_of_the_registry_is_read_and_never_shown() {
    let script = Script::new(|_| {
        // AWS:hunter2
        let data =
            json!({ "authorizationToken": "QVdTOmh1bnRlcjI=", "proxyEndpoint": "https://1.dkr.ecr.x.amazonaws.com" });
        (200, json!({ "authorizationData": [data] }))
    });
    let login = script.deployer().await.registry_login().await.unwrap();
    assert_eq!((login.registry.as_str(), login.user.as_str()), ("1.dkr.ecr.x.amazonaws.com", "AWS"));
    assert_eq!(login.password, "hunter2");
    assert!(!format!("{login:?}").contains("hunter2"));
}
