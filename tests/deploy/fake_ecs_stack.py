"""Makes the stack of each folder named without an image, then gives it one and another one, and removes it."""

import pathlib
import sys

import boto3
from botocore.exceptions import ClientError

IMAGE = "registry.example.com/server@sha256:"
cloudformation = boto3.client("cloudformation")
scaling = boto3.client("application-autoscaling")


def settled(stack: str, expected: str) -> dict:
    for _ in range(500):
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            break
    events = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    reasons = [event for page in events for event in page["StackEvents"] if "FAILED" in event["ResourceStatus"]]
    assert found["StackStatus"] == expected, (found, reasons)
    return found


def change_set(name: str, kind: str, template: str, image: str) -> dict:
    cloudformation.create_change_set(
        StackName="server", ChangeSetName=name, ChangeSetType=kind, TemplateBody=template,
        Parameters=[{"ParameterKey": "Image", "ParameterValue": image}], Capabilities=["CAPABILITY_NAMED_IAM"])
    while True:
        found = cloudformation.describe_change_set(StackName="server", ChangeSetName=name)
        if not found["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
            return found


def changes(found: dict) -> dict[str, tuple]:
    of = [change["ResourceChange"] for change in found["Changes"]]
    return {of["LogicalResourceId"]: (of["Action"], of.get("Replacement")) for of in of}


def live(template: str) -> None:
    made = changes(change_set("first", "CREATE", template, ""))
    assert "Service" not in made and "TaskDefinition" not in made and "LoadBalancer" in made, made
    cloudformation.execute_change_set(StackName="server", ChangeSetName="first")
    stack = settled("server", "CREATE_COMPLETE")
    outputs = {of["OutputKey"]: of["OutputValue"] for of in stack["Outputs"]}
    assert all("${" not in value for value in outputs.values()), outputs
    assert outputs["TargetGroupArn"].startswith("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/"), outputs

    same = change_set("same", "UPDATE", template, "")
    assert same["Status"] == "FAILED" and "didn't contain changes" in same["StatusReason"], same
    with_service = changes(change_set("service", "UPDATE", template, IMAGE + "1" * 64))
    assert with_service["Service"] == ("Add", None) and with_service["ScalableTarget"] == ("Add", None), with_service
    assert all(action == "Add" for action, _ in with_service.values()), with_service
    cloudformation.execute_change_set(StackName="server", ChangeSetName="service")
    settled("server", "UPDATE_COMPLETE")

    other = changes(change_set("other", "UPDATE", template, IMAGE + "2" * 64))
    assert other["TaskDefinition"] == ("Modify", "True") and other["Service"] == ("Modify", "False"), other
    cloudformation.execute_change_set(StackName="server", ChangeSetName="other")
    settled("server", "UPDATE_COMPLETE")

    [target] = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert target["ResourceId"].startswith("service/") and target["MaxCapacity"] >= 1, target
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId=target["ResourceId"])["ScalingPolicies"]

    detection = cloudformation.detect_stack_drift(StackName="server")["StackDriftDetectionId"]
    drift = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    found = cloudformation.describe_stack_resource_drifts(StackName="server")["StackResourceDrifts"]
    # Where requests move, ECS writes the weights of the rule, and CloudFormation calls that drift.
    drifted = [of for of in found if of["StackResourceDriftStatus"] != "IN_SYNC" and of["LogicalResourceId"] != "ProductionRule"]
    assert not drifted and drift["DetectionStatus"] == "DETECTION_COMPLETE", drifted

    cloudformation.delete_stack(StackName="server")
    settled(stack["StackId"], "DELETE_COMPLETE")
    try:
        cloudformation.describe_stacks(StackName="server")
        raise AssertionError("it is gone")
    except ClientError as error:
        assert "does not exist" in str(error), error


for path in sys.argv[1:]:
    try:
        live(pathlib.Path(path).read_text(encoding="utf-8"))
    except Exception as error:
        error.add_note(path)
        raise
