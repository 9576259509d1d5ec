//! The part of SAM that is emitted, as types; fields are in the order in which they are printed.
//!
//! Resources are described at
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-resources-and-properties.html>.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{gateway, load_balancer};
use crate::target::aws::{
    LogGroup, Outputs, Resources, Role, Value,
    alarms::Alarm,
    domain::RecordSet,
    in_order,
    load_balancer::Elb,
    network::Ec2,
    state::{GeneratedSecret, Table},
    waf::{WebAcl, WebAclAssociation},
};

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

/// The types of resources there are. `ServerUrl` and `ServerAliaslive` are not among the ids of a template: SAM makes
/// them from `FunctionUrlConfig` and `AutoPublishAlias`.
#[derive(Debug, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub(super) enum Properties<'a> {
    #[serde(rename = "AWS::Serverless::Function")]
    Function(Box<Function<'a>>),
    #[serde(rename = "AWS::IAM::Role")]
    Role(Role<'a>),
    #[serde(rename = "AWS::Logs::LogGroup")]
    LogGroup(LogGroup<'a>),
    #[serde(rename = "AWS::Serverless::Api")]
    RestApi(Box<gateway::RestApi<'a>>),
    #[serde(rename = "AWS::Serverless::HttpApi")]
    HttpApi(Box<gateway::HttpApi<'a>>),
    #[serde(rename = "AWS::Lambda::Permission")]
    Permission(load_balancer::Permission<'a>),
    #[serde(rename = "AWS::Route53::RecordSet")]
    RecordSet(RecordSet<'a>),
    #[serde(rename = "AWS::ApplicationAutoScaling::ScalableTarget")]
    ScalableTarget(ScalableTarget<'a>),
    #[serde(rename = "AWS::DynamoDB::Table")]
    Table(Table<'a>),
    #[serde(rename = "AWS::SecretsManager::Secret")]
    Secret(GeneratedSecret<'a>),
    #[serde(rename = "AWS::WAFv2::WebACL")]
    WebAcl(WebAcl<'a>),
    #[serde(rename = "AWS::WAFv2::WebACLAssociation")]
    WebAclAssociation(WebAclAssociation<'a>),
    #[serde(rename = "AWS::CloudWatch::Alarm")]
    Alarm(Alarm<'a>),
    #[serde(untagged)]
    Elb(Elb<'a>),
    #[serde(untagged)]
    Ec2(Ec2<'a>),
}

impl<'a> From<Elb<'a>> for Properties<'a> {
    fn from(resource: Elb<'a>) -> Self {
        Self::Elb(resource)
    }
}

impl<'a> From<Ec2<'a>> for Properties<'a> {
    fn from(resource: Ec2<'a>) -> Self {
        Self::Ec2(resource)
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Function<'a> {
    pub(super) function_name: Value<'a>,
    #[serde(flatten)]
    pub(super) package: Package<'a>,
    pub(super) memory_size: u32,
    #[serde(flatten)]
    pub(super) settings: Settings<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reserved_concurrent_executions: Option<u32>,
    pub(super) auto_publish_alias: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provisioned_concurrency_config: Option<ProvisionedConcurrency>,
    pub(super) environment: Environment<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_url_config: Option<gateway::FunctionUrl<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "in_order_of_vec")]
    pub(super) events: Vec<(&'static str, gateway::Event<'a>)>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: &'a BTreeMap<String, String>,
}

/// What is part of a version, and what SAM alone would publish none for: it looks at the code, the variables and the
/// memory.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Settings<'a> {
    pub(super) description: &'a str,
    pub(super) architectures: [&'static str; 1],
    pub(super) timeout: u32,
    pub(super) role: Value<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vpc_config: Option<VpcConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracing: Option<&'static str>,
    pub(super) logging_config: LoggingConfig<'a>,
}

/// What a function consists of.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Package<'a> {
    #[serde(rename_all = "PascalCase")]
    Archive { code_uri: CodeUri<'a>, runtime: String, handler: &'static str },
    #[serde(rename_all = "PascalCase")]
    Image { package_type: &'static str, image_uri: &'a str },
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
pub(super) struct ProvisionedConcurrency {
    pub(super) provisioned_concurrent_executions: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VpcConfig<'a> {
    pub(super) subnet_ids: &'a [String],
    pub(super) security_group_ids: Vec<Value<'a>>,
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

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalabletarget.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScalableTarget<'a> {
    pub(super) service_namespace: &'static str,
    pub(super) scalable_dimension: &'static str,
    pub(super) resource_id: Value<'a>,
    pub(super) min_capacity: u32,
    pub(super) max_capacity: u32,
    pub(super) scheduled_actions: [ScheduledAction<'a>; 2],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduledAction<'a> {
    pub(super) scheduled_action_name: &'static str,
    pub(super) schedule: String,
    pub(super) timezone: &'a str,
    pub(super) scalable_target_action: ScalableTargetAction,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScalableTargetAction {
    pub(super) min_capacity: u32,
    pub(super) max_capacity: u32,
}

fn in_order_of_vec<S: serde::Serializer>(
    events: &Vec<(&'static str, gateway::Event<'_>)>,
    to: S,
) -> Result<S::Ok, S::Error> {
    in_order(events, to)
}
