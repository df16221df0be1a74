"""Late segments: what belongs to no session is answered with RST, so that its sender learns that there is none.

In both directions: a client's segment to a service, and a real server's to a local address. LVS drops them; then
whoever sends on a connection that is gone waits until its retransmissions give up, a quarter of an hour.
"""

from __future__ import annotations

from fullnat.core.frames import Segment, parse_tcp, reset_answer
from fullnat.core.interface import Effect, Forward, PacketIn
from fullnat.core.lifecycle import Phase
from fullnat.core.pace import Pace
from fullnat.core.store import SessionStore
from fullnat.net.headers import PROTO_TCP

MISS_RATE = 1000.0
"""RSTs per second; Linux answers as many challenges (tcp_challenge_ack_limit)."""
MISS_BURST = 1000.0


class Misses:
    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._stats = store.stats
        self._pace = Pace(MISS_RATE, MISS_BURST)

    def segment(self, packet: PacketIn, now: float, out: list[Effect]) -> None:
        """The punt of a segment without session."""
        segment = parse_tcp(packet.frame)
        if segment is None:
            self._stats["bad_frame"] += 1
            return
        answer = reset_answer(packet.frame, segment) if self._answers(segment) else None
        if answer is None:
            return
        if not self._pace.allows(now):
            self._stats["reset_on_miss_limited"] += 1
            return
        self._stats["reset_on_miss"] += 1
        out.append(Forward(packet.ingress_port, answer))

    def _answers(self, segment: Segment) -> bool:
        """Not for a session that is only just being written, and not where the service is silent."""
        services = self._store.services
        service = services.by_key.get((PROTO_TCP, segment.dst, segment.dst_port))
        if service is None:
            return segment.dst in services.answering_locals
        key = (PROTO_TCP, segment.src, segment.src_port, segment.dst, segment.dst_port)
        session = self._store.table.by_key.get(key)
        return service.resets_on_miss and (session is None or session.phase is Phase.REMOVING)
