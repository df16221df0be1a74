"""The controller's part where the data plane leaves uncommon TCP options to it: fullnat's own editor.

So every test of the suite says of the two together what it says of a data plane that edits any list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fullnat.core.options import BadOptions, edit_options
from fullnat.net.flow import v4
from fullnat.net.parse import parse
from fullnat.tables.session import SessionEntry

from ptf_tests.p4rt import Entry, PacketIn


def edited(punted: PacketIn, installed: Iterable[Entry]) -> bytes | None:
    """The frame as the controller injects it; None when it drops it for its options."""
    packet = parse(punted.payload)
    entries = list(installed)
    session = _session(punted.metadata["session_id"], entries)
    server = {"server_id": session.server_id}
    flags = next(entry.params["flags"] for entry in entries if (entry.table, entry.match) == ("server_in", server))
    assert packet.flow in (session.flow_in, session.flow_out)
    try:
        return edit_options(packet, session, flags)
    except BadOptions:
        return None


def _session(session_id: int, installed: Iterable[Entry]) -> SessionEntry:
    """The session of this id, joined from its two entries as the controller does."""
    fields: dict[str, Any] = {}
    for entry in installed:
        if entry.table in ("session_in", "session_out") and entry.params["session_id"] == session_id:
            fields |= {name: value for name, value in entry.match.items() if isinstance(value, int)}
            fields |= entry.params
    fields |= {name: v4(fields[name]) for name in ("client", "vip", "local", "server")}
    return SessionEntry(**fields, client_isn=0, idle_timeout=0.0)
