"""What Prometheus is told: names that say where they are from, once."""

from __future__ import annotations

from fullnat.app.metrics import render
from fullnat.core.stats import NAMES, new_stats
from prometheus_client.parser import text_string_to_metric_families


def test_every_counter_has_one_name() -> None:
    stats = {
        "switch": {"state": "serving"},
        "services": [],
        "local_addresses": [],
        "drops": {},
        "punts": {},
        "toa": {},
        "controller": new_stats() | {"fullnat_conn_reused": 3, "syn_received": 4, "sessions": 5},
    }
    families = {family.name: family for family in text_string_to_metric_families(render(stats).decode())}
    names = [name for name in families if not name.endswith("_created")]
    assert all(name.startswith("fullnat_") and not name.startswith("fullnat_fullnat_") for name in names)
    assert {f"fullnat_{name.removeprefix('fullnat_')}" for name in NAMES} <= families.keys()
    values = {name: families[name].samples[0].value for name in ("fullnat_conn_reused", "fullnat_syn_received")}
    assert values == {"fullnat_conn_reused": 3, "fullnat_syn_received": 4}
    assert families["fullnat_sessions"].samples[0].value == 5
