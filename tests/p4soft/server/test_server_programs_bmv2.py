"""Random packets through the small programs, on simple_switch_grpc and on p4soft: the same frames come out.

The selector program has a test of its own (test_server_profiles_bmv2.py). Not compared are random(), what has a clock
in it (timestamps and coloured meters), digests, and value sets, which simple_switch_grpc cannot set.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bmv2kit import Pair, both_started, loaded, needs_bmv2
from finsy.proto import p4i, p4r
from p4kit import INSERT, PROGRAMS, between, exact, lpm, optional, read_p4info, ternary
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from ptf_tests.targets import Target

pytestmark = needs_bmv2
SEED = 20261128
FRAMES = 512
ADDRESSES = [f"10.{second}.0.{last}" for second in range(3) for last in range(1, 4)]


@pytest.fixture(scope="module")
def targets() -> Iterator[tuple[Target, Target]]:
    with both_started() as started:
        yield started


def config(name: str) -> p4r.ForwardingPipelineConfig:
    device_config = (PROGRAMS / f"{name}.json").read_bytes()
    return p4r.ForwardingPipelineConfig(p4info=read_p4info(name), p4_device_config=device_config)


# Frames. None is to leave with less than 14 bytes, or with 0x8100 behind the first twelve: on BMv2's interfaces the one
# is refused and the other taken for a tag.


def paths(rng: random.Random) -> bytes:
    """All ways but that to the CPU (7)."""
    op = rng.choice([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13])
    argument = rng.choice([20, 40, 200] if op == 9 else [0, 1, 2, 3])
    return struct.pack("!BBH", op, argument, rng.getrandbits(16)) + rng.randbytes(rng.randrange(12, 60))


def stacks(rng: random.Random) -> bytes:
    kind, count = rng.randrange(8), rng.choice([0, 1, 2, 3, 4, 8, 9, 10, 60])
    size = rng.choice([rng.randrange(20, 28), rng.randrange(50, 70)])
    few = bytes(rng.choice([0, 1, 2, 3, 4, 9, 0x83, rng.randrange(256)]) for _ in range(size))
    return bytes([kind, count]) + few


def state(rng: random.Random) -> bytes:
    """Without random() (10); indices are within the arrays, but for the registers' of 0 and 1."""
    op = rng.choice([*range(10), 11, 12, 13, 14, *range(0x20, 0x28)])
    index = rng.randrange(4) if op in (0x24, 0x25) else rng.randrange(18 if op < 2 else 8)
    if op >= 11 and op < 0x20:
        index = rng.choice([0, 1, 1 << 31, 0xFFFFFFFF, rng.getrandbits(32)])
    value = rng.choice([0, 1, 0x7FFFFFFF, 1 << 31, 0xFFFFFFFF, rng.getrandbits(32)])
    shift = rng.choice([0, 1, 7, 8, 63, 64, 255, rng.randrange(256)])
    return struct.pack("!BII", op, index, value) + rng.randbytes(40) + bytes([shift]) + rng.randbytes(rng.randrange(20))


def calls(rng: random.Random) -> bytes:
    numbers = [rng.choice([0, 1, 3, 0x7FFFFFFF, 1 << 31, 0xFFFFFFFF, rng.getrandbits(32)]) for _ in range(2)]
    return struct.pack("!BBIIQ", rng.randrange(11), rng.choice([0, 1, 2, 3, 7, 40]), *numbers, rng.getrandbits(64))


def initial(rng: random.Random) -> bytes:
    target = rng.randrange(4).to_bytes(6, "big")
    kind = rng.choice([0x0800, 0x0801, 0x86DD, 0x9000, rng.getrandbits(16) & 0xFFF, rng.getrandbits(16)])
    return target + rng.randbytes(6) + struct.pack("!H", kind if kind != 0x8100 else 0) + rng.randbytes(20)


def router(rng: random.Random) -> bytes:
    ip = IP(src=rng.choice(ADDRESSES), dst=rng.choice(ADDRESSES), ttl=rng.choice([0, 1, 64]), tos=rng.randrange(256))
    upper = rng.choice([TCP, UDP])(sport=rng.randrange(1 << 16), dport=rng.choice([0, 79, 80, 90, 91, 443]))
    frame = bytearray(bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ip / upper / rng.randbytes(9)))
    if rng.random() < 0.2:
        frame[rng.randrange(12, 38)] ^= 1 << rng.randrange(8)  # another type, a wrong checksum, a fragment ...
    if rng.random() < 0.1:
        del frame[rng.randrange(14, len(frame)) :]
    return bytes(frame)


# Entries.


def entry(info: p4i.P4Info, table: str, match: list[p4r.FieldMatch], action: str, *params: bytes) -> p4r.TableEntry:
    made = p4r.TableEntry(match=match)
    made.table_id = next(t.preamble.id for t in info.tables if t.preamble.alias == table)
    made.action.action.action_id = next(a.preamble.id for a in info.actions if a.preamble.alias == action)
    for number, value in enumerate(params, 1):
        made.action.action.params.add(param_id=number, value=value)
    return made


def address(text: str) -> bytes:
    return bytes(int(part) for part in text.split("."))


def routes(rng: random.Random) -> list[Any]:
    info = read_p4info("router")
    made = [
        entry(info, "route", [lpm(1, address("10.0.0.0"), 8)], "via", address("10.0.0.1")),
        entry(info, "route", [lpm(1, address("10.1.0.0"), 16)], "connected"),
        entry(info, "route", [lpm(1, address("10.1.0.3"), 32)], "drop"),
    ]
    for number, hop in enumerate(("10.0.0.1", "10.1.0.1"), 2):
        macs = [bytes([2, 0, 0, 0, 0, 8 + number]), bytes([2, 0, 0, 0, 0, 16 + number])]
        made.append(entry(info, "neighbor", [exact(1, address(hop))], "forward", bytes([number]), *macs))
    priorities = iter(rng.sample(range(1, 1000), 16))
    for _ in range(8):
        mask = rng.choice([b"\xff\xff\0\0", b"\0\0\0\x01", b"\0\x01\0\x03"])
        value = bytes(byte & cut for byte, cut in zip(address(rng.choice(ADDRESSES)), mask, strict=True))
        match = [ternary(1, value, mask), exact(2, bytes([rng.choice([6, 17])]))]
        action, params = rng.choice([("drop", []), ("classify", [bytes([rng.choice([1, 99])])]), ("NoAction", [])])
        made.append(entry(info, "acl", match, action, *params))
        made[-1].priority = next(priorities)
    for _ in range(8):
        low = rng.choice([0, 79, 80])
        match = [between(1, bytes([low]), bytes([low + rng.randrange(1, 20)]))]
        if rng.random() < 0.5:
            match.append(optional(2, bytes([rng.choice([6, 17])])))
        made.append(entry(info, "service", match, "classify", bytes([rng.choice([1, 2, 99])])))
        made[-1].priority = next(priorities)
    keys = {(one.table_id, *(field.SerializeToString() for field in one.match)): one for one in made}
    return list(keys.values())


def replicas(rng: random.Random) -> list[Any]:
    """Groups and clone sessions 1 and 2."""
    made: list[Any] = []
    for number, ports in ((1, (2, 3)), (2, (1, 2, 3))):
        group = p4r.MulticastGroupEntry(multicast_group_id=number)
        session = p4r.CloneSessionEntry(session_id=number)
        for instance, port in enumerate(ports, 5):
            group.replicas.add(egress_port=port, instance=instance)
            session.replicas.add(egress_port=port, instance=instance)
        made += [group, session]
    return made


def nothing(rng: random.Random) -> list[Any]:
    return []


Entries = Callable[[random.Random], list[Any]]
CASES: dict[str, tuple[Callable[[random.Random], bytes], Entries]] = {
    "paths": (paths, replicas),
    "stacks": (stacks, nothing),
    "state": (state, nothing),
    "router": (router, routes),
    "calls": (calls, nothing),
    "initial": (initial, nothing),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_same_comes_out(targets: tuple[Target, Target], name: str) -> None:
    frame, entries = CASES[name]
    rng = random.Random(SEED)
    async with loaded(targets, config(name)) as pair:
        await pair.write(*((INSERT, message) for message in entries(rng)))
        found = pair.same(*(frame(rng) for _ in range(FRAMES)))
        assert len({data for _, data in found}) > 64, "the frames are too much alike"
        await _same_counters(pair, name)


async def _same_counters(pair: Pair, name: str) -> None:
    info = read_p4info(name)
    queries: list[Any] = [p4r.CounterEntry(counter_id=counter.preamble.id) for counter in info.counters]
    tables = [p4r.TableEntry(table_id=counter.direct_table_id) for counter in info.direct_counters]
    queries += [p4r.DirectCounterEntry(table_entry=table) for table in tables]
    bmv2, p4soft = await pair.read(*queries) if queries else ([], [])
    assert _without_priorities(bmv2) == _without_priorities(p4soft)
    assert len(p4soft) >= len(queries)


def _without_priorities(entities: list[bytes]) -> list[bytes]:
    """simple_switch_grpc gives a program's own entries 2**31 - 1 less their number in the JSON."""
    found = [p4r.Entity.FromString(data) for data in entities]
    for entity in found:
        if entity.HasField("direct_counter_entry"):
            entity.direct_counter_entry.table_entry.ClearField("priority")
    return sorted(entity.SerializeToString(deterministic=True) for entity in found)
