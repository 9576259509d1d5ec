"""Judges Bicep files without the Bicep compiler, which no package registry carries: `bicep.py FILE...`.

Syntax by the grammar of tree-sitter; names by what the file declares; resources of the types listed below by the
types of Microsoft's own management SDK: unknown members, wrong kinds of values and values that an enumeration lacks.
What is computed (a reference, a call, a string with a hole) fits everywhere. Complaints go to standard output.
"""

import enum
import importlib
import pathlib
import re
import sys

import tree_sitter
import tree_sitter_bicep
import typing_extensions as typing

# The SDK describes the newest version of each API, and what a version adds the later ones keep. Where it describes
# none in a form that can be read here, only the name of the type is held against this list.
TYPES = {
    "microsoft.storage/storageaccounts": ("storage", "StorageAccountCreateParameters"),
    "microsoft.storage/storageaccounts/blobservices": ("storage", "BlobServiceProperties"),
    "microsoft.storage/storageaccounts/blobservices/containers": ("storage", "BlobContainer"),
    "microsoft.web/serverfarms": ("web", "AppServicePlan"),
    "microsoft.web/sites": ("web", "Site"),
    # Of the configurations of a site only `authsettingsV2` is emitted.
    "microsoft.web/sites/config": ("web", "SiteAuthSettingsV2"),
    "microsoft.web/sites/basicpublishingcredentialspolicies": ("web", "CsmPublishingCredentialsPoliciesEntity"),
    "microsoft.authorization/roleassignments": None,
    "microsoft.insights/components": None,
    "microsoft.operationalinsights/workspaces": None,
    "microsoft.managedidentity/userassignedidentities": None,
    "microsoft.keyvault/vaults": None,
    "microsoft.keyvault/vaults/secrets": None,
}
# What the language itself allows in the body of every resource.
OF_THE_LANGUAGE = {"name", "parent", "scope", "dependsOn", "location", "tags"}
FUNCTIONS = set(
    """any array base64 base64ToJson base64ToString bool cidrHost cidrSubnet concat contains dataUri dateTimeAdd
    dateTimeFromEpoch dateTimeToEpoch deployment empty endsWith environment extensionResourceId fail filter first
    flatten format getSecret groupBy guid indexOf int intersection items join json last lastIndexOf length
    listAccountSas listKeys listKeyValue listSecrets loadFileAsBase64 loadJsonContent loadTextContent loadYamlContent
    managementGroup managementGroupResourceId map mapValues max min newGuid objectKeys padLeft parseCidr
    pickZones range readEnvironmentVariable reduce reference replace resourceGroup resourceId
    shallowMerge skip sort split startsWith string subscription subscriptionResourceId substring take tenant
    tenantResourceId toLogicalZone toLower toObject toPhysicalZone toUpper trim union uniqueString uri uriComponent
    uriComponentToString utcNow allowed batchSize description discriminator export maxLength maxValue metadata
    minLength minValue sealed secure""".split()
)
NAMESPACES = {"az", "sys"}
PRIMITIVE_TYPES = {"string", "int", "bool", "object", "array", "any"}
DECLARING = {"for_statement", "lambda_expression", "parameter", "user_defined_function"}
COMPUTED = object()


def text(node):
    return node.text.decode("utf-8")


def at(node, message):
    return f"line {node.start_point[0] + 1}: {message}"


def nodes(node):
    yield node
    for child in node.children:
        yield from nodes(child)


def syntax(tree):
    for node in nodes(tree):
        if node.is_missing:
            yield at(node, f"`{node.type}` is missing")
        elif node.type == "ERROR":
            yield at(node, f"is not Bicep: `{text(node)[:60]}`")
        elif node.type in ("object", "array"):
            # The grammar takes two members on one line; the compiler wants a comma between them.
            members = [child for child in node.children if child.is_named and child.type != "comment"]
            for before, after in zip(members, members[1:]):
                between = node.text[before.end_byte - node.start_byte : after.start_byte - node.start_byte]
                if b"," not in between and b"\n" not in between:
                    yield at(after, f"`{text(after)[:60]}` needs a comma or a line of its own")
        elif node.type == "object_property" and node.named_child_count < 2 and "resource" not in node.children[0].type:
            yield at(node, f"`{text(node)[:60]}` has no value")


def names(tree):
    declared, used = set(), []
    for node in nodes(tree):
        if node.type.endswith("_declaration") or node.type in DECLARING:
            # What comes after the first is what it is made of; a lambda can have several in parentheses.
            first = node.named_children[0]
            several = node.type == "lambda_expression" and first.type == "parenthesized_expression"
            declared.update(text(child) for child in (first.named_children if several else [first]))
        elif node.type in ("loop_variable", "loop_enumerator"):
            declared.add(text(node))
        elif node.type == "identifier":
            used.append(node)
    for node in used:
        parent, name = node.parent, text(node)
        key = parent.type == "object_property" and parent.named_children[0].id == node.id
        if key or name in declared or name in NAMESPACES:
            continue
        called = parent.type == "call_expression" and parent.child_by_field_name("function").id == node.id
        if called and name not in FUNCTIONS:
            yield at(node, f"there is no function `{name}`")
        elif parent.type == "type" and name not in PRIMITIVE_TYPES:
            yield at(node, f"there is no type `{name}`")
        elif not called and parent.type != "type":
            yield at(node, f"nothing is named `{name}`")


def value(node):
    """What a literal says, in the shape of JSON; keys keep their nodes. Everything else is computed."""
    if node.type == "object":
        members = [child for child in node.named_children if child.type == "object_property"]
        pairs = [[child for child in member.named_children if child.type != "comment"] for member in members]
        return {text(pair[0]).strip("'"): (pair[0], value(pair[-1])) for pair in pairs if len(pair) > 1}
    if node.type == "array":
        return [value(child) for child in node.named_children if child.type != "comment"]
    if node.type == "string":
        plain = all(child.type == "string_content" for child in node.named_children)
        return "".join(map(text, node.named_children)) if plain else COMPUTED
    if node.type == "number":
        return int(text(node))
    return text(node) == "true" if node.type == "boolean" else COMPUTED


def fits(found, kind, path, node):
    """What keeps a value from being of a kind."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if found is COMPUTED or kind is typing.Any or kind is object:
        return
    if origin in (typing.Required, typing.NotRequired):
        yield from fits(found, arguments[0], path, node)
    elif origin is typing.Union:
        # `Union[str, AnEnum]`: the SDK takes what it does not know yet; the platform of today does not.
        enums = [one for one in arguments if isinstance(one, type) and issubclass(one, enum.Enum)]
        attempts = [list(fits(found, one, path, node)) for one in enums or arguments if one is not type(None)]
        if all(attempts):
            yield from attempts[0]
    elif origin is typing.Literal:
        if found not in [one.value if isinstance(one, enum.Enum) else one for one in arguments]:
            yield at(node, f"`{path}` cannot be `{found}`")
    elif origin in (list, dict):
        if not isinstance(found, origin):
            yield at(node, f"`{path}` is not a {origin.__name__}")
        elif origin is list:
            for index, one in enumerate(found):
                yield from fits(one, arguments[0], f"{path}[{index}]", node)
        else:
            for key, (where, one) in found.items():
                yield from fits(one, arguments[1], f"{path}.{key}", where)
    elif typing.is_typeddict(kind):
        yield from members(found, kind, path, node)
    elif issubclass(kind, enum.Enum):
        if found not in [one.value for one in kind]:
            yield at(node, f"`{path}` cannot be `{found}`")
    elif type(found) is not kind and not (kind is float and type(found) is int):
        yield at(node, f"`{path}` is not a {kind.__name__}")


def members(found, kind, path, node, also=frozenset()):
    if not isinstance(found, dict):
        yield at(node, f"`{path}` is not an object")
        return
    # The SDK imports its enumerations for type checkers alone, so they are looked up here.
    module = sys.modules[kind.__module__]
    models = vars(importlib.import_module(kind.__module__.rpartition(".")[0] + ".models"))
    kinds = typing.get_type_hints(kind, {**models, **vars(module)}, include_extras=True)
    for key, (where, one) in found.items():
        if key in kinds:
            yield from fits(one, kinds[key], f"{path}.{key}", where)
        elif key not in also:
            yield at(where, f"`{path}` has no member `{key}`")
    # Not `__required_keys__`: a class that inherits from a partial one looks total, though nothing in it is.
    for key in [key for key, one in kinds.items() if typing.get_origin(one) is typing.Required]:
        if key not in found and key not in also:
            yield at(node, f"`{path}` lacks `{key}`")


def resources(node, within=""):
    for child in node.children:
        if child.type == "resource_declaration":
            named = [one for one in child.named_children if one.type != "decorators"]
            kind, version = (text(named[1]).strip("'").partition("@")[::2])
            kind = f"{within}/{kind}" if within else kind
            existing = any(one.type == "existing" or text(one) == "existing" for one in child.children)
            body = next((one for one in nodes(child) if one.type == "object"), None)
            if not within and not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", version):
                yield at(child, f"`{kind}` names no API version")
            if kind.lower() not in TYPES:
                yield at(child, f"the type `{kind}` is not among those this check knows")
            elif body is None:
                yield at(child, f"`{kind}` has no body")
            elif TYPES[kind.lower()] and not existing:
                area, name = TYPES[kind.lower()]
                types = importlib.import_module(f"azure.mgmt.{area}.types")
                yield from members(value(body), getattr(types, name), kind, child, OF_THE_LANGUAGE)
            if body is not None:
                yield from resources(body, kind)
        else:
            yield from resources(child, within)


def complaints(source):
    tree = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language())).parse(source).root_node
    # What is said about a file that cannot be read would only be noise.
    return list(syntax(tree)) or [*names(tree), *resources(tree)]


if __name__ == "__main__":
    found = [f"{path}: {one}" for path in sys.argv[1:] for one in complaints(pathlib.Path(path).read_bytes())]
    print("\n".join(found))
    sys.exit(bool(found))
