"""What Prometheus is told: names that say where they are from, once."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import subprocess
from random import Random
from typing import Any, cast

import pytest
from cli.samples import CONFIG_TEXT
from fullnat.app.group.shown import switch_json
from fullnat.app.metrics import (
    _HISTOGRAMS,
    _SERVER_COUNTERS,
    _SERVER_GAUGES,
    _SERVER_SECONDS,
    _SWITCH_COUNTERS,
    described,
    render,
    serve_metrics,
)
from fullnat.app.runner import CoreRunner
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.config import file
from fullnat.core.controller import Controller
from fullnat.core.interface import Sizes
from fullnat.core.stats import NAMES, new_stats
from fullnat.p4rt.client import Client
from p4rt.waiting import until
from prometheus_client.parser import text_string_to_metric_families

GOOD, BAD = 'result="succeeded",', 'result="failed",'
CHECKS = [
    {"type": "http", "succeeded": 7, "failed": 2, "seconds": 0.25},
    {"type": "tcp", "succeeded": 1, "failed": 0, "seconds": 0.5},
    {"type": "http", "succeeded": 1, "failed": 3, "seconds": 0.125},
]
SERVER: dict[str, Any] = {
    **dict.fromkeys((*_SERVER_GAUGES, *_SERVER_SECONDS, *_SERVER_COUNTERS), 0),
    "server": "10.0.0.11:53",
    "mode": "fullnat",
    "check_counts": CHECKS,
}
SERVICE: dict[str, Any] = {
    "protocol": "udp",
    "virtual": "203.0.113.80:53",
    "connections": 9,
    "unanswered": 2,
    "templates": 5,
    "persistent": 3,
    "has_quorum": False,
    "half_open": 7,
    "cookies_for": 61.5,
    "refused": {"service_full": 4, "no_local_port": 1},
    "servers": [SERVER],
}
HISTOGRAM = {"bounds": [0.001, 0.5], "counts": [1, 4, 5], "sum": 2.5}
LOCAL = {"address": "10.0.1.1", "used": 7, "free": 8, "connections": 21, "conflicts": 3, "exhausted": 1}


def stats(controller: dict[str, int]) -> dict[str, Any]:
    return {
        "switch": {"state": "serving", "events": {"PacketIn": 3}, **dict.fromkeys(_SWITCH_COUNTERS, 6)},
        "queues": {"openings": 2},
        "histograms": dict.fromkeys(_HISTOGRAMS, HISTOGRAM),
        "session_log": {"written": 8, "dropped": 1},
        "switches": [switch_json("left", "filling", "serving", "", 1, 20, behind=3, filled=0.25, fills=2, takeovers=4)],
        "services": [SERVICE],
        "local_addresses": [LOCAL],
        "drops": {},
        "punts": {},
        "toa": {},
        "cookies": {},
        "controller": controller,
    }


def test_every_counter_has_one_name() -> None:
    counted = new_stats() | {"fullnat_conn_reused": 3, "syn_received": 4, "sessions": 5}
    families = {family.name: family for family in text_string_to_metric_families(render(stats(counted)).decode())}
    names = [name for name in families if not name.endswith("_created")]
    assert all(name.startswith("fullnat_") and not name.startswith("fullnat_fullnat_") for name in names)
    assert {f"fullnat_{name.removeprefix('fullnat_')}" for name in NAMES} <= families.keys()
    values = {name: families[name].samples[0].value for name in ("fullnat_conn_reused", "fullnat_syn_received")}
    assert values == {"fullnat_conn_reused": 3, "fullnat_syn_received": 4}
    assert families["fullnat_sessions"].samples[0].value == 5


def test_services_and_local_addresses_have_counters_of_their_own() -> None:
    lines = render(stats({})).decode().splitlines()
    of, local = 'protocol="udp",virtual="203.0.113.80:53"', 'local="10.0.1.1"'
    assert {
        f"fullnat_service_connections_total{{{of}}} 9.0",
        f"fullnat_service_unanswered_total{{{of}}} 2.0",
        'fullnat_service_refused_total{protocol="udp",reason="service_full",virtual="203.0.113.80:53"} 4.0',
        'fullnat_service_refused_total{protocol="udp",reason="no_local_port",virtual="203.0.113.80:53"} 1.0',
        f"fullnat_local_ports_used{{{local}}} 7.0",
        f"fullnat_local_ports_free{{{local}}} 8.0",
        f"fullnat_local_connections_total{{{local}}} 21.0",
        f"fullnat_local_conflicts_total{{{local}}} 3.0",
        f"fullnat_local_exhausted_total{{{local}}} 1.0",
    } <= set(lines)


def test_histograms_queues_and_the_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    read = stats({})
    read["switches"].append(switch_json("right", "active", "serving", "", 1, 20, takeovers=1, why="left: x", ago=60.0))
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    lines = render(read).decode().splitlines()
    assert [line for line in lines if line.startswith("fullnat_member_took_over")] == [
        'fullnat_member_took_over_timestamp_seconds{switch="right"} 1.69999994e+09'
    ]
    assert {
        'fullnat_session_setup_seconds_bucket{le="0.001"} 1.0',
        'fullnat_session_setup_seconds_bucket{le="0.5"} 4.0',
        'fullnat_session_setup_seconds_bucket{le="+Inf"} 5.0',
        "fullnat_session_setup_seconds_count 5.0",
        "fullnat_session_setup_seconds_sum 2.5",
        "fullnat_session_wait_seconds_sum 2.5",
        "fullnat_p4runtime_write_seconds_sum 2.5",
        'fullnat_queue_length{queue="openings"} 2.0',
        'fullnat_events_total{event="PacketIn"} 3.0',
        "fullnat_switch_failed_updates_total 6.0",
        "fullnat_session_log_written_total 8.0",
        "fullnat_session_log_dropped_total 1.0",
        'fullnat_member_role{role="filling",switch="left"} 1.0',
        'fullnat_member_filled_ratio{switch="left"} 0.25',
        'fullnat_member_behind_updates{switch="left"} 3.0',
        'fullnat_member_sessions{switch="left"} 20.0',
        'fullnat_member_takeovers_total{switch="left"} 4.0',
        'fullnat_member_fills_total{switch="left"} 2.0',
    } <= set(lines)


async def test_metrics_without_a_switch() -> None:
    """That is when they are looked at."""
    runner = CoreRunner(Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1)))
    runner.reconfigure(file.parse(CONFIG_TEXT))
    snapshots = Snapshots(runner, SwitchOwner(runner, Client))  # type: ignore[arg-type]
    lines = render(await snapshots.stats()).decode().splitlines()
    assert {"fullnat_switch_up 0.0", "fullnat_sessions 0.0"} <= set(lines)
    assert any(line.startswith("fullnat_server_healthy{") for line in lines)


def test_names_have_unit_and_kind() -> None:
    """https://prometheus.io/docs/practices/naming: base units; counters alone end in _total."""
    for name, kind, labels, meaning in described():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|millis|us|minutes|kb|mb|bits)(_|$)", name), name
        assert kind != "histogram" or name.endswith("_seconds"), name
        assert "seconds" not in meaning.lower() or "_seconds" in name, name
        assert meaning.strip(), name
        assert len(set(labels)) == len(labels), name


def test_a_server_of_several_services_and_modes_is_told_apart() -> None:
    """gen2brain/keepalived_exporter#6: a server in two services collided by its labels."""
    other = SERVICE | {"virtual": "203.0.113.81:53", "servers": [SERVER, SERVER | {"mode": "nat", "check_counts": []}]}
    found = stats({}) | {"services": [SERVICE, other, SERVICE | {"protocol": "tcp"}]}
    samples = [line.rpartition(" ")[0] for line in render(found).decode().splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    assert sum(name.startswith("fullnat_server_active{") for name in samples) == 4


def test_checks_are_counted_by_type_and_result() -> None:
    lines = render(stats({})).decode().splitlines()
    of = 'protocol="udp",{}server="10.0.0.11:53",type="{}",virtual="203.0.113.80:53"'
    assert {
        f"fullnat_checks_total{{{of.format(GOOD, 'http')}}} 8.0",
        f"fullnat_checks_total{{{of.format(BAD, 'http')}}} 5.0",
        f"fullnat_checks_total{{{of.format(GOOD, 'tcp')}}} 1.0",
        f"fullnat_checks_total{{{of.format(BAD, 'tcp')}}} 0.0",
        f"fullnat_check_seconds{{{of.format('', 'http')}}} 0.25",
        f"fullnat_check_seconds{{{of.format('', 'tcp')}}} 0.5",
        'fullnat_service_has_quorum{protocol="udp",virtual="203.0.113.80:53"} 0.0',
        'fullnat_service_half_open{protocol="udp",virtual="203.0.113.80:53"} 7.0',
        'fullnat_service_cookies_for_seconds{protocol="udp",virtual="203.0.113.80:53"} 61.5',
    } <= set(lines)


def test_a_connection_that_is_open_when_we_end_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()

    async def ends() -> None:
        before = asyncio.all_tasks()
        stop = await serve_metrics(address, cast(Snapshots, None))
        _, writer = await asyncio.open_connection(*address)
        with contextlib.closing(writer):
            await until(lambda: asyncio.all_tasks() != before)
            await stop()

    asyncio.run(ends())
    assert caplog.records == []


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: it is in the package prometheus"
)
def test_prometheus_finds_nothing_to_mend() -> None:
    """Names with base units, _total for counters and for nothing else, help, and no sample twice."""
    counted = new_stats() | {"fullnat_conn_reused": 3}
    everything = render(stats(counted) | {"drops": {"NO_ROUTE": {"packets": 1, "bytes": 2}}})
    done = subprocess.run(["promtool", "check", "metrics"], input=everything, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


async def test_head_of_the_metrics_has_no_body() -> None:
    runner = CoreRunner(Controller(Sizes(1 << 10, 1 << 10), bytes(32), Random(1)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    stop = await serve_metrics(address, Snapshots(runner, SwitchOwner(runner, Client)))  # type: ignore[arg-type]
    for path, status in (("/metrics", b"200 OK"), ("/", b"404 Not Found")):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(f"HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status)
        assert body == b""
        writer.close()
    await stop()
