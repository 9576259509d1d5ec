//! The part of SAM that is emitted, as types; fields are in the order in which they are printed.
//!
//! Resources are described at
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-resources-and-properties.html>.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::target::aws::{LogGroup, Outputs, Resources, Role, Value, in_order};

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Template<'a> {
    #[serde(rename = "AWSTemplateFormatVersion")]
    pub(super) format_version: &'static str,
    pub(super) transform: &'static str,
    pub(super) description: &'a str,
    pub(super) resources: Resources<Properties<'a>>,
    #[serde(serialize_with = "in_order")]
    pub(super) outputs: Outputs<'a>,
}

/// The types of resources there are. `ServerUrl` is not among the ids of a template: SAM makes it from
/// `FunctionUrlConfig`.
#[derive(Debug, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub(super) enum Properties<'a> {
    #[serde(rename = "AWS::Serverless::Function")]
    Function(Function<'a>),
    #[serde(rename = "AWS::IAM::Role")]
    Role(Role<'a>),
    #[serde(rename = "AWS::Logs::LogGroup")]
    LogGroup(LogGroup<'a>),
    #[serde(rename = "AWS::Serverless::Api")]
    RestApi(RestApi<'a>),
    #[serde(rename = "AWS::Serverless::HttpApi")]
    HttpApi(HttpApi<'a>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Function<'a> {
    pub(super) function_name: Value<'a>,
    pub(super) description: &'a str,
    pub(super) code_uri: CodeUri<'a>,
    pub(super) runtime: &'static str,
    pub(super) handler: &'static str,
    pub(super) architectures: [&'static str; 1],
    pub(super) memory_size: u32,
    pub(super) timeout: u32,
    pub(super) role: Value<'a>,
    pub(super) logging_config: LoggingConfig<'a>,
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
    Directory(String),
    #[serde(rename_all = "PascalCase")]
    Object {
        bucket: &'a str,
        key: &'a str,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoggingConfig<'a> {
    pub(super) log_group: Value<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Environment<'a> {
    pub(super) variables: BTreeMap<String, Value<'a>>,
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
        rest_api_id: Value<'a>,
        path: &'a str,
        method: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        response_transfer_mode: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_in_millis: Option<u32>,
    },
    #[serde(rename_all = "PascalCase")]
    HttpApi { api_id: Value<'a>, path: &'a str, method: &'static str },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RestApi<'a> {
    pub(super) name: Value<'a>,
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
    pub(super) name: Value<'a>,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn tags_are_empty(tags: &&BTreeMap<String, String>) -> bool {
    tags.is_empty()
}
