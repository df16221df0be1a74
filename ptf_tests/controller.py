"""The controller's part where the data plane leaves uncommon TCP options and ICMP errors to it: fullnat's own editors.

So every test of the suite says of the two together what it says of a data plane that needs nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fullnat.core.network.icmp_errors import change
from fullnat.core.session.options import BadOptions, edit_options
from fullnat.net.flow import V4_BYTES, V6_BYTES, Address
from fullnat.net.icmp import quoted, translated
from fullnat.net.parse import parse
from fullnat.tables.session import SessionEntry

from ptf_tests.p4rt import Entry, PacketIn


def edited(punted: PacketIn, installed: Iterable[Entry]) -> bytes | None:
    """The frame as the controller injects it; None when it drops it for its options."""
    packet = parse(punted.payload)
    entries = list(installed)
    session = _session(punted.metadata["session_id"], entries)
    flags = _flags(session, entries)
    assert packet.flow in (session.flow_in, session.flow_out)
    try:
        return edit_options(packet, session, flags)
    except BadOptions:
        return None


def translated_error(punted: PacketIn, installed: Iterable[Entry]) -> bytes | None:
    """The ICMP error as the controller injects it; None when it drops it, as it is of no session."""
    packet = parse(punted.payload)
    quote = quoted(packet)
    if quote is None:
        return None
    entries = list(installed)
    ids = {entry.params["session_id"] for entry in entries if entry.table in ("session_in", "session_in6")}
    for session in (_session(number, entries) for number in ids):
        made = change(quote.flow, session, _flags(session, entries))
        if made is not None:
            return translated(packet, quote, made)
    return None


def _flags(session: SessionEntry, entries: Iterable[Entry]) -> int:
    server = {"server_id": session.server_id}
    return next(entry.params["flags"] for entry in entries if (entry.table, entry.match) == ("server_in", server))


def _session(session_id: int, installed: Iterable[Entry]) -> SessionEntry:
    """The session of this id, joined from its two entries as the controller does."""
    fields: dict[str, Any] = {}
    size = V4_BYTES
    for entry in installed:
        if entry.table.startswith("session_") and entry.params["session_id"] == session_id:
            size = V6_BYTES if entry.table.endswith("6") else V4_BYTES
            fields |= {name: value for name, value in entry.match.items() if isinstance(value, int)}
            fields |= entry.params
    fields |= {name: Address(fields[name].to_bytes(size, "big")) for name in ("client", "vip", "local", "server")}
    return SessionEntry(**fields, client_isn=0, idle_timeout=0.0)
