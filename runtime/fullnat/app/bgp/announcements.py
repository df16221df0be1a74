"""Which switches are announced: those that hold everything and forward, and that nobody drains."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import NoReturn

from fullnat.app.bgp.command import SpeakerError
from fullnat.app.bgp.plan import Plan, State, plan
from fullnat.app.bgp.speaker import Speaker, speaker
from fullnat.app.group.remembered import Remembered
from fullnat.app.group.shown import NotNow
from fullnat.app.ports import Core
from fullnat.app.shown import Json
from fullnat.config.bgp import Bgp
from fullnat.config.servers import SwitchSettings
from fullnat.net.flow import Address, address, text
from fullnat.words import quoted

GLANCE = 0.05
"""Seconds between two looks at which switches forward."""
LOOK = 2.0
"""Seconds between two looks at what the speakers have, and at what services there are."""
GRACE = 10.0
"""Seconds that a switch which the controller before has announced may take to be there, and that the last one stays
announced when none is ours: it may be the controller that is cut off."""
RETRY = 1.0
"""Seconds until a speaker that did not do what it was told is told again."""
WITHDRAWAL = 2.0
"""Seconds that a switch that is to be closed waits for its withdrawal; a speaker that does not answer speaks to nobody,
as a rule."""
NAMED = 3
"""Addresses that a line of the log names."""

_LOGGER = logging.getLogger(__name__)


class _Announced:
    """One switch, and what speaks for it."""

    def __init__(self, name: str, number: int, bgp: Bgp, told: Speaker) -> None:
        self.name = name
        self.number = number
        self.bgp = bgp
        self.speaker = told
        self.state = State.UNKNOWN
        self.confirmed: State | None = None
        """What the speaker was told last, and has taken."""
        self.trouble = ""
        self.drained_at: float | None = None
        """When a drain ends; None: nobody drains it."""
        self.changes = 0
        self.failures = 0
        self.wake = asyncio.Event()
        self.done = asyncio.Event()
        """Set whenever the speaker has taken something."""


class Announcements:
    """``forwards`` says of a switch whether it is to be announced at all, and ``keeps`` whether it goes on as the
    controller before has left it; ``others`` whether another controller has any of them, and so the say."""

    def __init__(
        self,
        core: Core,
        switches: Sequence[SwitchSettings],
        remembered: Remembered,
        forwards: Callable[[str], bool],
        keeps: Callable[[str], bool],
        others: Callable[[], bool],
    ) -> None:
        self._core = core
        self._remembered = remembered
        self._forwards = forwards
        self._keeps = keeps
        self._others = others
        self._count = len(switches)
        self._served: set[Address] = set()
        self._services: set[Address] = set()
        self._left: set[Address] = set()
        """What the controller before may have had announced, and programs have not been told to withdraw."""
        self._is_old = True
        self._began = self._forwarded = monotonic()
        """When it began, or another controller had a switch last; and when any switch forwarded last."""
        self._of = {
            each.name: _Announced(each.name, number, each.bgp, speaker(each.bgp, each.interfaces))
            for number, each in enumerate(switches)
            if each.bgp is not None
        }

    def changed(self) -> None:
        """Services or servers are others."""
        self._is_old = True

    def closed(self, name: str, *, taken: bool) -> None:
        """A switch forwards no more, or is another controller's to announce (``taken``)."""
        if (each := self._of.get(name)) is not None:
            if taken:
                each.state, self._began = State.UNKNOWN, monotonic()
            self._judge(each)

    async def run(self) -> NoReturn:
        """Until cancelled; what is announced then stays."""
        self._began = monotonic()
        for name, each in self._of.items():
            each.state, each.confirmed = State.UNKNOWN, None
            each.drained_at = self._began if name in self._remembered.drained else None
        self._left = {address(each) for each in self._remembered.announced}
        try:
            async with asyncio.TaskGroup() as tasks:
                for each in self._of.values():
                    tasks.create_task(self._keep(each), name=f"bgp-{each.name}")
                tasks.create_task(self._glance(), name="bgp")
        finally:
            await asyncio.gather(*(each.speaker.close() for each in self._of.values()))
        raise AssertionError("announcements have come to an end")

    async def withdraw(self, name: str) -> None:
        """Until the speaker has withdrawn the switch, or does not answer."""
        each = self._of.get(name)
        if each is None:
            return
        each.state = State.WITHDRAWN
        self._judge(each)
        each.wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WITHDRAWAL):
                while each.confirmed is not each.state and not each.trouble:
                    each.done.clear()
                    await each.done.wait()

    def drain(self, name: str, *, drains: bool) -> str:
        """Take ``name`` out of service, or back; its state. Raises NotNow."""
        each = self._of.get(name)
        if each is None:
            raise NotNow(f"there is no switch {quoted(name)} with a section [switch.bgp]")
        if drains and not any(other is not each and other.state is State.ANNOUNCING for other in self._of.values()):
            raise NotNow(f"no other switch is announced: without {name} nothing would be served")
        if drains and each.drained_at is None:
            each.drained_at = monotonic() + each.bgp.drain_seconds
        elif not drains:
            each.drained_at = None
        self._remembered.drain(name for name, other in self._of.items() if other.drained_at is not None)
        self._judge(each)
        return each.state.value

    def shown(self, name: str) -> Json:
        """Of a Switch of admin.proto."""
        each = self._of.get(name)
        if each is None:
            return {}
        up = [neighbor for neighbor, is_up in each.speaker.sessions.items() if is_up]
        return {
            "announced": each.state.value,
            "neighbors": len(each.speaker.sessions),
            "neighbors_up": len(up),
            "bgp_trouble": each.trouble,
            "bgp_changes": each.changes,
            "bgp_failures": each.failures,
        }

    def _judge(self, each: _Announced) -> None:
        before, now = each.state, monotonic()
        if not self._forwards(each.name):
            is_early = now - self._began < GRACE or self._keeps(each.name)
            if each.state is State.UNKNOWN:
                each.state = State.UNKNOWN if is_early else State.WITHDRAWN
            elif any(map(self._forwards, self._of)) or not (is_early or now - self._forwarded < GRACE):
                each.state = State.WITHDRAWN
        elif each.drained_at is None:
            each.state = State.ANNOUNCING
        else:
            each.state = State.DRAINING if now < each.drained_at else State.DRAINED
        if each.state is not before:
            level = logging.WARNING if each.state is State.WITHDRAWN else logging.INFO
            _LOGGER.log(level, "switch %s is %s", each.name, each.state.value)
            each.wake.set()

    async def _glance(self) -> None:
        looked = float("-inf")
        while True:
            is_new = False
            if self._is_old or monotonic() - looked >= LOOK:
                looked, self._is_old = monotonic(), False
                before, self._served = self._served, self._core.served()
                self._services = self._core.served(alone=False)
                self._remember()
                is_new = self._served != before
                _tell("announced", self._served - before)
                _tell("announced no more: no server of theirs lives", before - self._served)
            if self._others():
                self._began = monotonic()
            if any(map(self._forwards, self._of)):
                self._forwarded = monotonic()
            for each in self._of.values():
                self._judge(each)
                if is_new:
                    each.wake.set()
            await asyncio.sleep(GLANCE)

    def _remember(self) -> None:
        """What programs may announce, the next controller is to know: they cannot be asked."""
        programs = [each for each in self._of.values() if each.bgp.program]
        if all(each.confirmed is not None for each in programs):
            self._left = set()
        if programs:
            local = (view.address for view in self._core.local_addresses())
            self._remembered.announce(map(text, {*self._services, *local, *self._left}))

    async def _keep(self, each: _Announced) -> None:
        """Have the speaker do what it is to, whatever becomes of it."""
        while True:
            each.wake.clear()
            try:
                changed = await self._told(each)
                if not changed:
                    await each.speaker.look()
                    changed = await self._told(each)
                pause = LOOK
                if each.trouble:
                    _LOGGER.info("the speaker of switch %s does what it is told again", each.name)
                    each.trouble = ""
            except SpeakerError as error:
                each.failures += 1
                if each.trouble != str(error):
                    _LOGGER.error("the speaker of switch %s: %s", each.name, error)
                each.trouble, each.confirmed, pause = str(error), None, RETRY
            each.done.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await each.wake.wait()

    async def _told(self, each: _Announced) -> bool:
        """Whether that was news for the speaker."""
        if each.state is State.UNKNOWN:
            return False
        state, wanted = each.state, self._plan(each)
        changed = await each.speaker.tell(wanted)
        each.confirmed = state
        each.changes += changed
        each.done.set()
        return changed

    def _plan(self, each: _Announced) -> Plan:
        local = (view.address for view in self._core.local_addresses())
        return plan(each.state, self._served, local, each.number, self._count, self._services | self._left)


def _tell(what: str, addresses: Collection[Address]) -> None:
    """Of many addresses the first ones."""
    if addresses:
        names = ", ".join(text(each) for each in sorted(addresses)[:NAMED])
        more = f" and {len(addresses) - NAMED} more" if len(addresses) > NAMED else ""
        _LOGGER.info("virtual addresses %s: %s%s", what, names, more)
