"""DNS through the VIP in every forwarding mode, with dnsmasq and dig and the kernel's UDP."""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import partial

import pytest

from topo import standard
from topo.process import poll
from topo.world import World
from topo.world import world as make_world

from .checks import assert_clean
from .datagrams import MISSING, Echo, ask, bound, config, dig, start_dns
from .modes import add_vip, decapsulate, is_ready, route_to_clients, shortcut

VIP = str(standard.VIP)


def _by_nat(world: World) -> None:
    route_to_clients(world, *standard.SERVERS)


def _by_dr(world: World) -> None:
    for server in standard.SERVERS:
        add_vip(world, server)
        for client in standard.CLIENTS:
            shortcut(world, server, client)


def _by_tunnel(world: World, *options: str) -> None:
    for server in standard.SERVERS:
        process = decapsulate(world, server, *options)
        poll(partial(is_ready, process), 20, f"{process.name} is ready")
    _by_dr(world)


def _by_gue(world: World) -> None:
    _by_tunnel(world, "--gue")


PREPARE = {"nat": _by_nat, "dr": _by_dr, "tunnel": _by_tunnel, "gue": _by_gue}


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {' '.join(MISSING)} (make peers)")
@pytest.mark.parametrize("mode", PREPARE)
def test_dns(target: str, mode: str) -> None:
    """Every server in turn answers as the VIP, and sees the client itself."""
    with make_world(config(modes=[mode] * len(standard.SERVERS)), target=target) as world:
        PREPARE[mode](world)
        dns = {name: start_dns(world, name, "" if mode == "nat" else VIP) for name in standard.SERVERS}
        for client in standard.CLIENTS:
            assert Counter(dig(world, client) for _ in range(6)) == dict.fromkeys(standard.SERVERS, 2)
        clients = {str(world.network.address(client)) for client in standard.CLIENTS}
        for process in dns.values():
            asked = [line for line in process.err.read_text().splitlines() if "query[TXT]" in line]
            assert {line.rpartition(" from ")[2] for line in asked} == clients
        assert_clean(world)


@pytest.mark.parametrize("mode", ["dr", "tunnel", "gue"])
def test_one_packet_scheduling(target: str, mode: str) -> None:
    """One client's questions from one port go to every server in turn, each once, and no session is kept."""
    alone = config(modes=[mode] * len(standard.SERVERS)).replace('"udp"', '"udp"\nops = true')
    with make_world(alone, target=target) as world, contextlib.ExitStack() as alive:
        PREPARE[mode](world)
        for name in standard.SERVERS:
            alive.enter_context(contextlib.closing(Echo(world, name, VIP)))
        sock = alive.enter_context(contextlib.closing(bound(world, "c1")))
        ask(sock, b"everybody is known by now")
        sock.settimeout(20)  # a question that is asked again has its turn again
        heard = [ask(sock, b"%d" % number).decode() for number in range(9)]
        assert Counter(heard) == dict.fromkeys(standard.SERVERS, 3)
        assert world.stack.sessions() == []
        assert_clean(world)
