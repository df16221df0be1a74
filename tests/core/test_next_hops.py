"""Ids of next hops: who has which, and that no packet ever takes the way of another."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from random import Random

import pytest
from fullnat.config.model import Config, StaticRoute
from fullnat.core.interface import Failure, NeighborHeard, Op, Outcome, Written
from fullnat.core.network import next_hops
from fullnat.core.network.next_hops import NextHops
from fullnat.core.switch.mirror import Mirror
from fullnat.net.flow import Address, text
from fullnat.tables.host import Host
from fullnat.tables.next_hop import NextHop, Way
from fullnat.tables.route import VIA, Route
from fullnat.tables.table import Entry, entry_key

from .builders import (
    ANY,
    CLIENT_PORT,
    ROUTER_MAC,
    ROUTES,
    SERVER,
    SERVER2,
    SERVER_MAC,
    SERVER_PORT,
    SWITCH_MAC_1,
    SWITCH_MAC_2,
    arp_reply,
    config,
    ip,
    virtual,
)
from .switch import FakeSwitch, Neighbor, Rig
from .test_neighbors import GATEWAY, STRANGER, answer

SERVER_WAY = Way(SERVER_PORT, SWITCH_MAC_2, SERVER_MAC, 1500)
GATEWAY_WAY = Way(CLIENT_PORT, SWITCH_MAC_1, ROUTER_MAC, 1500)
OTHER_GATEWAY = ip("198.51.100.253")


def answer_gateway(rig: Rig, gateway: Address = GATEWAY) -> None:
    rig.send(arp_reply(gateway, ROUTER_MAC, ip("198.51.100.1"), SWITCH_MAC_1, CLIENT_PORT))
    rig.settle()


def hear(rig: Rig, address: Address, mac: int = SERVER_MAC) -> None:
    rig.send(NeighborHeard(address, mac, SERVER_PORT))
    rig.settle()


def by(gateway: Address, *more: StaticRoute) -> Config:
    route = replace(ROUTES[0], gateway=IPv4Address(text(gateway)))
    return config(virtual(), routes=(route, *more))


def updates(rig: Rig) -> list[tuple[Op, Entry]]:
    """What was written since the last look."""
    found = list(rig.switch.log_of_updates)
    rig.switch.log_of_updates.clear()
    return found


# ---- what is written, and in which order


def test_a_gateway_has_its_entry_before_it_answers_and_the_route_keeps_its_id() -> None:
    rig = Rig(config())
    assert rig.switch.of(NextHop) == {NextHop(1)}
    updates(rig)
    answer_gateway(rig)
    assert updates(rig) == [(Op.MODIFY, NextHop(1, GATEWAY_WAY)), (Op.INSERT, Host(GATEWAY, 1))]
    rig.advance(61)
    rig.advance(18)
    assert updates(rig) == [(Op.MODIFY, NextHop(1)), (Op.DELETE, Host(GATEWAY, 1))], "it went silent"


def test_a_new_mac_changes_one_entry_in_place() -> None:
    rig = Rig(config())
    answer(rig)
    assert Host(SERVER, 2) in rig.switch.of(Host)
    updates(rig)
    answer(rig, mac=SERVER_MAC + 1)
    assert updates(rig) == [(Op.MODIFY, NextHop(2, SERVER_WAY._replace(destination=SERVER_MAC + 1)))]


def test_a_host_goes_before_its_next_hop() -> None:
    rig = Rig(config())
    answer(rig)
    rig.advance(77, settle=False)
    assert [update for write in rig.switch.writes for update in write.updates] == [(Op.DELETE, Host(SERVER, 2))]
    rig.settle()
    assert rig.switch.of(NextHop) == {NextHop(1)}


def test_a_neighbor_that_comes_back_at_once_has_its_entries() -> None:
    rig = Rig(config())
    answer(rig)
    rig.advance(77, settle=False)
    rig.send(arp_reply(SERVER, SERVER_MAC, ip("10.0.2.1"), SWITCH_MAC_2, SERVER_PORT))
    rig.settle()
    assert rig.switch.neighbors() == {Neighbor(SERVER, *SERVER_WAY)}


def test_hosts_that_a_route_leads_elsewhere_are_no_hosts_of_the_table() -> None:
    """The switch looks hosts up before prefixes."""
    rig = Rig(config())
    answer(rig)
    narrow = StaticRoute(prefix=IPv4Network("10.0.2.8/29"), gateway=IPv4Address("10.0.2.77"))
    rig.reconfigure(by(GATEWAY, narrow))
    rig.settle()
    assert rig.switch.of(Host) == set()
    hear(rig, STRANGER)
    assert {host.address for host in rig.switch.of(Host) if isinstance(host, Host)} == {STRANGER}
    rig.reconfigure(config())
    rig.settle()
    assert rig.switch.neighbors() == {Neighbor(SERVER, *SERVER_WAY), Neighbor(STRANGER, *SERVER_WAY)}


# ---- what was found


def test_ids_are_read_back_after_a_restart() -> None:
    rig = Rig(config())
    for address in (SERVER, SERVER2, STRANGER):
        hear(rig, address)
    answer(rig, SERVER2)
    answer(rig, STRANGER)
    rig.advance(18)
    assert {entry[-1] for entry in rig.switch.of(Host)} == {3, 4}
    answer_gateway(rig)
    before = rig.switch.entries()
    updates(rig)
    rig.restart()
    assert updates(rig) == []
    assert rig.switch.entries() == before
    hear(rig, ip("10.0.2.78"))
    assert {entry[-1] for entry in rig.switch.of(Host)} == {1, 2, 3, 4}


def test_the_id_of_a_silent_gateway_is_read_back_from_its_route() -> None:
    switch = FakeSwitch()
    switch.tables = {("next_hop", 9): NextHop(9), ("ipv4_route", ANY, 0): Route(ANY, 0, VIA, 9)}
    rig = Rig(config(), switch=switch)
    assert Route(ANY, 0, VIA, 9) in switch.of(Route)
    answer_gateway(rig)
    assert switch.of(NextHop) == {NextHop(9, GATEWAY_WAY)}


def test_another_gateway_after_a_restart_has_another_id() -> None:
    rig = Rig(config())
    answer_gateway(rig)
    rig.config = by(OTHER_GATEWAY)
    rig.restart()
    assert Route(ANY, 0, VIA, 2) in rig.switch.of(Route)
    assert rig.switch.of(NextHop) == {NextHop(1, GATEWAY_WAY), NextHop(2)}, "the old one is still a known host"
    rig.advance(18)
    assert rig.switch.of(NextHop) == {NextHop(2)}


def test_a_gateway_that_is_configured_no_more_gives_its_id_back() -> None:
    rig = Rig(config())
    rig.reconfigure(config(virtual(), routes=()))
    rig.settle()
    assert rig.switch.of(NextHop) == set()
    rig.reconfigure(config())
    rig.settle()
    assert len(rig.switch.of(NextHop)) == 1


def test_the_way_of_an_id_that_no_host_has_is_not_believed() -> None:
    """Its gateway may be another by now."""
    switch = FakeSwitch()
    switch.tables = {("next_hop", 9): NextHop(9, SERVER_WAY), ("ipv4_route", ANY, 0): Route(ANY, 0, VIA, 9)}
    Rig(config(), switch=switch)
    assert switch.of(NextHop) == {NextHop(9)}


def test_what_nobody_should_have_written_is_put_right() -> None:
    """Hosts and a gateway share an id, one has the id of none, and nothing leads to a next hop."""
    switch = FakeSwitch()
    switch.tables = {
        ("next_hop", 5): NextHop(5, SERVER_WAY),
        ("next_hop", 6): NextHop(6, SERVER_WAY),
        ("next_hop", 0): NextHop(0, SERVER_WAY),
        ("ipv4_host", SERVER): Host(SERVER, 5),
        ("ipv4_host", SERVER2): Host(SERVER2, 5),
        ("ipv4_host", STRANGER): Host(STRANGER, 0),
        ("ipv4_route", ANY, 0): Route(ANY, 0, VIA, 5),
    }
    rig = Rig(config(), switch=switch)
    assert switch.neighbors() == {Neighbor(SERVER, *SERVER_WAY)}
    assert switch.of(NextHop) == {NextHop(1), NextHop(5, SERVER_WAY)}
    hear(rig, SERVER2, SERVER_MAC + 1)
    assert Neighbor(SERVER2, SERVER_PORT, SWITCH_MAC_2, SERVER_MAC + 1, 1500) in switch.neighbors()


# ---- refusals, and every order of answers


def learned(ids: NextHops, number: int) -> None:
    ids.learn(ip("10.0.2.0", number), Way(1, 1, number, 1500), direct=True)


def test_a_full_table_is_tried_again_when_there_is_room() -> None:
    ids = NextHops()
    ids.switch_up([], [], {})
    learned(ids, 1)
    learned(ids, 2)
    asked = ids.updates()
    refused = [update for update in asked if update[1][-1] == 2 or update[1][0] == 2]
    assert len(refused) == 2
    for operation, entry in asked:
        assert isinstance(entry, (NextHop, Host))
        ids.answered(operation, entry, Outcome.FULL if (operation, entry) in refused else Outcome.DONE)
    learned(ids, 1)
    assert ids.updates() == []
    ids.forget(ip("10.0.2.1"))
    ((operation, entry),) = ids.updates()
    assert isinstance(entry, Host)
    ids.answered(operation, entry, Outcome.DONE)
    assert ids.updates() == [(Op.DELETE, NextHop(1, Way(1, 1, 1, 1500))), *refused]


def test_without_free_ids_the_switch_does_not_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_hops, "IDS", 2)
    ids = NextHops()
    learned(ids, 1)
    ids.updates()
    learned(ids, 2)
    assert ids.updates() == []
    assert ids.gateways([ip("10.0.2.2")]) == {}
    ids.forget(ip("10.0.2.2"))
    assert not ids.changed


def test_what_the_switch_refuses_is_told_once_a_write() -> None:
    rig = Rig(config())
    rig.send(arp_reply(SERVER, SERVER_MAC, ip("10.0.2.1"), SWITCH_MAC_2, SERVER_PORT))
    write = rig.switch.writes.popleft()
    assert write.updates == ((Op.INSERT, NextHop(2, SERVER_WAY)), (Op.INSERT, Host(SERVER, 2)))
    full = Failure(Outcome.FULL, "table full")
    rig.send(Written(write.token, {0: full, 1: full}))
    (log,) = rig.switch.logs
    assert log.level == "WARNING"
    assert log.message.startswith("2 entries of next hops failed; the first: insert NextHop(next_hop_id=2, ")
    assert log.message.endswith(": table full")
    rig.reconfigure(config())
    assert [found.updates for found in rig.switch.writes] == [write.updates], "there may be room now"


class Late:
    """A switch that answers when it likes, in the order of each entry's updates, and refuses now and then."""

    def __init__(self, ids: NextHops, rng: Random) -> None:
        self.ids = ids
        self.rng = rng
        self.tables: dict[tuple[object, ...], Entry] = {}
        self.waiting: list[tuple[Op, Entry]] = []

    def step(self) -> None:
        """Ask for what is to be done, and carry out one update."""
        self.waiting += self.ids.updates()
        if not self.waiting:
            return
        operation, entry = self.waiting.pop(self._next())
        key = entry_key(entry)
        if self.rng.random() < 0.1:
            outcome = Outcome.REFUSED
        elif operation is Op.INSERT and key in self.tables:
            outcome = Outcome.EXISTS
        elif operation is not Op.INSERT and key not in self.tables:
            outcome = Outcome.ABSENT
        else:
            outcome = Outcome.DONE
            if operation is Op.DELETE:
                del self.tables[key]
            else:
                self.tables[key] = entry
        assert isinstance(entry, (NextHop, Host))
        self.ids.answered(operation, entry, outcome)

    def _next(self) -> int:
        at = self.rng.randrange(len(self.waiting))
        keys = [entry_key(entry) for _, entry in self.waiting]
        return keys.index(keys[at])

    def check(self, routes: Mirror) -> None:
        """Every packet that leaves goes to whom it is for: the MAC address is the host's number."""
        for host in self.tables.values():
            if isinstance(host, Host):
                way = self.way(host.next_hop_id)
                assert way is None or way.destination == host.address[-1]
        for route in routes.of(Route):
            way = self.way(route.next_hop_id)
            assert way is None or way.destination == route.prefix[-1]

    def way(self, number: int | None) -> Way | None:
        hop = self.tables.get(("next_hop", number))
        assert hop is None or isinstance(hop, NextHop)
        return hop.way if hop is not None else None


@pytest.mark.parametrize("seed", range(20))
def test_no_packet_goes_to_another_whatever_the_switch_does(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_hops, "IDS", 5)
    rng = Random(seed)
    ids = NextHops()
    switch = Late(ids, rng)
    routes = Mirror()
    for _ in range(1500):
        number = rng.randrange(1, 8)
        match rng.randrange(8):
            case 0 | 1:
                learned(ids, number)
            case 2 | 3:
                ids.forget(ip("10.0.2.0", number))
            case 4 if rng.random() < 0.2:
                # One route by each gateway, with the number of the gateway in its prefix.
                wanted = ids.gateways([ip("10.0.2.0", number)])
                made = [Route(ip("192.0.2.0", gateway[-1]), 32, VIA, id_) for gateway, id_ in wanted.items()]
                routes.found(made)
                ids.retain(made)
            case 5 if rng.random() < 0.02:
                # The connection is lost; the gateways are as they were.
                switch.waiting.clear()
                found = [entry for entry in switch.tables.values() if isinstance(entry, (NextHop, Host))]
                by_prefix = {(r.prefix, r.prefix_len): ip("10.0.2.0", r.prefix[-1]) for r in routes.of(Route)}
                for address, way in ids.switch_up(found, routes.of(Route), by_prefix):
                    assert way.destination == address[-1]
                    ids.learn(address, way, direct=True)
            case _:
                switch.step()
        switch.check(routes)
