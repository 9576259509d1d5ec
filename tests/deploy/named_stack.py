"""Creates a stack that names something and does nothing, as one of mcp-cloud's for an app.

Usage: stack.py APP TEXT
"""

import json
import sys

import boto3

app, text = sys.argv[1:]
handle = {"Type": "AWS::CloudFormation::WaitConditionHandle", "Metadata": {"Text": text}}
boto3.client("cloudformation").create_stack(
    StackName=app,
    TemplateBody=json.dumps({"Resources": {"Handle": handle}}),
    Tags=[{"Key": "mcp-cloud:app", "Value": app}],
)
