"""How sessions, templates, services and servers are shown: ready for JSON, with stable names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fullnat.core.histogram import Histogram
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.views import ServerView, ServiceView, SessionView, TemplateView
from fullnat.net.flow import text

Json = dict[str, Any]
Cells = dict[int, tuple[int, int]]
COUNTED = ("connections", "unanswered", "in_packets", "in_bytes", "out_packets", "out_bytes")
"""Of a server."""
OF_CHECK = ("type", "succeeded", "failed", "seconds")
"""Of what a health check has found."""
_SUMMED = ("active", "inactive", "in_packets", "in_bytes", "out_packets", "out_bytes")


def session_json(view: SessionView) -> Json:
    entry = view.entry
    inward, outward = entry.flow_in, entry.flow_out
    counters = view.counters
    return {
        "protocol": BY_NUMBER[entry.protocol].name,
        "client": str(inward.src),
        "virtual": str(inward.dst),
        "local": str(outward.dst),
        "server": str(view.server or outward.src),
        "state": view.state,
        "phase": view.phase.lower(),
        "age": round(view.age, 3),
        "expires": None if view.expires is None else round(view.expires, 3),
        "session_id": entry.session_id,
        "delta": entry.delta,
        "in_packets": counters.in_packets if counters else None,
        "in_bytes": counters.in_bytes if counters else None,
        "out_packets": counters.out_packets if counters else None,
        "out_bytes": counters.out_bytes if counters else None,
    }


def template_json(view: TemplateView) -> Json:
    """``client`` is a prefix where several addresses are one."""
    client = text(view.client)
    return {
        "protocol": BY_NUMBER[view.protocol].name,
        "client": client if view.prefix == len(view.client) * 8 else f"{client}/{view.prefix}",
        "virtual": str(view.virtual),
        "server": str(view.server),
        "expires": round(view.expires, 3),
        "sessions": view.sessions,
    }


def need_json(service: ServiceView) -> Json:
    """What a flood makes of it."""
    since = service.cookies_for
    return {"half_open": service.half_open, "cookies_for": None if since is None else round(since, 3)}


def service_json(service: ServiceView, servers: list[Json]) -> Json:
    """With its servers as they are shown."""
    return {
        "protocol": BY_NUMBER[service.protocol].name,
        "virtual": str(service.virtual),
        "scheduler": service.scheduler,
        "connections": service.connections,
        "unanswered": service.unanswered,
        "refused": dict(service.refused),
        "persistence_timeout": service.persistence_timeout,
        "templates": service.templates,
        "persistent": service.persistent,
        "has_quorum": service.has_quorum,
        **need_json(service),
        **{name: _sum(servers, name) for name in _SUMMED},
        "servers": servers,
    }


def _sum(servers: Iterable[Json], name: str) -> int:
    return sum(server[name] for server in servers)


def server_json(server: ServerView, inward: Cells, outward: Cells) -> Json:
    (in_packets, in_bytes), (out_packets, out_bytes) = server.counted(inward), server.counted(outward)
    return {
        "server": str(server.endpoint),
        "mode": server.mode.value,
        "weight": server.weight,
        "effective_weight": server.effective_weight,
        "checked_weight": server.checked_weight,
        "healthy": server.healthy,
        "reason": "",
        "checked": None,
        "check_counts": [],
        "sorry": server.sorry,
        "on_duty": server.on_duty,
        "ejected": seconds(server.ejected),
        "quic_id": server.quic_id,
        "new_rate": server.new_rate,
        "upper_threshold": server.upper_threshold,
        "lower_threshold": server.lower_threshold,
        "full": server.is_full,
        "warming": seconds(server.warming),
        "out_for": seconds(server.out_for),
        "reset_in": seconds(server.reset_in),
        "templates": server.templates,
        "draining": server.draining,
        "active": server.active,
        "inactive": server.inactive,
        "connections": server.connections,
        "unanswered": server.unanswered,
        "in_packets": in_packets,
        "in_bytes": in_bytes,
        "out_packets": out_packets,
        "out_bytes": out_bytes,
    }


def histogram_json(histogram: Histogram) -> Json:
    """``counts`` are those of values up to each of ``bounds``, and of all."""
    return {"bounds": list(histogram.bounds), "counts": histogram.cumulative, "sum": histogram.sum}


def seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def rounded(rates: Mapping[str, float]) -> Json:
    return {name: round(rate, 1 if rate >= 1 else 3) for name, rate in rates.items()}
