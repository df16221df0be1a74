"""What bench.bulk makes of what it measured, and its round trips over loopback."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from bench import bulk_results, pingpong, results
from bench.bulk import REFERENCE, Bulk, Transfer, cases
from topo.process import Process, poll


def measured(name: str, speed: float, own: float = 0.0) -> Bulk:
    bulk = Bulk(name)
    for number, case in enumerate(cases(), 1):
        bulk.transfers[case] += [Transfer(speed * number, 4.0, 2 * own, 3.0), Transfer(speed, 2.0, own, 1.5)]
    bulk.trips += [{"p50": 30.0, "p99": 99.0}, {"p50": 20.0, "p99": 120.0}]
    return bulk


def test_the_best_counts_and_ratios_are_to_nftables() -> None:
    found = [measured(REFERENCE, 2.0), measured("p4soft, FULLNAT", 3.0, own=0.5), Bulk("haproxy", "not on PATH")]
    lines = bulk_results.markdown(found, 3.0)
    assert f"| {REFERENCE} | 2.0 (1.00) | 4.0 (1.00) | 6.0 (1.00) | 8.0 (1.00) |" in lines
    assert "| p4soft, FULLNAT | 3.0 (1.50) | 6.0 (1.50) | 9.0 (1.50) | 12.0 (1.50) |" in lines
    assert "| p4soft, FULLNAT | 2.00 (0.50) | 2.00 (0.50) | 2.00 (0.50) | 2.00 (0.50) |" in lines
    assert f"| {REFERENCE} | 2.00 | 2.00 | 2.00 | 2.00 |" in lines
    assert "| p4soft, FULLNAT | 1.5 | 1.5 | 1.5 | 1.5 |" in lines
    assert "| p4soft, FULLNAT | 20 µs | 99 µs |" in lines
    assert lines.count("| haproxy | not measured: not on PATH | | | |") == 5


def test_only_a_part(tmp_path: Path) -> None:
    part = results.Measured(bulk=[measured(REFERENCE, 2.0), measured("p4soft, FULLNAT", 3.0)], bulk_seconds=3.0)
    text = results.markdown(part, 0.0)
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## Bulk TCP and round trips"]
    results.plot(part, tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 10_000
    results.plot(results.Measured(), tmp_path / "nothing.png")
    assert not (tmp_path / "nothing.png").exists()


def test_round_trips(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Process(
        "pingpong", [sys.executable, "-m", "bench.pingpong", "serve", str(port)], namespace=None, logs=tmp_path
    )
    try:
        poll(lambda: "ready" in server.output, 10, "the server listens")
        found = pingpong.ask("127.0.0.1", port, 0.1)
    finally:
        server.stop()
    assert found["count"] > 0
    assert 0 < found["p50"] <= found["p99"]
    with pytest.raises(ConnectionRefusedError):
        pingpong.ask("127.0.0.1", port, 0.1)
