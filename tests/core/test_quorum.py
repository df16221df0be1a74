"""Quorum, hysteresis and sorry servers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from fullnat.config.model import RealServer, ServerSettings, ServiceSettings
from fullnat.core.balancing.health import Verdict
from fullnat.core.declared.commands import CommandError, EditServer, EditService
from fullnat.core.declared.modes import Mode
from fullnat.core.interface import Log, Turned
from fullnat.net.flow import Address, Endpoint

from .builders import SERVER, SERVER2, SERVER3, VIP, VPORT, config, ip, real, virtual
from .commandkit import FIRST, KEY, SECOND
from .helpers import established, opened
from .switch import Rig
from .test_echo import kind
from .test_health import judge, shares
from .udpkit import answered, begun, service

SORRY = replace(real("10.0.2.13"), sorry=True)
NAME = f"virtual server tcp {Endpoint(VIP, VPORT)}"


def rigged(*reals: RealServer, **changes: Any) -> Rig:
    servers = reals or (real("10.0.2.11"), real("10.0.2.12"))
    return Rig(config(virtual(scheduler="rr", real_servers=(*servers, SORRY), **changes)))


def told(rig: Rig, server: Endpoint, healthy: bool) -> list[tuple[Endpoint | None, bool]]:
    """What a verdict has told."""
    envelopes = rig.controller.judge(Verdict(KEY, server, healthy), rig.now)
    rig.execute(envelopes)
    rig.settle()
    effects = [effect for _, effects in envelopes for effect in effects if isinstance(effect, Turned)]
    assert all(effect.service == KEY for effect in effects)
    return [(effect.server, effect.is_up) for effect in effects]


def quorum(rig: Rig) -> bool:
    (found,) = rig.controller.services()
    return found.has_quorum


def test_a_sorry_server_takes_over_when_all_others_are_down_and_goes_when_one_returns() -> None:
    rig = rigged()
    assert (shares(rig, 40000), quorum(rig)) == ({SERVER: 2, SERVER2: 2}, True)
    session = established(rig, 39000)
    assert told(rig, FIRST, False) == [(FIRST, False)]
    assert shares(rig, 41000) == {SERVER2: 4}
    assert told(rig, SECOND, False) == [(SECOND, False), (None, False)]
    assert (shares(rig, 42000), quorum(rig)) == ({SERVER3: 4}, False)
    sorry = established(rig, 43000)
    assert told(rig, SECOND, True) == [(SECOND, True), (None, True)]
    assert (shares(rig, 44000), quorum(rig)) == ({SERVER2: 4}, True)
    assert {session.session_id, sorry.session_id} <= rig.switch.sessions().keys()
    lost = Log("WARNING", f"{NAME}: quorum lost: servers of weight 0 are well")
    gained = Log("INFO", f"{NAME}: quorum gained: servers of weight 1 are well")
    assert [log for log in rig.switch.logs if "quorum" in log.message] == [lost, gained]


def test_hysteresis_keeps_it_from_flapping() -> None:
    """Quorum 4 of 6, hysteresis 1: it is lost below 3, and gained from 5 on."""
    servers = [real(f"10.0.2.{20 + number}", weight=2) for number in range(3)]
    rig = rigged(*servers, quorum=4, hysteresis=1)
    first, second, third = (Endpoint(ip("10.0.2.20", number), 8080) for number in range(3))
    assert quorum(rig)
    assert told(rig, first, False) == [(first, False)]
    assert quorum(rig)
    assert told(rig, second, False) == [(second, False), (None, False)]
    assert told(rig, second, True) == [(second, True)]
    assert not quorum(rig)
    assert shares(rig, 40000) == {SERVER3: 4}
    assert told(rig, first, True) == [(first, True), (None, True)]
    assert told(rig, third, False) == [(third, False)]
    assert quorum(rig)


def test_a_quorum_of_0_still_needs_a_server() -> None:
    """keepalived: update_quorum_state; acassen/keepalived#373 has quorum 0."""
    rig = rigged(real("10.0.2.11"), quorum=0)
    assert told(rig, FIRST, False) == [(FIRST, False), (None, False)]
    assert shares(rig, 40000) == {SERVER3: 4}
    assert told(rig, FIRST, True) == [(FIRST, True), (None, True)]


def test_without_a_sorry_server_that_is_well_those_that_are_left_go_on() -> None:
    rig = rigged(quorum=2)
    judge(rig, Endpoint(SERVER3, 8080), False)
    assert told(rig, FIRST, False) == [(FIRST, False), (None, False)]
    assert shares(rig, 40000) == {SERVER2: 4}
    judge(rig, Endpoint(SERVER3, 8080), True)
    assert shares(rig, 41000) == {SERVER3: 4}


def test_servers_of_weight_0_make_no_quorum() -> None:
    """All are taken out: clients get the sorry server."""
    rig = rigged(real("10.0.2.11"))
    rig.apply(EditServer(KEY, FIRST, ServerSettings(weight=0)))
    rig.settle()
    assert (shares(rig, 40000), quorum(rig)) == ({SERVER3: 4}, False)
    rig.apply(EditServer(KEY, FIRST, ServerSettings(weight=1)))
    assert shares(rig, 41000) == {SERVER: 4}


def test_a_change_of_the_quorum_is_told_as_well() -> None:
    rig = rigged()
    settings = ServiceSettings(scheduler="rr", quorum=3)
    envelopes = rig.controller.apply([EditService(KEY, settings)], rig.now)
    assert Turned(KEY, None, False) in [effect for _, effects in envelopes for effect in effects]
    rig.execute(envelopes)
    assert shares(rig, 40000) == {SERVER3: 4}


def test_it_is_told_while_there_is_no_switch() -> None:
    rig = Rig(config(virtual(real_servers=(real(), SORRY))), up=False)
    ((_, effects),) = rig.controller.apply([EditServer(KEY, FIRST, ServerSettings(weight=0))], rig.now)
    assert [type(effect) for effect in effects] == [Log, Turned]


def test_hysteresis_is_below_the_quorum() -> None:
    rig = rigged()
    settings = ServiceSettings(scheduler="rr", quorum=2, hysteresis=2)
    with pytest.raises(CommandError, match="hysteresis 2 is not below quorum 2"):
        rig.apply(EditService(KEY, settings))


def test_clients_of_udp_move_to_the_sorry_server_and_back() -> None:
    rig = Rig(config(service(real_servers=(real(), SORRY))))
    udp = 17, Endpoint(VIP, VPORT)
    assert answered(rig, 40000).server == SERVER
    judge(rig, FIRST, False, key=udp)
    assert begun(rig, 40000).server == SERVER3
    judge(rig, FIRST, True, key=udp)
    assert begun(rig, 40000).server == SERVER


def test_a_client_that_persists_comes_back_from_the_sorry_server() -> None:
    rig = rigged(real("10.0.2.11"), persistence_timeout=300.0)
    judge(rig, FIRST, False)
    assert established(rig, 40000).server == SERVER3
    judge(rig, FIRST, True)
    assert opened(rig, 40001).server == SERVER


def test_a_sorry_server_has_a_mode_of_its_own() -> None:
    """keepalived: sorry_server_lvs_method."""
    sorry = replace(SORRY, mode=Mode.NAT)
    rig = Rig(config(virtual(real_servers=(real(), sorry))))
    judge(rig, FIRST, False)
    assert opened(rig, 40000).local_port == 40000


def test_the_address_answers_pings_while_the_sorry_server_serves() -> None:
    rig = rigged(real("10.0.2.11"), echo_while_up=True)
    judge(rig, FIRST, False)
    assert kind(rig) == "own_vip"
    judge(rig, Endpoint(SERVER3, 8080), False)
    assert kind(rig) == "own_vip_silent"


def weighed(rig: Rig, weight: int | None) -> Counter[Address]:
    rig.execute(rig.controller.judge(Verdict(KEY, FIRST, True, weight=weight), rig.now))
    rig.settle()
    weighed.port += 100  # type: ignore[attr-defined]
    return shares(rig, weighed.port, 6)  # type: ignore[attr-defined]


def test_the_weight_that_checks_say_holds_while_it_is_configured_with_one() -> None:
    weighed.port = 40000  # type: ignore[attr-defined]
    rig = Rig(config(virtual(scheduler="wrr", real_servers=(real("10.0.2.11"), real("10.0.2.12")))))
    assert weighed(rig, 2) == {SERVER: 4, SERVER2: 2}
    assert weighed(rig, 0) == {SERVER2: 6}
    assert weighed(rig, None) == {SERVER: 3, SERVER2: 3}
    rig.apply(EditServer(KEY, FIRST, ServerSettings(weight=0)))
    assert weighed(rig, 5) == {SERVER2: 6}


def test_servers_that_are_down_are_remembered() -> None:
    rig = rigged()
    judge(rig, FIRST, False)
    judge(rig, SECOND, False)
    rig.remember()
    judge(rig, SECOND, True)
    rig.remember()
    rig.restart()
    assert shares(rig, 40000) == {SERVER2: 4}
    assert not rig.controller.found_well(KEY, FIRST)
    assert rig.controller.found_well(KEY, SECOND)
    judge(rig, FIRST, True)
    rig.remember()
    assert rig.memos == {}
