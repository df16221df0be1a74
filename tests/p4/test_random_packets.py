"""A million broken packets through the FULLNAT pipeline: none is lost without a reason, and good ones still pass.

Every packet received is forwarded, sent to the controller, or counted under a drop reason; the three add up.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from p4soft.api import Entry, PacketIn, Program, ToolchainError
from p4soft.engine import NativeEngine
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

COMPILED = Path(__file__).resolve().parents[2] / "p4src/compiled"
CONSTANTS = json.loads((COMPILED / "fullnat.constants.json").read_text())
CPU_PORT = 255
SWITCH_MAC, CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
CLIENT, VIP, LOCAL, SERVER = "10.1.0.1", "10.9.0.1", "10.2.0.100", "10.2.0.11"
PACKETS = 1_000_000
BATCH = 500


def packed(*fields: tuple[int, int]) -> bytes:
    """Fields of (value, bytes)."""
    return b"".join(value.to_bytes(size, "big") for value, size in fields)


def ipv4(text: str) -> tuple[int, int]:
    return int.from_bytes(bytes(map(int, text.split("."))), "big"), 4


def mac(text: str) -> tuple[int, int]:
    return int(text.replace(":", ""), 16), 6


def install(engine: NativeEngine, program: Program, table: str, key: bytes, action: str, params: bytes = b"") -> None:
    found = program.tables[table]
    index = next(a.index for a in found.actions if a.name == action)
    engine.insert(found.index, Entry(key=key, action=index, params=params))


@pytest.fixture
def engine() -> Iterator[NativeEngine]:
    made = NativeEngine(1, CPU_PORT)
    try:
        program = made.load((COMPILED / "fullnat.json").read_bytes())
    except ToolchainError as error:
        pytest.skip(str(error))
    for port in (1, 2):
        made.add_memory_port(port)
        install(made, program, "port", packed((port, 2)), "port_set", packed(mac(SWITCH_MAC)))
    install(made, program, "own_address", packed(ipv4(VIP)), "own_vip")
    install(made, program, "own_address", packed(ipv4(LOCAL)), "own_local")
    install(made, program, "virtual_service", packed((6, 1), ipv4(VIP), (80, 2)), "service_punt", packed((0, 1)))
    for prefix in ("10.1.0.0", "10.2.0.0"):
        install(made, program, "ipv4_route", packed(ipv4(prefix), (16, 2)), "route_connected")
    for address, port, link in ((CLIENT, 1, CLIENT_MAC), (SERVER, 2, SERVER_MAC)):
        neighbor = packed((port, 2), mac(SWITCH_MAC), mac(link), (1500, 2))
        install(made, program, "neighbor", packed(ipv4(address)), "neighbor_set", neighbor)
    rewrite = (3, 3), (0, 2), (1, 1)
    for table, action, ends, other in (
        ("session_in", "fullnat_in", (CLIENT, 40000, VIP, 80), (LOCAL, 5000, SERVER, 8080)),
        ("session_out", "fullnat_out", (SERVER, 8080, LOCAL, 5000), (VIP, 80, CLIENT, 40000)),
    ):
        key = packed((6, 1), ipv4(str(ends[0])), (int(ends[1]), 2), ipv4(str(ends[2])), (int(ends[3]), 2))
        data = ipv4(str(other[0])), (int(other[1]), 2), ipv4(str(other[2])), (int(other[3]), 2)
        install(made, program, table, key, action, packed(*rewrite, *data, (0x12345678, 4)))
    yield made
    made.close()


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
        *((CPU_PORT, bytes([request, 1, 0, 1, 0, 0, 0, 3]) + injected) for request in range(4)),
    ]


def broken(rng: random.Random, good: bytes) -> bytes:
    """Cut, lengthened, overwritten in places, or noise altogether."""
    choice = rng.random()
    if choice < 0.1:
        return rng.randbytes(rng.randrange(0, 200))
    data = bytearray(good)
    for _ in range(rng.randrange(0, 4)):
        # mostly behind the Ethernet header, where the lengths and options are
        data[rng.randrange(12, len(data))] = rng.randrange(256)
    if choice < 0.3:
        del data[rng.randrange(0, len(data)) :]
    elif choice < 0.4:
        data += rng.randbytes(rng.randrange(1, 60))
    return bytes(data)


def count(engine: NativeEngine, counter: str, enumeration: str) -> int:
    """All of a counter that is indexed by an enumeration, whose last member is its size."""
    size = max(CONSTANTS[enumeration].values())
    return sum(engine.read_counter(counter, index)[0] for index in range(size))


@pytest.mark.timeout(300)
def test_every_broken_packet_is_accounted_for(engine: NativeEngine) -> None:
    rng = random.Random(20261123)
    good = seeds()
    forwarded = punted = 0
    for start in range(0, PACKETS, BATCH):
        for _ in range(BATCH):
            port, data = rng.choice(good)
            engine.inject(port, broken(rng, data))
        assert engine.drain(30), f"the switch hangs after {start} packets"
        forwarded += len(engine.collect())
        while events := engine.poll(4096):
            punted += sum(isinstance(event, PacketIn) for event in events)
    dropped = count(engine, "drop_ctr", "DropReason")
    assert punted == count(engine, "punt_ctr", "PuntReason")
    lost = engine.drops()
    # Noise on the CPU port may ask to be sent to a port that is not there.
    assert lost["backlog"] == lost["packet_ins"] == lost["failed_asserts"] == 0
    assert forwarded + punted + dropped + lost["unknown_port"] == PACKETS
    assert min(forwarded, punted, dropped) > PACKETS // 100, "the test does not reach every outcome"


def test_good_packets_pass_among_broken_ones(engine: NativeEngine) -> None:
    rng = random.Random(1)
    good = seeds()
    port, syn_ack = good[7]
    engine.inject(port, syn_ack)
    assert engine.drain(10)
    (expected,) = engine.collect()
    for _ in range(1000):
        noise_port, noise = rng.choice(good)
        engine.inject(noise_port, broken(rng, noise))
    assert engine.drain(10)
    engine.collect()
    engine.inject(port, syn_ack)
    assert engine.drain(10)
    assert engine.collect() == [expected]
