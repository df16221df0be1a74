"""The public ports of SNAT: mappings, blocks, limits; whatever hosts do, no two flows to one destination share one."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any

import pytest
from fullnat.config.diff import model_of
from fullnat.core.balancing.placement import Place, Refusal
from fullnat.core.balancing.service import Service
from fullnat.core.declared.model import Declared
from fullnat.core.session.pool import LocalPool, Peer
from fullnat.core.snat.mappings import TRIES, Mappings
from fullnat.core.stats import new_stats
from fullnat.net.flow import Address, Endpoint, Flow
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import config, ip
from .snatkit import HOST, HOST2, OUTSIDE, OUTSIDE2, PUBLIC, PUBLIC2, first, opened, public, rig, rule, shown

LOW = 5000


def made(ports: int = 8, **changes: Any) -> tuple[Mappings, Service]:
    """A rule whose servers have their ids, and the mappings of so many ports."""
    declared: Declared = next(iter(model_of(config(rule(**changes))).services.values()))
    key = next(iter(model_of(config(rule(**changes))).services))
    service = Service(key)
    service.configure(declared)
    pool = LocalPool(Random(1), LOW, LOW + ports - 1)
    pool.add(declared.publics)
    for server in service.servers.values():
        for virtual in service.virtuals:
            server.set_id(virtual, 1)
    service.balance(set())
    return Mappings(pool, new_stats()), service


def flow(host: Address = HOST, port: int = 40000, to: Address = OUTSIDE, dport: int = 443) -> Flow:
    return Flow(6, Endpoint(host, port), Endpoint(to, dport))


def placed(found: Place | Refusal) -> Endpoint:
    assert isinstance(found, Place)
    return found.local


# ---- mappings (RFC 4787 4.1)


def test_endpoint_independent_is_one_port_for_all_destinations() -> None:
    mappings, service = made(mapping="endpoint-independent")
    ends = {placed(mappings.place(service, flow(to=to, dport=port))) for to in (OUTSIDE, OUTSIDE2) for port in (80, 81)}
    assert len(ends) == 1
    assert placed(mappings.place(service, flow(HOST2, to=OUTSIDE2))) not in ends


def test_address_dependent_is_one_port_for_a_destination_address() -> None:
    """Others may have it for another one, so one address goes further."""
    mappings, service = made(mapping="address-dependent")
    hosts = [ip("10.0.2.50", plus) for plus in range(8)]
    at = {to: [placed(mappings.place(service, flow(host, to=to))) for host in hosts] for to in (OUTSIDE, OUTSIDE2)}
    assert [len(set(each)) for each in at.values()] == [8, 8]
    assert placed(mappings.place(service, flow(to=OUTSIDE, dport=80))) == at[OUTSIDE][0]
    assert mappings.place(service, flow(ip("10.0.2.99"))) is Refusal.NO_LOCAL_PORT


def test_a_port_is_free_again_with_the_last_flow() -> None:
    mappings, service = made()
    places = [mappings.place(service, flow(to=to)) for to in (OUTSIDE, OUTSIDE2)]
    for place in places:
        assert isinstance(place, Place)
        assert place.mapping is not None
        assert len(mappings) == 1
        mappings.release(service, place.mapping)
    assert len(mappings) == 0


def test_another_address_takes_what_one_has_no_port_for() -> None:
    mappings, service = made(real_servers=(public(), public(PUBLIC2)), scheduler="sh")
    ends = [placed(mappings.place(service, flow(port=port))) for port in range(40000, 40016)]
    assert len(set(ends)) == 16
    assert {end.address for end in ends} == {PUBLIC, PUBLIC2}
    assert mappings.place(service, flow(port=40016)) is Refusal.NO_LOCAL_PORT


# ---- blocks (RFC 6888)


def test_a_host_gets_blocks_for_itself_and_gives_them_back() -> None:
    mappings, service = made(block_size=4, block_log=True)
    places = [mappings.place(service, flow(port=port)) for port in range(40000, 40004)]
    other = mappings.place(service, flow(HOST2))
    assert {(placed(place).port - LOW) // 4 for place in places} == {0}
    assert placed(other).port - LOW == 4
    assert mappings.place(service, flow(port=40004)) is Refusal.NO_LOCAL_PORT
    for place in (*places, other):
        assert isinstance(place, Place)
        assert place.mapping is not None
        mappings.release(service, place.mapping)
    assert mappings.blocks.log == [
        "snat block allocated: tcp 10.0.2.50 198.51.100.20 5000-5003",
        "snat block allocated: tcp 10.0.2.51 198.51.100.20 5004-5007",
        "snat block released: tcp 10.0.2.50 198.51.100.20 5000-5003",
        "snat block released: tcp 10.0.2.51 198.51.100.20 5004-5007",
    ]
    assert len(mappings.blocks) == 0


def test_a_host_stays_with_the_address_of_its_block() -> None:
    mappings, service = made(block_size=4, real_servers=(public(), public(PUBLIC2)), scheduler="rr")
    ends = [placed(mappings.place(service, flow(port=port))) for port in range(40000, 40004)]
    assert len({end.address for end in ends}) == 1
    assert len({end.port for end in ends}) == 4


def test_blocks_are_logged_where_the_rule_says_so() -> None:
    for wanted in (False, True):
        one = rig(rule(block_size=512, block_log=wanted))
        entry = opened(one, first())
        assert entry is not None
        for _ in range(3):
            one.advance(100)
        low = entry.local_port - (entry.local_port - 5000) % 512
        named = f"tcp 10.0.2.50 198.51.100.20 {low}-{low + 511}"
        lines = [f"snat block {what}: {named}" for what in ("allocated", "released")]
        assert [log.message for log in one.switch.logs if "block" in log.message] == (lines if wanted else [])
        stats = one.controller.stats()
        assert (stats["blocks_allocated"], stats["blocks_released"]) == (1, 1)


def test_blocks_are_known_again_after_a_restart() -> None:
    one = rig(rule(block_size=512))
    first_one = shown(one, first())
    assert first_one is not None
    one.restart()
    second, others = shown(one, first(40001)), shown(one, first(host=HOST2))
    assert second is not None
    assert others is not None
    block = (first_one.port - 5000) // 512
    assert (second.port - 5000) // 512 == block
    assert (others.port - 5000) // 512 != block


# ---- limits


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_host_has_so_many_sessions_at_most(protocol: str) -> None:
    one = rig(rule(protocol, host_sessions=2))
    at = [shown(one, first(port, protocol=protocol)) for port in (40000, 40001, 40002)]
    assert [each is not None for each in at] == [True, True, False]
    assert shown(one, first(host=HOST2, protocol=protocol)) is not None
    assert one.controller.stats()["host_full"] == 1
    for _ in range(4):
        one.advance(100)
    assert shown(one, first(40002, protocol=protocol)) is not None


def test_a_host_without_a_port_is_told_nothing() -> None:
    """The address that would tell it is somebody else's."""
    one = rig(rule(), local_port_min=5000, local_port_max=5000)
    assert shown(one, first()) is not None
    one.switch.forwarded.clear()
    assert shown(one, first(40001)) is None
    assert one.switch.forwarded == []
    assert one.controller.stats()["no_local_port"] == 1


# ---- whatever happens

HOSTS = [ip("10.0.2.50", plus) for plus in range(3)]
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("open"),
            st.sampled_from(HOSTS),
            st.integers(40000, 40003),
            st.sampled_from([OUTSIDE, OUTSIDE2]),
            st.sampled_from([80, 443]),
        ),
        st.tuples(st.just("close"), st.integers(0, 100)),
        st.tuples(
            st.just("change"),
            st.sampled_from(["endpoint-independent", "address-dependent"]),
            st.sampled_from([0, 2, 4]),
        ),
        st.just(("restart",)),
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_no_two_flows_to_one_destination_share_a_port(steps: list[tuple[Any, ...]]) -> None:
    """Whatever opens and closes, and however the rule changes meanwhile; a controller that takes all over again knows
    the same. Nothing is left of what is closed."""
    changes: dict[str, Any] = {"real_servers": (public(), public(PUBLIC2))}
    mappings, service = made(**changes)
    live: dict[Flow, Place] = {}
    for step in steps:
        if step[0] == "open":
            new = flow(*step[1:])
            if new in live:
                continue
            found = mappings.place(service, new)
            if isinstance(found, Place):
                live[new] = found
        elif step[0] == "close" and live:
            place = live.pop(sorted(live)[step[1] % len(live)])
            assert place.mapping is not None
            mappings.release(service, place.mapping)
        elif step[0] == "change":
            service.hosts = service.hosts._replace(mapping=step[1], block_size=step[2])
        elif step[0] == "restart":
            mappings, again = made(**changes)
            again.hosts = service.hosts
            service = again
            for each, place in list(live.items()):
                mapping = mappings.claim(service, each, place.local)
                if mapping is None:
                    # Another host's by the rule as it is now; told as a session that is deleted.
                    del live[each]
                else:
                    live[each] = place._replace(mapping=mapping)
        taken: dict[tuple[Endpoint, Endpoint], set[Endpoint]] = defaultdict(set)
        for each, place in live.items():
            taken[place.local, each.dst].add(each.src)
        assert all(len(hosts) == 1 for hosts in taken.values())
    for place in live.values():
        assert place.mapping is not None
        mappings.release(service, place.mapping)
    assert (len(mappings), len(mappings.blocks), sum(local.used for local in mappings._pool)) == (0, 0, 0)


def looks(monkeypatch: pytest.MonkeyPatch) -> list[Endpoint]:
    """The ports that are looked at from now on."""
    found: list[Endpoint] = []
    looked = LocalPool.is_free_beside

    def look(pool: LocalPool, place: Endpoint, peer: Peer) -> bool:
        found.append(place)
        return looked(pool, place, peer)

    monkeypatch.setattr(LocalPool, "is_free_beside", look)
    return found


def flow_of(host: Address, port: int, to: Address = OUTSIDE) -> Flow:
    return Flow(6, Endpoint(host, port), Endpoint(to, 443))


@pytest.mark.parametrize("mapping", ["endpoint-independent", "address-dependent"])
def test_host_with_all_ports_of_its_blocks_costs_no_look_at_each(mapping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mappings, service = made(512, block_size=256, mapping=mapping)
    for port in range(512):
        assert isinstance(mappings.place(service, flow_of(HOST, port)), Place)
    found = looks(monkeypatch)
    assert mappings.place(service, flow_of(HOST, 600)) is Refusal.NO_LOCAL_PORT
    assert found == []


@pytest.mark.parametrize("now", ["endpoint-independent", "address-dependent"])
def test_few_ports_are_tried_beside_mappings_of_the_other_kind(now: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next flow tries those behind them, and so one that is free is found."""
    before = {"endpoint-independent": "address-dependent", "address-dependent": "endpoint-independent"}[now]
    mappings, service = made(200, mapping=before)
    places = [mappings.place(service, flow_of(HOST, port)) for port in range(200)]
    freed = places[150]
    assert isinstance(freed, Place)
    assert freed.mapping is not None
    mappings.release(service, freed.mapping)
    service.hosts = service.hosts._replace(mapping=now)
    found = looks(monkeypatch)
    for tried in range(1, 8):
        place = mappings.place(service, flow_of(HOST2, 1))
        assert len(found) <= TRIES * tried
        if isinstance(place, Place):
            break
    assert isinstance(place, Place)
    assert place.local == freed.local
