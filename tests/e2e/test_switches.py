"""Two switches, of which one is active: kill -9 of it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence

import pytest

from topo import standard
from topo.netns import Network
from topo.pair import NAMES, Pair, section
from topo.process import Process, ProcessFailed, poll
from topo.talk import Talk
from topo.threads import hanging
from topo.world import World, lines, report

from .checks import CLOSING, assert_all_good, assert_clean

MEGABYTE = 1 << 20
SMALL, FULL = (10, 100, 4), (100, 500, 30)
"""Transfers, connections a second beside them, and seconds."""
GAP, FAILING = 1.0, 2.0
"""Seconds that a connection may be silent for, and that a new one may take."""
GAP_OF_BMV2 = 3.0
"""It takes longer for its first packets, and TCP's retransmission twice as long each time."""
GAP_OF_MUTE = 4.0
"""Three packets have to be lost first."""


@contextlib.contextmanager
def pair(targets: tuple[str, str] = ("p4soft", "p4soft"), options: Sequence[str] = ()) -> Iterator[tuple[World, Pair]]:
    with Network(standard.topology(), offloads="bmv2" not in targets) as network:
        stack = Pair(network, standard.config(timeouts=CLOSING, established_timeout=10), targets, options)
        world = World(network, stack)
        world.start_servers()
        stack.start()
        yield world, stack


def other(name: str) -> str:
    (found,) = set(NAMES) - {name}
    return found


def come_and_go(load: Process, goal: int) -> None:
    poll(lambda: any(line["done"] > goal for line in lines(load, "progress")), 30, "connections come and go")


def test_the_active_one_is_killed(target: str) -> None:
    """No transfer breaks, and no connection that begins fails: SYNs that come meanwhile are repeated. The switch comes
    back, is filled, and takes over by command; nothing breaks then either."""
    if target != "p4soft":
        pytest.skip("the switches are p4soft, whatever the target")
    transfers, rate, seconds = FULL if os.environ.get("FULLNAT_E2E") == "full" else SMALL
    throttle = 8 * MEGABYTE
    with pair() as (world, stack):
        first = stack.active()
        assert first is not None
        second = other(first)
        answer = throttle * seconds // transfers
        long = world.start_load("c1", n=transfers, c=transfers, answer=answer, throttle=throttle, timeout=100)
        short = world.start_load("c2", n=rate * seconds, c=rate * seconds, rate=rate, toa=True, progress=True)
        with Talk(world) as talk:
            come_and_go(short, rate * seconds // 4)
            stack.switches[first].kill()
            poll(lambda: stack.active() == second, 5, f"{second} is active")
            come_and_go(short, rate * seconds // 2)
            stack.start_one(first)
            stack.wait_full()
            assert stack.active() == second
            stack.command("switches", "--activate", first)
            assert stack.active() == first
            told = report(short)
        assert_all_good(told, rate * seconds)
        assert_all_good(report(long), transfers)
        longest = told["connect_us"]["max"] / 1e6
        print(f"longest silence {talk.gap:.3f} s of {talk.answers} answers; longest connect {longest:.3f} s")
        assert talk.gap < GAP
        assert longest < FAILING
        assert {name: each["takeovers"] for name, each in stack.members().items()} == {first: 1, second: 1}
        assert_clean(world)


@contextlib.contextmanager
def stopped(process: Process) -> Iterator[None]:
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


@pytest.mark.parametrize("thread", [True, False], ids=["a thread", "the process"])
def test_the_active_one_stands_still(target: str, thread: bool) -> None:
    """Its packet thread, while its server answers, or all of it: what the controller sends through it does not come
    back, and the other one takes over. When it goes on, its switch stands by."""
    if target != "p4soft":
        pytest.skip("the switches are p4soft, whatever the target")
    with pair(options=("--proof-interval", "0.2" if thread else "0.5")) as (world, stack):
        first = stack.active()
        assert first is not None
        second = other(first)
        process = stack.switches[first]
        with Talk(world, count=2) as talk:
            poll(lambda: talk.answers > 20, 10, "they talk")
            with hanging(process.pid, "p4soft") if thread else stopped(process):
                poll(lambda: stack.active() == second, 5, f"{second} is active")
                reached = talk.answers
                poll(lambda: talk.answers > reached + 20, 10, "they go on")
            stack.wait_full()
            assert stack.active() == second
        found = stack.members()[second]
        print(f"longest silence {talk.gap:.3f} s of {talk.answers} answers; {found['why']}")
        assert found["why"].startswith(f"{first}: ")
        assert not thread or found["why"] == f"{first}: what is sent through its data plane does not come back"
        assert talk.gap < GAP_OF_MUTE
        assert_clean(world)


def test_switches_join_and_leave(target: str) -> None:
    """By reload: the active one leaves under load, and comes back; nothing breaks, and nothing is counted anew."""
    if target != "p4soft":
        pytest.skip("the switches are p4soft, whatever the target")
    with pair() as (world, stack):
        first = stack.active()
        assert first is not None
        second = other(first)
        whole = stack.config_path.read_text()
        load = world.start_load("c2", n=100, c=100, rate=50, toa=True, progress=True)
        with Talk(world, count=2) as talk:
            poll(lambda: talk.answers > 100, 10, "they talk")
            before = stack.stats()["services"][0]["in_packets"]
            stack.configure(whole.replace(section(first), ""))
            assert stack.command("reload").splitlines()[0] == f"switch {first} leaves the group"
            assert {name: each["role"] for name, each in stack.members().items()} == {second: "active"}
            reached = talk.answers
            poll(lambda: talk.answers > reached + 100, 10, "they go on")
            found = stack.stats()
            assert (found["switch"]["name"], found["services"][0]["in_packets"] > before) == (second, True)
            stack.configure(whole.replace(section(second), ""))
            with pytest.raises(ProcessFailed, match="no other one that stays could go on"):
                stack.command("reload")
            stack.configure(whole)
            stack.command("reload")
            stack.wait_full()
            assert stack.active() == second
        assert_all_good(report(load), 100)
        assert_clean(world)


def test_bmv2_stands_by() -> None:
    """simple_switch_grpc holds what p4soft does, and goes on with it."""
    with pair(("p4soft", "bmv2")) as (world, stack):
        assert stack.active() == "a"
        load = world.start_load("c2", n=20, c=20, rate=20, toa=True)
        with Talk(world, count=2) as talk:
            poll(lambda: talk.answers > 20, 10, "they talk")
            stack.switches["a"].kill()
            poll(lambda: stack.active() == "b", 5, "b is active")
            reached = talk.answers
            poll(lambda: talk.answers > reached + 20, 10, "they go on")
        assert_all_good(report(load), 20)
        took = stack.members()["b"]["took"]
        print(f"longest silence {talk.gap:.3f} s of {talk.answers} answers; takeover {took:.3f} s")
        assert talk.gap < GAP_OF_BMV2
        assert world.get("c2").toa is not None
        assert_clean(world)
