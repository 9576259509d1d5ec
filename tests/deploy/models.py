"""Holds requests against AWS's own models of its services, which come with botocore, and prints what does not fit.

Usage: models.py FILE, which holds a request in each line: method, path, service, headers and body.

Emulators take what AWS refuses. Each request is led back to its operation, its parameters are read back from where the
protocol puts them, and all of it is held against the shapes: unknown and missing members, types, values of enumerations,
lengths, ranges and patterns. The last line is JSON: how many requests of which operations.
"""

import collections
import json
import re
import sys
import urllib.parse
import xml.etree.ElementTree as tree

import botocore.session
from botocore.validate import ParamValidator

SESSION = botocore.session.get_session()
# The name that a request is signed for, where botocore calls the service otherwise.
SERVICES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "servicequotas": "service-quotas"}
# What signing, tracing and the transport add to any request.
GENERAL_HEADERS = {
    "x-amz-date", "x-amz-content-sha256", "x-amz-user-agent", "x-amz-security-token", "x-amz-target",
    "x-amz-trailer", "x-amz-decoded-content-length", "x-amzn-query-mode",
}
# Names the operation in S3's logs; no model knows it.
GENERAL_QUERY = {"x-id"}


class Unfit(Exception):
    """What does not fit."""


def request_parts(request):
    split = urllib.parse.urlsplit(request["path"])
    query = urllib.parse.parse_qsl(split.query, keep_blank_values=True)
    headers = {name.lower(): value for name, value in request["headers"]}
    return split.path, query, headers


def operation_of(model, request):
    """The operation, and the parameters that its path holds."""
    path, query, headers = request_parts(request)
    protocol = model.metadata["protocol"]
    if protocol == "query":
        form = dict(urllib.parse.parse_qsl(request["body"] or "", keep_blank_values=True))
        if form.get("Version") != model.api_version:
            raise Unfit(f"version {form.get('Version')!r} is not {model.api_version!r}")
        return model.operation_model(known(model, form.get("Action"))), {}
    if protocol == "json":
        prefix, _, action = headers.get("x-amz-target", "").rpartition(".")
        if prefix != model.metadata["targetPrefix"]:
            raise Unfit(f"target prefix {prefix!r} is not {model.metadata['targetPrefix']!r}")
        version = model.metadata["jsonVersion"]
        if headers.get("content-type") != f"application/x-amz-json-{version}":
            raise Unfit(f"content type {headers.get('content-type')!r} is not of JSON {version}")
        return model.operation_model(known(model, action)), {}
    return by_path(model, request["method"], path, query)


def known(model, action):
    if action not in model.operation_names:
        raise Unfit(f"no operation {action!r}")
    return action


def by_path(model, method, path, query):
    """Of the operations with this method and path, the one that asks for most of this query."""
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        uri = urllib.parse.urlsplit(operation.http["requestUri"])
        wanted = urllib.parse.parse_qsl(uri.query, keep_blank_values=True)
        if operation.http["method"] != method or not all(pair in query for pair in wanted):
            continue
        pattern = re.sub(r"\\\{(\w+)(\\\+)?\\\}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", re.escape(uri.path))
        match = re.fullmatch(pattern.rstrip("/") + "/?", path)
        if match:
            # Members that the query has to hold tell PutObject and UploadPart apart.
            shape = operation.input_shape
            required = [serial(shape.members[member], member) for member in shape.required_members
                        if shape.members[member].serialization.get("location") == "querystring"] if shape else []
            if all(key in dict(query) for key in required):
                found.append((len(wanted) + len(required), len(uri.path), operation, match.groupdict(), dict(wanted)))
    # `x-amz-copy-source` and the like would tell more of them apart; none is used.
    named = dict(query).get("x-id")
    found = [of for of in found if named in (None, of[2].name)]
    if not found:
        raise Unfit(f"no operation at {method} {path}")
    _, _, operation, uri_parts, wanted = max(found, key=lambda of: (of[0], of[1], of[2].name == "PutObject"))
    return operation, {"uri": uri_parts, "query": wanted}


def serial(shape, name):
    return shape.serialization.get("name", name)


def scalar(shape, text):
    """A parameter as text has it, as what the model says it is."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError:
        raise Unfit(f"{text!r} is no {kind}") from None
    if kind == "boolean":
        if text not in ("true", "false"):
            raise Unfit(f"{text!r} is no boolean")
        return text == "true"
    return text


def from_form(shape, prefix, form):
    """Takes what belongs to a shape out of a form of the query protocol."""
    def under(key):
        return any(name == key or name.startswith(key + ".") for name in form)

    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            key = (f"{prefix}." if prefix else "") + serial(member, name)
            if member.type_name == "list" and member.serialization.get("flattened"):
                key = (f"{prefix}." if prefix else "") + member.member.serialization.get("name", serial(member, name))
            if under(key):
                found[name] = from_form(member, key, form)
        return found
    if shape.type_name == "list":
        if form.get(prefix) == "":
            form.pop(prefix)
            return []
        if not shape.serialization.get("flattened"):
            prefix += "." + shape.member.serialization.get("name", "member")
        found = []
        while under(f"{prefix}.{len(found) + 1}"):
            found.append(from_form(shape.member, f"{prefix}.{len(found) + 1}", form))
        return found
    if shape.type_name == "map":
        prefix += "" if shape.serialization.get("flattened") else ".entry"
        key, value = serial(shape.key, "key"), serial(shape.value, "value")
        found = {}
        while under(f"{prefix}.{len(found) + 1}"):
            at = f"{prefix}.{len(found) + 1}"
            found[from_form(shape.key, f"{at}.{key}", form)] = from_form(shape.value, f"{at}.{value}", form)
        return found
    return scalar(shape, form.pop(prefix))


def from_json(shape, value):
    """Members by the model's names; what the model does not know keeps its own."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {serial(member, name): name for name, member in shape.members.items()}
        members = {names.get(key, key): inner for key, inner in value.items()}
        return {name: from_json(shape.members[name], inner) if name in shape.members else inner
                for name, inner in members.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [from_json(shape.member, inner) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: from_json(shape.value, inner) for key, inner in value.items()}
    return value


def from_xml(shape, element):
    if shape.type_name == "structure":
        found = {}
        names = {serial(member, name): name for name, member in shape.members.items()}
        for name, member in shape.members.items():
            if member.type_name == "list" and member.serialization.get("flattened"):
                names.pop(serial(member, name), None)
                names[member.serialization.get("name") or member.member.serialization.get("name", name)] = name
        for child in element:
            tag = child.tag.rpartition("}")[2]
            name = names.get(tag)
            if name is None:
                raise Unfit(f"unknown element <{tag}> in <{element.tag.rpartition('}')[2]}>")
            member = shape.members[name]
            if member.type_name == "list" and member.serialization.get("flattened"):
                found.setdefault(name, []).append(from_xml(member.member, child))
            else:
                found[name] = from_xml(member, child)
        return found
    if shape.type_name == "list":
        wanted = shape.member.serialization.get("name", "member")
        for child in element:
            if child.tag.rpartition("}")[2] != wanted:
                raise Unfit(f"<{child.tag}> is not <{wanted}>")
        return [from_xml(shape.member, child) for child in element]
    return scalar(shape, element.text or "")


def from_rest(model, operation, request, known_parts):
    """Parameters from the path, the query, the headers and the body."""
    path, query, headers = request_parts(request)
    shape = operation.input_shape
    left = {key for key, _ in query} - set(known_parts["query"]) - GENERAL_QUERY
    found, in_body = {}, {}
    used_headers = set(GENERAL_HEADERS)
    if shape is None:
        if left or request["body"]:
            raise Unfit("this operation has no parameters")
        return found
    for name, member in shape.members.items():
        location, key = member.serialization.get("location"), serial(member, name)
        if location == "uri":
            if key in known_parts["uri"]:
                found[name] = scalar(member, urllib.parse.unquote(known_parts["uri"][key]))
        elif location == "querystring":
            values = [value for name_, value in query if name_ == key]
            if values:
                left.discard(key)
                found[name] = [scalar(member.member, of) for of in values] if member.type_name == "list" else scalar(member, values[0])
        elif location == "header":
            used_headers.add(key.lower())
            if key.lower() in headers:
                text = headers[key.lower()]
                found[name] = [text] if member.type_name == "list" else scalar(member, text)
        elif location == "headers":
            starting = {header for header in headers if header.startswith(key.lower())}
            used_headers |= starting
            if starting:
                found[name] = {header[len(key):]: headers[header] for header in starting}
        else:
            in_body[name] = member
    if left:
        raise Unfit(f"unknown in the query: {sorted(left)}")
    unknown = [name for name in headers if name.startswith(("x-amz-", "x-amzn-")) and name not in used_headers
               # One for each algorithm; the model names them all, and which are new, the SDK knows before botocore.
               and not name.startswith("x-amz-checksum-")]
    if unknown:
        raise Unfit(f"unknown headers: {unknown}")
    body, payload = request["body"], shape.serialization.get("payload")
    if payload and shape.members[payload].type_name != "structure":
        # A blob is what it is; one that is no text was left out of the record.
        if body != "":
            found[payload] = body or b"?"
    elif body:
        inner = shape.members[payload] if payload else shape
        if model.metadata["protocol"] == "rest-xml":
            root = tree.fromstring(body)
            wanted = inner.serialization.get("name", payload)
            if root.tag.rpartition("}")[2] != wanted:
                raise Unfit(f"<{root.tag}> is not <{wanted}>")
            read = from_xml(inner, root)
        else:
            read = from_json(inner, json.loads(body))
        if payload:
            found[payload] = read
        else:
            strangers = set(read) - set(in_body)
            if strangers:
                raise Unfit(f"unknown in the body: {sorted(strangers)}")
            found |= read
    return found


def parameters(model, operation, request, known_parts):
    protocol = model.metadata["protocol"]
    shape = operation.input_shape
    if protocol == "query":
        form = dict(urllib.parse.parse_qsl(request["body"], keep_blank_values=True))
        del form["Action"], form["Version"]
        found = from_form(shape, "", form) if shape else {}
        if form:
            raise Unfit(f"unknown parameters: {sorted(form)}")
        return found
    if protocol == "json":
        return from_json(shape, json.loads(request["body"] or "{}")) if shape else {}
    return from_rest(model, operation, request, known_parts)


def constraints(shape, value, at):
    """What botocore itself leaves to the service: enumerations, upper limits and patterns."""
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure":
        for name, inner in value.items():
            yield from constraints(shape.members[name], inner, f"{at}.{name}")
    elif kind == "list":
        for index, inner in enumerate(value):
            yield from constraints(shape.member, inner, f"{at}[{index}]")
    elif kind == "map":
        for key, inner in value.items():
            yield from constraints(shape.key, key, f"{at}.{key} (key)")
            yield from constraints(shape.value, inner, f"{at}.{key}")
    # Not everybody in AWS means characters by a limit of text.
    size = len(value) if hasattr(value, "__len__") else value
    if kind not in ("structure", "timestamp", "boolean") and isinstance(size, (int, float)):
        if "max" in limits and size > limits["max"] or "min" in limits and size < limits["min"]:
            yield f"{at}: {size} is not between {limits.get('min')} and {limits.get('max')}"
    if kind == "string":
        if shape.enum and value not in shape.enum:
            yield f"{at}: {value!r} is none of {shape.enum}"
        pattern = shape._shape_model.get("pattern")
        if pattern and not matches(pattern, value):
            yield f"{at}: {value!r} does not match {pattern}"


def matches(pattern, value):
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:
        # A pattern in Java's dialect says nothing here.
        if not any(name in pattern for name in (r"\p{", r"\P{", r"\uD800\uDC00-\uDBFF\uDFFF")):
            raise
        return True


def service_of(request):
    """The service that a request is for; none for one to the deployed server. What is not signed names its service nowhere,
    and only the service that hands credentials out takes such a request."""
    path, _, headers = request_parts(request)
    if request["service"] is not None or "x-amz-date" in headers:
        return request["service"]
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "sts" if path == "/" and is_form else None


def check(request, service):
    """The operation; raises what does not fit."""
    model = SESSION.get_service_model(SERVICES.get(service, service))
    operation, known_parts = operation_of(model, request)
    name = f"{model.service_name}.{operation.name}"
    try:
        found = parameters(model, operation, request, known_parts)
        if operation.input_shape is not None:
            report = ParamValidator().validate(found, operation.input_shape)
            if report.has_errors():
                raise Unfit(report.generate_report())
            problems = list(constraints(operation.input_shape, found, operation.name))
            if problems:
                raise Unfit("; ".join(problems))
    except (Unfit, json.JSONDecodeError, tree.ParseError) as error:
        raise Unfit(f"{name}: {error}") from error
    return name


def main(file):
    operations, unfit = collections.Counter(), 0
    with open(file, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            request = json.loads(line)
            service = service_of(request)
            if service is None:
                continue
            try:
                operations[check(request, service)] += 1
            except Unfit as error:
                unfit += 1
                print(f"request {number}: {error}")
    print(json.dumps({"requests": operations.total(), "unfit": unfit, "operations": sorted(operations)}))
    sys.exit(1 if unfit else 0)


if __name__ == "__main__":
    main(sys.argv[1])
