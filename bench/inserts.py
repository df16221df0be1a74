"""Table inserts per second through P4Runtime over gRPC: p4soft beside simple_switch_grpc, one client for both.

The client sends requests that were made beforehand, so that the switch is measured and not the making of messages. The
entries are sessions of the FULLNAT program, each an entry of ``session_in`` and one of ``session_out``. Both switches
take their turns at every number of updates a Write, and are emptied in between.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4r
from fullnat.p4rt import program

from bench.primary import DEVICE
from bench.tools import build
from topo.model import Host, Subnet, Topology
from topo.netns import Network
from topo.process import Process, poll
from topo.stack import GRPC, Stack

UPDATES = (1, 10, 100)
"""Updates a Write."""
IN_FLIGHT = (1, 8)
"""Requests on their way at once."""
SESSIONS = 5_000
PASSES = 3
METHOD = "/p4.v1.P4Runtime/Write"
"""What rpc_load calls."""
TARGETS = ("p4soft", "bmv2")
FIRST_CLIENT = 0xC6120000
"""198.18.0.0: reserved for benchmarks, so nobody's session is touched."""


@dataclass(frozen=True, slots=True)
class Inserts:
    """Inserts per second at so many updates a Write and requests in flight, in every pass."""

    updates: int
    in_flight: int
    rates: dict[str, tuple[float, ...]]
    """By target."""

    def median(self, target: str) -> float:
        return statistics.median(self.rates[target])

    @property
    def ratio(self) -> float | None:
        """p4soft's rate over simple_switch_grpc's: the median over the passes, in each of which both took turns."""
        pairs = list(zip(self.rates["p4soft"], self.rates.get("bmv2", ()), strict=False))
        return statistics.median(ours / theirs for ours, theirs in pairs) if pairs else None


class Sessions:
    """WriteRequests for the FULLNAT program's two session tables."""

    def __init__(self, role: str = "") -> None:
        self._role = role
        info = program.load().p4info
        self._tables = {table.preamble.alias: table for table in info.tables}
        self._actions = {action.preamble.alias: action for action in info.actions}

    def requests(self, kind: p4r.Update.Type.ValueType, updates: int, sessions: Iterable[int]) -> Iterator[bytes]:
        """Serialized requests of ``updates`` updates each."""
        pending = p4r.WriteRequest()
        for number in sessions:
            for table, action in (("session_in", "fullnat_in"), ("session_out", "fullnat_out")):
                if not pending.updates:
                    pending.device_id, pending.role = DEVICE, self._role
                    pending.election_id.low = 1
                pending.updates.add(type=kind).entity.table_entry.CopyFrom(self._entry(table, action, number))
                if len(pending.updates) == updates:
                    yield pending.SerializeToString()
                    pending = p4r.WriteRequest()
        if pending.updates:
            yield pending.SerializeToString()

    def _entry(self, table: str, action: str, number: int) -> p4r.TableEntry:
        """Entry ``number``: its 32-bit fields tell it apart."""
        info, of = self._tables[table], self._actions[action]
        entry = p4r.TableEntry(table_id=info.preamble.id, controller_metadata=number + 1)
        entry.idle_timeout_ns = 90_000_000_000
        for field in info.match_fields:
            entry.match.add(field_id=field.id).exact.value = _value(field.bitwidth, number)
        entry.action.action.action_id = of.preamble.id
        for param in of.params:
            entry.action.action.params.add(param_id=param.id, value=_value(param.bitwidth, number))
        return entry


def _value(bits: int, number: int) -> bytes:
    """Something for a field of so many bits, in the shortest form that the specification wants."""
    value = FIRST_CLIENT + number if bits == 32 else (number & 0xFF) | 1
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def become_primary(network: Network, role: str = "", *, push: bool = False) -> None:
    """Have a primary controller of ``role`` on the switch until the network goes; ``push`` loads the program."""
    command = [sys.executable, "-m", "bench.primary", GRPC, "--role", role, *(["--push"] if push else [])]
    process = network.start(network.topology.switch, "primary", command)

    def ready() -> bool:
        process.check_running()
        return "ready" in process.output

    poll(ready, 60, "the client is the primary controller")


def write_file(path: Path, requests: Iterable[bytes]) -> Path:
    """The file that rpc_load reads."""
    with path.open("wb") as file:
        for request in requests:
            file.write(struct.pack("=I", len(request)) + request)
    return path


def start(network: Network, requests: Path, in_flight: int, rate: float = 0) -> Process:
    """Send the requests in a file; ``rate`` is in requests per second, 0: as fast as they are answered."""
    command = [str(build.tool("rpc_load")), "--to", GRPC, "--method", METHOD, "--requests", str(requests)]
    command += ["--in-flight", str(in_flight), "--rate", str(rate)]
    return network.start(network.topology.switch, "inserts", command)


def send(network: Network, requests: Path, in_flight: int) -> float:
    """Seconds until the last answer. Raises ProcessFailed when a request fails."""
    return float(json.loads(start(network, requests, in_flight).result(300))["seconds"])


def measure(targets: Sequence[str] = TARGETS) -> list[Inserts]:
    """Every number of updates a Write and of requests in flight."""
    ends = tuple(Subnet(name=end, port=port, hosts=(Host(name=end, address=None),)) for port, end in enumerate("ab", 1))
    with contextlib.ExitStack() as stack:
        networks = {target: stack.enter_context(_serving(Topology(subnets=ends), target)) for target in targets}
        return [_measure(networks, updates, flight) for updates in UPDATES for flight in IN_FLIGHT]


@contextmanager
def _serving(topology: Topology, target: str) -> Iterator[Network]:
    """A network whose switch is loaded, and takes the requests of :class:`Sessions`."""
    with Network(topology) as network:
        switch = Stack(network, "", target)
        switch.start_switch()
        become_primary(network, push=True)
        yield network
        switch.stop()


def _measure(networks: dict[str, Network], updates: int, in_flight: int) -> Inserts:
    rates: dict[str, tuple[float, ...]] = dict.fromkeys(networks, ())
    sessions = range(SESSIONS)
    for _ in range(PASSES):
        for target, network in networks.items():
            made = Sessions()
            inserts = write_file(network.logs / "inserts", made.requests(p4r.Update.INSERT, updates, sessions))
            deletes = write_file(network.logs / "deletes", made.requests(p4r.Update.DELETE, 100, sessions))
            rates[target] += (2 * SESSIONS / send(network, inserts, in_flight),)
            send(network, deletes, 8)
    return Inserts(updates, in_flight, rates)
