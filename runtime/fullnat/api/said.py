"""What is wrong with JSON that is no message of the API, in the words of the API: names as admin.proto and the
configuration have them, and what of it is which command of a batch."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from fullnat.api.errors import Problem
from fullnat.api.v1 import admin_pb2
from fullnat.config import hints

_OPTIONS_OF = {
    "ServiceSettings": "a service",
    "ServerSettings": "a real server",
    "GlobalSettings": "all services",
    "Check": "a check",
}
_NAMES = {"Command": "command", "Timeouts": "timeout", **{kind: f"option of {of}" for kind, of in _OPTIONS_OF.items()}}
"""What the fields of a message are, where it is one that users think of in other words."""
_PLACES: Mapping[str, Iterable[str]] = {
    of: admin_pb2.DESCRIPTOR.message_types_by_name[kind].fields_by_name.keys() for kind, of in _OPTIONS_OF.items()
}
_WHOLE = {FieldDescriptor.CPPTYPE_UINT32: (1 << 32) - 1, FieldDescriptor.CPPTYPE_UINT64: (1 << 64) - 1}
"""The whole numbers that requests have, with the last one."""
_NUMBER = re.compile(r"-?[0-9]+")
_WANTED = {
    FieldDescriptor.CPPTYPE_INT32: "a whole number",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_STRING: "text",
}


def problems(document: Mapping[str, Any], kind: Any) -> Iterator[Problem]:
    """Of a ``document`` that is no message of this ``kind``; nothing for what is wrong in another way."""
    for message in _fields({key: value for key, value in document.items() if key != "commands"}, kind, ""):
        yield Problem(message)
    if "commands" not in document:
        return
    commands = document["commands"]
    if "commands" in kind.fields_by_name and isinstance(commands, list):
        of_each = kind.fields_by_name["commands"].message_type
        for number, command in enumerate(commands):
            yield from (Problem(message, number) for message in _message(command, of_each, "command", ""))
    else:
        yield from map(Problem, _fields({"commands": commands}, kind, ""))


def _message(value: Any, kind: Any, name: str, prefix: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{name}: {reprlib.repr(value)} is not an object"
        return
    yield from _fields(value, kind, prefix)
    said = [field for field, it in value.items() if it is not None and field in kind.fields_by_name]
    for group in kind.oneofs:
        both = [field for field in said if kind.fields_by_name[field].containing_oneof is group]
        if len(both) > 1 and len(group.fields) > 1:
            yield f"{' and '.join(both)} are {len(both)} {group.name}s, in one"


def _fields(document: Mapping[str, Any], kind: Any, prefix: str) -> Iterator[str]:
    for key, value in document.items():
        field = kind.fields_by_name.get(key) or kind.fields_by_camelcase_name.get(key)
        if field is None:
            yield _unknown(key, kind, prefix)
        elif value is not None:
            yield from _value(value, field, f"{prefix}{field.name}")


def _unknown(key: str, kind: Any, prefix: str) -> str:
    known = kind.fields_by_name.keys()
    places = _PLACES if kind.name in _OPTIONS_OF else {}
    hint = hints.option(key, known, places) or f"; there are {', '.join(known) or 'none'}"
    shown = key if key.isidentifier() else reprlib.repr(key)
    return f"{prefix}{shown}: no {_NAMES.get(kind.name, f'field of {kind.name}')}{hint}"


def _value(value: Any, field: Any, name: str) -> Iterator[str]:
    if not field.is_repeated:
        yield from _one(value, field, name)
    elif isinstance(value, list):
        for each in value:
            yield from _one(each, field, name)
    else:
        yield f"{name}: {reprlib.repr(value)} is not a list"


def _one(value: Any, field: Any, name: str) -> Iterator[str]:
    if field.message_type is not None:
        prefix = f"{name}." if field.message_type.name == "Timeouts" else ""
        yield from _message(value, field.message_type, name, prefix)
    elif value is None or not _is_taken(value, field):
        yield f"{name}: {reprlib.repr(value)} is not {_wanted(value, field)}"


def _is_taken(value: Any, field: Any) -> bool:
    """By protobuf, which has the last word on what is a value of a field that is no message."""
    try:
        said = [value] if field.is_repeated else value
        json_format.ParseDict({field.name: said}, GetMessageClass(field.containing_type)())
    except (json_format.ParseError, ValueError, TypeError, OverflowError, RecursionError, AttributeError):
        return False
    return True


def _wanted(value: Any, field: Any) -> str:
    if field.cpp_type not in _WHOLE:
        return _WANTED[field.cpp_type]
    if isinstance(value, float):
        return "a whole number"
    is_number = isinstance(value, int) and not isinstance(value, bool)
    is_text_of_one = isinstance(value, str) and _NUMBER.fullmatch(value)
    return f"a number from 0 to {_WHOLE[field.cpp_type]}" if is_number or is_text_of_one else "a number"
