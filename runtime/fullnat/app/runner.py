"""The controller core at work: its inbox, its timers, and where its effects go. It lives as long as the controller;
switches come and go."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import NoReturn

from fullnat.app.networks import NetworkSwitches, Switch
from fullnat.app.ports import Core
from fullnat.app.watch import Watch
from fullnat.config.diff import diff, model_of
from fullnat.config.errors import ConfigError
from fullnat.config.model import Config
from fullnat.core.balancing.health import Verdict
from fullnat.core.declared.commands import Command, CommandError
from fullnat.core.declared.model import Model
from fullnat.core.histogram import Histogram
from fullnat.core.inbox import Inbox
from fullnat.core.interface import (
    Behind,
    Envelope,
    Event,
    Log,
    Shed,
    SwitchDown,
    SwitchId,
    SwitchUp,
    Turned,
    Written,
)

EVENTS_PER_ROUND = 128
"""What other work may have to wait for is 5 ms or so."""
EVENTS_WAITING = 65536
"""Events taken from the switch ahead of the core."""
OPENINGS_WAITING = 32768
"""SYNs among them: what can come in the time that they may wait, and some."""
YOUNG = 1_000
"""New objects that the garbage collector looks at where nothing waits for it: 0.1 ms instead of 3 when it has to."""
MANY_OPENINGS = 2048
"""Of those so many are half a second's work. The core is told when there are more, or some were given up,"""
BEHIND_INTERVAL = 0.25
"""and again after so many seconds."""

_LOGGER = logging.getLogger(__name__)


class CoreRunner:
    """One task (:meth:`run`) owns the core; whatever else has something for it puts that into the inbox.

    What comes from the switch is forgotten when the switch goes. What does not, a command say, is carried out whether
    there is a switch or not.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.events: Counter[type[Event]] = Counter()
        self.errors = 0
        """Exceptions of the core."""
        self._inbox = Inbox(OPENINGS_WAITING)
        self._shed = (0, 0)
        """SYNs given up that the core knows of."""
        self._is_behind = False
        """SYNs were given up since the core was told that it is."""
        self._behind = 0.0
        """From when on the core may be told again that it is."""
        self._answers: deque[Event] = deque()
        self._after: deque[Callable[[], None]] = deque()
        self._watches: list[Watch] = []
        self._followers: list[Callable[[Model], None]] = []
        self._told: list[Callable[[Turned], None]] = []
        self._led: list[Callable[[bool], None]] = []
        self._switch: Switch | None = None
        self._wake = asyncio.Event()
        self.networks = NetworkSwitches(self._feed, self._wake.set)
        """What leaves for one switch alone, of several that all forward."""
        self._room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._in_round = False
        self._woken = False
        """The switch wants a round."""

    # what comes in

    def post(self, events: Sequence[Event]) -> None:
        """Events of the switch that is served, in their order."""
        self._inbox.post(events, monotonic())
        self._wake.set()

    def answered(self, answer: Event) -> None:
        """What the switch has answered to an effect."""
        self._answers.append(answer)
        self._call()

    def hear(self, events: Sequence[Event]) -> None:
        """The same, of what has just come from the switch: if nothing waits, the core has it now, and what it answers
        is on its way when this returns."""
        idle = not self._inbox and not self._in_round
        self._inbox.post(events, monotonic())
        if idle:
            self._round()
        if self._busy:
            self._wake.set()
        elif gc.get_count()[0] >= YOUNG:
            gc.collect(1)

    @property
    def openings(self) -> tuple[int, int]:
        """SYNs that asked for new sessions, since the start: those that the core has had, and those given up."""
        return self._inbox.handled, self._inbox.shed

    @property
    def openings_waiting(self) -> int:
        """Those that the core has yet to have."""
        return self._inbox.openings

    def _call(self) -> None:
        """Have a round, or in one go on with it."""
        if not self._in_round:
            self._wake.set()

    @property
    def _busy(self) -> bool:
        return bool(self._inbox or self._answers or self._woken or self.networks.news)

    async def room(self) -> None:
        """Until the core is not far behind: who waits here has the switch held back by the stream's flow control."""
        while len(self._inbox) > EVENTS_WAITING:
            self._room.clear()
            await self._room.wait()

    @property
    def queues(self) -> dict[str, int]:
        """What waits for the core: by name, how much."""
        return {"openings": self.openings_waiting, "events": len(self._inbox) - self.openings_waiting}

    @property
    def waited(self) -> Histogram:
        """Seconds that what asks for sessions has waited for the core."""
        return self._inbox.waited

    def wake(self) -> None:
        """Have a round, because the switch has something to send."""
        self._woken = True
        self._call()

    def after_round(self, call: Callable[[], None]) -> None:
        """Have :meth:`run` go through a round, and ``call`` at its end."""
        self._after.append(call)
        self._wake.set()

    def apply(self, commands: Iterable[Command]) -> None:
        """Have the core carry out all of ``commands``, at once. Raises CommandError if one cannot be; then nothing has
        changed."""
        self._carry_out(self.core.apply(commands, monotonic()))
        self._changed()
        self._wake.set()

    def judge(self, verdict: Verdict) -> None:
        """What checks have found of a server."""
        try:
            self._carry_out(self.core.judge(verdict, monotonic()))
        except Exception:
            self._failed()
        self._call()

    def on_change(self, call: Callable[[Model], None]) -> None:
        """Have ``call`` hear of the model now, and whenever it has changed, before any event is handled."""
        self._followers.append(call)
        call(self.core.model)

    def on_turn(self, call: Callable[[Turned], None]) -> None:
        """Have ``call`` hear of servers and quorums that come and go from now on."""
        self._told.append(call)

    def on_switch(self, call: Callable[[bool], None]) -> None:
        """Have ``call`` hear whether the switch is ours, now and whenever it comes or goes."""
        self._led.append(call)
        call(self.serving)

    def _changed(self) -> None:
        for call in self._followers:
            call(self.core.model)

    def check(self, commands: Iterable[Command]) -> None:
        """Raises CommandError if :meth:`apply` would."""
        self.core.check(commands)

    async def settle(self, commands: Iterable[Command]) -> list[str]:
        """As :meth:`apply`, until the switch has answered; what it has refused, one line each. A switch that is not
        there, or goes, refuses nothing: it gets what there is when it comes."""
        envelopes = self.core.apply(commands, monotonic())
        watch = Watch(effect for _, effects in envelopes for effect in effects) if self._switch is not None else None
        if watch is not None and watch.waits:
            self._watches.append(watch)
        self._carry_out(envelopes)
        self._changed()
        self._wake.set()
        if watch is None or not watch.waits:
            return []
        return await watch.answered()

    def reconfigure(self, config: Config) -> int:
        """Go from what runs over to ``config``; the number of commands that it took. Raises ConfigError when the core
        refuses one."""
        commands = diff(self.core.model, model_of(config))
        try:
            self.apply(commands)
        except CommandError as error:
            raise ConfigError(error.messages) from None
        return len(commands)

    # the switch comes and goes

    @property
    def serving(self) -> bool:
        return self._switch is not None

    def attach(self, switch: Switch, event: SwitchUp) -> None:
        """``switch`` is ours from now on, and holds what ``event`` says."""
        self._switch = switch
        self.tell(switch, event)
        for call in self._led:
            call(True)

    def tell(self, switch: Switch, event: Event) -> None:
        """What has been read of ``switch``; nothing happens if it is not ours."""
        if self._switch is switch:
            self._feed(event, monotonic(), switch.switch_id)
            self._wake.set()

    def detach(self, switch: Switch, reason: str) -> None:
        """``switch`` is ours no more; nothing happens if it was not."""
        if self._switch is switch:
            self._switch = None
            self._inbox.clear()
            self._answers.clear()
            self._room.set()
            for watch in self._watches:
                watch.give_up()
            self._watches.clear()
            self._feed(SwitchDown(reason), monotonic(), switch.switch_id)
            for call in self._led:
                call(False)

    # the rounds

    async def run(self) -> NoReturn:
        """Until cancelled."""
        self._wake.set()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                self._round()
                while self._after:
                    self._after.popleft()()
                if self._busy:
                    self._wake.set()
                    await asyncio.sleep(0)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _round(self) -> None:
        self._in_round = True
        self._woken = False
        try:
            self._take_answers()
            self._take(EVENTS_PER_ROUND)
            if self.networks.news:
                self.networks.take(EVENTS_PER_ROUND)
            self._run_deadline()
            self._conclude()
            self._tell(lambda switch: switch.flush())
            if self._answers or self._woken:
                # A switch in this process has answered already: what waited for that goes in the same round.
                self._woken = False
                self._take_answers()
                self._conclude()
                self._tell(lambda switch: switch.flush())
        finally:
            self._in_round = False
        if len(self._inbox) <= EVENTS_WAITING:
            self._room.set()

    def _take_answers(self) -> None:
        """Those that are there: what they lead to may be answered as well, and waits for the next round."""
        if self._switch is not None and self._answers:
            now = monotonic()
            for _ in range(len(self._answers)):
                self._feed(self._answers.popleft(), now, self._switch.switch_id)

    def _take(self, limit: int) -> None:
        """Have the core handle so many events, if there are."""
        inbox, switch = self._inbox, self._switch
        if switch is None:
            return
        name, now = switch.switch_id, monotonic()
        for event in inbox.take(limit, now):
            self._feed(event, now, name)
        shed = inbox.shed, inbox.overflown
        if shed != self._shed:
            (old, old_others), self._shed = self._shed, shed
            self._feed(Shed(shed[0] - old, shed[1] - old_others), now, name)
            self._is_behind = self._is_behind or shed[0] != old
        if (self._is_behind or inbox.openings > MANY_OPENINGS) and now >= self._behind:
            self._behind = now + BEHIND_INTERVAL
            self._is_behind = False
            self._feed(Behind(), now, name)

    def _feed(self, event: Event, now: float, switch: SwitchId) -> None:
        self.events[type(event)] += 1
        if self._watches and isinstance(event, Written):
            self._watches = [watch for watch in self._watches if not watch.hear(event)]
        try:
            envelopes = self.core.handle(event, now, switch)
        except Exception:
            self._failed()
        else:
            if envelopes:
                self._carry_out(envelopes)

    def _conclude(self) -> None:
        """Have the core do what all that it has had together leads to."""
        try:
            self._carry_out(self.core.conclude(monotonic()))
        except Exception:
            self._failed()

    def _run_deadline(self) -> None:
        """Do what is due, and have the timer wake us for what is next."""
        now = monotonic()
        due = self.core.deadline()
        if due is not None and due <= now:
            try:
                self._carry_out(self.core.handle_deadline(now))
            except Exception:
                self._failed()
            due = self.core.deadline()
        if self._timer is not None and (due != self._timer_at or self._timer.when() <= now):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due is not None:
            self._timer_at = due
            self._timer = asyncio.get_running_loop().call_at(max(due, now + 0.001), self._wake.set)

    def _failed(self) -> None:
        """An error of the core concerns one event: it is logged and counted, and the others go on."""
        self.errors += 1
        _LOGGER.exception("the controller core failed on an event")

    def _carry_out(self, envelopes: list[Envelope]) -> None:
        """Of effects for a switch that is not there, all that is left is what they log and tell."""
        for switch_id, effects in envelopes:
            for effect in effects:
                if type(effect) is Log:
                    self._log(effect)
                elif type(effect) is Turned:
                    for call in self._told:
                        call(effect)
            switch = self._switch
            if switch is None or switch.switch_id != switch_id:
                switch = self.networks.of.get(switch_id)
            if switch is not None:
                try:
                    switch.carry_out(effects)
                except Exception as error:
                    switch.fail(error)

    @staticmethod
    def _log(line: Log) -> None:
        level = logging.getLevelNamesMapping()[line.level.upper()]
        _LOGGER.log(level, "%s", line.message, extra={"fields": line.fields})

    def _tell(self, call: Callable[[Switch], None]) -> None:
        """Nobody, while there is no switch."""
        if self._switch is not None:
            try:
                call(self._switch)
            except Exception as error:
                self._switch.fail(error)
        for network in tuple(self.networks.of.values()):
            try:
                call(network)
            except Exception as error:
                network.fail(error)
