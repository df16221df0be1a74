"""Tables ``session_in`` and ``session_out``, those of IPv6, and ``session46``: two of them hold one entry each of a
session.

They are the hot path, so their codec is made by hand (:mod:`fullnat.p4rt.sessions`).
"""

from __future__ import annotations

from typing import NamedTuple

from fullnat.net.flow import V4_BYTES, V6_BYTES, Address, Endpoint, Flow
from fullnat.tables.table import Action, EntryKey, Owner, Table, register


class Splice(NamedTuple):
    """How a session that a SYN cookie began joins the client's connection to the server's."""

    number: int
    """By which the server's sequence numbers are raised towards the client; 0: the server has not answered yet."""
    scale: int = 0
    """By which the client shifts the server's windows."""
    narrowed: int = 0
    """By so many bits more than the server does."""


class SessionEntry(NamedTuple):
    """Both entries of a FULLNAT session: ``session_in`` -> ``fullnat_in`` and ``session_out`` -> ``fullnat_out``.

    The client and the virtual address have one family, the local address and the server's have one: which tables and
    actions these lead to is in :data:`SIDES`.

    ``controller_metadata`` of both entries is ``client_isn << 32 | session_id``, so that a restarted controller can
    tell a retransmitted SYN from a new one. ``idle_timeout`` (seconds) is the established timeout. What all sessions of
    a real server share, its flags above all, is in ``server_in`` and ``server_out``.
    """

    session_id: int
    server_id: int
    protocol: int
    client: Address
    client_port: int
    vip: Address
    vport: int
    local: Address
    local_port: int
    server: Address
    server_port: int
    delta: int
    client_isn: int
    idle_timeout: float
    splice: Splice | None = None
    """Of a session that a SYN cookie began; then the actions are ``spliced_in`` and ``spliced_out``."""

    @property
    def flow_in(self) -> Flow:
        """From the client, as it writes it: the key of ``session_in``."""
        return Flow(self.protocol, Endpoint(self.client, self.client_port), Endpoint(self.vip, self.vport))

    @property
    def flow_out(self) -> Flow:
        """From the real server, as it writes it: the key of ``session_out``."""
        return Flow(self.protocol, Endpoint(self.server, self.server_port), Endpoint(self.local, self.local_port))


SESSION_IN = "session_in"
SESSION_OUT = "session_out"
IN_KEY = ("protocol", "client", "client_port", "vip", "vport")
OUT_KEY = ("protocol", "server", "server_port", "local", "local_port")
IN_PARAMS = ("session_id", "server_id", "local", "local_port", "delta")
OUT_PARAMS = ("session_id", "server_id", "client", "client_port", "delta")


class Side(NamedTuple):
    """One direction's table and its action."""

    table: str
    key: tuple[str, ...]
    action: Action


_KEY46 = ("protocol", "source", "source_port", "destination", "destination_port")

SIDES = {
    (V4_BYTES, V4_BYTES): (
        Side(SESSION_IN, IN_KEY, Action("fullnat_in", IN_PARAMS)),
        Side(SESSION_OUT, OUT_KEY, Action("fullnat_out", OUT_PARAMS)),
    ),
    (V6_BYTES, V6_BYTES): (
        Side("session_in6", IN_KEY, Action("fullnat_in6", IN_PARAMS)),
        Side("session_out6", OUT_KEY, Action("fullnat_out6", OUT_PARAMS)),
    ),
    (V4_BYTES, V6_BYTES): (
        Side("session46", _KEY46, Action("nat46_in", IN_PARAMS)),
        Side("session_out6", OUT_KEY, Action("nat46_out", OUT_PARAMS)),
    ),
    (V6_BYTES, V4_BYTES): (
        Side("session_in6", IN_KEY, Action("nat64_in", IN_PARAMS)),
        Side("session46", _KEY46, Action("nat64_out", OUT_PARAMS)),
    ),
}
"""Inward and outward, by the bytes of the client's and of the local address."""
SPLICED = {
    sizes: (
        inward._replace(action=Action(f"spliced_in{suffix}", (*IN_PARAMS, "splice"))),
        outward._replace(action=Action(f"spliced_out{suffix}", (*OUT_PARAMS, "splice", "scale", "narrowed"))),
    )
    for sizes, suffix in (((V4_BYTES, V4_BYTES), ""), ((V6_BYTES, V6_BYTES), "6"))
    for inward, outward in (SIDES[sizes],)
}
"""The same of sessions that a SYN cookie began."""
KEY_ADDRESSES = frozenset({"client", "vip", "server", "local", "source", "destination"})
"""The fields of keys that are addresses."""


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


register(SessionTables)
