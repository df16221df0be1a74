"""Roles that `fullnat check` lets one address have together (fullnat.config.roles) do work together."""

from __future__ import annotations

import contextlib
import http.client
from ipaddress import IPv4Address

import pytest
from pyroute2 import IPRoute

from topo import standard
from topo.world import World, ask
from topo.world import world as make_world

from .checks import CLOSING, assert_clean

OUTSIDE, INSIDE = standard.CLIENT_GATEWAY.ip, standard.SERVER_GATEWAY.ip


@pytest.mark.parametrize(
    ("vip", "local"),
    [(OUTSIDE, INSIDE), (standard.VIP, standard.VIP)],
    ids=["interfaces as VIP and local address", "VIP as local address"],
)
def test_one_address_in_two_roles(target: str, vip: IPv4Address, local: IPv4Address) -> None:
    config = standard.config(local_addresses=[local], timeouts=CLOSING)
    config = config.replace(f'address = "{standard.VIP}"', f'address = "{vip}"')
    with make_world(config, target=target) as world:
        for server in standard.SERVERS:
            with world.network.inside(server), IPRoute() as ip:
                ip.route("add", dst=f"{standard.VIP}/32", gateway=str(INSIDE))
        for number in range(2 * len(standard.SERVERS)):
            peer, toa, client = answer(world, standard.CLIENTS[number % 2], vip)
            assert peer == str(local)
            assert toa == client
        assert_clean(world)


def answer(world: World, client: str, vip: IPv4Address) -> tuple[str, str | None, str]:
    """The peer that a real server saw, the client's address that it was told, and the client's own view of that."""
    connection = http.client.HTTPConnection(str(vip), standard.VPORT, timeout=10)
    with contextlib.closing(connection):
        with world.network.inside(client):
            connection.connect()
        found = ask(connection)
    return found.peer.partition(":")[0], found.toa, found.client
