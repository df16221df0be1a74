"""Debian's own servers learn their clients by PROXY protocol, on wires that lose and reorder: nginx, haproxy, postfix,
which speaks first, and dnsdist by UDP."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import shutil
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.tools import toa as preload
from topo import standard
from topo.model import Impairment
from topo.process import Process, poll
from topo.world import World

from . import servers
from .checks import CLOSING
from .conftest import FULL, MakeWorld, Sizes

NGINX, HAPROXY, SMTP, DNS, DNSMASQ, COUNT = 8001, 8002, 8025, 8053, 8054, 8004
HOSTS = {NGINX: "s1", HAPROXY: "s2", SMTP: "s2", DNS: "s3", DNSMASQ: "s3", COUNT: "s3"}
HEADER_BYTES = {4: 28, 6: 52}
PATIENT = {**CLOSING, "fin_wait": 30.0, "close_wait": 30.0}
"""A kernel that has answered and closed before its SYN-ACK arrived (TCP Fast Open) sends again after 3 s at first."""


def service(family: int, port: int, protocol: str, proxy: str) -> str:
    """One more [[virtual_server]] of the configuration, with the server on the same port."""
    plan = standard.FAMILIES[family]
    own = ", ".join(f'"{address}"' for address in plan.local_addresses)
    address = plan.servers[standard.SERVERS.index(HOSTS[port])][0]
    return (
        f'[[virtual_server]]\naddress = "{plan.vip}"\nport = {port}\nprotocol = "{protocol}"\n'
        f'proxy_protocol = "{proxy}"\nlocal_addresses = [{own}]\n'
        f'[[virtual_server.real_server]]\naddress = "{address}"\nport = {port}\n'
    )


@pytest.fixture(scope="module")
def world(make_world: MakeWorld, family: int, target: str) -> World:
    """1 % lost, 2 % reordered."""
    if target == "asic":
        pytest.skip("the ASIC's program has no PROXY protocol")
    config = standard.config(families=(family,), timeouts=PATIENT)
    for port in (NGINX, HAPROXY, SMTP, COUNT):
        config += service(family, port, "tcp", "first")
    for port in (DNS, DNSMASQ):
        config += service(family, port, "udp", "every")
    made = make_world(config, impairment=Impairment(loss=0.01, reorder=0.02), family=family)
    for host, value in (*((name, "5") for name in standard.CLIENTS), ("s1", str(0x203))):
        with made.network.inside(host):
            Path("/proc/sys/net/ipv4/tcp_fastopen").write_text(value)
    return made


@dataclass(frozen=True, slots=True)
class Amount:
    connections: int
    """To each server; of UDP as many sessions."""
    odd: int
    """Whose first segment is an unusual one."""
    transfer: int
    """Bytes."""


@pytest.fixture(scope="module")
def amount(sizes: Sizes) -> Amount:
    """On such wires everything takes its time: a tenth and a quarter, unless all of it is asked for."""
    if sizes is FULL:
        return Amount(sizes.connections, sizes.connections // 10, sizes.transfer)
    return Amount(sizes.connections // 10, 16, sizes.transfer >> 2)


Serve = Callable[[int, list[str]], None]


def address_of(world: World, port: int) -> str:
    """Of the server, in brackets if they are needed."""
    address = str(world.network.address(HOSTS[port], world.family))
    return f"[{address}]" if world.family == 6 else address


@pytest.fixture
def serve(world: World) -> Iterator[Serve]:
    """Start a server; returns when it takes connections."""
    with contextlib.ExitStack() as running:

        def start(port: int, command: list[str]) -> None:
            program = shutil.which(command[0])
            if program is None:
                pytest.skip(f"{command[0]} is not installed")
            process = world.network.start(HOSTS[port], f"{command[0]}-{world.family}", [program, *command[1:]])
            running.callback(process.stop)
            poll(lambda: _listens(world, process, port), 20, f"{command[0]} listens")

        yield start


def _listens(world: World, process: Process, port: int) -> bool:
    process.check_running()
    address = str(world.network.address(HOSTS[port], world.family))
    with contextlib.suppress(OSError), world.connect(HOSTS[port], port, address):
        return True
    return False


def world_family(world: World) -> socket.AddressFamily:
    return socket.AF_INET6 if world.family == 6 else socket.AF_INET


def name_of(sock: socket.socket) -> str:
    address, port = sock.getsockname()[:2]
    return f"{address} {port}"


def read(sock: socket.socket) -> bytes:
    found = b""
    while more := sock.recv(1 << 20):
        found += more
    return found


def get(sock: socket.socket, *, pieces: int = 1 << 16, fin: bool = False) -> bytes:
    """The body of a GET sent in ``pieces`` of so many bytes, the last one with a FIN."""
    request = b"GET / HTTP/1.0\r\n\r\n"
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK if fin else socket.TCP_NODELAY, 1)
    for start in range(0, len(request), pieces):
        sock.sendall(request[start : start + pieces])
    if fin:
        sock.shutdown(socket.SHUT_WR)
    head, _, body = read(sock).partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0], head
    return body


Talk = Callable[[str], tuple[str, str]]
"""Something that a client does once: what the server has to say, and what it says."""


def many(talk: Talk, count: int) -> None:
    """Several at once, from all clients: each is told the truth, and none fails."""

    def some(client: str) -> list[tuple[str, str]]:
        return [talk(client) for _ in range(-(-count // 8))]

    with ThreadPoolExecutor(8) as pool:
        found = [each for some_ in pool.map(some, standard.CLIENTS * 4) for each in some_]
    assert len(found) >= count
    assert [each for each in found if each[0] != each[1]] == []


def each_client_is_told(world: World, port: int, count: int, first: int = 1 << 16, *, fin: bool = False) -> None:
    """Each learns its own name, and the VIP's, by HTTP."""

    def talk(client: str) -> tuple[str, str]:
        with world.connect(client, port, timeout=60) as sock:
            said = get(sock, pieces=first, fin=fin).decode()
            return f"{name_of(sock)} {world.plan.vip}", said

    many(talk, count)


@pytest.fixture
def nginx(world: World, serve: Serve, tmp_path: Path) -> Path:
    config = servers.NGINX.format(directory=tmp_path, address=address_of(world, NGINX), port=NGINX)
    (tmp_path / "nginx.conf").write_text(config)
    serve(NGINX, ["nginx", "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")])
    return tmp_path


def test_nginx(world: World, nginx: Path, amount: Amount) -> None:
    """Whole requests, byte by byte, with the FIN in the first segment, and with data in the SYN."""
    each_client_is_told(world, NGINX, amount.connections)
    each_client_is_told(world, NGINX, amount.odd, 1)
    each_client_is_told(world, NGINX, amount.odd, fin=True)

    def by_fast_open(client: str) -> tuple[str, str]:
        with world.network.inside(client), socket.socket(world_family(world)) as sock:
            sock.settimeout(60)
            sock.sendto(b"GET / HTTP/1.0\r\n\r\n", socket.MSG_FASTOPEN, (str(world.plan.vip), NGINX))
            return f"{name_of(sock)} {world.plan.vip}", read(sock).decode().rpartition("\r\n\r\n")[2]

    many(by_fast_open, amount.odd)
    assert world.errors() == {}


def test_a_large_answer(world: World, nginx: Path, amount: Amount) -> None:
    expected, got = hashlib.sha256(), hashlib.sha256()
    with (nginx / "file").open("wb") as file:
        for _ in range(amount.transfer >> 20):
            piece = os.urandom(1 << 20)
            file.write(piece)
            expected.update(piece)
    with world.connect("c1", NGINX, timeout=60) as sock:
        sock.sendall(b"GET /file HTTP/1.0\r\n\r\n")
        head = sock.recv(65536, socket.MSG_PEEK).partition(b"\r\n\r\n")[0]
        assert b" 200 " in head.splitlines()[0]
        sock.recv(len(head) + 4, socket.MSG_WAITALL)
        while more := sock.recv(1 << 20):
            got.update(more)
    assert got.digest() == expected.digest()
    assert world.errors() == {}


def test_a_large_request(world: World, amount: Amount) -> None:
    """What the server gets is the header and the bytes."""
    piece = os.urandom(1 << 20)
    got = hashlib.sha256()
    header: list[bytes] = []

    with world.network.inside("s3"):
        family = world_family(world)
        listener = socket.create_server((str(world.network.address("s3", world.family)), COUNT), family=family)

    def take() -> None:
        with listener, listener.accept()[0] as connection:
            header.append(connection.recv(HEADER_BYTES[world.family], socket.MSG_WAITALL))
            while more := connection.recv(1 << 20):
                got.update(more)

    thread = threading.Thread(target=take)
    thread.start()
    expected = hashlib.sha256()
    with world.connect("c1", COUNT, timeout=60) as sock:
        client, port = sock.getsockname()[:2]
        for _ in range(amount.transfer >> 20):
            sock.sendall(piece)
            expected.update(piece)
    thread.join(600)
    ends = socket.inet_pton(family, client) + socket.inet_pton(family, str(world.plan.vip))
    assert header[0][16:] == ends + struct.pack("!HH", port, COUNT)
    assert got.digest() == expected.digest()
    assert world.errors() == {}


def test_haproxy(world: World, serve: Serve, tmp_path: Path, amount: Amount) -> None:
    (tmp_path / "haproxy.cfg").write_text(servers.HAPROXY.format(address=address_of(world, HAPROXY), port=HAPROXY))
    serve(HAPROXY, ["haproxy", "-f", str(tmp_path / "haproxy.cfg")])
    each_client_is_told(world, HAPROXY, amount.connections)


def test_postfix(world: World, serve: Serve, amount: Amount) -> None:
    """It speaks first, and waits for the header before it does."""
    with contextlib.ExitStack() as stack:
        directory = Path("/run") / f"fullnat-postfix-{os.getpid()}"
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        for name in ("etc", "queue", "data"):
            (directory / name).mkdir(parents=True)
        (directory / "etc/main.cf").write_text(servers.MAIN_CF.format(directory=directory))
        (directory / "etc/master.cf").write_text(servers.MASTER_CF.format(address=address_of(world, SMTP), port=SMTP))
        if shutil.which("postfix"):
            shutil.chown(directory / "data", "postfix", "root")
        serve(SMTP, ["postfix", "-c", str(directory / "etc"), "start-fg"])

        def greeted(client: str) -> tuple[str, str]:
            with world.connect(client, SMTP, timeout=60) as sock:
                found = b""
                while not re.search(rb"you are .*\r\n", found):
                    more = sock.recv(65536)
                    assert more, found
                    found += more
                return name_of(sock), found.decode().partition("you are ")[2].rstrip("\r\n")

        many(greeted, amount.connections)


def test_dnsdist(world: World, serve: Serve, tmp_path: Path, amount: Amount) -> None:
    """Every datagram has it: those of one client, one after the other, too."""
    (tmp_path / "dnsdist.conf").write_text(servers.DNSDIST.format(address=address_of(world, DNS), port=DNS))
    serve(DNS, ["dnsdist", "--supervised", "--disable-syslog", "-C", str(tmp_path / "dnsdist.conf")])

    def ask(client: str) -> tuple[str, str]:
        with world.network.inside(client), socket.socket(world_family(world), socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            sock.connect((str(world.plan.vip), DNS))
            said = [(asked(sock, 16)[1:].decode(), int.from_bytes(asked(sock, 1)[2:], "big")) for _ in range(3)]
            assert len(set(said)) == 1
            return name_of(sock), f"{said[0][0]} {said[0][1]}"

    many(ask, amount.connections)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := preload.unavailable():
        pytest.skip(reason)
    return preload.library(tmp_path_factory.mktemp("toa"))


def test_dnsmasq(world: World, library: Path, amount: Amount) -> None:
    """It does not know PROXY protocol: libtoa_preload reads it, and leads the answers back to the balancer."""
    program = shutil.which("dnsmasq")
    if program is None:
        pytest.skip("dnsmasq is not installed")
    local = ",".join(str(address) for address in world.plan.local_addresses)
    env = {"LD_PRELOAD": str(library), "TOA_TRUSTED": local, "TOA_UDP": "proxy"}
    told = servers.DNSMASQ.format(address=world.network.address(HOSTS[DNSMASQ], world.family), port=DNSMASQ).split()
    process = world.network.start(HOSTS[DNSMASQ], f"dnsmasq-{world.family}", [program, *told], env)
    names: list[str] = []

    def ask(client: str) -> tuple[str, str]:
        with world.network.inside(client), socket.socket(world_family(world), socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            sock.connect((str(world.plan.vip), DNSMASQ))
            names.append(name_of(sock))
            return "192.0.2.1", socket.inet_ntoa(asked(sock, 1))

    try:
        poll(lambda: "started" in process.err.read_text() or not process.running, 20, "dnsmasq runs")
        process.check_running()
        many(ask, amount.connections)
        logged = set(re.findall(r"(\S+)/(\d+) query\[A\]", process.err.read_text()))
        assert {tuple(name.split()) for name in names} - logged == set()
    finally:
        process.stop()


NUMBERS = itertools.count()
"""Of questions: a late answer is of none that is asked again."""


def asked(sock: socket.socket, kind: int) -> bytes:
    """The data of the only answer; asked again where it is lost."""
    question = b"\x03who\x04test\0" + struct.pack("!HH", kind, 1)
    for _ in range(20):
        number = next(NUMBERS) % 65536
        sock.send(struct.pack("!HHHHHH", number, 0x100, 1, 0, 0, 0) + question)
        with contextlib.suppress(TimeoutError):
            while True:
                answer = sock.recv(1500)
                if answer[:2] == number.to_bytes(2, "big"):
                    return answer[12 + len(question) + 12 :]
    raise TimeoutError("20 questions without an answer")
