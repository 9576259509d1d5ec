"""Shows which version the alias `live` of a function points to, and how much memory that version has.

Usage: alias.py FUNCTION
"""

import json
import sys

import boto3

(function,) = sys.argv[1:]
functions = boto3.client("lambda")
version = functions.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
memory = functions.get_function_configuration(FunctionName=function, Qualifier=version)["MemorySize"]
print(json.dumps({"version": version, "memory": memory}))
