"""Judges files named `host.json` and `function.json`: `azure_functions.py FOLDER_OF_SCHEMAS FILE...`.

The schemas are those of SchemaStore. Where they let through what the host would refuse or ignore, they are closed:
a binding of a type that nobody knows, a member that no HTTP binding has, a method after the first. Where they are
behind the host, what is missing is added. Complaints go to standard output.
"""

import json
import pathlib
import sys

import jsonschema


def host(schema):
    custom_handler = schema["definitions"]["version-2"]["properties"]["customHandler"]
    # Newer than the schema: the host hands on the request itself, and the reply as it comes.
    custom_handler["properties"]["enableProxyingHttpRequest"] = {"type": "boolean"}
    custom_handler["properties"]["http"] = {
        "type": "object",
        "properties": {
            "defaultAuthorizationLevel": {"enum": ["anonymous", "function", "admin"]},
            "routes": {
                "type": "array",
                "items": {"type": "object", "properties": {"route": {"type": "string"}}, "additionalProperties": False},
            },
        },
        "additionalProperties": False,
    }
    schema["definitions"]["version-2"]["properties"]["configurationProfile"] = {"enum": ["mcp-custom-handler"]}
    custom_handler["properties"]["description"]["additionalProperties"] = False
    custom_handler["required"] = ["description"]
    custom_handler["properties"]["description"]["required"] = ["defaultExecutablePath"]
    # Nothing new is written for the first version of the host, and two alternatives hide what is wrong with one.
    del schema["oneOf"]
    return {**schema, "allOf": [{"$ref": "#/definitions/version-2"}], "required": ["version"]}


def function(schema):
    definitions = schema["definitions"]
    of_all = definitions["bindingBase"]["properties"]
    trigger, output = definitions["httpBinding"]["oneOf"]
    for one in (trigger, output):
        one["properties"] = {**of_all, **one["properties"]}
        one["additionalProperties"] = False
    # A list here means: the first of them alone.
    trigger["properties"]["methods"]["items"] = trigger["properties"]["methods"]["items"][0]
    definitions["dynamicBinding"] = {"not": {}}
    return {**schema, "required": ["bindings"]}


def complaints(path, schemas):
    close = {"host.json": host, "function.json": function}[path.name]
    schema = close(json.loads((schemas / path.name).read_text(encoding="utf-8")))
    try:
        instance = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return [f"is not JSON: {error}"]
    errors = jsonschema.Draft4Validator(schema).iter_errors(instance)
    # Below an alternative the deepest complaint says most.
    best = [jsonschema.exceptions.best_match([error]) for error in errors]
    return [f"{error.json_path}: {error.message[:300]}" for error in best]


if __name__ == "__main__":
    schemas = pathlib.Path(sys.argv[1])
    found = [f"{path}: {one}" for path in map(pathlib.Path, sys.argv[2:]) for one in complaints(path, schemas)]
    print("\n".join(found))
    sys.exit(bool(found))
