"""Where the core's effects go: a switch, and where several all forward, the network of each of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol

from fullnat.core.interface import Effect, Event, SwitchDown, SwitchId, SwitchUp, Written

NEWS_WAITING = 4096
"""Packets and events of networks that may wait."""


class Switch(Protocol):
    """A switch that is served (:class:`fullnat.app.outgoing.Outgoing`)."""

    @property
    def switch_id(self) -> SwitchId: ...

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Take on effects; nothing need be sent before :meth:`flush`."""
        ...

    def flush(self) -> None:
        """Send what there is: the core has come to the end of a round."""
        ...

    def fail(self, error: Exception) -> None:
        """One of these calls has failed: the connection is to be made anew, and the core goes on."""
        ...


class NetworkSwitches:
    """``feed`` has the core handle an event of a switch, and ``wake`` has a round."""

    def __init__(self, feed: Callable[[Event, float, SwitchId], None], wake: Callable[[], None]) -> None:
        self.of: dict[SwitchId, Switch] = {}
        self.news: deque[tuple[SwitchId, Event]] = deque()
        """What these switches have sent, and answered."""
        self._feed = feed
        self._wake = wake

    def open(self, switch: Switch, event: SwitchUp) -> None:
        """The network of ``switch``, which holds what ``event`` says of it, is as the core has it from now on."""
        self.of[switch.switch_id] = switch
        self._feed(event, monotonic(), switch.switch_id)
        self._wake()

    def close(self, switch: Switch, reason: str) -> None:
        """The core has it no more; nothing happens if it had not."""
        if self.of.get(switch.switch_id) is switch:
            self._feed(SwitchDown(reason), monotonic(), switch.switch_id)
            del self.of[switch.switch_id]

    def hear(self, switch: SwitchId, events: Sequence[Event]) -> None:
        """What concerns the network of ``switch`` alone; of packets some get lost when more come than are handled."""
        for event in events:
            if len(self.news) < NEWS_WAITING or isinstance(event, Written):
                self.news.append((switch, event))
        self._wake()

    def take(self, limit: int) -> None:
        """Have the core handle so many of the news, if there are."""
        for _ in range(min(len(self.news), limit)):
            switch, event = self.news.popleft()
            self._feed(event, monotonic(), switch)
