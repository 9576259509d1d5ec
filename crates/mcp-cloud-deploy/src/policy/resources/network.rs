//! The network of a server.

use super::{Rights, made, read, removed};
use crate::policy::scope::On;

pub(super) const SECURITY_GROUP: &[Rights] = &[
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

pub(super) const VPC: &[Rights] = &[
    made(On::Network, &["ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:CreateTags", "ec2:DeleteTags"]),
    read(
        On::Anything,
        &[
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeVpcEncryptionControls",
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeSecurityGroups",
        ],
    ),
    removed(On::Network, &["ec2:DeleteVpc"]),
];

pub(super) const INTERNET_GATEWAY: &[Rights] = &[
    made(On::Network, &["ec2:CreateInternetGateway", "ec2:CreateTags", "ec2:DeleteTags"]),
    read(On::Anything, &["ec2:DescribeInternetGateways"]),
    removed(On::Network, &["ec2:DeleteInternetGateway"]),
];

pub(super) const GATEWAY_ATTACHMENT: &[Rights] = &[
    made(On::Network, &["ec2:AttachInternetGateway"]),
    read(On::Anything, &["ec2:DescribeInternetGateways", "ec2:DescribeVpnGateways"]),
    removed(On::Network, &["ec2:DetachInternetGateway"]),
];

pub(super) const SUBNET: &[Rights] = &[
    made(On::Network, &["ec2:CreateSubnet", "ec2:ModifySubnetAttribute", "ec2:CreateTags", "ec2:DeleteTags"]),
    // Which zones there are is looked up by the function `Fn::GetAZs`
    // (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html>).
    made(On::Anything, &["ec2:DescribeAvailabilityZones", "ec2:DescribeAccountAttributes"]),
    read(On::Anything, &["ec2:DescribeSubnets", "ec2:DescribeNetworkAcls"]),
    removed(On::Network, &["ec2:DeleteSubnet"]),
];

pub(super) const ROUTE_TABLE: &[Rights] = &[
    made(On::Network, &["ec2:CreateRouteTable", "ec2:CreateTags", "ec2:DeleteTags"]),
    read(On::Anything, &["ec2:DescribeRouteTables"]),
    removed(On::Network, &["ec2:DeleteRouteTable"]),
];

pub(super) const ROUTE: &[Rights] = &[
    made(On::Network, &["ec2:CreateRoute", "ec2:ReplaceRoute"]),
    made(On::Anything, &["ec2:DescribeNetworkInterfaces"]),
    read(On::Anything, &["ec2:DescribeRouteTables"]),
    removed(On::Network, &["ec2:DeleteRoute"]),
];

pub(super) const ROUTE_TABLE_ASSOCIATION: &[Rights] = &[
    made(On::Network, &["ec2:AssociateRouteTable", "ec2:ReplaceRouteTableAssociation"]),
    read(On::Anything, &["ec2:DescribeRouteTables", "ec2:DescribeSubnets"]),
    removed(On::Network, &["ec2:DisassociateRouteTable"]),
];

pub(super) const VPC_ENDPOINT: &[Rights] = &[
    made(On::Network, &["ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"]),
    // An endpoint has AWS's own names for the VPC in a zone that AWS makes
    // (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>, dependent actions).
    made(On::PrivateZones, &["route53:AssociateVPCWithHostedZone"]),
    read(
        On::Anything,
        &["ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"],
    ),
    removed(On::Network, &["ec2:DeleteVpcEndpoints"]),
];
