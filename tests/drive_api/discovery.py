"""Checks requests against the description of Drive's API that Google's client ships."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

_DOCUMENT = "discovery_cache/documents/drive.v3.json"
DOCUMENT: dict[str, Any] = json.loads(
    (resources.files("googleapiclient") / _DOCUMENT).read_text("utf-8")
)


class NotDescribedError(Exception):
    """A request that the description does not allow."""


@dataclass(frozen=True)
class Call:
    """A request as the description sees it: `name` is such as files.list."""

    name: str
    parameters: Mapping[str, str]
    body: Mapping[str, Any]
    fields: "Mapping[str, Any] | None"  # nested; None asks for the default


def checked(verb: str, path: str, query: Mapping[str, str], body: bytes) -> Call:
    """Return the call that a request is.

    Raises NotDescribedError for an unknown method, parameter, value, part of the body or field.
    """
    name, method, in_path = _method(verb, path)
    parameters = {**DOCUMENT["parameters"], **method["parameters"]}
    for key, value in query.items():
        if key not in parameters or parameters[key].get("location") == "path":
            raise NotDescribedError(f"{name} has no parameter {key}")
        _check_value(f"{name} {key}", parameters[key], value)
    for key, parameter in method["parameters"].items():
        if parameter.get("required") and key not in in_path:
            raise NotDescribedError(f"{name} needs {key}")
    content = json.loads(body) if body else {}
    if content and "request" not in method:
        raise NotDescribedError(f"{name} has no body")
    if "request" in method:
        _check_body(name, DOCUMENT["schemas"][method["request"]["$ref"]], content)
    fields = None
    if "fields" in query:
        if "response" not in method:
            raise NotDescribedError(f"{name} answers nothing")
        fields = _fields(query["fields"], DOCUMENT["schemas"][method["response"]["$ref"]])
    return Call(name, {**in_path, **query}, content, fields)


def selected(answer: Any, fields: Mapping[str, Any]) -> Any:
    """Return only the asked parts of an answer."""
    if isinstance(answer, list):
        return [selected(each, fields) for each in answer]
    return {
        key: selected(answer[key], inner) if inner else answer[key]
        for key, inner in fields.items()
        if key in answer
    }


def _method(verb: str, path: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    below = path.removeprefix(f"/{DOCUMENT['servicePath']}")
    for resource, entry in DOCUMENT["resources"].items():
        for short, method in entry["methods"].items():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(method["path"]))
            match = re.fullmatch(pattern, below)
            if match and method["httpMethod"] == verb:
                return f"{resource}.{short}", method, match.groupdict()
    raise NotDescribedError(f"no method {verb} {path}")


def _check_value(where: str, schema: Mapping[str, Any], value: str) -> None:
    if schema.get("deprecated") or "Deprecated" in schema.get("description", ""):
        raise NotDescribedError(f"{where} is deprecated")
    match schema["type"]:
        case "boolean" if value not in ("true", "false"):
            raise NotDescribedError(f"{where} is not a boolean: {value}")
        case "integer":
            number = int(value)
            lowest, highest = int(schema.get("minimum", 0)), int(schema.get("maximum", 1 << 31))
            if not lowest <= number <= highest:
                raise NotDescribedError(f"{where} is out of range: {value}")
    if "enum" in schema and value not in schema["enum"]:
        raise NotDescribedError(f"{where} has no value {value}")


_TYPES = {"string": str, "boolean": bool, "integer": int, "object": dict, "array": list}


def _check_body(where: str, schema: Mapping[str, Any], value: Any) -> None:
    if "$ref" in schema:
        schema = DOCUMENT["schemas"][schema["$ref"]]
    if schema.get("readOnly") is True and not _settable(schema):
        raise NotDescribedError(f"{where} is output only")
    if not isinstance(value, _TYPES[schema["type"]]):
        raise NotDescribedError(f"{where} is not of type {schema['type']}: {value!r}")
    if isinstance(value, list):
        for each in value:
            _check_body(where, schema["items"], each)
    if isinstance(value, dict):
        for key, each in value.items():
            if key in schema.get("properties", {}):
                _check_body(f"{where}.{key}", schema["properties"][key], each)
            elif "additionalProperties" not in schema:
                raise NotDescribedError(f"{where} has no part {key}")
            elif each is not None:  # null removes an entry
                _check_body(f"{where}.{key}", schema["additionalProperties"], each)


def _settable(schema: Mapping[str, Any]) -> bool:
    """Whether permissions.create takes it, as it needs an address or a domain."""
    return "email address of the user or group" in schema["description"] or (
        "domain to which" in schema["description"]
    )


def _fields(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    tokens = re.findall(r"[\w]+|[(),]", text)
    if "".join(tokens) != text:
        raise NotDescribedError(f"fields: {text}")
    return _read_fields(iter(tokens), schema, top=True)


def _read_fields(tokens: Iterator[str], schema: Mapping[str, Any], *, top: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    last = ""
    for token in tokens:
        if token == ")" and not top:
            return fields
        if token == "(":
            fields[last] = _read_fields(tokens, _inner(schema["properties"][last]), top=False)
        elif token != ",":
            if token not in schema.get("properties", {}):
                raise NotDescribedError(f"fields: {schema.get('id', 'it')} has no {token}")
            fields[token] = {}
            last = token
    if not top:
        raise NotDescribedError("fields: a bracket is open")
    return fields


def _inner(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if schema.get("type") == "array":
        schema = schema["items"]
    return DOCUMENT["schemas"][schema["$ref"]] if "$ref" in schema else schema
