"""How connections end: no session ends unless its endpoints do or are told, and nobody else can end it."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import count

import pytest

from topo import counters, standard
from topo.process import poll
from topo.rawtcp import ACK, FIN, RST, SYN, Segment
from topo.stack import Json
from topo.world import World, endpoint
from topo.world import world as make_world

from .checks import assert_clean

PORT = 7000
TIMEOUTS = {"fin_wait": 3.0, "close_wait": 3.0, "time_wait": 1.0, "close": 1.0, "syn_recv": 3.0}
PAUSE = 1.5
"""Shorter than the timeouts; two of them are longer."""
_TCP_REPAIR, _TCP_REPAIR_QUEUE, _TCP_QUEUE_SEQ, _SEND_QUEUE = 19, 20, 21, 2


@pytest.fixture
def world(target: str) -> Iterator[World]:
    servers = [(IPv4Address("10.2.0.11"), PORT)]
    config = standard.config(servers=servers, timeouts=TIMEOUTS, established_timeout=20)
    with make_world(config, target=target) as made:
        yield made


def exactly(sock: socket.socket, size: int) -> bytes:
    """So many bytes."""
    text = b""
    while len(text) < size and (more := sock.recv(size - len(text))):
        text += more
    return text


@dataclass(frozen=True, slots=True)
class Pair:
    """Both ends of one connection through the balancer, kernel sockets."""

    client: socket.socket
    server: socket.socket

    @property
    def name(self) -> str:
        return endpoint(self.client.getsockname())

    def say(self, sender: socket.socket, text: bytes) -> None:
        """Text sent by one end arrives at the other."""
        receiver = self.server if sender is self.client else self.client
        sender.sendall(text)
        assert exactly(receiver, len(text)) == text


@contextlib.contextmanager
def connected(world: World, port: int = 0) -> Iterator[Pair]:
    """An established connection of c1, from local ``port``."""
    with contextlib.ExitStack() as alive:
        with world.network.inside("s1"):
            listener = alive.enter_context(socket.create_server(("10.2.0.11", PORT)))
        with world.network.inside("c1"):
            client = alive.enter_context(socket.socket())
        client.bind(("10.1.0.1", port))
        for sock in (listener, client):
            sock.settimeout(10)
        client.connect((str(standard.VIP), standard.VPORT))
        server = alive.enter_context(listener.accept()[0])
        server.settimeout(10)
        pair = Pair(client, server)
        pair.say(client, b"request")
        poll(lambda: state(world, pair) == "ESTABLISHED", 5, "the session is established")
        yield pair


def session(world: World, pair: Pair) -> Json | None:
    return next((found for found in world.stack.sessions() if found["client"] == pair.name), None)


def state(world: World, pair: Pair) -> str | None:
    found = session(world, pair)
    return str(found["state"]) if found else None


def quiet(sock: socket.socket, seconds: float) -> None:
    """Nothing arrives for so long."""
    sock.settimeout(seconds)
    with pytest.raises(TimeoutError):
        sock.recv(1)
    sock.settimeout(10)


def controller(world: World) -> Json:
    return dict(world.stack.stats()["controller"])


# ---- half-closed connections


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_half_closed_connection_outlives_its_pauses(world: World, first: str, target: str) -> None:
    """One side has said all; the other answers slowly, and both end in peace."""
    with connected(world) as pair:
        done, other = (pair.client, pair.server) if first == "client" else (pair.server, pair.client)
        done.shutdown(socket.SHUT_WR)
        assert other.recv(1) == b""
        poll(lambda: state(world, pair) == ("CLOSE_WAIT" if first == "client" else "FIN_WAIT"), 5, "half-closed")
        for number in range(4):
            quiet(done, PAUSE)
            pair.say(other, b"answer %d" % number)
        other.shutdown(socket.SHUT_WR)
        assert done.recv(1) == b""
        poll(lambda: session(world, pair) is None, 10, "the session is gone")
        # An ASIC cannot tell a FIN that was accepted from a forged one: it may be that nobody has closed.
        assert controller(world)["sessions_reset"] == (target == "asic")
    assert_clean(world)


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_half_closed_connection_without_end_is_told_to_both(world: World, first: str) -> None:
    with connected(world) as pair:
        done, other = (pair.client, pair.server) if first == "client" else (pair.server, pair.client)
        done.shutdown(socket.SHUT_WR)
        assert other.recv(1) == b""
        with pytest.raises(ConnectionResetError):
            done.recv(1)

        def was_told() -> bool:
            return other.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0

        poll(was_told, 5, "the other side was told")
        stats = controller(world)
        assert (stats["rst_in_half_closed"], stats["rst_out_half_closed"], stats["sessions_reset"]) == (1, 1, 1)
    assert_clean(world)


def test_an_idle_connection_that_the_server_closed_fails_at_once(world: World) -> None:
    """The client does not look at it for longer than the session lives."""
    with connected(world) as pair:
        pair.server.close()
        poll(lambda: session(world, pair) is None, 15, "the session is gone")
        started = time.monotonic()
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            pair.client.sendall(b"request")
        assert time.monotonic() - started < 1
    assert_clean(world)


@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_late_segment_is_answered(world: World, sender: str, target: str) -> None:
    """The switch forgot the session; whoever sends next learns it."""
    if target == "embedded":
        pytest.skip("the embedded switch is the controller's")
    with connected(world) as pair:
        assert world.stack.switch is not None
        world.stack.switch.kill()
        world.stack.start_switch()
        poll(lambda: not world.stack.sessions() and world.stack.stats()["switch"]["state"] == "serving", 30, "serving")
        late = pair.client if sender == "client" else pair.server
        started = time.monotonic()
        late.sendall(b"more")
        with pytest.raises(ConnectionResetError):
            late.recv(1)
        assert time.monotonic() - started < 3
        assert controller(world)["reset_on_miss"] >= 1
    assert_clean(world)


# ---- forged segments


def next_sequence(sock: socket.socket) -> int:
    """What the kernel sends next (TCP_REPAIR tells root)."""
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_QUEUE, _SEND_QUEUE)
    found: int = struct.unpack("=I", sock.getsockopt(socket.IPPROTO_TCP, _TCP_QUEUE_SEQ, 4))[0]
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, -1)
    return found


def forge(world: World, *segments: Segment) -> None:
    """Send from the client's network, as anybody there can."""
    inject(world, "c1", *((segment.pack(), str(segment.target)) for segment in segments))


def inject(world: World, host: str, *packets: tuple[bytes, str]) -> None:
    """IP packets leave ``host``, each to an address."""
    with world.network.inside(host), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for packet, target in packets:
            raw.sendto(packet, (target, 0))


def damaged(segment: Segment) -> bytes:
    """The whole IP packet, with a bit of the window turned over under way."""
    packet = bytearray(segment.pack())
    packet[20 + 15] ^= 1
    return bytes(packet)


@pytest.mark.parametrize("flags", [RST, RST | ACK, FIN | ACK], ids=["rst", "rst-ack", "fin"])
def test_a_forged_end_ends_nothing(world: World, flags: int, target: str) -> None:
    """No number but the right one: the session stays what it is, also while it is idle for longer than an ended one."""
    with connected(world) as pair:
        port, ack = pair.client.getsockname()[1], next_sequence(pair.server)
        ends = (IPv4Address("10.1.0.1"), port, standard.VIP, standard.VPORT)
        right = next_sequence(pair.client)
        wrong = (right + 1, right - 1, right + 1000, right + (1 << 31), right - 100_000, 0)
        forge(world, *(Segment(*ends, seq, ack, flags) for seq in wrong))
        quiet(pair.client, 2 * PAUSE)
        if target != "asic":
            assert state(world, pair) == "ESTABLISHED"
        pair.say(pair.client, b"still here")
        pair.say(pair.server, b"so am I")
    assert_clean(world)


@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_damaged_rst_with_the_right_number_leaves_nobody_unaware(world: World, sender: str) -> None:
    """No endpoint takes it, the switch does: both wait for each other, and learn that the session is over."""
    with connected(world) as pair:
        found = session(world, pair)
        assert found is not None
        local, port = str(found["local"]).split(":")
        source, target = pair.client.getsockname(), (str(standard.VIP), standard.VPORT)
        if sender == "server":
            source, target = pair.server.getsockname(), (local, int(port))
        seq = next_sequence(pair.client if sender == "client" else pair.server)
        ends = (IPv4Address(source[0]), source[1], IPv4Address(target[0]), target[1])
        inject(world, "c1" if sender == "client" else "s1", (damaged(Segment(*ends, seq, 0, RST)), target[0]))
        poll(lambda: state(world, pair) == "CLOSE", 5, "the switch takes it")
        for sock in (pair.client, pair.server):
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        stats = controller(world)
        assert (stats["rst_in_close"], stats["rst_out_close"], stats["sessions_reset"]) == (1, 1, 1)
    world.drained()
    receiver = "s1" if sender == "client" else "c1"
    assert world.errors() == {receiver: {"TcpInCsumErrors": 1}}, "its checksum was wrong"


def test_a_forged_syn_and_ack_establish_nothing(world: World) -> None:
    """A client that does not exist: never counted active, and gone after the time of SYN_RECV."""
    number = count(40000)
    nobody = IPv4Address("10.1.0.77")
    with connected(world) as pair:
        ports = [next(number) for _ in range(5)]
        ends = [(nobody, port, standard.VIP, standard.VPORT) for port in ports]
        forge(world, *(Segment(*end, 1000, 0, SYN) for end in ends))
        names = {endpoint((str(nobody), port)) for port in ports}

        def forged() -> list[Json]:
            return [found for found in world.stack.sessions() if found["client"] in names]

        poll(lambda: len(forged()) == len(ports), 5, "the SYNs made sessions")
        started = time.monotonic()
        for seq in (0, 1, 0x12345678, 0x80000000):
            forge(world, *(Segment(*end, 1001, seq, ACK) for end in ends))
        seen = set()
        while found := forged():
            seen |= {item["state"] for item in found}
            assert world.stack.stats()["services"][0]["active"] == 1
            assert time.monotonic() - started < 15
        assert "ESTABLISHED" not in seen
        pair.say(pair.client, b"undisturbed")
    assert_clean(world)


def test_a_server_that_never_answers_is_counted_and_nobody_is_reset(target: str) -> None:
    config = standard.config(servers=[(IPv4Address("10.2.0.99"), PORT)], timeouts=TIMEOUTS)
    with make_world(config, target=target) as world:
        with world.network.inside("c1"):
            client = socket.socket()
        with client:
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.connect((str(standard.VIP), standard.VPORT))
        poll(lambda: not world.stack.sessions(), 15, "the session is gone")
        stats = world.stack.stats()
        (service,) = stats["services"]
        assert service["servers"][0]["unanswered"] == service["unanswered"] >= 1
        assert stats["controller"]["sessions_unanswered"] == service["unanswered"]
        assert stats["controller"]["sessions_reset"] == 0
        assert "no answer" in world.stack.command("stats")


# ---- the same port again


def test_a_client_may_come_back_on_its_port_after_a_fast_upload(world: World, target: str) -> None:
    """Faster than the clock of initial sequence numbers, and the server is in TIME-WAIT: the SYN is taken at once."""
    if target == "bmv2":
        pytest.skip("the switch is slower than the clock")
    with connected(world, 30000) as pair:
        data, sent, started = bytes(1 << 16), 0, time.monotonic()
        pair.server.settimeout(30)
        while sent < 60_000_000 + 16_000_000 * (time.monotonic() - started):
            pair.say(pair.client, data)
            sent += len(data)
            assert time.monotonic() - started < 30, "the machine is too slow for this test"
        pair.server.shutdown(socket.SHUT_WR)
        assert pair.client.recv(1) == b""
        pair.client.shutdown(socket.SHUT_WR)
        assert pair.server.recv(1) == b""
        poll(lambda: state(world, pair) == "TIME_WAIT", 5, "both have closed")
    before = counters.read(world.network.namespace("c1"))["TcpRetransSegs"]
    with connected(world, 30000) as pair:
        pair.say(pair.client, b"again")
    assert counters.read(world.network.namespace("c1"))["TcpRetransSegs"] == before
    assert controller(world)["fullnat_conn_reused_timewait"] == 1
    assert_clean(world)


# ---- what operators see


def test_a_listing_tells_packets_and_the_time_left(world: World) -> None:
    with connected(world) as pair:
        before = session(world, pair)
        assert before is not None
        for _ in range(10):
            pair.say(pair.client, b"question")
            pair.say(pair.server, b"answer")
        after = session(world, pair)
        assert after is not None
        assert after["in_packets"] - before["in_packets"] >= 10
        assert after["out_packets"] - before["out_packets"] >= 10
        assert 18 < after["expires"] <= 20
        quiet(pair.client, PAUSE)
        idle = session(world, pair)
        assert idle is not None
        assert 16 < idle["expires"] < 20 - PAUSE + 0.1
        assert f" {idle['in_packets']} " in world.stack.command("sessions")
    assert_clean(world)
