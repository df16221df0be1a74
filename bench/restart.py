"""``python -m bench.restart SESSIONS``: start a controller on a switch that holds so many sessions already.

Prints what it takes until they are all adopted, and the controller's memory, all of it. p4soft and the controller are
processes of their own on this machine; no packets flow.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

from click import ClickException
from fullnat.cli.controlclient import ask
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
from topo.process import Process, poll
from topo.stack import installed

ADDRESS = "127.0.0.1:19559"
SERVERS = tuple(address(IPv4Address("10.2.0.11") + number) for number in range(4))
LOCALS = tuple(address(IPv4Address("10.2.0.100") + number) for number in range(8))
PAIRS = tuple((local, server) for local in range(len(LOCALS)) for server in range(len(SERVERS)))
FIRST_PORT, PORTS = 1024, 60_000
IDLE = 900.0
WRITE = 1000
"""Sessions a request."""
_WAIT_S = 600.0


def entries(count: int) -> Iterator[Entry]:
    """What the switch holds: four real servers, and sessions spread over all local addresses."""
    virtual = address(standard.VIP), standard.VPORT
    for number, server in enumerate(SERVERS):
        yield ServerIn(number, 1, server, 80)
        yield ServerOut(number, 1, *virtual)
    for number in range(count):
        local, server_id = PAIRS[number % len(PAIRS)]
        client = address(IPv4Address("10.1.0.1") + number // PORTS), FIRST_PORT + number % PORTS
        inside = LOCALS[local], FIRST_PORT + number // len(PAIRS)
        numbers = 7 * number & 0xFFFFFFFF, 2654435761 * number & 0xFFFFFFFF
        yield SessionEntry(number, server_id, 6, *client, *virtual, *inside, SERVERS[server_id], 80, *numbers, IDLE)


async def fill(count: int) -> None:
    """Be the switch's controller once, and write what it is to hold."""
    client = Client(GrpcTransport(ADDRESS), program.load(), device_id=1, election_id=lambda: 1)
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


def adopted(socket: Path, controller: Process) -> int:
    """Sessions that the controller has found; 0 before it serves the switch."""
    controller.check_running()
    try:
        (stats,) = ask(socket, "stats")
    except ClickException:
        return 0
    return int(stats["controller"]["sessions_adopted"])


def usage(pid: int) -> tuple[float, int]:
    """Seconds of processor time, and bytes of resident memory."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")


def measure(count: int) -> str:
    """One line of what it took. Raises ProcessFailed or TimeoutError."""
    with contextlib.ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="restart-")))
        command = [*installed("p4soft"), "--device-id", "1", "--grpc-server-addr", ADDRESS, "--cpu-port", "255"]
        switch = Process("p4soft", command, namespace=None, logs=logs)
        stack.callback(switch.stop)
        poll(lambda: "listening" in switch.output, _WAIT_S, "p4soft listens")
        asyncio.run(fill(count))
        servers = [(IPv4Address(server), 80) for server in SERVERS]
        locals_ = [IPv4Address(local) for local in LOCALS]
        config, socket = logs / "fullnat.toml", logs / "control.sock"
        config.write_text(standard.config(servers=servers, local_addresses=locals_, established_timeout=IDLE))
        command = [*installed("fullnat"), "run", str(config), "--grpc-addr", ADDRESS]
        command += ["--state-dir", str(logs / "state"), "--control-socket", str(socket)]
        begun = time.monotonic()
        controller = Process("controller", command, namespace=None, logs=logs)
        stack.callback(controller.stop)
        poll(lambda: adopted(socket, controller) == count, _WAIT_S, "all sessions are adopted", interval=0.1)
        seconds = time.monotonic() - begun
        processor, memory = usage(controller.pid)
    took = f"{seconds:.1f} s, {processor:.1f} s of them CPU"
    return f"{count:,} sessions adopted in {took}; {memory / 1e6:,.0f} MB, which is {memory / count:,.0f} bytes each"


if __name__ == "__main__":
    print(measure(int(sys.argv[1])))
