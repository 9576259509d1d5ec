"""Prints as one JSON object the names of everything an account holds that a deployment could have made: a line for each
line that it is sent, so that whoever asks often waits for the SDK once."""

import json
import sys

import boto3

SERVICES = ("cloudformation", "iam", "lambda", "logs", "s3")


def pages(service: str, operation: str, **arguments):
    return CLIENTS[service].get_paginator(operation).paginate(**arguments)


def names(service: str, operation: str, items: str, name: str) -> list[str]:
    return [item[name] for page in pages(service, operation) for item in page[items]]


def inventory() -> dict[str, list[str]]:
    buckets = [bucket["Name"] for bucket in CLIENTS["s3"].list_buckets()["Buckets"]]
    listed = [page for bucket in buckets for page in pages("s3", "list_objects_v2", Bucket=bucket)]
    roles = names("iam", "list_roles", "Roles", "RoleName")
    return {
        "stacks": [stack["StackName"] for stack in CLIENTS["cloudformation"].describe_stacks()["Stacks"]],
        "buckets": buckets,
        "objects": [of["Key"] for page in listed for of in page.get("Contents", [])],
        "functions": names("lambda", "list_functions", "Functions", "FunctionName"),
        "log_groups": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "roles": [role for role in roles if not role.startswith("AWSServiceRoleFor")],
    }


CLIENTS = {service: boto3.client(service) for service in SERVICES}
for _ in sys.stdin:
    print(json.dumps(inventory()), flush=True)
