"""Shows a secret as one JSON object, or makes one as somebody else would.

Usage: secret.py show NAME | make NAME VALUE [TAG]
"""

import json
import sys

import boto3

secrets = boto3.client("secretsmanager")
verb, name, *rest = sys.argv[1:]
if verb == "make":
    value, *tag = rest
    tags = [{"Key": "mcp-cloud:app", "Value": app} for app in tag]
    print(secrets.create_secret(Name=name, SecretString=value, Tags=tags)["ARN"])
else:
    known = secrets.describe_secret(SecretId=name)
    stages = {stage for stages in known["VersionIdsToStages"].values() for stage in stages}
    values = {stage: secrets.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"] for stage in stages}
    tags = {tag["Key"]: tag["Value"] for tag in known["Tags"]}
    print(json.dumps({"arn": known["ARN"], "values": values, "tags": tags}))
