"""Does something to a stack, as a program other than ours would, and does not wait for it.

Usage: stack.py create|delete NAME

The stack that is created has our tag, takes three seconds, and fails.
"""

import json
import sys

import boto3

what, name = sys.argv[1:]
cloudformation = boto3.client("cloudformation")
if what == "delete":
    cloudformation.delete_stack(StackName=name)
else:
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    never = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "3"},
    }
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": {"Handle": handle, "Never": never}}),
        Tags=[{"Key": "mcp-cloud:app", "Value": name}],
    )
