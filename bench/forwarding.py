"""Packets per second: p4soft beside a bare forwarder, the kernel and BMv2, all in one run and measured the same way.

One direction, client to server, 60-byte frames (64 with FCS; over IPv6 the shortest, 74) of 1,000 TCP sessions that a
hand-made handshake opened. The generator sends as fast as it can, except to BMv2, which it would starve; what arrives
at the far interface counts.
All cases take their turn twice, so that a busy moment of the machine does not fall on one of them alone.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import xdp
from bench.tools import build
from topo import kernel, standard
from topo.model import Host, Subnet, Topology
from topo.netns import Network
from topo.process import poll
from topo.stack import Stack

SESSIONS = 1000
PASSES = 2
ROUNDS = 3
SECONDS = 1.5
"""Of one round."""
BMV2_RATE = 100_000
"""Packets per second offered to BMv2: several times what it forwards."""
ROUTED = "10.2.0.11:80"
SERVICE = f"{standard.VIP}:{standard.VPORT}"


@dataclass(frozen=True, slots=True)
class Rate:
    """Packets per second forwarded in every round of a case."""

    name: str
    rounds: tuple[float, ...]
    skipped: str | None = None
    """Why there is no measurement."""

    @property
    def best(self) -> float:
        """Other work on the machine only ever lowers a rate."""
        return max(self.rounds, default=0)

    @property
    def median(self) -> float:
        return statistics.median(self.rounds) if self.rounds else 0

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.name, self.rounds + other.rounds, self.skipped)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    target: str
    """Where the packets go: through NAT or merely routed."""
    start: Callable[[Network], None]
    handshake: bool
    rate: int = 0
    unavailable: str | None = None


def cases(bmv2_missing: str | None) -> list[Case]:
    return [
        Case("AF_PACKET forwarder in C", ROUTED, _bare, handshake=False),
        Case("XDP_REDIRECT, driver mode", ROUTED, xdp.forward, handshake=False, unavailable=xdp.unavailable()),
        Case("Linux IP forwarding", ROUTED, kernel.forward, handshake=False),
        Case("Linux nftables DNAT+SNAT", SERVICE, kernel.translate, handshake=True, unavailable=kernel.unavailable()),
        Case("p4soft, routed", ROUTED, _stack("p4soft"), handshake=False),
        Case("p4soft, FULLNAT", SERVICE, _stack("p4soft"), handshake=True),
        Case("p4soft, NAT", SERVICE, _stack("p4soft", "nat"), handshake=True),
        Case("p4soft, FULLNAT over IPv6", standard.V6.target, _stack("p4soft", family=6), handshake=True),
        Case("BMv2, routed", ROUTED, _stack("bmv2"), handshake=False, rate=BMV2_RATE, unavailable=bmv2_missing),
        Case("BMv2, FULLNAT", SERVICE, _stack("bmv2"), handshake=True, rate=BMV2_RATE, unavailable=bmv2_missing),
    ]


def measure(case: Case) -> Rate:
    """Run one case on a network of its own. Raises ProcessFailed when a session could not be opened."""
    if case.unavailable is not None:
        return Rate(case.name, (), case.unavailable)
    with bare_network() as network:
        case.start(network)
        flags = ["--sessions", str(SESSIONS), "--rate", str(case.rate)]
        rounds = generate(network, case.target, flags + ([] if case.handshake else ["--no-handshake"]))
    return Rate(case.name, rounds)


def generate(
    network: Network, target: str, flags: list[str], *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> tuple[float, ...]:
    """Flood a network of :func:`bare_network` with packets to ``target``; what arrived per second in every round."""
    ends = {end: f"{network.namespace(end)}:eth0" for end in _ENDS}
    command = [str(build.tool("pktgen")), "--to", target, "--gateway-mac", standard.SWITCH_MACS[1]]
    command += ["--client", ends["client"], "--server", ends["server"]]
    command += ["--rounds", str(rounds), "--seconds", str(seconds), *flags]
    found = json.loads(network.start("client", "pktgen", command).result(60))
    return tuple(float(round_["received_pps"]) for round_ in found["rounds"])


@contextmanager
def bare_network() -> Iterator[Network]:
    """A client and a server with nothing between them but the switch, and packets alone on the wires."""
    ends = (Subnet(name=end, port=port, hosts=(Host(name=end, address=None),)) for port, end in enumerate(_ENDS, 1))
    with Network(Topology(subnets=tuple(ends)), offloads=False) as network:
        yield network


_ENDS = ("client", "server")


def _bare(network: Network) -> None:
    process = network.start(network.topology.switch, "forwarder", [build.tool("afp_forward"), "sw1", "sw2"])
    poll(lambda: "ready" in process.output, 10, "the forwarder is ready")


def _stack(target: str, mode: str = "fullnat", family: int = 4) -> Callable[[Network], None]:
    def start(network: Network) -> None:
        config = standard.config(families=(family,), modes=(mode,) * len(standard.SERVERS))
        Stack(network, config, target).start()

    return start
