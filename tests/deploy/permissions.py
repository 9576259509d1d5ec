"""What CloudFormation calls for types of resources, by their schemas: `permissions.py TYPE...`.

Prints an object: type, then handler, then actions. A type that has no schema of that kind is left out. The schemas are those
that cfn-lint brings, which it takes from AWS's own registry.
"""

import json
import pathlib
import sys

import cfnlint


def main(kinds):
    found = {}
    for path in pathlib.Path(cfnlint.__file__).parent.glob("data/schemas/resources/*.json"):
        text = path.read_text(encoding="utf-8")
        if '"handlers"' not in text:
            continue
        schema = json.loads(text)
        if schema["typeName"] in kinds:
            handlers = schema["handlers"].items()
            found[schema["typeName"]] = {name: handler["permissions"] for name, handler in handlers if name != "list"}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
