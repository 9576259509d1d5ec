//! The SAM translator and cfn-lint accept every committed template, and understand it as it is meant.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::OnceLock};

use mcp_cloud_tests::{checker, python};
use serde_json::Value;
use tempfile::TempDir;

use crate::{judges::cloudformation, name, templates};

/// Expanded templates by name, and the files they are in.
type Expanded = BTreeMap<String, (PathBuf, Value)>;

/// What CloudFormation makes of every template; `None` when the translator is not installed.
fn expanded() -> Option<&'static Expanded> {
    static EXPANDED: OnceLock<Option<(TempDir, Expanded)>> = OnceLock::new();
    let expand = || {
        python()?;
        let directory = tempfile::tempdir().unwrap();
        let values = cloudformation::expanded(&templates(), directory.path()).unwrap_or_else(|said| panic!("{said}"));
        let path = |index| directory.path().join(format!("{index}.json"));
        let named = |(index, value): (usize, _)| (name(&templates()[index]), (path(index), value));
        let expanded = values.into_iter().enumerate().map(named).collect();
        Some((directory, expanded))
    };
    EXPANDED.get_or_init(expand).as_ref().map(|(_, expanded)| expanded)
}

/// The properties of the resources of one type.
fn resources<'a>(template: &'a Value, kind: &str) -> Vec<&'a Value> {
    let resources = template["Resources"].as_object().unwrap().values();
    resources.filter(|resource| resource["Type"] == kind).map(|resource| &resource["Properties"]).collect()
}

#[test]
fn cfn_lint_accepts_every_template_as_emitted() {
    cloudformation::cfn_lint(&templates()).unwrap_or_else(|found| panic!("{found}"));
}

#[test]
fn cfn_lint_accepts_every_template_as_the_sam_translator_expands_it() {
    let Some(expanded) = expanded() else { return };
    let paths: Vec<_> = expanded.values().map(|(path, _)| path).collect();
    cloudformation::cfn_lint(&paths).unwrap_or_else(|found| panic!("{:?}\n{found}", expanded.keys()));
}

/// The checkers catch what they are there for: an enumeration, a limit, a property that does not exist.
#[test]
fn checkers_refuse_what_the_platform_would() {
    let (Some(_), Some(_)) = (checker("cfn-lint"), python()) else { return };
    let good = fs::read_to_string(crate::own_template()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let refused = [
        ("runtime", "provided.al2023", "provided.al1999"),
        ("memory", "MemorySize: 256", "MemorySize: 64"),
        ("mode", "RESPONSE_STREAM", "STREAM"),
        ("property", "InvokeMode", "InvokeMod"),
    ];
    for (case, right, wrong) in refused {
        assert!(good.contains(right), "the template says `{right}`");
        let template = directory.path().join(format!("{case}.yaml"));
        fs::write(&template, good.replace(right, wrong)).unwrap();
        let accepted = cloudformation::cloudformation(&[template]).is_ok();
        assert!(!accepted, "nothing noticed `{wrong}`");
    }
}

#[test]
fn public_function_url_has_both_permissions_and_a_private_one_none() {
    let Some(expanded) = expanded() else { return };
    let permissions = |name: &str| {
        let mut actions: Vec<_> = resources(&expanded[name].1, "AWS::Lambda::Permission")
            .into_iter()
            .map(|permission| {
                assert_eq!(permission["Principal"], "*");
                permission["Action"].as_str().unwrap().to_owned()
            })
            .collect();
        actions.sort();
        actions
    };
    assert_eq!(permissions("function-url-public"), ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"]);
    assert!(permissions("minimal").is_empty());
    assert!(permissions("function-url-buffered").is_empty());
    let url = |name: &str| resources(&expanded[name].1, "AWS::Lambda::Url")[0].clone();
    assert_eq!(
        (&url("minimal")["AuthType"], &url("minimal")["InvokeMode"]),
        (&"AWS_IAM".into(), &"RESPONSE_STREAM".into())
    );
    assert_eq!(url("function-url-buffered")["InvokeMode"], "BUFFERED");
}

#[test]
fn rest_api_streams_only_when_it_is_to() {
    let Some(expanded) = expanded() else { return };
    let integration = |name: &str| {
        let api = resources(&expanded[name].1, "AWS::ApiGateway::RestApi")[0];
        let method = &api["Body"]["paths"]["/mcp"]["x-amazon-apigateway-any-method"];
        method["x-amazon-apigateway-integration"].clone()
    };
    let uri = |integration: &Value| integration["uri"]["Fn::Sub"].as_str().unwrap().to_owned();

    let stream = integration("rest-api-stream");
    assert_eq!(stream["responseTransferMode"], "STREAM");
    assert_eq!(stream["timeoutInMillis"], 300_000);
    assert!(uri(&stream).ends_with("/functions/${ServerAliaslive}/response-streaming-invocations"), "{stream}");
    let buffered = integration("rest-api");
    assert!(buffered["responseTransferMode"].is_null(), "{buffered}");
    assert!(uri(&buffered).ends_with("/functions/${ServerAliaslive}/invocations"), "{buffered}");
    for name in ["rest-api", "rest-api-stream", "rest-api-stream-iam"] {
        assert_eq!(
            resources(&expanded[name].1, "AWS::ApiGateway::Stage").len(),
            1,
            "{name} has the one stage it names"
        );
        assert!(integration(name)["credentials"].is_null(), "{name} does not call with the rights of its caller");
    }
}

#[test]
fn gateway_asks_for_a_signature_unless_told_otherwise() {
    let Some(expanded) = expanded() else { return };
    let security = |name: &str, kind: &str, path: &str| {
        let api = resources(&expanded[name].1, kind)[0];
        api["Body"]["paths"][path]["x-amazon-apigateway-any-method"]["security"].clone()
    };
    let signed = serde_json::json!([{ "AWS_IAM": [] }]);
    assert_eq!(security("rest-api", "AWS::ApiGateway::RestApi", "/mcp"), signed);
    assert_eq!(security("rest-api-stream-iam", "AWS::ApiGateway::RestApi", "/mcp"), signed);
    assert_eq!(security("http-api", "AWS::ApiGatewayV2::Api", "/mcp"), signed);
    assert!(security("rest-api-stream", "AWS::ApiGateway::RestApi", "/mcp").is_null());
    assert!(security("http-api-public", "AWS::ApiGatewayV2::Api", "/search/mcp").is_null());
}

#[test]
fn gateway_asks_for_a_token_but_where_clients_learn_who_issues_it() {
    let Some(expanded) = expanded() else { return };
    let security = |name: &str, kind: &str, path: &str, method: &str| {
        let api = resources(&expanded[name].1, kind)[0];
        api["Body"]["paths"][path][method]["security"].clone()
    };
    let (http, rest) = ("AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi");
    for method in ["get", "post", "delete"] {
        let asked = serde_json::json!([{ "Tokens": ["tickets:read"] }]);
        assert_eq!(security("auth", http, "/mcp", method), asked, "{method}");
    }
    let asked = serde_json::json!([{ "Tokens": ["shop/buy"] }]);
    assert_eq!(security("rest-api-cognito", rest, "/mcp", "x-amazon-apigateway-any-method"), asked);
    assert!(security("rest-api-cognito", rest, "/mcp", "options").is_null(), "a preflight has no token");
    let open = serde_json::json!([{ "NONE": [] }]);
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        assert_eq!(security("auth", http, path, "get"), open, "{path}");
        assert_eq!(security("rest-api-cognito", rest, path, "get"), open, "{path}");
    }
}

#[test]
fn every_trigger_invokes_the_alias() {
    let Some(expanded) = expanded() else { return };
    let alias = serde_json::json!({ "Ref": "ServerAliaslive" });
    let mut ways_in = 0;
    for (name, (_, template)) in expanded {
        for url in resources(template, "AWS::Lambda::Url") {
            assert_eq!(url["TargetFunctionArn"], alias, "{name}");
            ways_in += 1;
        }
        for group in resources(template, "AWS::ElasticLoadBalancingV2::TargetGroup") {
            assert_eq!(group["Targets"][0]["Id"], alias, "{name}");
            ways_in += 1;
        }
        for permission in resources(template, "AWS::Lambda::Permission") {
            assert_eq!(permission["FunctionName"], alias, "{name}");
        }
        for kind in ["AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"] {
            for api in resources(template, kind) {
                let body = api["Body"].to_string();
                assert!(body.contains("${ServerAliaslive}") && !body.contains("${Server.Arn}"), "{name}: {body}");
                ways_in += 1;
            }
        }
    }
    assert_eq!(ways_in, expanded.len(), "each template has one way in");
}

/// The name of a version says when SAM publishes one; what Lambda publishes none for must not change it.
#[test]
fn stack_tells_the_version_that_it_published() {
    let Some(expanded) = expanded() else { return };
    for (name, (_, template)) in expanded {
        let versions: Vec<_> = template["Resources"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, resource)| resource["Type"] == "AWS::Lambda::Version")
            .collect();
        let [(id, version)] = versions.as_slice() else { panic!("{name} has one version: {versions:?}") };
        assert_eq!(template["Outputs"]["FunctionVersionArn"]["Value"]["Ref"], **id, "{name}");
        assert_eq!(version["DeletionPolicy"], "Retain", "{name}: what served before can serve again");
        let alias = resources(template, "AWS::Lambda::Alias")[0];
        assert_eq!((&alias["Name"], &alias["FunctionName"]), (&"live".into(), &serde_json::json!({ "Ref": "Server" })));
        assert_eq!(alias["FunctionVersion"], serde_json::json!({ "Fn::GetAtt": [id, "Version"] }), "{name}");
    }
}

/// A cycle of references would be found by cfn-lint; that the right version is watched would not.
#[test]
fn new_version_is_taken_back_by_an_alarm_of_its_own() {
    let Some(expanded) = expanded() else { return };
    for name in ["function-url-shift", "every-field"] {
        let template = &expanded[name].1;
        let group = resources(template, "AWS::CodeDeploy::DeploymentGroup")[0];
        let alarm = serde_json::json!({ "Ref": "NewVersionAlarm" });
        assert_eq!(group["AlarmConfiguration"]["Alarms"], serde_json::json!([{ "Name": alarm }]), "{name}");
        let role = serde_json::json!({ "Fn::GetAtt": ["ShiftRole", "Arn"] });
        assert_eq!(group["ServiceRoleArn"], role, "{name}");
        let version = &template["Outputs"]["FunctionVersionArn"]["Value"]["Ref"];
        let dimensions = &template["Resources"]["NewVersionAlarm"]["Properties"]["Metrics"][0]["MetricStat"]["Metric"];
        let watched = serde_json::json!({
            "Name": "ExecutedVersion",
            "Value": { "Fn::GetAtt": [version, "Version"] },
        });
        assert_eq!(dimensions["Dimensions"][2], watched, "{name}");
        let policy = &template["Resources"]["ServerAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
        assert!(policy.is_object(), "{name}: {policy}");
    }
}

/// Values that YAML 1.1 would read as something else reach the function as they were written.
#[test]
fn variables_reach_the_function_as_they_were_written() {
    let Some(expanded) = expanded() else { return };
    let function = resources(&expanded["function-url-public"].1, "AWS::Lambda::Function")[0];
    let expected = serde_json::json!({
        "BOOLEAN": "on",
        "COLON": "key: value",
        "DATE": "2026-11-21",
        "EMPTY": "",
        "EXPONENT": "1e3",
        "LINES": "first\nsecond\ttab",
        "MCP_CLOUD_ALLOWED_ORIGINS": "https://example.org",
        "MCP_CLOUD_RESPONSE_MODE": "stream",
        "MCP_CLOUD_SETTINGS": function["Environment"]["Variables"]["MCP_CLOUD_SETTINGS"],
        "NULL_WORD": "null",
        "OCTAL": "0123",
        "QUOTES": "it's \"quoted\"",
        "SIXTY": "12:30:45",
        "TILDE": "~",
        "UNICODE": "Grüße 🦀",
    });
    assert_eq!(function["Environment"]["Variables"], expected);
    assert_eq!(function["Description"], "Weather: what it's like outside # now");
}

#[test]
fn role_may_write_its_own_log_and_nothing_else() {
    let Some(expanded) = expanded() else { return };
    for (name, (_, template)) in expanded {
        let roles = resources(template, "AWS::IAM::Role");
        // CodeDeploy's, where versions take over step by step.
        let shifts = !resources(template, "AWS::CodeDeploy::DeploymentGroup").is_empty();
        assert_eq!(roles.len(), 1 + usize::from(shifts), "{name} has the roles it defines and none that SAM adds");
        let statement = &roles[0]["Policies"][0]["PolicyDocument"]["Statement"];
        let expected = serde_json::json!([{
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [{ "Fn::GetAtt": ["ServerLogs", "Arn"] }],
        }]);
        assert_eq!(*statement, expected, "{name}");
    }
}
