"""The core's effects on their way to a switch: what the runner has for one. The connection that they leave by may be
exchanged for another one (:meth:`Outgoing.move`)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fullnat.app.farewells import MARGIN, Farewells
from fullnat.app.runner import CoreRunner
from fullnat.app.writer import Copies, Group, Writer
from fullnat.core.histogram import SETUP_BOUNDS, Histogram
from fullnat.core.interface import (
    Effect,
    Event,
    Forward,
    Inject,
    LimitPunts,
    Probe,
    Probed,
    ProbeResult,
    Reset,
    SwitchId,
    Write,
)
from fullnat.net.vlan import without_switch
from fullnat.p4rt.client import Client
from fullnat.p4rt.packetio import PacketOut
from fullnat.tables.session import SessionEntry

PACKETS_AHEAD = 4096
"""Packet-outs handed to the stream that the switch has not taken yet."""
FAREWELLS_AHEAD = 256
"""The same, of resets: what a connection that begins waits for at most."""

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What a switch has been through, over all its connections."""

    connects: int = 0
    pushes: int = 0
    """Times the pipeline was pushed."""
    emptied: bool = False
    """It was pushed, and the core does not know yet."""
    orphans: int = 0
    packet_outs: int = 0
    writes: Histogram = field(default_factory=lambda: Histogram(SETUP_BOUNDS))
    """Seconds that Writes took."""


class Link(Protocol):
    """A connection on which we are primary (:class:`fullnat.app.session.SwitchSession`)."""

    @property
    def client(self) -> Client: ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` for as long as the connection is ours; its failure is the connection's."""
        ...

    def limit_punts(self, limit: LimitPunts) -> None: ...

    def fail(self, error: Exception) -> None: ...


class Beside(Protocol):
    """Switches that forward beside the one that is written to."""

    def links(self) -> Sequence[Link]:
        """Of all that forward."""
        ...

    def link(self, port: int) -> Link | None:
        """Of the one that a packet came by, if it forwards."""
        ...


class Outgoing:
    """What :class:`fullnat.app.runner.CoreRunner` takes for a switch."""

    def __init__(
        self,
        link: Link,
        runner: CoreRunner,
        switch_id: SwitchId,
        counts: Counts,
        copies: Copies | None = None,
        beside: Beside | None = None,
        answered: Callable[[Event], None] | None = None,
    ) -> None:
        """``answered``: who is told what the switch has answered, None: the runner."""
        self.switch_id = switch_id
        self._beside = beside
        self._link = link
        self._runner = runner
        self._counts = counts
        self.writer = Writer(link.client, link.spawn, answered or runner.answered, self._release, counts.writes, copies)
        self._packets: deque[PacketOut] = deque()
        self._farewells = Farewells()
        self._drained: Link | None = None
        """Whom packets wait for, as it is behind."""
        self._probes: list[Probe] = []
        self._asked: list[Probe] = []
        """Those that are not answered."""
        self._leaving: list[Write] = []
        """Removals whose resets are on their way."""
        self._held = False

    @property
    def packets(self) -> int:
        """Packet-outs that wait."""
        return len(self._packets)

    @property
    def queues(self) -> dict[str, int]:
        """What waits for the switch: by name, how much."""
        return {"updates": self.writer.depth, "packet_outs": len(self._packets), "farewells": len(self._farewells)}

    def hold(self) -> None:
        """Send nothing more until :meth:`move`."""
        self._held = True
        self.writer.hold()

    def move(self, link: Link) -> None:
        """Go on by another connection, to a switch that has all that the one before has answered."""
        self._link = link
        self.writer.move(link.client, link.spawn)
        self._probes[:0] = self._asked
        self._asked = []
        for removal in self._leaving:
            self.writer.submit(removal, Group())
        self._leaving = []
        self._drained, self._held = None, False

    def give_up(self, link: Link) -> None:
        """Another switch that forwards is gone, which packets may wait for."""
        if self._drained is link:
            self._drained = None
            self._runner.wake()

    # effects

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Packets of a list of effects follow the writes that stand before them in it."""
        group: Group | None = None
        for effect in effects:
            if isinstance(effect, Write):
                if not self._farewells.holds(effect):
                    group = group or Group()
                    self.writer.submit(effect, group)
            elif isinstance(effect, (Inject, Forward)):
                if group is not None and group.jobs:
                    group.packets.append(effect)
                else:
                    self._packets.append(effect)
            elif isinstance(effect, Reset):
                self._farewells.reset(effect)
            elif isinstance(effect, Probe):
                self._probes.append(effect)
            elif isinstance(effect, LimitPunts):
                for link in (self._link,) if self._beside is None else self._beside.links():
                    link.limit_punts(effect)

    def flush(self) -> None:
        self.writer.pump()
        if self._held:
            return
        if self._probes and not self._asked:
            self._asked, self._probes = self._probes, []
            self._link.spawn(self._probe(self._asked))
        if self._drained is None:
            self._send_packets()

    def fail(self, error: Exception) -> None:
        self._link.fail(error)

    def _release(self, packets: list[PacketOut]) -> None:
        """What they waited for is written."""
        self._packets.extend(packets)
        self._runner.wake()

    async def _probe(self, probes: list[Probe]) -> None:
        """One read for all the probes that have come together."""
        link = self._link
        sessions = [session for probe in probes for session in probe.sessions]
        if self._beside is None:
            results = await link.client.probe(sessions)
        else:
            results = await probed(link, self._beside.links(), sessions)
        if link is not self._link:
            return
        events = []
        start = 0
        for probe in probes:
            events.append(Probed(results[start : start + len(probe.sessions)]))
            start += len(probe.sessions)
        self._asked = []
        self._runner.post(events)

    def _send_packets(self) -> None:
        packets = self._packets
        while packets:
            if not self._send(packets[0], PACKETS_AHEAD):
                return
            packets.popleft()
        farewells = self._farewells
        while effect := farewells.first:
            if isinstance(effect, Write):
                self._leaving.append(effect)
                self._link.spawn(self._remove(effect))
            elif not self._send(effect, FAREWELLS_AHEAD):
                farewells.behind()
                return
            farewells.done()

    def _send(self, packet: PacketOut, ahead: int) -> bool:
        """False when the switch is behind; then there is another round once it has taken some."""
        link = self._link
        if self._beside is not None:
            link, packet = self._way(self._beside, packet, ahead)
        try:
            if not link.client.packet_out(packet, ahead):
                self._drained = link
                link.spawn(self._drain(link, ahead))
                return False
            self._counts.packet_outs += 1
        except (IndexError, OverflowError):
            _LOGGER.error("packet-out with a value too wide for its field: %s", packet)
        return True

    def _way(self, beside: Beside, packet: PacketOut, ahead: int) -> tuple[Link, PacketOut]:
        """By which switch ``packet`` leaves: the one that it came by, if that is still there. A reset leaves by all, as
        each puts in the numbers that it has seen; endpoints heed those of the one that has seen the last segments."""
        link = self._link
        if isinstance(packet, Reset):
            for other in beside.links():
                if other is not link:
                    other.client.packet_out(packet, ahead)
            return link, packet
        if isinstance(packet, Inject):
            return beside.link(packet.port) or link, packet._replace(port=without_switch(packet.port))
        return beside.link(packet.port) or link, Forward(without_switch(packet.port), packet.frame)

    async def _drain(self, link: Link, ahead: int) -> None:
        await link.client.room(ahead // 2)
        if link is self._drained and not self._held:
            self._drained = None
            self._send_packets()

    async def _remove(self, removal: Write) -> None:
        """Remove sessions whose resets are on their way."""
        await asyncio.sleep(MARGIN)
        if any(other is removal for other in self._leaving):
            self._leaving = [other for other in self._leaving if other is not removal]
            self.writer.submit(removal, Group())
            self._runner.wake()


async def probed(
    link: Link, links: Sequence[Link], sessions: Sequence[SessionEntry]
) -> tuple[tuple[int, ProbeResult | None], ...]:
    """What all these switches tell of ``sessions``, which those have that ``link`` has: the time since the last hit
    anywhere, and what was counted everywhere. Raises P4RuntimeError of ``link``."""
    first = await link.client.probe(list(sessions))
    others = [other for other in links if other is not link]
    asked = (other.client.probe(list(sessions)) for other in others)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    found = dict(first)
    for answer in answers:
        if isinstance(answer, BaseException):
            # Who cannot be asked may have seen packets a moment ago.
            found = {number: result and result._replace(idle=0.0, idle_in=0.0) for number, result in found.items()}
            continue
        for number, result in answer:
            found[number] = _together(found[number], result)
    return tuple(found.items())


def _together(one: ProbeResult | None, other: ProbeResult | None) -> ProbeResult | None:
    if one is None or other is None:
        return one
    return ProbeResult(
        None if one.idle is None or other.idle is None else min(one.idle, other.idle),
        one.in_packets + other.in_packets,
        None if one.in_bytes is None or other.in_bytes is None else one.in_bytes + other.in_bytes,
        one.out_packets + other.out_packets,
        None if one.out_bytes is None or other.out_bytes is None else one.out_bytes + other.out_bytes,
        None if one.idle_in is None or other.idle_in is None else min(one.idle_in, other.idle_in),
    )
