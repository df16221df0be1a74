"""New TCP sessions per second, end to end: kernel TCP clients and servers, switch and controller on one machine."""

from __future__ import annotations

from dataclasses import dataclass

from topo import standard
from topo.process import ProcessFailed
from topo.world import report, world

CONNECTIONS = 10_000
BMV2_CONNECTIONS = 2_000
CONCURRENCY = 50


@dataclass(frozen=True, slots=True)
class Connecting:
    name: str
    per_second: float
    handshake_ms: float
    """Median from connect() to the SYN-ACK, in milliseconds."""
    handshake_p99_ms: float
    skipped: str | None = None


def measure(name: str, target: str, missing: str | None) -> Connecting:
    """Both clients open, use and close connections as fast as they can. Raises ProcessFailed when one fails."""
    if missing is not None:
        return Connecting(name, 0, 0, 0, missing)
    each = (BMV2_CONNECTIONS if target == "bmv2" else CONNECTIONS) // 2
    config = standard.config(timeouts={"time_wait": 1.0, "close_wait": 1.0})
    with world(config, target=target) as everything:
        everything.load("c1", n=200, c=20)
        loads = [everything.start_load(client, n=each, c=CONCURRENCY, toa=True) for client in standard.CLIENTS]
        reports = [report(load, 60) for load in loads]
    if failures := [found["failures"] for found in reports if found["failed"]]:
        raise ProcessFailed(f"{name}: connections failed: {failures}")
    seconds = max(found["seconds"] for found in reports)
    latency = {share: max(found["connect_us"][share] for found in reports) / 1000 for share in ("p50", "p99")}
    return Connecting(name, 2 * each / seconds, latency["p50"], latency["p99"])
