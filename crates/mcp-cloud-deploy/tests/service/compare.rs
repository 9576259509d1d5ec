//! What AWS adds is no difference, and what somebody changed is one.

use std::{collections::BTreeMap, fs};

use mcp_cloud_deploy::service::{as_it_is, as_update, changes, image};
use serde_json::{Value, json};

use crate::apps::{SERVICES, create_body, lowered};

fn golden(app: &str) -> Value {
    let path = mcp_cloud_tests::workspace_root().join(format!("tests/golden/{app}/ecs/task-definition.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// As ECS answers it, with everything that it adds.
fn registered(mut value: Value) -> Value {
    value["taskDefinitionArn"] = json!("arn:aws:ecs:eu-central-1:123456789012:task-definition/ledger:3");
    value["revision"] = json!(3);
    value["status"] = json!("ACTIVE");
    value["registeredAt"] = json!(1.5);
    value["registeredBy"] = json!("arn:aws:iam::123456789012:user/somebody");
    value["compatibilities"] = json!(["EC2", "FARGATE"]);
    value["requiresAttributes"] = json!([{ "name": "com.amazonaws.ecs.capability.docker-remote-api.1.18" }]);
    value["volumes"] = json!([]);
    value["placementConstraints"] = json!([]);
    for role in ["executionRoleArn", "taskRoleArn"] {
        value[role] = json!(format!("arn:aws:iam::123456789012:role/{}", value[role].as_str().unwrap()));
    }
    let container = &mut value["containerDefinitions"][0];
    container["cpu"] = json!(0);
    container["portMappings"][0]["hostPort"] = container["portMappings"][0]["containerPort"].clone();
    for empty in ["mountPoints", "volumesFrom", "systemControls"] {
        container[empty] = json!([]);
    }
    container["linuxParameters"]["capabilities"]["add"] = json!([]);
    container["logConfiguration"]["secretOptions"] = json!([]);
    container["environment"].as_array_mut().unwrap().reverse();
    value
}

#[test]
fn what_aws_fills_in_is_no_difference() {
    for app in SERVICES {
        let wanted = golden(app);
        let found = changes((Some(&registered(wanted.clone())), None), (Some(&wanted), None));
        assert!(found.is_empty(), "{app}:\n{found}");
    }
}

#[test]
fn changed_fields_are_told_by_their_names_and_secrets_are_not() {
    let before = registered(golden("every-field"));
    let mut after = golden("every-field");
    after["memory"] = json!("4096");
    let container = &mut after["containerDefinitions"][0];
    container["stopTimeout"] = json!(60);
    container["healthCheck"]["retries"] = json!(3);
    container["environment"][0]["value"] = json!("off");
    container["environment"].as_array_mut().unwrap().push(json!({ "name": "API_KEY", "value": "hunter2" }));
    let found = changes((Some(&before), None), (Some(&after), None));
    let change = found.resource("TaskDefinition").unwrap();
    let fields: BTreeMap<_, _> = change
        .fields
        .iter()
        .map(|field| (field.path.as_str(), (field.before.as_deref(), field.after.as_deref())))
        .collect();
    let container = "ContainerDefinitions[server]";
    assert_eq!(fields["Memory"], (Some("3072"), Some("4096")));
    assert_eq!(fields[format!("{container}.StopTimeout").as_str()], (Some("110"), Some("60")));
    assert_eq!(fields[format!("{container}.HealthCheck.Retries").as_str()], (Some("2"), None), "it is the default");
    assert_eq!(fields[format!("{container}.Environment[BOOLEAN]").as_str()], (Some("on"), Some("off")));
    assert_eq!(fields[format!("{container}.Environment[API_KEY]").as_str()], (None, Some("(hidden)")));
    assert_eq!(fields.len(), 5, "{fields:?}");
    assert!(!found.to_string().contains("hunter2"));
}

#[test]
fn service_as_aws_answers_it_is_no_difference_and_its_revision_goes_with_the_task_definition() {
    let (task, wanted) = (golden("minimal"), create_body(&lowered("minimal")));
    let mut found = wanted.clone();
    found["clusterArn"] = json!(format!("arn:aws:ecs:eu-west-1:1:cluster/{}", wanted["cluster"].as_str().unwrap()));
    found.as_object_mut().unwrap().remove("cluster");
    found["taskDefinition"] = json!("arn:aws:ecs:eu-west-1:1:task-definition/notes:3");
    found["desiredCount"] = json!(5);
    found["deploymentController"] = json!({ "type": "ECS" });
    found["schedulingStrategy"] = json!("REPLICA");
    found["deploymentConfiguration"]["strategy"] = json!("ROLLING");
    found["deploymentConfiguration"]["bakeTimeInMinutes"] = json!(0);
    found["deploymentConfiguration"]["alarms"] = json!({ "alarmNames": [], "enable": false, "rollback": false });
    for empty in ["placementConstraints", "placementStrategy", "serviceRegistries"] {
        found[empty] = json!([]);
    }
    found["events"] = json!([{ "id": "1", "message": "x" }]);
    found["tags"] = json!([{ "key": "aws:cloudformation:stack-name", "value": "x" }]);
    let same = changes((Some(&registered(task.clone())), Some(&found)), (Some(&task), Some(&wanted)));
    assert!(same.is_empty(), "{same}");

    let mut other = wanted.clone();
    other["enableExecuteCommand"] = json!(true);
    let differs = changes((Some(&task), Some(&found)), (Some(&task), Some(&other)));
    let paths: Vec<_> = differs.resources.iter().flat_map(|change| &change.fields).map(|field| &field.path).collect();
    assert_eq!(paths, ["EnableExecuteCommand"]);
    assert!(as_update(&other).get("enableExecuteCommand").is_some());
    for fixed in ["cluster", "serviceName", "launchType", "schedulingStrategy", "tags", "desiredCount"] {
        assert!(as_update(&other).get(fixed).is_none(), "{fixed}");
    }
}

#[test]
fn which_group_has_the_requests_is_no_difference_and_how_they_move_is_one() {
    let wanted = create_body(&lowered("ecs-linear").with(&crate::models::known_with_two_groups()));
    let mut found = wanted.clone();
    let balancer = &mut found["loadBalancers"][0];
    let (one, other) =
        (balancer["targetGroupArn"].clone(), balancer["advancedConfiguration"]["alternateTargetGroupArn"].clone());
    assert_ne!(one, other);
    balancer["targetGroupArn"] = other;
    balancer["advancedConfiguration"]["alternateTargetGroupArn"] = one;
    let settings = &mut found["deploymentConfiguration"];
    settings["linearConfiguration"]["stepPercent"] = json!(10.0);
    settings["lifecycleHooks"] = json!([]);
    settings["deploymentCircuitBreaker"]["resetOnHealthyTask"] = json!(true);
    settings["deploymentCircuitBreaker"]["thresholdConfiguration"] = json!({ "type": "BOUNDED_PERCENT", "value": 50 });
    let same = changes((None, Some(&found)), (None, Some(&wanted)));
    assert!(same.is_empty(), "{same}");
    let mut other = wanted.clone();
    other["deploymentConfiguration"]["linearConfiguration"]["stepBakeTimeInMinutes"] = json!(1);
    other["loadBalancers"][0]["advancedConfiguration"]["alternateTargetGroupArn"] = json!("arn:z");
    let differs = changes((None, Some(&found)), (None, Some(&other)));
    let paths: Vec<_> =
        differs.resources.iter().flat_map(|change| &change.fields).map(|field| field.path.as_str()).collect();
    assert!(paths.contains(&"DeploymentConfiguration.LinearConfiguration.StepBakeTimeInMinutes"), "{paths:?}");
    assert!(paths.iter().any(|path| path.contains("AlternateTargetGroupArn")), "{paths:?}");
}

#[test]
fn another_image_is_a_change_of_the_task_definition() {
    let (before, mut after) = (registered(golden("minimal")), golden("minimal"));
    after["containerDefinitions"][0]["image"] = json!("repository/image@sha256:00");
    assert_eq!((image(&after, "server"), image(&after, "other")), (Some("repository/image@sha256:00"), None));
    let found = changes((Some(&before), None), (Some(&after), None));
    let paths: Vec<_> = found.resources.iter().flat_map(|change| &change.fields).map(|field| &field.path).collect();
    assert_eq!(paths, ["ContainerDefinitions[server].Image"]);
}

#[test]
fn service_is_made_what_it_was_by_what_aws_answers_of_it() {
    let answered = json!({
        "serviceName": "hello", "clusterArn": "arn", "events": [], "desiredCount": 3, "platformVersion": "1.4.0",
        "launchType": "FARGATE", "tags": [{ "key": "team", "value": "books" }],
    });
    assert_eq!(as_it_is(&answered), json!({ "platformVersion": "1.4.0" }));
}
