//! Every request that is sent is one that AWS's own models of its services know.

use std::{fs, path::Path};

use mcp_cloud_tests::{cli_binary, python, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::account::{Account, Run};

#[test]
fn every_request_of_a_whole_life_is_as_the_services_models_say() {
    let Some(account) = Account::open() else { return };
    let folder = TempDir::new().expect("a folder can be made");
    let record = folder.path().join("requests");
    account.proxy.record_to(&record);
    let set = |value: &[u8]| {
        let run = account.run_with_input(value, &["secrets", "set", "API_KEY", "--yes"]);
        assert_eq!(run.code, Some(0), "{run}");
        run
    };
    let run = set(b"hunter2");
    let secret = format!("[secrets]\nAPI_KEY.aws = {:?}", run.stdout.trim_end());
    let life: [(&str, &[&[&str]]); 4] = [
        ("", &[&["doctor"], &["deploy", "--yes"], &["deploy"], &["status"], &["logs"], &["doctor"], &["policy"]]),
        ("memory = 512", &[&["deploy", "--yes"], &["rollback", "--yes"], &["wait"]]),
        // What is not kept is removed.
        (
            "memory = 640\nkeep-revisions = 1",
            &[&["deploy", "--dry-run"], &["deploy", "--yes"], &["status"], &["secrets", "list"]],
        ),
        ("", &[&["destroy", "--yes"]]),
    ];
    for (settings, commands) in life {
        account.write_app(&format!("{settings}\n[tags]\nteam = \"books\"\n{secret}"));
        for command in commands {
            let run = account.run(command);
            assert_eq!(run.code, Some(0), "{command:?}: {run}");
        }
    }
    account.write_app("");
    for value in [b"hunter2", b"hunter3", b"hunter2"] {
        set(value);
        let run = account.run(&["secrets", "remove", "API_KEY", "--yes"]);
        assert_eq!(run.code, Some(0), "{run}");
    }
    let run = held_against_models(&record);
    assert_eq!(run.code, Some(0), "{run}");
    let report = summary(&run);
    among(
        &report,
        &[
            "cloudformation.CreateChangeSet",
            "cloudformation.DeleteStack",
            "lambda.DeleteFunction",
            "lambda.ListVersionsByFunction",
            "lambda.UpdateAlias",
            "logs.FilterLogEvents",
            "s3.DeleteObjects",
            "s3.PutBucketTagging",
            "s3.PutObject",
            "secretsmanager.CreateSecret",
            "secretsmanager.PutSecretValue",
            "secretsmanager.RestoreSecret",
            "sts.GetCallerIdentity",
        ],
    );
    assert!(report["requests"].as_u64().is_some_and(|requests| requests > 100), "{report}");
    mcp_cloud_tests::report(format_args!("held against the models: {report}"));
}

/// Whoever is root asks IAM nothing, and whoever has keys needs no role.
#[test]
fn every_request_of_a_pipeline_that_looks_around_is_as_the_services_models_say() {
    let Some(account) = Account::open() else { return };
    let names = account.run_script("furnish.py", &["other", "http://127.0.0.1:9/mcp"]).json();
    let certificate = names["certificate"].as_str().expect("it is a name");
    account.write_app(&format!("certificate = {certificate:?}"));
    let folder = TempDir::new().expect("a folder can be made");
    let (record, token) = (folder.path().join("requests"), folder.path().join("token"));
    fs::write(&token, "header.claims.signature").expect("the token is written");
    account.proxy.record_to(&record);
    let mut command = account.command(cli_binary());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
        .env("AWS_ROLE_ARN", names["role"].as_str().expect("it is a name"));
    let run = Run::of(command.args(["doctor", "--output", "json"]).arg(account.app()));
    assert!(run.stdout.contains("may not iam:CreateRole (denied in words)"), "IAM was asked: {run}");
    let run = held_against_models(&record);
    assert_eq!(run.code, Some(0), "{run}");
    let report = summary(&run);
    among(
        &report,
        &[
            "acm.DescribeCertificate",
            "iam.GetRole",
            "iam.SimulatePrincipalPolicy",
            "lambda.GetAccountSettings",
            "sts.AssumeRoleWithWebIdentity",
        ],
    );
    mcp_cloud_tests::report(format_args!("held against the models: {report}"));
}

#[test]
fn wrong_requests_are_found() {
    if python().is_none() {
        return;
    }
    let good = json!({
        "method": "POST", "path": "/", "service": "cloudformation", "headers": [],
        "body": "Action=CreateChangeSet&Version=2010-05-15&StackName=hello&ChangeSetName=one&ChangeSetType=CREATE\
                 &Tags.member.1.Key=a&Tags.member.1.Value=b&Capabilities.member.1=CAPABILITY_IAM",
    });
    assert_eq!(complaints(&good), None);
    let wrong = [
        (("StackName=hello&", ""), "Missing required parameter in input: \"StackName\""),
        (("ChangeSetType=CREATE", "ChangeSetType=MAKE"), "'MAKE' is none of"),
        (("ChangeSetName=one", "ChangeSetName=1_"), "does not match"),
        (("&Tags.member.1.Key=a", ""), "Missing required parameter in Tags[0]: \"Key\""),
        (("Tags.member.1.Value", "Tags.1.Value"), "unknown parameters: ['Tags.1.Value']"),
        (("CreateChangeSet", "MakeChangeSet"), "no operation 'MakeChangeSet'"),
        (("2010-05-15", "2011-05-15"), "is not '2010-05-15'"),
    ];
    for ((from, to), complaint) in wrong {
        let body = good["body"].as_str().unwrap_or_default().replacen(from, to, 1);
        assert_complains(&with(&good, "body", body.into()), complaint);
    }
    let rest = json!({
        "method": "PUT", "path": "/2015-03-31/functions/hello/aliases/live", "service": "lambda", "headers": [],
        "body": "{\"FunctionVersion\":\"2\",\"RoutingConfig\":{\"AdditionalVersionWeights\":{}}}",
    });
    assert_eq!(complaints(&rest), None);
    let path = |path: &str| with(&rest, "path", path.into());
    assert_complains(&path("/2015-03-31/function/hello/aliases/live"), "no operation at PUT");
    assert_complains(&path("/2015-03-31/functions/hello/aliases/live?Publish=1"), "unknown in the query: ['Publish']");
    assert_complains(&with(&rest, "body", "{\"Version\":\"2\"}".into()), "unknown in the body: ['Version']");
    assert_complains(
        &with(&rest, "body", "{\"FunctionVersion\":2}".into()),
        "Invalid type for parameter FunctionVersion",
    );
    let object = json!({
        "method": "PUT", "path": "/bucket?tagging", "service": "s3", "headers": [["x-amz-expected-bucket-owner", "1"]],
        "body": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    });
    assert_eq!(complaints(&object), None);
    assert_complains(&with(&object, "headers", json!([["x-amz-owner", "1"]])), "unknown headers: ['x-amz-owner']");
    let body = "<Tagging><TagSet><Tag><Name>a</Name></Tag></TagSet></Tagging>";
    assert_complains(&with(&object, "body", body.into()), "unknown element <Name> in <Tag>");
    let logs = json!({
        "method": "POST", "path": "/", "service": "logs", "body": "{\"logGroupName\":\"a\",\"limit\":\"many\"}",
        "headers": [["X-Amz-Target", "Logs_20140328.FilterLogEvents"], ["Content-Type", "application/x-amz-json-1.1"]],
    });
    assert_complains(&logs, "Invalid type for parameter limit");
    let role = json!({
        "method": "POST", "path": "/", "service": null,
        "headers": [["Content-Type", "application/x-www-form-urlencoded"]],
        "body": "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeployer\
                 &RoleSessionName=one&WebIdentityToken=header.claims.signature",
    });
    assert_eq!(complaints(&role), None);
    let body = role["body"].as_str().unwrap_or_default().replacen("RoleSessionName=one&", "", 1);
    assert_complains(&with(&role, "body", body.into()), "Missing required parameter in input: \"RoleSessionName\"");
    let body = "{\"logGroupName\":\"a\",\"limit\":20000}";
    assert_complains(&with(&logs, "body", body.into()), "20000 is not between 1 and 10000");
}

/// Holds that these operations are among those that were asked for.
fn among(report: &Value, operations: &[&str]) {
    let found: Vec<_> = report["operations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for operation in operations {
        assert!(found.contains(operation), "{operation} is among them: {report}");
    }
}

fn with(request: &Value, key: &str, value: Value) -> Value {
    let mut request = request.clone();
    request[key] = value;
    request
}

fn assert_complains(request: &Value, complaint: &str) {
    let said = complaints(request).unwrap_or_else(|| panic!("nothing is found in {request}"));
    assert!(said.contains(complaint), "`{complaint}` is not said, but {said}");
}

/// What is found in a request.
fn complaints(request: &Value) -> Option<String> {
    let folder = TempDir::new().expect("a folder can be made");
    let file = folder.path().join("requests");
    fs::write(&file, format!("{request}\n")).expect("it can be written");
    let run = held_against_models(&file);
    let report = summary(&run);
    assert!(report["unfit"] == 1 || report["requests"] == 1, "{run}");
    (run.code != Some(0)).then_some(run.stdout)
}

fn held_against_models(record: &Path) -> Run {
    let python = python().expect("it was there before");
    let script = workspace_root().join("tests/deploy/models.py");
    Run::of(std::process::Command::new(python).arg(script).arg(record))
}

fn summary(run: &Run) -> Value {
    let last = run.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {run}"))
}
