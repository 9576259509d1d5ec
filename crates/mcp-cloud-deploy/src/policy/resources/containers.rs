//! The cluster of a service, and the repository of its images.

use super::{Rights, made, read, removed};
use crate::{aws::actions::ECS, policy::scope::On};

pub(super) const CLUSTER: &[Rights] = &[
    made(
        On::Cluster,
        &[
            "ecs:CreateCluster",
            "ecs:PutClusterCapacityProviders",
            "ecs:UpdateCluster",
            "ecs:UpdateClusterSettings",
            "ecs:ListTagsForResource",
            "ecs:TagResource",
            "ecs:UntagResource",
        ],
    ),
    made(On::ServiceRole(ECS), &["iam:CreateServiceLinkedRole"]),
    read(On::Cluster, &["ecs:DescribeClusters"]),
    removed(On::Cluster, &["ecs:DeleteCluster"]),
];

pub(super) const REPOSITORY: &[Rights] = &[
    made(
        On::Repository,
        &[
            "ecr:CreateRepository",
            "ecr:PutImageScanningConfiguration",
            "ecr:PutImageTagMutability",
            "ecr:PutLifecyclePolicy",
            "ecr:TagResource",
            "ecr:UntagResource",
        ],
    ),
    read(
        On::Repository,
        &["ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource"],
    ),
    removed(On::Repository, &["ecr:DeleteRepository"]),
];
