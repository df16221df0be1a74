"""Tables ``session_in`` and ``session_out``, which hold one entry each of a session.

They are the hot path, so their codec is made by hand (:mod:`fullnat.p4rt.sessions`).
"""

from __future__ import annotations

from typing import NamedTuple

from fullnat.tables.table import Action, EntryKey, Owner, Table, register


class SessionEntry(NamedTuple):
    """Both entries of a FULLNAT session: ``session_in`` -> ``fullnat_in`` and ``session_out`` -> ``fullnat_out``.

    ``controller_metadata`` of both entries is ``client_isn << 32 | session_id``, so that a restarted controller can
    tell a retransmitted SYN from a new one. ``idle_timeout`` (seconds) is the established timeout. What all sessions of
    a real server share, its flags above all, is in ``server_in`` and ``server_out``.
    """

    session_id: int
    server_id: int
    protocol: int
    client: int
    client_port: int
    vip: int
    vport: int
    local: int
    local_port: int
    server: int
    server_port: int
    delta: int
    client_isn: int
    idle_timeout: float


SESSION_IN = "session_in"
SESSION_OUT = "session_out"
IN_KEY = ("protocol", "client", "client_port", "vip", "vport")
OUT_KEY = ("protocol", "server", "server_port", "local", "local_port")
IN_ACTION = Action("fullnat_in", ("session_id", "server_id", "local", "local_port", "delta"))
OUT_ACTION = Action("fullnat_out", ("session_id", "server_id", "client", "client_port", "delta"))


@register
class SessionTables(Table[SessionEntry]):
    name = "session"
    entry = SessionEntry
    owner = Owner.SESSIONS

    def keys(self, entry: SessionEntry) -> tuple[EntryKey, ...]:
        return (
            (SESSION_IN, *entry[2:7]),
            (SESSION_OUT, entry.protocol, entry.server, entry.server_port, entry.local, entry.local_port),
        )

    def requires(self, entry: SessionEntry) -> tuple[EntryKey, ...]:
        return ("server_in", entry.server_id), ("server_out", entry.server_id)
