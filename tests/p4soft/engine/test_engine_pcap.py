"""Captures: what ports receive and send, in pcap files that other tools read."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from enginekit import CPU_PORT, Bench, with_workers
from p4soft.api import InvalidValue
from scapy.utils import RawPcapReader

Make = Callable[[str], Bench]


def frames(path: Path) -> list[bytes]:
    """As scapy reads them; every time is of the last minute."""
    with RawPcapReader(str(path)) as reader:
        assert reader.linktype == 1
        assert reader.nano
        out = []
        for data, head in reader:
            assert head.wirelen == head.caplen == len(data)
            assert head.usec < 1_000_000_000
            assert 0 <= time.time() - (head.sec + head.usec / 1e9) < 60
            out.append(data)
        return out


def to_port_2(mark: int, size: int = 60) -> bytes:
    return struct.pack("!BBH", 0, 0, mark).ljust(size, b".")


@with_workers
def test_every_port_has_two_files_with_all_frames_in_order(bench: Make, tmp_path: Path) -> None:
    engine = bench("paths")
    engine.start_pcap(str(tmp_path))
    sent = [to_port_2(i, 20 + 13 * i) for i in range(100)]
    for data in sent:
        engine.inject(1, data)
    assert engine.drain(10)
    left = engine.collect()
    assert [port for port, _ in left] == [2] * 100
    engine.stop_pcap()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f"port{port}_{way}.pcap" for port in (1, 2, 3) for way in ("in", "out")
    )
    assert frames(tmp_path / "port1_in.pcap") == sent
    assert frames(tmp_path / "port2_out.pcap") == [data for _, data in left]
    for name in ("port1_out", "port2_in", "port3_in", "port3_out"):
        assert frames(tmp_path / f"{name}.pcap") == []
    assert engine.drops()["pcap"] == 0


def test_nothing_is_captured_before_the_start_and_after_the_end(bench: Make, tmp_path: Path) -> None:
    engine = bench("paths")
    engine.send(to_port_2(1))
    engine.start_pcap(str(tmp_path))
    engine.send(to_port_2(2))
    engine.stop_pcap()
    engine.stop_pcap()
    engine.send(to_port_2(3))
    assert frames(tmp_path / "port1_in.pcap") == [to_port_2(2)]
    engine.start_pcap(str(tmp_path))
    engine.send(to_port_2(4))
    engine.stop_pcap()
    assert frames(tmp_path / "port1_in.pcap") == [to_port_2(4)]


def test_frames_are_in_the_file_while_the_switch_runs(bench: Make, tmp_path: Path) -> None:
    engine = bench("paths")
    engine.start_pcap(str(tmp_path))
    for i in range(3):
        engine.send(to_port_2(i))
        deadline = time.monotonic() + 10
        while len(frames(tmp_path / "port1_in.pcap")) <= i:
            assert time.monotonic() < deadline
            time.sleep(0.002)


def test_files_are_complete_when_the_engine_closes(bench: Make, tmp_path: Path) -> None:
    engine = bench("paths")
    engine.start_pcap(str(tmp_path))
    sent = [to_port_2(i, 1400) for i in range(2000)]
    for data in sent:
        engine.inject(1, data)
    assert engine.drain(10)
    engine.close()
    assert frames(tmp_path / "port1_in.pcap") == sent


def test_ports_come_and_go_while_captured(bench: Make, tmp_path: Path) -> None:
    engine = bench("paths")
    engine.start_pcap(str(tmp_path))
    engine.inject(1, to_port_2(1))
    assert engine.drain(10)
    engine.remove_port(1)
    assert frames(tmp_path / "port1_in.pcap") == [to_port_2(1)]
    engine.inject(1, to_port_2(2))
    engine.inject(CPU_PORT, to_port_2(3))
    assert engine.drain(10)
    engine.add_memory_port(7)
    engine.inject(7, to_port_2(4))
    assert engine.drain(10)
    engine.stop_pcap()
    assert frames(tmp_path / "port1_in.pcap") == [to_port_2(1)]
    assert frames(tmp_path / "port7_in.pcap") == [to_port_2(4)]


def test_tcpdump_reads_them(bench: Make, tmp_path: Path) -> None:
    if shutil.which("tcpdump") is None:
        pytest.skip("no tcpdump")
    engine = bench("paths")
    engine.start_pcap(str(tmp_path))
    for i in range(3):
        engine.send(to_port_2(i))
    engine.stop_pcap()
    # From standard input: tcpdump may give up its privileges before it opens a file.
    with (tmp_path / "port1_in.pcap").open("rb") as file:
        done = subprocess.run(["tcpdump", "-nn", "-r", "-"], stdin=file, capture_output=True, text=True, check=True)
    assert len([line for line in done.stdout.splitlines() if not line.startswith("\t")]) == 3


def test_what_cannot_be_captured_is_said(bench: Make, tmp_path: Path) -> None:
    engine = bench("paths")
    with pytest.raises(InvalidValue, match="it is not a directory"):
        engine.start_pcap(str(tmp_path / "nowhere"))
    (tmp_path / "port2_out.pcap").mkdir()
    with pytest.raises(InvalidValue, match=r"port2_out\.pcap: Is a directory"):
        engine.start_pcap(str(tmp_path))
    (tmp_path / "port2_out.pcap").rmdir()
    engine.start_pcap(str(tmp_path))
    with pytest.raises(InvalidValue, match="already"):
        engine.start_pcap(str(tmp_path))
    (tmp_path / "port9_in.pcap").mkdir()
    with pytest.raises(InvalidValue, match=r"port9_in\.pcap"):
        engine.add_memory_port(9)
    assert [s.port for s in engine.port_stats()] == [1, 2, 3]


def test_a_writer_that_hangs_never_stops_packets(bench: Make, tmp_path: Path) -> None:
    engine = bench("paths")
    os.mkfifo(tmp_path / "port1_in.pcap")
    reader = os.open(tmp_path / "port1_in.pcap", os.O_RDONLY | os.O_NONBLOCK)
    engine.start_pcap(str(tmp_path))
    count = 0
    while engine.drops()["pcap"] < 10:
        assert len(engine.send(to_port_2(1, 60_000))) == 1
        count += 1
        assert count < 2000
    assert count > 100
    os.close(reader)
    engine.stop_pcap()
    assert 10 <= engine.drops()["pcap"] <= 2 * count


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_loses_only_the_capture(bench: Make, tmp_path: Path) -> None:
    engine = bench("paths")
    engine.start_pcap(str(tmp_path))
    (tmp_path / "port8_in.pcap").symlink_to("/dev/full")
    with pytest.raises(InvalidValue, match="No space left"):
        engine.add_memory_port(8)
    assert len(engine.send(to_port_2(1))) == 1
