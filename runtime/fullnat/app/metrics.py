"""A Prometheus endpoint: GET /metrics answers with a fresh reading of the controller and its switch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from fullnat.api.listener import ApiError
from fullnat.app.shown import Json
from fullnat.app.snapshot import Snapshots
from fullnat.core.stats import NAMES

REQUEST_SECONDS = 10.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Family = TypeVar("Family", GaugeMetricFamily, CounterMetricFamily)
_LOGGER = logging.getLogger(__name__)
_SERVER_LABELS = ("protocol", "virtual", "server", "mode")
_SERVER_COUNTERS = {
    "connections": "Sessions created",
    "unanswered": "Sessions that the real server never answered",
    "in_packets": "Packets from clients",
    "in_bytes": "Bytes from clients",
    "out_packets": "Packets from the real server",
    "out_bytes": "Bytes from the real server",
}
_LOCAL_GAUGES = {"used": "Local ports used", "free": "Local ports free"}
_LOCAL_COUNTERS = {
    "connections": "Sessions that took the local address",
    "conflicts": "Local ports found in use and passed over",
    "exhausted": "Times that no local port was free towards the wanted real server",
}
_SERVICE_LABELS = ("protocol", "virtual")
_SERVICE_COUNTERS = {
    "connections": "Sessions created, of real servers that have gone as well",
    "unanswered": "Those of them that ended without any answer of their real server",
    "persistent": "Sessions that went to the server remembered for their client",
}
_SERVER_GAUGES = {
    "active": "Sessions in state ESTABLISHED",
    "inactive": "Sessions in other states",
    "weight": "Configured weight",
    "effective_weight": "Weight that the scheduler goes by, beside those of the others",
    "templates": "Clients whose next connection goes to it",
    "healthy": "1 while health checks find nothing wrong with it, or there are none",
    "sorry": "1 for one that takes new sessions only while its service has no quorum",
    "on_duty": "1 while it takes new sessions by that",
    "full": "1 while it takes no new sessions because of its upper threshold",
}
_SERVER_SECONDS = {
    "out_for": "Since it takes no new sessions by configuration or command; 0: it does",
    "reset_in": "Until the sessions that it has left are reset; 0: they are not",
    "ejected": "Until it is tried again, after sessions that it did not take; 0: it takes what it gets",
}
"""Gauges as well, whose names end in their unit."""
_SWITCH_COUNTERS = {
    "connects": "Connections to the switch",
    "pipeline_pushes": "Times that the switch was given its program",
    "orphans": "Half sessions found on the switch and deleted",
    "write_requests": "Write requests of P4Runtime",
    "updates": "Updates in them",
    "failed_updates": "Of those, updates that the switch refused",
    "packet_outs": "Packets given to the switch",
    "stream_errors": "Messages of the stream that the switch refused",
    "core_errors": "Events on which the controller failed; the log has each",
}
_MEMBER_GAUGES = {
    "filled": ("_ratio", "How much it holds of what the active switch does, from 0 to 1"),
    "behind": ("_updates", "Updates that it has yet to take to hold what the active switch does"),
    "sessions": ("", "Sessions that it holds"),
    "neighbors": ("", "Routers that what announces it is to talk to"),
    "neighbors_up": ("", "Those that it talks to"),
}
"""Of each switch of a group; with their units."""
_MEMBER_COUNTERS = {
    "takeovers": "Times that it became active in the place of another switch",
    "fills": "Times that it was filled",
    "bgp_changes": "Times that what announces it was told something new",
    "bgp_failures": "Times that it did not do what it was told",
}
_ETCD_GAUGES = {
    "up": ("fullnat_etcd_up", "1 while etcd has answered the last call"),
    "leads": ("fullnat_leader", "1 while this controller leads"),
    "unconfirmed_for": ("fullnat_leader_unconfirmed_seconds", "That it has led without a word of etcd's majority"),
    "memos_waiting": ("fullnat_etcd_memos_waiting", "Memos of clients and servers that etcd does not have yet"),
}
_ETCD_COUNTERS = {
    "elections": ("fullnat_elections", "Times that this controller has become the leader"),
    "memos_written": ("fullnat_etcd_memos_written", "Memos of clients and servers written to etcd"),
    "calls": ("fullnat_etcd_calls", "Calls to etcd"),
    "failures": ("fullnat_etcd_failures", "Those of them that no member has answered"),
}
"""Of several controllers that share etcd."""
_HISTOGRAMS = {
    "wait": ("fullnat_session_wait_seconds", "That SYNs and datagrams waited for the controller to take them up"),
    "setup": ("fullnat_session_setup_seconds", "From there until their session was in the switch"),
    "write": ("fullnat_p4runtime_write_seconds", "That Write requests of P4Runtime took"),
}
"""What :meth:`Snapshots.stats` calls them."""
_SESSION_LOG = {
    "written": "Lines of the session log",
    "dropped": "Lines lost for want of room in its queue, or of a place to write them to",
}
_SERVICE_GAUGES = {
    "templates": "Clients whose server is remembered",
    "has_quorum": "1 while servers of enough weight are up",
    "half_open": "Sessions whose handshake is not over",
}
_SERVICE_SECONDS = {
    "cookies_for": "For which every SYN has got a cookie, as too many sessions were half open; 0: not so",
}
_GROUPS = (
    ("drops", "reason", ("packets", "bytes"), "{} that the switch has dropped, by reason"),
    ("punts", "reason", ("packets", "bytes"), "{} that the switch has sent to the controller, by reason"),
    ("toa", "result", ("packets",), "{} of clients that were to get the option TOA, by what became of it"),
    ("cookies", "event", ("packets",), "SYN cookies, by what became of them: {} that have them"),
)
"""What the switch counts: name, label, units, and the meaning of a unit."""


class _Reading(Collector):
    """The metrics of one snapshot."""

    def __init__(self, stats: Json) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats
        yield GaugeMetricFamily(
            "fullnat_switch_up", "1 while the switch is served", value=stats["switch"]["state"] == "serving"
        )
        yield from self._switch()
        yield from self._members()
        yield from self._etcd()
        for names, unit in ((_SERVER_GAUGES, ""), (_SERVER_SECONDS, "_seconds")):
            for name, help_text in names.items():
                gauge = GaugeMetricFamily(f"fullnat_server_{name}{unit}", help_text, labels=_SERVER_LABELS)
                self._per_server(gauge, name)
                yield gauge
        for name, help_text in _SERVER_COUNTERS.items():
            counter = CounterMetricFamily(f"fullnat_server_{name}", help_text, labels=_SERVER_LABELS)
            self._per_server(counter, name)
            yield counter
        for group, label, units, help_text in _GROUPS:
            for unit in units:
                family = CounterMetricFamily(
                    f"fullnat_{group}_{unit}", _sentence(help_text.format(unit)), labels=(label,)
                )
                for name, cell in stats[group].items():
                    family.add_metric((name,), cell[unit])
                yield family
        yield from self._locals()
        yield from self._services()
        yield from self._checks()
        yield GaugeMetricFamily("fullnat_sessions", "Sessions now", value=stats["controller"].get("sessions", 0))
        for name, help_text in NAMES.items():
            # LVS's names begin with it.
            metric = f"fullnat_{name.removeprefix('fullnat_')}"
            yield CounterMetricFamily(metric, _sentence(help_text), value=stats["controller"].get(name, 0))

    def _switch(self) -> Iterator[Metric]:
        """What becomes of it, and what waits for it and for the controller."""
        stats = self._stats
        for name, help_text in _SWITCH_COUNTERS.items():
            yield CounterMetricFamily(f"fullnat_switch_{name}", help_text, value=stats["switch"][name])
        events = CounterMetricFamily("fullnat_events", "What the controller took up, by kind", labels=("event",))
        for kind, count in stats["switch"]["events"].items():
            events.add_metric((kind,), count)
        yield events
        queues = GaugeMetricFamily("fullnat_queue_length", "What waits now, by what it waits in", labels=("queue",))
        for name, depth in stats["queues"].items():
            queues.add_metric((name,), depth)
        yield queues
        for name, (metric, help_text) in _HISTOGRAMS.items():
            yield _histogram(metric, help_text, stats["histograms"][name])
        for name, words in (
            ("written", "written"),
            ("dropped", "lost: no room in its queue, or nowhere to write them"),
        ):
            value = stats["session_log"].get(name, 0)
            yield CounterMetricFamily(f"fullnat_session_log_{name}", f"Lines of the session log {words}", value=value)

    def _members(self) -> Iterator[Metric]:
        """The switches of a group, or the one that there is."""
        switches = self._stats["switches"]
        role = GaugeMetricFamily("fullnat_member_role", "1 for what the switch does", labels=("switch", "role"))
        for each in switches:
            role.add_metric((each["name"], each["role"]), 1)
        yield role
        mute = GaugeMetricFamily(
            "fullnat_member_mute",
            "1 while what is sent through the data plane of the switch does not come back",
            labels=("switch",),
        )
        for each in switches:
            mute.add_metric((each["name"],), each["state"] == "mute")
        yield mute
        announced = GaugeMetricFamily(
            "fullnat_member_announced", "1 for whether and how it is announced by BGP", labels=("switch", "announced")
        )
        for each in switches:
            if each["announced"]:
                announced.add_metric((each["name"], each["announced"]), 1)
        yield announced
        for name, (unit, help_text) in _MEMBER_GAUGES.items():
            gauge = GaugeMetricFamily(f"fullnat_member_{name}{unit}", help_text, labels=("switch",))
            for each in switches:
                gauge.add_metric((each["name"],), each[name])
            yield gauge
        for name, help_text in _MEMBER_COUNTERS.items():
            counter = CounterMetricFamily(f"fullnat_member_{name}", help_text, labels=("switch",))
            for each in switches:
                counter.add_metric((each["name"],), each[name])
            yield counter

    def _etcd(self) -> Iterator[Metric]:
        found = self._stats.get("etcd")
        if found:
            for name, (metric, help_text) in _ETCD_GAUGES.items():
                yield GaugeMetricFamily(metric, help_text, value=found[name])
            for name, (metric, help_text) in _ETCD_COUNTERS.items():
                yield CounterMetricFamily(metric, help_text, value=found[name])
            yield _histogram(
                "fullnat_etcd_call_seconds", "That calls to etcd took which were answered", found["seconds"]
            )

    def _locals(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for name, help_text in _LOCAL_GAUGES.items():
            families[name] = GaugeMetricFamily(f"fullnat_local_ports_{name}", help_text, labels=("local",))
        for name, help_text in _LOCAL_COUNTERS.items():
            families[name] = CounterMetricFamily(f"fullnat_local_{name}", help_text, labels=("local",))
        for name, family in families.items():
            for local in self._stats["local_addresses"]:
                family.add_metric((local["address"],), local[name])
            yield family

    def _services(self) -> Iterator[Metric]:
        for names, unit in ((_SERVICE_GAUGES, ""), (_SERVICE_SECONDS, "_seconds")):
            for name, help_text in names.items():
                yield self._per_service(GaugeMetricFamily, name, help_text, unit)
        for name, help_text in _SERVICE_COUNTERS.items():
            yield self._per_service(CounterMetricFamily, name, help_text)
        labels = (*_SERVICE_LABELS, "reason")
        family = CounterMetricFamily("fullnat_service_refused", "Flows that got no session", labels=labels)
        for service in self._stats["services"]:
            for reason, count in service["refused"].items():
                family.add_metric((service["protocol"], service["virtual"], reason), count)
        yield family

    def _checks(self) -> Iterator[Metric]:
        """Health checks; those of one type of a server are one."""
        labels = (*_SERVER_LABELS[:3], "type")
        count = CounterMetricFamily("fullnat_checks", "Health checks made, by result", labels=(*labels, "result"))
        took = GaugeMetricFamily("fullnat_check_seconds", "Time that the last health check took", labels=labels)
        for service in self._stats["services"]:
            for server in service["servers"]:
                of = service["protocol"], service["virtual"], server["server"]
                by_type: dict[str, list[Json]] = {}
                for check in server["check_counts"]:
                    by_type.setdefault(check["type"], []).append(check)
                for kind, checks in by_type.items():
                    for result in ("succeeded", "failed"):
                        count.add_metric((*of, kind, result), sum(check[result] for check in checks))
                    took.add_metric((*of, kind), max(check["seconds"] for check in checks))
        yield count
        yield took

    def _per_service(self, kind: type[Family], name: str, help_text: str, unit: str = "") -> Family:
        family = kind(f"fullnat_service_{name}{unit}", help_text, labels=_SERVICE_LABELS)
        for service in self._stats["services"]:
            family.add_metric((service["protocol"], service["virtual"]), service[name] or 0)
        return family

    def _per_server(self, family: GaugeMetricFamily | CounterMetricFamily, name: str) -> None:
        for service in self._stats["services"]:
            for server in service["servers"]:
                labels = service["protocol"], service["virtual"], server["server"], server["mode"]
                family.add_metric(labels, server[name] or 0)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def described() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Name, type, labels and meaning of every metric, as Prometheus shows them."""
    cells = {"packets": 0, "bytes": 0}
    unnamed = dict.fromkeys(_SERVER_LABELS, "")
    one: Json = {
        **unnamed,
        **dict.fromkeys(
            (
                *_SERVER_GAUGES,
                *_SERVER_SECONDS,
                *_SERVER_COUNTERS,
                *_SERVICE_GAUGES,
                *_SERVICE_SECONDS,
                *_SERVICE_COUNTERS,
            ),
            0,
        ),
        "check_counts": [{"type": "", "succeeded": 0, "failed": 0, "seconds": 0.0}],
    }
    nothing = {"bounds": (), "counts": (0,), "sum": 0.0}
    reading: Json = {
        "switch": {"state": "", "events": {"": 0}, **dict.fromkeys(_SWITCH_COUNTERS, 0)},
        "queues": {"": 0},
        "histograms": dict.fromkeys(_HISTOGRAMS, nothing),
        "session_log": {},
        "switches": [
            {
                "name": "",
                "role": "",
                "state": "",
                "announced": "-",
                **dict.fromkeys((*_MEMBER_GAUGES, *_MEMBER_COUNTERS), 0),
            }
        ],
        "etcd": {"seconds": nothing, **dict.fromkeys((*_ETCD_GAUGES, *_ETCD_COUNTERS), 0)},
        "services": [{**one, "refused": {"": 0}, "servers": [one]}],
        "local_addresses": [{"address": "", **dict.fromkeys((*_LOCAL_GAUGES, *_LOCAL_COUNTERS), 0)}],
        "controller": {},
        **{group: {"": cells} for group in ("drops", "punts", "toa", "cookies")},
    }
    for family in _Reading(reading).collect():
        suffix = "_total" if family.type == "counter" else ""
        labels = tuple(name for name in family.samples[0].labels if name != "le") if family.samples else ()
        yield family.name + suffix, family.type, labels, family.documentation


def _histogram(metric: str, help_text: str, one: Json) -> HistogramMetricFamily:
    limits = [*map(floatToGoString, one["bounds"]), "+Inf"]
    buckets = list(zip(limits, one["counts"], strict=True))
    return HistogramMetricFamily(metric, help_text, buckets=buckets, sum_value=one["sum"])


def render(stats: Json) -> bytes:
    """A snapshot in the Prometheus text format."""
    registry = CollectorRegistry()
    registry.register(_Reading(stats))
    return generate_latest(registry)


async def serve_metrics(address: tuple[str, int], snapshots: Snapshots) -> Callable[[], Awaitable[None]]:
    """Listen at ``address``; returns what stops it. Raises ApiError when the address cannot be had."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            method, path = (*head.split(b" ", 2), b"")[:2]
            if method in (b"GET", b"HEAD") and path == b"/metrics":
                status, body = "200 OK", await asyncio.to_thread(render, await snapshots.stats())
            else:
                status, body = "404 Not Found", b"only GET /metrics\n"
            header = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
            # HEAD gets the head alone (RFC 9110 9.3.2).
            writer.write(header.encode() + b"Connection: close\r\n\r\n" + (b"" if method == b"HEAD" else body))
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            _LOGGER.debug("metrics connection: %s", error)
        except asyncio.CancelledError:
            pass  # We end. Python 3.11 logs a connection's task that is cancelled as an error.
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(serve, *address)
    except OSError as error:
        raise ApiError(f"cannot serve metrics at {address[0]}:{address[1]}: {error.strerror}") from None

    async def stop() -> None:
        server.close()

    return stop
