"""Late segments: what belongs to no session is answered with RST, so that its sender learns that there is none.

In both directions: a client's segment to a service, and a real server's to a local address. LVS drops them; then
whoever sends on a connection that is gone waits until its retransmissions give up, a quarter of an hour.
"""

from __future__ import annotations

from fullnat.core.access.pace import Pace
from fullnat.core.interface import Effect, Forward
from fullnat.core.network.frames import reset_answer
from fullnat.core.session.lifecycle import Phase
from fullnat.core.session.store import SessionStore
from fullnat.net.flow import Flow
from fullnat.net.parse import Packet

MISS_RATE = 1000.0
"""RSTs per second to clients, and as many to servers; Linux answers as many challenges (tcp_challenge_ack_limit)."""
MISS_BURST = 1000.0
WORTH_BRINGING: int = 2000
"""Late segments a second that a switch may bring, and at once: some more than are answered, as some are not worth it.
The others would cost the time of connections that begin."""


class Misses:
    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._stats = store.stats
        self._paces = {of_server: Pace(MISS_RATE, MISS_BURST) for of_server in (False, True)}

    def segment(self, packet: Packet, port: int, now: float, out: list[Effect], *, of_server: bool = False) -> None:
        """A segment without session came in by ``port``, from a client or a server; a flood of the ones leaves the
        others their answers. Nobody answers a damaged one: it may be of another flow."""
        if packet.flow is None or packet.tcp is None:
            self._stats["bad_frame"] += 1
            return
        answer = reset_answer(packet) if self._answers(packet.flow, port) else None
        if answer is None:
            return
        if not packet.is_intact():
            self._stats["bad_checksum"] += 1
            return
        if not self._paces[of_server].allows(now):
            self._stats["reset_on_miss_limited"] += 1
            return
        self._stats["reset_on_miss"] += 1
        out.append(Forward(port, answer))

    def _answers(self, flow: Flow, port: int) -> bool:
        """Not for a session that is only just being written, or may be, and not where the service is silent."""
        if self._store.restoring:
            return False
        services = self._store.services
        service = services.serving(flow, port)
        if service is None:
            return flow.dst.address in services.answering_locals
        session = self._store.table.by_key.get(flow)
        return service.resets_on_miss and (session is None or session.phase is Phase.REMOVING)
