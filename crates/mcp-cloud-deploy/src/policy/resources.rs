//! What CloudFormation calls, in the name of whoever deploys, for each type of resource that a template may have.
//!
//! The table is a choice from AWS's own: the schema of a type lists what its handlers call, for every property that it
//! has. What only properties need that no template of ours has is left out; a test holds the table against the schemas
//! and knows the reason for each that is missing
//! (<https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers>).

use super::scope::On;

/// When something is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// When the resource is made or changed.
    Made,
    /// When it is looked at, whatever for.
    Read,
    /// When it is removed: with its stack, by an update, or because it could not be made.
    Removed,
}

/// Actions on one kind of resource.
#[derive(Debug)]
pub(super) struct Rights {
    pub(super) when: When,
    pub(super) on: On,
    pub(super) actions: &'static [&'static str],
}

const fn made(on: On, actions: &'static [&'static str]) -> Rights {
    Rights { when: When::Made, on, actions }
}

const fn read(on: On, actions: &'static [&'static str]) -> Rights {
    Rights { when: When::Read, on, actions }
}

const fn removed(on: On, actions: &'static [&'static str]) -> Rights {
    Rights { when: When::Removed, on, actions }
}

/// What a type needs; nothing is known of a type that no template of ours has.
pub(super) fn rights(kind: &str) -> Option<&'static [Rights]> {
    let rights: &[Rights] = match kind {
        "AWS::Lambda::Function" => FUNCTION,
        "AWS::Lambda::Version" => VERSION,
        "AWS::Lambda::Alias" => ALIAS,
        "AWS::Lambda::Url" => FUNCTION_URL,
        "AWS::Lambda::Permission" => PERMISSION,
        "AWS::IAM::Role" => ROLE,
        "AWS::Logs::LogGroup" => LOG_GROUP,
        "AWS::ApiGateway::RestApi" => REST_API,
        "AWS::ApiGateway::Authorizer"
        | "AWS::ApiGateway::BasePathMapping"
        | "AWS::ApiGateway::BasePathMappingV2"
        | "AWS::ApiGateway::Deployment"
        | "AWS::ApiGateway::DomainName"
        | "AWS::ApiGateway::DomainNameV2"
        | "AWS::ApiGateway::GatewayResponse"
        | "AWS::ApiGateway::Stage"
        | "AWS::ApiGatewayV2::Api"
        | "AWS::ApiGatewayV2::ApiMapping"
        | "AWS::ApiGatewayV2::Authorizer"
        | "AWS::ApiGatewayV2::DomainName"
        | "AWS::ApiGatewayV2::Stage" => API,
        "AWS::Route53::RecordSet" | "AWS::Route53::RecordSetGroup" => RECORD_SET,
        "AWS::ApplicationAutoScaling::ScalableTarget" => SCALABLE_TARGET,
        "AWS::DynamoDB::Table" => TABLE,
        "AWS::SecretsManager::Secret" => SECRET,
        "AWS::WAFv2::WebACL" => WEB_ACL,
        "AWS::WAFv2::WebACLAssociation" => WEB_ACL_ASSOCIATION,
        "AWS::CloudWatch::Alarm" => ALARM,
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => LOAD_BALANCER,
        "AWS::ElasticLoadBalancingV2::Listener" => LISTENER,
        "AWS::ElasticLoadBalancingV2::ListenerRule" => LISTENER_RULE,
        "AWS::ElasticLoadBalancingV2::TargetGroup" => TARGET_GROUP,
        "AWS::EC2::SecurityGroup" | "AWS::EC2::SecurityGroupIngress" => SECURITY_GROUP,
        "AWS::CodeDeploy::Application" | "AWS::CodeDeploy::DeploymentGroup" => CODE_DEPLOY,
        _ => return None,
    };
    Some(rights)
}

/// The types that SAM makes of one of its own, as far as the resource's properties tell.
pub(super) fn expanded(kind: &str, properties: &serde_json::Value) -> Vec<&'static str> {
    let has = |name: &str| properties.get(name).is_some();
    let mut kinds = Vec::new();
    match kind {
        "AWS::Serverless::Function" => {
            // What an API calls is allowed by a permission of its own, and so is a URL that is open to everyone.
            kinds.extend(["AWS::Lambda::Function", "AWS::Lambda::Permission"]);
            if has("AutoPublishAlias") {
                kinds.extend(["AWS::Lambda::Version", "AWS::Lambda::Alias"]);
            }
            if has("FunctionUrlConfig") {
                kinds.push("AWS::Lambda::Url");
            }
            if has("DeploymentPreference") {
                kinds.extend(["AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::IAM::Role"]);
            }
        }
        "AWS::Serverless::Api" => {
            kinds.extend(["AWS::ApiGateway::RestApi", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage"]);
            kinds.push("AWS::Lambda::Permission");
            if has("Domain") {
                kinds.extend(["AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping"]);
            }
        }
        "AWS::Serverless::HttpApi" => {
            kinds.extend(["AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::Lambda::Permission"]);
            if has("Domain") {
                kinds.extend(["AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping"]);
            }
        }
        _ => {}
    }
    if properties.get("Domain").is_some_and(|domain| domain.get("Route53").is_some()) {
        kinds.push("AWS::Route53::RecordSetGroup");
    }
    kinds
}

const FUNCTION: &[Rights] = &[
    made(
        On::Function,
        &[
            "lambda:CreateFunction",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:PutFunctionConcurrency",
            "lambda:DeleteFunctionConcurrency",
            "lambda:PublishVersion",
            "lambda:TagResource",
            "lambda:UntagResource",
            "lambda:ListTags",
        ],
    ),
    made(On::RolesForLambda, &["iam:PassRole"]),
    made(On::Objects, &["s3:GetObject", "s3:GetObjectVersion"]),
    made(On::Anything, &["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]),
    read(
        On::Function,
        &[
            "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionRecursionConfig",
            "lambda:GetFunctionScalingConfig",
            "lambda:GetRuntimeManagementConfig",
        ],
    ),
    removed(On::Function, &["lambda:DeleteFunction"]),
    removed(On::Anything, &["ec2:DescribeNetworkInterfaces"]),
];

const VERSION: &[Rights] = &[
    made(
        On::Function,
        &["lambda:PublishVersion", "lambda:ListVersionsByFunction", "lambda:PutProvisionedConcurrencyConfig"],
    ),
    read(
        On::Function,
        &[
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunctionScalingConfig",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:GetRuntimeManagementConfig",
        ],
    ),
    removed(On::Function, &["lambda:DeleteFunction"]),
];

const ALIAS: &[Rights] = &[
    made(
        On::Function,
        &[
            "lambda:CreateAlias",
            "lambda:UpdateAlias",
            "lambda:PutProvisionedConcurrencyConfig",
            "lambda:DeleteProvisionedConcurrencyConfig",
        ],
    ),
    read(On::Function, &["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig"]),
    removed(On::Function, &["lambda:DeleteAlias"]),
];

const FUNCTION_URL: &[Rights] = &[
    made(On::Function, &["lambda:CreateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig"]),
    read(On::Function, &["lambda:GetFunctionUrlConfig"]),
    removed(On::Function, &["lambda:DeleteFunctionUrlConfig"]),
];

const PERMISSION: &[Rights] = &[
    made(On::Function, &["lambda:AddPermission"]),
    read(On::Function, &["lambda:GetPolicy"]),
    removed(On::Function, &["lambda:RemovePermission"]),
];

const ROLE: &[Rights] = &[
    made(
        On::Roles,
        &[
            "iam:CreateRole",
            "iam:UpdateRole",
            "iam:UpdateRoleDescription",
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
        ],
    ),
    read(On::Roles, &["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"]),
    removed(On::Roles, &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"]),
];

const LOG_GROUP: &[Rights] = &[
    made(
        On::LogGroups,
        &[
            "logs:CreateLogGroup",
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:TagResource",
            "logs:UntagResource",
        ],
    ),
    read(On::LogGroups, &["logs:ListTagsForResource", "logs:GetDataProtectionPolicy", "logs:DescribeIndexPolicies"]),
    read(On::Anything, &["logs:DescribeLogGroups", "logs:DescribeResourcePolicies"]),
    removed(On::LogGroups, &["logs:DeleteLogGroup"]),
];

const REST_API: &[Rights] = &[
    made(On::Apis, &["apigateway:POST", "apigateway:PUT", "apigateway:PATCH", "apigateway:UpdateRestApiPolicy"]),
    read(On::Apis, &["apigateway:GET"]),
    removed(On::Apis, &["apigateway:DELETE"]),
];

/// API Gateway has the methods of HTTP for actions, and tags an API by `PUT /tags`.
const API: &[Rights] = &[
    made(
        On::Apis,
        &[
            "apigateway:POST",
            "apigateway:PUT",
            "apigateway:PATCH",
            "apigateway:AddCertificateToDomain",
            "apigateway:TagResource",
            "apigateway:UntagResource",
        ],
    ),
    // Access logs are delivered by CloudWatch Logs, which is told so by whoever makes the stage
    // (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-service-specific.html>).
    made(
        On::Anything,
        &["logs:CreateLogDelivery", "logs:UpdateLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries"],
    ),
    read(On::Apis, &["apigateway:GET"]),
    removed(On::Apis, &["apigateway:DELETE", "apigateway:RemoveCertificateFromDomain"]),
    removed(On::Anything, &["logs:DeleteLogDelivery"]),
];

const RECORD_SET: &[Rights] = &[
    read(On::HostedZone, &["route53:GetHostedZone", "route53:ListResourceRecordSets"]),
    read(On::Anything, &["route53:ListHostedZones"]),
    removed(On::HostedZone, &["route53:ChangeResourceRecordSets"]),
    removed(On::HostedZoneChanges, &["route53:GetChange"]),
];

const SCALABLE_TARGET: &[Rights] = &[
    made(
        On::ScalableTargets,
        &[
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:PutScheduledAction",
            "application-autoscaling:DeleteScheduledAction",
            "application-autoscaling:TagResource",
            "application-autoscaling:UntagResource",
        ],
    ),
    made(On::ScalingServiceRole, &["iam:CreateServiceLinkedRole"]),
    made(
        On::Function,
        &[
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:PutProvisionedConcurrencyConfig",
            "lambda:DeleteProvisionedConcurrencyConfig",
        ],
    ),
    read(On::ScalableTargets, &["application-autoscaling:ListTagsForResource"]),
    read(
        On::Anything,
        &["application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScheduledActions"],
    ),
    removed(On::ScalableTargets, &["application-autoscaling:DeregisterScalableTarget"]),
];

const TABLE: &[Rights] = &[
    made(
        On::Table,
        &[
            "dynamodb:CreateTable",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
        ],
    ),
    read(
        On::Table,
        &[
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeContributorInsights",
            "dynamodb:DescribeKinesisStreamingDestination",
            "dynamodb:GetResourcePolicy",
            "dynamodb:ListTagsOfResource",
        ],
    ),
    removed(On::Table, &["dynamodb:DeleteTable"]),
];

const SECRET: &[Rights] = &[
    made(
        On::Secrets,
        &[
            "secretsmanager:CreateSecret",
            "secretsmanager:UpdateSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
        ],
    ),
    made(On::Anything, &["secretsmanager:GetRandomPassword"]),
    read(On::Secrets, &["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]),
    removed(On::Secrets, &["secretsmanager:DeleteSecret"]),
];

const WEB_ACL: &[Rights] = &[
    made(On::Firewall, &["wafv2:CreateWebACL", "wafv2:UpdateWebACL", "wafv2:TagResource", "wafv2:UntagResource"]),
    read(On::Firewall, &["wafv2:GetWebACL", "wafv2:ListTagsForResource"]),
    removed(On::Firewall, &["wafv2:DeleteWebACL"]),
];

const WEB_ACL_ASSOCIATION: &[Rights] = &[
    made(On::Firewall, &["wafv2:AssociateWebACL"]),
    made(
        On::Guarded,
        &[
            "wafv2:AssociateWebACL",
            "apigateway:SetWebACL",
            "elasticloadbalancing:SetWebACL",
            "elasticloadbalancing:CreateWebACLAssociation",
        ],
    ),
    read(On::Firewall, &["wafv2:GetWebACL"]),
    read(On::Guarded, &["wafv2:GetWebACLForResource", "elasticloadbalancing:GetLoadBalancerWebACL"]),
    removed(
        On::Guarded,
        &[
            "wafv2:DisassociateWebACL",
            "apigateway:SetWebACL",
            "elasticloadbalancing:SetWebACL",
            "elasticloadbalancing:DeleteWebACLAssociation",
        ],
    ),
];

const ALARM: &[Rights] = &[
    made(On::Alarms, &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]),
    read(On::Alarms, &["cloudwatch:ListTagsForResource"]),
    read(On::Anything, &["cloudwatch:DescribeAlarms"]),
    removed(On::Alarms, &["cloudwatch:DeleteAlarms"]),
];

const LOAD_BALANCER: &[Rights] = &[
    made(
        On::LoadBalancers,
        &[
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:SetIpAddressType",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
    ),
    read(
        On::Anything,
        &[
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeCapacityReservation",
            "elasticloadbalancing:DescribeTags",
        ],
    ),
    removed(On::LoadBalancers, &["elasticloadbalancing:DeleteLoadBalancer"]),
];

const LISTENER: &[Rights] = &[
    made(
        On::LoadBalancers,
        &[
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:ModifyListener",
            "elasticloadbalancing:ModifyListenerAttributes",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
    ),
    read(
        On::Anything,
        &[
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeTags",
        ],
    ),
    removed(On::LoadBalancers, &["elasticloadbalancing:DeleteListener"]),
];

const LISTENER_RULE: &[Rights] = &[
    made(
        On::LoadBalancers,
        &[
            "elasticloadbalancing:CreateRule",
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:SetRulePriorities",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
    ),
    read(On::Anything, &["elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags"]),
    removed(On::LoadBalancers, &["elasticloadbalancing:DeleteRule"]),
];

const TARGET_GROUP: &[Rights] = &[
    made(
        On::LoadBalancers,
        &[
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:RegisterTargets",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
    ),
    made(On::Anything, &["ec2:DescribeVpcs"]),
    read(
        On::Anything,
        &[
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetHealth",
            "elasticloadbalancing:DescribeTags",
        ],
    ),
    removed(On::LoadBalancers, &["elasticloadbalancing:DeleteTargetGroup"]),
];

const SECURITY_GROUP: &[Rights] = &[
    made(
        On::SecurityGroups,
        &[
            "ec2:CreateSecurityGroup",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
    ),
    read(On::Anything, &["ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules"]),
    removed(
        On::SecurityGroups,
        &["ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
    ),
    removed(On::Anything, &["ec2:DescribeInstances"]),
];

const CODE_DEPLOY: &[Rights] = &[
    made(
        On::CodeDeploy,
        &[
            "codedeploy:CreateApplication",
            "codedeploy:CreateDeploymentGroup",
            "codedeploy:UpdateDeploymentGroup",
            "codedeploy:CreateDeployment",
            "codedeploy:StopDeployment",
            "codedeploy:RegisterApplicationRevision",
            "codedeploy:TagResource",
            "codedeploy:UntagResource",
        ],
    ),
    made(On::RolesForCodeDeploy, &["iam:PassRole"]),
    read(
        On::CodeDeploy,
        &[
            "codedeploy:GetApplication",
            "codedeploy:GetApplicationRevision",
            "codedeploy:GetDeployment",
            "codedeploy:GetDeploymentConfig",
            "codedeploy:GetDeploymentGroup",
            "codedeploy:ListDeployments",
            "codedeploy:ListTagsForResource",
        ],
    ),
    removed(On::CodeDeploy, &["codedeploy:DeleteApplication", "codedeploy:DeleteDeploymentGroup"]),
];
