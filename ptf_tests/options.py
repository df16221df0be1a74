"""The controller's part where the data plane leaves uncommon TCP options to it: fullnat's own editor.

So every test of the suite says of the two together what it says of a data plane that edits any list.
"""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.core.frames import parse_tcp
from fullnat.core.interface import Constants, SessionEntry
from fullnat.core.options import BadOptions, OptionEditor, belongs

from ptf_tests.harness import CONSTANTS
from ptf_tests.p4rt import Entry, PacketIn

_EDITOR = OptionEditor(Constants(**CONSTANTS, session_ids=0, server_ids=0))


def edited(punted: PacketIn, installed: Iterable[Entry]) -> bytes | None:
    """The frame as the controller injects it; None when it drops it for its options."""
    segment = parse_tcp(punted.payload)
    session = next(_session(entry) for entry in installed if _is_of(entry, punted.metadata["session_id"]))
    assert segment is not None
    assert belongs(segment, session)
    try:
        return _EDITOR.edit(punted.payload, segment, session)
    except BadOptions:
        return None


def _is_of(entry: Entry, session_id: int) -> bool:
    return entry.table == "session_in" and entry.params["session_id"] == session_id


def _session(entry: Entry) -> SessionEntry:
    fields = {name: value for name, value in (*entry.match.items(), *entry.params.items()) if isinstance(value, int)}
    return SessionEntry(**fields, client_isn=0, idle_timeout=0.0)
