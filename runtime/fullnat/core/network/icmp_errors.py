"""ICMP errors about packets of sessions, for a switch whose parser cannot see what they quote (an ASIC).

They come here if they are for an address of ours, get what the data plane would have done to them
(``p4src/arch/v1model/icmp_error/rewrite.p4``), and go back to be routed.
"""

from __future__ import annotations

from fullnat.core.interface import Effect, Inject, PacketIn
from fullnat.core.session.options import toa_bytes
from fullnat.core.session.sessions import Session
from fullnat.core.session.store import SessionStore
from fullnat.net.flow import Flow
from fullnat.net.icmp import Change, quoted, translated
from fullnat.net.parse import Packet
from fullnat.p4constants import SessionFlag
from fullnat.tables.session import SessionEntry

REFRESH = 2.0
"""Seconds between two rounds over all sessions for those that errors from the servers' side are of: with 65,536 of
them one takes some 30 ms. A younger session is found by the error about its next packet."""


def change(quote: Flow, session: SessionEntry, flags: int) -> Change | None:
    """What becomes of an error that quotes a packet of the flow ``quote``; None if it is none of the session's.
    ``flags`` are the session's SessionFlags."""
    received = quote.reversed()
    if received == session.flow_in:
        return Change(session.flow_out, session.local != session.client, 0, session.delta, 0)
    if received == session.flow_out:
        added = toa_bytes(session.client) if flags & SessionFlag.TOA else 0
        return Change(session.flow_in, session.vip != session.server, -session.delta, 0, added)
    return None


WORTH_BRINGING = 2000
"""ICMP errors a second that a switch may bring, and at once."""


class IcmpErrors:
    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._stats = store.stats
        self._outward: dict[Flow, int] = {}
        """Session ids by what the servers send, as of ``_refreshed``; only made where errors come here."""
        self._refreshed = float("-inf")

    def error(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """Of a session whose server has the virtual address itself none is sent on: it would come back here."""
        quote = quoted(packet)
        session = None if quote is None else self._session(quote.flow.reversed(), now)
        if quote is None or session is None or session.server.mode.keeps_destination:
            self._stats["icmp_error_refused"] += 1
            return
        flags = session.server.mode.session_flags(session.service.session_flags)
        made = change(quote.flow, session.entry, flags)
        if made is None:
            self._stats["icmp_error_refused"] += 1
            return
        self._stats["icmp_error_translated"] += 1
        out.append(Inject(event.ingress_port, translated(packet, quote, made), 0, False))

    def _session(self, flow: Flow, now: float) -> Session | None:
        """The session that a packet of ``flow`` would belong to."""
        table = self._store.table
        session = table.by_key.get(flow)
        if session is not None:
            return session
        number = self._outward.get(flow)
        if number is None and now - self._refreshed >= REFRESH:
            self._refreshed = now
            self._outward = {each.entry.flow_out: each.entry.session_id for each in table}
            number = self._outward.get(flow)
        return None if number is None else table.by_id.get(number)
