"""Prints as one JSON object the names of everything an account holds that the deployment of a service could have made."""

import json

import boto3


def names(service, operation, items, name=None, **arguments):
    client = boto3.client(service)
    pages = client.get_paginator(operation).paginate(**arguments)
    return [item[name] if name else item for page in pages for item in page[items]]


def main():
    repositories = names("ecr", "describe_repositories", "repositories", "repositoryName")
    images = [names("ecr", "describe_images", "imageDetails", "imageDigest", repositoryName=of) for of in repositories]
    clusters = names("ecs", "list_clusters", "clusterArns")
    services = [names("ecs", "list_services", "serviceArns", cluster=cluster) for cluster in clusters]
    active = boto3.client("ecs").describe_clusters(clusters=clusters)["clusters"] if clusters else []
    buckets = [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
    objects = [names("s3", "list_objects_v2", "Contents", "Key", Bucket=of) for of in buckets if not is_empty(of)]
    seen = {
        "stacks": names("cloudformation", "describe_stacks", "Stacks", "StackName"),
        "buckets": buckets,
        "objects": sorted(sum(objects, [])),
        "repositories": repositories,
        "images": sorted(sum(images, [])),
        "clusters": [cluster["clusterName"] for cluster in active if cluster["status"] == "ACTIVE"],
        "services": sum(services, []),
        "task_definitions": names("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"),
        "load_balancers": names("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"),
        "target_groups": names("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName"),
        "scalable_targets": names(
            "application-autoscaling", "describe_scalable_targets", "ScalableTargets", "ResourceId", ServiceNamespace="ecs"
        ),
        "log_groups": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "roles": [role for role in names("iam", "list_roles", "Roles", "RoleName") if not role.startswith("AWSServiceRole")],
    }
    print(json.dumps(seen))


def is_empty(bucket):
    return boto3.client("s3").list_objects_v2(Bucket=bucket, MaxKeys=1)["KeyCount"] == 0


if __name__ == "__main__":
    main()
