"""Two switches that both forward, and routers that spread flows over them by BGP: kill -9 of a switch and of a speaker,
drains, and a controller that comes back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from topo import frr
from topo.all_active import NAMES, SERVERS, AllActive, topology
from topo.netns import Network
from topo.process import Process, ProcessFailed, poll
from topo.talk import Talk
from topo.world import World, report

from .checks import CLOSING, assert_all_good
from .test_switches import FAILING, FULL, GAP, MEGABYTE, SMALL, come_and_go

pytestmark = [
    pytest.mark.skipif(frr.unavailable() is not None, reason=str(frr.unavailable())),
    pytest.mark.alone,
]


@pytest.fixture(scope="module")
def beds() -> Iterator[tuple[World, AllActive]]:
    with Network(topology()) as network:
        stack = AllActive(network, timeouts=CLOSING, options=["established_timeout = 5"])
        world = World(network, stack)
        world.start_servers()
        stack.start()
        yield world, stack


def announced(stack: AllActive) -> dict[str, str]:
    return {name: each["announced"] for name, each in stack.members().items()}


def rates(stack: AllActive) -> dict[str, float]:
    return {name: each["packet_rate"] for name, each in stack.members().items()}


def test_both_forward_and_answers_come_back_by_the_same(beds: tuple[World, AllActive]) -> None:
    world, stack = beds
    assert announced(stack) == dict.fromkeys(NAMES, "announcing")
    poll(lambda: {each["neighbors_up"] for each in stack.members().values()} == {2}, 5, "all sessions are seen")
    back = stack.routing.returning()
    assert {len(names) for names in back.values()} == {1}
    assert "to the controller: SERVICE_SYN" in stack.command("trace", "tcp 10.10.0.1:4000 > 10.9.0.1:80 SYN")
    told = report(world.start_load("c1", n=100, c=20))
    assert_all_good(told, 100)
    ended = {"CLOSE", "TIME_WAIT", "NONE"}
    poll(lambda: {each["state"] for each in stack.sessions()} <= ended, 10, "all sessions have ended")
    world.drained()


def test_a_switch_is_killed(beds: tuple[World, AllActive]) -> None:
    """No transfer breaks, and no connection that begins fails. The switch comes back, is filled, and is sent its share
    again; nothing breaks then either."""
    world, stack = beds
    transfers, rate, seconds = FULL if os.environ.get("FULLNAT_E2E") == "full" else SMALL
    throttle = 8 * MEGABYTE
    answer = throttle * seconds // transfers
    long = world.start_load("c1", n=transfers, c=transfers, answer=answer, throttle=throttle, timeout=100)
    short = world.start_load("c2", n=rate * seconds, c=rate * seconds, rate=rate, progress=True)
    with Talk(world, count=8) as talk:
        come_and_go(short, rate * seconds // 4)
        stack.switches["left"].kill()
        stack.routing.wait_spread("right")
        assert announced(stack)["left"] == "withdrawn"
        come_and_go(short, rate * seconds // 2)
        stack.start_one("left")
        stack.routing.wait_spread()
        told = report(short)
    assert_all_good(told, rate * seconds)
    assert_all_good(report(long), transfers)
    longest = told["connect_us"]["max"] / 1e6
    print(f"longest silence {talk.gap:.3f} s of {talk.answers} answers; longest connect {longest:.3f} s")
    assert talk.gap < GAP
    assert longest < FAILING
    assert world.errors() == {}


def test_a_speaker_is_killed(beds: tuple[World, AllActive]) -> None:
    """The routers go by the other switch, and the speaker that comes back knows nothing, and is told everything."""
    world, stack = beds
    short = world.start_load("c2", n=200, c=200, rate=100, progress=True)
    with Talk(world, count=8) as talk:
        come_and_go(short, 50)
        stack.routing.speakers["right"].kill()
        stack.routing.wait_spread("left")
        come_and_go(short, 150)
        stack.routing.speakers["right"].start()
        stack.routing.wait_spread()
        told = report(short)
    assert_all_good(told, 200)
    print(f"longest silence {talk.gap:.3f} s of {talk.answers}; connect {told['connect_us']['max'] / 1e6:.3f} s")
    assert talk.gap < GAP
    assert told["connect_us"]["max"] / 1e6 < FAILING


def test_a_switch_is_drained_and_comes_back(beds: tuple[World, AllActive]) -> None:
    """Routers hear of a graceful shutdown first, and go by the other one before anything is withdrawn."""
    world, stack = beds
    with Talk(world, count=8) as talk:
        reached = talk.answers
        assert stack.command("switches", "--drain", "left") == "left is draining\n"
        stack.routing.wait_spread("right")
        assert announced(stack)["left"] == "draining"
        assert "graceful-shutdown" in stack.routing.routers["r1"].ask("show bgp ipv4 unicast 10.9.0.1/32")
        with pytest.raises(ProcessFailed, match="no other switch is announced"):
            stack.command("switches", "--drain", "right")
        poll(lambda: announced(stack)["left"] == "drained", 5, "left is drained")
        poll(lambda: rates(stack)["left"] == 0.0 < rates(stack)["right"], 15, "left counts no packets any more")
        poll(lambda: talk.answers > reached + 50, 10, "they talk")
        assert stack.command("switches", "--undrain", "left") == "left is announcing\n"
        stack.routing.wait_spread()
    assert talk.gap < GAP


def test_what_is_announced_stays_without_controller(beds: tuple[World, AllActive]) -> None:
    """Of one that stops and of one that dies; the next one withdraws nothing while it takes over."""
    world, stack = beds

    def ready() -> bool:
        assert stack.routing.spread() == set(NAMES)
        return announced(stack) == dict.fromkeys(NAMES, "announcing")

    with Talk(world, count=4) as talk:
        for end in (Process.stop, Process.kill):
            assert stack.controller is not None
            end(stack.controller)
            for _ in range(3):
                assert stack.routing.spread() == set(NAMES)
                reached = talk.answers
                poll(lambda reached=reached: talk.answers > reached + 20, 10, "they talk")  # type: ignore[misc]
            stack.start_controller()
            poll(ready, 20, "both are announced by the next controller", interval=0.05)
            assert stack.routing.spread() == set(NAMES)
    assert talk.gap < GAP
    assert world.get("c2").server in SERVERS
    world.drained()
