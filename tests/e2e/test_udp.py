"""UDP through the VIP: a DNS server, bad wires, and servers that leave."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from functools import partial

import pytest

from topo import counters, standard
from topo.model import Impairment
from topo.process import poll
from topo.world import World, lines
from topo.world import world as make_world

from .checks import assert_clean
from .conftest import Sizes
from .datagrams import MISSING, PORT, ask, bound, config, dig, echoes, start_dns


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)} (make peers)")
def test_dns(target: str) -> None:
    """dig asks dnsmasq: every server in turn; the answer comes from the VIP, or dig would not take it."""
    with make_world(config(), target=target) as world:
        for name in standard.SERVERS:
            start_dns(world, name)
        assert Counter(dig(world) for _ in range(6)) == dict.fromkeys(standard.SERVERS, 2)
        assert_clean(world)


def test_bad_wires(target: str, sizes: Sizes) -> None:
    """1 % lost, 2 % reordered: what arrives is right and from where it should be, one server has a client's port to
    itself, and nothing is left over."""
    impairment = Impairment(loss=0.01, reorder=0.02)
    with make_world(config(), target=target, impairment=impairment) as world, echoes(world) as servers:
        for number in range(sizes.parallel // 10):
            with contextlib.closing(bound(world, "c1")) as sock:
                names = {ask(sock, b"%d %d " % (number, size) + bytes(size)) for size in (0, 1, 99, 500, 1400)}
            assert len(names) == 1
        assert all(server.seen for server in servers.values())
        ours = {str(address) for address in standard.LOCAL_ADDRESSES}
        assert {peer[0] for server in servers.values() for peer in server.peers} <= ours
        assert_clean(world)


def test_bursts_open_sessions(target: str) -> None:
    """A burst without a session before it arrives whole, once, at one server, which answers with all of it."""
    with make_world(config(), target=target) as world, echoes(world) as servers:
        for burst in range(10):
            sent = [b"%d %d" % (burst, number) for number in range(8)]
            with contextlib.closing(bound(world, "c1")) as sock:
                for payload in sent:
                    sock.sendto(payload, (str(standard.VIP), PORT))
                heard = [sock.recv(100).partition(b" ") for _ in sent]
            assert sorted(rest for _, _, rest in heard) == sent
            assert len({name for name, _, _ in heard}) == 1
        assert sum(server.seen.total() for server in servers.values()) == 80
        assert_clean(world)


def test_damage_is_never_repaired(target: str, sizes: Sizes) -> None:
    """A damaged datagram is as damaged when it leaves the switch: the server's kernel rejects it."""
    count = min(sizes.connections, 400)
    with make_world(config(), target=target, impairment=Impairment(damage=0.05)) as world, echoes(world) as servers:
        with contextlib.closing(bound(world, "c1")) as sock:
            ask(sock, b"first")
            for number in range(count):
                ask(sock, b"%d " % number + bytes(200))
        wire = world.network.process("wire-clients")
        wire.stop()
        damaged = {line["from"]: line["damaged"] for line in lines(wire, "wire")}["outer"]
        rejected = [counters.read(world.network.namespace(name))["UdpInCsumErrors"] for name in standard.SERVERS]
        assert damaged / 2 < sum(rejected) <= damaged
        intact = {b"first"} | {b"%d " % number + bytes(200) for number in range(count)}
        assert all(server.seen.keys() <= intact for server in servers.values())


def test_a_server_that_leaves_gets_no_more(target: str) -> None:
    """A resolver that goes on asking from the same port finds another server as soon as its own is taken out."""
    with make_world(config(), target=target) as world, echoes(world) as servers:
        with contextlib.closing(bound(world, "c1")) as sock:
            name = ask(sock, b"before").decode()
            assert ask(sock, b"still").decode() == name
            left = [other for other in standard.SERVERS if other != name]
            world.stack.configure(config(left))
            assert world.stack.controller is not None
            world.stack.controller.signal(signal.SIGHUP)
            poll(partial(_has, world, len(left)), 5, "the configuration is taken over")
            assert ask(sock, b"after").decode() in left
            assert servers[name].seen[b"after"] == 0
        assert_clean(world)


def _has(world: World, servers: int) -> bool:
    service = next(each for each in world.stack.stats()["services"] if each["protocol"] == "udp")
    return len(service["servers"]) == servers


def test_datagrams_in_fragments(target: str) -> None:
    """Questions and answers that no link takes whole: fragments follow the first one, both ways."""
    with make_world(config(), target=target) as world, echoes(world) as servers:
        for number in range(10):
            with contextlib.closing(bound(world, "c1")) as sock:
                ask(sock, b"%d" % number)
                for size in (1473, 4001, 16000):
                    name = ask(sock, b"%d " % number + bytes(range(250)) * (size // 250), times=3).decode()
                    assert name in servers
        stats = world.stack.stats()
        assert stats["drops"]["fragment"]["packets"] == 0
        assert_clean(world)


def test_a_datagram_in_fragments_opens_a_session(target: str) -> None:
    """The first one asks for it; when the datagram is repeated, it arrives whole."""
    with make_world(config(), target=target) as world, echoes(world):
        with contextlib.closing(bound(world, "c1")) as sock:
            assert ask(sock, bytes(range(250)) * 20, times=5).decode() in standard.SERVERS
        assert_clean(world)
