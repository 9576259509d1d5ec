"""Creates each stack of the folders named, first without an image and then with one, as a pipeline does, and registers the
task definition beside it. The SDK checks every member against the service's own model before it sends anything."""

import json
import pathlib
import sys
import time

import boto3
import yaml

# What the emulated service does not know at all, alarms with an expression, and records in a zone that somebody has to own.
ABSENT = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::Route53::RecordSet",
    "AWS::WAFv2::WebACLAssociation",
}
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/server@sha256:" + "0" * 64


def known(path):
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    resources = template["Resources"].items()
    template["Resources"] = {name: one for name, one in resources if one["Type"] not in ABSENT}
    return json.dumps(template)


def settled(cloudformation, name):
    for _ in range(120):
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.25)
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed]
    return stack["StackStatus"], reasons


def main():
    cloudformation, ecs = boto3.client("cloudformation"), boto3.client("ecs")
    wrong = []
    for folder in map(pathlib.Path, sys.argv[1:]):
        template, name = known(folder / "ecs-stack.yaml"), folder.parent.name
        stack = {"StackName": name, "TemplateBody": template, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
        cloudformation.create_stack(**stack)
        if (created := settled(cloudformation, name))[0] != "CREATE_COMPLETE":
            wrong.append((name, created))
            continue
        image = {"ParameterKey": "Image", "ParameterValue": IMAGE}
        cloudformation.update_stack(**stack, Parameters=[image])
        if (updated := settled(cloudformation, name))[0] != "UPDATE_COMPLETE":
            wrong.append((name, updated))
        definition = json.loads((folder / "task-definition.json").read_text(encoding="utf-8"))
        registered = ecs.register_task_definition(**definition)["taskDefinition"]
        if registered["family"] != definition["family"] or registered["requiresCompatibilities"] != ["FARGATE"]:
            wrong.append((name, registered))
        cloudformation.delete_stack(StackName=name)
    sys.exit("\n".join(map(str, wrong)) or None)


if __name__ == "__main__":
    main()
