"""Puts lines into a stream of a log group, and makes the group if it is not there.

Usage: put_log.py GROUP STREAM AGE-IN-SECONDS LINE…
"""

import sys
import time

import boto3

group, stream, age, *lines = sys.argv[1:]
logs = boto3.client("logs")
for make, names in ((logs.create_log_group, {}), (logs.create_log_stream, {"logStreamName": stream})):
    try:
        make(logGroupName=group, **names)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
now = int((time.time() - float(age)) * 1000)
events = [{"timestamp": now + index, "message": line} for index, line in enumerate(lines)]
logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
