//! The part of SAM and CloudFormation that is emitted, as types; fields are in the order in which they are printed.
//!
//! Resources are described at
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-resources-and-properties.html>.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Template<'a> {
    #[serde(rename = "AWSTemplateFormatVersion")]
    pub(super) format_version: &'static str,
    pub(super) transform: &'static str,
    pub(super) description: &'a str,
    pub(super) resources: Resources<'a>,
    pub(super) outputs: Outputs,
}

/// The logical ids of the template, each of one type for ever: CloudFormation refuses an update that changes the type
/// behind an id. `ServerUrl` is not among them: SAM makes it from `FunctionUrlConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Resources<'a> {
    pub(super) server: Resource<Function<'a>>,
    pub(super) server_role: Resource<Role<'a>>,
    pub(super) server_logs: Resource<LogGroup<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rest_api: Option<Resource<RestApi<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http_api: Option<Resource<HttpApi<'a>>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Resource<T> {
    #[serde(rename = "Type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Metadata>,
    pub(super) properties: T,
}

/// How `sam build` makes the program.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    pub(super) build_method: &'static str,
    pub(super) build_properties: BuildProperties,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BuildProperties {
    pub(super) binary: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Function<'a> {
    pub(super) function_name: Value,
    pub(super) description: &'a str,
    pub(super) code_uri: CodeUri<'a>,
    pub(super) runtime: &'static str,
    pub(super) handler: &'static str,
    pub(super) architectures: [&'static str; 1],
    pub(super) memory_size: u32,
    pub(super) timeout: u32,
    pub(super) role: Value,
    pub(super) logging_config: LoggingConfig,
    pub(super) environment: Environment<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_url_config: Option<FunctionUrlConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<Events<'a>>,
    #[serde(skip_serializing_if = "tags_are_empty")]
    pub(super) tags: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum CodeUri<'a> {
    Directory(&'a str),
    #[serde(rename_all = "PascalCase")]
    Object {
        bucket: &'a str,
        key: &'a str,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoggingConfig {
    pub(super) log_group: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Environment<'a> {
    pub(super) variables: BTreeMap<&'a str, &'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FunctionUrlConfig {
    pub(super) auth_type: &'static str,
    pub(super) invoke_mode: &'static str,
}

/// The events of the function by their names: there is one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Events<'a> {
    pub(super) endpoint: Event<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub(super) enum Event<'a> {
    #[serde(rename_all = "PascalCase")]
    Api {
        rest_api_id: Value,
        path: &'a str,
        method: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        response_transfer_mode: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_in_millis: Option<u32>,
    },
    #[serde(rename_all = "PascalCase")]
    HttpApi { api_id: Value, path: &'a str, method: &'static str },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RestApi<'a> {
    pub(super) name: Value,
    pub(super) description: &'a str,
    pub(super) stage_name: &'static str,
    pub(super) open_api_version: &'static str,
    pub(super) endpoint_configuration: EndpointConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<RestAuth>,
    #[serde(skip_serializing_if = "tags_are_empty")]
    pub(super) tags: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HttpApi<'a> {
    pub(super) name: Value,
    pub(super) description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<HttpAuth>,
    #[serde(skip_serializing_if = "tags_are_empty")]
    pub(super) tags: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EndpointConfiguration {
    #[serde(rename = "Type")]
    pub(super) kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RestAuth {
    pub(super) default_authorizer: &'static str,
    pub(super) invoke_role: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HttpAuth {
    pub(super) enable_iam_authorizer: bool,
    pub(super) default_authorizer: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Role<'a> {
    pub(super) assume_role_policy_document: PolicyDocument,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) managed_policy_arns: &'a [String],
    pub(super) policies: [Policy; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy {
    pub(super) policy_name: &'static str,
    pub(super) policy_document: PolicyDocument,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyDocument {
    pub(super) version: &'static str,
    pub(super) statement: [Statement; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    pub(super) effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<Principal>,
    pub(super) action: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Principal {
    pub(super) service: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LogGroup<'a> {
    pub(super) log_group_name: Value,
    pub(super) retention_in_days: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outputs {
    pub(super) mcp_endpoint: Output,
    pub(super) function_name: Output,
    pub(super) function_arn: Output,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    pub(super) description: &'static str,
    pub(super) value: Value,
}

/// A value CloudFormation computes, in the long form that every reader of YAML understands.
#[derive(Debug, Serialize)]
pub(super) enum Value {
    Ref(&'static str),
    #[serde(rename = "Fn::GetAtt")]
    Attribute([&'static str; 2]),
    #[serde(rename = "Fn::Sub")]
    Substitute(String),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn tags_are_empty(tags: &&BTreeMap<String, String>) -> bool {
    tags.is_empty()
}
