"""What a server of a session with PROXY protocol gets is the header and then the client's bytes, whatever is lost,
repeated, cut otherwise or acknowledged selectively on the way."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fullnat.p4constants import PacketOutAction, PacketOutFlag, SessionFlag
from fullnatkit import (
    CLIENT,
    CLIENT6,
    CLIENT_MAC,
    COMPILED,
    CPU_PORT,
    LOCAL,
    LOCAL6,
    SERVER,
    SERVER6,
    SERVER_MAC,
    VIP,
    VIP6,
    frame,
    install_session,
    install_session6,
    packed,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from p4soft.api import ToolchainError
from p4soft.engine import NativeEngine
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

CLIENT_SIDE, SERVER_SIDE = 1, 2
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
ALL = 2**32
SPACE = 120
"""Bytes that a client has to send, at most."""


@dataclass(frozen=True)
class Family:
    """A session of it."""

    ip: Any
    session: int
    client: str
    vip: str
    server: str
    local: str

    @property
    def header(self) -> bytes:
        ends = b"".join(ipaddress.ip_address(end).packed for end in (self.client, self.vip))
        kind = 0x11 if self.ip is IP else 0x21
        ends += (40000).to_bytes(2, "big") + (80).to_bytes(2, "big")
        return SIGNATURE + bytes((0x21, kind)) + len(ends).to_bytes(2, "big") + ends


IPV4 = Family(IP, 3, CLIENT, VIP, SERVER, LOCAL)
IPV6 = Family(IPv6, 4, CLIENT6, VIP6, SERVER6, LOCAL6)
FAMILIES = {"ipv4": IPV4, "ipv6": IPV6}
SIZES = [len(family.header) for family in FAMILIES.values()]


@pytest.fixture(scope="module")
def engine() -> Iterator[NativeEngine]:
    made = NativeEngine(1, CPU_PORT)
    try:
        program = made.load((COMPILED / "fullnat.json").read_bytes())
    except ToolchainError as error:
        pytest.skip(str(error))
    for port in (CLIENT_SIDE, SERVER_SIDE):
        made.add_memory_port(port)
    install_session(made, program, SessionFlag.PROXY)
    install_session6(made, program, SessionFlag.PROXY)
    yield made
    made.close()


def sound(data: bytes) -> TCP:
    """The segment, if its checksums are right."""
    again = Ether(data)
    for layer in (IP, TCP):
        if layer in again:
            del again[layer].chksum
    assert bytes(again) == data
    segment = Ether(data)[TCP]
    assert isinstance(segment, TCP)
    return segment


@dataclass
class Server:
    """What it has, by its own numbers."""

    isn: int = 0
    bytes_: dict[int, int] = field(default_factory=dict)
    """By offset from its ISN + 1."""
    end: int | None = None
    """Where a FIN stands."""

    @property
    def got(self) -> int:
        return next(number for number in range(SPACE + max(SIZES) + 9) if number not in self.bytes_)

    @property
    def acked(self) -> int:
        return self.got + (self.end == self.got)

    def take(self, segment: TCP) -> None:
        if "S" in segment.flags:
            self.isn = segment.seq
        begins = (segment.seq - self.isn - ("S" not in segment.flags)) % ALL
        if begins >= ALL // 2:
            begins -= ALL
        payload = bytes(segment.payload)
        for number, octet in enumerate(payload, begins):
            if number >= 0:
                assert self.bytes_.setdefault(number, octet) == octet
        if "F" in segment.flags:
            self.end = begins + len(payload)

    def blocks(self) -> list[tuple[int, int]]:
        """What it has behind a gap, as SACK has it."""
        numbers = sorted(number for number in self.bytes_ if number > self.got)
        starts = [number for number in numbers if number - 1 not in self.bytes_]
        return [(start, next(n for n in range(start, SPACE * 3) if n not in self.bytes_)) for start in starts[:3]]


class Way:
    """The switch between a client and a server that both count for themselves."""

    def __init__(self, engine: NativeEngine, family: Family, isn: int, data: bytes, *, early: int) -> None:
        self.engine, self.family, self.data, self.first = engine, family, data, (isn + 1) % ALL
        self.size = len(family.header)
        self.server = Server()
        self.acked = 0
        """Of the client's bytes, as the client knows it; one more with the FIN."""
        self.held: list[bytes] = []
        """On their way to the switch, from the client; later."""
        syn = self.from_client(TCP(sport=40000, dport=80, flags="S", seq=isn), data[:early])
        request = (PacketOutAction.INJECT, 1), (PacketOutFlag.NEW_SESSION, 1), (CLIENT_SIDE, 4), (family.session, 4)
        self.pass_on(CPU_PORT, packed(*request) + syn)
        self.answer(flags="SA")

    def from_client(self, tcp: TCP, payload: bytes = b"") -> bytes:
        return frame(CLIENT_MAC, self.family.ip(src=self.family.client, dst=self.family.vip), tcp, Raw(payload))

    def pass_on(self, port: int, data: bytes, *, lost: bool = False) -> None:
        self.engine.inject(port, data)
        assert self.engine.drain(30)
        for out, left in self.engine.collect():
            segment = sound(left)
            if out == SERVER_SIDE and not lost:
                self.server.take(segment)
            elif out == CLIENT_SIDE and not lost:
                self.told(segment)

    def send(self, start: int, end: int, *, lost: bool = False, late: bool = False) -> None:
        """The client's bytes from ``start`` to ``end``, with the FIN behind the last."""
        fin = "F" if end == len(self.data) else ""
        tcp = TCP(sport=40000, dport=80, flags=f"A{fin}", seq=(self.first + start) % ALL, ack=1)
        data = self.from_client(tcp, self.data[start:end])
        if late:
            self.held.append(data)
        else:
            self.pass_on(CLIENT_SIDE, data, lost=lost)

    def acknowledge(self, *, lost: bool = False) -> None:
        """The client's bare ACK, which ends the handshake or says nothing new."""
        at = min(self.acked, len(self.data))
        tcp = TCP(sport=40000, dport=80, flags="A", seq=(self.first + at) % ALL, ack=1)
        self.pass_on(CLIENT_SIDE, self.from_client(tcp), lost=lost)

    def arrive_late(self) -> None:
        if self.held:
            self.pass_on(CLIENT_SIDE, self.held.pop())

    def answer(self, flags: str = "A", *, lost: bool = False) -> None:
        """What the server acknowledges, and has behind a gap."""
        server, base = self.server, self.server.isn + 1
        edges = [(base + edge) % ALL for block in server.blocks() for edge in block]
        options = [("NOP", None), ("NOP", None), ("SAck", tuple(edges))] if edges and flags == "A" else []
        tcp = TCP(sport=8080, dport=5000, flags=flags, seq=0, ack=(base + server.acked) % ALL, options=options)
        ip = self.family.ip(src=self.family.server, dst=self.family.local)
        self.pass_on(SERVER_SIDE, frame(SERVER_MAC, ip, tcp), lost=lost)

    def told(self, segment: TCP) -> None:
        """The client takes an acknowledgement for what it says: nothing that the server has not got."""
        of_client = max(self.server.acked - self.size, 0)
        acked = (segment.ack - self.first) % ALL
        assert acked == of_client or (acked >= ALL // 2 and self.acked > 0), (acked, of_client)
        self.acked = max(self.acked, of_client)
        edges = [(edge - self.first) % ALL for kind, value in segment.options if kind == "SAck" for edge in value]
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            # An empty block is one that no sender believes.
            assert left <= right <= len(self.data)
            assert all(number + self.size in self.server.bytes_ for number in range(left, right))


OFFSETS = st.integers(0, SPACE)
STEPS = st.one_of(
    st.tuples(st.just("send"), OFFSETS, OFFSETS, st.sampled_from(["arrives", "arrives", "lost", "late"])),
    st.tuples(st.just("acknowledge"), st.booleans()),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("arrive_late")),
)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.timeout(300)
@given(
    isn=st.one_of(
        st.integers(0, ALL - 1),
        st.sampled_from([0, ALL - 1, ALL - 2, ALL - 30, *(ALL - size - 1 for size in SIZES), ALL // 2]),
    ),
    data=st.binary(max_size=SPACE),
    early=st.sampled_from([0, 0, 1, 40]),
    steps=st.lists(STEPS, max_size=25),
)
@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_the_server_gets_the_header_and_the_clients_bytes(
    engine: NativeEngine, family: Family, isn: int, data: bytes, early: int, steps: list[tuple[object, ...]]
) -> None:
    way = Way(engine, family, isn, data, early=early)
    for step in steps:
        match step:
            case ("send", int(one), int(other), fate):
                start, end = sorted((min(one, len(data)), min(other, len(data))))
                # Nobody sends again what is acknowledged.
                start = max(start, min(way.acked, len(data)))
                if start <= end:
                    way.send(start, end, lost=fate == "lost", late=fate == "late")
            case ("acknowledge", bool(lost)):
                way.acknowledge(lost=lost)
            case ("answer", bool(lost)):
                way.answer(lost=lost)
            case _:
                way.arrive_late()
    for _ in range(3):
        way.send(min(way.acked, len(data)), len(data))
        way.answer()
    while way.held:
        way.arrive_late()
    got = bytes(way.server.bytes_[number] for number in range(way.server.got))
    assert got == family.header + data
    assert way.acked == len(data) + 1
    assert way.server.end == len(family.header + data)
