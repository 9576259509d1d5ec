//! What is known of each type of resource: which changes replace it, what AWS fills in, what it holds.
//!
//! Which properties replace a resource is in its schema
//! (<https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html>, `createOnlyProperties` and
//! `conditionalCreateOnlyProperties`) and, as "Update requires", in
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html>; a test holds
//! this table against the schemas. The defaults are on the page of each type there.

/// What is known of a type of resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResourceType {
    pub(super) name: &'static str,
    /// Properties that no resource can change: with another value it is another resource.
    pub(super) replacing: &'static [&'static str],
    /// Properties of which only some changes are such.
    pub(super) perhaps: &'static [&'static str],
    /// The property that names the resource. While it says the same, there cannot be another one beside it.
    pub(super) own_name: Option<&'static str>,
    /// What AWS fills in, by the path of the property; a name with `?` is not made where it is absent, `*` is every member
    /// and `[]` every item. None is about a property that replaces: CloudFormation compares those as they are written.
    pub(super) defaults: &'static [(&'static str, &'static str)],
    /// Attributes in lists of `Key` and `Value`, and what they are unless said: list, key, value.
    pub(super) attributes: &'static [(&'static str, &'static str, &'static str)],
    /// What people would miss.
    pub(super) holds: Option<Held>,
    /// Whether requests go through it.
    pub(super) serves: bool,
}

/// What a resource holds that nothing brings back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// In the plural.
    pub(super) what: &'static str,
    /// How it is saved before, as a hint.
    pub(super) save: &'static str,
}

const PLAIN: ResourceType = ResourceType {
    name: "",
    replacing: &[],
    perhaps: &[],
    own_name: None,
    defaults: &[],
    attributes: &[],
    holds: None,
    serves: false,
};

const SERVING: ResourceType = ResourceType { serves: true, ..PLAIN };

/// What is known of this type; of one that is not in the table, nothing.
pub(super) fn of(name: &str) -> ResourceType {
    TYPES.iter().find(|known| known.name == name).copied().unwrap_or(PLAIN)
}

const LOGS: Held = Held { what: "logs", save: "save them first with `aws logs create-export-task`" };
const ITEMS: Held = Held { what: "items", save: "save them first with `aws dynamodb create-backup`" };
const SECRET: Held = Held { what: "secrets", save: "copy what is still needed to another one first" };
const IMAGES: Held = Held { what: "images", save: "push those still needed to another repository first" };
const OBJECTS: Held = Held { what: "objects", save: "save them first with `aws s3 sync`" };
const ROWS: Held = Held { what: "data", save: "take a snapshot first" };

/// What SAM makes of its own types is in `parts`; a property replaces here what it replaces in the type of the same name
/// that SAM makes.
pub(super) const TYPES: &[ResourceType] = &[
    // https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html, and
    // https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html for what SAM passes on.
    ResourceType {
        name: "AWS::Serverless::Function",
        replacing: &["FunctionName", "PackageType", "TenancyConfig"],
        perhaps: &["DurableConfig"],
        own_name: Some("FunctionName"),
        defaults: &[
            ("Architectures[]", "x86_64"),
            ("AutoPublishAliasAllProperties", "false"),
            ("DeploymentPreference?.Enabled", "true"),
            ("EphemeralStorage.Size", "512"),
            ("FunctionUrlConfig?.InvokeMode", "BUFFERED"),
            ("FunctionUrlConfig?.Cors?.AllowCredentials", "false"),
            ("FunctionUrlConfig?.Cors?.MaxAge", "0"),
            ("LoggingConfig.LogFormat", "Text"),
            ("MemorySize", "128"),
            ("RecursiveLoop", "Terminate"),
            ("SnapStart.ApplyOn", "None"),
            ("Timeout", "3"),
            ("Tracing", "PassThrough"),
        ],
        ..SERVING
    },
    // https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-api.html
    ResourceType {
        name: "AWS::Serverless::Api",
        defaults: &[
            ("ApiKeySourceType", "HEADER"),
            ("Auth?.AddApiKeyRequiredToCorsPreflight", "true"),
            ("Auth?.AddDefaultAuthorizerToCorsPreflight", "true"),
            ("CacheClusterEnabled", "false"),
            ("DisableExecuteApiEndpoint", "false"),
            ("Domain?.EndpointConfiguration", "REGIONAL"),
            ("EndpointConfiguration.Type", "EDGE"),
            ("FailOnWarnings", "false"),
            ("MergeDefinitions", "false"),
            ("TracingEnabled", "false"),
        ],
        ..SERVING
    },
    // https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-httpapi.html
    ResourceType {
        name: "AWS::Serverless::HttpApi",
        defaults: &[
            ("Auth?.EnableIamAuthorizer", "false"),
            ("CorsConfiguration?.AllowCredentials", "false"),
            ("DisableExecuteApiEndpoint", "false"),
            ("Domain?.EndpointConfiguration", "REGIONAL"),
            ("FailOnWarnings", "false"),
            ("PropagateTags", "false"),
            ("StageName", "$default"),
        ],
        ..SERVING
    },
    ResourceType { name: "AWS::ApiGateway::BasePathMapping", replacing: &["BasePath", "DomainName"], ..PLAIN },
    ResourceType {
        name: "AWS::ApiGateway::Deployment",
        replacing: &["DeploymentCanarySettings", "RestApiId"],
        ..PLAIN
    },
    ResourceType { name: "AWS::ApiGateway::DomainName", replacing: &["DomainName"], ..SERVING },
    ResourceType { name: "AWS::ApiGateway::RestApi", ..SERVING },
    ResourceType { name: "AWS::ApiGateway::Stage", replacing: &["RestApiId", "StageName"], ..SERVING },
    ResourceType { name: "AWS::ApiGatewayV2::Api", replacing: &["ProtocolType"], ..SERVING },
    ResourceType { name: "AWS::ApiGatewayV2::ApiMapping", replacing: &["DomainName"], ..PLAIN },
    ResourceType { name: "AWS::ApiGatewayV2::DomainName", replacing: &["DomainName"], ..SERVING },
    ResourceType { name: "AWS::ApiGatewayV2::Stage", replacing: &["ApiId", "StageName"], ..SERVING },
    ResourceType {
        name: "AWS::ApplicationAutoScaling::ScalableTarget",
        replacing: &["ResourceId", "ScalableDimension", "ServiceNamespace"],
        ..PLAIN
    },
    ResourceType {
        name: "AWS::ApplicationAutoScaling::ScalingPolicy",
        replacing: &["PolicyName", "ResourceId", "ScalableDimension", "ScalingTargetId", "ServiceNamespace"],
        defaults: &[("TargetTrackingScalingPolicyConfiguration?.DisableScaleIn", "false")],
        ..PLAIN
    },
    ResourceType {
        name: "AWS::CloudWatch::Alarm",
        replacing: &["AlarmName"],
        own_name: Some("AlarmName"),
        defaults: &[("ActionsEnabled", "true"), ("Metrics[]?.ReturnData", "true"), ("TreatMissingData", "missing")],
        ..PLAIN
    },
    ResourceType { name: "AWS::CodeDeploy::Application", replacing: &["ApplicationName", "ComputePlatform"], ..PLAIN },
    ResourceType {
        name: "AWS::CodeDeploy::DeploymentGroup",
        replacing: &["ApplicationName", "DeploymentGroupName"],
        ..PLAIN
    },
    ResourceType {
        name: "AWS::DynamoDB::Table",
        replacing: &["ImportSourceSpecification", "TableName"],
        // "Replacement if you edit an existing AttributeDefinition", says the page of the type, and nothing in its schema.
        perhaps: &["AttributeDefinitions", "KeySchema"],
        own_name: Some("TableName"),
        defaults: &[
            ("BillingMode", "PROVISIONED"),
            ("DeletionProtectionEnabled", "false"),
            ("PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled", "false"),
            ("SSESpecification.SSEEnabled", "false"),
            ("TableClass", "STANDARD"),
        ],
        holds: Some(ITEMS),
        ..PLAIN
    },
    ResourceType { name: "AWS::EC2::InternetGateway", ..PLAIN },
    ResourceType {
        name: "AWS::EC2::Route",
        replacing: &["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId", "RouteTableId"],
        ..PLAIN
    },
    ResourceType { name: "AWS::EC2::RouteTable", replacing: &["VpcId"], ..PLAIN },
    ResourceType {
        name: "AWS::EC2::SecurityGroup",
        replacing: &["GroupDescription", "GroupName", "VpcId"],
        own_name: Some("GroupName"),
        ..PLAIN
    },
    ResourceType {
        name: "AWS::EC2::SecurityGroupIngress",
        replacing: &[
            "CidrIp",
            "CidrIpv6",
            "FromPort",
            "GroupId",
            "GroupName",
            "IpProtocol",
            "SourcePrefixListId",
            "SourceSecurityGroupId",
            "SourceSecurityGroupName",
            "SourceSecurityGroupOwnerId",
            "ToPort",
        ],
        ..PLAIN
    },
    ResourceType {
        name: "AWS::EC2::Subnet",
        replacing: &[
            "AvailabilityZone",
            "AvailabilityZoneId",
            "CidrBlock",
            "Ipv4IpamPoolId",
            "Ipv4NetmaskLength",
            "Ipv6IpamPoolId",
            "Ipv6Native",
            "Ipv6NetmaskLength",
            "OutpostArn",
            "VpcId",
        ],
        perhaps: &["Ipv6CidrBlock"],
        defaults: &[
            ("AssignIpv6AddressOnCreation", "false"),
            ("EnableDns64", "false"),
            ("MapPublicIpOnLaunch", "false"),
        ],
        ..PLAIN
    },
    ResourceType { name: "AWS::EC2::SubnetRouteTableAssociation", replacing: &["RouteTableId", "SubnetId"], ..PLAIN },
    ResourceType {
        name: "AWS::EC2::VPC",
        replacing: &["CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "VpcEncryptionControl"],
        perhaps: &["InstanceTenancy"],
        defaults: &[("EnableDnsHostnames", "false"), ("EnableDnsSupport", "true")],
        ..PLAIN
    },
    ResourceType {
        name: "AWS::EC2::VPCEndpoint",
        replacing: &[
            "DnsOptions.PrivateDnsPreference",
            "DnsOptions.PrivateDnsSpecifiedDomains",
            "ResourceConfigurationArn",
            "ServiceName",
            "ServiceNetworkArn",
            "ServiceRegion",
            "VpcEndpointType",
            "VpcId",
        ],
        ..PLAIN
    },
    ResourceType { name: "AWS::EC2::VPCGatewayAttachment", replacing: &["VpcId"], ..PLAIN },
    ResourceType {
        name: "AWS::ECR::Repository",
        replacing: &["EncryptionConfiguration", "RepositoryName"],
        own_name: Some("RepositoryName"),
        defaults: &[
            ("EmptyOnDelete", "false"),
            ("ImageScanningConfiguration.ScanOnPush", "false"),
            ("ImageTagMutability", "MUTABLE"),
        ],
        holds: Some(IMAGES),
        ..PLAIN
    },
    ResourceType { name: "AWS::ECS::Cluster", replacing: &["ClusterName"], own_name: Some("ClusterName"), ..PLAIN },
    ResourceType {
        name: "AWS::ECS::ExpressGatewayService",
        replacing: &["Cluster", "InfrastructureRoleArn", "ServiceName", "Tags"],
        own_name: Some("ServiceName"),
        defaults: &[
            ("ScalingTarget.AutoScalingTargetValue", "60"),
            ("ScalingTarget.MaxTaskCount", "1"),
            ("ScalingTarget.MinTaskCount", "1"),
        ],
        ..SERVING
    },
    ResourceType {
        name: "AWS::ECS::Service",
        replacing: &["Cluster", "Role", "SchedulingStrategy", "ServiceName"],
        perhaps: &["LaunchType"],
        own_name: Some("ServiceName"),
        defaults: &[
            ("AvailabilityZoneRebalancing", "ENABLED"),
            ("DeploymentConfiguration.MaximumPercent", "200"),
            ("DeploymentConfiguration.MinimumHealthyPercent", "100"),
            ("EnableECSManagedTags", "false"),
            ("EnableExecuteCommand", "false"),
            ("HealthCheckGracePeriodSeconds", "0"),
            ("PlatformVersion", "LATEST"),
            ("PropagateTags", "NONE"),
        ],
        ..SERVING
    },
    // Each revision of it is another one, so its family is no name of its own, and nobody misses the last.
    ResourceType {
        name: "AWS::ECS::TaskDefinition",
        replacing: &[
            "ContainerDefinitions",
            "Cpu",
            "EnableFaultInjection",
            "EphemeralStorage",
            "ExecutionRoleArn",
            "Family",
            "InferenceAccelerators",
            "IpcMode",
            "Memory",
            "NetworkMode",
            "PidMode",
            "PlacementConstraints",
            "ProxyConfiguration",
            "RequiresCompatibilities",
            "RuntimePlatform",
            "TaskRoleArn",
            "Volumes",
        ],
        ..PLAIN
    },
    ResourceType { name: "AWS::ElasticLoadBalancingV2::Listener", replacing: &["LoadBalancerArn"], ..SERVING },
    ResourceType { name: "AWS::ElasticLoadBalancingV2::ListenerRule", replacing: &["ListenerArn"], ..SERVING },
    // Attributes: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
    ResourceType {
        name: "AWS::ElasticLoadBalancingV2::LoadBalancer",
        replacing: &["Name", "Scheme", "Type"],
        own_name: Some("Name"),
        defaults: &[("IpAddressType", "ipv4")],
        attributes: &[
            ("LoadBalancerAttributes", "deletion_protection.enabled", "false"),
            ("LoadBalancerAttributes", "idle_timeout.timeout_seconds", "60"),
            ("LoadBalancerAttributes", "routing.http.desync_mitigation_mode", "defensive"),
            ("LoadBalancerAttributes", "routing.http.drop_invalid_header_fields.enabled", "false"),
            ("LoadBalancerAttributes", "routing.http2.enabled", "true"),
        ],
        ..SERVING
    },
    // Attributes: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
    ResourceType {
        name: "AWS::ElasticLoadBalancingV2::TargetGroup",
        replacing: &["IpAddressType", "Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"],
        own_name: Some("Name"),
        defaults: &[
            ("HealthCheckPort", "traffic-port"),
            ("HealthyThresholdCount", "5"),
            ("UnhealthyThresholdCount", "2"),
        ],
        attributes: &[
            ("TargetGroupAttributes", "deregistration_delay.timeout_seconds", "300"),
            ("TargetGroupAttributes", "lambda.multi_value_headers.enabled", "false"),
            ("TargetGroupAttributes", "stickiness.enabled", "false"),
        ],
        ..SERVING
    },
    ResourceType {
        name: "AWS::IAM::Role",
        replacing: &["Path", "RoleName"],
        own_name: Some("RoleName"),
        defaults: &[("MaxSessionDuration", "3600")],
        ..PLAIN
    },
    ResourceType { name: "AWS::Lambda::Alias", replacing: &["FunctionName", "Name"], ..SERVING },
    ResourceType {
        name: "AWS::Lambda::Function",
        replacing: &["FunctionName", "PackageType", "TenancyConfig"],
        perhaps: &["DurableConfig"],
        own_name: Some("FunctionName"),
        defaults: &[
            ("Architectures[]", "x86_64"),
            ("EphemeralStorage.Size", "512"),
            ("LoggingConfig.LogFormat", "Text"),
            ("MemorySize", "128"),
            ("Timeout", "3"),
            ("TracingConfig.Mode", "PassThrough"),
        ],
        ..SERVING
    },
    ResourceType {
        name: "AWS::Lambda::Permission",
        replacing: &[
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
        ..PLAIN
    },
    ResourceType {
        name: "AWS::Lambda::Url",
        replacing: &["Qualifier", "TargetFunctionArn"],
        defaults: &[("InvokeMode", "BUFFERED")],
        ..SERVING
    },
    ResourceType {
        name: "AWS::Lambda::Version",
        replacing: &["CodeSha256", "Description", "FunctionName", "ProvisionedConcurrencyConfig", "RuntimePolicy"],
        ..PLAIN
    },
    ResourceType {
        name: "AWS::Logs::LogGroup",
        replacing: &["LogGroupName"],
        own_name: Some("LogGroupName"),
        defaults: &[
            ("BearerTokenAuthenticationEnabled", "false"),
            ("DeletionProtectionEnabled", "false"),
            ("LogGroupClass", "STANDARD"),
            // "If you do not set it, the log events never expire."
            ("RetentionInDays", "never"),
        ],
        holds: Some(LOGS),
        ..PLAIN
    },
    ResourceType {
        name: "AWS::Route53::RecordSet",
        replacing: &["HostedZoneId", "HostedZoneName"],
        // The page of the type says so of its name, and nothing in its schema does.
        perhaps: &["Name"],
        defaults: &[("AliasTarget?.EvaluateTargetHealth", "false")],
        ..SERVING
    },
    ResourceType { name: "AWS::Route53::RecordSetGroup", replacing: &["HostedZoneId", "HostedZoneName"], ..SERVING },
    ResourceType {
        name: "AWS::SecretsManager::Secret",
        replacing: &["Name"],
        own_name: Some("Name"),
        defaults: &[
            ("GenerateSecretString?.ExcludePunctuation", "false"),
            ("GenerateSecretString?.IncludeSpace", "false"),
            ("GenerateSecretString?.PasswordLength", "32"),
            ("GenerateSecretString?.RequireEachIncludedType", "true"),
        ],
        holds: Some(SECRET),
        ..PLAIN
    },
    ResourceType {
        name: "AWS::WAFv2::WebACL",
        replacing: &["Name", "Scope"],
        own_name: Some("Name"),
        defaults: &[("Rules[]?.Statement?.RateBasedStatement?.EvaluationWindowSec", "300")],
        ..PLAIN
    },
    ResourceType { name: "AWS::WAFv2::WebACLAssociation", replacing: &["ResourceArn", "WebACLArn"], ..PLAIN },
    // What is not emitted, and would be missed most in a stack that somebody else has written.
    ResourceType {
        name: "AWS::S3::Bucket",
        replacing: &["BucketName", "BucketNamePrefix", "BucketNamespace"],
        own_name: Some("BucketName"),
        holds: Some(OBJECTS),
        ..PLAIN
    },
    ResourceType { name: "AWS::Cognito::UserPool", holds: Some(ROWS), ..PLAIN },
    ResourceType { name: "AWS::DynamoDB::GlobalTable", holds: Some(ITEMS), ..PLAIN },
    ResourceType { name: "AWS::EFS::FileSystem", holds: Some(ROWS), ..PLAIN },
    ResourceType { name: "AWS::ElastiCache::ReplicationGroup", holds: Some(ROWS), ..PLAIN },
    ResourceType { name: "AWS::ElastiCache::ServerlessCache", holds: Some(ROWS), ..PLAIN },
    ResourceType { name: "AWS::KMS::Key", holds: Some(SECRET), ..PLAIN },
    ResourceType { name: "AWS::RDS::DBCluster", holds: Some(ROWS), ..PLAIN },
    ResourceType { name: "AWS::RDS::DBInstance", holds: Some(ROWS), ..PLAIN },
    ResourceType { name: "AWS::SQS::Queue", holds: Some(ROWS), ..PLAIN },
    ResourceType { name: "AWS::Serverless::SimpleTable", holds: Some(ITEMS), ..PLAIN },
];

/// Lists whose order says nothing, by the name of the property: AWS treats each as a set.
pub(super) const ORDERLESS: &[&str] = &[
    // IAM: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    "AWS",
    "Action",
    "Federated",
    "ManagedPolicyArns",
    "NotAction",
    "NotResource",
    "Policies",
    "Resource",
    "Service",
    "Statement",
    // EC2 and what stands in it
    "RouteTableIds",
    "SecurityGroupEgress",
    "SecurityGroupIds",
    "SecurityGroupIngress",
    "SecurityGroups",
    "SubnetIds",
    "Subnets",
    // CORS of a function URL and of an HTTP API
    "AllowHeaders",
    "AllowMethods",
    "AllowOrigins",
    "ExposeHeaders",
    // Authorizers
    "AuthorizationScopes",
    "Values",
    "audience",
    // Alarms
    "AlarmActions",
    "InsufficientDataActions",
    "OKActions",
    // Containers and functions
    "Architectures",
    "CapacityProviders",
    "ContainerDefinitions",
    "Drop",
    "RequiresCompatibilities",
    "FieldKeys",
    "DependsOn",
];

/// Members that name the items of a list, the best one first. Where each item has one of its own, the list is compared by
/// it, not by position.
pub(super) const NAMING: &[&str] = &[
    "PolicyName",
    "Sid",
    "ScheduledActionName",
    "Key",
    "Name",
    "AttributeName",
    "CapacityProvider",
    "CertificateArn",
    "Field",
    "Id",
];
