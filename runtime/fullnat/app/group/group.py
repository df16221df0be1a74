"""A group of switches: to the core it is one.

The active one is where the core's effects go. What it has taken is passed on to the others, from the same bytes where
their programs have the same, and they hold it, but for the gate, without which a switch does nothing. When the active
one goes, one that is full gets the gate, and what was under way is written there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from time import monotonic

from fullnat.app.group import gate
from fullnat.app.group.admission import Admission
from fullnat.app.group.choice import first
from fullnat.app.group.fill import Fill
from fullnat.app.group.ledger import Ledger
from fullnat.app.group.member import MUTE, Member, Role, Takeover
from fullnat.app.group.odometer import Odometer
from fullnat.app.group.programs import Programs
from fullnat.app.group.proof import Patience
from fullnat.app.group.remembered import Remembered
from fullnat.app.group.replica import Replica
from fullnat.app.group.shown import NotNow
from fullnat.app.outgoing import Counts, Outgoing
from fullnat.app.runner import CoreRunner
from fullnat.app.session import SwitchSession
from fullnat.app.writer import Update, Wait
from fullnat.compiled import CPU_PORTS, V1MODEL
from fullnat.core.interface import THE_SWITCH, Event, IdleNotice, Moved, SessionsRead, SwitchUp
from fullnat.p4rt.errors import ConnectionLost, NotPrimary, P4RuntimeError
from fullnat.p4rt.schema import Schema
from fullnat.tables.table import Entry
from fullnat.words import quoted

TICK = 0.1
"""Seconds between two looks at whether one is to begin."""
SHUT_SECONDS = 2.0
"""For a switch to shut its gate when it is told to."""
REFILL = 5.0
"""Seconds until a switch that was taken out is filled again."""
ANNOUNCEMENTS = (0.2, 1.0, 3.0, 10.0)
"""Seconds from one announcement of our addresses to the next, after a takeover: they get lost, and nobody says so."""

_LOGGER = logging.getLogger(__name__)


class SwitchGroup:
    def __init__(
        self,
        runner: CoreRunner,
        remembered: Remembered,
        patience: Patience = Patience(),  # noqa: B008
        cpu_port: int = CPU_PORTS[V1MODEL],
    ) -> None:
        """``patience``: with a data plane that says nothing, to which the controller is ``cpu_port``."""
        self.runner = runner
        self.patience = patience
        self.cpu_port = cpu_port
        self.members: dict[str, Member] = {}
        self.active: Member | None = None
        self.outgoing: Outgoing | None = None
        self.counts = Counts()
        self.admission = Admission(remembered)
        self._is_over = False  # the controller gives them all up
        self.odometer = Odometer()
        self._ledger = Ledger()
        self.programs = Programs(runner.core, self._ledger)
        self._remembered = remembered
        self._leading: Member | None = None
        """The one that is read, to be the active one."""
        self._is_whole = False
        """The core knows all sessions of the active one."""
        self.moving = False
        """The one that is to be active has not got the gate yet."""
        self._since = monotonic()
        """When there was no active one for the first time."""
        self._changed = asyncio.Event()

    # what becomes of a member

    def starts(self) -> None:
        """Connections to the switches are made from now on."""
        self.admission.begin()
        self._is_over, self._since = False, monotonic()

    def ends(self) -> None:
        self._is_over = True

    async def admit(self, member: Member, session: SwitchSession) -> None:
        """Until ``member`` may be written to. Raises NotPrimary."""
        while not self.admission.is_alone([name for name, each in self.members.items() if each.owner.is_held]):
            await self._change()
            if not session.is_primary:
                raise NotPrimary("another controller is primary")
        await self.admission.admit(member.name, self.members)
        self._tell()

    async def serve(self, member: Member, session: SwitchSession, *, was_active: bool = False) -> None:
        """``member`` is there, until it is the active one. Raises P4RuntimeError."""
        member.session, member.role = session, Role.WAITING
        member.turn += 1
        turn = member.turn
        if member.counts.emptied:
            self.odometer.anew(member.name)
        is_shut = await self._meet(member, session, was_active=was_active)
        self._tell()
        while self.active is not member and member.turn == turn:
            if self.active is not None and self._is_whole and not self.moving:
                self.programs.require(member.name)
                if not is_shut:
                    await self._shut(session)
                    is_shut = True
                await self._follow(member, session, turn)
            elif self._may_lead(member):
                self.programs.require(member.name)
                self._leading = member
                known = self._remembered.full
                await session.lead(member.counts.emptied or (bool(known) and member.name not in known))
            else:
                await self._change()

    async def _meet(self, member: Member, session: SwitchSession, *, was_active: bool) -> bool:
        """See to the gate that ``member`` has; whether it may follow with what it has of it. Raises P4RuntimeError."""
        if self.active is not None or self._remembered.active not in (None, member.name):
            await self._shut(session, () if was_active else None)
            return True
        if self._remembered.active is None:
            member.has_gate = bool(await gate.read(session.client))
        return was_active

    async def _shut(self, session: SwitchSession, known: Sequence[Entry] | None = None) -> None:
        """Take its gate away. What it has sent with it until now has led frames to it: others hear once more whose our
        addresses are."""
        if await gate.shut(session.client, known):
            self.announce()

    def announce(self) -> None:
        if self.outgoing is not None and not self.moving:
            self.runner.tell(self.outgoing, Moved(again=True))

    def _may_lead(self, member: Member) -> bool:
        """Whether it is to be the first one."""
        return not (self.active or self._leading) and first(self.members, self._remembered, self._since) is member

    def begin(self, member: Member, session: SwitchSession, event: SwitchUp) -> None:
        """``member`` is the active one, and the core's switch."""
        has_counted = self._remembered.active in (None, member.name)
        self._leading, self.active, member.role = None, member, Role.ACTIVE
        member.is_full = True
        self._is_whole = event.whole
        self._ledger.found(event.entries)
        self.outgoing = session.outgoing = self._made(session)
        self._remember()
        self.runner.attach(self.outgoing, event)
        if not has_counted:
            self.runner.tell(self.outgoing, Moved())
        _LOGGER.info("switch %s is active", member.name)
        self._tell()

    def _made(self, session: SwitchSession) -> Outgoing:
        """By which the core's effects leave."""
        return Outgoing(session, self.runner, THE_SWITCH, self.counts, copies=self)

    def hear(self, member: Member, events: Sequence[Event]) -> None:
        """Of one that does nothing, that its entries are idle is no news."""
        if member.role is not Role.ACTIVE:
            events = [event for event in events if not isinstance(event, IdleNotice)]
        if events:
            self.runner.hear(events)

    def tell(self, member: Member, event: Event) -> None:
        if self.active is member and self.outgoing is not None:
            self.runner.tell(self.outgoing, event)
            if isinstance(event, SessionsRead):
                self._is_whole = True
                self._tell()

    async def _follow(self, member: Member, session: SwitchSession, turn: int) -> None:
        """Until it is the active one, or out of step, or there is none to follow."""
        replica = member.replica or self._replicate(member, session)
        member.role = Role.STANDBY if member.is_full else Role.FILLING
        session.follow()
        if not member.is_full:
            fill = Fill(session.client, replica, self._ledger, self.runner.core)
            member.progress = fill.progress
            await fill.run()
            if not replica.ended:
                self._filled(member, replica)
        await replica.over()
        if member.turn != turn:
            return
        if member.replica is replica:
            member.replica = None
        if member.role is not Role.ACTIVE and not member.is_full and self.active is not None:
            member.role = Role.FILLING
            self._remember()
            await asyncio.sleep(REFILL)
        if member.role is not Role.ACTIVE:
            member.role = Role.WAITING

    def _replicate(self, member: Member, session: SwitchSession) -> Replica:
        """Have ``member`` told from now on of what the active one takes."""

        def trouble(what: str) -> None:
            member.trouble, member.is_full = what, False
            if member.role is Role.STANDBY:
                member.role = Role.FILLING
            _LOGGER.error("switch %s is out of step, and is filled again: %s", member.name, what)
            self._out_of_step(member)

        member.replica = Replica(session.client, session.spawn, trouble, is_filling=not member.is_full)
        return member.replica

    def counting(self) -> list[Member]:
        """Those whose counters count."""
        return [] if self.active is None else [self.active]

    def _out_of_step(self, member: Member) -> None:
        """It does nothing anyway."""

    def _filled(self, member: Member, replica: Replica) -> None:
        replica.is_filling = False
        member.is_full, member.role, member.trouble = True, Role.STANDBY, ""
        member.counts.emptied = False
        member.fills += 1
        self._remember()
        _LOGGER.info("switch %s is full, %s", member.name, member.progress)
        self._tell()

    def took(self, updates: list[Update], schema: Schema) -> Wait | None:
        """See :class:`fullnat.app.writer.Copies`."""
        self._ledger.took(updates)
        self.odometer.took(updates, schema)
        for member in self.members.values():
            if member.replica is not None:
                member.replica.put(updates, schema.encoding)
        return None

    def leave(self, member: Member, reason: str, *, taken: bool) -> None:
        """``member`` is not ours any more; ``taken``: it is another controller's."""
        was_active, is_silent = self.active is member, member.is_silent
        member.turn += 1
        member.session, member.role, member.is_full, member.trouble = None, Role.AWAY, False, reason
        self._end_replica(member)
        if self._leading is member:
            self._leading = None
        if not was_active:
            if self.active is not None and not self._is_over:
                self._remember()
        elif taken or self._is_over or (successor := self._successor(is_awake=is_silent)) is None:
            self._down(reason)
        else:
            self._move(successor, f"{member.name}: {reason}")
        self._tell()

    def proved(self, member: Member, lives: bool) -> None:
        """Whether the data plane of ``member`` lives. One that does not is given up if there is another that does:
        where none has ever proved to, it is the program that gives nothing back."""
        if lives and member.is_mute:
            _LOGGER.info("what is sent through the data plane of switch %s comes back again", member.name)
        elif not lives and not member.is_mute:
            _LOGGER.error("what is sent through the data plane of switch %s does not come back", member.name)
        member.is_mute = not lives
        member.has_proved = member.has_proved or lives
        successor = self._successor(is_awake=True)
        if not lives and self.active is member and not self.moving and successor is not None and successor.lives:
            assert member.session is not None
            member.session.fail(ConnectionLost(MUTE))

    def _successor(self, *, is_awake: bool = False) -> Member | None:
        """One that is known to forward, if there is one; ``is_awake``: it has to be."""
        full = [each for each in self.members.values() if each.role is Role.STANDBY and (each.is_awake or not is_awake)]
        return min(full, key=lambda each: each.is_mute, default=None)

    def _down(self, reason: str) -> None:
        """There is none that could go on."""
        outgoing, self.outgoing, self.active = self.outgoing, None, None
        self._since, self.moving = monotonic(), False
        for member in self.members.values():
            member.is_full = False
            self._end_replica(member)
        if outgoing is not None:
            self.runner.detach(outgoing, reason)

    def _end_replica(self, member: Member) -> None:
        if member.replica is not None:
            member.replica.end()
            member.replica = None

    # takeover

    def _move(self, member: Member, why: str) -> None:
        """``member``, which is full, becomes the active one; the one before is not there, or has no gate."""
        assert self.outgoing is not None
        assert member.session is not None
        self.outgoing.hold()
        self.moving = True
        self.active, member.role = member, Role.ACTIVE
        self._remember()
        member.session.spawn(self._open(member, member.session, self.outgoing, why))

    async def _open(self, member: Member, session: SwitchSession, outgoing: Outgoing, why: str) -> None:
        """Raises P4RuntimeError; then ``member`` leaves as well."""
        began = monotonic()
        if member.replica is not None:
            await member.replica.below(0)
            if member.replica.ended:
                raise ConnectionLost(f"it is out of step: {member.trouble}")
            self._end_replica(member)
        await gate.put(session.client, self._ledger.gate())
        session.take_over(outgoing)
        self.moving = False
        self._took_over(member, Takeover(why, monotonic(), monotonic() - began))
        self.runner.tell(outgoing, Moved())
        self.runner.wake()
        self._tell()
        for pause in ANNOUNCEMENTS:
            await asyncio.sleep(pause)
            if self.active is not member:
                return
            self.runner.tell(outgoing, Moved(again=True))

    def _took_over(self, member: Member, takeover: Takeover) -> None:
        member.takeover = takeover
        member.takeovers += 1
        _LOGGER.warning("switch %s is active, after %.3f s: %s", member.name, takeover.took, takeover.why)

    async def activate(self, name: str) -> str:
        """Have ``name`` forward in the place of the one that does; whose name is returned. Raises NotNow."""
        member, before = self.members.get(name), self.active
        if member is None:
            raise NotNow(f"there is no switch {quoted(name)}, but {', '.join(self.members)}")
        if member is before:
            raise NotNow(f"switch {name} is active already")
        if member.is_mute:
            raise NotNow(f"switch {name} would forward nothing: {MUTE}")
        if before is None or before.session is None or self.moving or self.outgoing is None:
            raise NotNow("there is no switch that forwards, or another one is about to")
        if member.role is not Role.STANDBY:
            raise NotNow(f"switch {name} is {member.told}, and not one that holds everything")
        outgoing, session = self.outgoing, before.session
        self.moving = True
        outgoing.hold()
        try:
            async with asyncio.timeout(SHUT_SECONDS):
                await outgoing.writer.landed()
                if member.replica is not None:
                    await member.replica.below(0)
                await gate.shut(session.client, self._ledger.gate())
        except (P4RuntimeError, TimeoutError) as error:
            # Whatever it does now, it is not to be believed: it leaves, and another one takes over.
            session.fail(ConnectionLost(f"its gate could not be shut: {error or 'it does not answer'}"))
            raise NotNow(f"switch {before.name} did not shut its gate and is given up: {error}") from None
        if self.active is not before:
            raise NotNow(f"switch {before.name} went in the middle of it, and another one took over")
        if member.role is not Role.STANDBY:
            self._move(self._successor() or before, f"switch {name} was to take over, and went")
            raise NotNow(f"switch {name} went in the middle of it")
        self._move(member, "by command")
        before.role, session.outgoing = Role.WAITING, None
        self._replicate(before, session)
        session.spawn(self.serve(before, session, was_active=True))
        return before.name

    async def hand_over(self, names: Collection[str]) -> None:
        """Have one of these forward in the place of the one that does. Raises NotNow."""
        full = [each for each in self.members.values() if each.name in names and each.role is Role.STANDBY]
        successor = next((each for each in full if not each.is_mute), None)
        if successor is None:
            assert self.active is not None
            raise NotNow(f"switch {self.active.name} forwards, and no other one that stays could go on in its place")
        await self.activate(successor.name)
        while self.moving:
            await self._change()
        if self.active is not successor:
            raise NotNow(f"switch {successor.name} was to take over, and went")

    def chosen(self) -> None:
        """There are other members."""
        self._remember()
        self._tell()

    def _remember(self) -> None:
        if self.active is not None and not self._is_over:
            full = [each.name for each in self.members.values() if each.is_full or each is self.active]
            self._remembered.write(self.active.name, full)

    def _tell(self) -> None:
        """Have those that wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await self._changed.wait()
