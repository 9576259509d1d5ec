"""Makes a bucket.

Usage: make_bucket.py NAME REGION
"""

import sys

import boto3

name, region = sys.argv[1:]
boto3.client("s3", region_name=region).create_bucket(
    Bucket=name, CreateBucketConfiguration={"LocationConstraint": region}
)
