"""Who has changed, or tried to change, what: one line of the log each, by the logger ``fullnat.audit``."""

from __future__ import annotations

import json
import logging
from typing import Any

from google.protobuf import json_format

from fullnat.api.calls import Call
from fullnat.api.identity import Identity

LOGGER = logging.getLogger("fullnat.audit")
LONGEST = 1000
"""Characters of a request that are shown."""


def record(caller: Identity, call: Call, request: Any, outcome: str) -> None:
    """``outcome`` is "done", or why not. Calls that change nothing are not told."""
    if not call.is_audited or not LOGGER.isEnabledFor(logging.INFO):
        return
    shown, role, told = _text(request), caller.role.name.lower(), _line(outcome)
    fields = {"event": "command", "caller": caller.name, "role": role, "call": call.name, "outcome": told}
    LOGGER.info("%s as %s: %s %s: %s", caller.name, role, call.name, shown, told, extra={"fields": fields})


def _text(request: Any) -> str:
    if request is None:
        return "(not readable)"
    if request.ByteSize() > LONGEST:
        return f"({request.ByteSize()} bytes, {len(getattr(request, 'commands', ()))} commands)"
    found = json_format.MessageToDict(request, preserving_proto_field_name=True)
    return json.dumps(found)[:LONGEST]


def _line(text: str) -> str:
    """One line of it, without what a terminal would take for its own."""
    return "".join(character if character.isprintable() else " " for character in text)[:LONGEST]
