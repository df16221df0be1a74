"""``p4soft entries``: what p4c's BMv2 backend leaves out of the JSON about the tables' initial entries.

The JSON has neither which of them are ``const`` nor the priorities that the program gives them; the file that p4c
writes with ``--p4runtime-entries-files`` has both, in the same order. BMv2 overlooks the members that are added here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from finsy.proto import p4i, p4r
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from p4soft.api import PipelineError

_Message = TypeVar("_Message", p4i.P4Info, p4r.WriteRequest)


def marked(config: bytes, info: p4i.P4Info, entries: p4r.WriteRequest) -> bytes:
    """The BMv2 JSON ``config`` with ``is_const`` and ``p4runtime_priority`` in its entries. Raises PipelineError when
    the three were not compiled from one program."""
    names = {table.preamble.id: table.preamble.name for table in info.tables}
    found: dict[str, list[p4r.TableEntry]] = {}
    for update in entries.updates:
        entry = update.entity.table_entry
        if entry.table_id not in names:
            raise PipelineError(f"the entries' table {entry.table_id:#010x} is not in P4Info")
        found.setdefault(names[entry.table_id], []).append(entry)
    try:
        document = json.loads(config)
        tables = {table["name"]: table for pipeline in document["pipelines"] for table in pipeline["tables"]}
        for name, given in found.items():
            _mark(name, tables.get(name, {}).get("entries", []), given)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise PipelineError("the program is not what p4c-bm2-ss writes") from None
    return json.dumps(document, indent=2).encode() + b"\n"


def _mark(name: str, items: list[dict[str, Any]], given: Sequence[p4r.TableEntry]) -> None:
    if len(items) != len(given):
        raise PipelineError(f"table {name}: {len(given)} entries in the file, {len(items)} in the program")
    for item, entry in zip(items, given, strict=True):
        item["is_const"] = entry.is_const
    first_wins = sorted(zip(items, given, strict=True), key=lambda pair: int(pair[0]["priority"]))
    priorities = [entry.priority for _, entry in first_wins]
    if not _descending(priorities):
        # For P4Runtime the largest wins, whatever the program's ``largest_priority_wins`` says.
        priorities = [max(priorities) + 1 - priority for priority in priorities]
    if min(priorities) > 0 and _descending(priorities):
        for (item, _), priority in zip(first_wins, priorities, strict=True):
            item["p4runtime_priority"] = priority


def _descending(numbers: list[int]) -> bool:
    return numbers == sorted(numbers, reverse=True)


def read_message(kind: type[_Message], path: Path) -> _Message:
    """A protobuf file in text or binary form. Raises OSError and PipelineError."""
    raw = path.read_bytes()
    message = kind()
    try:
        text_format.Parse(raw.decode(), message)
    except (text_format.ParseError, UnicodeDecodeError):
        try:
            message.ParseFromString(raw)
        except DecodeError:
            raise PipelineError(f"{path} is not a {kind.DESCRIPTOR.name} (neither text nor binary)") from None
    return message
