"""A group of switches that all forward, each on a network of its own (docs/decisions/all-active.md).

One is where the core's effects go, as of any group, and what it has taken is passed on; but all that are full have
their gate, and what waits for an entry waits until all of them have it. So any packet of a session may meet any of
them. A packet-out leaves by the switch whose packet it answers; when a switch goes, nothing moves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from fullnat.app.bgp.announcements import Announcements
from fullnat.app.group import gate
from fullnat.app.group.group import SwitchGroup
from fullnat.app.group.ledger import Ledger
from fullnat.app.group.member import Member, Takeover
from fullnat.app.group.programs import Programs
from fullnat.app.group.proof import Patience
from fullnat.app.group.remembered import Remembered
from fullnat.app.group.replica import Replica
from fullnat.app.group.shown import NotNow
from fullnat.app.outgoing import Link, Outgoing
from fullnat.app.runner import CoreRunner
from fullnat.app.session import SwitchSession
from fullnat.app.writer import Update
from fullnat.core.interface import (
    THE_SWITCH,
    Event,
    IdleNotice,
    Moved,
    NeighborHeard,
    PacketIn,
    SwitchId,
    SwitchUp,
)
from fullnat.core.network.switch_network import OF_NETWORK, is_of_network
from fullnat.net.vlan import at_switch, switch_of
from fullnat.p4constants import PuntReason
from fullnat.p4rt.schema import Schema
from fullnat.tables.table import Entry

PATIENCE = 0.1
"""Seconds that what waits for an entry waits for those who have not confirmed it. A switch that hangs is given up after
some seconds; meanwhile packets that meet it too early are sent again."""
FIXED = "switches that each have a network of their own are those that the controller has started with"
_MISSES = (PuntReason.NO_SESSION, PuntReason.LATE_ANSWER)

_LOGGER = logging.getLogger(__name__)


class _Wait:
    """For so many replicas; see :class:`fullnat.app.writer.Wait`."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._left = len(replicas)
        self._call: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        for replica in replicas:
            replica.when_confirmed(self._one)

    def then(self, call: Callable[[], None]) -> None:
        if self._left <= 0:
            call()
            return
        self._call = call
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._over)

    def _one(self) -> None:
        self._left -= 1
        if not self._left:
            self._over()

    def _over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        call, self._call = self._call, None
        if call is not None:
            call()


class AllActive(SwitchGroup):
    def __init__(
        self, runner: CoreRunner, remembered: Remembered, patience: Patience, cpu_port: int, names: Sequence[str]
    ) -> None:
        super().__init__(runner, remembered, patience, cpu_port)
        self.announcements: Announcements | None = None
        self._ledger = Ledger(is_of_network)
        self.programs = Programs(runner.core, self._ledger)
        self._numbers = {name: number for number, name in enumerate(names, 1)}
        self._outlived = set(names if remembered.active is None else {*remembered.full, remembered.active})
        """Those that may have gone on forwarding while none was ours, with all that there was."""

    # what the core's effects need of the others (fullnat.app.outgoing.Beside)

    def links(self) -> list[Link]:
        """Of all that forward, or are about to."""
        return [each.session for each in self.members.values() if each.session is not None and each.network is not None]

    def link(self, port: int) -> Link | None:
        number = switch_of(port)
        member = next((each for name, each in self.members.items() if self._numbers[name] == number), None)
        return member.session if member is not None and member.network is not None else None

    def took(self, updates: list[Update], schema: Schema) -> _Wait | None:
        super().took(updates, schema)
        of = [each.replica for each in self.members.values() if each.network is not None and each.replica is not None]
        return _Wait(of) if of else None

    # what comes from them

    def hear(self, member: Member, events: Sequence[Event]) -> None:
        """What concerns the network of ``member`` is its own, and all else is the same whoever brings it. One that does
        not hold everything knows nothing of what is missing."""
        number, forwards = self._numbers[member.name], member.network is not None
        is_sure = forwards and not member.behind
        own: list[Event] = []
        common: list[Event] = []
        for event in events:
            if isinstance(event, PacketIn):
                if event.reason in OF_NETWORK:
                    own.append(event)
                elif is_sure or event.reason not in _MISSES:
                    common.append(event._replace(ingress_port=at_switch(event.ingress_port, number)))
            elif isinstance(event, NeighborHeard):
                own.append(event)
            elif forwards or not isinstance(event, IdleNotice):
                common.append(event)
        if own and forwards:
            self.runner.networks.hear(SwitchId(member.name), own)
        if common:
            self.runner.hear(common)

    # what becomes of a member

    async def _meet(self, member: Member, session: SwitchSession, *, was_active: bool) -> bool:
        """One that has gone on since the controller before does so still, while it is compared. Raises
        P4RuntimeError."""
        member.has_gate = bool(await gate.read(session.client))
        outlived = member.name in self._outlived and not member.counts.emptied
        self._outlived.discard(member.name)
        if member.has_gate and not outlived:
            await self._close(member, session)
        return True

    def begin(self, member: Member, session: SwitchSession, event: SwitchUp) -> None:
        common = tuple(entry for entry in event.entries if not is_of_network(entry))
        super().begin(member, session, replace(event, entries=common))
        self._open_network(member, session, event.entries)

    def _made(self, session: SwitchSession) -> Outgoing:
        return Outgoing(session, self.runner, THE_SWITCH, self.counts, copies=self, beside=self)

    def _replicate(self, member: Member, session: SwitchSession) -> Replica:
        replica = super()._replicate(member, session)
        replica.is_awaited = True
        return replica

    def _filled(self, member: Member, replica: Replica) -> None:
        super()._filled(member, replica)
        if member.session is not None:
            member.session.spawn(self._open_filled(member, member.session))

    async def _open_filled(self, member: Member, session: SwitchSession) -> None:
        """Raises P4RuntimeError."""
        entries = await session.client.read_but_sessions()
        if member.session is session and member.is_full and member.network is None:
            self._open_network(member, session, entries)

    def _open_network(self, member: Member, session: SwitchSession, found: Iterable[Entry]) -> None:
        """Have the core give the switch its network, of which it holds what is ``found``, and then its gate."""
        name = SwitchId(member.name)
        network = Outgoing(
            session,
            self.runner,
            name,
            member.counts,
            answered=lambda event: self.runner.networks.hear(name, (event,)),
        )
        member.network = network
        entries = tuple(entry for entry in found if is_of_network(entry))
        self.runner.networks.open(network, SwitchUp(entries))
        self._tell()

    def _close_network(self, member: Member, reason: str) -> None:
        network, member.network = member.network, None
        if network is not None:
            self.runner.networks.close(network, reason)
        if self.outgoing is not None and member.session is not None:
            self.outgoing.give_up(member.session)

    async def _close(self, member: Member, session: SwitchSession) -> None:
        """Have nothing sent to ``member``, and then have it do nothing. Raises P4RuntimeError."""
        member.has_gate = False
        self._close_network(member, "it is closed")
        if self.announcements is not None:
            await self.announcements.withdraw(member.name)
        await gate.shut(session.client)

    def _out_of_step(self, member: Member) -> None:
        if member.session is not None and member.network is not None:
            self._close_network(member, member.trouble)
            member.session.spawn(self._close(member, member.session))

    def _took_over(self, member: Member, takeover: Takeover) -> None:
        """It has forwarded before; entries are written to it first now."""
        _LOGGER.warning("a switch of the group is gone, and the others go on: %s", takeover.why)

    def forwards(self, name: str) -> bool:
        """Whether the switch holds everything, and its gate; one whose data plane is mute does not if another does."""
        there = [each for each in self.members.values() if each.network is not None]
        member = self.members[name]
        is_mute = member.is_mute and any(each.lives for each in there)
        return member in there and not is_mute and self.runner.core.forwards(SwitchId(name))

    def keeps(self, name: str) -> bool:
        """Whether the switch has gone on since the controller before, and is compared."""
        member = self.members[name]
        return member.session is not None and member.has_gate

    def has_others(self) -> bool:
        """Whether another controller has any of them."""
        return any(each.owner.stands_by for each in self.members.values())

    def counting(self) -> list[Member]:
        return [each for each in self.members.values() if each.network is not None]

    def leave(self, member: Member, reason: str, *, taken: bool) -> None:
        """What it has counted is lost, and when the last packet of a session passed it."""
        was_open = member.network is not None
        was_beside = self.active is not member and was_open
        self._close_network(member, reason)
        # What is announced stays when the controller gives them all up.
        if self.announcements is not None and not self._is_over:
            self.announcements.closed(member.name, taken=taken)
        super().leave(member, reason, taken=taken)
        if was_beside and self.outgoing is not None:
            self.runner.tell(self.outgoing, Moved())
        if was_open and self.active is None:
            self._outlived.add(member.name)

    def _down(self, reason: str) -> None:
        """None is ours: those that forwarded go on with what there was."""
        for member in self.members.values():
            if member.network is not None:
                self._outlived.add(member.name)
            self._close_network(member, reason)
        super()._down(reason)

    async def activate(self, name: str) -> str:
        raise NotNow("all switches forward that hold everything: drain the others, to have one forward alone")

    async def hand_over(self, names: Collection[str]) -> None:
        raise NotNow(FIXED)
