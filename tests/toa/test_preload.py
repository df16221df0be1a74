"""libtoa_preload in an ordinary program: every socket call of a server that may name the client."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from topo import namespaces
from topo.process import poll
from topo.rawtcp import Wire, toa

from .conftest import KERNEL, KERNEL6, LOCAL, LOCAL6, PORT, SERVER, TRUSTED, Said, StartServer, hear, set_sysctl

CLIENT, CLIENT6 = ("203.0.113.9", 40000), ("2001:db8::9", 40000)
V4, V6_LVS, V6_DPVS = toa(*CLIENT), toa(*CLIENT6, kind=253), toa(*CLIENT6)
MSS, SACK, NOP = b"\x02\x04\x05\xb4", b"\x04\x02", b"\x01"
WAYS = ("accept", "getpeername", "dup", "thread", "child")


def everywhere(said: Said, address: tuple[object, ...]) -> None:
    """Every call told this address."""
    assert {way: said[way] for way in WAYS} == dict.fromkeys(WAYS, address)


def six(address: tuple[str, int]) -> tuple[object, ...]:
    """The address as an IPv6 socket has it."""
    host, port = address
    return (host if ":" in host else f"::ffff:{host}", port, 0, 0)


@pytest.mark.parametrize(
    "options",
    [
        V4,
        MSS + SACK + NOP * 2 + V4,
        NOP * 3 + V4 + MSS,
        V4 + toa("192.0.2.66", 6),
        V4
        + MSS
        + bytes([3, 3, 7])
        + NOP
        + bytes([8, 10])
        + b"\0" * 8
        + NOP * 2
        + SACK
        + bytes([34, 6])
        + b"cookie"[:4],
    ],
    ids=["alone", "behind others", "odd offset", "a second one", "full header"],
)
def test_ipv4(start_server: StartServer, wire: Wire, options: bytes) -> None:
    """The first TOA option counts, wherever it is among the options."""
    start_server()
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, options)), CLIENT)


@pytest.mark.parametrize(
    ("target", "local", "options", "client"),
    [
        (KERNEL6, LOCAL6, V6_LVS, six(CLIENT6)),
        (KERNEL6, LOCAL6, V6_DPVS, six(CLIENT6)),
        (KERNEL6, LOCAL6, V4, six(CLIENT)),
        (KERNEL, LOCAL, V4, six(CLIENT)),
        (KERNEL, LOCAL, V6_DPVS, six(CLIENT6)),
        (KERNEL, LOCAL, b"", six(LOCAL)),
        (KERNEL, ("192.0.2.7", 99), V4, six(("192.0.2.7", 99))),
    ],
    ids=["IPv6 LVS", "IPv6 DPVS", "NAT46", "IPv4", "NAT64", "IPv4 no TOA", "IPv4 untrusted"],
)
def test_dual_stack(
    start_server: StartServer,
    wire: Wire,
    target: str,
    local: tuple[str, int],
    options: bytes,
    client: tuple[object, ...],
) -> None:
    """An IPv6 socket tells clients of both families; IPv4 ones are mapped."""
    start_server("plain", "::", str(PORT))
    everywhere(hear(wire.connect((target, PORT), local, options)), client)


def test_nat64_on_an_ipv4_socket(start_server: StartServer, wire: Wire) -> None:
    """sockaddr_in has no room for an IPv6 client: the real peer, unless the address is a mapped IPv4 one."""
    server = start_server()
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, V6_DPVS)), LOCAL)
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, toa("::ffff:203.0.113.9", 40000))), CLIENT)
    assert "an IPv6 client came to an IPv4 socket" in server.err.read_text()


def test_nat64_stand_ins(start_server: StartServer, wire: Wire) -> None:
    """With TOA_NAT64 an IPv6 client is an address of that prefix, the same every time, on every server."""
    start_server(TOA_NAT64="240.0.0.0/4")
    seen = [hear(wire.connect((KERNEL, PORT), LOCAL, toa(host, 7))) for host in ("2001:db8::9", "2001:db8::a") * 2]
    for said, host in zip(seen, ("2001:db8::9", "2001:db8::a") * 2, strict=True):
        everywhere(said, (str(IPv4Address(0xF0000000 | stand_in(host) & 0x0FFFFFFF)), 7))


def stand_in(host: str) -> int:
    """FNV-1a over the address, folded to 32 bits, as README.md of the library says."""
    total = 0xCBF29CE484222325
    for byte in IPv6Address(host).packed:
        total = (total ^ byte) * 0x100000001B3 % 2**64
    return (total ^ total >> 32) % 2**32


@pytest.mark.parametrize(
    "options",
    [
        b"",
        MSS + SACK + NOP * 2,
        bytes([254, 8, 0]),
        bytes([254, 9]) + b"\0" * 7,
        bytes([253, 8]) + V4[2:],
        b"\0" + NOP * 3 + V4,
        bytes([9, 0]) + NOP * 2 + V4,
    ],
    ids=["none", "others", "cut off", "other length", "other kind", "behind the end", "behind a broken one"],
)
def test_no_toa(start_server: StartServer, wire: Wire, options: bytes) -> None:
    start_server()
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, options)), LOCAL)


NOWHERE, NOWHERE6 = ("0.0.0.0", 0), ("::", 0, 0, 0)


def test_missing_is_told_as_nobody(start_server: StartServer, wire: Wire) -> None:
    """TOA_MISSING=unspecified: no access rule takes the balancer's address for a client's."""
    start_server(TOA_MISSING="unspecified")
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, MSS)), NOWHERE)
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, V6_DPVS)), NOWHERE)
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, V4)), CLIENT)
    everywhere(hear(wire.connect((KERNEL, PORT), ("192.0.2.7", 99), MSS)), ("192.0.2.7", 99))
    set_sysctl("ipv4/tcp_syncookies", "2")
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, MSS + V4)), NOWHERE)


def test_missing_is_told_as_nobody_on_an_ipv6_socket(start_server: StartServer, wire: Wire) -> None:
    start_server("plain", "::", str(PORT), TOA_MISSING="unspecified")
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, MSS)), NOWHERE6)
    everywhere(hear(wire.connect((KERNEL6, PORT), LOCAL6, MSS)), NOWHERE6)
    everywhere(hear(wire.connect((KERNEL6, PORT), LOCAL6, V4)), six(CLIENT))


def test_missing_is_told_as_nobody_where_accept_was_not_seen(start_server: StartServer, wire: Wire) -> None:
    start_server("second", TOA_MISSING="unspecified")
    assert hear(wire.connect((KERNEL, PORT), LOCAL, V4)) == {"accept": CLIENT}
    said = hear(wire.connect((KERNEL, PORT), LOCAL, toa("203.0.113.10", 1)))
    assert said == {"getpeername": NOWHERE, "reused": True}


def test_missing_is_refused(start_server: StartServer, wire: Wire) -> None:
    """TOA_MISSING=refuse: a RST, and ECONNABORTED for the program, which goes on."""
    server = start_server("epoll", TOA_MISSING="refuse")
    for n, options in enumerate((MSS, V6_DPVS, b"")):
        with pytest.raises(ConnectionResetError):
            hear(wire.connect((KERNEL, PORT), ("10.2.0.102", 6000 + n), options))
    assert hear(wire.connect((KERNEL, PORT), LOCAL, V4)) == {"accept": CLIENT, "getpeername": CLIENT}
    direct = ("192.0.2.7", 99)
    assert hear(wire.connect((KERNEL, PORT), direct, MSS)) == {"accept": direct, "getpeername": direct}
    assert server.running


@pytest.mark.parametrize(("value", "told"), [("", LOCAL), ("peer", LOCAL), ("none", NOWHERE)])
def test_missing_by_other_words(start_server: StartServer, wire: Wire, value: str, told: tuple[str, int]) -> None:
    """The default, by its name or empty; a mistake is said, and is no reason to tell the balancer's address."""
    server = start_server(TOA_MISSING=value)
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, MSS)), told)
    complaint = "TOA_MISSING is none of peer, unspecified and refuse, and is taken for unspecified"
    assert (complaint in server.err.read_text()) == (value == "none")


@pytest.mark.parametrize("peer", ["10.2.0.99", "10.2.0.104", "203.0.113.66"])
def test_forged(start_server: StartServer, wire: Wire, peer: str) -> None:
    """Whoever is not the balancer is told as who it is, whatever it claims."""
    server = start_server()
    everywhere(hear(wire.connect((KERNEL, PORT), (peer, 5000), V4)), (peer, 5000))
    assert "not in TOA_TRUSTED" in server.err.read_text()


def test_forged_ipv6(start_server: StartServer, wire: Wire) -> None:
    """A short IPv6 prefix trusts no IPv4 peers, though their mapped form lies within it."""
    start_server("plain", "::", str(PORT), trusted="::/0")
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, V4)), six(LOCAL))
    everywhere(hear(wire.connect((KERNEL6, PORT), LOCAL6, V4)), six(CLIENT))


@pytest.mark.parametrize(
    ("trusted", "message"),
    [
        (None, "TOA_TRUSTED is empty"),
        ("", "TOA_TRUSTED is empty"),
        ("10.2.0.0/24,10.2.0.300", 'not an address or prefix: "10.2.0.300"; nobody is trusted'),
        ("10.2.0.0/33", 'not an address or prefix: "10.2.0.0/33"; nobody is trusted'),
        ("10.2.0.0/24 " + "1.2.3.4 " * 256, 'more than 256 prefixes at "1.2.3.4"; nobody is trusted'),
    ],
    ids=["unset", "empty", "bad address", "bad length", "too many"],
)
def test_nobody_is_trusted(start_server: StartServer, wire: Wire, trusted: str | None, message: str) -> None:
    server = start_server(trusted=trusted)
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, V4)), LOCAL)
    assert message in server.err.read_text()


def test_trusted_spellings(start_server: StartServer, wire: Wire) -> None:
    """Blanks and commas, host bits set, a mapped IPv4 prefix, single addresses."""
    start_server(trusted=" 10.9.9.9/8,, ::ffff:192.0.2.0/120\tfd00::101 ")
    for peer in ("10.2.0.101", "192.0.2.55"):
        everywhere(hear(wire.connect((KERNEL, PORT), (peer, 1), V4)), CLIENT)
    everywhere(hear(wire.connect((KERNEL, PORT), ("192.0.3.1", 1), V4)), ("192.0.3.1", 1))


def test_syn_cookies(start_server: StartServer, wire: Wire) -> None:
    """The kernel forgets a SYN that it answers by a cookie: the real peer."""
    server = start_server()
    set_sysctl("ipv4/tcp_syncookies", "2")
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, MSS + V4)), LOCAL)
    assert "no saved SYN" in server.err.read_text()


def test_same_ports_again(start_server: StartServer, wire: Wire) -> None:
    """The same descriptor, peer and port for other clients one after the other, then for none."""
    start_server()
    seen = []
    for number, options in enumerate([toa(f"203.0.113.{n}", 1000 + n) for n in range(20)] + [b""] * 2):
        said = hear(wire.connect((KERNEL, PORT), LOCAL, options))
        everywhere(said, (f"203.0.113.{number}", 1000 + number) if options else LOCAL)
        seen.append(said["fd"])
    assert len(set(seen)) == 1


def test_descriptor_used_again_behind_our_back(start_server: StartServer, wire: Wire) -> None:
    """What is known of a closed connection is not told for the next user of its descriptor, with the same peer even."""
    start_server("second")
    assert hear(wire.connect((KERNEL, PORT), LOCAL, V4)) == {"accept": CLIENT}
    said = hear(wire.connect((KERNEL, PORT), LOCAL, toa("203.0.113.10", 1)))
    assert said == {"getpeername": LOCAL, "reused": True}


def test_without_room_for_an_address(start_server: StartServer, wire: Wire) -> None:
    """accept(fd, NULL, NULL) remembers the client too; a short buffer is filled as far as it goes; errno stays."""
    start_server("bare")
    said = hear(wire.connect((KERNEL, PORT), LOCAL, V4))
    short = socket.AF_INET.to_bytes(2, sys.byteorder).hex() + "9c40cb007109" + "ee" * 8
    assert said == {"getpeername": CLIENT, "short": short, "size": 16, "errno": (77, 77)}


def test_epoll(start_server: StartServer, wire: Wire) -> None:
    start_server("epoll")
    for n in range(50):
        said = hear(wire.connect((KERNEL, PORT), ("10.2.0.102", 6000 + n), toa("203.0.113.9", n)))
        assert said == {"accept": ("203.0.113.9", n), "getpeername": ("203.0.113.9", n)}


def test_prefork(start_server: StartServer, wire: Wire) -> None:
    """Children that accept themselves on the parent's socket."""
    start_server("prefork")
    workers = set()
    for n in range(100):
        said = hear(wire.connect((KERNEL, PORT), ("10.2.0.102", 6000 + n), toa("203.0.113.9", n)))
        workers.add(said.pop("pid"))
        assert said == {"accept": ("203.0.113.9", n), "getpeername": ("203.0.113.9", n)}
    assert len(workers) == 2


def test_reuseport(start_server: StartServer, wire: Wire) -> None:
    """Several listening sockets on one port, each with its thread."""
    start_server("plain", *("0.0.0.0", str(PORT)) * 3)
    for n in range(30):
        everywhere(
            hear(wire.connect((KERNEL, PORT), ("10.2.0.102", 6000 + n), toa("203.0.113.9", n))), ("203.0.113.9", n)
        )


def test_inherited_socket(network: str, wire: Wire, library: Path) -> None:
    """A listening socket from systemd: set before the program begins; connections that waited already have no SYN."""
    with namespaces.inside(network), socket.create_server((KERNEL, PORT)) as listener:
        early = wire.connect((KERNEL, PORT), LOCAL, V4)
        env = {**os.environ, "LD_PRELOAD": str(library), "TOA_TRUSTED": TRUSTED}
        command = [sys.executable, "-S", str(SERVER), "inherited", str(listener.fileno())]
        kept = (listener.fileno(),)
        with subprocess.Popen(command, pass_fds=kept, env=env, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                everywhere(hear(early), LOCAL)
                everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, V4)), CLIENT)
            finally:
                process.kill()


def test_other_sockets(library: Path, tmp_path: Path) -> None:
    """Unix sockets, errors and their errno, and sockets without a peer are as without the library."""
    program = f"""
import errno, socket
s = socket.socket(socket.AF_UNIX); s.bind({str(tmp_path / "sock")!r}); s.listen()
c = socket.socket(socket.AF_UNIX); c.connect({str(tmp_path / "sock")!r})
a, name = s.accept(); print(repr(name), repr(a.getpeername()), repr(c.getpeername()))
u = socket.socket()
for act in (u.getpeername, u.accept, s.getpeername):
    try: act()
    except OSError as error: print(errno.errorcode[error.errno])
t = socket.create_server(("127.0.0.1", 0)); t.setblocking(False)
try: t.accept()
except OSError as error: print(errno.errorcode[error.errno])
"""
    seen = []
    for env in ({}, {"LD_PRELOAD": str(library), "TOA_TRUSTED": "127.0.0.0/8"}):
        (tmp_path / "sock").unlink(missing_ok=True)
        command = [sys.executable, "-c", program]
        seen.append(
            subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=True).stdout
        )
    assert seen[0] == seen[1]
    assert seen[0].splitlines()[1:] == ["ENOTCONN", "EINVAL", "ENOTCONN", "EAGAIN"]


def test_unfinished_handshakes(start_server: StartServer, wire: Wire) -> None:
    """SYNs that never become connections disturb nothing."""
    server = start_server()
    for n in range(20):
        wire.connect((KERNEL, PORT), ("10.2.0.103", 7000 + n), V4, finish=False)
    everywhere(hear(wire.connect((KERNEL, PORT), LOCAL, V4)), CLIENT)
    poll(lambda: server.running, 1, "the server lives")
