//! The part of ECS, ECR and Application Auto Scaling that is emitted, as types; fields are in the order in which they are
//! printed.
//!
//! Resources are described at
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ECS.html>.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::target::{
    aws::{
        LogGroup, Outputs, Resources, Role, Tag, Value,
        alarms::Alarm,
        domain::RecordSet,
        in_order,
        load_balancer::Elb,
        network::Ec2,
        state::{GeneratedSecret, Table},
        waf::{WebAcl, WebAclAssociation},
    },
    ecs_express::schema::ExpressGatewayService,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Template<'a, P: Serialize> {
    #[serde(rename = "AWSTemplateFormatVersion")]
    pub(in crate::target) format_version: &'static str,
    pub(in crate::target) description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) parameters: Option<Parameters<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) conditions: Option<Conditions<'a>>,
    pub(in crate::target) resources: Resources<P>,
    #[serde(serialize_with = "in_order")]
    pub(in crate::target) outputs: Outputs<'a>,
}

/// What whoever deploys the stack says: there is one thing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Parameters<'a> {
    pub(in crate::target) image: Parameter<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Parameter<'a> {
    #[serde(rename = "Type")]
    pub(in crate::target) kind: &'static str,
    pub(in crate::target) default: &'a str,
    pub(in crate::target) description: &'static str,
    pub(in crate::target) allowed_pattern: &'static str,
    pub(in crate::target) constraint_description: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Conditions<'a> {
    pub(in crate::target) with_service: Not<'a>,
}

#[derive(Debug, Serialize)]
pub(in crate::target) struct Not<'a> {
    #[serde(rename = "Fn::Not")]
    pub(in crate::target) not: [Equals<'a>; 1],
}

#[derive(Debug, Serialize)]
pub(in crate::target) struct Equals<'a> {
    #[serde(rename = "Fn::Equals")]
    pub(in crate::target) equals: [Value<'a>; 2],
}

/// The types of resources there are.
#[derive(Debug, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub(in crate::target) enum Properties<'a> {
    #[serde(rename = "AWS::IAM::Role")]
    Role(Role<'a>),
    #[serde(rename = "AWS::Logs::LogGroup")]
    LogGroup(LogGroup<'a>),
    #[serde(rename = "AWS::ECR::Repository")]
    Repository(Repository<'a>),
    #[serde(rename = "AWS::ECS::Cluster")]
    Cluster(Cluster<'a>),
    #[serde(rename = "AWS::ECS::TaskDefinition")]
    TaskDefinition(TaskDefinition<'a>),
    #[serde(rename = "AWS::ECS::Service")]
    Service(Box<Service<'a>>),
    #[serde(rename = "AWS::ECS::ExpressGatewayService")]
    ExpressGatewayService(ExpressGatewayService<'a>),
    #[serde(rename = "AWS::ApplicationAutoScaling::ScalableTarget")]
    ScalableTarget(ScalableTarget<'a>),
    #[serde(rename = "AWS::ApplicationAutoScaling::ScalingPolicy")]
    ScalingPolicy(ScalingPolicy<'a>),
    #[serde(rename = "AWS::Route53::RecordSet")]
    RecordSet(RecordSet<'a>),
    #[serde(rename = "AWS::DynamoDB::Table")]
    Table(Table<'a>),
    #[serde(rename = "AWS::SecretsManager::Secret")]
    Secret(GeneratedSecret<'a>),
    #[serde(rename = "AWS::CloudWatch::Alarm")]
    Alarm(Alarm<'a>),
    #[serde(rename = "AWS::WAFv2::WebACL")]
    WebAcl(WebAcl<'a>),
    #[serde(rename = "AWS::WAFv2::WebACLAssociation")]
    WebAclAssociation(WebAclAssociation<'a>),
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

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Repository<'a> {
    pub(in crate::target) repository_name: &'a str,
    pub(in crate::target) image_tag_mutability: &'static str,
    pub(in crate::target) image_scanning_configuration: ImageScanning,
    pub(in crate::target) lifecycle_policy: LifecyclePolicy,
    pub(in crate::target) empty_on_delete: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ImageScanning {
    pub(in crate::target) scan_on_push: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct LifecyclePolicy {
    pub(in crate::target) lifecycle_policy_text: String,
}

/// What is in the text of a lifecycle policy
/// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>).
#[derive(Debug, Serialize)]
pub(in crate::target) struct LifecycleRules {
    pub(in crate::target) rules: [LifecycleRule; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::target) struct LifecycleRule {
    pub(in crate::target) rule_priority: u32,
    pub(in crate::target) description: String,
    pub(in crate::target) selection: LifecycleSelection,
    pub(in crate::target) action: LifecycleAction,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::target) struct LifecycleSelection {
    pub(in crate::target) tag_status: &'static str,
    pub(in crate::target) count_type: &'static str,
    pub(in crate::target) count_number: u32,
}

#[derive(Debug, Serialize)]
pub(in crate::target) struct LifecycleAction {
    #[serde(rename = "type")]
    pub(in crate::target) kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Cluster<'a> {
    pub(in crate::target) cluster_name: &'a str,
    pub(in crate::target) capacity_providers: [&'static str; 2],
    pub(in crate::target) cluster_settings: [Setting; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Setting {
    pub(in crate::target) name: &'static str,
    pub(in crate::target) value: &'static str,
}

/// A task definition as CloudFormation spells it. The ECS API takes the same with lower first letters.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct TaskDefinition<'a> {
    pub(in crate::target) family: &'a str,
    pub(in crate::target) requires_compatibilities: [&'static str; 1],
    pub(in crate::target) network_mode: &'static str,
    pub(in crate::target) cpu: String,
    pub(in crate::target) memory: String,
    pub(in crate::target) runtime_platform: RuntimePlatform,
    pub(in crate::target) execution_role_arn: Value<'a>,
    pub(in crate::target) task_role_arn: Value<'a>,
    pub(in crate::target) container_definitions: Vec<Container<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct RuntimePlatform {
    pub(in crate::target) cpu_architecture: &'static str,
    pub(in crate::target) operating_system_family: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Container<'a> {
    pub(in crate::target) name: &'static str,
    pub(in crate::target) image: Value<'a>,
    pub(in crate::target) essential: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) command: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) user: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) readonly_root_filesystem: Option<bool>,
    pub(in crate::target) linux_parameters: LinuxParameters,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) port_mappings: Vec<PortMapping>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) environment: Vec<Variable<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) secrets: Vec<SecretVariable<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) health_check: Option<HealthCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) stop_timeout: Option<u32>,
    pub(in crate::target) log_configuration: LogConfiguration<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct LinuxParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) init_process_enabled: Option<bool>,
    pub(in crate::target) capabilities: Capabilities,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Capabilities {
    pub(in crate::target) drop: [&'static str; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct PortMapping {
    pub(in crate::target) name: &'static str,
    pub(in crate::target) container_port: u16,
    pub(in crate::target) protocol: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Variable<'a> {
    pub(in crate::target) name: String,
    pub(in crate::target) value: Value<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct SecretVariable<'a> {
    pub(in crate::target) name: &'a str,
    pub(in crate::target) value_from: Value<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct HealthCheck {
    pub(in crate::target) command: Vec<String>,
    pub(in crate::target) interval: u32,
    pub(in crate::target) timeout: u32,
    pub(in crate::target) retries: u32,
    pub(in crate::target) start_period: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct LogConfiguration<'a> {
    pub(in crate::target) log_driver: &'static str,
    pub(in crate::target) options: BTreeMap<&'static str, Value<'a>>,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Service<'a> {
    pub(in crate::target) service_name: &'a str,
    pub(in crate::target) cluster: Value<'a>,
    pub(in crate::target) task_definition: Value<'a>,
    /// Absent where scaling decides it: a number here would be set again with each deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) desired_count: Option<u32>,
    pub(in crate::target) capacity_provider_strategy: Vec<CapacityProvider>,
    pub(in crate::target) platform_version: &'static str,
    pub(in crate::target) availability_zone_rebalancing: &'static str,
    pub(in crate::target) deployment_configuration: DeploymentConfiguration<'a>,
    pub(in crate::target) health_check_grace_period_seconds: u32,
    pub(in crate::target) load_balancers: [ServiceLoadBalancer<'a>; 1],
    pub(in crate::target) network_configuration: NetworkConfiguration<'a>,
    pub(in crate::target) enable_execute_command: bool,
    #[serde(rename = "EnableECSManagedTags")]
    pub(in crate::target) enable_managed_tags: bool,
    pub(in crate::target) propagate_tags: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct CapacityProvider {
    pub(in crate::target) capacity_provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) base: Option<u32>,
    pub(in crate::target) weight: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct DeploymentConfiguration<'a> {
    pub(in crate::target) minimum_healthy_percent: u32,
    pub(in crate::target) maximum_percent: u32,
    pub(in crate::target) deployment_circuit_breaker: CircuitBreaker,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) alarms: Option<DeploymentAlarms<'a>>,
    /// `ROLLING` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) strategy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) bake_time_in_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) canary_configuration: Option<CanaryConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) linear_configuration: Option<LinearConfiguration>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct DeploymentAlarms<'a> {
    pub(in crate::target) alarm_names: [Value<'a>; 1],
    pub(in crate::target) enable: bool,
    pub(in crate::target) rollback: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct CanaryConfiguration {
    pub(in crate::target) canary_percent: u32,
    pub(in crate::target) canary_bake_time_in_minutes: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct LinearConfiguration {
    pub(in crate::target) step_percent: u32,
    pub(in crate::target) step_bake_time_in_minutes: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct CircuitBreaker {
    pub(in crate::target) enable: bool,
    pub(in crate::target) rollback: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ServiceLoadBalancer<'a> {
    pub(in crate::target) target_group_arn: Value<'a>,
    pub(in crate::target) container_name: &'static str,
    pub(in crate::target) container_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) advanced_configuration: Option<AdvancedConfiguration<'a>>,
}

/// What ECS moves requests with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct AdvancedConfiguration<'a> {
    pub(in crate::target) alternate_target_group_arn: Value<'a>,
    pub(in crate::target) production_listener_rule: Value<'a>,
    pub(in crate::target) role_arn: Value<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct NetworkConfiguration<'a> {
    pub(in crate::target) awsvpc_configuration: AwsvpcConfiguration<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct AwsvpcConfiguration<'a> {
    pub(in crate::target) subnets: Vec<Value<'a>>,
    pub(in crate::target) security_groups: Vec<Value<'a>>,
    pub(in crate::target) assign_public_ip: &'static str,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalabletarget.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ScalableTarget<'a> {
    pub(in crate::target) service_namespace: &'static str,
    pub(in crate::target) scalable_dimension: &'static str,
    pub(in crate::target) resource_id: Value<'a>,
    pub(in crate::target) min_capacity: u32,
    pub(in crate::target) max_capacity: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) scheduled_actions: Vec<ScheduledAction<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ScheduledAction<'a> {
    pub(in crate::target) scheduled_action_name: &'static str,
    pub(in crate::target) schedule: String,
    pub(in crate::target) timezone: &'a str,
    pub(in crate::target) scalable_target_action: ScalableTargetAction,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ScalableTargetAction {
    pub(in crate::target) min_capacity: u32,
    pub(in crate::target) max_capacity: u32,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ScalingPolicy<'a> {
    pub(in crate::target) policy_name: &'static str,
    pub(in crate::target) policy_type: &'static str,
    pub(in crate::target) scaling_target_id: Value<'a>,
    #[serde(rename = "TargetTrackingScalingPolicyConfiguration")]
    pub(in crate::target) target_tracking: TargetTracking<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct TargetTracking<'a> {
    pub(in crate::target) target_value: u32,
    pub(in crate::target) scale_out_cooldown: u32,
    pub(in crate::target) scale_in_cooldown: u32,
    #[serde(flatten)]
    pub(in crate::target) metric: TrackedMetric<'a>,
}

#[derive(Debug, Serialize)]
pub(in crate::target) enum TrackedMetric<'a> {
    #[serde(rename = "PredefinedMetricSpecification")]
    Predefined(PredefinedMetric<'a>),
    #[serde(rename = "CustomizedMetricSpecification")]
    Customized(CustomizedMetric<'a>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct PredefinedMetric<'a> {
    pub(in crate::target) predefined_metric_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) resource_label: Option<Value<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct CustomizedMetric<'a> {
    pub(in crate::target) metrics: Vec<MetricQuery<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct MetricQuery<'a> {
    pub(in crate::target) id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) expression: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) metric_stat: Option<MetricStat<'a>>,
    pub(in crate::target) return_data: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct MetricStat<'a> {
    pub(in crate::target) metric: crate::target::aws::alarms::Metric<'a>,
    pub(in crate::target) stat: &'static str,
}
