"""The configuration changes while connections are open."""

from __future__ import annotations

import contextlib
import signal
from ipaddress import IPv4Address

from topo import standard
from topo.process import poll
from topo.world import ask
from topo.world import world as make_world

from .checks import CLOSING, assert_all_good, assert_clean


def test_server_removed_and_added(target: str) -> None:
    """A removed server keeps its open connections and gets no new ones; added again, it is in turn again."""
    everybody = [(IPv4Address(f"10.2.0.{number}"), 80) for number in (11, 12, 13)]
    with make_world(standard.config(servers=everybody, timeouts=CLOSING), target=target) as world:

        def reload(servers: list[tuple[IPv4Address, int]]) -> None:
            world.stack.configure(standard.config(servers=servers, timeouts=CLOSING))
            assert world.stack.controller is not None
            world.stack.controller.signal(signal.SIGHUP)
            wanted = {f"{address}:{port}" for address, port in servers}

            def taken_over() -> bool:
                listed = world.stack.stats()["services"][0]["servers"]
                return {server["server"] for server in listed if not server["draining"]} == wanted

            poll(taken_over, 5, "the configuration is taken over")

        with contextlib.ExitStack() as alive:
            open_ones = [alive.enter_context(contextlib.closing(world.http("c1"))) for _ in everybody]
            servers = [ask(connection).server for connection in open_ones]
            assert sorted(servers) == ["s1", "s2", "s3"]
            reload(everybody[:2])
            assert {world.get("c2").server for _ in range(4)} == {"s1", "s2"}
            assert [ask(connection).server for connection in open_ones] == servers
            reload(everybody)
            assert {world.get("c2").server for _ in range(6)} == {"s1", "s2", "s3"}
            assert_all_good(world.load("c2", n=30, c=10, toa=True), 30)
        assert_clean(world)
