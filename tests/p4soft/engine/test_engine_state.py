"""Registers, counters, meters, hashes and values of more than 128 bits."""

from __future__ import annotations

import binascii
import random
import struct
from collections.abc import Callable

import pytest
from enginekit import Bench
from p4soft.api import Entry, EntryNotFound, InvalidValue, MeterConfig

GREEN, YELLOW, RED = 0, 1, 2
WIDE = (1 << 320) - 1


def op(number: int, index: int = 0, value: int = 0) -> bytes:
    return struct.pack("!BII", number, index, value)


@pytest.fixture
def state(bench: Callable[[str], Bench]) -> Bench:
    return bench("state")


def run(engine: Bench, number: int, index: int = 0, value: int = 0, rest: bytes = b"") -> int:
    """The value field of what comes out."""
    out = engine.send(op(number, index, value) + rest)
    assert len(out) == 1
    assert out[0][1][:5] == op(number, index)[:5]
    return int.from_bytes(out[0][1][5:9], "big")


def test_registers(state: Bench) -> None:
    run(state, 1, 3, 0xDEADBEEF)
    assert state.read_register("MyIngress.cells", 3) == 0xDEADBEEF
    state.write_register("MyIngress.cells", 15, 7)
    assert run(state, 0, 15) == 7
    assert run(state, 0, 3) == 0xDEADBEEF


def test_register_index_out_of_range_is_harmless(state: Bench) -> None:
    run(state, 1, 16, 1)
    run(state, 1, 0xFFFFFFFF, 1)
    assert run(state, 0, 16, 99) == 99  # the target keeps its value, as in simple_switch
    assert [state.read_register("MyIngress.cells", i) for i in range(16)] == [0] * 16
    with pytest.raises(EntryNotFound, match=r"0\.\.15, not 16"):
        state.read_register("MyIngress.cells", 16)
    with pytest.raises(InvalidValue, match="32 bits"):
        state.write_register("MyIngress.cells", 0, 1 << 32)
    with pytest.raises(EntryNotFound):
        state.read_register("nothing", 0)


def test_counter(state: Bench) -> None:
    for _ in range(3):
        state.send(op(2, 5) + b"12345")
    state.send(op(2, 16))
    assert state.read_counter("MyIngress.hits", 5) == (3, 3 * 14)
    assert sum(state.read_counter("MyIngress.hits", i)[0] for i in range(16)) == 3


@pytest.mark.parametrize(("number", "name", "unit"), [(3, "packet_meter", 1), (4, "byte_meter", 9)])
def test_meter_has_two_rates(state: Bench, number: int, name: str, unit: int) -> None:
    full = f"MyIngress.{name}"
    assert state.read_meter(full, 2) is None
    assert run(state, number, 2) == GREEN
    # Rates of a packet in some hours: only the bursts count here.
    config = MeterConfig(cir=0, cburst=2 * unit, pir=0, pburst=4 * unit)
    state.write_meter(full, 2, config)
    assert state.read_meter(full, 2) == config
    assert [run(state, number, 2) for _ in range(6)] == [GREEN, GREEN, YELLOW, YELLOW, RED, RED]
    assert run(state, number, 3) == GREEN
    state.write_meter(full, 2, config)
    assert run(state, number, 2) == GREEN
    state.write_meter(full, 2, None)
    assert state.read_meter(full, 2) is None
    assert {run(state, number, 2) for _ in range(6)} == {GREEN}
    assert run(state, number, 8, 77) == GREEN


def test_meter_recovers(state: Bench) -> None:
    state.write_meter("MyIngress.packet_meter", 0, MeterConfig(1_000_000_000, 1, 1_000_000_000, 1))
    assert {run(state, 3, 0) for _ in range(20)} == {GREEN}


def test_direct_meter_runs_on_hits(state: Bench) -> None:
    table, key = state.table("policed"), struct.pack("!I", 4)
    assert run(state, 5, 4) == 3
    state.insert(table, Entry(key, state.action("policed", "police"), b""))
    assert state.direct_meter(table, key, 0) is None
    assert run(state, 5, 4) == GREEN
    config = MeterConfig(0, 1, 0, 2)
    state.set_direct_meter(table, key, 0, config)
    assert state.direct_meter(table, key, 0) == config
    assert [run(state, 5, 4) for _ in range(3)] == [GREEN, YELLOW, RED]
    state.set_direct_meter(table, key, 0, None)
    assert run(state, 5, 4) == GREEN
    with pytest.raises(EntryNotFound):
        state.direct_meter(table, struct.pack("!I", 5), 0)


def test_the_default_entrys_meter_runs_once_it_is_set(state: Bench) -> None:
    """Until then a miss leaves the colour as it was, as in BMv2, where only hits are metered."""
    table = state.table("policed")
    assert state.direct_meter(table, None, 0) is None
    assert run(state, 5, 4) == 3
    config = MeterConfig(0, 1, 0, 2)
    state.set_direct_meter(table, None, 0, config)
    assert state.direct_meter(table, None, 0) == config
    assert [run(state, 5, number) for number in range(3)] == [GREEN, YELLOW, RED]
    state.insert(table, Entry(struct.pack("!I", 4), state.action("policed", "police"), b""))
    assert run(state, 5, 4) == GREEN
    state.set_default(table, None)
    assert state.direct_meter(table, None, 0) is None
    assert run(state, 5, 5) == 3


def csum16(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


@pytest.mark.parametrize(("index", "value"), [(0, 0), (0x12345678, 0x9ABCDEF0), (0xFFFFFFFF, 0xFFFFFFFF), (1, 0xFFFE)])
def test_hashes(state: Bench, index: int, value: int) -> None:
    data = struct.pack("!II", index, value)
    assert run(state, 6, index, value) == csum16(data + b"\x01\x06")
    assert run(state, 7, index, value) == binascii.crc32(data)
    assert run(state, 8, index, value) == crc16(data)
    words = struct.unpack("!HHHH", data)
    assert run(state, 9, index, value) == (words[0] ^ words[1] ^ words[2] ^ words[3]) % 1000 + 100


def test_random_stays_in_its_bounds(state: Bench) -> None:
    assert {run(state, 10) for _ in range(64)} == {10, 11, 12}


def test_signed_and_saturating_arithmetic(state: Bench) -> None:
    assert run(state, 11, 5, 7) == 0
    assert run(state, 11, 7, 5) == 2
    assert run(state, 12, 0x80000000) == 0xF0000000
    assert run(state, 12, 0x40000000) == 0x08000000
    assert [run(state, 13, a, b) for a, b in ((0xFFFFFFFF, 0), (0, 0xFFFFFFFF), (3, 4))] == [1, 0, 1]


def wide(engine: Bench, number: int, value: int, x: int, shift: int, index: int = 0) -> tuple[int, int]:
    """(op.value, wide.value) of what comes out."""
    out = engine.send(op(number, index, value) + x.to_bytes(40, "big") + bytes([shift]))
    assert len(out) == 1
    data = out[0][1]
    assert len(data) == 50
    assert data[49] == shift
    return int.from_bytes(data[5:9], "big"), int.from_bytes(data[9:49], "big")


def test_wide_values(state: Bench) -> None:
    rnd = random.Random(5)
    shifts = [0, 1, 7, 63, 64, 65, 127, 128, 191, 255, *(rnd.randrange(256) for _ in range(20))]
    for shift in shifts:
        x, value = rnd.getrandbits(320), rnd.getrandbits(32)
        m = (x << shift & WIDE) | value
        assert wide(state, 0x20, value, x, shift) == (value, m)
        assert wide(state, 0x21, value, x, shift) == (value, m >> shift)
        swapped = (m & ((1 << 100) - 1)) << 220 | m >> 100
        assert wide(state, 0x22, value, x, shift) == (value, (~m & WIDE & x) ^ swapped)
        assert wide(state, 0x23, value, x, shift) == (value, (m + x - 1) & WIDE)
        assert wide(state, 0x26, value, x, shift)[0] == (1 if m == x else 2 if m < x else 3)
    assert wide(state, 0x26, 5, 5, 0)[0] == 1


def test_wide_registers(state: Bench) -> None:
    x = random.Random(6).getrandbits(320)
    cell = x >> 100 & ((1 << 200) - 1)
    wide(state, 0x24, 0, x, 0, index=2)
    assert state.read_register("MyIngress.wide_cells", 2) == cell
    assert wide(state, 0x25, 0, 0, 0, index=2)[1] == cell
    state.write_register("MyIngress.wide_cells", 3, 12345)
    assert wide(state, 0x25, 0, 1 << 319, 0, index=3)[1] == 1 << 319 | 12345
