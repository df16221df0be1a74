"""Neighbor discovery (RFC 4861): what neighbors ask and say that the switch leaves to the controller.

The data plane answers solicitations in the form in which all kernels send them. Here come those in any other form,
those of hosts that are about to take an address (RFC 4862), and all advertisements.
"""

from __future__ import annotations

from fullnat.core.interface import Effect, Forward, NeighborHeard
from fullnat.core.network.neighbors import Neighbors
from fullnat.core.stats import Stats
from fullnat.net.nd import UNSPECIFIED, Solicitation, advertisement, read
from fullnat.net.parse import Packet

WORTH_HEARING = 2000
"""ARP, neighbor discovery, and questions that the switch has answered: so many of each may it bring a second, and at
once. Fewer neighbors are kept that are known by that alone."""


class Discovery:
    def __init__(self, neighbors: Neighbors, stats: Stats) -> None:
        self._neighbors = neighbors
        self._stats = stats

    def packet(self, packet: Packet, port: int, mac: int | None, now: float, out: list[Effect]) -> None:
        """It came in by ``port``, whose MAC address is ``mac``; None: the port has no interface any more."""
        said = read(packet)
        if said is None:
            self._stats["bad_frame"] += 1
        elif mac is None or packet.source_mac == mac:
            # The latter is one of ours that came back.
            self._stats["arp_ignored"] += 1
        elif isinstance(said, Solicitation):
            self._answer(said, packet.source_mac, port, mac, now, out)
        else:
            self._neighbors.advertised(said, packet.source_mac, port, now, out)

    def _answer(self, asked: Solicitation, sender_mac: int, port: int, mac: int, now: float, out: list[Effect]) -> None:
        """For addresses of ours alone. Who asks to have the address itself is told by a message to all (RFC 4861
        7.2.4)."""
        if not self._neighbors.is_own(asked.target):
            self._stats["arp_ignored"] += 1
            return
        if asked.sender == UNSPECIFIED:
            self._neighbors.conflict(asked.target, sender_mac, port, now, out)
        to = sender_mac if asked.mac is None else asked.mac
        out.append(Forward(port, advertisement(mac, asked.target, asked.sender, to)))
        if asked.mac is not None:
            self._neighbors.heard(NeighborHeard(asked.sender, asked.mac, port), now, out)
