"""Prints as one JSON object the names of everything an account holds that a deployment could have made."""

import json

import boto3


def names(service: str, operation: str, items: str, name: str | None) -> list[str]:
    pages = boto3.client(service).get_paginator(operation).paginate()
    return [item[name] if name else item for page in pages for item in page[items]]


cloudformation = boto3.client("cloudformation")
stacks = [stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]]
s3 = boto3.client("s3")
buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
listed = [page for bucket in buckets for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)]
print(
    json.dumps(
        {
            "stacks": stacks,
            "buckets": buckets,
            "objects": [of["Key"] for page in listed for of in page.get("Contents", [])],
            "functions": names("lambda", "list_functions", "Functions", "FunctionName"),
            "log_groups": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
            "roles": [
                role
                for role in names("iam", "list_roles", "Roles", "RoleName")
                if not role.startswith("AWSServiceRoleFor")
            ],
        }
    )
)
