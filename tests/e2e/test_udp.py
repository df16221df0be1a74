"""UDP through the VIP: a DNS server, bad wires, and servers that leave."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from topo import counters, standard
from topo.model import Impairment
from topo.process import poll
from topo.world import World, lines
from topo.world import world as make_world

from .checks import assert_clean
from .conftest import Sizes

PORT = 53
TIMES = """\
established_timeout = 2
[virtual_server.timeouts]
udp_oneway = 1
"""
NEEDED = [tool for tool in ("dnsmasq", "dig") if shutil.which(tool) is None]


def config(servers: Sequence[str] = standard.SERVERS) -> str:
    """The services of TCP and, beside it, of UDP."""
    hosts = {name: f"10.2.0.{number}" for number, name in enumerate(standard.SERVERS, 11)}
    local = ", ".join(f'"{address}"' for address in standard.LOCAL_ADDRESSES)
    text = [
        standard.config(),
        "[[virtual_server]]",
        f'address = "{standard.VIP}"',
        f"port = {PORT}",
        'protocol = "udp"',
    ]
    text += ['scheduler = "rr"', f"local_addresses = [{local}]", TIMES]
    for name in servers:
        text += ["[[virtual_server.real_server]]", f'address = "{hosts[name]}"', f"port = {PORT}"]
    return "\n".join(text) + "\n"


def bound(world: World, host: str, address: str = "0.0.0.0", port: int = 0) -> socket.socket:
    """A socket of ``host``."""
    with world.network.inside(host):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    sock.settimeout(0.2)
    return sock


class Echo:
    """A server that answers each datagram with its own name and what came."""

    def __init__(self, world: World, name: str) -> None:
        self._name = name.encode()
        self._sock = bound(world, name, port=PORT)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.seen: Counter[bytes] = Counter()
        self.peers: set[tuple[str, int]] = set()

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                payload, peer = self._sock.recvfrom(65536)
                self.seen[payload] += 1
                self.peers.add(peer)
                self._sock.sendto(self._name + b" " + payload, peer)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._sock.close()


@contextlib.contextmanager
def echoes(world: World) -> Iterator[dict[str, Echo]]:
    with contextlib.ExitStack() as alive:
        yield {name: alive.enter_context(contextlib.closing(Echo(world, name))) for name in standard.SERVERS}


def ask(sock: socket.socket, payload: bytes, times: int = 100) -> bytes:
    """The name of the server that answers, asked again when nothing comes."""
    for _ in range(times):
        sock.sendto(payload, (str(standard.VIP), PORT))
        with contextlib.suppress(TimeoutError):
            while True:
                name, _, rest = sock.recv(65536).partition(b" ")
                if rest == payload:
                    return name
    raise TimeoutError(payload)


def start_dns(world: World, name: str) -> None:
    """dnsmasq, which says who it is."""
    address = world.network.address(name)
    command = ["dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root"]
    command += ["--pid-file=", f"--port={PORT}", "--bind-interfaces", f"--listen-address={address}"]
    world.network.start(name, f"dns-{name}", [*command, f"--txt-record=whoami.test,{name}"])
    poll(partial(world.network.listens, name, PORT), 10, f"dnsmasq of {name} listens")


@pytest.mark.skipif(bool(NEEDED), reason=f"not installed: {' '.join(NEEDED)} (make peers)")
def test_dns(target: str) -> None:
    """dig asks dnsmasq: every server in turn; the answer comes from the VIP, or dig would not take it."""
    with make_world(config(), target=target) as world:
        for name in standard.SERVERS:
            start_dns(world, name)
        command = ["dig", f"@{standard.VIP}", "+short", "+tries=3", "+time=2", "whoami.test", "TXT"]
        heard: Counter[str] = Counter()
        for _ in range(6):
            with world.network.inside("c1"):
                done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
            heard[done.stdout.strip()] += 1
        assert heard == {f'"{name}"': 2 for name in standard.SERVERS}
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
