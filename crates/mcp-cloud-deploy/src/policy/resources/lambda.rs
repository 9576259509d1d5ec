//! Functions, and what shifts traffic between their versions.

use super::{Rights, made, read, removed};
use crate::policy::scope::On;

/// Who has the role that Application Auto Scaling makes for itself to scale functions.
const SCALING_OF_FUNCTIONS: &str = "lambda.application-autoscaling.amazonaws.com";

pub(super) const FUNCTION: &[Rights] = &[
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

pub(super) const VERSION: &[Rights] = &[
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

pub(super) const ALIAS: &[Rights] = &[
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

pub(super) const FUNCTION_URL: &[Rights] = &[
    made(On::Function, &["lambda:CreateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig"]),
    read(On::Function, &["lambda:GetFunctionUrlConfig"]),
    removed(On::Function, &["lambda:DeleteFunctionUrlConfig"]),
];

pub(super) const PERMISSION: &[Rights] = &[
    made(On::Function, &["lambda:AddPermission"]),
    read(On::Function, &["lambda:GetPolicy"]),
    removed(On::Function, &["lambda:RemovePermission"]),
];

pub(super) const SCALABLE_TARGET: &[Rights] = &[
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
    made(On::ServiceRole(SCALING_OF_FUNCTIONS), &["iam:CreateServiceLinkedRole"]),
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

pub(super) const CODE_DEPLOY: &[Rights] = &[
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
