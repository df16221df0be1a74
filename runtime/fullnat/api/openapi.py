"""The API over HTTP in the words of OpenAPI 3.1, made of the table of calls and the messages."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from fullnat.api.calls import CALLS, Call
from fullnat.api.errors import Kind
from fullnat.api.v1 import admin_pb2

PATH = "/v1/openapi.json"
_SCALARS: dict[str, dict[str, Any]] = {
    "TYPE_STRING": {"type": "string"},
    "TYPE_BOOL": {"type": "boolean"},
    "TYPE_DOUBLE": {"type": "number"},
    "TYPE_UINT32": {"type": "integer", "minimum": 0, "maximum": (1 << 32) - 1},
    "TYPE_UINT64": {"type": "integer", "minimum": 0},
}
_PROBLEM = {
    "type": "object",
    "properties": {"message": {"type": "string"}, "command": {"type": "integer"}},
    "required": ["message"],
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "code": {"type": "string", "enum": [kind.code for kind in Kind]},
        "problems": {"type": "array", "items": _PROBLEM},
    },
    "required": ["error"],
}


@cache
def document() -> dict[str, Any]:
    comments = _comments()
    messages = admin_pb2.DESCRIPTOR.message_types_by_name
    schemas = {name: _message(descriptor, comments) for name, descriptor in sorted(messages.items())}
    return {
        "openapi": "3.1.0",
        "info": {"title": "p4-fullnat admin API", "version": "1", "description": comments[""]},
        "paths": {call.path: {call.method.lower(): _operation(call, comments)} for call in CALLS},
        "components": {"schemas": {**schemas, "Error": _ERROR}},
    }


def _operation(call: Call, comments: dict[str, str]) -> dict[str, Any]:
    kind = "application/x-ndjson" if call.answers is not None else "application/json"
    answer = {"description": comments.get(call.response.DESCRIPTOR.name, "done"), "content": {kind: _of(call.response)}}
    failed = {"description": "Nothing has changed.", "content": {"application/json": _ref("Error")}}
    operation: dict[str, Any] = {
        "operationId": call.name,
        "summary": comments[call.name],
        "description": f"Needs the role {call.role.name.lower()}."
        + (" One JSON object a line; an error that comes late is the last one." if call.answers is not None else ""),
        "responses": {"200": answer, "default": failed},
    }
    if call.method == "POST":
        operation["requestBody"] = {"content": {"application/json": _of(call.request)}}
    elif call.request.DESCRIPTOR.fields:
        operation["parameters"] = [
            {"name": field.name, "in": "query", "schema": _field(field)} for field in call.request.DESCRIPTOR.fields
        ]
    return operation


def _of(message: type[Any]) -> dict[str, Any]:
    return _ref(message.DESCRIPTOR.name)


def _ref(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _message(descriptor: Any, comments: dict[str, str]) -> dict[str, Any]:
    properties = {}
    for field in descriptor.fields:
        shown = _field(field)
        if words := comments.get(f"{descriptor.name}.{field.name}"):
            shown = {"description": words, **shown}
        properties[field.name] = shown
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    if any(len(each.fields) > 1 for each in descriptor.oneofs):
        found |= {"minProperties": 1, "maxProperties": 1}
    if words := comments.get(descriptor.name):
        found["description"] = words
    return found


def _field(field: Any) -> dict[str, Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": _single(field.message_type.fields_by_name["value"])}
    return {"type": "array", "items": _single(field)} if field.is_repeated else _single(field)


def _single(field: Any) -> dict[str, Any]:
    if field.message_type is not None:
        return {"$ref": f"#/components/schemas/{field.message_type.name}"}
    kinds = {getattr(field, name): schema for name, schema in _SCALARS.items()}
    return {**kinds[field.type]}


def _comments() -> dict[str, str]:
    """What the file says above a message, a field ("Message.field") and a call; "" is what it says at its top."""
    found: dict[str, str] = {}
    words: list[str] = []
    message = ""
    for line in resources.files("fullnat.api.v1").joinpath("admin.proto").read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith("// ---"):
            words = []
        elif line.startswith("//"):
            words.append(line.removeprefix("//").strip())
            continue
        else:
            name = _named(line, message)
            if line.startswith(("message ", "service ")):
                message = line.split()[1] if line.startswith("message ") and not line.endswith("{}") else ""
            elif line.startswith("}"):
                message = ""
            if name is not None and words:
                found[name] = " ".join(words)
        words = []
    return found


def _named(line: str, message: str) -> str | None:
    """What a line of the file defines."""
    if line.startswith("syntax"):
        return ""
    if line.startswith(("rpc ", "message ")):
        return line.split()[1].partition("(")[0]
    field = line.partition(" = ")[0].split()
    return f"{message}.{field[-1]}" if message and field and " = " in line else None
