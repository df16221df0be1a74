"""Replication, clones, resubmission, recirculation, CPU port, digest: where packets go and what they see."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from enginekit import CPU_PORT, Bench, with_workers
from p4soft.api import Digest, EntryNotFound, InvalidValue, PacketIn, Replica

pytestmark = with_workers
PAYLOAD = b"the rest of the packet"
NORMAL, INGRESS_CLONE, EGRESS_CLONE, RECIRCULATED, REPLICATED, RESUBMITTED = 0, 1, 2, 4, 5, 6


def packet(op: int, arg: int = 0, mark: int = 100) -> bytes:
    return struct.pack("!BBH", op, arg, mark) + PAYLOAD


def traced(
    op: int,
    arg: int = 0,
    mark: int = 101,
    instance: int = NORMAL,
    rid: int = 0,
    in_port: int = 1,
    kept: int = 1,
    length: int = len(packet(0)),
) -> bytes:
    """The packet with the trace header that egress puts in front of the payload."""
    return struct.pack("!BBHBBHHH", op, arg, mark, instance, rid, length, in_port, kept) + PAYLOAD


@pytest.fixture
def paths(bench: Callable[[str], Bench]) -> Bench:
    engine = bench("paths")
    engine.set_multicast_group(1, [Replica(1, 11), Replica(3, 33)])
    engine.set_clone_session(5, [Replica(3, 9)])
    return engine


def test_unicast(paths: Bench) -> None:
    assert paths.send(packet(0)) == [(2, traced(0))]


def test_drop_in_ingress_and_egress(paths: Bench) -> None:
    assert paths.send(packet(1)) == []
    assert paths.send(packet(12)) == []


def test_multicast(paths: Bench) -> None:
    assert paths.send(packet(2, 1)) == [
        (1, traced(2, 1, instance=REPLICATED, rid=11)),
        (3, traced(2, 1, instance=REPLICATED, rid=33)),
    ]
    assert paths.send(packet(2, 2)) == []
    paths.set_multicast_group(1, None)
    assert paths.send(packet(2, 1)) == []
    with pytest.raises(EntryNotFound):
        paths.set_multicast_group(1, None)


def test_a_drop_cancels_multicast(paths: Bench) -> None:
    assert paths.send(packet(10)) == []


def test_ingress_clone_is_the_original_packet(paths: Bench) -> None:
    out = paths.send(packet(3, 5))
    assert sorted(out) == [
        (2, traced(3, 5)),
        (3, traced(3, 5, mark=100, instance=INGRESS_CLONE, rid=9, in_port=0)),
    ]
    assert paths.send(packet(3, 6)) == [(2, traced(3, 6))]


def test_clone_truncation(paths: Bench) -> None:
    paths.set_clone_session(5, [Replica(3, 9)], truncate=12)
    whole = traced(3, 5, mark=100, instance=INGRESS_CLONE, rid=9, in_port=0)
    assert (3, whole[:12]) in paths.send(packet(3, 5))


def test_egress_clone_has_the_changes(paths: Bench) -> None:
    out = paths.send(packet(5, 5))
    clone = traced(5, 5, instance=EGRESS_CLONE, rid=9, in_port=0, length=len(packet(0)) + 8)
    assert sorted(out) == [(2, traced(5, 5)), (3, clone)]


def test_resubmit_restores_the_packet(paths: Bench) -> None:
    assert paths.send(packet(4)) == [(2, traced(4, mark=101, kept=2, in_port=0))]


def test_recirculate_keeps_the_changes(paths: Bench) -> None:
    assert paths.send(packet(6)) == [(2, traced(6, mark=103, kept=3, in_port=0))]


def test_packet_in_and_out(paths: Bench) -> None:
    assert paths.send(packet(7)) == []
    assert paths.poll() == [PacketIn(traced(7))]
    paths.packet_out(packet(0))
    assert paths.drain(10)
    assert paths.collect() == [(2, traced(0, in_port=CPU_PORT))]
    assert paths.poll() == []


def packet_threads() -> list[Path]:
    """Those of the switches in this process; on one processor with us, where they do not preempt us."""
    tasks = Path("/proc/self/task").iterdir()
    found = [task for task in tasks if (task / "comm").read_text() == "p4soft\n"]
    for task in found:
        os.sched_setaffinity(int(task.name), os.sched_getaffinity(0))
        os.sched_setscheduler(int(task.name), os.SCHED_BATCH, os.sched_param(0))
    return found


def sleeps(thread: Path) -> bool:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_a_lone_packet_out_does_not_wait_for_the_packet_thread(paths: Bench) -> None:
    """While that sleeps, whoever brings a packet runs it: it has left when the call returns."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        threads = packet_threads()
        for _ in range(20):
            assert paths.drain(10)
            alone_at = time.monotonic() + 0.001
            while time.monotonic() < alone_at or not all(map(sleeps, threads)):
                os.sched_yield()
            paths.packet_out(packet(0))
            assert paths.collect() == [(2, traced(0, in_port=CPU_PORT))]
    finally:
        os.sched_setaffinity(0, processors)


def test_packet_outs_keep_their_order(paths: Bench) -> None:
    for number in range(2000):
        paths.packet_out(packet(0, mark=number))
    assert paths.drain(10)
    assert [data for _, data in paths.collect()] == [traced(0, mark=n + 1, in_port=CPU_PORT) for n in range(2000)]


def test_digest(paths: Bench) -> None:
    assert paths.send(packet(8, mark=0x1234), port=3) == [(2, traced(8, mark=0x1235, in_port=3))]
    assert paths.poll() == [Digest("note_t", bytes([8, 0x12, 0x34, 0, 3]))]


def test_truncate(paths: Bench) -> None:
    assert paths.send(packet(9, 6)) == [(2, traced(9, 6)[:6])]


def test_exit_skips_the_rest_of_ingress(paths: Bench) -> None:
    assert paths.send(packet(11)) == [(2, traced(11, mark=100))]


def test_too_short_packet_leaves_as_it_came(paths: Bench) -> None:
    trace = struct.pack("!BBHHH", 0, 0, 3, 1, 1)
    assert paths.send(b"\x02\x01\x00") == [(2, trace + b"\x02\x01\x00")]
    assert paths.send(b"")[0][0] == 2


def test_invalid_groups_are_refused(paths: Bench) -> None:
    with pytest.raises(InvalidValue, match="port 600"):
        paths.set_multicast_group(2, [Replica(600)])
    with pytest.raises(InvalidValue, match="clone session"):
        paths.set_clone_session(40000, [Replica(1)])
    with pytest.raises(InvalidValue, match="multicast group 0"):
        paths.set_multicast_group(0, [])


def test_statistics(paths: Bench) -> None:
    paths.send(packet(0))
    paths.remove_port(3)
    paths.send(packet(2, 1))
    stats = {s.port: s for s in paths.port_stats()}
    assert sorted(stats) == [1, 2]
    assert (stats[1].rx_packets, stats[1].rx_bytes) == (2, 2 * len(packet(0)))
    assert (stats[2].tx_packets, stats[2].tx_bytes) == (1, len(traced(0)))
    assert paths.drops()["unknown_port"] == 1
    assert paths.missing_ports() == [3]
