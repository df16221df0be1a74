"""What those get who may not use a service, or no more of it: nothing, a RST, or an ICMP error (``refused``)."""

from __future__ import annotations

from fullnat.core.access.pace import Pace
from fullnat.core.interface import Effect, Forward
from fullnat.core.network.frames import icmp_error, reset_answer
from fullnat.core.stats import Stats
from fullnat.net.icmp import PROHIBITED
from fullnat.net.parse import Packet
from fullnat.p4constants import PolicyFlag

TELL_RATE = 1000.0
"""Answers per second, as of segments without session."""
ANSWERS = {"drop": 0, "rst": int(PolicyFlag.RESET), "icmp": int(PolicyFlag.PROHIBIT)}
"""PolicyFlags that the words ask for."""


class Telling:
    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._pace = Pace(TELL_RATE, TELL_RATE)

    def refuse(self, packet: Packet, flags: int, port: int, now: float, out: list[Effect]) -> None:
        """Answer ``packet``, which came by ``port``, as these PolicyFlags have it. A datagram has no RST."""
        if packet.flow is None:
            return
        if flags & PolicyFlag.RESET and packet.tcp is not None:
            answer = reset_answer(packet)
        else:
            macs = packet.source_mac, packet.destination_mac
            answer = icmp_error(packet, PROHIBITED, packet.flow.dst.address, macs)
        if answer is None:
            return
        if not self._pace.allows(now):
            self._stats["refused_limited"] += 1
            return
        self._stats["refused_told"] += 1
        out.append(Forward(port, answer))
