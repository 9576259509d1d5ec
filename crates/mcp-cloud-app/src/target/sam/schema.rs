//! The part of SAM that is emitted, as types; fields are in the order in which they are printed.
//!
//! Resources are described at
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-resources-and-properties.html>.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{gateway, load_balancer};
use crate::target::aws::{
    LogGroup, Outputs, Resources, Role, Tag, Value,
    alarms::Alarm,
    in_order,
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
    #[serde(rename = "AWS::EC2::SecurityGroup")]
    SecurityGroup(SecurityGroup<'a>),
    #[serde(rename = "AWS::ElasticLoadBalancingV2::LoadBalancer")]
    LoadBalancer(load_balancer::LoadBalancer<'a>),
    #[serde(rename = "AWS::ElasticLoadBalancingV2::TargetGroup")]
    TargetGroup(load_balancer::TargetGroup<'a>),
    #[serde(rename = "AWS::ElasticLoadBalancingV2::Listener")]
    Listener(load_balancer::Listener<'a>),
    #[serde(rename = "AWS::ElasticLoadBalancingV2::ListenerRule")]
    ListenerRule(load_balancer::ListenerRule<'a>),
    #[serde(rename = "AWS::Lambda::Permission")]
    Permission(load_balancer::Permission<'a>),
    #[serde(rename = "AWS::Route53::RecordSet")]
    RecordSet(load_balancer::RecordSet<'a>),
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
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Function<'a> {
    pub(super) function_name: Value<'a>,
    pub(super) description: &'a str,
    #[serde(flatten)]
    pub(super) package: Package<'a>,
    pub(super) architectures: [&'static str; 1],
    pub(super) memory_size: u32,
    pub(super) timeout: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reserved_concurrent_executions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auto_publish_alias: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auto_publish_alias_all_properties: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provisioned_concurrency_config: Option<ProvisionedConcurrency>,
    pub(super) role: Value<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vpc_config: Option<VpcConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracing: Option<&'static str>,
    pub(super) logging_config: LoggingConfig<'a>,
    pub(super) environment: Environment<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_url_config: Option<gateway::FunctionUrl<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "in_order_of_vec")]
    pub(super) events: Vec<(&'static str, gateway::Event<'a>)>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: &'a BTreeMap<String, String>,
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

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecurityGroup<'a> {
    pub(super) group_description: &'static str,
    pub(super) vpc_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) security_group_ingress: Vec<TrafficRule<'a>>,
    pub(super) security_group_egress: Vec<TrafficRule<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TrafficRule<'a> {
    pub(super) description: &'static str,
    pub(super) ip_protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_port: Option<u16>,
    pub(super) cidr_ip: &'a str,
}

impl<'a> TrafficRule<'a> {
    /// HTTPS from or to a range of addresses.
    pub(super) fn https(description: &'static str, cidr_ip: &'a str) -> Self {
        Self { description, ip_protocol: "tcp", from_port: Some(443), to_port: Some(443), cidr_ip }
    }

    /// Whatever it is, from or to a range of addresses.
    pub(super) fn any(description: &'static str, cidr_ip: &'a str) -> Self {
        Self { description, ip_protocol: "-1", from_port: None, to_port: None, cidr_ip }
    }
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
