//! SAM: what its resources become (<https://github.com/aws/serverless-application-model>). As much of it as a server on
//! Lambda needs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{sam_api, template::Refusal};
use crate::aws::state::hex;

const TRANSFORM: &str = "AWS::Serverless-2016-10-31";

/// A template without SAM in it.
#[derive(Debug)]
pub(super) struct Expanded {
    pub(super) template: Value,
    /// What a name such as `Server.Version` stands for.
    pub(super) referable: BTreeMap<String, String>,
}

/// What resources are expanded into.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) resources: Map<String, Value>,
    pub(super) referable: BTreeMap<String, String>,
    pub(super) errors: Vec<String>,
}

impl Made {
    pub(super) fn add(&mut self, logical_id: &str, kind: &str, properties: Value) {
        self.resources.insert(logical_id.to_owned(), json!({ "Type": kind, "Properties": properties }));
    }
}

pub(super) fn expand(mut template: Value) -> Result<Expanded, Refusal> {
    let is_sam = match template.get("Transform") {
        Some(Value::String(one)) => one == TRANSFORM,
        Some(Value::Array(several)) => several.iter().any(|one| one == TRANSFORM),
        _ => false,
    };
    let mut made = Made::default();
    if is_sam {
        let resources = template.get("Resources").and_then(Value::as_object).cloned().unwrap_or_default();
        for (logical_id, resource) in &resources {
            let properties = resource.get("Properties").and_then(Value::as_object).cloned().unwrap_or_default();
            match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::Serverless::Function") => function(&mut made, logical_id, &properties, &resources),
                Some("AWS::Serverless::Api") => sam_api::rest(&mut made, logical_id, &properties, &resources),
                Some("AWS::Serverless::HttpApi") => sam_api::http(&mut made, logical_id, &properties, &resources),
                _ => drop(made.resources.insert(logical_id.clone(), resource.clone())),
            }
        }
        if !made.errors.is_empty() {
            return Err(Refusal::Later(format!(
                "Transform {TRANSFORM} failed with: Invalid Serverless Application Specification document. Number of \
                 errors found: {}. {}",
                made.errors.len(),
                made.errors.join(" ")
            )));
        }
        if let Some(members) = template.as_object_mut() {
            members.insert("Resources".to_owned(), Value::Object(made.resources));
            members.remove("Transform");
        }
    }
    Ok(Expanded { template, referable: made.referable })
}

/// Ten digits that change with what is hashed; SAM makes names with them.
pub(super) fn hash(value: &Value) -> String {
    let digest = hex(&Sha256::digest(value.to_string()));
    digest.get(..10).unwrap_or_default().to_owned()
}

/// Properties that go to the function as they are.
const SAME: &[&str] = &[
    "Architectures",
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "FunctionName",
    "Handler",
    "ImageConfig",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "Timeout",
    "VpcConfig",
];

/// Tags of SAM are a map.
pub(super) fn tags(of: Option<&Value>, created_by: &str) -> Value {
    let own = of.and_then(Value::as_object).cloned().unwrap_or_default();
    let own = own.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
    std::iter::once(json!({ "Key": created_by, "Value": "SAM" })).chain(own).collect()
}

fn code(made: &mut Made, logical_id: &str, properties: &Map<String, Value>) -> Value {
    if let Some(image) = properties.get("ImageUri") {
        return json!({ "ImageUri": image });
    }
    let uri = properties.get("CodeUri").unwrap_or(&Value::Null);
    if let Some(location) = uri.as_object() {
        let mut code = json!({ "S3Bucket": location.get("Bucket"), "S3Key": location.get("Key") });
        if let (Some(version), Some(members)) = (location.get("Version"), code.as_object_mut()) {
            members.insert("S3ObjectVersion".to_owned(), version.clone());
        }
        return code;
    }
    let path = uri.as_str().and_then(|uri| uri.strip_prefix("s3://")?.split_once('/'));
    match path {
        Some((bucket, key)) => json!({ "S3Bucket": bucket, "S3Key": key }),
        None => {
            made.errors.push(format!(
                "Resource with id [{logical_id}] is invalid. 'CodeUri' is not a valid S3 Uri of the form \
                 's3://bucket/key' with optional versionId query parameter."
            ));
            Value::Null
        }
    }
}

fn function(made: &mut Made, id: &str, properties: &Map<String, Value>, all: &Map<String, Value>) {
    let mut function: Map<String, Value> =
        SAME.iter().filter_map(|name| Some(((*name).to_owned(), properties.get(*name)?.clone()))).collect();
    function.insert("Code".to_owned(), code(made, id, properties));
    function.insert("Tags".to_owned(), tags(properties.get("Tags"), "lambda:createdBy"));
    if let Some(mode) = properties.get("Tracing") {
        function.insert("TracingConfig".to_owned(), json!({ "Mode": mode }));
    }
    if !function.contains_key("Role") {
        let role = format!("{id}Role");
        made.add(
            &role,
            "AWS::IAM::Role",
            json!({
                "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": [{
                    "Action": ["sts:AssumeRole"], "Effect": "Allow",
                    "Principal": { "Service": ["lambda.amazonaws.com"] },
                }] },
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
            }),
        );
        function.insert("Role".to_owned(), json!({ "Fn::GetAtt": [role, "Arn"] }));
    }
    let mut target = json!({ "Ref": id });
    if let Some(alias) = properties.get("AutoPublishAlias").and_then(Value::as_str) {
        target = publish(made, id, alias, properties, &function);
    }
    made.add(id, "AWS::Lambda::Function", Value::Object(function));
    if let Some(url) = properties.get("FunctionUrlConfig").and_then(Value::as_object) {
        function_url(made, id, url, &target);
    }
    for (name, event) in properties.get("Events").and_then(Value::as_object).into_iter().flatten() {
        sam_api::permission(made, id, name, event, &target, all);
    }
}

/// Publishes a version whenever code, variables or memory or, if asked, anything else changes, and has an alias point at it.
fn publish(
    made: &mut Made,
    id: &str,
    alias: &str,
    properties: &Map<String, Value>,
    function: &Map<String, Value>,
) -> Value {
    let all = properties.get("AutoPublishAliasAllProperties") == Some(&Value::Bool(true));
    // What SAM looks at: <https://github.com/aws/serverless-application-model>, samtranslator/model/sam_resources.py,
    // `_construct_version`.
    let looked_at = ["Code", "Environment", "MemorySize", "SnapStart"];
    let hashed = function.iter().filter(|(name, _)| all || looked_at.contains(&name.as_str()));
    let hashed = Value::Object(hashed.map(|(name, value)| (name.clone(), value.clone())).collect());
    let version = format!("{id}Version{}", hash(&hashed));
    let alias_id = format!("{id}Alias{alias}");
    made.resources.insert(
        version.clone(),
        json!({
            "Type": "AWS::Lambda::Version", "DeletionPolicy": "Retain", "Properties": { "FunctionName": { "Ref": id } },
        }),
    );
    let mut settings = json!({
        "Name": alias, "FunctionName": { "Ref": id }, "FunctionVersion": { "Fn::GetAtt": [version, "Version"] },
    });
    if let (Some(ready), Some(members)) = (properties.get("ProvisionedConcurrencyConfig"), settings.as_object_mut()) {
        members.insert("ProvisionedConcurrencyConfig".to_owned(), ready.clone());
    }
    made.add(&alias_id, "AWS::Lambda::Alias", settings);
    made.referable.insert(format!("{id}.Version"), version);
    made.referable.insert(format!("{id}.Alias"), alias_id.clone());
    if let Some(preference) = properties.get("DeploymentPreference").and_then(Value::as_object) {
        shift(made, id, &alias_id, preference);
    }
    json!({ "Ref": alias_id })
}

/// Moves the alias step by step, with CodeDeploy.
fn shift(made: &mut Made, id: &str, alias_id: &str, preference: &Map<String, Value>) {
    if preference.get("Enabled") == Some(&Value::Bool(false)) {
        return;
    }
    const APPLICATION: &str = "ServerlessDeploymentApplication";
    const ROLE: &str = "CodeDeployServiceRole";
    made.add(APPLICATION, "AWS::CodeDeploy::Application", json!({ "ComputePlatform": "Lambda" }));
    let role = preference.get("Role").cloned().unwrap_or_else(|| {
        made.add(
            ROLE,
            "AWS::IAM::Role",
            json!({
                "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": [{
                    "Action": ["sts:AssumeRole"], "Effect": "Allow",
                    "Principal": { "Service": ["codedeploy.amazonaws.com"] },
                }] },
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"],
            }),
        );
        json!({ "Fn::GetAtt": [ROLE, "Arn"] })
    });
    let group = format!("{id}DeploymentGroup");
    let kind = preference.get("Type").and_then(Value::as_str).unwrap_or("AllAtOnce");
    let alarms = preference.get("Alarms").and_then(Value::as_array).cloned().unwrap_or_default();
    let alarms: Vec<_> = alarms.into_iter().map(|alarm| json!({ "Name": alarm })).collect();
    made.add(
        &group,
        "AWS::CodeDeploy::DeploymentGroup",
        json!({
            "ApplicationName": { "Ref": APPLICATION },
            "AlarmConfiguration": { "Enabled": !alarms.is_empty(), "Alarms": alarms },
            "AutoRollbackConfiguration": {
                "Enabled": true,
                "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
            },
            "DeploymentConfigName": format!("CodeDeployDefault.Lambda{kind}"),
            "DeploymentStyle": { "DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL" },
            "ServiceRoleArn": role,
        }),
    );
    if let Some(alias) = made.resources.get_mut(alias_id).and_then(Value::as_object_mut) {
        alias.insert(
            "UpdatePolicy".to_owned(),
            json!({ "CodeDeployLambdaAliasUpdate": {
            "ApplicationName": { "Ref": APPLICATION }, "DeploymentGroupName": { "Ref": group },
        } }),
        );
        alias.insert("DependsOn".to_owned(), json!([group]));
    }
}

fn function_url(made: &mut Made, id: &str, config: &Map<String, Value>, target: &Value) {
    let auth_type = config.get("AuthType").cloned().unwrap_or_default();
    let mut url = json!({ "TargetFunctionArn": target, "AuthType": auth_type });
    if let Some(members) = url.as_object_mut() {
        for name in ["Cors", "InvokeMode"] {
            members.extend(config.get(name).map(|value| (name.to_owned(), value.clone())));
        }
    }
    made.add(&format!("{id}Url"), "AWS::Lambda::Url", url);
    if auth_type == "NONE" {
        made.add(
            &format!("{id}UrlPublicPermissions"),
            "AWS::Lambda::Permission",
            json!({
                "Action": "lambda:InvokeFunctionUrl", "FunctionName": target, "Principal": "*",
                "FunctionUrlAuthType": "NONE",
            }),
        );
        made.add(&format!("{id}URLInvokeAllowPublicAccess"), "AWS::Lambda::Permission", json!({
            "Action": "lambda:InvokeFunction", "FunctionName": target, "Principal": "*", "InvokedViaFunctionUrl": true,
        }));
    }
}
