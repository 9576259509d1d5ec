"""Furnishes an account with what a doctor has something to say about, and prints the names of it as JSON.

Usage: furnish.py APP ENDPOINT
"""

import json
import sys

import boto3

app, endpoint = sys.argv[1:]
iam = boto3.client("iam")
secrets = boto3.client("secretsmanager")


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


# A pipeline's role: whoever has a token of the provider takes it, and it may not make roles.
provider = iam.create_open_id_connect_provider(Url="https://tokens.example", ClientIDList=["sts.amazonaws.com"])
trust = {"Effect": "Allow", "Principal": {"Federated": provider["OpenIDConnectProviderArn"]}}
role = iam.create_role(
    RoleName="deployer",
    AssumeRolePolicyDocument=document({**trust, "Action": "sts:AssumeRoleWithWebIdentity"}),
)
everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
no_roles = {"Effect": "Deny", "Action": "iam:CreateRole", "Resource": "*"}
iam.put_role_policy(RoleName="deployer", PolicyName="Deploy", PolicyDocument=document(everything, no_roles))

here = secrets.create_secret(Name="here", SecretString="a value that nobody reads")
leaving = secrets.create_secret(Name="leaving", SecretString="a value that nobody reads")
secrets.delete_secret(SecretId=leaving["ARN"], RecoveryWindowInDays=7)

certificate = boto3.client("acm").request_certificate(DomainName="*.example.com", ValidationMethod="DNS")

# The stack of an app whose function is gone.
template = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"McpEndpoint": {"Value": endpoint}},
}
boto3.client("cloudformation").create_stack(
    StackName=app, TemplateBody=json.dumps(template), Tags=[{"Key": "mcp-cloud:app", "Value": app}]
)

print(
    json.dumps(
        {
            "role": role["Role"]["Arn"],
            "here": here["ARN"],
            "leaving": leaving["ARN"],
            "certificate": certificate["CertificateArn"],
        }
    )
)
