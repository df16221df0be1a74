"""What users of other balancers report of schedulers, persistence and taking servers out, tried here."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from fullnat.config import file
from fullnat.config.errors import ConfigError
from fullnat.config.model import ServerSettings
from fullnat.core.declared.commands import AddServer, EditServer
from fullnat.net.flow import Address, Endpoint

from .builders import SERVER, SERVER2, config, ip, real, syn, virtual
from .commandkit import FIRST, KEY, SECOND
from .helpers import established, opened, tell
from .switch import Rig

MANY = tuple(real(f"10.0.2.{number}") for number in range(11, 19))


def shares(rig: Rig, count: int, first: int = 10_000) -> Counter[Address]:
    return Counter(opened(rig, first + number).server for number in range(count))


def home(rig: Rig, client: Address, port: int) -> Address:
    """Where a connection of ``client`` goes."""
    rig.send(syn(port, client=client))
    rig.settle()
    return rig.switch.sessions()[rig.switch.injected[-1].session_id].server


def test_maglev_goes_by_weights_whatever_their_sum_is() -> None:
    """facebookincubator/katran#35: weights of 1 and 10 are shared 1:1 unless their sum is the ring's size."""
    rig = Rig(config(virtual(scheduler="mh", real_servers=(real(weight=1), real("10.0.2.12", weight=10)))))
    found: Counter[Address] = Counter()
    for number in range(5500):
        rig.send(syn(20_000, client=ip("192.0.2.0", number * 7919 % 60_000)))
        found[rig.switch.writes[-1].updates[0][1].server] += 1  # type: ignore[attr-defined]
        rig.answer_writes()
    assert found[SERVER] == pytest.approx(500, rel=0.15)


@pytest.mark.parametrize("scheduler", ["wrr", "wlc", "sed", "nq"])
def test_a_server_in_slow_start_beside_many_others_gets_some(scheduler: str) -> None:
    """envoyproxy/envoy#29259: beside 130 others a new one gets nothing, in the window and after it."""
    others = tuple(real(f"10.0.2.{number}") for number in range(103, 233))
    rig = Rig(config(virtual(scheduler=scheduler, real_servers=others, slow_start=90.0, established_timeout=900.0)))

    def gets(count: int, first: int) -> int:
        """Of so many connections that stay."""
        return sum(established(rig, first + number).server == SERVER2 for number in range(count))

    gets(1300, 10_000)
    rig.apply(AddServer(KEY, SECOND, ServerSettings()))
    rig.settle()
    assert 1 <= gets(260, 20_000) <= 3
    rig.advance(91)
    assert gets(131, 30_000) >= 1
    (service,) = rig.controller.services()
    assert {server.effective_weight for server in service.servers} == {1}


def test_a_slow_start_goes_on_when_more_servers_come() -> None:
    """envoyproxy/envoy#29008: with each further one it is as good as over for those that have begun."""
    rig = Rig(config(virtual(scheduler="wrr", real_servers=(real(weight=10),), slow_start=90.0)))
    seen = []
    for number in range(12, 15):
        rig.apply(AddServer(KEY, Endpoint(ip(f"10.0.2.{number}"), FIRST.port), ServerSettings(weight=10)))
        rig.settle()
        rig.advance(31)
        (service,) = rig.controller.services(rig.now)
        seen.append([each.warming for each in service.servers])
    assert seen == [[None, 31.0], [None, 62.0, 31.0], [None, None, 62.0, 31.0]]
    weights = [each.effective_weight / service.servers[0].effective_weight for each in service.servers]
    assert weights == [1.0, 1.0, pytest.approx(0.7, abs=0.1), pytest.approx(0.4, abs=0.1)]


@pytest.mark.parametrize("persistence", [0.0, 300.0])
def test_maglev_sends_a_client_to_one_server_from_whatever_port_and_after_a_restart(persistence: float) -> None:
    """cilium/cilium#26709: with session affinity, nodes of one table choose by the client's port, each another one."""
    service = virtual(scheduler="mh", real_servers=MANY, persistence_timeout=persistence)
    clients = [ip("192.0.2.0", number) for number in range(20)]
    homes = []
    for first in (10_000, 20_000):
        rig = Rig(config(service))
        homes.append([{home(rig, client, first + turn) for turn in range(3)} for client in clients])
    assert homes[0] == homes[1]
    assert {len(each) for each in homes[0]} == {1}
    assert len(set.union(*homes[0])) > 3


@pytest.mark.parametrize("scheduler", ["wlc", "sed", "nq"])
def test_connections_that_begin_together_are_shared_by_weight(scheduler: str) -> None:
    """In LVS one that begins counts as inactive, so of 1,000 at once a server without established ones gets most."""
    rig = Rig(config(virtual(scheduler=scheduler, real_servers=(real(), real("10.0.2.12", weight=3)))))
    established(rig, 9_000)
    assert shares(rig, 399) == {SERVER: pytest.approx(100, abs=2), SERVER2: pytest.approx(299, abs=2)}


def test_a_server_that_never_answers_is_not_the_idlest() -> None:
    """As in LVS, whose wlc keeps giving to the one whose connections are all half-open."""
    rig = Rig(config(virtual(scheduler="wlc", real_servers=(real(), real("10.0.2.12")))))
    found: Counter[Address] = Counter()
    for number in range(100):
        session = opened(rig, 10_000 + number)
        found[session.server] += 1
        if session.server == SERVER2:
            tell(rig, session.session_id, "SYN_ACK", "ESTABLISHED")
    assert found == {SERVER: 50, SERVER2: 50}


@pytest.mark.parametrize("scheduler", ["wrr", "wlc", "sed"])
def test_servers_of_the_same_great_weight_get_no_series(scheduler: str) -> None:
    """envoyproxy/envoy#3284: a weight of 50 gives 50 connections in a row to one server."""
    rig = Rig(config(virtual(scheduler=scheduler, real_servers=(real(weight=50), real("10.0.2.12", weight=50)))))
    found = [opened(rig, 10_000 + number).server for number in range(100)]
    assert all(one != other for one, other in pairwise(found))


def test_wrr_finds_the_light_server_when_the_heavy_one_is_full() -> None:
    """B17: iqiyi/dpvs#872, with its weights; and the heavy one again when it has room."""
    heavy = ServerSettings(weight=2, upper_threshold=1)
    rig = Rig(config(virtual(scheduler="wrr", real_servers=(real(weight=2), real("10.0.2.12")))))
    rig.apply(EditServer(KEY, FIRST, heavy))
    found = [established(rig, 10_000 + number) for number in range(5)]
    assert Counter(entry.server for entry in found) == {SERVER: 1, SERVER2: 4}
    (full,) = (entry for entry in found if entry.server == SERVER)
    tell(rig, full.session_id, "FIN_IN", "FIN_OUT")
    rig.advance(8)
    assert SERVER in {opened(rig, 20_000 + number).server for number in range(3)}


def test_weights_that_become_unlike_are_gone_by_at_once() -> None:
    """envoyproxy/envoy#14360: after equal weights a change to others has no effect."""
    rig = Rig(config(virtual(scheduler="wrr", real_servers=(real(), real("10.0.2.12")))))
    assert shares(rig, 10) == {SERVER: 5, SERVER2: 5}
    rig.apply(EditServer(KEY, SECOND, ServerSettings(weight=9)))
    assert shares(rig, 100, 20_000) == {SERVER: 10, SERVER2: 90}


def test_a_time_that_is_too_long_is_told_by_its_name() -> None:
    """acassen/keepalived#1641: the service is not there, and the log has "Invalid operation"."""
    text = "[[virtual_server]]\npersistence_timeout = 4294967295\n"
    with pytest.raises(ConfigError) as refused:
        file.parse(text, "x.toml")
    assert any(
        "x.toml:2: [virtual_server 1] persistence_timeout: 4294967295" in line for line in refused.value.problems
    )
