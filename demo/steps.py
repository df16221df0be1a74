"""What goes wrong in ``make demo-cluster``, one after the other, for each kind of cluster."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from topo.cluster import Cluster
from topo.pair import Pair
from topo.process import ProcessFailed, poll
from topo.routed_cluster import RoutedCluster

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """``begin`` does it, and says what it did; ``noticed``: whether the others have, and ``then`` what they do; ``end``
    has everything there again."""

    what: str
    begin: Callable[[], str]
    then: str
    noticed: Callable[[], bool]
    end: Callable[[], None]


def of_routed(stack: RoutedCluster) -> Iterator[Step]:
    left, right = stack.switches
    routing = stack.routing

    def switch() -> str:
        stack.switches[left].kill()
        return f"the switch {left} is killed"

    def speaker() -> str:
        routing.speakers[right].kill()
        return f"zebra, bgpd and bfdd of {right} are killed"

    def drain() -> str:
        _do(stack, "switches", "--drain", left)
        return f"`fullnat switches --drain {left}`"

    def undrain() -> None:
        poll(lambda: stack.announced().get(left) == "drained", PATIENCE, f"{left} is drained", 0.1)
        _do(stack, "switches", "--undrain", left)

    yield Step(
        "kill -9 of a switch",
        switch,
        f"both routers send to {right} alone",
        lambda: routing.is_spread(right),
        lambda: stack.start_one(left),
    )
    yield Step(
        "kill -9 of a switch's FRR",
        speaker,
        f"both routers send to {left} alone",
        lambda: routing.is_spread(left),
        routing.speakers[right].start,
    )
    yield Step(
        "a switch drained by command",
        drain,
        f"both routers send to {right} alone",
        lambda: routing.is_spread(right),
        undrain,
    )
    yield _leading_controller(stack, signal.SIGKILL)
    yield _leader_of_etcd(stack)


def of_cluster(stack: Cluster) -> Iterator[Step]:
    active: list[str | None] = []

    def kill() -> str:
        active.append(stack.active())
        assert active[-1] is not None
        stack.switches[active[-1]].kill()
        return f"the switch {active[-1]} is killed"

    def restart() -> None:
        assert active[-1] is not None
        stack.start_one(active[-1])

    def activate() -> str:
        active.append(stack.active())
        other = next(name for name in stack.switches if name != active[-1])
        _do(stack, "switches", "--activate", other)
        return f"`fullnat switches --activate {other}`"

    def is_other() -> bool:
        return stack.active() not in (None, active[-1])

    yield Step("kill -9 of the active switch", kill, "the other switch forwards", is_other, restart)
    yield _leading_controller(stack, signal.SIGKILL)
    yield _leader_of_etcd(stack)
    yield _leading_controller(stack, signal.SIGTERM)
    yield Step("a switch moved by command", activate, "the other switch forwards", is_other, lambda: None)


def of_pair(stack: Pair) -> Iterator[Step]:
    active: list[str] = []

    def switch() -> str:
        active.append(stack.active() or "a")
        stack.switches[active[-1]].kill()
        return f"the switch {active[-1]} is killed"

    def controller() -> str:
        assert stack.controller is not None
        stack.controller.kill()
        stack.start_controller()
        return "the only controller is killed, and started again"

    def serves() -> bool:
        with contextlib.suppress(ProcessFailed):
            return bool(stack.stats()["switch"]["state"] == "serving")
        return False

    yield Step(
        "kill -9 of the active switch",
        switch,
        "the other switch forwards",
        lambda: stack.active() not in (None, active[-1]),
        lambda: stack.start_one(active[-1]),
    )
    yield Step("kill -9 of the controller", controller, "the new one serves", serves, lambda: None)


def _leading_controller(stack: Cluster, number: signal.Signals) -> Step:
    ended: list[str] = []

    def begin() -> str:
        ended.append(stack.follow() or "one")
        stack.controllers[ended[-1]].signal(number)
        stack.controllers[ended[-1]].wait(PATIENCE)
        return f"the controller {ended[-1]} has ended"

    def leads() -> bool:
        leader = stack.follow()
        return leader is not None and stack.states()[leader]["switch"]["state"] == "serving"

    how = {signal.SIGKILL: "kill -9", signal.SIGTERM: "SIGTERM"}[number]
    return Step(
        f"{how} of the leading controller",
        begin,
        "the other controller serves",
        leads,
        lambda: stack.start_controller_of(ended[-1]),
    )


def _leader_of_etcd(stack: Cluster) -> Step:
    members = stack.members_of_etcd
    killed: list[str] = []

    def begin() -> str:
        killed.append(members.leader)
        members.kill(killed[-1])
        return f"the member {killed[-1]} is killed"

    def is_led() -> bool:
        return members.leader != killed[-1] or len(members.names) == 1

    return Step("kill -9 of etcd's leader", begin, "the others have elected", is_led, lambda: members.start(killed[-1]))


def _do(stack: Cluster, *words: str) -> None:
    """Tell the leader; the next one, if it leads no more."""

    def done() -> bool:
        stack.follow()
        with contextlib.suppress(ProcessFailed):
            stack.command(*words)
            return True
        return False

    poll(done, PATIENCE, f"fullnat {' '.join(words)}", 0.2)
