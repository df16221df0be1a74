"""Packets that their outer header makes too long: their client is told how long they may be (RFC 1191), at a rate."""

from __future__ import annotations

from collections.abc import Mapping

from fullnat.config.model import Interface
from fullnat.core.frames import fragmentation_needed
from fullnat.core.interface import Effect, Inject, PacketIn
from fullnat.core.pace import Pace
from fullnat.core.routing import Router
from fullnat.core.store import SessionStore
from fullnat.net.flow import address, is_v6
from fullnat.net.parse import Packet

OUTER_BYTES = {False: 20, True: 40}
"""Of an outer header without options, by whether it is of IPv6."""
TOLD_RATE = 1000.0
"""Messages per second (Linux: icmp_msgs_per_sec)."""
TOLD_BURST = 50.0
"""Linux: icmp_msgs_burst."""


class TooBig:
    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._stats = store.stats
        self._pace = Pace(TOLD_RATE, TOLD_BURST)

    def packet(
        self,
        event: PacketIn,
        packet: Packet,
        router: Router,
        interfaces: Mapping[int, Interface],
        now: float,
        out: list[Effect],
    ) -> None:
        """A client's packet to a server in a tunnel. The answer is from the address of the port it came in by, and
        finds its way by the switch."""
        session = self._store.table.by_id.get(event.session_id)
        interface = interfaces.get(event.ingress_port)
        if session is None or packet.flow != session.key or interface is None:
            self._stats["bad_frame"] += 1
            return
        hop = router.next_hop(session.server.endpoint.address)
        link = None if hop is None else router.link(hop)
        if link is None:
            return
        if not self._pace.allows(now):
            self._stats["too_big_limited"] += 1
            return
        self._stats["too_big"] += 1
        client = session.key.src.address
        source = next((own for each in interface.addresses if len(own := address(each.ip)) == len(client)), None)
        if source is None:
            return
        mtu = link.mtu - OUTER_BYTES[is_v6(link.address)]
        frame = fragmentation_needed(packet, source, client, interface.mac, mtu)
        out.append(Inject(event.ingress_port, frame, 0, False))
