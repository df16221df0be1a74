"""A service without sessions: packets per second of flows that are all new, beside those of one flow.

Both in turns on one switch, with the generator at the same work: it writes every packet's source anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench import forwarding
from bench.forwarding import BMV2_RATE, PASSES, ROUNDS, SECONDS, SERVICE, Rate
from topo import standard
from topo.stack import Stack

FLOWS = 10_000_000
"""More than packets of a round, so each packet is a flow's first one; of 200 clients."""
BUCKETS = 8192
AT_LEAST = 0.9
"""What the rate of new flows is to be of that of one."""
OPTIONS = ("sessions = false", f"buckets = {BUCKETS}")
TARGETS = {"p4soft": 0, "bmv2": BMV2_RATE}


@dataclass(frozen=True, slots=True)
class Stateless:
    """One switch."""

    target: str
    one: Rate
    new: Rate

    @property
    def ratio(self) -> float:
        """Of the best rates."""
        return self.new.best / self.one.best


def measure(target: str) -> Stateless:
    """Raises ProcessFailed."""
    rates = {1: Rate("one flow", ()), FLOWS: Rate("new flows", ())}
    with forwarding.bare_network() as network:
        modes = ("dr",) * len(standard.SERVERS)
        config = standard.config(modes=modes, local_addresses=(), scheduler="mh", options=OPTIONS)
        Stack(network, config, target).start()
        for _ in range(PASSES):
            for flows, rate in rates.items():
                flags = ["--no-handshake", "--scatter", "--sessions", str(flows), "--rate", str(TARGETS[target])]
                rates[flows] = rate + Rate(rate.name, forwarding.generate(network, SERVICE, flags))
    return Stateless(target, rates[1], rates[FLOWS])


def line(found: Stateless) -> str:
    name = f"{found.target}, no sessions, new flows"
    return f"{name:36}{found.new.best:>10,.0f} packets/s: {found.ratio:.2f} of those of one flow"


def markdown(measured: list[Stateless]) -> list[str]:
    lines = [
        "",
        "## Flows without sessions",
        "",
        f"A service of {BUCKETS:,} buckets and {len(standard.SERVERS)} servers in DR; every packet begins a flow,",
        f"or all are of one. Best of {PASSES * ROUNDS} rounds of {SECONDS:g} s, in turns on one switch; "
        f"to hold is {AT_LEAST}.",
        "",
        "| switch | one flow | new flows | ratio |",
        "|---|---:|---:|---:|",
    ]
    return lines + [
        f"| {found.target} | {found.one.best:,.0f} | {found.new.best:,.0f} | {found.ratio:.2f} |" for found in measured
    ]
