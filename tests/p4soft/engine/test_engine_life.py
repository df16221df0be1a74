"""Loading, ports, events, ageing and control calls under traffic."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from enginekit import PROGRAMS, Bench
from p4soft.api import EngineError, Entry, Idle, InvalidValue, PacketIn, PipelineError, ToolchainError
from p4soft.engine import NativeEngine, toolchain

MS = 1_000_000


def neighbor(engine: Bench, address: int, idle_ns: int = 0, cookie: int = 0) -> Entry:
    return Entry(struct.pack("!I", address), engine.action("neighbor", "drop"), b"", 0, idle_ns, cookie)


def wait_events(engine: Bench, count: int, timeout: float = 10.0) -> list[Any]:
    """At least ``count`` events, by waiting on the descriptor."""
    events: list[Any] = []
    end = time.monotonic() + timeout
    while len(events) < count and time.monotonic() < end:
        if select.select([engine.fileno()], [], [], 1.0)[0]:
            events += engine.poll()
    return events


def test_without_a_program_packets_vanish() -> None:
    engine = NativeEngine(0, None)
    try:
        assert engine.program is None
        engine.add_memory_port(1)
        engine.inject(1, b"x" * 60)
        assert engine.drain(10)
        assert engine.collect() == []
        with pytest.raises(InvalidValue, match="no CPU port"):
            engine.packet_out(b"x")
    finally:
        engine.close()


def test_close_is_idempotent_and_final(bench: Callable[[str], Bench]) -> None:
    engine = bench("paths")
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.port_stats()


def test_load_replaces_all_state(bench: Callable[[str], Bench]) -> None:
    engine = bench("router")
    table = engine.table("neighbor")
    engine.insert(table, neighbor(engine, 1))
    engine.write_counter("MyIngress.bad", 0, 1, 1)
    engine.load((PROGRAMS / "router.json").read_bytes())
    assert engine.count(table) == 0
    assert engine.read_counter("MyIngress.bad", 0) == (0, 0)
    engine.load((PROGRAMS / "paths.json").read_bytes())
    assert engine.send(struct.pack("!BBH", 0, 0, 1))[0][0] == 2


def test_a_refused_program_leaves_the_old_one(bench: Callable[[str], Bench]) -> None:
    engine = bench("router")
    engine.insert(engine.table("neighbor"), neighbor(engine, 1))
    before = engine.program
    for call in (engine.load, engine.verify):
        with pytest.raises(PipelineError, match="not JSON"):
            call(b"{")
    assert engine.program is before
    assert engine.count(engine.table("neighbor")) == 1
    engine.verify((PROGRAMS / "paths.json").read_bytes())
    assert engine.program is before


def test_two_engines_share_nothing(bench: Callable[[str], Bench]) -> None:
    one, two = bench("router"), bench("router")
    one.insert(one.table("neighbor"), neighbor(one, 1))
    assert (one.count(one.table("neighbor")), two.count(two.table("neighbor"))) == (1, 0)


def test_ports(bench: Callable[[str], Bench]) -> None:
    engine = bench("paths")
    with pytest.raises(InvalidValue, match="in use"):
        engine.add_memory_port(1)
    with pytest.raises(InvalidValue, match="CPU port"):
        engine.add_memory_port(255)
    with pytest.raises(InvalidValue, match="outside"):
        engine.add_memory_port(511)
    with pytest.raises(InvalidValue, match="there is no interface nonesuch0"):
        engine.add_interface(9, "nonesuch0")
    with pytest.raises(InvalidValue, match="too long"):
        engine.inject(1, bytes(70000))
    engine.remove_port(1)
    engine.add_memory_port(1)


def test_descriptor_is_readable_while_there_are_events(bench: Callable[[str], Bench]) -> None:
    engine = bench("paths")
    for mark in range(3):
        engine.inject(1, struct.pack("!BBH", 7, 0, mark))
    assert engine.drain(10)
    seen = []
    while select.select([engine.fileno()], [], [], 0)[0]:
        events = engine.poll(limit=1)
        assert len(events) <= 1
        seen += events
    assert [struct.unpack("!H", e.data[2:4])[0] for e in seen if isinstance(e, PacketIn)] == [1, 2, 3]


def test_idle_entries_are_reported_once_per_time_to_live(bench: Callable[[str], Bench]) -> None:
    engine = bench("router")
    table = engine.table("neighbor")
    entry = neighbor(engine, 1, idle_ns=40 * MS, cookie=9)
    engine.insert(table, neighbor(engine, 2))
    start = time.monotonic()
    engine.insert(table, entry)
    events = wait_events(engine, 3)
    elapsed = time.monotonic() - start
    # More than three if the test was kept from running meanwhile.
    assert events == [Idle(table, entry)] * len(events)
    assert elapsed >= 0.04 * len(events) - 0.001
    engine.delete(table, entry.key)
    engine.poll()
    assert wait_events(engine, 1, timeout=0.2) == []


def test_a_hit_postpones_the_report(bench: Callable[[str], Bench]) -> None:
    router = bench("router")
    table = router.table("neighbor")
    address = struct.pack("!I", 0x0A090909)
    via, forward = router.action("route", "via"), router.action("neighbor", "forward")
    router.insert(router.table("route"), Entry(b"\0\0\0\0\0\0", via, address))
    header = bytes.fromhex("450000140000000040010000c00002010a010203")
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    packet = bytes(12) + b"\x08\x00" + header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:]
    kept_busy = False
    while not kept_busy:  # a machine that is busy with something else may not let a hit come in time
        before = start = time.monotonic()
        router.insert(table, Entry(address, forward, b"\0\x02" + bytes(12), 0, 300 * MS))
        longest = 0.0
        while before < start + 0.6:
            hit = time.monotonic()
            assert len(router.send(packet)) == 1
            longest, before = max(longest, time.monotonic() - before), hit
        state = router.get(table, address)
        events = router.poll()
        since = time.monotonic() - before
        kept_busy = max(longest, since) < 0.3
        if not kept_busy:
            router.delete(table, address)
            router.poll()
    assert events == []
    assert state is not None
    assert state.since_hit_ns <= since * 1e9 + 2 * MS
    assert len(wait_events(router, 1)) >= 1


def test_modify_restarts_the_timer_and_can_end_it(bench: Callable[[str], Bench]) -> None:
    engine = bench("router")
    table = engine.table("neighbor")
    engine.insert(table, neighbor(engine, 1, idle_ns=50 * MS))
    engine.modify(table, neighbor(engine, 1))
    engine.poll()  # it may have been idle before that, on a busy machine
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        assert engine.poll() == []
        select.select([engine.fileno()], [], [], 0.02)
    engine.modify(table, neighbor(engine, 1, idle_ns=20 * MS, cookie=4))
    assert wait_events(engine, 1)[0].entry.cookie == 4


def test_control_calls_during_traffic(bench: Callable[[str], Bench]) -> None:
    """A packet sees an entry entirely or not at all, and no packet is lost."""
    engine = bench("state")
    table, police = engine.table("policed"), engine.action("policed", "police")
    keys = [struct.pack("!I", i) for i in range(8)]
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for key in keys:
                engine.insert(table, Entry(key, police, b""))
            assert engine.count(table) == 8
            for key in keys:
                engine.delete(table, key)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for i in range(5000):
            engine.inject(1, struct.pack("!BII", 5, i % 8, 0))
        assert engine.drain(30)
    finally:
        stop.set()
        thread.join()
    out = engine.collect()
    assert len(out) == 5000
    assert {int.from_bytes(data[5:9], "big") for _, data in out} <= {0, 3}


def test_a_large_table(bench: Callable[[str], Bench]) -> None:
    """Entries are found, moved by deletions and found again."""
    config = json.loads((PROGRAMS / "router.json").read_text())
    for pipeline in config["pipelines"]:
        for table in pipeline["tables"]:
            if table["name"].endswith("neighbor"):
                table["max_size"] = 50_000
    engine = bench("router")
    engine.load(json.dumps(config).encode())
    at = engine.table("neighbor")
    rnd = random.Random(1)
    addresses = rnd.sample(range(1 << 32), 50_000)
    for address in addresses:
        engine.insert(at, neighbor(engine, address, cookie=address))
    gone, kept = set(addresses[::3]), [a for i, a in enumerate(addresses) if i % 3]
    for address in gone:
        engine.delete(at, struct.pack("!I", address))
    assert engine.count(at) == len(kept)
    assert {s.entry.cookie for s in engine.entries(at)} == set(kept)
    states = [engine.get(at, struct.pack("!I", a)) for a in addresses[:3000]]
    assert [s.entry.cookie if s else None for s in states] == [None if a in gone else a for a in addresses[:3000]]


@pytest.mark.parametrize("name", ["router", "paths", "stacks", "state", "selector"])
def test_broken_json_is_refused_politely(bench: Callable[[str], Bench], name: str) -> None:
    """Values of the wrong kind, missing members and dangling names: a PipelineError or a program, nothing else."""
    text = (PROGRAMS / f"{name}.json").read_text()
    engine = bench("paths")
    rnd = random.Random(name)
    junk = [None, -1, 1 << 40, "x", [], {}, True, "0x", 2.5, ["standard_metadata", "egress_spec"], {"type": "field"}]
    for _ in range(150):
        config = json.loads(text)
        for _ in range(rnd.randrange(1, 3)):
            at: Any = config
            while True:
                keys = list(at.keys()) if isinstance(at, dict) else list(range(len(at)))
                if not keys:
                    break
                key = rnd.choice(keys)
                if isinstance(at[key], dict | list) and at[key] and rnd.random() < 0.9:
                    at = at[key]
                    continue
                if isinstance(at, dict) and rnd.random() < 0.3:
                    del at[key]
                else:
                    at[key] = rnd.choice(junk)
                break
        with contextlib.suppress(PipelineError):
            engine.verify(json.dumps(config).encode())


def test_no_compiler_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("P4SOFT_CC", "false")
    monkeypatch.setenv("P4SOFT_CACHE_DIR", str(tmp_path))
    with pytest.raises(ToolchainError, match="install gcc or clang"):
        toolchain.build("x", [], {"x.c": "int x;"}, PROGRAMS)


def test_a_program_is_compiled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("P4SOFT_CACHE_DIR", str(tmp_path))
    first = toolchain.build("x", [], {"x.c": "int x;"}, PROGRAMS)
    stamp = os.stat(first).st_ino
    assert toolchain.build("x", [], {"x.c": "int x;"}, PROGRAMS) == first
    assert os.stat(first).st_ino == stamp
    assert toolchain.build("x", [], {"x.c": "int y;"}, PROGRAMS) != first
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".so", ".so"]


def test_python_may_exit_under_traffic() -> None:
    script = (
        "from enginekit import Bench\n"
        "engine = Bench('paths')\n"
        "for mark in range(20000): engine.inject(1, bytes([0, 0, mark >> 8, mark & 255]) + bytes(50))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
