"""Expands templates, SAM or plain, as CloudFormation would: `expand.py OUTPUT_DIRECTORY TEMPLATE...`.

Writes each expanded template as JSON into the directory, the first as `0.json`, and fails with the translator's own
words when it does not accept one. Nothing is asked of AWS: the managed policies that the translator
would look up there are the few below.
"""

import json
import os
import pathlib
import sys

# The translator asks for the partition of a region when it is not inside AWS.
os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


MANAGED_POLICIES = {"AWSLambdaBasicExecutionRole": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}


def main(output, templates):
    failed = False
    for index, path in enumerate(map(pathlib.Path, templates)):
        template = yaml_parse(path.read_text(encoding="utf-8"))
        # CloudFormation uploads nothing: by then `sam package` has put a bucket where the directory was.
        for resource in template["Resources"].values():
            if isinstance(resource.get("Properties", {}).get("CodeUri"), str):
                resource["Properties"]["CodeUri"] = {"Bucket": "packaged", "Key": "packaged.zip"}
        try:
            expanded = Translator(MANAGED_POLICIES, Parser()).translate(template, {})
        except Exception as error:  # the translator raises several kinds, each of which means that it refuses
            causes = getattr(error, "causes", None) or [error]
            print(f"{path}: {'; '.join(str(getattr(cause, 'message', cause)) for cause in causes)}", file=sys.stderr)
            failed = True
            continue
        text = json.dumps(expanded, indent=2, ensure_ascii=False)
        pathlib.Path(output, f"{index}.json").write_text(text, encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
