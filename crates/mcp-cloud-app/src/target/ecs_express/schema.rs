//! The part of ECS Express Mode that is emitted, as types; fields are in the order in which they are printed.

use serde::Serialize;

use crate::target::aws::Value;

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-expressgatewayservice.html>
///
/// It has no tags: another tag would be another service, and so another URL. What it is made of has them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ExpressGatewayService<'a> {
    pub(in crate::target) service_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) cluster: Option<&'a str>,
    pub(in crate::target) infrastructure_role_arn: Value<'a>,
    pub(in crate::target) task_definition_arn: Value<'a>,
    pub(in crate::target) health_check_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) network_configuration: Option<NetworkConfiguration<'a>>,
    pub(in crate::target) scaling_target: ScalingTarget,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct NetworkConfiguration<'a> {
    pub(in crate::target) subnets: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in crate::target) security_groups: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ScalingTarget {
    pub(in crate::target) min_task_count: u32,
    pub(in crate::target) max_task_count: u32,
    pub(in crate::target) auto_scaling_metric: &'static str,
    pub(in crate::target) auto_scaling_target_value: u32,
}
