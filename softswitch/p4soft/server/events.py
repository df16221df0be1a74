"""From the engine's events to stream messages for the primary controllers.

:class:`EventDispatcher` is pure (drain when told, report the next deadline); :class:`EventPump` ties it to an asyncio
loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finsy.proto import p4r

from p4soft.api import Digest, Engine, Idle, PacketIn
from p4soft.server.arbitration import Arbitration
from p4soft.server.digests import DigestList
from p4soft.server.outgoing import Outgoing
from p4soft.server.packetio import Punted
from p4soft.server.pipeline import Pipeline
from p4soft.server.pipelines import PipelineStore

if TYPE_CHECKING:
    from p4soft.server.streams import Stream

BATCH = 1024
"""Events taken from the engine at a time; requests get their turn in between."""
IDLE_ENTRIES = 512
"""Most entries in one IdleTimeoutNotification."""


@dataclass(slots=True)
class EventStats:
    packets_in: int = 0
    short_packets: int = 0
    """Packets to the CPU port that were shorter than the packet_in header."""
    digest_lists: int = 0
    unheard: int = 0
    """Events dropped because there was no primary controller or no pipeline."""


class EventDispatcher:
    """Builds messages from events and hands them to every role's primary stream."""

    def __init__(
        self,
        engine: Engine,
        pipelines: PipelineStore,
        arbitration: Arbitration,
        monotonic: Callable[[], int],
        epoch: Callable[[], int],
    ) -> None:
        self.engine = engine
        self.stats = EventStats()
        self._pipelines = pipelines
        self._arbitration = arbitration
        self._monotonic = monotonic
        self._epoch = epoch

    def drain(self) -> None:
        """Take one batch of events and send what comes of it, due digest lists included."""
        events = self.engine.poll(BATCH)
        pipeline = self._pipelines.running
        primaries = self._arbitration.primaries
        if pipeline is None or not primaries:
            self.stats.unheard += len(events)
            for handler in pipeline.digests.values() if pipeline is not None else ():
                handler.discard()
            return
        packets: list[Punted] = []
        digests: dict[str, list[bytes]] = {}
        idle: list[Idle] = []
        header = pipeline.packet_in
        least = header.size
        for event in events:
            kind = type(event)
            if kind is PacketIn:
                data = event.data  # type: ignore[union-attr]
                if len(data) < least:
                    self.stats.short_packets += 1
                else:
                    packets.append(Punted(header, data))
            elif kind is Digest:
                name, data = event  # type: ignore[misc]
                digests.setdefault(name, []).append(data)
            else:
                idle.append(event)  # type: ignore[arg-type]
        self.stats.packets_in += len(packets)
        lists = self._digests(pipeline, digests) if pipeline.digests else []
        notices = self._idle(pipeline, idle) if idle else []
        outgoing: list[Outgoing] = [*packets, *lists, *notices]
        for stream in primaries if outgoing else ():
            if TYPE_CHECKING:
                assert isinstance(stream, Stream)
            stream.send(outgoing)

    def deadline(self) -> int | None:
        """When (monotonic ns) the next digest list is due; None while none is buffered."""
        pipeline = self._pipelines.running
        if pipeline is None:
            return None
        deadlines = [deadline for digest in pipeline.digests.values() if (deadline := digest.deadline()) is not None]
        return min(deadlines, default=None)

    def primary_changed(self) -> None:
        """Another controller may take over: unacknowledged digests may be sent again."""
        pipeline = self._pipelines.running
        if pipeline is not None:
            for digest in pipeline.digests.values():
                digest.forget_unacked()

    def _digests(self, pipeline: Pipeline, digests: dict[str, list[bytes]]) -> list[DigestList]:
        """The lists that are to be sent now; ``digests`` have come, by name."""
        now = self._monotonic()
        lists: list[DigestList] = []
        for name, data in digests.items():
            handler = pipeline.digests_by_name.get(name)
            if handler is not None:
                lists += handler.add(data, now)
        lists += [due for handler in pipeline.digests.values() if (due := handler.due(now)) is not None]
        if lists:
            timestamp = self._epoch()
            for made in lists:
                made.timestamp = timestamp
            self.stats.digest_lists += len(lists)
        return lists

    def _idle(self, pipeline: Pipeline, idle: list[Idle]) -> list[p4r.StreamMessageResponse]:
        timestamp = self._epoch()
        messages: list[p4r.StreamMessageResponse] = []
        message = None
        for event in idle:
            table = pipeline.tables_by_index.get(event.table)
            if table is None:
                continue
            if message is None or len(message.idle_timeout_notification.table_entry) >= IDLE_ENTRIES:
                message = p4r.StreamMessageResponse()
                message.idle_timeout_notification.timestamp = timestamp
                messages.append(message)
            entry = message.idle_timeout_notification.table_entry.add()
            table.decode_key_into(event.entry, entry)
            table.decode_cookie_into(event.entry, entry)
        return messages


class EventPump:
    """Drains a dispatcher whenever the engine's descriptor is readable, or a digest list is due."""

    def __init__(self, events: EventDispatcher, monotonic: Callable[[], int], loop: asyncio.AbstractEventLoop) -> None:
        self._events = events
        self._monotonic = monotonic
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._fileno = events.engine.fileno()
        loop.add_reader(self._fileno, self._drain)

    def stop(self) -> None:
        self._loop.remove_reader(self._fileno)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drain(self) -> None:
        self._events.drain()
        if self._timer is None and (deadline := self._events.deadline()) is not None:
            delay = max(0, deadline - self._monotonic()) / 1e9
            self._timer = self._loop.call_later(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        self._drain()
