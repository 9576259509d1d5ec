"""Holds the lock of an app as a run on another machine would, and writes it again and again.

Usage: hold_lock.py BUCKET APP TIMES, a second apart
"""

import json
import sys
import time

import boto3

bucket, app, times = sys.argv[1:]
holder = {"run": "feedfacefeedface", "identity": "arn:aws:iam::000000000000:user/somebody", "host": "elsewhere-00000000",
          "process": 1}
s3 = boto3.client("s3")
for beat in range(int(times)):
    s3.put_object(Bucket=bucket, Key=f"mcp-cloud/{app}/lock", Body=json.dumps({**holder, "beat": beat}).encode())
    print(f"beat {beat}", flush=True)
    time.sleep(1)
