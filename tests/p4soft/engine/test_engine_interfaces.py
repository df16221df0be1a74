"""Network interfaces as ports: a veth pair per port, the far ends in the hands of the test."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from enginekit import PROGRAMS, Bench, with_workers
from p4soft.api import InvalidValue
from scapy.utils import RawPcapReader
from wirekit import Wire, needs_root

pytestmark = [needs_root, with_workers]
FLOWS, EACH = 32, 30
"""Flows, and frames of each in one direction."""


@pytest.fixture
def wired(bench: Callable[[str], Bench], wires: list[Wire]) -> Bench:
    engine = bench("paths")
    for port, wire in zip((1, 2), wires, strict=True):
        engine.remove_port(port)
        engine.add_interface(port, wire.near)
    return engine


def frame(mark: int, size: int = 60, tag: bytes = b"") -> bytes:
    """To port 2; the program reads the first four bytes only."""
    return (struct.pack("!BBH", 0, 0, mark) + bytes(8) + tag + b"\x88\xb5").ljust(size, b".")


def expected(mark: int, size: int = 60, tag: bytes = b"") -> bytes:
    """What leaves by port 2."""
    sent = frame(mark, size, tag)
    return struct.pack("!BBHBBHHH", 0, 0, mark + 1, 0, 0, len(sent), 1, 1) + sent[4:]


def test_frames_pass_unchanged_and_in_order(wired: Bench, wires: list[Wire]) -> None:
    # The answer is eight bytes longer, and the interface's MTU of 1500 limits what can leave.
    sizes = [14, 60, 61, 128, 1000, 1506]
    for i, size in enumerate(sizes * 20):
        wires[0].socket.send(frame(i, size))
    for i, size in enumerate(sizes * 20):
        assert wires[1].socket.recv(4096) == expected(i, size)
    assert wired.drain(10)
    stats = {s.port: s for s in wired.port_stats()}
    assert (stats[1].name, stats[2].name) == (wires[0].near, wires[1].near)
    assert (stats[1].rx_packets, stats[1].rx_bytes, stats[1].rx_dropped) == (120, 20 * sum(sizes), 0)
    assert (stats[2].tx_packets, stats[2].tx_bytes) == (120, 20 * (sum(sizes) + 8 * len(sizes)))


def test_vlan_tags_survive(wired: Bench, wires: list[Wire]) -> None:
    tag = b"\x81\x00\x60\x05"
    wires[0].socket.send(frame(7, 64, tag))
    # The far end's kernel takes the tag out of what it receives as well, eight bytes further on.
    received = wires[1].socket.recv(4096)
    assert len(received) in (72, 68)
    assert received[:12] == expected(7, 64, tag)[:12]
    assert wired.drain(10)
    stats = {s.port: s for s in wired.port_stats()}
    assert stats[2].tx_bytes == 72


def test_too_long_frames_are_counted(wired: Bench, wires: list[Wire]) -> None:
    wires[0].socket.send(frame(1, 1514))
    wires[0].socket.send(frame(2))
    assert wires[1].socket.recv(4096) == expected(2)
    assert wired.drain(10)
    assert {s.port: s.tx_dropped for s in wired.port_stats()}[2] == 1


def test_ports_come_and_go(wired: Bench, wires: list[Wire]) -> None:
    with pytest.raises(InvalidValue, match="in use"):
        wired.add_interface(1, wires[0].near)
    wired.remove_port(2)
    wired.add_memory_port(2)
    wires[0].socket.send(frame(3))
    out: list[tuple[int, bytes]] = []
    while not out:
        assert wired.drain(10)
        out = wired.collect()
    assert out == [(2, expected(3))]
    wired.remove_port(2)
    wired.add_interface(2, wires[1].near)
    wires[0].socket.send(frame(4))
    assert wires[1].socket.recv(4096) == expected(4)


def test_a_vanished_interface_only_loses_packets(wired: Bench, wires: list[Wire]) -> None:
    subprocess.run(["ip", "link", "set", wires[1].near, "down"], check=True)
    wires[0].socket.send(frame(1))
    while {s.port: s.tx_dropped for s in wired.port_stats()}[2] == 0:
        assert wired.drain(10)
    subprocess.run(["ip", "link", "set", wires[1].near, "up"], check=True)
    for i in range(2, 200):
        wires[0].socket.send(frame(i))
        assert wires[1].socket.recv(4096) == expected(i)


def exchange(wires: list[Wire], sizes: list[int], burst_frames: int = 40) -> None:
    for start in range(0, 4000, burst_frames):
        burst = [(i, sizes[i % len(sizes)]) for i in range(start, start + burst_frames)]
        for i, size in burst:
            wires[0].socket.send(frame(i, size))
        for i, size in burst:
            assert wires[1].socket.recv(16384) == expected(i, size)


def test_more_frames_than_fit_into_the_rings(wired: Bench, wires: list[Wire]) -> None:
    exchange(wires, [60, 1506, 777])
    assert wired.drain(10)
    stats = {s.port: s for s in wired.port_stats()}
    assert (stats[1].rx_packets, stats[2].tx_packets, stats[2].tx_dropped) == (4000, 4000, 0)


def test_frames_of_more_than_a_page(bench: Callable[[str], Bench], wires: list[Wire]) -> None:
    for wire in wires:
        for name in (wire.near, wire.far):
            subprocess.run(["ip", "link", "set", name, "mtu", "9000"], check=True)
    engine = bench("paths")
    for port, wire in zip((1, 2), wires, strict=True):
        engine.remove_port(port)
        engine.add_interface(port, wire.near)
    exchange(wires, [60, 8000, 4097], 4)


def test_two_ports_on_one_interface(wired: Bench, wires: list[Wire]) -> None:
    wired.add_interface(4, wires[1].near)
    exchange(wires, [60])
    wired.remove_port(2)
    wired.add_interface(2, wires[1].near)
    exchange(wires, [60, 100])


def datagram(flow: int, number: int, back: bool) -> bytes:
    """Of a UDP flow that its length tells, or of its other direction."""
    ends = [(bytes([10, 0, 0, 1]), 1000 + flow), (bytes([10, 0, 0, 2]), 53)]
    (src, sport), (dst, dport) = reversed(ends) if back else ends
    size = 26 + flow
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, number, 0, 64, 17, 0) + src + dst
    udp = struct.pack("!HHHH", sport, dport, size, 0)
    return struct.pack("!BBH", 0, flow, number) + bytes(8) + b"\x08\0" + ip + udp + bytes(size - 8)


def takers(log: Path, workers: int) -> dict[tuple[int, int], set[int]]:
    """Who took the frames of each flow at each port: the log gives worker w the numbers w modulo ``workers``."""
    ports: dict[str, int] = {}
    found: dict[tuple[int, int], set[int]] = {}
    for line in log.read_text().splitlines():
        number = line.split("[trace] [")[1].split(".")[0]
        if "received on port" in line:
            ports[number] = int(line.rsplit(" ", 1)[1])
        if match := re.search(r"Transmitting packet of size (\d+)", line):
            flow = int(match[1]) - len(datagram(0, 0, False)) - 8
            found.setdefault((ports[number], flow), set()).add(int(number) % workers)
    assert len(ports) == 2 * FLOWS * EACH
    return found


@pytest.mark.parametrize("spread", ["flow", "port"])
def test_frames_are_spread_among_workers(
    bench: Callable[..., Bench], wires: list[Wire], tmp_path: Path, spread: str
) -> None:
    """Every frame comes out once; each flow has one worker and keeps its order."""
    engine = bench("paths", spread)
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        engine.start_trace(log)
        engine.load((PROGRAMS / "paths.json").read_bytes())
        for port, wire in zip((1, 2), wires, strict=True):
            engine.remove_port(port)
            engine.add_interface(port, wire.near)
        seen = []
        for number in range(EACH):
            for flow in range(FLOWS):
                wires[0].socket.send(datagram(flow, number, back=False))
                wires[1].socket.send(datagram(flow, number, back=True))
            seen += [wires[1].socket.recv(4096) for _ in range(2 * FLOWS)]
        assert engine.drain(10)
        engine.stop_trace()
    finally:
        os.close(log)
    for port, back in ((1, False), (2, True)):
        for flow in range(FLOWS):
            mine = [data for data in seen if data[1] == flow and data[9] == port]
            sent = [datagram(flow, number, back) for number in range(EACH)]
            heads = [struct.pack("!BBHBBHHH", 0, flow, n + 1, 0, 0, len(data), port, 1) for n, data in enumerate(sent)]
            assert mine == [head + data[4:] for head, data in zip(heads, sent, strict=True)]
    taken = takers(tmp_path / "log", engine.workers)
    assert set(taken) == {(port, flow) for port in (1, 2) for flow in range(FLOWS)}
    if spread == "port":
        assert all(by == {port % engine.workers} for (port, _), by in taken.items())
    else:
        assert all(len(by) == 1 and by == taken[1, flow] for (_, flow), by in taken.items())
        assert set().union(*taken.values()) == set(range(engine.workers))


def test_captures_have_the_frames_of_the_wire(wired: Bench, wires: list[Wire], tmp_path: Path) -> None:
    wired.start_pcap(str(tmp_path))
    wires[0].socket.send(frame(1, 64, b"\x81\x00\x60\x05"))
    wires[1].socket.recv(4096)
    assert wired.drain(10)
    wired.stop_pcap()
    assert [data for data, _ in RawPcapReader(str(tmp_path / f"{wires[0].near}_in.pcap"))] == [
        frame(1, 64, b"\x81\x00\x60\x05")
    ]
    assert [data for data, _ in RawPcapReader(str(tmp_path / f"{wires[1].near}_out.pcap"))] == [
        expected(1, 64, b"\x81\x00\x60\x05")
    ]
