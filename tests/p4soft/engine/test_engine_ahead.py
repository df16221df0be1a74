"""Looking ahead, registers that lie together, and what a session costs in memory."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from p4soft.api import Entry, EntryNotFound, InvalidValue, Program
from p4soft.codegen.ahead import AheadWriter
from p4soft.codegen.layout import Layout
from p4soft.codegen.unit import generate
from p4soft.engine import NativeEngine

FULLNAT = Path(__file__).resolve().parents[3] / "p4src/compiled/fullnat.json"
VIP, MAC = bytes((10, 9, 0, 1)), bytes((2, 0, 0, 0, 0, 1))
SESSIONS = 6000
"""More than the number of entries from which on the engine looks ahead."""
STATE = ("events", "first_data_seq", "server_end_seq", "server_ack_seq")


@pytest.fixture
def loaded() -> Iterator[tuple[NativeEngine, Program]]:
    engine = NativeEngine(0, None)
    yield engine, engine.load(FULLNAT.read_bytes())
    engine.close()


def entry(program: Program, table: str, session: int) -> Entry:
    action = next(a for a in program.tables[table].actions if a.name == table.replace("session", "fullnat"))
    client = struct.pack("!IH", 0x0A010000 + session, 40000)
    ends = client + VIP + b"\0\x50" if table == "session_in" else VIP + b"\0\x50" + client
    params = struct.pack("!I", session)[1:] + bytes(3) + struct.pack("!IHI", 0x0A020064, 1, 0)
    return Entry(b"\6" + ends, action.index, params)


def frame(session: int) -> bytes:
    ip = struct.pack("!BBHHHBBHI", 0x45, 0, 40, 0, 0x4000, 64, 6, 0, 0x0A010000 + session) + VIP
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~total & 0xFFFF) + ip[12:]
    return MAC + bytes(6) + b"\x08\0" + ip + struct.pack("!HHIIBBHHH", 40000, 80, 1, 1, 0x50, 0x10, 9, 0, 0) + bytes(6)


def test_the_tables_of_sessions_are_told_ahead_in_the_order_of_their_lookups() -> None:
    program, text = generate(FULLNAT.read_bytes())
    numbers = {t.name: (t.index, at) for at, t in enumerate(AheadWriter(program, Layout(program)).tables)}
    # What a cookie has begun reaches the same memory, and so does what leads to the other family.
    for inward, outward, reached in (("session_in", "session_out", 2), ("session_in6", "session_out6", 3)):
        (first, at), (second, then) = numbers[inward], numbers[outward]
        # The second is only looked up when the first had nothing; both lead to one register's memory.
        assert f"{{{first}, 0, {reached}, reaches{at}}}" in text
        assert f"{{{second}, {1 << at}, {reached}, reaches{then}}}" in text


def test_looking_ahead_changes_nothing(loaded: tuple[NativeEngine, Program]) -> None:
    engine, program = loaded
    port = program.tables["port"]
    engine.insert(port.index, Entry(b"\0\0\0\1", next(a.index for a in port.actions if a.name == "port_set"), MAC))
    for name in ("session_in", "session_out"):
        for session in range(SESSIONS):
            engine.insert(program.tables[name].index, entry(program, name, session))
    order = list(range(SESSIONS)) * 2
    random.Random(1).shuffle(order)
    engine.replay(1, b"".join(frame(i) for i in order), 60)
    index = program.tables["session_in"].index
    counted = {state.packets for state in engine.entries(index)}
    assert counted == {2}
    assert {state.packets for state in engine.entries(program.tables["session_out"].index)} == {0}


def test_looking_ahead_stands_any_frame(loaded: tuple[NativeEngine, Program]) -> None:
    engine, program = loaded
    for session in range(SESSIONS):
        engine.insert(program.tables["session_in"].index, entry(program, "session_in", session))
    rng = random.Random(2)
    good = frame(7)
    for length in (1, 13, 14, 33, 34, 53, 54, 60):
        frames = bytearray()
        for _ in range(500):
            data = bytearray(good[:length])
            for _ in range(rng.randrange(3)):
                data[rng.randrange(length)] = rng.randrange(256)
            frames += data
        engine.replay(1, bytes(frames), length)
    assert engine.drops()["failed_asserts"] == 0
    with pytest.raises(InvalidValue):
        engine.replay(1, b"", 60)


def test_registers_of_one_index_lie_together_and_keep_apart(loaded: tuple[NativeEngine, Program]) -> None:
    engine, _ = loaded
    values = {(name, i): (0xA5 + 77 * n + i) & 0xFF for n, name in enumerate(STATE) for i in (0, 1, 2, 5, 1 << 19)}
    for (name, i), value in values.items():
        engine.write_register(name, i, value)
    assert {(name, i): engine.read_register(name, i) for name, i in values} == values
    assert engine.cell_bytes(*STATE) == engine.cell_bytes("events") == 32
    with pytest.raises(EntryNotFound):
        engine.cell_bytes("no such register")


def test_an_ipv4_session_takes_at_most_260_bytes(loaded: tuple[NativeEngine, Program]) -> None:
    engine, program = loaded
    entries = sum(engine.entry_bytes(program.tables[name].index) for name in ("session_in", "session_out"))
    assert entries + engine.cell_bytes(*STATE) <= 260
    with pytest.raises(EntryNotFound):
        engine.entry_bytes(10_000)
