"""``python -m bench.group``: what a second switch costs the controller, and filling one those that connect meanwhile.

One switch and a group of two take turns. With ``--fill SESSIONS`` the standby of a group is emptied and filled with so
many sessions, beside connections whose times to connect are compared with those before.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from fullnat.core.interface import Op
from fullnat.net.flow import address
from fullnat.p4rt import program
from fullnat.p4rt.client import Client
from fullnat.p4rt.grpc_transport import GrpcTransport
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry

from bench.restart import FIRST_PORT, PORTS, WRITE
from bench.usage import run_time
from topo import standard
from topo.netns import Network
from topo.pair import ADDRESSES, Pair
from topo.process import poll
from topo.stack import Json
from topo.world import World

IDLE = 3600.0
WAIT = 300.0
ALONE = 10
"""Seconds without a fill."""
CLOSING = {"close": 1.0, "time_wait": 1.0, "fin_wait": 5.0, "close_wait": 5.0, "last_ack": 5.0}


def costs(rate: int, seconds: int, rounds: int) -> None:
    """Of a connection with one request, on one switch and on two in turn: the second one leaves and joins."""
    with Network(standard.topology()) as network:
        pair = Pair(network, standard.config(timeouts=CLOSING))
        world = World(network, pair)
        found: dict[int, list[float]] = {1: [], 2: []}
        try:
            world.start_servers()
            pair.start()
            assert pair.active() == "a"
            world.load("c1", n=200, c=200, rate=100)
            for _ in range(rounds):
                for switches in found:
                    if switches == 1:
                        pair.command("switches", "--remove", "b")
                    else:
                        pair.command("switches", "--add", f"b={ADDRESSES['b']}")
                        pair.wait_full()
                    found[switches].append(_cost(world, rate, seconds))
                one, two = (costs[-1] for costs in found.values())
                print(f"one switch {one:.0f} us, two {two:.0f} us of the controller, ratio {two / one:.2f}", flush=True)
        finally:
            pair.stop()
    one, two = (statistics.median(costs) for costs in found.values())
    print(f"medians: {one:.0f} and {two:.0f} us, ratio {two / one:.2f}")


def _cost(world: World, rate: int, seconds: int) -> float:
    """Microseconds of the controller's CPU for a connection."""
    controller = world.stack.controller
    assert controller is not None
    count = rate * seconds
    before = run_time(controller.pid)
    told = world.load("c2", n=count, c=count, rate=rate)
    assert told["failed"] == 0, told
    return (run_time(controller.pid) - before) / count * 1e6


def sessions(count: int) -> Iterator[Entry]:
    """What a switch holds of so many, of the servers and local addresses of the standard topology."""
    servers = [address(server) for server, _ in standard.V4.servers]
    locals_ = [address(local) for local in standard.LOCAL_ADDRESSES]
    pairs = [(local, number) for local in locals_ for number in range(len(servers))]
    virtual = address(standard.VIP), standard.VPORT
    for number, server in enumerate(servers):
        yield ServerIn(number, 1, server, standard.VPORT)
        yield ServerOut(number, 1, *virtual)
    for number in range(count):
        local, server_id = pairs[number % len(pairs)]
        host, port = divmod(number, PORTS)
        client = address(IPv4Address("10.1.64.1") + host), FIRST_PORT + port
        inside = local, FIRST_PORT + number // len(pairs)
        numbers = 7 * number & 0xFFFFFFFF, 2654435761 * number & 0xFFFFFFFF
        real = servers[server_id], standard.VPORT
        yield SessionEntry(number, server_id, 6, *client, *virtual, *inside, *real, *numbers, IDLE)


async def write(where: str, count: int) -> None:
    """Be the controller of the switch at ``where`` once."""
    client = Client(GrpcTransport(where), program.load(), device_id=1, election_id=lambda: 1)
    await client.open()
    await client.receive()
    await client.ensure_pipeline()
    left = sessions(count)
    while batch := [*itertools.islice(left, WRITE)]:
        failed = await client.write([wire for entry in batch for wire in client.schema.encode(Op.INSERT, entry)])
        assert failed == {}, failed
    await client.close()


def filling(count: int, rate: int, rounds: int) -> None:
    """Connections that begin with and without a fill beside them: what they wait for the SYN-ACK."""
    with Network(standard.topology()) as network:
        pair = Pair(network, standard.config(established_timeout=IDLE, timeouts=CLOSING))
        world = World(network, pair)
        try:
            world.start_servers()
            pair.start_one("a")
            with network.inside(network.topology.switch):
                asyncio.run(write(ADDRESSES["a"], count))
            pair.start_one("b")
            pair.start_controller()
            pair.wait_ready()
            poll(lambda: pair.stats()["controller"]["sessions"] == count, WAIT, "all sessions are adopted")
            poll(lambda: pair.members()["b"]["role"] == "standby", WAIT, "b is full")
            assert pair.active() == "a"
            world.load("c1", n=200, c=200, rate=100)
            for _ in range(rounds):
                alone = [world.load("c2", n=rate, c=rate, rate=rate) for _ in range(ALONE)]
                pair.switches["b"].kill()
                pair.start_one("b")
                began = time.monotonic()
                beside = []
                while pair.members()["b"]["role"] != "standby":
                    beside.append(world.load("c2", n=rate, c=rate, rate=rate))
                took = time.monotonic() - began
                print(f"alone {_shown(alone)}; beside a fill of {took:.0f} s {_shown(beside)}", flush=True)
        finally:
            pair.stop()


def _shown(loads: Sequence[Json]) -> str:
    """Of the seconds' shares the medians, and the longest of all."""
    times = [told["connect_us"] for told in loads]
    p50, p99 = (statistics.median(each[share] for each in times) / 1e3 for share in ("p50", "p99"))
    failed = sum(told["failed"] for told in loads)
    return f"p50 {p50:.1f}, p99 {p99:.1f}, max {max(each['max'] for each in times) / 1e3:.1f} ms, {failed} failed"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.group", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--fill", type=int, default=0, metavar="SESSIONS")
    options = parser.parse_args()
    if options.fill:
        filling(options.fill, options.rate, options.rounds)
        return 0
    costs(options.rate, options.seconds, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
