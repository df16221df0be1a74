"""Services of TCP and UDP, each with servers in several modes, under load while servers come and go."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import pytest

from topo import standard
from topo.process import poll
from topo.world import World, report
from topo.world import world as make_world

from .checks import CLOSING, assert_all_good, assert_clean
from .conftest import Sizes
from .datagrams import Echo, ask, bound, config
from .modes import is_ready, route_to_clients, shortcut, take_vip

MODES = dict(zip(standard.SERVERS, ("fullnat", "nat", "dr"), strict=True))
ADDRESSES = {name: IPv4Address(f"10.2.0.{number}") for number, name in enumerate(standard.SERVERS, 11)}
TRANSLATED, MASQUERADED, DIRECT = standard.SERVERS


def _config(*without: str) -> str:
    """Both services, with the servers that are not ``without``."""
    names = [name for name in standard.SERVERS if name not in without]
    modes = [MODES[name] for name in names]
    of_tcp = standard.config(servers=[(ADDRESSES[name], 80) for name in names], modes=modes, timeouts=CLOSING)
    return config(names, modes, of_tcp)


def _reload(world: World, *without: str) -> None:
    world.stack.configure(_config(*without))
    assert world.stack.controller is not None
    world.stack.controller.signal(signal.SIGHUP)
    wanted = {str(address) for name, address in ADDRESSES.items() if name not in without}

    def taken_over() -> bool:
        services = world.stack.stats()["services"]
        return all(
            {server["server"].partition(":")[0] for server in each["servers"] if not server["draining"]} == wanted
            for each in services
        )

    poll(taken_over, 10, "the configuration is taken over")


class Asker:
    """Asks from a port of its own each time, until told to stop."""

    def __init__(self, world: World, client: str) -> None:
        self._world, self._client = world, client
        self._over = threading.Event()
        self.heard: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for number in itertools.count():
            if self._over.is_set():
                return
            with contextlib.closing(bound(self._world, self._client)) as sock:
                self.heard[ask(sock, b"%d" % number).decode()] += 1

    def close(self) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture
def world(target: str) -> Iterator[World]:
    with make_world(_config(), target=target) as made:
        route_to_clients(made, MASQUERADED)
        process = take_vip(made, DIRECT)
        poll(partial(is_ready, process), 20, f"{process.name} is ready")
        for client in standard.CLIENTS:
            shortcut(made, DIRECT, client)
        yield made


def test_nothing_leaks_while_servers_come_and_go(world: World, sizes: Sizes) -> None:
    """Not one connection fails, every question is answered, and in the end no session, port or server is left over."""
    rate = sizes.rate // 4
    with contextlib.ExitStack() as alive:
        for name in standard.SERVERS:
            address = str(standard.VIP) if name == DIRECT else "0.0.0.0"
            alive.enter_context(contextlib.closing(Echo(world, name, address)))
        askers = [alive.enter_context(contextlib.closing(Asker(world, client))) for client in standard.CLIENTS]
        each = rate * 2 * sizes.seconds
        loads = [world.start_load(client, n=each, c=500, rate=rate) for client in standard.CLIENTS]
        changes = itertools.cycle([(TRANSLATED,), (), (MASQUERADED,), (TRANSLATED, DIRECT), (), (DIRECT,)])
        while any(load.running for load in loads):
            _reload(world, *next(changes))
        for load in loads:
            assert_all_good(report(load), each)
        _reload(world)
        for asker in askers:
            asker.close()
            assert asker.heard.keys() == set(standard.SERVERS)
    assert_clean(world)
    stats = world.stack.stats()
    for service in stats["services"]:
        assert not any(server["draining"] for server in service["servers"])
        assert service["connections"] > 0
    by_protocol = {service["protocol"]: service for service in stats["services"]}
    # A port that a client takes again before its session has gone takes that over.
    made = by_protocol["tcp"]["connections"] + stats["controller"]["fullnat_conn_reused"]
    assert made == 2 * each
    assert by_protocol["tcp"]["refused"] == {}
    assert stats["controller"]["write_failed"] == stats["controller"]["session_conflict"] == 0
