"""``python -m bench.shards``: a plan of many switches on paper: services spread over groups by rule; what breaks first.

Nothing is run but the rule. The constants were measured, as docs/scale.md says with what.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from dataclasses import dataclass

from fullnat.config.spread import group_of

PORTS = 64_512
"""Of a local address towards one real server."""
IDS = {"p4soft": 1 << 20, "tofino2": 1 << 18, "tofino1": 1 << 16}
"""Sessions that a switch has room for."""
CONTROLLER_BYTES = 965
SWITCH_BYTES = 256
SESSION_US = 390
"""CPU of the controller for a connection with one request, of one switch over gRPC."""
EACH_MORE = 0.12
"""What each further switch of the group adds to that."""
CORE = 0.8
"""Of a core that a controller may be busy for."""
ADOPTION_US = 11
FILLS = 30_000
"""Sessions a second that a switch is filled with."""
ETCD_TXNS = 3_700
"""Transactions a second of one etcd, of one update each."""
MEMOS_PER_TXN = 100
ETCD_MEMOS = 44_000
RENEWALS = 3
"""A second, of each leader: a lease kept alive and a key read; who stands by asks as often."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``skew``: the n-th largest service has sessions in proportion to n to the power of minus this."""

    switches: int
    per_group: int
    sessions: int
    services: int
    servers: int
    lifetime: float
    persistent: float
    skew: float
    target: str

    @property
    def groups(self) -> int:
        return self.switches // self.per_group

    def sizes(self) -> list[float]:
        """Sessions of each service."""
        shares = [number**-self.skew for number in range(1, self.services + 1)]
        return [share / sum(shares) * self.sessions for share in shares]

    def loads(self) -> tuple[list[float], float]:
        """Sessions of each group, by the rule, and the share of services that one group more would move."""
        names = [f"g{number}" for number in range(self.groups + 1)]
        held = dict.fromkeys(names[:-1], 0.0)
        moved = 0
        for number, sessions in enumerate(self.sizes()):
            virtual = f"198.18.{number >> 8}.{number & 255}"
            group = group_of(virtual, names[:-1])
            held[group] += sessions
            # Only the new one takes anything from the others.
            moved += group_of(virtual, (group, names[-1])) != group
        return [*held.values()], moved / self.services


@dataclass(frozen=True, slots=True)
class Need:
    what: str
    needed: float
    there: float
    unit: str

    @property
    def share(self) -> float:
        return self.needed / self.there


def needs(plan: Plan) -> list[Need]:
    """Of the group that has most, and of what all share; what is nearest to its end first."""
    loads, _ = plan.loads()
    most, ids = max(loads), IDS[plan.target]
    new = most / plan.lifetime
    each = SESSION_US * (1 + EACH_MORE * (plan.per_group - 1)) / 1e6
    all_new = plan.sessions / plan.lifetime
    leaders = plan.groups * 2 * RENEWALS
    found = [
        Need("sessions of the largest service, against those of a group", max(plan.sizes()), ids, "sessions"),
        Need("sessions of the fullest group, against its switches' ids", most, ids, "sessions"),
        Need("CPU of its controller, which is one thread", new * each, CORE, "cores"),
        Need("local addresses of it, against 256", most / plan.servers / PORTS, 256, "addresses"),
        Need("memory of its controller, against 4 GB", most * CONTROLLER_BYTES / 1e9, 4, "GB"),
        Need("memory of its p4soft, against 4 GB", most * SWITCH_BYTES / 1e9, 4, "GB"),
        Need("filling one of its switches, against 60 s", most / FILLS, 60, "s"),
        Need("adopting its sessions, against 15 s", most * ADOPTION_US / 1e6, 15, "s"),
        Need("renewals of all groups in one etcd", leaders, ETCD_TXNS, "a second"),
        Need("memos of all groups in one etcd", all_new * plan.persistent, ETCD_MEMOS, "a second"),
    ]
    return sorted(found, key=lambda need: -need.share)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.shards", description=__doc__)
    for name, value in (("switches", 1000), ("per-group", 2), ("sessions", 10**9), ("services", 10_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--servers", type=int, default=20, help="real servers of a service")
    parser.add_argument("--lifetime", type=float, default=300.0, help="seconds of a session")
    parser.add_argument("--persistent", type=float, default=0.01, help="share of sessions that write a memo")
    parser.add_argument("--skew", type=float, default=0.0, help="0: all services are alike; 1: Zipf")
    parser.add_argument("--target", choices=IDS, default="p4soft")
    plan = Plan(**vars(parser.parse_args()))
    loads, moved = plan.loads()
    mean = statistics.fmean(loads)
    print(f"{plan.groups} groups; the fullest has {max(loads) / mean:.2f} times the mean of {mean:,.0f} sessions, and")
    print(f"{plan.sessions / plan.lifetime / plan.groups:,.0f} connections a second begin in each")
    print(f"one group more moves {moved:.2%} of the services; 1/{plan.groups + 1} is {1 / (plan.groups + 1):.2%}")
    for need in itertools.takewhile(lambda need: need.share > 0, needs(plan)):
        print(f"{need.share:9.2f} x  {need.what}: {need.needed:,.1f} of {need.there:,.1f} {need.unit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
