"""The life of one session: a SYN retransmitted while it is installed, and its expiry."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from topo import counters, standard
from topo.process import poll
from topo.world import World, ask, endpoint, lines
from topo.world import world as make_world

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import Sizes


@pytest.fixture
def world(target: str) -> Iterator[World]:
    with make_world(standard.config(timeouts=CLOSING, established_timeout=2), target=target) as made:
        yield made


def states(world: World) -> dict[str, str]:
    """State by client."""
    return {session["client"]: session["state"] for session in world.stack.sessions()}


def test_syn_retransmitted_while_installing(world: World) -> None:
    """The controller stands still while the client's kernel repeats its SYN: one session, one connection."""
    world.get("c1")  # neighbors are resolved
    world.drained()
    controller = world.stack.controller
    assert controller is not None
    answers = []
    namespace = world.network.namespace("c1")
    before = counters.read(namespace)["TcpRetransSegs"]
    controller.signal(signal.SIGSTOP)
    client = threading.Thread(target=lambda: answers.append(world.get("c1")))
    client.start()
    try:
        poll(lambda: counters.read(namespace)["TcpRetransSegs"] >= before + 2, 10, "the SYN was repeated twice")
    finally:
        controller.signal(signal.SIGCONT)
        client.join(20)
    assert [answer.toa for answer in answers] == [answers[0].client]
    stats = world.stack.stats()["controller"]
    assert stats["sessions_created"] == 2
    assert sum(world.server_stats(server)["with_toa"] for server in world.servers) == 2
    assert_clean(world)


def test_expiry_resets_both_sides(world: World) -> None:
    """An idle established connection is gone after its timeout; client and server both learn it by RST."""
    with contextlib.closing(world.http("c1")) as connection:
        answer = ask(connection)
        client, sock = answer.client, connection.sock
        poll(lambda: states(world) == {client: "ESTABLISHED"}, 5, "the session is established")
        sock.settimeout(30)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    server = world.servers[answer.server]
    reset = poll(lambda: lines(server, "reset"), 5, "the server was reset")
    assert [line["toa"] for line in reset] == [client]
    stats = world.stack.stats()["controller"]
    assert (stats["rst_in_established"], stats["rst_out_established"]) == (1, 1)
    assert_clean(world)


def test_many_expire_at_once(world: World, sizes: Sizes) -> None:
    """As many idle connections as are parallel elsewhere: every one of them is reset on both sides."""
    with contextlib.ExitStack() as alive:
        made = [
            alive.enter_context(contextlib.closing(world.http(c))) for c in standard.CLIENTS * (sizes.parallel // 2)
        ]
        clients = {ask(connection).client for connection in made}
        for connection in made:
            connection.sock.settimeout(30)
            with pytest.raises(ConnectionResetError):
                connection.sock.recv(1)

    def reset() -> set[str]:
        return {line["toa"] for server in world.servers.values() for line in lines(server, "reset")}

    poll(lambda: reset() == clients, 10, "the servers were reset")
    assert_clean(world)


def test_commands_show_the_same(target: str) -> None:
    """``fullnat sessions`` and ``fullnat stats``, as JSON and as text, tell of an open connection."""
    with (
        make_world(standard.config(timeouts=CLOSING), target=target) as world,
        contextlib.closing(world.http("c1")) as connection,
    ):
        client = ask(connection).client
        session = json.loads(world.stack.command("sessions", "--json"))
        assert (session["client"], session["virtual"]) == (client, "10.9.0.1:80")
        assert client in world.stack.command("sessions")
        stats = json.loads(world.stack.command("stats", "--json"))
        assert stats["services"][0]["connections"] == stats["controller"]["sessions_created"] == 1
        assert "10.9.0.1:80" in world.stack.command("stats")
        connection.close()
        assert_clean(world)


def test_ports_are_used_again_with_rising_sequence_numbers(target: str) -> None:
    """With few local ports the server sees the same 4-tuples again and again while they are in TIME-WAIT there: it
    takes the new SYNs because their sequence numbers have risen. When no port is free, a client is refused at once."""
    connections, ports = 200, 80
    # Where the switch's idle times cannot be used, a closed session takes up to twice its timeout to go.
    rate = ports / (4 if target == "bmv2" else 2)
    config = standard.config(
        servers=[(IPv4Address("10.2.0.11"), 80)],
        local_addresses=standard.LOCAL_ADDRESSES[:1],
        timeouts=CLOSING,
        extra=f"local_port_min = 5000\nlocal_port_max = {5000 + ports - 1}",
    )
    with make_world(config, target=target) as world:
        paced = world.load("c1", n=connections, c=20, rate=rate, close="server", toa=True)
        assert_all_good(paced, connections)
        stats = world.server_stats("s1")
        assert (stats["with_toa"], stats["stale_isns"]) == (connections, 0)
        world.drained()
        flood = world.load("c1", n=ports + 40, c=ports + 40, answer=10)
        assert (flood["ok"], flood["failures"]) == (ports, {"Connection refused": 40})
        assert_clean(world)


def test_traffic_keeps_a_session(world: World) -> None:
    """A connection that is used more often than its timeout lives longer than the timeout."""
    with contextlib.closing(world.http("c1")) as connection:
        sock = connection.sock
        assert isinstance(sock, socket.socket)
        first = ask(connection)
        sock.settimeout(1)
        for _ in range(5):
            with pytest.raises(TimeoutError):
                sock.recv(1)
            assert ask(connection).toa == first.toa == endpoint(sock.getsockname())
    assert_clean(world)
