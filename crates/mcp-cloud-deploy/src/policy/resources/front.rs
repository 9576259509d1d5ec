//! What stands in front of a server: gateways, load balancers, firewalls, and names in the DNS.

use super::{Rights, made, read, removed};
use crate::policy::scope::On;

/// Who has the role that load balancers make for themselves
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html>).
const LOAD_BALANCING: &str = "elasticloadbalancing.amazonaws.com";

pub(super) const REST_API: &[Rights] = &[
    made(On::Apis, &["apigateway:POST", "apigateway:PUT", "apigateway:PATCH", "apigateway:UpdateRestApiPolicy"]),
    read(On::Apis, &["apigateway:GET"]),
    removed(On::Apis, &["apigateway:DELETE"]),
];

pub(super) const API: &[Rights] = &[
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

pub(super) const LOAD_BALANCER: &[Rights] = &[
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
    made(On::ServiceRole(LOAD_BALANCING), &["iam:CreateServiceLinkedRole"]),
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

pub(super) const LISTENER: &[Rights] = &[
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

pub(super) const LISTENER_RULE: &[Rights] = &[
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

pub(super) const TARGET_GROUP: &[Rights] = &[
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

pub(super) const WEB_ACL: &[Rights] = &[
    made(On::Firewall, &["wafv2:CreateWebACL", "wafv2:UpdateWebACL", "wafv2:TagResource", "wafv2:UntagResource"]),
    read(On::Firewall, &["wafv2:GetWebACL", "wafv2:ListTagsForResource"]),
    removed(On::Firewall, &["wafv2:DeleteWebACL"]),
];

pub(super) const WEB_ACL_ASSOCIATION: &[Rights] = &[
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

pub(super) const RECORD_SET: &[Rights] = &[
    read(On::HostedZone, &["route53:GetHostedZone", "route53:ListResourceRecordSets"]),
    read(On::Anything, &["route53:ListHostedZones"]),
    removed(On::HostedZone, &["route53:ChangeResourceRecordSets"]),
    removed(On::HostedZoneChanges, &["route53:GetChange"]),
];
