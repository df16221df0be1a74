"""One switch: connects, synchronises, then feeds the core and carries out its effects until the connection is lost.

One task owns the core and everything here. Helpers (the stream's receiver, requests in flight, probes) run as tasks of
the owner, which takes their results from one queue and fails when one of them fails.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from fullnat.app.ports import Core
from fullnat.app.writer import Group, Writer
from fullnat.config.model import Config
from fullnat.core.interface import (
    Effect,
    Event,
    Forward,
    Inject,
    Log,
    Probe,
    Probed,
    Reset,
    SwitchDown,
    SwitchUp,
    Write,
    Written,
)
from fullnat.p4rt.client import Arbitration, Client, Mastership
from fullnat.p4rt.errors import ConnectionLost, NotPrimary, P4RuntimeError
from fullnat.p4rt.packetio import PacketOut

EVENTS_PER_ROUND = 512
EVENTS_WAITING = 65536
"""Events taken from the stream ahead of the core."""
ARBITRATION_SECONDS = 10.0
BACKOFF_FIRST = 0.1
BACKOFF_LAST = 5.0

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class Status:
    """What the owner is doing, for operators."""

    state: str = "disconnected"
    """disconnected, standby, synchronising or serving."""
    reason: str = ""
    connects: int = 0
    pushes: int = 0
    """Times the pipeline was pushed."""
    orphans: int = 0
    events: Counter[type[Event]] = field(default_factory=Counter)
    packet_outs: int = 0
    core_errors: int = 0


class SwitchOwner:
    """Runs one core against one switch. ``connect`` makes a new client, with its own connection, for every attempt."""

    def __init__(self, core: Core, config: Config, connect: Callable[[], Client]) -> None:
        self.status = Status()
        self.client: Client | None = None
        self.writer: Writer | None = None
        self._core = core
        self._config = config
        self._connect = connect
        self._up = False
        self._reset_connection()

    def _reset_connection(self) -> None:
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._events: deque[Event | Arbitration] = deque()
        self._packets: deque[PacketOut] = deque()
        self._probes: list[Probe] = []
        self._probing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._receiver: asyncio.Task[None] | None = None

    @property
    def serving(self) -> bool:
        return self._up

    async def run(self) -> None:
        """Connect again and again until cancelled."""
        delay = BACKOFF_FIRST
        try:
            while True:
                reason = await self._connection()
                if self._up:
                    delay = BACKOFF_FIRST
                    self._up = False
                    self._feed(SwitchDown(reason))
                if reason != self.status.reason:
                    _LOGGER.warning("no switch: %s; trying again", reason)
                self.status.state, self.status.reason = "disconnected", reason
                await asyncio.sleep(delay * random.uniform(0.8, 1.2))
                delay = min(delay * 2, BACKOFF_LAST)
        finally:
            self._up = False

    def reconfigure(self, config: Config) -> None:
        """Hand a new configuration to the core and have the difference written."""
        self._config = config
        self._guard(partial(self._core.reconfigure, config), monotonic())
        if self._up and self.client is not None:
            self._spawn(self.client.limit_punts(config.punt_rate, config.punt_burst))
            self._wake.set()

    # one connection

    async def _connection(self) -> str:
        """Serve one connection until it is lost; why it was."""
        self._reset_connection()
        try:
            client = self.client = self._connect()
        except P4RuntimeError as error:
            return str(error)
        self.writer = Writer(client, self._spawn, self._written, self._packets.extend)
        try:
            await client.open()
            self.status.connects += 1
            self._receiver = asyncio.create_task(self._receive(client), name="p4runtime-receiver")
            self._receiver.add_done_callback(self._reap)
            await self._become_primary(client)
            while True:
                try:
                    await self._synchronise(client)
                    await self._serve()
                except NotPrimary as error:
                    await self._stand_down(client, str(error))
        except P4RuntimeError as error:
            return str(error)
        except Exception as error:
            # A bug must not end the process: a new connection starts from what the switch holds.
            _LOGGER.exception("the connection failed for an unforeseen reason")
            return f"internal error: {error}"
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await self._cancel(self._tasks)
            if self._receiver is not None:
                await self._cancel({self._receiver})
            await client.close()

    async def _cancel(self, tasks: set[asyncio.Task[None]]) -> None:
        waiting = list(tasks)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="p4runtime-request")
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if self._failure is None:
                self._failure = error
            self._wake.set()
        elif self._packets or self._events:
            self._wake.set()

    async def _receive(self, client: Client) -> None:
        """Take what arrives, unless the core is far behind: then the stream's flow control holds the switch back."""
        while True:
            self._events.extend(await client.receive())
            self._wake.set()
            while len(self._events) > EVENTS_WAITING:
                self._room.clear()
                await self._room.wait()

    async def _wait(self) -> None:
        """Until something happened. Raises what a task failed with."""
        if self._failure is None:
            await self._wake.wait()
        self._wake.clear()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def _become_primary(self, client: Client, answered: bool = False) -> None:
        """Stand by until the switch says that we are primary. The first answer to a bid must come soon."""
        while True:
            if answered:
                await self._wait()
            else:
                try:
                    await asyncio.wait_for(self._wait(), ARBITRATION_SECONDS)
                except TimeoutError:
                    raise ConnectionLost("the switch does not answer the arbitration") from None
            while self._events:
                event = self._events.popleft()
                if not isinstance(event, Arbitration):
                    continue
                answered = True
                if event.mastership is Mastership.PRIMARY:
                    return
                if event.mastership is Mastership.NONE:
                    await client.bid(max(event.election_id, client.election_id) + 1)
                elif self.status.state != "standby":
                    self.status.state = "standby"
                    _LOGGER.info("standing by: the controller with election id %d is primary", event.election_id)

    async def _stand_down(self, client: Client, reason: str) -> None:
        """Another controller took over: wait until it goes."""
        _LOGGER.warning("no longer primary: %s", reason)
        if self._up:
            self._up = False
            self._feed(SwitchDown(reason))
        await self._cancel(self._tasks)
        self._failure = None
        self._probes, self._probing = [], False
        self._packets.clear()
        self.writer = Writer(client, self._spawn, self._written, self._packets.extend)
        self.status.state = "standby"
        await self._become_primary(client, answered=True)

    async def _synchronise(self, client: Client) -> None:
        self.status.state = "synchronising"
        if await client.ensure_pipeline():
            self.status.pushes += 1
            _LOGGER.info("pushed the pipeline (cookie %#x); the switch starts empty", client.program.cookie)
        await client.enable_digests()
        await client.limit_punts(self._config.punt_rate, self._config.punt_burst)
        entries, orphans = await client.read_all()
        self.status.orphans += orphans
        self._up = True
        self.status.state, self.status.reason = "serving", ""
        _LOGGER.info("primary with election id %d; the switch holds %d entries", client.election_id, len(entries))
        self._feed(SwitchUp(entries, orphans))

    async def _serve(self) -> None:
        """The main loop: events in, effects out."""
        self._wake.set()
        while True:
            await self._wait()
            for _ in range(min(len(self._events), EVENTS_PER_ROUND)):
                event = self._events.popleft()
                if isinstance(event, Arbitration):
                    if event.mastership is not Mastership.PRIMARY:
                        raise NotPrimary(f"the controller with election id {event.election_id} is primary")
                else:
                    self._feed(event)
            if self._events:
                self._wake.set()
            if len(self._events) <= EVENTS_WAITING:
                self._room.set()
            writer = self.writer
            assert writer is not None
            self._run_deadline()
            writer.pump()
            self._pump_probes()
            await self._send_packets()

    # the core

    def _feed(self, event: Event) -> None:
        self.status.events[type(event)] += 1
        try:
            effects = self._core.handle(event, monotonic())
        except Exception:
            self._core_failed()
        else:
            if effects:
                self._carry_out(effects)

    def _run_deadline(self) -> None:
        """Do what is due, and have the timer wake us for what is next."""
        now = monotonic()
        due = self._core.deadline()
        if due is not None and due <= now:
            self._guard(self._core.handle_deadline, now)
            due = self._core.deadline()
        if self._timer is not None and (due != self._timer_at or self._timer.when() <= now):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due is not None:
            self._timer_at = due
            self._timer = asyncio.get_running_loop().call_at(max(due, now + 0.001), self._wake.set)

    def _guard(self, call: Callable[[float], list[Effect]], now: float) -> None:
        try:
            effects = call(now)
        except Exception:
            self._core_failed()
        else:
            self._carry_out(effects)

    def _core_failed(self) -> None:
        """An error of the core concerns one event: it is logged and counted, and the others go on."""
        self.status.core_errors += 1
        _LOGGER.exception("the controller core failed on an event")

    def _carry_out(self, effects: list[Effect]) -> None:
        group: Group | None = None
        for effect in effects:
            if isinstance(effect, Log):
                _LOGGER.log(logging.getLevelNamesMapping()[effect.level.upper()], "%s", effect.message)
            elif not self._up:
                continue
            elif isinstance(effect, Write):
                assert self.writer is not None
                group = group or Group()
                self.writer.submit(effect, group)
            elif isinstance(effect, Probe):
                self._probes.append(effect)
            elif isinstance(effect, (Forward, Inject, Reset)):
                if group is not None and group.jobs:
                    group.packets.append(effect)
                else:
                    self._packets.append(effect)

    def _written(self, event: Written) -> None:
        self._events.append(event)
        self._wake.set()

    # effects that are not Writes

    def _pump_probes(self) -> None:
        if self._probes and not self._probing:
            self._probing = True
            probes, self._probes = self._probes, []
            self._spawn(self._probe(probes))

    async def _probe(self, probes: list[Probe]) -> None:
        """One read for all the probes that have come together."""
        assert self.client is not None
        results = await self.client.probe([session for probe in probes for session in probe.sessions])
        start = 0
        for probe in probes:
            self._events.append(Probed(results[start : start + len(probe.sessions)]))
            start += len(probe.sessions)
        self._probing = False
        self._wake.set()

    async def _send_packets(self) -> None:
        assert self.client is not None
        while self._packets:
            try:
                await self.client.packet_out(self._packets[0])
                self.status.packet_outs += 1
            except (IndexError, OverflowError):
                _LOGGER.error("packet-out with a value too wide for its field: %s", self._packets[0])
            self._packets.popleft()
