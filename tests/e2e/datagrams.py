"""What tests of UDP share: services of TCP and UDP beside each other, servers that answer, and clients that ask."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import zip_longest

from topo import standard
from topo.process import Process, poll
from topo.world import World

PORT = 53
TIMES = """\
established_timeout = 2
[virtual_server.timeouts]
udp_oneway = 1
"""
MISSING = [tool for tool in ("dnsmasq", "dig") if shutil.which(tool) is None]


def config(servers: Sequence[str] = standard.SERVERS, modes: Sequence[str] = (), of_tcp: str | None = None) -> str:
    """The services of TCP (``of_tcp``, if not the usual) and, beside it, of UDP; ``modes``: of its servers, if not the
    service's."""
    hosts = {name: f"10.2.0.{number}" for number, name in enumerate(standard.SERVERS, 11)}
    local = ", ".join(f'"{address}"' for address in standard.LOCAL_ADDRESSES)
    text = [
        of_tcp or standard.config(),
        "[[virtual_server]]",
        f'address = "{standard.VIP}"',
        f"port = {PORT}",
        'protocol = "udp"',
    ]
    text += ['scheduler = "rr"', f"local_addresses = [{local}]", TIMES]
    for name, mode in zip_longest(servers, modes):
        text += ["[[virtual_server.real_server]]", f'address = "{hosts[name]}"', f"port = {PORT}"]
        text += [f'mode = "{mode}"'] if mode else []
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

    def __init__(self, world: World, name: str, address: str = "0.0.0.0") -> None:
        self._name = name.encode()
        self._sock = bound(world, name, address, PORT)
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


def start_dns(world: World, name: str, address: str = "") -> Process:
    """dnsmasq at ``address``, the server's if none is said. It tells who it is, and logs who asks."""
    address = address or str(world.network.address(name))
    command = ["dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root"]
    command += ["--pid-file=", f"--port={PORT}", "--bind-interfaces", f"--listen-address={address}"]
    command += ["--log-queries", "--log-facility=-", f"--txt-record=whoami.test,{name}"]
    process = world.network.start(name, f"dns-{name}", command)
    poll(partial(world.network.listens, name, PORT), 10, f"dnsmasq of {name} listens")
    return process


def dig(world: World, client: str = "c1") -> str:
    """The server whose answer ``client`` takes, which it only does if that is from the virtual address."""
    command = ["dig", f"@{standard.VIP}", "+short", "+tries=3", "+time=2", "whoami.test", "TXT"]
    with world.network.inside(client):
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip().strip('"')
