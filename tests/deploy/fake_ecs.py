"""Asks an account what a deployment to ECS asks, and holds the answers against what AWS documents.

Somebody lets the account's time pass meanwhile, and has decided what becomes of the images `server:exits` and so on."""

import copy
import pathlib
import sys
import time

import boto3
from botocore.exceptions import ClientError, WaiterError

QUICK = {"Delay": 0, "MaxAttempts": 5000}


def refused(code: str, call, **arguments) -> ClientError:
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"{call} was not refused with {code}")


cloudformation = boto3.client("cloudformation")
ecs = boto3.client("ecs")
balancing = boto3.client("elbv2")


def settled(expected: str) -> dict:
    while True:
        found = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            break
    assert found["StackStatus"] == expected, found
    return found


# The surroundings: a cluster, a load balancer, a target group.
stack_id = cloudformation.create_change_set(
    StackName="notes", ChangeSetName="first", ChangeSetType="CREATE", Capabilities=["CAPABILITY_NAMED_IAM"],
    TemplateBody=pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["StackId"]
while cloudformation.describe_change_set(StackName="notes", ChangeSetName="first")["Status"] != "CREATE_COMPLETE":
    pass
cloudformation.execute_change_set(StackName="notes", ChangeSetName="first")
outputs = {of["OutputKey"]: of["OutputValue"] for of in settled("CREATE_COMPLETE")["Outputs"]}
group = outputs["TargetGroupArn"]
[balancer] = balancing.describe_load_balancers()["LoadBalancers"]
assert balancer["DNSName"] == outputs["LoadBalancerName"] and balancer["State"]["Code"] == "active", balancer
[described] = balancing.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
assert described["LoadBalancerArns"] == [balancer["LoadBalancerArn"]] and described["Port"] == 8080, described
assert described["HealthCheckPath"] == "/health" and described["Matcher"] == {"HttpCode": "200"}, described
refused("TargetGroupNotFound", balancing.describe_target_health, TargetGroupArn=group + "0")
refused("LoadBalancerNotFound", balancing.describe_load_balancers, Names=["none"])
[cluster] = ecs.describe_clusters(clusters=["notes"])["clusters"]
assert cluster["status"] == "ACTIVE" and cluster["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"], cluster
assert ecs.describe_clusters(clusters=["none"])["failures"][0]["reason"] == "MISSING"

# Task definitions.
container = {
    "name": "server", "image": "registry.example.com/server:one", "portMappings": [{"containerPort": 8080}],
    "environment": [{"name": "A", "value": "b"}], "healthCheck": {"command": ["CMD", "/server", "--health"]},
    "logConfiguration": {"logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/notes", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "server"}}}
definition = {
    "family": "notes", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
    "executionRoleArn": "notes-execution", "containerDefinitions": [container]}
refused("ClientException", ecs.describe_task_definition, taskDefinition="notes")
refused("ClientException", ecs.register_task_definition, **{**definition, "memory": "600"})
registered = ecs.register_task_definition(**definition, tags=[{"key": "team", "value": "books"}])
first = registered["taskDefinition"]
assert first["taskDefinitionArn"] == "arn:aws:ecs:eu-west-1:123456789012:task-definition/notes:1", first
assert first["revision"] == 1 and first["status"] == "ACTIVE" and first["compatibilities"] == ["EC2", "FARGATE"], first
assert first["executionRoleArn"] == "arn:aws:iam::123456789012:role/notes-execution", first
[of] = first["containerDefinitions"]
assert of["cpu"] == 0 and of["essential"] is True and of["volumesFrom"] == [] and of["mountPoints"] == [], of
assert of["portMappings"] == [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}], of
assert (of["healthCheck"]["interval"], of["healthCheck"]["timeout"], of["healthCheck"]["retries"]) == (30, 5, 3), of
assert ecs.describe_task_definition(taskDefinition="notes", include=["TAGS"])["tags"] == [{"key": "team", "value": "books"}]
assert "tags" not in ecs.describe_task_definition(taskDefinition="notes:1")


def revision(image: str) -> str:
    other = copy.deepcopy(definition)
    other["containerDefinitions"][0]["image"] = f"registry.example.com/server:{image}"
    return ecs.register_task_definition(**other)["taskDefinition"]["taskDefinitionArn"]


network = {"awsvpcConfiguration": {
    "subnets": outputs["TaskSubnets"].split(","), "securityGroups": outputs["TaskSecurityGroups"].split(","),
    "assignPublicIp": "ENABLED"}}
service = {
    "cluster": "notes", "serviceName": "notes", "taskDefinition": "notes:1", "desiredCount": 2,
    "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}], "networkConfiguration": network,
    "loadBalancers": [{"targetGroupArn": group, "containerName": "server", "containerPort": 8080}],
    "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    "healthCheckGracePeriodSeconds": 10, "propagateTags": "SERVICE", "tags": [{"key": "team", "value": "books"}]}
refused("ClusterNotFoundException", ecs.create_service, **{**service, "cluster": "none"})
refused("ClientException", ecs.create_service, **{**service, "taskDefinition": "none"})
without_network = {name: value for name, value in service.items() if name != "networkConfiguration"}
refused("InvalidParameterException", ecs.create_service, **without_network)
assert ecs.describe_services(cluster="notes", services=["notes"])["failures"][0]["reason"] == "MISSING"
refused("ServiceNotFoundException", ecs.update_service, cluster="notes", service="notes", desiredCount=1)


def now(**more) -> dict:
    [found] = ecs.describe_services(cluster="notes", services=["notes"], **more)["services"]
    return found


def until(done) -> dict:
    for _ in range(20000):
        found = now()
        if done(found):
            return found
    raise AssertionError(found)


made = ecs.create_service(**service)["service"]
assert made["status"] == "ACTIVE" and made["runningCount"] == 0 and len(made["deployments"]) == 1, made
assert made["deploymentConfiguration"]["maximumPercent"] == 200 and made["schedulingStrategy"] == "REPLICA", made
assert made["deployments"][0]["rolloutState"] == "IN_PROGRESS" and "events" in made, made
refused("InvalidParameterException", ecs.create_service, **{**service, "desiredCount": 3})
ecs.get_waiter("services_stable").wait(cluster="notes", services=["notes"], WaiterConfig=QUICK)
found = until(lambda found: found["deployments"][0]["rolloutState"] == "COMPLETED")
messages = [event["message"] for event in found["events"]]
assert messages[0] == "(service notes) has reached a steady state.", messages
assert any(message.startswith("(service notes) has started 2 tasks: (task ") for message in messages), messages
assert now(include=["TAGS"])["tags"] == [{"key": "team", "value": "books"}]
tasks = ecs.list_tasks(cluster="notes", serviceName="notes")["taskArns"]
found = ecs.describe_tasks(cluster="notes", tasks=tasks)["tasks"]
assert [of["lastStatus"] for of in found] == ["RUNNING", "RUNNING"], found
assert all(of["group"] == "service:notes" and of["startedBy"] == made["deployments"][0]["id"] for of in found), found
addresses = {of["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for of in found}
health = balancing.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
assert {of["Target"]["Id"] for of in health} == addresses and len(addresses) == 2, (health, addresses)
assert {of["TargetHealth"]["State"] for of in health} == {"healthy"}, health
refused("InvalidParameterException", ecs.execute_command, cluster="notes", task=tasks[0], command="/bin/sh", interactive=True)

# What they take of Fargate, and how much there may be.
usage = {"Namespace": "AWS/Usage", "MetricName": "ResourceCount", "Dimensions": [
    {"Name": name, "Value": value} for name, value in
    {"Service": "Fargate", "Type": "Resource", "Resource": "vCPU", "Class": "Standard/OnDemand"}.items()]}
asked = boto3.client("cloudwatch").get_metric_data(
    StartTime=0, EndTime=time.time(), ScanBy="TimestampDescending", MetricDataQueries=[
        {"Id": "used", "MetricStat": {"Metric": usage, "Period": 300, "Stat": "Maximum"}},
        {"Id": "quota", "Expression": "SERVICE_QUOTA(used)"}, {"Id": "other", "Expression": "SERVICE_QUOTA(none)"}])
values = {of["Id"]: of["Values"] for of in asked["MetricDataResults"]}
assert values == {"used": [0.5], "quota": [6.0], "other": []}, asked

# Another revision: the old one is drained when the new one is healthy.
second = revision("two")
ecs.update_service(cluster="notes", service="notes", taskDefinition=second, enableExecuteCommand=True)
deployments = now()["deployments"]
assert [of["status"] for of in deployments] == ["PRIMARY", "ACTIVE"], deployments
assert [of["taskDefinition"] for of in deployments] == [second, first["taskDefinitionArn"]], deployments
states = set()
while len(now()["deployments"]) > 1:
    health = balancing.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    states |= {of["TargetHealth"]["State"] for of in health}
    assert sum(of["TargetHealth"]["State"] == "healthy" for of in health) >= 2, health
assert states == {"initial", "healthy", "draining"}, states
found = now()
assert found["taskDefinition"] == second and found["deployments"][0]["rolloutState"] == "COMPLETED", found
assert any("has begun draining connections on" in event["message"] for event in found["events"]), found["events"]
tasks = ecs.list_tasks(cluster="notes", serviceName="notes")["taskArns"]
session = ecs.execute_command(cluster="notes", task=tasks[0], command="/bin/sh", interactive=True)["session"]
assert session["sessionId"].startswith("ecs-execute-command-") and session["streamUrl"].startswith("wss://"), session
stopped = ecs.stop_task(cluster="notes", task=tasks[0], reason="on purpose")["task"]
assert stopped["stopCode"] == "UserInitiated" and stopped["stoppedReason"] == "on purpose", stopped
until(lambda found: found["runningCount"] != 2 or found["pendingCount"] > 0)
until(lambda found: found["runningCount"] == 2 and found["pendingCount"] == 0)


def stopped_with(*parts: str) -> dict:
    arns = ecs.list_tasks(cluster="notes", serviceName="notes", desiredStatus="STOPPED")["taskArns"]
    ended = ecs.describe_tasks(cluster="notes", tasks=arns[:100])["tasks"]
    fits = [of for of in ended if all(part in str(of) for part in parts)]
    assert fits, (parts, [(of["stopCode"], of["stoppedReason"]) for of in ended])
    return fits[0]


# What fails is rolled back, and says why.
for image, code, *parts in [
    ("exits", "EssentialContainerExited", "Essential container in task exited", "'exitCode': 3"),
    ("memory", "EssentialContainerExited", "OutOfMemoryError: Container killed due to memory usage", "'exitCode': 137"),
    ("missing", "TaskFailedToStart", "CannotPullContainerError"),
    ("secret", "TaskFailedToStart", "ResourceInitializationError: unable to pull secrets"),
    ("deaf", "ServiceSchedulerInitiated", f"Task failed ELB health checks in (target-group {group})"),
    ("sick", "ServiceSchedulerInitiated", "Task failed container health checks"),
]:
    bad = revision(image)
    failing = ecs.update_service(cluster="notes", service="notes", taskDefinition=bad)["service"]["deployments"][0]["id"]
    found = until(lambda found: found["deployments"][0]["id"] != failing)
    states = {of["id"]: (of["rolloutState"], of["rolloutStateReason"]) for of in found["deployments"]}
    assert states[failing] == ("FAILED", "ECS deployment circuit breaker: tasks failed to start."), states
    ended = stopped_with(image, *parts)
    assert ended["stopCode"] == code, ended
    found = until(lambda found: len(found["deployments"]) == 1 and found["deployments"][0]["rolloutState"] == "COMPLETED")
    assert found["taskDefinition"] == second and found["runningCount"] == 2, found
    messages = [event["message"] for event in found["events"]]
    assert f"(service notes) (deployment {failing}) deployment failed: tasks failed to start." in messages, messages
    assert any("rolling back to deployment ecs-svc/" in message for message in messages), messages
assert any("is unhealthy in (target-group" in message for message in messages) or image != "deaf", messages

# Without capacity nothing comes of it, and the waiter says so.
ecs.update_service(cluster="notes", service="notes", taskDefinition=revision("nowhere"))
try:
    ecs.get_waiter("services_stable").wait(cluster="notes", services=["notes"], WaiterConfig={"Delay": 0, "MaxAttempts": 300})
    raise AssertionError("it is stuck")
except WaiterError:
    found = now()
assert found["deployments"][0]["rolloutState"] == "IN_PROGRESS" and found["deployments"][1]["runningCount"] == 2, found
assert any("was unable to place a task" in event["message"] for event in found["events"]), found["events"]
ecs.update_service(cluster="notes", service="notes", taskDefinition=second)
ecs.get_waiter("services_stable").wait(cluster="notes", services=["notes"], WaiterConfig=QUICK)

# A task that is run once.
once = ecs.run_task(cluster="notes", taskDefinition="notes:2", networkConfiguration=network, startedBy="me")["tasks"][0]
ecs.get_waiter("tasks_running").wait(cluster="notes", tasks=[once["taskArn"]], WaiterConfig=QUICK)
ecs.get_waiter("tasks_stopped").wait(cluster="notes", tasks=[once["taskArn"]], WaiterConfig=QUICK)
[ended] = ecs.describe_tasks(cluster="notes", tasks=[once["taskArn"]])["tasks"]
assert ended["containers"][0]["exitCode"] == 0 and ended["stopCode"] == "EssentialContainerExited", ended

# How far it may be scaled, by what, and when.
scaling = boto3.client("application-autoscaling")
scaled = {"ServiceNamespace": "ecs", "ResourceId": "service/notes/notes", "ScalableDimension": "ecs:service:DesiredCount"}
tracking = {"TargetValue": 50.0, "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}
policy = {**scaled, "PolicyName": "processor", "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}
refused("ObjectNotFoundException", scaling.put_scaling_policy, **policy)
refused("ObjectNotFoundException", scaling.deregister_scalable_target, **scaled)
refused("ValidationException", scaling.register_scalable_target, **{**scaled, "ResourceId": "service/notes/none"}, MinCapacity=1, MaxCapacity=2)
refused("ValidationException", scaling.register_scalable_target, **scaled, MinCapacity=3, MaxCapacity=2)
arn = scaling.register_scalable_target(**scaled, MinCapacity=1, MaxCapacity=4, Tags={"team": "books"})["ScalableTargetARN"]
suspended = {"DynamicScalingOutSuspended": True}
assert scaling.register_scalable_target(**scaled, MaxCapacity=5, SuspendedState=suspended)["ScalableTargetARN"] == arn
[target] = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[scaled["ResourceId"]])["ScalableTargets"]
assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 5), target
assert target["SuspendedState"]["DynamicScalingOutSuspended"] and not target["SuspendedState"]["ScheduledScalingSuspended"], target
assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "books"}
put = scaling.put_scaling_policy(**policy)
assert [of["AlarmName"].split("-")[2] for of in put["Alarms"]] == ["AlarmHigh", "AlarmLow"], put
assert scaling.put_scaling_policy(**policy)["PolicyARN"] == put["PolicyARN"]
[found] = scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId=scaled["ResourceId"])["ScalingPolicies"]
assert found["TargetTrackingScalingPolicyConfiguration"] == {**tracking, "DisableScaleIn": False}, found
action = {**scaled, "ScheduledActionName": "end", "Schedule": "cron(0 19 ? * MON-FRI *)", "Timezone": "Europe/Berlin",
          "ScalableTargetAction": {"MinCapacity": 0, "MaxCapacity": 0}}
refused("ValidationException", scaling.put_scheduled_action, **{**action, "Schedule": "sometimes"})
scaling.put_scheduled_action(**action)
[found] = scaling.describe_scheduled_actions(ServiceNamespace="ecs", ScheduledActionNames=["end"])["ScheduledActions"]
assert found["ScalableTargetAction"] == {"MinCapacity": 0, "MaxCapacity": 0} and found["Timezone"] == "Europe/Berlin", found
scaling.delete_scheduled_action(**scaled, ScheduledActionName="end")
refused("ObjectNotFoundException", scaling.delete_scheduled_action, **scaled, ScheduledActionName="end")
scaling.delete_scaling_policy(**scaled, PolicyName="processor")
refused("ObjectNotFoundException", scaling.delete_scaling_policy, **scaled, PolicyName="processor")
scaling.put_scaling_policy(**policy)
scaling.deregister_scalable_target(**scaled)
assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []

# Old revisions, in both steps.
ecs.deregister_task_definition(taskDefinition="notes:1")
assert ecs.describe_task_definition(taskDefinition="notes:1")["taskDefinition"]["status"] == "INACTIVE"
refused("ClientException", ecs.create_service, **{**service, "serviceName": "other", "taskDefinition": "notes:1"})
deleted = ecs.delete_task_definitions(taskDefinitions=["notes:1", second])
assert [of["status"] for of in deleted["taskDefinitions"]] == ["DELETE_IN_PROGRESS"] and len(deleted["failures"]) == 1, deleted
newest = ecs.list_task_definitions(familyPrefix="notes", sort="DESC")["taskDefinitionArns"]
assert newest[0] > newest[-1] and newest[-1] == second, newest

# A cluster with a service in it stays; a service that drains keeps its name.
cloudformation.delete_stack(StackName="notes")
settled("DELETE_FAILED")
events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
reasons = [event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "DELETE_FAILED"]
assert any("ClusterContainsServicesException" in reason for reason in reasons), reasons
[leaving] = ecs.list_services(cluster="notes")["serviceArns"]
refused("InvalidParameterException", ecs.delete_service, cluster="notes", service="notes")
assert ecs.delete_service(cluster="notes", service=leaving, force=True)["service"]["status"] == "DRAINING"
ecs.get_waiter("services_inactive").wait(cluster="notes", services=["notes"], WaiterConfig=QUICK)
refused("ServiceNotActiveException", ecs.update_service, cluster="notes", service="notes", desiredCount=1)
for arn in ecs.list_task_definitions(familyPrefix="notes")["taskDefinitionArns"]:
    ecs.deregister_task_definition(taskDefinition=arn)
cloudformation.delete_stack(StackName="notes")
settled("DELETE_COMPLETE")
