"""All connections of a group, as :class:`fullnat.app.switch.SwitchOwner` is those of one switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from fullnat.app.bgp.announcements import Announcements
from fullnat.app.group.all_active import FIXED, AllActive
from fullnat.app.group.group import SwitchGroup
from fullnat.app.group.member import Member, Role
from fullnat.app.group.proof import Patience
from fullnat.app.group.remembered import Remembered
from fullnat.app.group.shown import NotNow
from fullnat.app.outgoing import Counts, Outgoing
from fullnat.app.runner import CoreRunner
from fullnat.app.shown import Json
from fullnat.app.switch import SwitchOwner
from fullnat.app.writer import Writer
from fullnat.compiled import CPU_PORTS, V1MODEL
from fullnat.config.servers import SwitchSettings, all_forward
from fullnat.core.interface import SwitchId
from fullnat.p4rt.binding import Array
from fullnat.p4rt.client import Client
from fullnat.p4rt.errors import ConnectionLost
from fullnat.words import quoted


class GroupOwner:
    """``connect`` makes a new client of a member for every attempt. Raises P4RuntimeError."""

    def __init__(
        self,
        runner: CoreRunner,
        remembered: Remembered,
        switches: Sequence[SwitchSettings],
        connect: Callable[[SwitchSettings], Client],
        patience: Patience = Patience(),  # noqa: B008
        cpu_port: int = CPU_PORTS[V1MODEL],
    ) -> None:
        """As :class:`fullnat.app.group.group.SwitchGroup`."""
        self.announcements: Announcements | None = None
        if all_forward(switches):
            group = AllActive(runner, remembered, patience, cpu_port, [each.name for each in switches])
            self.group: SwitchGroup = group
            if any(each.bgp is not None for each in switches):
                self.announcements = Announcements(
                    runner.core, switches, remembered, group.forwards, group.keeps, group.has_others
                )
                runner.on_change(lambda _: self._services_changed())
                runner.on_turn(lambda _: self._services_changed())
                group.announcements = self.announcements
        else:
            self.group = SwitchGroup(runner, remembered, patience, cpu_port)
        self.switches: tuple[SwitchSettings, ...] = ()
        """In whose order one is chosen."""
        self._runner = runner
        self._connect = connect
        self._gone = Counts()
        """Of those that are of the group no more."""
        self._tasks: dict[str, asyncio.Task[NoReturn]] = {}
        self._work: asyncio.TaskGroup | None = None
        """While :meth:`run` runs."""
        self._have(switches)

    @property
    def client(self) -> Client | None:
        """Of the active one, as all that follows."""
        active = self.group.active
        return active.owner.client if active is not None else None

    @property
    def writer(self) -> Writer | None:
        return self.outgoing.writer if self.outgoing is not None else None

    @property
    def outgoing(self) -> Outgoing | None:
        return self.group.outgoing

    @property
    def counts(self) -> Counts:
        """Of all of them."""
        of = [member.counts for member in self.group.members.values()]
        counts = self.group.counts
        of.append(self._gone)
        counts.connects = sum(each.connects for each in of)
        counts.pushes = sum(each.pushes for each in of)
        counts.orphans = sum(each.orphans for each in of)
        return counts

    @property
    def state(self) -> str:
        """That of the active one, or else how far the others are."""
        active, members = self.group.active, self.group.members.values()
        if active is not None:
            return active.owner.state
        if self.stands_by:
            return "standby"
        return "synchronising" if any(each.role is Role.WAITING for each in members) else "disconnected"

    async def counters(self, array: Array, indexes: Iterable[int]) -> dict[int, tuple[int, int]]:
        """As the client of one switch has them, added up over all of them. Raises P4RuntimeError."""
        wanted = list(indexes)
        sums: dict[int, tuple[int, int]] | None = None
        for member in self.group.counting():
            client = member.owner.client
            if client is not None:
                its = client.schema.arrays.get(array.name)
                there = [] if its is None else [each for each in wanted if each < its.size]
                found = {} if its is None else await member.owner.counters(its, there)
                sums = (sums or {}) | self.group.odometer.read(member.name, array.name, found)
        if sums is None:
            raise ConnectionLost("no switch of the group forwards")
        return sums

    @property
    def active_name(self) -> str:
        active = self.group.active
        return "" if active is None else active.name

    @property
    def stands_by(self) -> bool:
        return self.group.active is None and any(each.owner.stands_by for each in self.group.members.values())

    def stand_by(self, leader: str | None) -> None:
        """As :meth:`fullnat.app.switch.SwitchOwner.stand_by`."""
        for member in self.group.members.values():
            member.owner.stand_by(leader)

    @property
    def is_held(self) -> bool:
        """Each of them has us as primary, by its last word, and may be written to: where one has not, another
        controller may be."""
        admitted = self.group.admission.admitted
        return all(member.owner.is_held and name in admitted for name, member in self.group.members.items())

    @property
    def surpassed(self) -> int:
        """The most of any of them."""
        return max(member.owner.surpassed for member in self.group.members.values())

    @property
    def reason(self) -> str:
        """Why there is none that serves."""
        active = self.group.active
        if active is not None:
            return active.owner.reason
        return "; ".join(f"{name}: {each.owner.reason}" for name, each in self.group.members.items())

    def shown(self, sessions: int) -> list[Json]:
        """What each of them does, while there are so many sessions."""
        bgp = self.announcements
        members = self.group.members.values()
        return [member.shown(sessions) | (bgp.shown(member.name) if bgp is not None else {}) for member in members]

    def drain(self, name: str, *, drains: bool) -> str:
        """Have routers send nothing to a switch, or again; what becomes of it. Raises NotNow."""
        if self.announcements is None:
            raise NotNow("no switch has a section [switch.bgp], by which it would be announced")
        return self.announcements.drain(name, drains=drains)

    def _services_changed(self) -> None:
        if self.announcements is not None:
            self.announcements.changed()

    async def activate(self, name: str) -> str:
        """Have another one forward; the name of the one before. Raises NotNow."""
        return await self.group.activate(name)

    def upgrade(self, name: str) -> list[str]:
        """Have a switch run our own program, which empties it, and fill it then; what that changes. Raises NotNow."""
        group, member = self.group, self.group.members.get(name)
        if member is None:
            raise NotNow(f"there is no switch {quoted(name)}, but {', '.join(group.members)}")
        if group.programs.is_own(name):
            raise NotNow(f"switch {name} runs this controller's program already")
        if first := self._first(member):
            raise NotNow(f"switch {name} forwards: {first}, and upgrade it then")
        if shortage := group.programs.shortage():
            raise NotNow(f"this controller's program {shortage}")
        if member.session is None and name not in group.programs.refused:
            raise NotNow(f"switch {name} is {member.told}: upgrade it once it is there")
        if group.active is None and name not in group.programs.refused:
            raise NotNow(f"no switch forwards, and {name} may be the one that goes on: wait until one does")
        member.is_upgrading = True
        if member.session is not None:
            member.session.fail(ConnectionLost("it is given this controller's program"))
        return [f"switch {name} is given this controller's program, and is filled then"]

    def _first(self, member: Member) -> str:
        """What has to be done before ``member`` may be emptied, if it forwards."""
        if not isinstance(self.group, AllActive):
            return "have another one do so (--activate)" if member.role is Role.ACTIVE else ""
        bgp = self.announcements
        is_asked = member.network is not None and (bgp is None or bgp.shown(member.name)["announced"] != "drained")
        return f"have routers send it nothing (--drain {member.name})" if is_asked else ""

    async def change(self, switches: Sequence[SwitchSettings]) -> list[str]:
        """Have these switches, in this order, and touch none that is there already; what that changes. If the one that
        forwards goes, another one does so first. Raises NotNow, and then nothing has changed."""
        if all_forward(switches) or all_forward(self.switches):
            raise NotNow(FIXED)
        leaving = [each for each in self.switches if each not in switches]
        staying = [each.name for each in switches if each in self.switches]
        active = self.group.active
        if active is not None and active.name in (each.name for each in leaving):
            await self.group.hand_over(staying)
        for each in leaving:
            await self._part(each.name)
        changes = self.would_change(switches)
        self._have(switches)
        self.group.chosen()
        return changes

    def would_change(self, switches: Sequence[SwitchSettings]) -> list[str]:
        """What :meth:`change` would tell."""
        leaving = [f"switch {each.name} leaves the group" for each in self.switches if each not in switches]
        return leaving + [f"switch {each.name} joins the group" for each in switches if each not in self.switches]

    def _have(self, switches: Sequence[SwitchSettings]) -> None:
        """Those that are new begin to be connected to."""
        known = self.group.members
        self.group.members = {each.name: known.get(each.name) or self._made(each) for each in switches}
        self.switches = tuple(switches)
        if self._work is not None:
            for each in self.group.members.values():
                self._start(each, self._work)

    def _made(self, switch: SwitchSettings) -> Member:
        member = Member(switch.name, self.group)
        connects = _connects(self._connect, switch)
        member.owner = SwitchOwner(self._runner, connects, SwitchId(switch.name), member, member.counts)
        return member

    def _start(self, member: Member, work: asyncio.TaskGroup) -> None:
        if member.name not in self._tasks:
            owner = member.owner.run()
            self._tasks[member.name] = work.create_task(owner, name=f"switch-owner-{member.name}")

    async def _part(self, name: str) -> None:
        """From a switch that does nothing: its connection ends, and it keeps what it holds."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self.group.odometer.anew(name)
        self.group.programs.leave(name)
        counts = self.group.members.pop(name).counts
        self._gone.connects += counts.connects
        self._gone.pushes += counts.pushes
        self._gone.orphans += counts.orphans

    async def run(self) -> NoReturn:
        """Until cancelled."""
        self.group.starts()
        try:
            async with asyncio.TaskGroup() as self._work:
                for member in self.group.members.values():
                    self._start(member, self._work)
                if self.announcements is not None:
                    self._work.create_task(self.announcements.run(), name="bgp")
                try:
                    await asyncio.Event().wait()
                finally:
                    self.group.ends()
        finally:
            self._work = None
            self._tasks.clear()
        raise AssertionError("nobody has ended this")


def _connects(connect: Callable[[SwitchSettings], Client], switch: SwitchSettings) -> Callable[[], Client]:
    return lambda: connect(switch)
