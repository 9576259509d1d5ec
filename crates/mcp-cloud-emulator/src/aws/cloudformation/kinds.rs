//! The types of resources that an account knows: what replaces them, and whether they take tags.
//!
//! From the `createOnlyProperties`, `conditionalCreateOnlyProperties` and `tagging` of the CloudFormation registry
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html>).

/// A type of resource.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Properties whose change makes another resource.
    pub(super) create_only: &'static [&'static str],
    /// Properties whose change may make another resource.
    pub(super) conditional: &'static [&'static str],
    pub(super) takes_tags: bool,
    /// The property that names it, if one does.
    pub(super) name_property: Option<&'static str>,
}

const fn kind(
    name: &'static str,
    name_property: Option<&'static str>,
    takes_tags: bool,
    create_only: &'static [&'static str],
    conditional: &'static [&'static str],
) -> Kind {
    Kind { name, create_only, conditional, takes_tags, name_property }
}

const PERMISSION: &[&str] = &[
    "FunctionName",
    "FunctionUrlAuthType",
    "InvokedViaFunctionUrl",
    "SourceAccount",
    "SourceArn",
    "Principal",
    "PrincipalOrgID",
    "Action",
    "EventSourceToken",
];
const ROUTE: &[&str] = &["RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"];
/// Everything but its description.
const SECURITY_GROUP_INGRESS: &[&str] = &[
    "GroupName",
    "IpProtocol",
    "SourceSecurityGroupId",
    "SourcePrefixListId",
    "ToPort",
    "CidrIp",
    "SourceSecurityGroupName",
    "SourceSecurityGroupOwnerId",
    "FromPort",
    "GroupId",
    "CidrIpv6",
];
/// Everything but its tags: another one is another revision.
const TASK_DEFINITION: &[&str] = &[
    "Family",
    "ContainerDefinitions",
    "Cpu",
    "EnableFaultInjection",
    "ExecutionRoleArn",
    "InferenceAccelerators",
    "Memory",
    "NetworkMode",
    "PlacementConstraints",
    "ProxyConfiguration",
    "RequiresCompatibilities",
    "RuntimePlatform",
    "TaskRoleArn",
    "Volumes",
    "PidMode",
    "IpcMode",
    "EphemeralStorage",
];
const TARGET_GROUP: &[&str] = &["TargetType", "ProtocolVersion", "Port", "Name", "VpcId", "Protocol", "IpAddressType"];

const KINDS: &[Kind] = &[
    kind("AWS::ApiGateway::BasePathMapping", None, false, &["DomainName", "BasePath"], &[]),
    kind("AWS::ApiGateway::Deployment", None, false, &["DeploymentCanarySettings", "RestApiId"], &[]),
    kind("AWS::ApiGateway::DomainName", Some("DomainName"), true, &["DomainName"], &[]),
    kind("AWS::ApiGateway::RestApi", None, true, &[], &[]),
    kind("AWS::ApiGateway::Stage", Some("StageName"), true, &["RestApiId", "StageName"], &[]),
    kind("AWS::ApiGatewayV2::Api", None, true, &["ProtocolType"], &[]),
    kind("AWS::ApiGatewayV2::ApiMapping", None, false, &["DomainName"], &[]),
    kind("AWS::ApiGatewayV2::DomainName", Some("DomainName"), true, &["DomainName"], &[]),
    kind("AWS::ApiGatewayV2::Stage", Some("StageName"), true, &["StageName", "ApiId"], &[]),
    kind(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        None,
        true,
        &["ResourceId", "ScalableDimension", "ServiceNamespace"],
        &[],
    ),
    kind(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        None,
        false,
        &["PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension", "ScalingTargetId"],
        &[],
    ),
    kind("AWS::CloudFormation::WaitCondition", None, false, &[], &[]),
    kind("AWS::CloudFormation::WaitConditionHandle", None, false, &[], &[]),
    kind("AWS::CloudWatch::Alarm", Some("AlarmName"), true, &["AlarmName"], &[]),
    kind("AWS::CodeDeploy::Application", Some("ApplicationName"), true, &["ApplicationName", "ComputePlatform"], &[]),
    kind(
        "AWS::CodeDeploy::DeploymentGroup",
        Some("DeploymentGroupName"),
        true,
        &["DeploymentGroupName", "ApplicationName"],
        &[],
    ),
    kind("AWS::DynamoDB::Table", Some("TableName"), true, &["TableName", "ImportSourceSpecification"], &["KeySchema"]),
    kind("AWS::EC2::InternetGateway", None, true, &[], &[]),
    kind("AWS::EC2::Route", None, false, ROUTE, &[]),
    kind("AWS::EC2::RouteTable", None, true, &["VpcId"], &[]),
    kind("AWS::EC2::SecurityGroup", None, true, &["GroupDescription", "GroupName", "VpcId"], &[]),
    kind("AWS::EC2::SecurityGroupIngress", None, false, SECURITY_GROUP_INGRESS, &[]),
    kind("AWS::EC2::Subnet", None, true, &["VpcId", "AvailabilityZone", "CidrBlock"], &["Ipv6CidrBlock"]),
    kind("AWS::EC2::SubnetRouteTableAssociation", None, false, &["SubnetId", "RouteTableId"], &[]),
    kind("AWS::EC2::VPC", None, true, &["CidrBlock"], &["InstanceTenancy"]),
    kind("AWS::EC2::VPCEndpoint", None, true, &["ServiceName", "VpcEndpointType", "VpcId"], &[]),
    kind("AWS::EC2::VPCGatewayAttachment", None, false, &["VpcId"], &[]),
    kind("AWS::ECR::Repository", Some("RepositoryName"), true, &["RepositoryName", "EncryptionConfiguration"], &[]),
    kind("AWS::ECS::Cluster", Some("ClusterName"), true, &["ClusterName"], &[]),
    kind(
        "AWS::ECS::Service",
        Some("ServiceName"),
        true,
        &["Cluster", "Role", "SchedulingStrategy", "ServiceName"],
        &["LaunchType"],
    ),
    kind("AWS::ECS::TaskDefinition", None, true, TASK_DEFINITION, &[]),
    kind("AWS::ElasticLoadBalancingV2::Listener", None, true, &["LoadBalancerArn"], &[]),
    kind("AWS::ElasticLoadBalancingV2::ListenerRule", None, true, &["ListenerArn"], &[]),
    kind("AWS::ElasticLoadBalancingV2::LoadBalancer", None, true, &["Name", "Type", "Scheme"], &[]),
    kind("AWS::ElasticLoadBalancingV2::TargetGroup", None, true, TARGET_GROUP, &[]),
    kind("AWS::IAM::Role", Some("RoleName"), true, &["Path", "RoleName"], &[]),
    kind("AWS::Lambda::Alias", None, false, &["Name", "FunctionName"], &[]),
    kind(
        "AWS::Lambda::Function",
        Some("FunctionName"),
        true,
        &["FunctionName", "PackageType", "TenancyConfig"],
        &["DurableConfig"],
    ),
    kind("AWS::Lambda::Permission", None, false, PERMISSION, &[]),
    kind("AWS::Lambda::Url", None, false, &["TargetFunctionArn", "Qualifier"], &[]),
    kind(
        "AWS::Lambda::Version",
        None,
        false,
        &["FunctionName", "Description", "CodeSha256", "ProvisionedConcurrencyConfig", "RuntimePolicy"],
        &[],
    ),
    kind("AWS::Logs::LogGroup", Some("LogGroupName"), true, &["LogGroupName"], &[]),
    kind("AWS::Route53::RecordSet", None, false, &["HostedZoneName", "HostedZoneId"], &[]),
    kind("AWS::Route53::RecordSetGroup", None, false, &["HostedZoneName", "HostedZoneId"], &[]),
    kind("AWS::SecretsManager::Secret", Some("Name"), true, &["Name"], &[]),
    kind("AWS::WAFv2::WebACL", Some("Name"), true, &["Name", "Scope"], &[]),
    kind("AWS::WAFv2::WebACLAssociation", None, false, &["ResourceArn", "WebACLArn"], &[]),
];

pub(super) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    /// What the change of a property does to the resource, in CloudFormation's words.
    pub(super) fn recreation(&self, property: &str) -> &'static str {
        if self.create_only.contains(&property) {
            "Always"
        } else if self.conditional.contains(&property) {
            "Conditionally"
        } else {
            "Never"
        }
    }
}
