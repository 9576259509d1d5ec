"""Asks an account what a deployment asks beside CloudFormation, and holds the answers against what AWS documents."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def refused(code: str, call, **arguments) -> ClientError:
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"{call} was not refused with {code}")


assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
location = {"LocationConstraint": "eu-west-1"}
refused("NoSuchBucket", s3.list_objects_v2, Bucket="uploads")
refused("404", s3.head_bucket, Bucket="uploads")
s3.create_bucket(Bucket="uploads", CreateBucketConfiguration=location)
refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="uploads", CreateBucketConfiguration=location)
refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket="uploads")
s3.put_bucket_tagging(Bucket="uploads", Tagging={"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "<2>"}]})
tags = s3.get_bucket_tagging(Bucket="uploads")["TagSet"]
assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "<2>"}], tags
s3.put_public_access_block(Bucket="uploads", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
assert s3.get_public_access_block(Bucket="uploads")["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
s3.put_bucket_lifecycle_configuration(Bucket="uploads", LifecycleConfiguration={"Rules": [
    {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}}]})
assert s3.get_bucket_location(Bucket="uploads")["LocationConstraint"] == "eu-west-1"
lock = s3.put_object(Bucket="uploads", Key="a/lock", Body=b"mine", IfNoneMatch="*", ContentType="application/json")
refused("PreconditionFailed", s3.put_object, Bucket="uploads", Key="a/lock", Body=b"yours", IfNoneMatch="*")
held = s3.get_object(Bucket="uploads", Key="a/lock")
assert held["Body"].read() == b"mine" and held["ETag"] == lock["ETag"] and held["ContentType"] == "application/json"
assert held["LastModified"] == s3.head_object(Bucket="uploads", Key="a/lock")["LastModified"]
refused("PreconditionFailed", s3.delete_object, Bucket="uploads", Key="a/lock", IfMatch='"other"')
taken = s3.put_object(Bucket="uploads", Key="a/lock", Body=b"yours", IfMatch=lock["ETag"])
refused("PreconditionFailed", s3.put_object, Bucket="uploads", Key="a/lock", Body=b"mine", IfMatch=lock["ETag"])
s3.delete_object(Bucket="uploads", Key="a/lock", IfMatch=taken["ETag"])
refused("NoSuchKey", s3.get_object, Bucket="uploads", Key="a/lock")
refused("404", s3.head_object, Bucket="uploads", Key="a/lock")
for number in range(5):
    s3.put_object(Bucket="uploads", Key=f"a/ü {number}+&", Body=b"x" * number)
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="uploads", Prefix="a/", PaginationConfig={"PageSize": 2})
keys = [of["Key"] for page in pages for of in page["Contents"]]
assert keys == [f"a/ü {number}+&" for number in range(5)], keys
refused("BucketNotEmpty", s3.delete_bucket, Bucket="uploads")
s3.delete_objects(Bucket="uploads", Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True})
refused("AccessDenied", s3.list_objects_v2, Bucket="uploads", ExpectedBucketOwner="999999999999")
s3.delete_bucket(Bucket="uploads")

secrets = boto3.client("secretsmanager")
refused("ResourceNotFoundException", secrets.describe_secret, SecretId="app/key")
arn = secrets.create_secret(Name="app/key", SecretString="a-value-nobody-sees", Tags=[{"Key": "mcp-cloud:app", "Value": "app"}])["ARN"]
refused("ResourceExistsException", secrets.create_secret, Name="app/key", SecretString="x")
secrets.put_secret_value(SecretId="app/key", SecretString="a-value-nobody-sees-2")
assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "a-value-nobody-sees-2"
assert secrets.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"] == "a-value-nobody-sees"
assert len(secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]) == 2
named = secrets.list_secrets(Filters=[{"Key": "tag-key", "Values": ["mcp-cloud:app"]}])["SecretList"]
assert [of["Name"] for of in named] == ["app/key"], named
secrets.tag_resource(SecretId=arn, Tags=[{"Key": "team", "Value": "books"}])
secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
refused("InvalidRequestException", secrets.get_secret_value, SecretId=arn)
refused("InvalidRequestException", secrets.create_secret, Name="app/key", SecretString="x")
assert secrets.list_secrets()["SecretList"] == []
assert "DeletedDate" in secrets.describe_secret(SecretId=arn)
secrets.restore_secret(SecretId=arn)
secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
refused("ResourceNotFoundException", secrets.describe_secret, SecretId=arn)

logs = boto3.client("logs")
assert [of["logGroupName"] for of in logs.describe_log_groups()["logGroups"]] == ["/aws/lambda/elsewhere"]
found = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/elsewhere", PaginationConfig={"PageSize": 1})
assert [of["message"] for page in found for of in page["events"]] == ["one line with words", "another line"]
found = logs.filter_log_events(logGroupName="/aws/lambda/elsewhere", filterPattern="words")["events"]
assert [of["message"] for of in found] == ["one line with words"], found
refused("ResourceNotFoundException", logs.filter_log_events, logGroupName="nowhere")

iam = boto3.client("iam")
results = iam.simulate_principal_policy(
    PolicySourceArn="arn:aws:iam::123456789012:user/x", ActionNames=["s3:GetObject", "lambda:InvokeFunction"])
assert [of["EvalDecision"] for of in results["EvaluationResults"]] == ["allowed", "allowed"], results
assert boto3.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
functions = boto3.client("lambda")
assert functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1000
refused("ResourceNotFoundException", functions.get_function, FunctionName="nothing")
refused("ResourceNotFoundException", boto3.client("acm").describe_certificate, CertificateArn="arn:aws:acm:eu-west-1:123456789012:certificate/none")
