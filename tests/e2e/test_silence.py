"""A switch that falls silent without a FIN: its link loses every packet, or its process is stopped.

The controller says so within seconds, answers questions meanwhile, and serves again within 15 s of the switch's return.
Sessions that there are go on as long as the data plane does.
"""

from __future__ import annotations

import contextlib
import http.client
import signal
import time
from collections.abc import Iterator

import pytest

from topo import standard
from topo.process import poll
from topo.stack import Json
from topo.world import World, ask
from topo.world import world as make_world

from .checks import CLOSING, assert_clean

BACK_SECONDS = 15.0
"""From the switch's return to new connections."""
OUTAGE_SECONDS = 12.0
"""Long enough for the connection to be given up and attempts to have backed off."""


@pytest.fixture
def world(target: str) -> Iterator[World]:
    if target == "embedded":
        pytest.skip("the embedded switch cannot be lost")
    with make_world(standard.config(timeouts=CLOSING), target=target, remote=True) as made:
        yield made


def switch_state(world: World) -> Json:
    """What ``fullnat stats`` says of the switch. It may wait a moment for counters that were about to come."""
    start = time.monotonic()
    stats = world.stack.stats()
    assert time.monotonic() - start < 5.0
    return dict(stats["switch"])


def goes_silent(world: World) -> None:
    """The state is told within 8 s, and then that the connection is lost."""

    def silent() -> bool:
        return bool(switch_state(world)["state"] == "silent")

    poll(silent, 8.0, "the silence is told", 0.1)
    found = switch_state(world)
    assert found["reason"].startswith("the switch does not answer for ")
    tables = world.stack.command("stats")
    assert tables.startswith("# Services; ")
    assert "so its counters are missing" in tables

    def lost() -> bool:
        return bool(switch_state(world)["state"] == "disconnected")

    poll(lost, 10.0, "the connection is given up", 0.1)
    assert "; the switch was last heard " in switch_state(world)["reason"]


def connects(world: World) -> bool:
    """Whether a new connection is answered within a second."""
    connection = http.client.HTTPConnection(str(standard.VIP), standard.VPORT, timeout=1)
    with contextlib.closing(connection):
        try:
            with world.network.inside("c2"):
                connection.connect()
            return ask(connection).toa is not None
        except OSError:
            return False


def serves_again(world: World) -> float:
    """Seconds until new connections are answered and the controller says that it serves."""
    start = time.monotonic()
    poll(lambda: connects(world), BACK_SECONDS, "new connections are answered")
    poll(lambda: switch_state(world)["state"] == "serving", BACK_SECONDS, "the controller serves")
    return time.monotonic() - start


def test_link_lost(world: World) -> None:
    with contextlib.closing(world.http("c1")) as connection:
        server = ask(connection).server
        world.network.cut_management(True)
        start = time.monotonic()
        goes_silent(world)
        assert ask(connection).server == server
        poll(lambda: time.monotonic() - start > OUTAGE_SECONDS, 2 * OUTAGE_SECONDS, "the outage is over", 0.1)
        assert not connects(world)
        world.network.cut_management(False)
        assert serves_again(world) < BACK_SECONDS
        assert ask(connection).server == server
    assert switch_state(world)["connects"] == 2
    assert_clean(world)


def test_link_lost_for_a_moment(world: World) -> None:
    """A silence shorter than what is given up costs no connection."""
    world.network.cut_management(True)
    poll(lambda: switch_state(world)["state"] == "silent", 8.0, "the silence is told", 0.05)
    world.network.cut_management(False)
    assert serves_again(world) < BACK_SECONDS
    assert switch_state(world)["connects"] == 1
    assert_clean(world)


def test_switch_stopped(world: World) -> None:
    assert world.stack.switch is not None
    world.stack.switch.signal(signal.SIGSTOP)
    start = time.monotonic()
    goes_silent(world)
    poll(lambda: time.monotonic() - start > OUTAGE_SECONDS, 2 * OUTAGE_SECONDS, "the outage is over", 0.1)
    world.stack.switch.signal(signal.SIGCONT)
    assert serves_again(world) < BACK_SECONDS
    assert_clean(world)


def test_controller_stopped(world: World) -> None:
    """A controller that was itself stopped serves again, and its log has no traceback; a question that was under way is
    answered, or refused in one line."""
    controller = world.stack.controller
    assert controller is not None
    controller.signal(signal.SIGSTOP)
    start = time.monotonic()
    question = world.network.start("controller", "question", world.stack.words("stats"))
    poll(lambda: time.monotonic() - start > 20.0, 40.0, "the switch has given the controller up", 0.1)
    controller.signal(signal.SIGCONT)
    assert serves_again(world) < BACK_SECONDS
    assert question.wait(10) in (0, 1)
    assert len(question.err.read_text().splitlines()) <= 1
    assert "Traceback" not in controller.err.read_text()
    assert_clean(world)
