"""Packets and entries of the FULLNAT program for tests that break them."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Protocol

from p4soft.api import Entry, Program
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

COMPILED = Path(__file__).resolve().parents[2] / "p4src/compiled"
CPU_PORT = 255
DELTA = 0x12345678
SWITCH_MAC, CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
CLIENT, VIP, LOCAL, SERVER = "10.1.0.1", "10.9.0.1", "10.2.0.100", "10.2.0.11"
CLIENT6, VIP6, LOCAL6, SERVER6 = "2001:db8:1::1", "2001:db8:9::1", "2001:db8:2::100", "2001:db8:2::11"


class Inserts(Protocol):
    """What takes entries: an engine, or a recorder."""

    def insert(self, table: int, entry: Entry) -> None: ...


def packed(*fields: tuple[int, int]) -> bytes:
    """Fields of (value, bytes)."""
    return b"".join(value.to_bytes(size, "big") for value, size in fields)


def ipv4(text: str) -> tuple[int, int]:
    return int.from_bytes(bytes(map(int, text.split("."))), "big"), 4


def ipv6(text: str) -> tuple[int, int]:
    return int(ipaddress.IPv6Address(text)), 16


def mac(text: str) -> tuple[int, int]:
    return int(text.replace(":", ""), 16), 6


def install(engine: Inserts, program: Program, table: str, key: bytes, action: str, params: bytes = b"") -> None:
    found = program.tables[table]
    index = next(a.index for a in found.actions if a.name == action)
    engine.insert(found.index, Entry(key=key, action=index, params=params))


def install_session(engine: Inserts, program: Program, flags: int = 1) -> None:
    """Two ports, a service with its real server, routes and neighbors, and one session with these SessionFlags."""
    for port in (1, 2):
        install(engine, program, "port", packed((port, 4)), "port_set", packed(mac(SWITCH_MAC)))
    install(engine, program, "own_address", packed(ipv4(VIP)), "own_vip")
    install(engine, program, "own_address", packed(ipv4(LOCAL)), "own_local")
    install(engine, program, "virtual_service", packed((6, 1), ipv4(VIP), (80, 2)), "service_punt", packed((0, 1)))
    for prefix in ("10.1.0.0", "10.2.0.0"):
        install(engine, program, "ipv4_route", packed(ipv4(prefix), (16, 2)), "route_connected")
    for number, (address, port, link) in enumerate(((CLIENT, 1, CLIENT_MAC), (SERVER, 2, SERVER_MAC)), 1):
        way = packed((port, 4), mac(SWITCH_MAC), mac(link), (1500, 2))
        install(engine, program, "next_hop", packed((number, 2)), "next_hop_set", way)
        install(engine, program, "ipv4_host", packed(ipv4(address)), "route_via", packed((number, 2)))
    for table, action, address, at in (
        ("server_in", "to_server", SERVER, 8080),
        ("server_out", "from_vip", VIP, 80),
    ):
        install(engine, program, table, packed((0, 3)), action, packed((flags, 1), ipv4(address), (at, 2)))
    for table, action, ends, address, at in (
        ("session_in", "fullnat_in", (CLIENT, 40000, VIP, 80), LOCAL, 5000),
        ("session_out", "fullnat_out", (SERVER, 8080, LOCAL, 5000), CLIENT, 40000),
    ):
        key = packed((6, 1), ipv4(str(ends[0])), (int(ends[1]), 2), ipv4(str(ends[2])), (int(ends[3]), 2))
        data = packed((3, 3), (0, 3), ipv4(address), (at, 2), (DELTA, 4))
        install(engine, program, table, key, action, data)


def install_session6(engine: Inserts, program: Program, flags: int = 1) -> None:
    """Beside :func:`install_session`, the same over IPv6, for TCP and UDP."""
    install(engine, program, "own_address6", packed(ipv6(VIP6)), "own_vip")
    install(engine, program, "own_address6", packed(ipv6(LOCAL6)), "own_local")
    for prefix in ("2001:db8:1::", "2001:db8:2::"):
        install(engine, program, "ipv6_route", packed(ipv6(prefix), (64, 2)), "route_connected")
    for number, address in enumerate((CLIENT6, SERVER6), 1):
        install(engine, program, "ipv6_host", packed(ipv6(address)), "route_via", packed((number, 2)))
    for table, action, address, at in (
        ("server_in", "to_server6", SERVER6, 8080),
        ("server_out", "from_vip6", VIP6, 80),
    ):
        install(engine, program, table, packed((1, 3)), action, packed((flags, 1), ipv6(address), (at, 2)))
    for protocol, session in ((6, 4), (17, 5)):
        install(engine, program, "virtual_service6", packed((protocol, 1), ipv6(VIP6), (80, 2)), "service_punt", b"\0")
        for table, action, ends, address, at in (
            ("session_in6", "fullnat_in6", (CLIENT6, 40000, VIP6, 80), LOCAL6, 5000),
            ("session_out6", "fullnat_out6", (SERVER6, 8080, LOCAL6, 5000), CLIENT6, 40000),
        ):
            ports = (int(ends[1]), 2), (int(ends[3]), 2)
            key = packed((protocol, 1), ipv6(str(ends[0])), ports[0], ipv6(str(ends[2])), ports[1])
            data = packed((session, 3), (1, 3), ipv6(address), (at, 2), (0x12345678, 4))
            install(engine, program, table, key, action, data)


def frame(source: str, *layers: Packet) -> bytes:
    packet: Packet = Ether(src=source, dst=SWITCH_MAC)
    for layer in layers:
        packet = packet / layer
    return bytes(packet)


def seeds() -> list[tuple[int, bytes]]:
    """Good packets of every kind that the pipeline knows, with the port they come in by."""
    options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]
    sack = [("NOP", None), ("NOP", None), ("SAck", (1, 2, 3, 4, 5, 6, 7, 8))]
    toa = [(254, b"\x9c\x40\xcb\x00\x71\x09"), (253, b"\x01\x02")]
    inward: dict[str, Any] = {"sport": 40000, "dport": 80}
    outward: dict[str, Any] = {"sport": 8080, "dport": 5000}
    to_client: dict[str, Any] = {"sport": 80, "dport": 40000}
    to_server: dict[str, Any] = {"sport": 5000, "dport": 8080}
    client, server = IP(src=CLIENT, dst=VIP), IP(src=SERVER, dst=LOCAL)
    injected = frame(CLIENT_MAC, client, TCP(**inward, flags="S"))
    return [
        (1, frame(CLIENT_MAC, client, TCP(**inward, flags="S", seq=1, options=options))),
        (1, frame(CLIENT_MAC, client, TCP(sport=40001, dport=80, flags="S", seq=1, options=options))),
        (1, frame(CLIENT_MAC, client, TCP(**inward, flags="A", seq=2, ack=8, options=toa), Raw(b"x" * 100))),
        (1, frame(CLIENT_MAC, client, TCP(**inward, flags="FA", seq=2, ack=8, options=sack))),
        (1, frame(CLIENT_MAC, IP(src=CLIENT, dst=VIP, options=[b"\x94\x04\x00\x00"]), TCP(**inward, flags="A"))),
        (1, frame(CLIENT_MAC, client, ICMP(), Raw(b"ping" * 10))),
        (1, frame(CLIENT_MAC, IP(src=CLIENT, dst=SERVER), TCP(sport=1, dport=2))),
        (2, frame(SERVER_MAC, server, TCP(**outward, flags="SA", seq=7, ack=0x12345679, options=options))),
        (2, frame(SERVER_MAC, server, TCP(**outward, flags="A", seq=8, ack=0x12345680, options=sack), Raw(b"y" * 80))),
        (2, frame(SERVER_MAC, server, TCP(**outward, flags="R", seq=8))),
        (2, bytes(Ether(src=SERVER_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc=SERVER, pdst=LOCAL))),
        (2, frame(SERVER_MAC, ARP(op=2, psrc=SERVER, pdst=LOCAL))),
        (
            1,
            frame(CLIENT_MAC, IP(src=CLIENT, dst=VIP), ICMP(type=3, code=1), IP(src=VIP, dst=CLIENT), TCP(**to_client)),
        ),
        (2, frame(SERVER_MAC, IP(src=SERVER, dst=LOCAL), ICMP(type=11), IP(src=LOCAL, dst=SERVER), TCP(**to_server))),
        *((CPU_PORT, bytes([request, 1, 0, 0, 0, 1, 0, 0, 0, 3]) + injected) for request in range(4)),
    ]


def seeds6() -> list[tuple[int, bytes]]:
    """The same of IPv6."""
    options = [("MSS", 1440), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]
    sack = [("NOP", None), ("NOP", None), ("SAck", (1, 2, 3, 4, 5, 6, 7, 8))]
    toa = [(254, bytes(18)), (253, b"\x01\x02")]
    inward: dict[str, Any] = {"sport": 40000, "dport": 80}
    outward: dict[str, Any] = {"sport": 8080, "dport": 5000}
    client, server = IPv6(src=CLIENT6, dst=VIP6), IPv6(src=SERVER6, dst=LOCAL6)
    near = IPv6(src=CLIENT6, dst=VIP6, hlim=255)
    link = ICMPv6NDOptSrcLLAddr(lladdr=CLIENT_MAC)
    injected = frame(CLIENT_MAC, client, TCP(**inward, flags="S"))
    return [
        (1, frame(CLIENT_MAC, client, TCP(**inward, flags="S", seq=1, options=options))),
        (1, frame(CLIENT_MAC, client, TCP(sport=40001, dport=80, flags="S", seq=1, options=options))),
        (1, frame(CLIENT_MAC, client, TCP(**inward, flags="A", seq=2, ack=8, options=toa), Raw(b"x" * 100))),
        (1, frame(CLIENT_MAC, client, UDP(**inward), Raw(b"query"))),
        (1, frame(CLIENT_MAC, client, ICMPv6EchoRequest(), Raw(b"ping" * 10))),
        (1, frame(CLIENT_MAC, near, ICMPv6ND_NS(tgt=VIP6), link)),
        (1, frame(CLIENT_MAC, near, ICMPv6ND_NA(tgt=CLIENT6), link)),
        (1, frame(CLIENT_MAC, client, IPv6ExtHdrDestOpt(), UDP())),
        (1, frame(CLIENT_MAC, IPv6(src=CLIENT6, dst=SERVER6), TCP(sport=1, dport=2))),
        (2, frame(SERVER_MAC, server, TCP(**outward, flags="SA", seq=7, ack=0x12345679, options=options))),
        (2, frame(SERVER_MAC, server, TCP(**outward, flags="A", seq=8, ack=0x12345680, options=sack), Raw(b"y" * 80))),
        (2, frame(SERVER_MAC, server, UDP(**outward), Raw(b"answer"))),
        *((CPU_PORT, bytes([request, 1, 0, 0, 0, 1, 0, 0, 0, 4]) + injected) for request in range(4)),
    ]
