"""One connection to a switch: its stream, our place as primary, and what is read of it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Sequence
from time import monotonic
from typing import Any, NoReturn, Protocol

from fullnat import named
from fullnat.app.arbitration import Candidate
from fullnat.app.group.proof import Proof
from fullnat.app.liveness import SILENT_SECONDS, Liveness, describe
from fullnat.app.outgoing import Counts, Outgoing
from fullnat.app.runner import EVENTS_WAITING, CoreRunner
from fullnat.app.tasks import Tasks
from fullnat.core.access.throttle import INTERVAL, Throttle
from fullnat.core.inbox import OPENINGS
from fullnat.core.interface import (
    Event,
    LimitPunts,
    SessionsFound,
    SessionsRead,
    SwitchId,
    SwitchUp,
)
from fullnat.p4rt.client import Arbitration, Client
from fullnat.p4rt.errors import NotPrimary

PACKETS_WAITING = 65536
"""Packet-outs that a switch may be behind before what comes from it is held back."""

_FEWER = "more connections are asked for than can be made: SYNs are dropped (syn_shed, and the switch's punt_meter)"
_ALL = "no more connections are asked for than can be made"
_LOGGER = named.logger(__name__)


class Home(Protocol):
    """Whom a connection serves: the core by itself (:class:`Alone`), or as one of a group of switches
    (:class:`fullnat.app.group.member.Member`)."""

    is_group: bool
    """There are others beside."""

    @property
    def runner(self) -> CoreRunner: ...

    async def admit(self, session: SwitchSession) -> None:
        """We are primary: until the switch may be written to. Raises NotPrimary."""
        ...

    async def provide(self, session: SwitchSession) -> bool:
        """Have the switch run a program that we know; whether it was given it, and is empty. Raises P4RuntimeError."""
        ...

    async def join(self, session: SwitchSession) -> None:
        """We are primary, and the switch has a program. Raises P4RuntimeError."""
        ...

    def attach(self, session: SwitchSession, event: SwitchUp) -> None:
        """The core is to have the switch, which holds what ``event`` says."""
        ...

    def tell(self, session: SwitchSession, event: Event) -> None:
        """What else has been read of it."""
        ...

    def hear(self, session: SwitchSession, events: Sequence[Event]) -> None:
        """What has just come from it."""
        ...

    def leave(self, session: SwitchSession, reason: str, *, taken: bool) -> None:
        """It is ours no more, if it was; ``taken``: it is another controller's."""
        ...


class Alone:
    """The only switch of the core."""

    is_group = False

    def __init__(self, runner: CoreRunner, counts: Counts, switch_id: SwitchId) -> None:
        self.runner = runner
        self._counts = counts
        self._switch_id = switch_id

    async def admit(self, session: SwitchSession) -> None:
        pass

    async def provide(self, session: SwitchSession) -> bool:
        return await session.client.ensure_pipeline()

    async def join(self, session: SwitchSession) -> None:
        await session.lead(self._counts.emptied)

    def attach(self, session: SwitchSession, event: SwitchUp) -> None:
        outgoing = Outgoing(session, self.runner, self._switch_id, self._counts)
        if event.emptied:
            outgoing.writer.emptied()
        session.outgoing = outgoing
        self.runner.attach(outgoing, event)

    def tell(self, session: SwitchSession, event: Event) -> None:
        if session.outgoing is not None:
            self.runner.tell(session.outgoing, event)

    def hear(self, session: SwitchSession, events: Sequence[Event]) -> None:
        self.runner.hear(events)

    def leave(self, session: SwitchSession, reason: str, *, taken: bool) -> None:
        if session.outgoing is not None:
            self.runner.detach(session.outgoing, reason)
            session.outgoing = None


class SwitchSession:
    """Lives from connecting to the loss of the connection."""

    def __init__(self, client: Client, home: Home, counts: Counts) -> None:
        self.client = client
        self.outgoing: Outgoing | None = None
        """Where the core's effects wait for this switch."""
        self.served = False
        """We have been primary."""
        self.proof: Proof | None = None
        """What waits for the data plane to prove that it lives."""
        self.is_behind = False
        """What has come is not looked at yet."""
        self._home = home
        self._counts = counts
        self._candidate = Candidate(client)
        self._liveness = Liveness(client, is_beside=home.is_group)
        self._phase = "disconnected"
        self._attached = False
        """What comes from the switch is heard."""
        self._early: list[Event] = []
        """What came from the switch between being primary and being in the core's hands."""
        self._taken = asyncio.Event()
        """The core has the early events."""
        self._throttle = Throttle(self._punt_limit.rate)
        self._limit = self._punt_limit
        """As it was set when the switch became ours."""
        self._limiting = asyncio.Lock()
        """A switch may take requests that are under way at once in any order, and the last limit is to stay."""
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
            self._home.leave(self, reason, taken=False)
            await self._tasks.close()
            await self.client.close()

    async def _receive(self) -> None:
        """Take what arrives, unless the core is far behind: then the stream's flow control holds the switch back."""
        while True:
            events = self._early
            self.is_behind = False
            arrived = await self.client.receive()
            self.is_behind = True
            new: list[Event] = []
            for event in arrived:
                if isinstance(event, Arbitration):
                    self._candidate.heard(event)
                elif self._candidate.primary:
                    new.append(event)
            if self.proof is not None:
                self.proof.heard(new)
            events += new
            if self._attached:
                self._home.hear(self, events)
                events.clear()
            while len(events) > EVENTS_WAITING:
                self._taken.clear()
                await self._taken.wait()
            await self._home.runner.room()
            while self.outgoing is not None and self.outgoing.packets > PACKETS_WAITING:
                await self.client.room()
                await asyncio.sleep(0)

    async def _synchronise(self) -> None:
        client, limit = self.client, self._punt_limit
        self._phase = "synchronising"
        await self._home.admit(self)
        if await self._home.provide(self):
            self._counts.pushes += 1
            self._counts.emptied = True
            _LOGGER.info("pushed the pipeline (cookie %#x); the switch starts empty", client.program.cookie)
        await client.enable_digests()
        await client.limit_punts(limit.rate, limit.burst)
        self._throttle = Throttle(limit.rate)
        _LOGGER.info("primary with election id %d", client.election_id)
        self._limit = limit
        await self._home.join(self)

    async def lead(self, emptied: bool) -> None:
        """Give the switch to the core, as it is. ``emptied``: what is missing there is lost."""
        client = self.client
        if emptied or self._home.runner.core.stats()["sessions"]:
            entries, orphans = await client.read_all()
            self._attach(SwitchUp(entries, orphans, emptied=emptied))
        else:
            self._attach(SwitchUp(await client.read_but_sessions(), whole=False))
            orphans = await self._read_sessions()
        self._counts.orphans += orphans
        # What has been found stays long: nothing is to look at all of it at once.
        gc.freeze()
        self._phase = "serving"

    def _attach(self, event: SwitchUp) -> None:
        """The core has the switch from now on."""
        self._counts.emptied = False
        self._home.attach(self, event)
        self.listen()

    def listen(self) -> None:
        """Have what comes from the switch heard from now on, and what has come since it is ours."""
        was_heard, self.served, self._attached = self._attached, True, True
        self._home.hear(self, self._early)
        self._forget_early()
        if self._punt_limit != self._limit:
            self.limit_punts(self._punt_limit)
        if not was_heard:
            self._tasks.spawn(self._limit_openings())

    def follow(self) -> None:
        """The core has another switch, and this one is to hold the same."""
        self.listen()
        self._phase = "serving"

    def take_over(self, outgoing: Outgoing) -> None:
        """The core's effects leave by us from now on."""
        self.outgoing = outgoing
        outgoing.move(self)
        self.limit_punts(self._punt_limit)

    async def _read_sessions(self) -> int:
        """Have the core know the sessions that the switch has, while others begin. Returns how many were half ones, and
        are deleted."""
        halves = self.client.schema.sessions.halves()
        async for sessions in self.client.read_sessions(halves):
            if sessions:
                self._home.tell(self, SessionsFound(sessions))
                # What has been found stays long: nothing is to look at all of it at once, or at much of it at all.
                gc.freeze()
            await asyncio.sleep(0)
        # One that began meanwhile may have been seen by half.
        holds = self._home.runner.core.holds
        orphans = [(entry, inward) for entry, inward in halves.orphans if not holds(entry, is_inward=inward)]
        await self.client.delete_halves(orphans)
        self._home.tell(self, SessionsRead(len(orphans)))
        return len(orphans)

    async def _limit_openings(self) -> None:
        """Have the switch drop what would be shed here, before it costs anything."""
        before, time = self._home.runner.openings, monotonic()
        while True:
            await asyncio.sleep(INTERVAL)
            now, seconds = self._home.runner.openings, monotonic() - time
            handled, shed = now[0] - before[0], now[1] - before[1]
            before, time = now, time + seconds
            throttle, was_active = self._throttle, self._throttle.active
            if not throttle.look(handled, shed, seconds, self._home.runner.openings_waiting):
                continue
            if throttle.active is not was_active:
                _LOGGER.warning("%s", _FEWER if throttle.active else _ALL)
            burst = throttle.burst if throttle.active else self._punt_limit.burst
            self.limit_punts(LimitPunts(throttle.rate, burst, OPENINGS))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` for as long as the switch is ours."""
        self._tasks.spawn(work)

    def fail(self, error: Exception) -> None:
        self._tasks.fail(error)

    def limit_punts(self, limit: LimitPunts) -> None:
        """A limit of all reasons ends what the throttle has set."""
        if limit.reasons is None:
            self._throttle = Throttle(limit.rate)
        self._tasks.spawn(self._set_limit(limit))

    async def _set_limit(self, limit: LimitPunts) -> None:
        async with self._limiting:
            await self.client.limit_punts(limit.rate, limit.burst, limit.reasons)

    @property
    def _punt_limit(self) -> LimitPunts:
        settings = self._home.runner.core.model.settings
        return LimitPunts(settings.punt_rate, settings.punt_burst)

    def _forget_early(self) -> None:
        self._early.clear()
        self._taken.set()

    async def _stand_down(self, reason: str) -> None:
        """Another controller took over: what was under way is given up."""
        self._candidate.stand_down(reason)
        self._home.leave(self, reason, taken=True)
        await self._tasks.cancel()
        self._forget_early()
        self._phase = "standby"
        self._attached = False
