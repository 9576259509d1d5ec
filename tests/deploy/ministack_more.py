"""MiniStack, and what it lacks of the Fargate and the load balancer that are on AWS.

Types of resources that it does not know are taken for made: nobody here looks at what they do.
"""

import contextlib
import sys
import time
import urllib.request

from ministack.app import main
from ministack.services import alb, ecr, ecs
from ministack.services.cloudformation import provisioners

# Alarms are known, but not those with an expression.
TAKEN = [
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::WAFv2::WebACLAssociation",
]
# The longest stop timeout of Fargate. What ends by itself ends earlier.
STOP_SECONDS = 120
# How often the load balancer looks after a target that is new, which takes longer on AWS.
CHECK_SECONDS = 0.5


def make(logical_id, properties, stack_name):
    return f"{stack_name}-{logical_id}", {"Arn": f"arn:aws:none:::{stack_name}-{logical_id}"}


def change(physical_id, *_):
    return physical_id, {}


def remove(*_):
    return None


for kind in TAKEN:
    provisioners._RESOURCE_HANDLERS[kind] = {"create": make, "update": change, "delete": remove}


def with_memory_of_task(build):
    """A task has as much memory as its definition says, and no other place to put things
    (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html)."""

    def build_and_limit(container, definition, *others):
        memory = f"{definition['memory']}m"
        return {**build(container, definition, *others), "mem_limit": memory, "memswap_limit": memory}

    return build_and_limit


def with_lack_of_memory_told(look):
    """What was killed for its memory says so
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html)."""

    def tell(task, ids):
        client = ecs._get_docker()
        for container, docker_id in zip(task["containers"], ids, strict=False):
            with contextlib.suppress(Exception):
                if client.containers.get(docker_id).attrs["State"]["OOMKilled"]:
                    container["reason"] = "OutOfMemoryError: Container killed due to memory usage"

    def tell_and_look(task, docker=None):
        ids = list(task.get("_docker_ids") or [])
        tell(task, ids)
        look(task, docker)
        # It may have been killed meanwhile.
        if task.get("lastStatus") == "STOPPED":
            tell(task, ids)

    return tell_and_look


def without_cache(run):
    """Each task of Fargate pulls its image: there is no machine that still has it
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html)."""
    return lambda *arguments, **options: run(*arguments, **{**options, "allow_cached": False})


def with_time_to_end(remove_container):
    """What is asked to end has the time that its definition says, and not five seconds
    (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html)."""

    def stop_and_remove(docker, container):
        with contextlib.suppress(Exception):
            stopped = docker.containers.get(container) if isinstance(container, str) else container
            stopped.stop(timeout=STOP_SECONDS)
        remove_container(docker, container)

    return stop_and_remove


def without_removed(resolve):
    """An image that was removed cannot be pulled by its digest either
    (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html)."""

    def resolve_listed(repository, reference):
        found = resolve(repository, reference)
        listed = {image["imageDigest"] for image in ecr._images.get(repository, [])}
        return found if found[0] in listed else (None, None, None)

    return resolve_listed


def answers(service, task):
    """Whether a task answers the health checks of its load balancers as they want."""
    for balancer in ecs._services[service].get("loadBalancers") or []:
        group = alb._tgs[balancer["targetGroupArn"]]
        check = f"http://{address(task)}:{balancer['containerPort']}{group['HealthCheckPath']}"
        with contextlib.suppress(OSError), urllib.request.urlopen(check, timeout=CHECK_SECONDS) as reply:
            if str(reply.status) == group["Matcher"]["HttpCode"]:
                continue
        return False
    return True


def once_it_answers(record):
    """A task counts, and takes the place of an older one, when the load balancer has found it healthy, and not a second
    after it was started (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html)."""

    def wait_and_record(service, task):
        while ecs._task_is_active(task["taskArn"], task):
            if answers(service, task):
                task["_answers"] = True
                record(service, task)
                return
            time.sleep(CHECK_SECONDS)

    return wait_and_record


def address_of_healthy(task):
    """Nothing is sent to a target before it is healthy
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html)."""
    return address(task) if task.get("_answers") else None


address = ecs._task_ip
ecs._task_ip = address_of_healthy
ecs._record_service_task_healthy = once_it_answers(ecs._record_service_task_healthy)
ecr._resolve_manifest = without_removed(ecr._resolve_manifest)
ecs._build_run_kwargs = with_memory_of_task(ecs._build_run_kwargs)
ecs._maybe_mark_stopped = with_lack_of_memory_told(ecs._maybe_mark_stopped)
ecs._run_docker_container = without_cache(ecs._run_docker_container)
ecs._remove_docker_container = with_time_to_end(ecs._remove_docker_container)

sys.exit(main())
