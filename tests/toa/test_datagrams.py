"""libtoa_preload with TOA_UDP=proxy: a program that does not know PROXY protocol gets datagrams without its header,
from the client that it names, and what it answers goes back to the balancer."""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.tools import build, toa
from topo.process import Process, poll

HERE = Path(__file__).parent
BALANCER, STRANGER = "127.0.0.2", "127.0.0.3"
TRUSTED = f"{BALANCER},::1"
CLIENT, CLIENT6 = ("203.0.113.9", 40000), ("2001:db8::9", 40001)
VIP, VIP6 = ("198.51.100.10", 53), ("2001:db8:1::10", 53)
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
DATAGRAM, STREAM = 2, 1
SHORT = 8
TLV = b"\x04\x00\x05noise"


def header(
    client: tuple[str, int] = CLIENT, *, command: int = 0x21, transport: int = DATAGRAM, more: bytes = b""
) -> bytes:
    source = ipaddress.ip_address(client[0]).packed
    virtual = ipaddress.ip_address((VIP if len(source) == 4 else VIP6)[0]).packed
    ends = source + virtual + struct.pack("!HH", client[1], 53) + more
    family = 1 if len(source) == 4 else 2
    return SIGNATURE + bytes([command, family << 4 | transport]) + struct.pack("!H", len(ends)) + ends


def six(address: tuple[str, int]) -> list[object]:
    host, port = address
    return [host if ":" in host else f"::ffff:{host}", port, 0, 0]


@contextlib.contextmanager
def peer(host: str = BALANCER) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.settimeout(10)
        yield sock


class Server:
    def __init__(self, process: Process) -> None:
        self.process = process
        poll(
            lambda: ("ready" in process.output and process.output.endswith("\n")) or not process.running,
            10,
            "it is bound",
        )
        process.check_running()
        self.port = int(process.output.split()[-1])

    def ask(self, sock: socket.socket, *datagrams: bytes) -> dict[str, Any]:
        """What comes back for the last one, to where it came from."""
        host = "::1" if sock.family == socket.AF_INET6 else "127.0.0.1"
        for datagram in datagrams:
            sock.sendto(datagram, (host, self.port))
        found: dict[str, Any] = json.loads(sock.recv(4096))
        return found


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path, library: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as running:

        def begin(way: str = "recvfrom", host: str = "127.0.0.1", **more: str) -> Server:
            settings = {"LD_PRELOAD": str(library), "TOA_TRUSTED": TRUSTED, "TOA_UDP": "proxy", "TOA_DEBUG": "1"}
            command: list[str | Path] = [sys.executable, "-S", HERE / "datagrams.py", way, host, "0"]
            process = Process("server", command, namespace=None, logs=tmp_path, env=settings | more)
            running.callback(process.kill)
            return Server(process)

        yield begin


@pytest.mark.parametrize("way", ["recvfrom", "recvmsg", "recv", "read", "readv"])
def test_every_call_tells_the_client_and_strips_the_header(start: Start, way: str) -> None:
    """Long and short payloads, none at all, and TLVs; answers come to the peer that each client came through."""
    server = start(way)
    with peer() as one, peer() as other:
        for number in range(20):
            client = (f"203.0.113.{number}", 1000 + number)
            payload = "x" * (number * 50)
            sock = (one, other)[number % 2]
            told = server.ask(sock, header(client, more=TLV * (number % 3)) + payload.encode())
            assert (told["data"], told["from"]) == (payload, list(client))


@pytest.mark.parametrize("way", ["recvfrom", "recvmsg", "read"])
def test_over_ipv6(start: Start, way: str) -> None:
    """IPv6 through IPv6, IPv4 through IPv6 (NAT46), and IPv4 and IPv6 (NAT64) through IPv4 on the same socket."""
    server = start(way, "::")
    for host in ("::1", BALANCER):
        with peer(host) as sock:
            for client in (CLIENT6, CLIENT):
                told = server.ask(sock, header(client) + b"query")
                assert (told["data"], told["from"]) == ("query", six(client))


def test_a_client_of_ipv6_on_a_socket_of_ipv4(start: Start) -> None:
    """sockaddr_in has no room for it: the real peer is told, without the header; with TOA_NAT64 a stand-in."""
    server = start()
    with peer() as sock:
        told = server.ask(sock, header(CLIENT6) + b"query")
        assert (told["data"], told["from"]) == ("query", list(sock.getsockname()))
    server = start(TOA_NAT64="240.0.0.0/4")
    with peer() as sock:
        told = server.ask(sock, header(CLIENT6) + b"query")
        assert told["data"] == "query"
        assert (told["from"][0].split(".")[0] >= "240", told["from"][1]) == (True, CLIENT6[1])


@pytest.mark.parametrize("size", [0, SHORT - 1, SHORT, SHORT + 1, 500])
def test_small_buffers_and_looks(start: Start, size: int) -> None:
    """As if the datagram had been the payload alone: MSG_PEEK takes nothing, MSG_TRUNC tells the whole size and says
    what did not fit."""
    server = start("short")
    payload = "0123456789" * 50
    with peer() as sock:
        told = server.ask(sock, header(more=TLV) + payload[:size].encode())
        plain = {"data": payload[: min(size, SHORT)], "size": size, "peeked": payload[: min(size, SHORT)]}
        flags = int(socket.MSG_TRUNC) if size > SHORT else 0
        assert told == {**plain, "from": list(CLIENT), "same": True, "flags": flags}
        told = server.ask(sock, payload[:size].encode())
        assert told == {**plain, "from": list(sock.getsockname()), "same": True, "flags": flags}


@pytest.mark.parametrize(
    "data",
    [
        b"query",
        b"",
        SIGNATURE,
        header()[:27],
        header(transport=STREAM),
        b"\x11".join((SIGNATURE, header()[13:])),
        header()[:14] + b"\0\x0b" + header()[16:],
        header()[:14] + b"\xff\xff" + header()[16:],
        header(more=bytes(1100)),
        b" " + header(),
    ],
    ids=["plain", "empty", "signature", "cut off", "stream", "version 1", "short", "too long", "large", "behind"],
)
def test_what_has_no_header_is_untouched(start: Start, data: bytes) -> None:
    server = start("recvfrom")
    with peer() as sock:
        if data.isascii() or not data:
            told = server.ask(sock, data)
            assert (told["data"], told["from"]) == (data.decode(), list(sock.getsockname()))
        # And a program that takes no such bytes for text goes on none the less.
        if server.process.running:
            assert server.ask(sock, header() + b"next")["from"] == list(CLIENT)


def test_nobody_else_is_believed(start: Start) -> None:
    server = start()
    with peer(STRANGER) as sock:
        data = header().replace(b"\xcb\x00\x71\x09", b"\x0a\x00\x00\x01").replace(b"\x9c\x40", b"\x00\x40")
        data = data.replace(b"\xc6\x33\x64\x0a", b"abcd")
        told = server.ask(sock, data)
        assert (told["data"], told["from"]) == (data.decode(), list(sock.getsockname()))
    assert "from an address that is not in TOA_TRUSTED" in server.process.err.read_text()


@pytest.mark.parametrize("data", [header(command=0x20), SIGNATURE + b"\x21\0\0\0", SIGNATURE + b"\x20\0\0\x03abc"])
def test_a_header_of_nobody_is_stripped(start: Start, data: bytes) -> None:
    """LOCAL, as a balancer's own checks have it, and unspecified: the real peer."""
    server = start()
    with peer() as sock:
        told = server.ask(sock, data + b"check")
        assert (told["data"], told["from"]) == ("check", list(sock.getsockname()))


def test_missing(start: Start) -> None:
    """TOA_MISSING=refuse: who cannot be told is not heard, looked at or taken; what follows is."""
    for way in ("recvfrom", "short"):
        server = start(way, TOA_MISSING="refuse")
        with peer() as sock:
            told = server.ask(sock, b"one", b"two", header(CLIENT6) + b"three", header() + b"four")
            assert (told["data"], told["from"]) == ("four", list(CLIENT))
        with peer(STRANGER) as sock:
            assert server.ask(sock, b"five")["data"] == "five"


def test_a_socket_for_each_client(start: Start) -> None:
    """connect() to a client leads to the balancer, and getpeername() tells the client."""
    server = start("connected")
    with peer() as sock:
        told = server.ask(sock, header() + b"query")
        assert (told["data"], told["from"], told["peer"]) == ("query", list(CLIENT), list(CLIENT))


def test_batches(start: Start) -> None:
    """recvmmsg and sendmmsg."""
    server = start("batch")
    with peer() as one, peer() as other:
        for sock, port in ((one, 1), (other, 2)):
            sock.sendto(header(("203.0.113.9", port)) + b"query%d" % port, ("127.0.0.1", server.port))
        for sock, port in ((one, 1), (other, 2)):
            told = json.loads(sock.recv(4096))
            assert told["data"] == f"query{port}"
            assert told["name"].startswith(socket.AF_INET.to_bytes(2, sys.byteorder).hex() + f"{port:04x}cb007109")


def test_many_clients(start: Start) -> None:
    """The same ones through other peers, too: the last one counts."""
    server = start()
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(peer()) for _ in range(4)]
        for number in range(2000):
            client = (f"203.0.113.{number % 200}", 1000)
            told = server.ask(socks[number * 7 // 5 % 4], header(client) + b"query")
            assert told["from"] == list(client)


class Client(ctypes.Structure):
    _fields_ = (("address", ctypes.c_ubyte * 16), ("port", ctypes.c_ushort))


def test_the_clients_told_last_are_known(tmp_path: Path) -> None:
    """Far more than there is room for; each socket has its own."""
    sources = [str(toa.SOURCES / "replies.c"), str(toa.SOURCES / "table.c"), "-o", str(tmp_path / "replies.so")]
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-lpthread"]
    subprocess.run([*build.compiler(), *flags, *sources], check=True)
    table = ctypes.CDLL(str(tmp_path / "replies.so"))
    table.replies_get.restype = table.replies_init.restype = ctypes.c_bool
    assert table.replies_init()

    def client(number: int) -> Client:
        return Client((ctypes.c_ubyte * 16)(*number.to_bytes(16, "big")), number % 65536)

    def get(cookie: int, number: int) -> int | None:
        found = Client()
        known = table.replies_get(ctypes.c_uint64(cookie), ctypes.byref(client(number)), ctypes.byref(found))
        return int(found.port) if known else None

    for number in range(100_000):
        table.replies_put(ctypes.c_uint64(1), ctypes.byref(client(number)), ctypes.byref(client(number % 5)))
    recent = range(95_000, 100_000)
    assert [get(1, number) for number in recent] == [number % 5 for number in recent]
    assert get(1, 0) is None
    table.replies_put(ctypes.c_uint64(2), ctypes.byref(client(99_999)), ctypes.byref(client(77)))
    assert [get(cookie, 99_999) for cookie in (1, 2, 3, 0)] == [4, 77, None, 77]


@pytest.mark.parametrize("value", ["", "off", "yes"])
def test_it_has_to_be_asked_for(start: Start, value: str) -> None:
    server = start(TOA_UDP=value)
    with peer() as sock:
        data = SIGNATURE + b"\x21\x12\x00\x0cabcdefghijkl"
        told = server.ask(sock, data)
        assert (told["data"], told["from"]) == (data.decode(), list(sock.getsockname()))
    complaint = "TOA_UDP is none of off and proxy, and is taken for off"
    assert (complaint in server.process.err.read_text()) == (value == "yes")


DNSMASQ = (
    "--no-daemon --no-resolv --no-hosts --log-queries=extra --log-facility=- --address=/who.test/192.0.2.1 "
    "--bind-interfaces --listen-address={host} --port={port} --conf-file=/dev/null --user=root"
)


@pytest.mark.parametrize(("host", "client"), [(BALANCER, CLIENT), ("::1", CLIENT6)], ids=["ipv4", "ipv6"])
def test_dnsmasq(library: Path, tmp_path: Path, host: str, client: tuple[str, int]) -> None:
    """A DNS server as Debian has it: its log has the client, and its answer comes back."""
    program = shutil.which("dnsmasq")
    if program is None:
        pytest.skip("dnsmasq is not installed")
    with peer(host) as sock, peer("::1" if host == "::1" else "127.0.0.1") as free:
        at = free.getsockname()[:2]
        free.close()
        settings = {"LD_PRELOAD": str(library), "TOA_TRUSTED": TRUSTED, "TOA_UDP": "proxy"}
        command = [program, *DNSMASQ.format(host=at[0], port=at[1]).split()]
        process = Process("dnsmasq", command, namespace=None, logs=tmp_path, env=settings)
        try:
            poll(lambda: "started" in process.err.read_text() or not process.running, 10, "dnsmasq runs")
            process.check_running()
            question = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\x03who\x04test\0\0\1\0\1"
            for number in range(30):
                sock.sendto(header((client[0], client[1] + number)) + question, at)
                answer = sock.recv(1500)
                assert (answer[:2], answer[-4:]) == (question[:2], bytes((192, 0, 2, 1)))
            wanted = [f"{client[0]}/{client[1] + number} query[A] who.test from {client[0]}" for number in range(30)]
            assert [line for line in wanted if line not in process.err.read_text()] == []
        finally:
            process.kill()
