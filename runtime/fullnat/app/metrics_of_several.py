"""Metrics of the switches of a group, and of several controllers that share etcd."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from fullnat.app.shown import Json

MEMBER_GAUGES = {
    "filled": ("_ratio", "How much it holds of what the active switch does, from 0 to 1"),
    "behind": ("_updates", "Updates that it has yet to take to hold what the active switch does"),
    "sessions": ("", "Sessions that it holds"),
    "neighbors": ("", "Routers that what announces it is to talk to"),
    "neighbors_up": ("", "Those that it talks to"),
}
"""Of each switch of a group; with their units."""
MEMBER_COUNTERS = {
    "takeovers": "Times that it became active in the place of another switch",
    "packets": "Packets of services that it has passed on, as this controller has read them",
    "fills": "Times that it was filled",
    "bgp_changes": "Times that what announces it was told something new",
    "bgp_failures": "Times that it did not do what it was told",
}
ETCD_GAUGES = {
    "up": ("fullnat_etcd_up", "1 while etcd has answered the last call"),
    "leads": ("fullnat_leader", "1 while this controller leads"),
    "unconfirmed_for": ("fullnat_leader_unconfirmed_seconds", "That it has led without a word of etcd's majority"),
    "memos_waiting": ("fullnat_etcd_memos_waiting", "Memos of clients and servers that etcd does not have yet"),
}
ETCD_COUNTERS = {
    "elections": ("fullnat_elections", "Times that this controller has become the leader"),
    "memos_written": ("fullnat_etcd_memos_written", "Memos of clients and servers written to etcd"),
    "calls": ("fullnat_etcd_calls", "Calls to etcd"),
    "failures": ("fullnat_etcd_failures", "Those of them that no member has answered"),
}
"""Of several controllers that share etcd."""


def members(switches: Sequence[Json]) -> Iterator[Metric]:
    """The switches of a group, or the one that there is."""
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
    took_over = GaugeMetricFamily(
        "fullnat_member_took_over_timestamp_seconds",
        "When it last became active in the place of another switch, in seconds since 1970",
        labels=("switch",),
    )
    for each in switches:
        if each["ago"] is not None:
            took_over.add_metric((each["name"],), time.time() - each["ago"])
    yield took_over
    for name, (unit, help_text) in MEMBER_GAUGES.items():
        gauge = GaugeMetricFamily(f"fullnat_member_{name}{unit}", help_text, labels=("switch",))
        for each in switches:
            gauge.add_metric((each["name"],), each[name])
        yield gauge
    for name, help_text in MEMBER_COUNTERS.items():
        counter = CounterMetricFamily(f"fullnat_member_{name}", help_text, labels=("switch",))
        for each in switches:
            counter.add_metric((each["name"],), each[name])
        yield counter


def sharing(found: Json | None) -> Iterator[Metric]:
    """``found``: what is known of etcd, if controllers share one."""
    if not found:
        return
    for name, (metric, help_text) in ETCD_GAUGES.items():
        yield GaugeMetricFamily(metric, help_text, value=found[name])
    for name, (metric, help_text) in ETCD_COUNTERS.items():
        yield CounterMetricFamily(metric, help_text, value=found[name])
    yield histogram("fullnat_etcd_call_seconds", "That calls to etcd took which were answered", found["seconds"])


def histogram(metric: str, help_text: str, one: Json) -> HistogramMetricFamily:
    limits = [*map(floatToGoString, one["bounds"]), "+Inf"]
    buckets = list(zip(limits, one["counts"], strict=True))
    return HistogramMetricFamily(metric, help_text, buckets=buckets, sum_value=one["sum"])
