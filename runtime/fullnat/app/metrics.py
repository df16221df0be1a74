"""A Prometheus endpoint: GET /metrics answers with a fresh reading of the controller and its switch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fullnat.api.listener import ApiError
from fullnat.app.snapshot import Json, Snapshots
from fullnat.core.stats import NAMES

REQUEST_SECONDS = 10.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LOGGER = logging.getLogger(__name__)
_SERVER_LABELS = ("protocol", "virtual", "server", "mode")
_SERVER_COUNTERS = {
    "connections": "Sessions created",
    "unanswered": "Sessions that ended without any answer of the real server",
    "in_packets": "Packets from clients",
    "in_bytes": "Bytes from clients",
    "out_packets": "Packets from the real server",
    "out_bytes": "Bytes from the real server",
}
_SERVER_GAUGES = {
    "active": "Sessions in state ESTABLISHED",
    "inactive": "Sessions in other states",
    "weight": "Configured weight",
}


class _Reading(Collector):
    """The metrics of one snapshot."""

    def __init__(self, stats: Json) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats
        yield GaugeMetricFamily(
            "fullnat_switch_up", "1 while the switch is served", value=stats["switch"]["state"] == "serving"
        )
        for name, help_text in _SERVER_GAUGES.items():
            gauge = GaugeMetricFamily(f"fullnat_server_{name}", help_text, labels=_SERVER_LABELS)
            self._per_server(gauge, name)
            yield gauge
        for name, help_text in _SERVER_COUNTERS.items():
            counter = CounterMetricFamily(f"fullnat_server_{name}", help_text, labels=_SERVER_LABELS)
            self._per_server(counter, name)
            yield counter
        for group, label in (("drops", "reason"), ("punts", "reason"), ("toa", "result")):
            for unit in ("packets", "bytes") if group != "toa" else ("packets",):
                family = CounterMetricFamily(f"fullnat_{group}_{unit}", f"{group}, in {unit}", labels=(label,))
                for name, cell in stats[group].items():
                    family.add_metric((name,), cell[unit])
                yield family
        for name in ("used", "free"):
            gauge = GaugeMetricFamily(f"fullnat_local_ports_{name}", f"Local ports {name}", labels=("local",))
            for local in stats["local_addresses"]:
                gauge.add_metric((local["address"],), local[name])
            yield gauge
        yield GaugeMetricFamily("fullnat_sessions", "Sessions now", value=stats["controller"].get("sessions", 0))
        for name, help_text in NAMES.items():
            # LVS's names begin with it.
            metric = f"fullnat_{name.removeprefix('fullnat_')}"
            yield CounterMetricFamily(metric, help_text, value=stats["controller"].get(name, 0))

    def _per_server(self, family: GaugeMetricFamily | CounterMetricFamily, name: str) -> None:
        for service in self._stats["services"]:
            for server in service["servers"]:
                labels = service["protocol"], service["virtual"], server["server"], server["mode"]
                family.add_metric(labels, server[name])


def described() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Name, type, labels and meaning of every metric, as Prometheus shows them."""
    cells = {"packets": 0, "bytes": 0}
    unnamed = dict.fromkeys(_SERVER_LABELS, "")
    one: Json = {**unnamed, **dict.fromkeys((*_SERVER_GAUGES, *_SERVER_COUNTERS), 0)}
    reading: Json = {
        "switch": {"state": ""},
        "services": [{**one, "servers": [one]}],
        "local_addresses": [{"address": "", "used": 0, "free": 0}],
        "controller": {},
        **{group: {"": cells} for group in ("drops", "punts", "toa")},
    }
    for family in _Reading(reading).collect():
        suffix = "_total" if family.type == "counter" else ""
        labels = tuple(family.samples[0].labels) if family.samples else ()
        yield family.name + suffix, family.type, labels, family.documentation


def render(stats: Json) -> bytes:
    """A snapshot in the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(_Reading(stats))
    return generate_latest(registry)


async def serve_metrics(address: tuple[str, int], snapshots: Snapshots) -> Callable[[], Awaitable[None]]:
    """Listen at ``address``; returns what stops it. Raises ApiError when the address cannot be had."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_SECONDS)
            if head.split(b" ", 2)[:2] == [b"GET", b"/metrics"]:
                status, body = "200 OK", render(await snapshots.stats())
            else:
                status, body = "404 Not Found", b"only GET /metrics\n"
            header = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
            writer.write(header.encode() + b"Connection: close\r\n\r\n" + body)
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            _LOGGER.debug("metrics connection: %s", error)
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(serve, *address)
    except OSError as error:
        raise ApiError(f"cannot serve metrics at {address[0]}:{address[1]}: {error.strerror}") from None

    async def stop() -> None:
        server.close()

    return stop
