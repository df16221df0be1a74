"""``python -m bench.restart SESSIONS``: start a controller on a switch that holds so many sessions already.

Prints what it takes until they are all adopted, what connections that begin meanwhile wait for, and the controller's
memory, all of it. p4soft and the controller are processes of their own, with clients and servers of the kernel's TCP,
on this machine; as root.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

from fullnat.core.interface import Op
from fullnat.net.flow import address
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry

from topo import standard
from topo.process import ProcessFailed, poll
from topo.stack import GRPC, Stack
from topo.world import report, world

SERVERS = tuple(address(server) for server, _ in standard.V4.servers)
LOCALS = tuple(address(IPv4Address("10.2.0.100") + number) for number in range(8))
PAIRS = tuple((local, server) for local in range(len(LOCALS)) for server in range(len(SERVERS)))
FIRST_PORT, PORTS = 1024, 60_000
FIRST_CLIENT = IPv4Address("10.3.0.1")
IDLE = 900.0
WRITE = 1000
"""Sessions a request."""
RATE = 50
"""Connections that begin in a second meanwhile,"""
EACH = 40_000
"""for so many sessions one second."""
_WAIT_S = 600.0


def entries(count: int) -> Iterator[Entry]:
    """What the switch holds: real servers, and sessions spread over all local addresses."""
    virtual = address(standard.VIP), standard.VPORT
    for number, server in enumerate(SERVERS):
        yield ServerIn(number, 1, server, 80)
        yield ServerOut(number, 1, *virtual)
    for number in range(count):
        local, server_id = PAIRS[number % len(PAIRS)]
        client = address(FIRST_CLIENT + number // PORTS), FIRST_PORT + number % PORTS
        inside = LOCALS[local], FIRST_PORT + number // len(PAIRS)
        numbers = 7 * number & 0xFFFFFFFF, 2654435761 * number & 0xFFFFFFFF
        yield SessionEntry(number, server_id, 6, *client, *virtual, *inside, SERVERS[server_id], 80, *numbers, IDLE)


async def fill(count: int) -> None:
    """Be the switch's controller once, and write what it is to hold."""
    client = Client(GrpcTransport(GRPC), program.load(), device_id=1, election_id=lambda: 1)
    await client.open()
    await client.receive()
    await client.ensure_pipeline()
    wires: list[bytes] = []
    for entry in entries(count):
        wires += client.schema.encode(Op.INSERT, entry)
        if len(wires) >= 2 * WRITE:
            assert await client.write(wires) == {}
            wires.clear()
    assert await client.write(wires) == {}
    await client.close()


def adopted(stack: Stack) -> int:
    """Sessions that the controller has found; -1 before it serves."""
    try:
        return int(stack.stats()["controller"]["sessions_adopted"])
    except ProcessFailed:
        return -1


def usage(pid: int) -> tuple[float, int]:
    """Seconds of processor time, and bytes of resident memory."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")


def measure(count: int) -> str:
    """Two lines of what it took. Raises ProcessFailed or TimeoutError."""
    config = standard.config(
        local_addresses=[IPv4Address(local) for local in LOCALS], established_timeout=IDLE, timeouts={"time_wait": 1.0}
    )
    with world(config, start=False) as everything:
        stack, network = everything.stack, everything.network
        stack.start_switch()
        with network.inside(network.topology.switch):
            asyncio.run(fill(count))
        begun = time.monotonic()
        stack.start_controller()
        poll(lambda: adopted(stack) >= 0, _WAIT_S, "the controller serves the switch", interval=0.02)
        meanwhile = everything.start_load("c1", n=RATE * max(1, count // EACH), c=RATE, rate=RATE)
        poll(lambda: adopted(stack) >= count, _WAIT_S, "all sessions are adopted", interval=0.1)
        seconds = time.monotonic() - begun
        assert stack.controller is not None
        processor, memory = usage(stack.controller.pid)
        found = report(meanwhile)
    took = f"{seconds:.1f} s, {processor:.1f} s of them CPU"
    waited = {share: found["connect_us"][share] / 1000 for share in ("p50", "p99", "max")}
    return (
        f"{count:,} sessions adopted in {took}; {memory / 1e6:,.0f} MB, which is {memory / count:,.0f} bytes each\n"
        f"meanwhile {found['ok']} connections began, {found['failed']} failed; they took "
        + ", ".join(f"{milliseconds:.1f} ms ({share})" for share, milliseconds in waited.items())
    )


if __name__ == "__main__":
    print(measure(int(sys.argv[1])))
