"""Makes the stack of a folder as a pipeline does: first without an image, then with the one named, which is pushed to the
repository that the stack made. Asks the server through the load balancer, and prints what it saw."""

import json
import os
import pathlib
import platform
import sys
import time
import urllib.request

import boto3
import docker
from ecs_stacks import known, settled

PATIENCE_SECONDS = 60


def push(image):
    client = docker.from_env()
    for line in client.images.push(image, stream=True, decode=True):
        if "error" in line:
            sys.exit(f"{image} cannot be pushed: {line['error']}")
    return client.images.get(image).attrs["RepoDigests"][0]


def ask(host, method, params):
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"Host": host, "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    address = os.environ["AWS_ENDPOINT_URL"] + "/mcp"
    request = urllib.request.Request(address, data=json.dumps(message).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)["result"]


def patiently(what, look):
    start = time.monotonic()
    while not (seen := look()):
        if time.monotonic() - start > PATIENCE_SECONDS:
            sys.exit(f"{what} in {PATIENCE_SECONDS} s")
        time.sleep(0.25)
    return seen


def main():
    folder, image = pathlib.Path(sys.argv[1]), sys.argv[2]
    cloudformation, ecs, balancers = boto3.client("cloudformation"), boto3.client("ecs"), boto3.client("elbv2")
    # The image is for this machine's processor.
    architecture = "ARM64" if platform.machine() in ("aarch64", "arm64") else "X86_64"
    template = known(folder / "ecs-stack.yaml").replace("ARM64", architecture)
    name = folder.parent.name
    stack = {"StackName": name, "TemplateBody": template, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    cloudformation.create_stack(**stack)
    if (created := settled(cloudformation, name))[0] != "CREATE_COMPLETE":
        sys.exit(str(created))
    parameters = [{"ParameterKey": "Image", "ParameterValue": push(image)}]
    cloudformation.update_stack(**stack, Parameters=parameters)
    if (updated := settled(cloudformation, name))[0] != "UPDATE_COMPLETE":
        sys.exit(str(updated))
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}

    def service():
        named = {"cluster": outputs["ClusterName"], "services": [outputs["ServiceName"]]}
        found = ecs.describe_services(**named)["services"][0]
        # The rollout is said to be over before what it started is counted.
        is_done = found["deployments"][0]["rolloutState"] == "COMPLETED" and found["runningCount"] == found["desiredCount"]
        return found if is_done else None

    def healthy():
        targets = balancers.describe_target_health(TargetGroupArn=outputs["TargetGroupArn"])
        states = [target["TargetHealth"]["State"] for target in targets["TargetHealthDescriptions"]]
        return states and all(state == "healthy" for state in states)

    found = patiently("the service is not rolled out", service)
    patiently("no target is healthy", healthy)
    host = outputs["LoadBalancerName"]
    tools = ask(host, "tools/list", {})["tools"]
    added = ask(host, "tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}})
    seen = {
        "tools": sorted(tool["name"] for tool in tools),
        "sum": added["content"][0]["text"],
        "running": found["runningCount"],
        "rollout": found["deployments"][0]["rolloutState"],
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
