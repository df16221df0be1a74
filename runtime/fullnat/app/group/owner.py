"""All connections of a group, as :class:`fullnat.app.switch.SwitchOwner` is those of one switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NoReturn

from fullnat.app.bgp.announcements import Announcements
from fullnat.app.group.all_active import AllActive
from fullnat.app.group.group import SwitchGroup
from fullnat.app.group.member import Role
from fullnat.app.group.remembered import Remembered
from fullnat.app.group.shown import NotNow
from fullnat.app.outgoing import Counts, Outgoing
from fullnat.app.runner import CoreRunner
from fullnat.app.shown import Json
from fullnat.app.switch import SwitchOwner
from fullnat.app.writer import Writer
from fullnat.config.servers import SwitchSettings, all_forward
from fullnat.core.interface import SwitchId
from fullnat.p4rt.client import Client


class GroupOwner:
    """``connect`` makes a new client of a member for every attempt. Raises P4RuntimeError."""

    def __init__(
        self,
        runner: CoreRunner,
        remembered: Remembered,
        switches: Sequence[SwitchSettings],
        connect: Callable[[SwitchSettings], Client],
    ) -> None:
        names = [each.name for each in switches]
        self.announcements: Announcements | None = None
        if all_forward(switches):
            group = AllActive(runner, remembered, names)
            self.group: SwitchGroup = group
            if any(each.bgp is not None for each in switches):
                self.announcements = Announcements(runner.core, switches, remembered, group.forwards)
                runner.on_change(lambda _: self._services_changed())
                runner.on_turn(lambda _: self._services_changed())
                group.announcements = self.announcements
        else:
            self.group = SwitchGroup(runner, remembered, names)
        for each in switches:
            member = self.group.members[each.name]
            member.owner = SwitchOwner(runner, _connects(connect, each), SwitchId(each.name), member, member.counts)

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

    @property
    def stands_by(self) -> bool:
        return self.group.active is None and any(each.owner.stands_by for each in self.group.members.values())

    def stand_by(self, leader: str | None) -> None:
        """As :meth:`fullnat.app.switch.SwitchOwner.stand_by`."""
        for member in self.group.members.values():
            member.owner.stand_by(leader)

    @property
    def is_held(self) -> bool:
        """Each of them has us as primary, by its last word: where one has not, another controller may be."""
        return all(member.owner.is_held for member in self.group.members.values())

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

    async def run(self) -> NoReturn:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for member in self.group.members.values():
                tasks.create_task(member.owner.run(), name=f"switch-owner-{member.name}")
            if self.announcements is not None:
                tasks.create_task(self.announcements.run(), name="bgp")
        raise AssertionError("an owner of a switch has come to an end")


def _connects(connect: Callable[[SwitchSettings], Client], switch: SwitchSettings) -> Callable[[], Client]:
    return lambda: connect(switch)
