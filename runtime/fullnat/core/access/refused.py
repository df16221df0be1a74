"""Those whom a list or a rate refuses in the switch: what they are told, where they are to be, and the end of the
sessions of those whom a list refuses."""

from __future__ import annotations

from collections.abc import Set

from fullnat.core.access.policies import Policies
from fullnat.core.access.wishes import Permits
from fullnat.core.declared.commands import ServiceKey
from fullnat.core.interface import Effect, PacketIn
from fullnat.core.session.resets import Resets
from fullnat.core.session.sessions import Session
from fullnat.core.session.store import SessionStore
from fullnat.net.parse import Packet

WORTH_BRINGING = 2000
"""Packets a second that a switch may bring for that, and at once."""


class RefusedClients:
    def __init__(self, store: SessionStore, policies: Policies, resets: Resets) -> None:
        self._store = store
        self._policies = policies
        self._resets = resets

    def packet(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """One that a list or a rate has refused; its flags say how it is answered."""
        stats = self._store.stats
        if packet.flow is None:
            stats["bad_frame"] += 1
        elif not packet.is_intact():
            stats["bad_checksum"] += 1
        else:
            self._store.telling.refuse(packet, event.service_flags, event.ingress_port, now, out)

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
