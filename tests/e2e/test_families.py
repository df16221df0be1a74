"""NAT64 and NAT46 with kernels at both ends: clients ask in one family, and servers answer in the other."""

from __future__ import annotations

import contextlib
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest

from topo import counters, standard
from topo.model import Impairment
from topo.process import poll
from topo.world import ask, report

from .checks import assert_all_good, assert_clean
from .conftest import Sizes
from .datagrams import MISSING, start_dns
from .families import OTHER, Worlds, worlds

CLIENTS = pytest.mark.parametrize("clients", [6, 4], ids=["NAT64", "NAT46"])


@pytest.fixture(scope="module")
def plain(target: str) -> Iterator[Worlds]:
    if target == "asic":
        pytest.skip("the ASIC's program translates between no families")
    with worlds(target) as made:
        yield made


def assert_all_clean(made: Worlds) -> None:
    for world in made.values():
        assert_clean(world)


@CLIENTS
def test_servers_learn_clients_of_the_other_family(plain: Worlds, clients: int) -> None:
    """By TOA, of 20 bytes over IPv4 and of 8 over IPv6; their kernels see a local address of their own family."""
    world, inside = plain[clients], standard.FAMILIES[OTHER[clients]]
    answers = [world.get(client) for client in standard.CLIENTS * 3]
    assert Counter(answer.server for answer in answers) == dict.fromkeys(standard.SERVERS, 2)
    assert all((answer.toa, answer.toa_options) == (answer.client, 1) for answer in answers)
    assert all(inside.is_local(answer.peer) for answer in answers)
    assert_all_clean(plain)


def test_loads_of_both_at_once(plain: Worlds, sizes: Sizes) -> None:
    """Closed in each of the ways that there are."""
    each = sizes.connections // 20
    loads = [
        plain[clients].start_load(client, n=each, c=25, request=100, answer=1000, toa=True, close=close)
        for clients, close in ((6, "fin"), (4, "server"), (6, "rst"), (4, "half"))
        for client in standard.CLIENTS
    ]
    for load in loads:
        assert_all_good(report(load), each)
    assert_all_clean(plain)


@CLIENTS
def test_large_transfers_both_ways(plain: Worlds, sizes: Sizes, clients: int) -> None:
    """In segments as long as either family has them, and longer ones that the kernels cut themselves."""
    size = sizes.transfer // 4
    assert_all_good(plain[clients].load("c1", n=2, c=2, timeout=110, limit=115, request=size, answer=size), 2)
    assert_all_clean(plain)


@CLIENTS
def test_sessions_are_listed_and_outlive_their_controller(plain: Worlds, target: str, clients: int) -> None:
    """With the client's family on one side and the server's on the other; a restarted controller reads the same."""
    world = plain[clients]
    stack = world.stack
    with contextlib.closing(world.http("c1")) as connection:
        own = ask(connection).client
        poll(lambda: [each["state"] for each in stack.sessions()] == ["ESTABLISHED"], 10, "the session is there")
        (session,) = stack.sessions()
        assert (session["client"], session["virtual"]) == (own, world.plan.target)
        assert standard.FAMILIES[OTHER[clients]].is_local(session["local"])
        if target != "embedded":
            assert stack.controller is not None
            stack.controller.kill()
            stack.start_controller()
            stack.wait_ready()
            (found,) = stack.sessions()
            names = ("session_id", "client", "virtual", "local", "server", "delta")
            assert [found[name] for name in names] == [session[name] for name in names]
        assert ask(connection).client == own
    assert_all_clean(plain)


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)} (make peers)")
@CLIENTS
def test_dns(plain: Worlds, clients: int) -> None:
    """dig asks dnsmasq, which has no other family: every server in turn, by datagrams."""
    world, inside = plain[clients], plain[OTHER[clients]]
    servers = [start_dns(world, name, str(inside.network.address(name, inside.family))) for name in standard.SERVERS]
    try:
        heard = []
        for _ in range(6):
            command = ["dig", f"@{world.plan.vip}", "+short", "+tries=3", "+time=2", "whoami.test", "TXT"]
            with world.network.inside("c1"):
                done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
            heard.append(done.stdout.strip().strip('"'))
        assert Counter(heard) == dict.fromkeys(standard.SERVERS, 2)
        assert_all_clean(plain)
    finally:
        for server in servers:
            server.stop()


def test_bad_wires(target: str, sizes: Sizes) -> None:
    """1 % lost and 2 % reordered: SACK repairs it across families, connections come through, and nothing is left."""
    if target == "asic":
        pytest.skip("the ASIC's program translates between no families")
    with worlds(target, Impairment(loss=0.01, reorder=0.02)) as made:
        size = sizes.transfer // 16
        loads = [made[clients].start_load("c1", timeout=50, request=size, answer=size) for clients in OTHER]
        for load in loads:
            assert_all_good(report(load), 1)
        recovered = counters.read(made[4].network.namespace("c1"))["TcpExtTCPSackRecovery"]
        assert recovered > 0
        each = sizes.connections // 20
        loads = [made[clients].start_load("c2", n=each, c=25, request=3000, answer=3000, toa=True) for clients in OTHER]
        for load in loads:
            assert_all_good(report(load), each)
        assert_all_clean(made)
