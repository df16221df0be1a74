"""Where connections of kernels go: shares by weight, persistence, deadlines; and that a killed controller remembers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from functools import partial
from ipaddress import IPv4Address
from typing import Any

import pytest

from topo import standard
from topo.process import poll
from topo.stack import Json
from topo.world import World, ask, endpoint, report
from topo.world import world as make_world

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import Sizes

SERVERS = [(IPv4Address(f"10.2.0.{number}"), 80) for number in (11, 12, 13)]
WEIGHTS = (1, 2, 5)
FULL = os.environ.get("FULLNAT_E2E") == "full"


def counts(world: World) -> list[int]:
    (service,) = world.stack.stats()["services"]
    return [server["connections"] for server in service["servers"]]


def has_made(world: World, connections: int) -> bool:
    return sum(counts(world)) == connections


def server_json(world: World, address: str) -> Json:
    (service,) = world.stack.stats()["services"]
    return next(dict(server) for server in service["servers"] if server["server"] == address)


def assert_shares(found: list[int], weights: tuple[int, ...]) -> None:
    """Within 2 %."""
    total = sum(found)
    assert found == [pytest.approx(total * weight / sum(weights), rel=0.02) for weight in weights]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("scheduler", "weights"), [("rr", (1, 1, 1)), ("wrr", WEIGHTS)])
def test_connections_that_come_and_go(target: str, sizes: Sizes, scheduler: str, weights: tuple[int, ...]) -> None:
    """100,000 of them with FULLNAT_E2E=full; from two clients, because one has ports for 1,000 in a second: each is in
    TIME_WAIT for a minute."""
    each = 5 * sizes.connections if FULL else sizes.connections
    config = standard.config(servers=SERVERS, weights=weights, scheduler=scheduler, timeouts=CLOSING)
    with make_world(config, target=target) as world:
        loads = [world.start_load(client, n=each, c=25) for client in standard.CLIENTS]
        for load in loads:
            assert_all_good(report(load, 600), each)
        # A connection that the client has reset may be followed by another one of its port, which takes its session.
        assert sum(counts(world)) + world.stack.stats()["controller"]["fullnat_conn_reused"] == 2 * each
        assert_shares(counts(world), weights)
        assert_clean(world)


@pytest.mark.timeout(900)
def test_connections_that_stay(target: str, sizes: Sizes) -> None:
    """wlc; all of them are open at the same time, ten times 10,000 with FULLNAT_E2E=full."""
    each = sizes.connections // 2
    common: Any = {"scheduler": "wlc", "timeouts": CLOSING, "established_timeout": 900.0}
    with make_world(standard.config(servers=SERVERS, weights=WEIGHTS, **common), target=target) as world:
        for wave in range(1, 11 if FULL else 2):
            wanted = wave * 2 * each
            loads = [world.start_load(client, n=each, c=each, timeout=300, hold=True) for client in standard.CLIENTS]
            poll(partial(has_made, world, wanted), 200, "all are open", interval=0.1)
            assert_shares(counts(world), WEIGHTS)
            for load in loads:
                load.signal(signal.SIGUSR1)
            for load in loads:
                assert_all_good(report(load, 200), each)
            assert_clean(world)


def remembered(world: World, what: str) -> bool:
    path = world.stack.state / "memory"
    return path.exists() and what in path.read_text()


def restart(world: World) -> None:
    """kill -9, and the next controller."""
    assert world.stack.controller is not None
    world.stack.controller.kill()
    world.stack.start_controller()
    world.stack.wait_ready()


def test_a_client_stays_with_its_server_through_kills_of_the_controller(target: str) -> None:
    if target == "embedded":
        pytest.skip("the embedded switch dies with its controller")
    config = standard.config(servers=SERVERS, timeouts=CLOSING, options=["persistence_timeout = 60"])
    with make_world(config, target=target) as world:
        homes = {client: world.get(client).server for client in standard.CLIENTS}
        assert homes == {client: world.get(client).server for client in standard.CLIENTS}
        poll(lambda: all(remembered(world, f"10.1.0.{number}") for number in (1, 2)), 10, "both are remembered")
        for _ in range(3):
            world.drained()
            restart(world)
            assert world.stack.stats()["controller"]["templates"] == 2
            assert homes == {client: world.get(client).server for client in standard.CLIENTS}
        assert_clean(world)


def test_a_slow_start_goes_on_through_a_kill_of_the_controller(target: str) -> None:
    if target == "embedded":
        pytest.skip("the embedded switch dies with its controller")

    def config(weights: tuple[int, ...]) -> str:
        options = ["slow_start = 300"]
        return standard.config(servers=SERVERS, weights=weights, scheduler="wrr", timeouts=CLOSING, options=options)

    with make_world(config((10, 10, 0)), target=target) as world:
        world.stack.configure(config((10, 10, 10)))
        assert world.stack.controller is not None
        world.stack.controller.signal(signal.SIGHUP)
        poll(lambda: server_json(world, "10.2.0.13:80")["warming"] is not None, 5, "the configuration is taken over")
        poll(lambda: remembered(world, '"slow_start"'), 10, "its slow start is remembered")
        before = server_json(world, "10.2.0.13:80")["warming"]
        restart(world)
        after = server_json(world, "10.2.0.13:80")
        assert before <= after["warming"] < 300
        assert after["effective_weight"] * 9 < server_json(world, "10.2.0.11:80")["effective_weight"]


def test_a_deadline_is_kept_through_a_kill_of_the_controller(target: str) -> None:
    """A reload removes a server. Its connection goes on until drain_timeout is over, then it is reset on both sides;
    those of the others never notice."""
    if target == "embedded":
        pytest.skip("the embedded switch dies with its controller")

    def config(servers: list[tuple[IPv4Address, int]]) -> str:
        return standard.config(servers=servers, timeouts=CLOSING, options=["drain_timeout = 12"])

    with make_world(config(SERVERS), target=target) as world, contextlib.ExitStack() as alive:
        open_ones = {}
        for _ in SERVERS:
            connection = alive.enter_context(contextlib.closing(world.http("c1")))
            open_ones[ask(connection).server] = connection
        assert sorted(open_ones) == ["s1", "s2", "s3"]
        world.stack.configure(config(SERVERS[1:]))
        assert world.stack.controller is not None
        world.stack.controller.signal(signal.SIGHUP)
        poll(lambda: server_json(world, "10.2.0.11:80")["draining"], 5, "the configuration is taken over")
        poll(lambda: remembered(world, '"drain"'), 10, "the deadline is remembered")
        restart(world)
        left = server_json(world, "10.2.0.11:80")
        assert left["draining"]
        assert 0 < left["reset_in"] < 12
        assert ask(open_ones["s1"]).server == "s1"
        sock = open_ones["s1"].sock
        assert isinstance(sock, socket.socket)
        sock.settimeout(15)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
        name = endpoint(sock.getsockname())
        poll(lambda: name not in {session["client"] for session in world.stack.sessions()}, 5, "it is gone")
        assert [ask(open_ones[name]).server for name in ("s2", "s3")] == ["s2", "s3"]


@pytest.mark.timeout(900)
def test_changes_under_load_fail_nothing(target: str, sizes: Sizes) -> None:
    """Servers come, go and change their weights, again and again (1,000 times with FULLNAT_E2E=full), while
    connections come, go and stay. All servers live: nothing fails, and nobody's connection moves."""
    changes = 1000 if FULL else 50
    # Those that stay are idle while a long load comes to its end.
    common: Any = {"scheduler": "wrr", "timeouts": CLOSING, "established_timeout": 900.0}
    before = standard.config(servers=SERVERS, weights=WEIGHTS, **common)
    with make_world(before, target=target) as world, contextlib.ExitStack() as alive:
        stays = [alive.enter_context(contextlib.closing(world.http("c2"))) for _ in range(8)]
        homes = [ask(connection).server for connection in stays]
        connections = changes * 10 if target != "bmv2" else changes
        load = world.start_load("c1", n=connections, c=50, rate=connections // (changes // 4 if FULL else 5))
        assert world.stack.controller is not None
        for change in range(changes):
            weights = [1 + (change + number) % 4 for number in range(3)]
            there = SERVERS if change % 2 else SERVERS[:2]
            config = standard.config(servers=there, weights=weights[: len(there)], **common)
            world.stack.configure(config)
            world.stack.controller.signal(signal.SIGHUP)

            def taken_over(wanted: tuple[int, ...] = tuple(weights[: len(there)])) -> bool:
                (service,) = world.stack.stats()["services"]
                return tuple(server["weight"] for server in service["servers"] if not server["draining"]) == wanted

            poll(taken_over, 10, f"change {change} is taken over")
            if change % 20 == 0:
                assert [ask(connection).server for connection in stays] == homes
        assert_all_good(report(load, 300), connections)
        assert [ask(connection).server for connection in stays] == homes
        refused = ("no_real_server", "servers_full", "no_local_port", "table_full", "write_failed", "sessions_reset")
        assert {name: world.stack.stats()["controller"][name] for name in refused} == dict.fromkeys(refused, 0)
