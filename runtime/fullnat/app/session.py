"""One connection to a switch: its stream, our place as primary, and the core's effects on their way to it."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NoReturn

from fullnat.app.arbitration import Candidate
from fullnat.app.farewells import MARGIN, Farewells
from fullnat.app.liveness import SILENT_SECONDS, Liveness, describe
from fullnat.app.runner import EVENTS_WAITING, CoreRunner
from fullnat.app.tasks import Tasks
from fullnat.app.writer import Group, Writer
from fullnat.core.histogram import SETUP_BOUNDS, Histogram
from fullnat.core.inbox import OPENINGS
from fullnat.core.interface import (
    Effect,
    Event,
    Forward,
    Inject,
    LimitPunts,
    Probe,
    Probed,
    SessionsFound,
    SessionsRead,
    SwitchId,
    SwitchUp,
    Write,
    Written,
)
from fullnat.core.throttle import INTERVAL, Throttle
from fullnat.p4rt.client import Arbitration, Client
from fullnat.p4rt.errors import NotPrimary
from fullnat.p4rt.packetio import PacketOut

PACKETS_AHEAD = 4096
"""Packet-outs handed to the stream that the switch has not taken yet."""
FAREWELLS_AHEAD = 256
"""The same, of resets: what a connection that begins waits for at most."""
PACKETS_WAITING = 65536
"""Packet-outs that a switch may be behind before what comes from it is held back."""

_FEWER = "more connections are asked for than can be made: SYNs are dropped (syn_shed, and the switch's punt_meter)"
_ALL = "no more connections are asked for than can be made"
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


class SwitchSession:
    """Lives from connecting to the loss of the connection; while we are primary, it is the runner's switch."""

    def __init__(self, client: Client, runner: CoreRunner, counts: Counts, switch_id: SwitchId) -> None:
        self.client = client
        self.switch_id = switch_id
        self.served = False
        """We have been primary."""
        self._runner = runner
        self._counts = counts
        self.writer = self._new_writer()
        self._candidate = Candidate(client)
        self._liveness = Liveness(client)
        self._phase = "disconnected"
        self._attached = False
        """The core has the switch."""
        self._early: list[Event] = []
        """What came from the switch between being primary and being in the core's hands."""
        self._taken = asyncio.Event()
        """The core has the early events."""
        self._packets: deque[PacketOut] = deque()
        self._farewells = Farewells()
        self._draining = False
        self._throttle = Throttle(self._punt_limit.rate)
        self._limiting = asyncio.Lock()
        """A switch may take requests that are under way at once in any order, and the last limit is to stay."""
        self._probes: list[Probe] = []
        self._probing = False
        self._tasks = Tasks()

    @property
    def state(self) -> tuple[str, str]:
        """disconnected, standby, synchronising, serving or silent; and, of the last one, what there is to say."""
        if self._liveness.silent >= SILENT_SECONDS and self._phase != "disconnected" and not self.client.pushing:
            return "silent", describe(self._liveness.silent)
        return "standby" if self._candidate.standby else self._phase, ""

    @property
    def stands_by(self) -> bool:
        """Another controller is primary; :attr:`state` may have something else to say."""
        return self._candidate.standby

    @property
    def is_primary(self) -> bool:
        """By the last word of the switch."""
        return self._candidate.primary

    @property
    def surpassed(self) -> int:
        """As :attr:`fullnat.app.arbitration.Candidate.surpassed`."""
        return self._candidate.surpassed

    @property
    def silent(self) -> float:
        """Seconds for which the switch has said nothing."""
        return self._liveness.silent

    async def run(self) -> NoReturn:
        """Serve until the connection is lost, which is raised as P4RuntimeError."""
        reason = "the controller stops"
        try:
            await self.client.open()
            self._counts.connects += 1
            self._tasks.spawn(self._receive(), lasting=True)
            self._tasks.spawn(self._liveness.watch(), lasting=True)
            while True:
                try:
                    await self._tasks.until(self._candidate.won())
                    await self._tasks.until(self._synchronise())
                    await self._tasks.until(self._candidate.lost())
                except NotPrimary as error:
                    await self._stand_down(str(error))
        except Exception as error:
            reason = str(error)
            raise
        finally:
            self._runner.detach(self, reason)
            await self._tasks.close()
            await self.client.close()

    async def _receive(self) -> None:
        """Take what arrives, unless the core is far behind: then the stream's flow control holds the switch back."""
        while True:
            events = self._early
            for event in await self.client.receive():
                if isinstance(event, Arbitration):
                    self._candidate.heard(event)
                elif self._candidate.primary:
                    events.append(event)
            if self._attached:
                self._runner.hear(events)
                events.clear()
            while len(events) > EVENTS_WAITING:
                self._taken.clear()
                await self._taken.wait()
            await self._runner.room()
            while len(self._packets) > PACKETS_WAITING:
                await self.client.room()
                await asyncio.sleep(0)

    async def _synchronise(self) -> None:
        client, limit = self.client, self._punt_limit
        self._phase = "synchronising"
        if await client.ensure_pipeline():
            self._counts.pushes += 1
            self._counts.emptied = True
            self.writer.emptied()
            _LOGGER.info("pushed the pipeline (cookie %#x); the switch starts empty", client.program.cookie)
        await client.enable_digests()
        await client.limit_punts(limit.rate, limit.burst)
        self._throttle = Throttle(limit.rate)
        _LOGGER.info("primary with election id %d", client.election_id)
        emptied = self._counts.emptied
        if emptied or self._runner.core.stats()["sessions"]:
            entries, orphans = await client.read_all()
            self._attach(SwitchUp(entries, orphans, emptied=emptied), limit)
        else:
            self._attach(SwitchUp(await client.read_but_sessions(), whole=False), limit)
            orphans = await self._read_sessions()
        self._counts.orphans += orphans
        # What has been found stays long: nothing is to look at all of it at once.
        gc.freeze()
        self._phase = "serving"

    def _attach(self, event: SwitchUp, limit: LimitPunts) -> None:
        """The core has the switch from now on, with what has come from it since it is ours. ``limit`` was set there."""
        self.served = self._attached = True
        self._counts.emptied = False
        self._runner.attach(self, event)
        self._runner.post(self._early)
        self._forget_early()
        if self._punt_limit != limit:
            self.carry_out((self._punt_limit,))
        self._tasks.spawn(self._limit_openings())

    async def _read_sessions(self) -> int:
        """Have the core know the sessions that the switch has, while others begin. Returns how many were half ones, and
        are deleted."""
        halves = self.client.schema.sessions.halves()
        async for sessions in self.client.read_sessions(halves):
            if sessions:
                self._runner.tell(self, SessionsFound(sessions))
            await asyncio.sleep(0)
        # One that began meanwhile may have been seen by half.
        orphans = [half for half in halves.orphans if not self._runner.core.holds(half[0])]
        await self.client.delete_halves(orphans)
        self._runner.tell(self, SessionsRead(len(orphans)))
        return len(orphans)

    async def _limit_openings(self) -> None:
        """Have the switch drop what would be shed here, before it costs anything."""
        before, time = self._runner.openings, monotonic()
        while True:
            await asyncio.sleep(INTERVAL)
            now, seconds = self._runner.openings, monotonic() - time
            handled, shed = now[0] - before[0], now[1] - before[1]
            before, time = now, time + seconds
            throttle, was_active = self._throttle, self._throttle.active
            if not throttle.look(handled, shed, seconds):
                continue
            if throttle.active is not was_active:
                _LOGGER.warning("%s", _FEWER if throttle.active else _ALL)
            burst = throttle.burst if throttle.active else self._punt_limit.burst
            self._limit_punts(LimitPunts(throttle.rate, burst, OPENINGS))

    def _limit_punts(self, limit: LimitPunts) -> None:
        """A limit of all reasons ends what the throttle has set."""
        if limit.reasons is None:
            self._throttle = Throttle(limit.rate)
        self._tasks.spawn(self._set_limit(limit))

    async def _set_limit(self, limit: LimitPunts) -> None:
        async with self._limiting:
            await self.client.limit_punts(limit.rate, limit.burst, limit.reasons)

    @property
    def _punt_limit(self) -> LimitPunts:
        settings = self._runner.core.model.settings
        return LimitPunts(settings.punt_rate, settings.punt_burst)

    def _forget_early(self) -> None:
        self._early.clear()
        self._taken.set()

    async def _stand_down(self, reason: str) -> None:
        """Another controller took over: what was under way is given up."""
        self._candidate.stand_down(reason)
        self._runner.detach(self, reason)
        await self._tasks.cancel()
        self._forget_early()
        self._probes, self._probing = [], False
        self._packets.clear()
        self._farewells.clear()
        self._draining = False
        self.writer = self._new_writer()
        self._phase = "standby"
        self._attached = False

    def _new_writer(self) -> Writer:
        return Writer(
            self.client, lambda work: self._tasks.spawn(work), self._written, self._release, self._counts.writes
        )

    @property
    def queues(self) -> dict[str, int]:
        """What waits for the switch: by name, how much."""
        return {"updates": self.writer.depth, "packet_outs": len(self._packets), "farewells": len(self._farewells)}

    # effects

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Packets of a list of effects follow the writes that stand before them in it."""
        group: Group | None = None
        for effect in effects:
            if self._farewells.take(effect):
                continue
            if isinstance(effect, Write):
                group = group or Group()
                self.writer.submit(effect, group)
            elif isinstance(effect, Probe):
                self._probes.append(effect)
            elif isinstance(effect, LimitPunts):
                self._limit_punts(effect)
            elif isinstance(effect, (Forward, Inject)):
                if group is not None and group.jobs:
                    group.packets.append(effect)
                else:
                    self._packets.append(effect)

    def flush(self) -> None:
        self.writer.pump()
        if self._probes and not self._probing:
            self._probing = True
            probes, self._probes = self._probes, []
            self._tasks.spawn(self._probe(probes))
        if not self._draining:
            self._send_packets()

    def fail(self, error: Exception) -> None:
        self._tasks.fail(error)

    def _written(self, event: Written) -> None:
        self._runner.answered(event)

    def _release(self, packets: list[PacketOut]) -> None:
        """What they waited for is written."""
        self._packets.extend(packets)
        self._runner.wake()

    async def _probe(self, probes: list[Probe]) -> None:
        """One read for all the probes that have come together."""
        results = await self.client.probe([session for probe in probes for session in probe.sessions])
        events = []
        start = 0
        for probe in probes:
            events.append(Probed(results[start : start + len(probe.sessions)]))
            start += len(probe.sessions)
        self._probing = False
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
                self._tasks.spawn(self._remove(effect))
            elif not self._send(effect, FAREWELLS_AHEAD):
                farewells.behind()
                return
            farewells.done()

    def _send(self, packet: PacketOut, ahead: int) -> bool:
        """False when the switch is behind; then there is another round once it has taken some."""
        try:
            if not self.client.packet_out(packet, ahead):
                self._draining = True
                self._tasks.spawn(self._drain(ahead))
                return False
            self._counts.packet_outs += 1
        except (IndexError, OverflowError):
            _LOGGER.error("packet-out with a value too wide for its field: %s", packet)
        return True

    async def _drain(self, ahead: int) -> None:
        await self.client.room(ahead // 2)
        self._draining = False
        self._send_packets()

    async def _remove(self, removal: Write) -> None:
        """Remove sessions whose resets are on their way."""
        await asyncio.sleep(MARGIN)
        self.writer.submit(removal, Group())
        self._runner.wake()
