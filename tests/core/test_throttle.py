"""How many SYNs the switch may bring while too many come."""

from __future__ import annotations

from random import Random

from fullnat.core.access.throttle import HEADROOM, INTERVAL, LEAST, Throttle
from fullnat.core.inbox import Inbox
from fullnat.core.interface import PacketIn
from fullnat.p4constants import PuntReason


class Controller:
    """Makes ``capacity`` sessions a second; the switch lets ``throttle.rate`` of what is offered through."""

    def __init__(self, configured: int, capacity: int) -> None:
        self.throttle = Throttle(configured)
        self.capacity = capacity
        self.changes = 0

    def serve(self, offered: int, seconds: float) -> list[tuple[int, int]]:
        """Sessions made and SYNs shed in every interval."""
        found = []
        for _ in range(int(seconds / INTERVAL)):
            brought = int(min(offered, self.throttle.rate) * INTERVAL)
            handled = min(brought, int(self.capacity * INTERVAL))
            found.append((handled, brought - handled))
            self.changes += self.throttle.look(handled, brought - handled, INTERVAL)
        return found


def test_nothing_is_limited_while_nothing_is_shed() -> None:
    controller = Controller(20_000, 5_000)
    assert controller.serve(5_000, 10) == [(1250, 0)] * 40
    assert controller.throttle.rate == 20_000
    assert not controller.throttle.active
    assert controller.changes == 0


def test_an_overload_brings_little_more_than_can_be_handled() -> None:
    controller = Controller(20_000, 5_000)
    made = controller.serve(19_000, 10)
    assert [handled for handled, _ in made] == [1250] * 40, "all capacity is used"
    assert made[0][1] == 3500
    assert {shed for _, shed in made[1:]} == {int(1250 * HEADROOM) - 1250}
    assert controller.throttle.active
    assert controller.throttle.burst == 550
    assert controller.changes == 1


class Overloaded:
    """Has the inbox that what is brought waits in, and serves ``capacity`` a second, more or less by a quarter."""

    STEP = 0.005

    def __init__(self, configured: int, capacity: int) -> None:
        self.throttle = Throttle(configured)
        self.inbox = Inbox(32768)
        self.capacity = capacity
        self.rng = Random(1)
        self.now = 0.0
        self.due = 0.0

    def serve(self, offered: int, seconds: float) -> tuple[int, int]:
        """Sessions made and SYNs shed."""
        before = self.inbox.handled, self.inbox.shed
        for _ in range(round(seconds / INTERVAL)):
            self._interval(offered)
        return self.inbox.handled - before[0], self.inbox.shed - before[1]

    def _interval(self, offered: int) -> None:
        handled, shed = self.inbox.handled, self.inbox.shed
        each = round(self.capacity * self.STEP * self.rng.uniform(0.75, 1.25))
        for _ in range(round(INTERVAL / self.STEP)):
            self.now += self.STEP
            self.due += min(offered, self.throttle.rate) * self.STEP
            self.inbox.post([SYN] * int(self.due), self.now)
            self.due %= 1
            self.inbox.take(each, self.now)
        self.throttle.look(self.inbox.handled - handled, self.inbox.shed - shed, INTERVAL, self.inbox.openings)


SYN = PacketIn(PuntReason.SERVICE_SYN, 0, 1, 0, b"")


def test_a_queue_that_will_be_shed_lets_the_limit_rise_no_more() -> None:
    """SYNs are shed a second after too many have come: by then a limit that rises would bring several times what can be
    handled, again and again."""
    controller = Overloaded(100_000, 5_000)
    controller.serve(14_000, 3)
    made, shed = controller.serve(14_000, 60)
    assert made > 60 * 4_900
    assert shed < 0.25 * made
    controller.serve(1_000, 5)
    assert not controller.throttle.active


def test_a_burst_limits_nothing_before_any_of_it_is_shed() -> None:
    controller = Overloaded(100_000, 5_000)
    controller.serve(9_000, 0.5)
    assert controller.throttle.rate == 100_000
    controller.serve(0, 0.75)
    assert (controller.inbox.handled, controller.inbox.shed) == (4_500, 0)


def test_the_limit_follows_a_controller_that_gets_faster_or_slower() -> None:
    controller = Controller(100_000, 5_000)
    controller.serve(50_000, 2)
    controller.capacity = 20_000
    assert controller.serve(50_000, 5)[-1][0] == 5_000
    controller.capacity = 1_000
    handled, shed = controller.serve(50_000, 10)[-1]
    assert handled == 250
    assert shed <= 26


def test_the_limit_goes_when_the_overload_has_gone() -> None:
    controller = Controller(20_000, 2_000)
    controller.serve(19_000, 5)
    assert controller.throttle.active
    controller.serve(1_000, 3)
    assert controller.throttle.rate == 20_000
    assert not controller.throttle.active


def test_one_bad_moment_is_no_measure() -> None:
    throttle = Throttle(20_000)
    throttle.look(1250, 0, INTERVAL)
    throttle.look(0, 500, INTERVAL)
    assert throttle.rate > 4_900
    for _ in range(100):
        throttle.look(0, 1, INTERVAL)
    assert throttle.rate == LEAST


def test_a_small_configured_rate_is_never_exceeded() -> None:
    throttle = Throttle(10)
    throttle.look(100, 100, INTERVAL)
    assert throttle.rate == 10
    assert not throttle.active
