"""Judges YAML by Google's discovery documents: `discovery.py API MESSAGE FILE...`, such as `run.v1 Service FILE`.

The documents that google-api-python-client ships describe every member of every message. They become JSON Schema in
which no other members are allowed, nor those that the service fills in, nor values that an enumeration lacks.
Complaints go to standard output.
"""

import importlib.util
import json
import pathlib
import re
import sys

import jsonschema
import yaml


class Yaml12(yaml.SafeLoader):
    """YAML as Go reads it, where `on` is text and dates are text."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))

# JSON carries 64-bit integers as strings, and the servers take both.
INT64 = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]}
FORMATS = {
    "google-duration": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,9})?s$"},
    "int64": INT64,
    "uint64": INT64,
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
}


def converted(schema):
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    kind = schema.get("type")
    if kind == "any":
        return True
    if kind == "array":
        return {"type": "array", "items": converted(schema["items"])}
    if kind == "object" and "additionalProperties" in schema:
        return {"type": "object", "additionalProperties": converted(schema["additionalProperties"])}
    if kind == "object":
        members = schema.get("properties", {})
        writable = {name: converted(member) for name, member in members.items() if not member.get("readOnly")}
        return {"type": "object", "properties": writable, "additionalProperties": False}
    if "enum" in schema:
        return {"enum": schema["enum"]}
    return FORMATS.get(schema.get("format"), {"type": kind})


def validator(api, root):
    package = pathlib.Path(importlib.util.find_spec("googleapiclient").origin).parent
    document = json.loads((package / f"discovery_cache/documents/{api}.json").read_text(encoding="utf-8"))
    schema = {"$ref": f"#/$defs/{root}", "$defs": {name: converted(one) for name, one in document["schemas"].items()}}
    if api == "run.v1":
        # The document says it in words: who writes one of these names its version, kind and name, and no status.
        schema["$defs"][root]["required"] = ["apiVersion", "kind", "metadata", "spec"]
        schema["$defs"][root]["properties"]["apiVersion"] = {"const": "serving.knative.dev/v1"}
        schema["$defs"][root]["properties"]["kind"] = {"const": root}
        schema["$defs"][root]["properties"].pop("status")
        schema["$defs"]["ObjectMeta"]["required"] = ["name"]
        schema["$defs"]["Container"]["required"] = ["image"]
        # A template's own name is optional.
        template = {**schema["$defs"]["ObjectMeta"]}
        template.pop("required")
        schema["$defs"]["RevisionTemplate"]["properties"]["metadata"] = template
    return jsonschema.Draft202012Validator(schema)


def complaints(path, judge):
    try:
        documents = list(yaml.load_all(pathlib.Path(path).read_text(encoding="utf-8"), Loader=Yaml12))
    except yaml.YAMLError as error:
        return [f"is not YAML: {error}"]
    if len(documents) != 1:
        return [f"holds {len(documents)} documents, not one"]
    return [f"{error.json_path}: {error.message}" for error in judge.iter_errors(documents[0])]


if __name__ == "__main__":
    judge = validator(*sys.argv[1:3])
    found = [f"{path}: {one}" for path in sys.argv[3:] for one in complaints(path, judge)]
    print("\n".join(found))
    sys.exit(bool(found))
