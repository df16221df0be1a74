"""Packets whose TCP options the switch cannot edit: they are edited here, and go on their way."""

from __future__ import annotations

from fullnat.core.interface import Effect, Inject, PacketIn
from fullnat.core.session.options import BadOptions, edit_options
from fullnat.core.session.store import SessionStore
from fullnat.net.parse import Packet
from fullnat.p4constants import PacketOutFlag


class Edits:
    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def packet(self, event: PacketIn, packet: Packet, _now: float, out: list[Effect]) -> None:
        """A packet of a session."""
        stats = self._store.stats
        session = self._store.table.by_id.get(event.session_id)
        try:
            if session is None:
                raise BadOptions("its session is gone")
            flags = session.server.mode.session_flags(session.service.session_flags)
            frame = edit_options(packet, session.entry, flags)
        except BadOptions:
            stats["options_refused"] += 1
            return
        stats["options_edited"] += 1
        new_session = bool(event.service_flags & PacketOutFlag.NEW_SESSION)
        out.append(Inject(event.ingress_port, frame, event.session_id, new_session, options_edited=True))
