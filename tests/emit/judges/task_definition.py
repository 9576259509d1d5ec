"""Judges what `aws ecs register-task-definition --cli-input-json` takes: `task_definition.py FILE...`.

The model of RegisterTaskDefinition that botocore ships says which members there are, of what type, which are required
and how long and large they may be. botocore passes unknown values of enumerations on to the service, which refuses
them; here they are refused. Nothing is sent. Complaints go to standard output.
"""

import json
import pathlib
import sys

import botocore.session
from botocore.validate import ParamValidator


def enumerations(value, shape, path):
    """Values that the service would refuse, and unknown members of unions, which the validator leaves out."""
    if value is None:
        yield f"{path} is null"
    elif shape.type_name == "structure" and isinstance(value, dict):
        for name, member in value.items():
            if name in shape.members:
                yield from enumerations(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for index, member in enumerate(value):
            yield from enumerations(member, shape.member, f"{path}[{index}]")
    elif shape.type_name == "map" and isinstance(value, dict):
        for name, member in value.items():
            yield from enumerations(member, shape.value, f"{path}.{name}")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{path} is {value!r}, not one of {', '.join(shape.enum)}"


def complaints(path, shape):
    try:
        definition = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        return [f"is not JSON: {error}"]
    report = ParamValidator().validate(definition, shape)
    return [*report.generate_report().splitlines(), *enumerations(definition, shape, "$")]


if __name__ == "__main__":
    model = botocore.session.Session().get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    found = [f"{path}: {one}" for path in sys.argv[1:] for one in complaints(path, shape)]
    print("\n".join(found))
    sys.exit(bool(found))
