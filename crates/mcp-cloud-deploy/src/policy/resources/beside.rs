//! What a server needs beside it, wherever it runs: roles, logs, secrets, a table, alarms.

use super::{Rights, made, read, removed};
use crate::policy::scope::On;

pub(super) const ROLE: &[Rights] = &[
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

pub(super) const LOG_GROUP: &[Rights] = &[
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

pub(super) const TABLE: &[Rights] = &[
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

pub(super) const SECRET: &[Rights] = &[
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

pub(super) const ALARM: &[Rights] = &[
    made(On::Alarms, &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]),
    read(On::Alarms, &["cloudwatch:ListTagsForResource"]),
    read(On::Anything, &["cloudwatch:DescribeAlarms"]),
    removed(On::Alarms, &["cloudwatch:DeleteAlarms"]),
];
