"""A million broken packets through the FULLNAT pipeline: none is lost without a reason, and good ones still pass.

Every packet received is forwarded, sent to the controller, or counted under a drop reason; the three add up.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from enum import IntEnum

import pytest
from fullnat.p4constants import DropReason, PacketOutAction, PuntReason
from fullnatkit import COMPILED, CPU_PORT, install_session, install_session6, seeds, seeds6
from p4soft.api import PacketIn, ToolchainError
from p4soft.engine import NativeEngine

PACKETS = 1_000_000
BATCH = 500
PACKET_OUT, ETHERNET = 10, 14
"""Bytes of headers."""


@pytest.fixture
def engine() -> Iterator[NativeEngine]:
    made = NativeEngine(1, CPU_PORT)
    try:
        program = made.load((COMPILED / "fullnat.json").read_bytes())
    except ToolchainError as error:
        pytest.skip(str(error))
    for port in (1, 2):
        made.add_memory_port(port)
    install_session(made, program)
    install_session6(made, program)
    yield made
    made.close()


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


def forwards_to_controller(packet_out: bytes) -> bool:
    """Whether it shall be sent to the CPU port, of which a port has 9 bits: nothing is punted then."""
    forwards = packet_out[:1] == bytes([PacketOutAction.FORWARD]) and len(packet_out) >= PACKET_OUT + ETHERNET
    return forwards and int.from_bytes(packet_out[2:6], "big") & 0x1FF == CPU_PORT


def count(engine: NativeEngine, counter: str, enumeration: type[IntEnum]) -> int:
    """All of a counter that is indexed by an enumeration, whose last member is its size."""
    size = max(enumeration)
    return sum(engine.read_counter(counter, index)[0] for index in range(size))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("good", [seeds(), seeds6()], ids=["IPv4", "IPv6"])
def test_every_broken_packet_is_accounted_for(engine: NativeEngine, good: list[tuple[int, bytes]]) -> None:
    rng = random.Random(20261123)
    forwarded = punted = looped = 0
    for start in range(0, PACKETS, BATCH):
        for _ in range(BATCH):
            port, data = rng.choice(good)
            data = broken(rng, data)
            looped += port == CPU_PORT and forwards_to_controller(data)
            engine.inject(port, data)
        assert engine.drain(30), f"the switch hangs after {start} packets"
        forwarded += len(engine.collect())
        while events := engine.poll(4096):
            punted += sum(isinstance(event, PacketIn) for event in events)
    dropped = count(engine, "drop_ctr", DropReason)
    # Answered requests and solicitations are told by digest, and have left by a port.
    told = sum(engine.read_counter("punt_ctr", reason)[0] for reason in (PuntReason.NEIGHBOR, PuntReason.NEIGHBOR6))
    assert told > PACKETS // 100
    assert punted - looped + told == count(engine, "punt_ctr", PuntReason)
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
