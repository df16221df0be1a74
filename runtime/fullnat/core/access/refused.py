"""Those whom a list refuses: what they are told, where the list has them be told, and the end of their sessions."""

from __future__ import annotations

from collections.abc import Set

from fullnat.core.access.pace import Pace
from fullnat.core.access.policies import Policies
from fullnat.core.access.wishes import Permits
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Effect, Forward, PacketIn
from fullnat.core.network.frames import icmp_error, reset_answer
from fullnat.core.session.resets import Resets
from fullnat.core.session.sessions import Session
from fullnat.core.session.store import SessionStore
from fullnat.net.icmp import PROHIBITED
from fullnat.net.parse import Packet
from fullnat.p4constants import PolicyFlag

TELL_RATE = 1000.0
"""Answers per second, as of segments without session."""
WORTH_BRINGING = 2000
"""Packets a second that a switch may bring for that, and at once."""


class RefusedClients:
    def __init__(self, store: SessionStore, policies: Policies, resets: Resets) -> None:
        self._store = store
        self._policies = policies
        self._resets = resets
        self._pace = Pace(TELL_RATE, TELL_RATE)

    def packet(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """One that a list has refused; its flags say how it is answered."""
        flow, stats = packet.flow, self._store.stats
        if flow is None:
            stats["bad_frame"] += 1
            return
        if not packet.is_intact():
            stats["bad_checksum"] += 1
            return
        if event.service_flags & PolicyFlag.RESET and packet.tcp is not None:
            answer = reset_answer(packet)
        else:
            macs = packet.source_mac, packet.destination_mac
            answer = icmp_error(packet, PROHIBITED, flow.dst.address, macs)
        if answer is None:
            return
        if not self._pace.allows(now):
            stats["refused_limited"] += 1
            return
        stats["refused_told"] += 1
        out.append(Forward(event.ingress_port, answer))

    def end(self, keys: Set[ServiceKey | None], now: float, out: list[Effect]) -> None:
        """Reset the sessions of those who may not use these services, None: any."""
        permits: dict[ServiceKey, Permits] = {}
        over: list[Session] = []
        for session in self._store.table if keys else ():
            key = session.service.key
            if None in keys or key in keys:
                if key not in permits:
                    permits[key] = self._policies.permits(key)
                if not permits[key](session.key.src.address):
                    over.append(session)
        self._store.stats["sessions_refused"] += len(over)
        self._resets.end(over, now, out)
