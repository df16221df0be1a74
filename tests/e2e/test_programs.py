"""Two switches whose program is upgraded in turn, by a controller that is upgraded first: nothing is lost."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fullnat.p4rt import program
from p4rt.variants import room, variant, write

from topo.pair import Pair
from topo.process import ProcessFailed, poll
from topo.stack import installed
from topo.talk import Talk
from topo.world import World, ask, report

from .checks import assert_all_good, assert_clean
from .test_switches import MEGABYTE, come_and_go, other, pair

pytestmark = [pytest.mark.alone, pytest.mark.timeout(600)]
OWN = program.load()
OLD = variant(OWN, room(sessions=1 << 16, servers=1 << 12), renumbered=True)
"""Another build: with other sizes, and other ids of all that has one."""
SMALL = variant(OWN, {"virtual_service": 0})
TRANSFERS, RATE, SECONDS = 10, 40, 12
KEPT = 2
"""Seconds between the kernel's keep-alives: a session that is silent for longer than 10 s ends."""
PUSHED = 120.0
"""Seconds that a switch may take for another program, on a machine that is busy."""


@pytest.fixture(scope="module")
def builds(target: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The directories of both. p4soft compiles what it has not run yet, for longer than a test waits."""
    if target != "p4soft":
        pytest.skip("the switches are p4soft, whatever the target")
    directory = tmp_path_factory.mktemp("builds")
    found = {name: write(build, directory / name) for name, build in (("old", OLD), ("small", SMALL))}
    for path in found.values():
        files = [str(path / "fullnat.json"), "--p4info", str(path / "fullnat.p4info.txtpb")]
        command = [*installed("p4soft"), *files, "--grpc-server-addr", f"unix:{path}/socket"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                assert process.stdout is not None
                assert any("listening" in line for line in process.stdout)
            finally:
                process.kill()
    return found


@contextlib.contextmanager
def idle(world: World) -> Iterator[None]:
    """A connection that says nothing meanwhile but keep-alives, and is there at the end."""
    with contextlib.closing(world.http("c1")) as connection:
        before = ask(connection)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, KEPT), (socket.TCP_KEEPINTVL, KEPT), (socket.TCP_KEEPCNT, 20)):
            connection.sock.setsockopt(socket.IPPROTO_TCP, option, value)
        yield
        assert ask(connection) == before


def restart_controller(stack: Pair, *options: str) -> None:
    assert stack.controller is not None
    stack.controller.stop()
    stack.options = list(options)
    stack.start_controller()
    stack.wait_ready()
    stack.wait_full()


def upgrade(stack: Pair, name: str) -> None:
    """Until the switch has the controller's program, and holds everything."""
    stack.command("switches", "--upgrade", name)
    poll(lambda: cookies(stack)[name] == OWN.cookie, PUSHED, f"{name} runs the new program")
    stack.wait_full()


def cookies(stack: Pair) -> dict[str, int]:
    """Of what the switches run, by what the controller says of the others."""
    return {name: each["program"] for name, each in stack.members().items()}


def test_the_program_of_a_group_is_upgraded(builds: dict[str, Path]) -> None:
    """The controller first, which goes on with the old program; then the switch that stands by, which is filled beside
    the other one, takes over by command, and then the other one. Transfers, connections that begin and one that says
    nothing go on."""
    with pair(options=("--program", str(builds["old"]))) as (world, stack):
        first = stack.active()
        assert first is not None
        second = other(first)
        assert set(cookies(stack).values()) == {OLD.cookie}
        throttle = 4 * MEGABYTE
        size = throttle * 3 * SECONDS // TRANSFERS
        long = world.start_load("c1", n=TRANSFERS, c=TRANSFERS, answer=size, throttle=throttle, timeout=100)
        count = RATE * SECONDS
        short = world.start_load("c2", n=count, c=count, rate=RATE, toa=True, progress=True, timeout=60)
        with idle(world), Talk(world) as talk:
            come_and_go(short, count // 8)
            restart_controller(stack)
            assert set(cookies(stack).values()) == {OLD.cookie}
            with pytest.raises(ProcessFailed, match=f"switch {first} forwards: have another one do so"):
                stack.command("switches", "--upgrade", first)
            for name, before in ((second, first), (first, second)):
                upgrade(stack, name)
                assert stack.active() == before
                stack.command("switches", "--activate", name)
            stack.wait_full()
            reached = talk.answers
            poll(lambda: talk.answers > reached + 20, 10, "they go on")
        print(f"longest silence {talk.gap:.3f} s of {talk.answers} answers")
        assert set(cookies(stack).values()) == {OWN.cookie}
        assert_all_good(report(short), count)
        assert_all_good(report(long), TRANSFERS)
        assert_clean(world)


def test_a_switch_that_has_its_own_build(builds: dict[str, Path]) -> None:
    """It is filled and takes over with what its operator has given it; one whose build has no room is refused by name,
    and nothing comes of it."""
    with pair() as (world, stack):
        first = stack.active()
        assert first is not None
        second = other(first)
        with idle(world), Talk(world, count=2) as talk:
            stack.switches[second].kill()
            stack.start_one(second, builds["old"])
            poll(lambda: stack.members()[second]["role"] == "standby", PUSHED, f"{second} is full")
            assert cookies(stack)[second] != OWN.cookie
            stack.switches[first].kill()
            poll(lambda: stack.active() == second, 10, f"{second} is active")
            stack.start_one(first, builds["small"])
            poll(lambda: stack.members()[first]["role"] == "refused", PUSHED, f"{first} is refused")
            why = stack.members()[first]["reason"]
            assert "is too small: there are more entries of table virtual_service, and it has room for 0" in why
            assert why.endswith(f"; give it this controller's: --upgrade {first}")
            with pytest.raises(ProcessFailed, match="not one that holds everything"):
                stack.command("switches", "--activate", first)
            stack.command("switches", "--upgrade", first)
            stack.wait_full()
            stack.command("switches", "--activate", first)
            reached = talk.answers
            poll(lambda: talk.answers > reached + 20, 10, "they go on")
        assert world.get("c2").toa is not None
        assert_clean(world)


def test_bmv2_keeps_what_it_runs_and_is_restarted_for_another_program(builds: dict[str, Path]) -> None:
    """simple_switch_grpc tells what it runs. It does not exchange that while packets come, so it is started anew."""
    with pair(("p4soft", "bmv2"), options=("--program", str(builds["old"]))) as (world, stack):
        with idle(world), Talk(world, count=2, pause=0.01) as talk:
            restart_controller(stack)
            assert set(cookies(stack).values()) == {OLD.cookie}
            if stack.active() == "b":
                stack.command("switches", "--activate", "a")
            stack.switches["b"].kill()
            stack.start_one("b")
            poll(lambda: cookies(stack)["b"] == OWN.cookie, PUSHED, "b runs the new program")
            stack.wait_full()
            stack.command("switches", "--activate", "b")
            upgrade(stack, "a")
            stack.command("switches", "--activate", "a")
            reached = talk.answers
            poll(lambda: talk.answers > reached + 20, 10, "they go on")
        print(f"longest silence {talk.gap:.3f} s of {talk.answers} answers")
        assert set(cookies(stack).values()) == {OWN.cookie}
        assert_clean(world)
