"""What bench.connecting makes of what it measured, and its accounts of processor time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import connecting_results, http_load, usage
from bench.connecting import Connecting, Spent, devices
from topo.process import Process, ProcessFailed, poll


def measured(name: str, rate: float, goodput: float | None = None, http: float | None = None) -> Connecting:
    spent = {"forwarding": Spent(60, 20), "clients": Spent(1, 40), "servers": Spent(2, 30.4)}
    return Connecting(name, rate, {"p50": 290.0, "p99": 1500.0}, spent, goodput, http)


def test_ratios_are_to_the_first_and_what_was_not_measured_is_said() -> None:
    found = [
        Connecting("Linux nftables DNAT+SNAT", skipped="nft is not on PATH"),
        measured("haproxy, TCP", 10_000, 0.99, 9_000),
        measured("p4soft inside the controller", 6_000, 0.904),
    ]
    lines = connecting_results.markdown(found)
    assert "| Linux nftables DNAT+SNAT | not measured: nft is not on PATH | | | | | |" in lines
    assert "| haproxy, TCP | 10,000 | 1.00 | 0.29 ms | 1.50 ms | 99% | 9,000 |" in lines
    assert "| p4soft inside the controller | 6,000 | 0.60 | 0.29 ms | 1.50 ms | 90% |  |" in lines
    assert "| p4soft inside the controller | 60 + 20 | 1 + 40 | 2 + 30 |" in lines
    assert "not measured: nft is not on PATH" in connecting_results.line(found[0])
    assert "10,000 new TCP sessions/s, 99% at 2 times that; quiet 290 us" in connecting_results.line(found[1])
    assert "6,000 new TCP sessions/s; quiet" in connecting_results.line(measured("x", 6_000))


def test_every_device_has_a_name_of_its_own_and_tells_why_it_is_not_there() -> None:
    found = devices("no BMv2")
    assert len({device.name for device in found}) == len(found) == 5
    assert found[-1].unavailable == "no BMv2"


def test_processor_time_is_told_in_user_and_kernel_mode(tmp_path: Path) -> None:
    busy = "import os\nprint('ready', flush=True)\nwhile True: os.getppid()\n"
    process = Process("busy", [sys.executable, "-c", busy], namespace=None, logs=tmp_path)
    try:
        before = usage.times([process])
        poll(lambda: (usage.times([process]) - before).user > 0.05, 30, "some time was spent")
    finally:
        process.stop()
    assert usage.ended().user > 0


def test_a_rate_that_wrk_does_not_tell_is_a_failure() -> None:
    assert http_load.rate("Requests/sec:   1234.56\n") == 1234.56
    with pytest.raises(ProcessFailed, match="unable to connect"):
        http_load.rate("unable to connect")
