"""Makes, finds unchanged, changes and removes stacks: `fake_stack.py TEMPLATE EXPANDED [TEMPLATE EXPANDED]...`.

EXPANDED is what SAM's own translator makes of the template; the processed template has to hold the same resources, but
for the digits with which names change when content does.
"""

import json
import re
import sys

import boto3
from botocore.exceptions import ClientError


def resources(template: dict) -> dict[str, str]:
    return {re.sub(r"(Version|Deployment|V2|DomainName|RecordSetGroup)[0-9a-f]{10}$", r"\1", name): of["Type"]
            for name, of in template["Resources"].items()}


def settled(stack: str, expected: str) -> dict:
    for _ in range(200):
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            break
    events = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    reasons = [event for page in events for event in page["StackEvents"] if "FAILED" in event["ResourceStatus"]]
    assert found["StackStatus"] == expected, (found, reasons)
    return found


def change_set(name: str, kind: str, template: str, **more) -> dict:
    cloudformation.create_change_set(
        StackName="notes", ChangeSetName=name, ChangeSetType=kind, TemplateBody=template,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"], **more)
    while True:
        found = cloudformation.describe_change_set(StackName="notes", ChangeSetName=name)
        if not found["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
            return found


def text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


cloudformation = boto3.client("cloudformation")
functions = boto3.client("lambda")
s3 = boto3.client("s3")
secrets = boto3.client("secretsmanager")


def live(path: str, translated: str) -> None:
    s3.create_bucket(Bucket="packaged", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="packaged", Key="packaged.zip", Body=b"code")
    template = re.sub(r"CodeUri: .*", "CodeUri:\n        Bucket: packaged\n        Key: packaged.zip", text(path))
    if "{{resolve:" in template:
        # References to secrets of another account mean one of this.
        keys = {key: "1" for key in re.findall(r":SecretString:(\w+)", template)}
        arn = secrets.create_secret(Name="notes/key", SecretString=json.dumps(keys))["ARN"]
        template = re.sub(r"(\{\{resolve:secretsmanager:)arn:[^}]*(:SecretString)", rf"\g<1>{arn}\2", template)

    made = change_set("first", "CREATE", template)
    assert made["Status"] == "CREATE_COMPLETE", made
    assert all(change["ResourceChange"]["Action"] == "Add" for change in made["Changes"]), made
    cloudformation.execute_change_set(StackName="notes", ChangeSetName="first")
    stack = settled("notes", "CREATE_COMPLETE")
    assert all("${" not in output["OutputValue"] for output in stack["Outputs"]), stack
    processed = cloudformation.get_template(StackName="notes", TemplateStage="Processed")["TemplateBody"]
    processed = processed if isinstance(processed, dict) else json.loads(processed)
    expanded = json.loads(text(translated))
    assert resources(processed) == resources(expanded), (resources(processed), resources(expanded))

    same = change_set("same", "UPDATE", template)
    assert same["Status"] == "FAILED" and "No updates are to be performed" in same["StatusReason"], same
    tagged = change_set("tags", "UPDATE", template, Tags=[{"Key": "team", "Value": "books"}])
    assert tagged["Status"] == "CREATE_COMPLETE", tagged
    if "MemorySize: " in template:
        more = change_set("more", "UPDATE", re.sub(r"MemorySize: \d+", "MemorySize: 2048", template))
        function = next(of["ResourceChange"] for of in more["Changes"] if of["ResourceChange"]["LogicalResourceId"] == "Server")
        assert function["Replacement"] == "False" and function["Action"] == "Modify", function
        assert [detail["Target"].get("Name") for detail in function["Details"]] == ["MemorySize"], function
        cloudformation.execute_change_set(StackName="notes", ChangeSetName="more")
        settled("notes", "UPDATE_COMPLETE")
        memory = functions.get_function_configuration(FunctionName="notes")["MemorySize"]
        assert memory == 2048, memory

    detection = cloudformation.detect_stack_drift(StackName="notes")["StackDriftDetectionId"]
    drift = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    found = cloudformation.describe_stack_resource_drifts(StackName="notes")["StackResourceDrifts"]
    assert drift["StackDriftStatus"] == "IN_SYNC", [of for of in found if of["StackResourceDriftStatus"] != "IN_SYNC"]

    cloudformation.delete_stack(StackName="notes")
    settled(stack["StackId"], "DELETE_COMPLETE")
    try:
        cloudformation.describe_stacks(StackName="notes")
        raise AssertionError("it is gone")
    except ClientError as error:
        assert "does not exist" in str(error), error
    s3.delete_objects(Bucket="packaged", Delete={"Objects": [{"Key": "packaged.zip"}]})
    s3.delete_bucket(Bucket="packaged")
    for secret in secrets.list_secrets()["SecretList"]:
        secrets.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)


for path, translated in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        live(path, translated)
    except Exception as error:
        error.add_note(path)
        raise
