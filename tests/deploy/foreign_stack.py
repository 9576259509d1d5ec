"""Creates a stack as somebody else would, who has never heard of us.

Usage: foreign_stack.py NAME
"""

import json
import sys

import boto3

(name,) = sys.argv[1:]
boto3.client("cloudformation").create_stack(
    StackName=name,
    TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
    Tags=[{"Key": "team", "Value": "somebody else"}],
)
