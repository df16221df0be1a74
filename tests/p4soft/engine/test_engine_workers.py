"""Several packet threads: nothing is lost, mixed up or torn, and the state that they share adds up."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from enginekit import PROGRAMS, Bench
from p4soft.api import Digest, Entry, Idle, InvalidValue, MeterConfig, PacketIn
from p4soft.engine import NativeEngine

PORTS = range(1, 9)
FRAMES = 2500
"""Of each port."""
TOGETHER = len(PORTS) * FRAMES
Make = Callable[[str], Bench]
Json = dict[str, Any]


@pytest.fixture(params=[2, 4])
def many(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Engines with 2 or 4 workers and ports 1 to 8, which are spread among them."""
    made: list[Bench] = []

    def make(name: str) -> Bench:
        made.append(Bench(name, workers=request.param, spread="port"))
        for port in PORTS:
            if port > 3:
                made[-1].add_memory_port(port)
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def flood(engine: Bench, frame: Callable[[int, int], bytes], frames: int = FRAMES) -> list[bytes]:
    """What leaves by port 2 when every port receives ``frame(port, number)`` for every number."""
    for number in range(frames):
        for port in PORTS:
            engine.inject(port, frame(port, number))
    assert engine.drain(60)
    out = engine.collect()
    assert {port for port, _ in out} <= {2}
    return [data for _, data in out]


def op(number: int, index: int = 0, value: int = 0) -> bytes:
    return struct.pack("!BII", number, index, value)


def value(data: bytes) -> int:
    return int.from_bytes(data[5:9], "big")


def counting() -> bytes:
    """The program ``state``, whose operation 0 reads a cell, adds one, and writes it back, in one action.

    Between the two it goes in circles for longer than Python takes for a frame, so that all workers are at it at
    once."""
    config = json.loads((PROGRAMS / "state.json").read_text())
    actions = {action["name"]: action["primitives"] for action in config["actions"]}
    result: Json = {"type": "field", "value": ["op", "value"]}
    turns: Json = {"type": "field", "value": ["scalars", "metadata_t.sum"]}
    actions["state43"] += [
        assign(turns, plus_one(turns, "0xffff")),
        {"op": "_jump_if_zero", "parameters": [expression("!=", turns, constant("0xf000")), constant("0x4")]},
        {"op": "_jump", "parameters": [constant("0x1")]},
        assign(result, plus_one(result, "0xffffffff")),
        *actions["state45"],
    ]
    return json.dumps(config).encode()


def assign(target: Json, value: Json) -> Json:
    return {"op": "assign", "parameters": [target, value]}


def constant(text: str) -> Json:
    return {"type": "hexstr", "value": text}


def expression(operator: str, left: Json, right: Json) -> Json:
    return {
        "type": "expression",
        "value": {"type": "expression", "value": {"op": operator, "left": left, "right": right}},
    }


def plus_one(number: Json, mask: str) -> Json:
    inner = {"type": "expression", "value": {"op": "+", "left": number, "right": constant("0x1")}}
    return expression("&", inner, constant(mask))


def test_every_frame_comes_out_once_and_in_the_order_of_its_flow(many: Make) -> None:
    engine = many("state")
    out = flood(engine, lambda port, number: op(0xFF, port, number) + bytes([port]) * (number % 900))
    for port in PORTS:
        mine = [data for data in out if data[4] == port]
        assert mine == [op(0xFF, port, number) + bytes([port]) * (number % 900) for number in range(FRAMES)]
    assert len(out) == TOGETHER
    stats = {s.port: s for s in engine.port_stats()}
    size = sum(len(op(0)) + number % 900 for number in range(FRAMES))
    assert [(stats[p].rx_packets, stats[p].rx_bytes) for p in PORTS] == [(FRAMES, size)] * len(PORTS)
    assert (stats[2].tx_packets, stats[2].tx_bytes, stats[2].tx_dropped) == (TOGETHER, size * len(PORTS), 0)


def test_no_change_of_a_register_is_lost(many: Make) -> None:
    """An action that reads and writes a cell sees every value once."""
    engine = many("state")
    engine.load(counting())
    out = flood(engine, lambda port, number: op(0, 3), frames=500)
    assert sorted(value(data) for data in out) == list(range(1, 500 * len(PORTS) + 1))
    assert engine.read_register("MyIngress.cells", 3) == 500 * len(PORTS)


def test_registers_wider_than_a_word_are_never_half_written(many: Make) -> None:
    engine = many("state")

    def wide(port: int, number: int) -> bytes:
        """Write a cell, or read it: 200 bits, all alike."""
        return op(0x24 + number % 2, 0) + bytes([0x11 * port]) * 40 + b"\0"

    out = flood(engine, wide)
    read = [data[9 + 15 : 9 + 40] for data in out if data[0] == 0x25]
    assert len(read) == TOGETHER // 2
    assert set(read) <= {bytes([0x11 * port]) * 25 for port in (0, *PORTS)}


def test_counters_are_exact(many: Make) -> None:
    engine = many("state")
    flood(engine, lambda port, number: op(2, number % 2) + bytes(number % 10))
    size = sum(len(op(0)) + number % 10 for number in range(0, FRAMES, 2)) * len(PORTS)
    assert engine.read_counter("MyIngress.hits", 0) == (TOGETHER // 2, size)
    size = sum(len(op(0)) + number % 10 for number in range(1, FRAMES, 2)) * len(PORTS)
    assert engine.read_counter("MyIngress.hits", 1) == (TOGETHER // 2, size)


def test_direct_counters_are_exact(many: Make) -> None:
    engine = many("router")
    header = bytes.fromhex("450000140000000040110000c00002010a010203")
    total = sum(struct.unpack("!10H", header))
    checksum = struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    frame = bytes(12) + b"\x08\x00" + header[:10] + checksum + header[12:] + bytes(20)
    route, drop = engine.table("route"), engine.action("route", "connected")
    key = bytes([10, 1, 2, 3]) + (32).to_bytes(2, "big")
    engine.insert(route, Entry(key, drop, b""))
    assert flood(engine, lambda port, number: frame) == []  # there is no neighbour
    state = engine.get(route, key)
    assert state is not None
    assert (state.packets, state.bytes) == (TOGETHER, TOGETHER * len(frame))


def test_a_meter_gives_out_each_token_once(many: Make) -> None:
    engine = many("state")
    engine.write_meter("MyIngress.packet_meter", 1, MeterConfig(0, 5000, 0, 9000))
    out = flood(engine, lambda port, number: op(3, 1))
    assert Counter(value(data) for data in out) == {0: 5000, 1: 4000, 2: TOGETHER - 9000}


def test_a_direct_meter_gives_out_each_token_once(many: Make) -> None:
    engine = many("state")
    table, key = engine.table("policed"), struct.pack("!I", 7)
    engine.insert(table, Entry(key, engine.action("policed", "police"), b""))
    engine.set_direct_meter(table, key, 0, MeterConfig(0, 5000, 0, 9000))
    out = flood(engine, lambda port, number: op(5, 7))
    assert Counter(value(data) for data in out) == {0: 5000, 1: 4000, 2: TOGETHER - 9000}


def test_reports_of_all_workers_arrive(many: Make) -> None:
    engine = many("paths")
    out = flood(engine, lambda port, number: struct.pack("!BBH", 7 if number % 2 else 8, port, number))
    assert len(out) == TOGETHER // 2
    events = []
    while some := engine.poll(1000):
        events += some
    told = Counter(event.data[:4] for event in events if isinstance(event, PacketIn))
    assert told == Counter(struct.pack("!BBH", 7, p, n + 1) for n in range(1, FRAMES, 2) for p in PORTS)
    learnt = Counter(event.data for event in events if isinstance(event, Digest))
    assert learnt == Counter(struct.pack("!BHH", 8, n, p) for n in range(0, FRAMES, 2) for p in PORTS)
    assert set(engine.drops().values()) == {0}


def test_a_change_is_in_effect_for_all_workers_when_the_call_returns(many: Make) -> None:
    """Packets behind it fare by the new entry, while others are on their way all the time."""
    engine = many("state")
    table, key = engine.table("policed"), struct.pack("!I", 7)
    police, nothing = engine.action("policed", "police"), engine.action("policed", "NoAction")
    before, after = [], []
    for turn in range(400):
        for port in PORTS:
            engine.inject(port, op(5, 7, 2 * turn))
        engine.insert(table, Entry(key, police, b""))
        for port in PORTS:
            engine.inject(port, op(5, 7))
            engine.inject(port, op(5, 8))
        assert engine.drain(30)
        after += [value(data) for _, data in engine.collect()]
        engine.modify(table, Entry(key, nothing, b""))
        engine.delete(table, key)
        for port in PORTS:
            engine.inject(port, op(5, 7))
        assert engine.drain(30)
        before += [value(data) for _, data in engine.collect()]
    # 3: no entry; 0: a meter that is not configured.
    assert Counter(before) == {3: 400 * len(PORTS)}
    assert set(after) == {0, 3}
    assert Counter(after)[0] >= 400 * len(PORTS)
    assert Counter(after)[3] >= 400 * len(PORTS)


def test_idle_entries_are_reported_by_their_last_hit_in_any_worker(many: Make) -> None:
    engine = many("router")
    table = engine.table("neighbor")
    key = bytes([10, 1, 2, 3])
    engine.insert(table, Entry(key, engine.action("neighbor", "drop"), b"", idle_ns=50_000_000, cookie=9))
    events: list[Any] = []
    while not events:
        events = engine.poll()
    assert events == [Idle(table, Entry(key, engine.action("neighbor", "drop"), b"", 0, 50_000_000, 9))]


@pytest.mark.parametrize("workers", [0, -1, 65])
def test_a_number_of_workers_that_makes_no_sense_is_refused(workers: int) -> None:
    with pytest.raises(InvalidValue, match=f"1 to 64 workers, not {workers}"):
        NativeEngine(0, None, workers=workers)


def test_an_unknown_spread_is_refused() -> None:
    with pytest.raises(InvalidValue, match="by flow or port, not by 'hash'"):
        NativeEngine(0, None, workers=2, spread="hash")


def test_the_greatest_number_of_workers_forwards() -> None:
    engine = Bench("state", workers=64)
    try:
        assert engine.send(op(0xFF, 1)) == [(2, op(0xFF, 1))]
    finally:
        engine.close()
