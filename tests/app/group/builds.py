"""Clusters whose switches run different builds of the program."""

from __future__ import annotations

from collections.abc import Iterable

from finsy.proto import p4r
from fullnat.app.shown import Json
from fullnat.p4rt.program import Program
from fullnat.p4rt.schema import Schema
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry
from p4rt.variants import room, variant
from p4rt.waiting import until

from .conftest import PROGRAM, Cluster
from .memory_switch import MemorySwitch

OTHER = variant(PROGRAM, room(sessions=1 << 19, servers=1 << 17), renumbered=True)
SMALL = variant(PROGRAM, room(sessions=30))


def running(switch: MemorySwitch, program: Program) -> None:
    """Somebody else has had ``switch`` run ``program``."""
    cookie = p4r.ForwardingPipelineConfig.Cookie(cookie=program.cookie)
    switch.config = p4r.ForwardingPipelineConfig(p4info=program.p4info, cookie=cookie)
    gates = (table.preamble.id for table in program.p4info.tables if table.preamble.name == "port")
    switch.gate_tables = frozenset(gates)


def programs(**of: Program) -> type[Cluster]:
    """A cluster whose switches run these, by their names."""

    class Mixed(Cluster):
        def run(self) -> None:
            for name, program in of.items():
                if self.switches[name].config is None:
                    running(self.switches[name], program)
            super().run()

    return Mixed


def held(switch: MemorySwitch, program: Program) -> set[Entry]:
    """What it holds but for its gate, whatever the bytes."""
    schema = Schema(program.p4info, program.sizes)
    found, orphans = schema.decode_all(switch.entries[key] for key in switch.held())
    assert orphans == []
    return set(found)


def shown(cluster: Cluster, name: str) -> Json:
    return cluster.member(name).shown(0)


async def refused(cluster: Cluster, name: str) -> str:
    """Why it is, once it is."""
    await until(lambda: shown(cluster, name)["role"] == "refused")
    return str(shown(cluster, name)["reason"])


async def pushed(cluster: Cluster, name: str) -> None:
    """Until it has been given the controller's program, for the first time."""
    await until(lambda: cluster.switches[name].pushes == 1)


async def led_by(cluster: Cluster, name: str) -> None:
    """Until all are full, and this one is active, whichever began."""
    await cluster.full()
    if cluster.group.active is not cluster.member(name):
        await cluster.owner.activate(name)
        await cluster.full()


def ids(entries: Iterable[Entry]) -> set[int]:
    return {entry.session_id for entry in entries if isinstance(entry, SessionEntry)}
