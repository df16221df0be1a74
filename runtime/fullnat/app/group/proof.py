"""Proof of life through the data plane: what is sent into a switch's pipeline, to come back.

A switch whose server answers may forward nothing: a thread of its pipeline hangs, or its chip. So where the data plane
has told nothing for an interval, no packet and no digest, it is given a packet that leaves by the CPU port as it came:
one that looks like a packet-in already. That asks no table and no meter. So a switch that stands by proves it as well,
and a flood takes no proof away: it is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol

from fullnat.core.interface import Event, IdleNotice, PacketIn
from fullnat.p4rt.client import Client
from fullnat.p4rt.packetio import RETURNED, PacketOut

AHEAD = 256
"""Packet-outs that may wait before ours: behind more of them it may come late without any fault."""


@dataclass(frozen=True, slots=True)
class Patience:
    """With a data plane that says nothing."""

    interval: float = 0.5
    """Seconds of silence after which a packet is sent, and within which it is to be back; 0: none is sent."""
    lost: int = 3
    """Packets in a row that do not come back before the data plane counts as mute."""


class Proving(Protocol):
    """The part of :class:`fullnat.app.session.SwitchSession` used here."""

    @property
    def client(self) -> Client: ...

    @property
    def is_behind(self) -> bool:
        """What has come is not looked at yet."""
        ...


class Proof:
    """``found`` hears after every interval whether the data plane lives, once that is known."""

    def __init__(self, session: Proving, patience: Patience, cpu_port: int, found: Callable[[bool], None]) -> None:
        self._session = session
        self._patience = patience
        self._packet = session.client.schema.packets.returning(cpu_port)
        self._found = found
        self._away = 0
        """Packets of ours that have not come back."""
        self._spoke = False
        """The data plane has told something since the last look."""

    def heard(self, events: list[Event]) -> None:
        """What has come by the stream; what is ours is taken out."""
        if not self._spoke:
            # That an entry is idle may be told by another thread than that of packets.
            self._spoke = any(not isinstance(event, IdleNotice) for event in events)
        if self._away:
            others = [event for event in events if not isinstance(event, PacketIn) or event.reason != RETURNED]
            if len(others) != len(events):
                self._away = 0
                events[:] = others

    async def watch(self) -> None:
        """For as long as the switch is ours. Raises P4RuntimeError."""
        if self._packet is not None and self._patience.interval:
            await self._watch(self._packet)

    async def _watch(self, packet: PacketOut) -> NoReturn:
        """Counted in intervals of ours: one in which we were stopped ourselves is one, however long."""
        lost = 0
        asks = True
        while True:
            self._spoke = False
            sent = asks and self._session.client.packet_out(packet, AHEAD)
            self._away += sent
            await asyncio.sleep(self._patience.interval)
            # What has come while we were stopped is looked at before.
            await asyncio.sleep(0)
            asks = not self._spoke
            if self._spoke:
                lost = 0
                self._found(True)
            elif sent and not self._session.is_behind:
                lost += 1
                if lost >= self._patience.lost:
                    self._found(False)
