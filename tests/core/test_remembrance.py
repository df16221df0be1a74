"""What a controller that was killed has left to the next: templates, deadlines, slow starts."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from fullnat.config.model import ServerSettings
from fullnat.core.declared.commands import AddServer, Command, DrainAll, DrainServer, EditServer, RemoveServer
from fullnat.core.declared.modes import Mode
from fullnat.core.memory import Kind, Memo, MemoryKey
from fullnat.core.views import ServerView
from fullnat.net.flow import Endpoint

from .builders import SERVER, SERVER2, config, ip, real, syn, virtual
from .commandkit import FIRST, KEY, SECOND
from .helpers import established, opened, tell
from .switch import Rig

BOTH = (real(), real("10.0.2.12"))


def made(**changes: object) -> Rig:
    service = {"scheduler": "wrr", "real_servers": BOTH, "established_timeout": 9000.0}
    return Rig(config(virtual(**(service | changes))))


def view(rig: Rig, server: Endpoint) -> ServerView:
    return next(each for each in rig.controller.services(rig.now)[0].servers if each.endpoint == server)


def killed(rig: Rig, seconds: float = 0.0) -> None:
    """kill -9, and a new controller so much later."""
    rig.remember()
    rig.now += seconds
    rig.restart()


def test_templates() -> None:
    rig = made(persistence_timeout=300.0)
    homes = {}
    for number in range(6):
        client = ip("192.0.2.1", number)
        rig.send(syn(20_000, client=client))
        rig.settle()
        session = rig.switch.injected[-1].session_id
        homes[client] = rig.switch.sessions()[session].server
        tell(rig, session, "SYN_ACK", "ESTABLISHED", "FIN_IN", "FIN_OUT")
    rig.advance(10)
    assert not rig.switch.sessions()
    killed(rig, 100)
    for client, home in homes.items():
        rig.send(syn(20_001, client=client))
        rig.settle()
        assert rig.switch.sessions()[rig.switch.injected[-1].session_id].server == home
    rig.advance(31)
    killed(rig, 300)
    rig.advance(1)
    assert list(rig.controller.templates()) == []


@pytest.mark.parametrize("server", [FIRST, SECOND])
def test_the_deadline_of_a_server_that_the_configuration_still_has(server: Endpoint) -> None:
    rig = made()
    for number in range(6):
        established(rig, 40000 + number)
    rig.apply(DrainServer(KEY, server, 100.0))
    rig.settle()
    rig.advance(30)
    killed(rig, 20)
    assert (view(rig, server).weight, view(rig, server).out_for, view(rig, server).reset_in) == (0, 50.0, 50.0)
    assert opened(rig, 41000).server != server.address
    rig.advance(49)
    assert rig.switch.resets == []
    rig.advance(2)
    assert len(rig.switch.resets) == 6
    killed(rig)
    rig.reconfigure(rig.config)
    assert (view(rig, server).weight, view(rig, server).out_for, view(rig, server).reset_in) == (1, None, None)


def test_a_deadline_that_was_over_before_the_next_controller_came() -> None:
    rig = made()
    for number in range(6):
        established(rig, 40000 + number)
    rig.apply(DrainAll(100.0))
    killed(rig, 500)
    rig.advance(2)
    assert len(rig.switch.resets) == 12


def test_the_deadline_of_a_server_that_is_removed() -> None:
    rig = made(drain_timeout=100.0)
    for number in range(6):
        established(rig, 40000 + number)
    rig.reconfigure(config(virtual(real_servers=BOTH[1:], scheduler="wrr", drain_timeout=100.0)))
    rig.advance(30)
    killed(rig, 20)
    assert (view(rig, FIRST).draining, view(rig, FIRST).out_for, view(rig, FIRST).reset_in) == (True, 50.0, 50.0)
    rig.advance(51)
    assert len(rig.switch.resets) == 6
    assert {entry.server for entry in rig.switch.sessions().values()} <= {SERVER, SERVER2}


def test_a_removed_server_of_which_nothing_is_remembered_has_the_time_of_its_service() -> None:
    rig = made(drain_timeout=100.0)
    for number in range(6):
        established(rig, 40000 + number)
    rig.config = config(virtual(real_servers=BOTH[1:], scheduler="wrr", drain_timeout=100.0))
    rig.forgetful_restart()
    assert (view(rig, FIRST).draining, view(rig, FIRST).reset_in) == (True, 100.0)


def test_a_drain_without_deadline_and_a_weight_of_0() -> None:
    rig = made(real_servers=(real(), real("10.0.2.12", weight=0)))
    rig.apply(DrainServer(KEY, FIRST))
    rig.advance(30)
    killed(rig, 20)
    for server in (FIRST, SECOND):
        assert (view(rig, server).weight, view(rig, server).out_for, view(rig, server).reset_in) == (0, 50.0, None)


def test_a_server_that_the_configuration_has_given_a_weight_meanwhile() -> None:
    """It was out by the configuration: what that says now holds."""
    rig = made(real_servers=(real(), real("10.0.2.12", weight=0)))
    rig.remember()
    rig.config = config(virtual(scheduler="wrr", real_servers=BOTH))
    rig.restart()
    assert (view(rig, SECOND).weight, view(rig, SECOND).out_for) == (1, None)


def test_a_slow_start() -> None:
    rig = made(real_servers=BOTH[:1], slow_start=90.0)
    rig.apply(AddServer(KEY, SECOND, ServerSettings()))
    rig.config = config(virtual(scheduler="wrr", real_servers=BOTH, slow_start=90.0))
    rig.advance(30)
    killed(rig, 10)
    assert view(rig, SECOND).warming == 40.0
    assert [view(rig, server).effective_weight for server in (FIRST, SECOND)] == [10, 5]
    rig.advance(51)
    assert [view(rig, server).effective_weight for server in (FIRST, SECOND)] == [1, 1]
    killed(rig)
    assert view(rig, SECOND).warming is None


def test_what_the_configuration_has_no_more_is_forgotten() -> None:
    rig = made(persistence_timeout=300.0, slow_start=90.0)
    client = ip("192.0.2.1")
    gone, other = (6, Endpoint(ip("198.51.100.77"), 80)), Endpoint(ip("10.0.2.99"), 80)
    memos = [
        (MemoryKey(Kind.TEMPLATE, gone, client), Memo(FIRST, Mode.FULLNAT, None, 2e9)),
        (MemoryKey(Kind.TEMPLATE, KEY, client), Memo(other, Mode.FULLNAT, None, 2e9)),
        (MemoryKey(Kind.TEMPLATE, KEY, client), Memo(FIRST, Mode.NAT, None, 2e9)),
        (MemoryKey(Kind.DRAIN, KEY, None, other, Mode.FULLNAT), Memo(other, Mode.FULLNAT, 1.0, 2.0, True)),
        (MemoryKey(Kind.DRAIN, gone, None, FIRST, Mode.FULLNAT), Memo(FIRST, Mode.FULLNAT, 1.0, 2.0, True)),
        (MemoryKey(Kind.SLOW_START, KEY, None, other, Mode.FULLNAT), Memo(other, Mode.FULLNAT, 1.0)),
    ]
    rig.memos = dict(memos)
    rig.restart()
    assert list(rig.controller.templates()) == []
    assert [(server.weight, server.out_for, server.warming) for server in rig.controller.services()[0].servers] == [
        (1, None, None),
        (1, None, None),
    ]


def test_a_clock_that_was_set_back_makes_nothing_last_for_ever() -> None:
    rig = made(persistence_timeout=300.0)
    rig.memos = {
        MemoryKey(Kind.TEMPLATE, KEY, ip("192.0.2.1")): Memo(FIRST, Mode.FULLNAT, None, 9e9),
        MemoryKey(Kind.DRAIN, KEY, None, FIRST, Mode.FULLNAT): Memo(FIRST, Mode.FULLNAT, 9e9, 9e9, True),
    }
    rig.restart()
    (template,) = rig.controller.templates(rig.now)
    assert template.expires == 300.0
    assert (view(rig, FIRST).out_for, view(rig, FIRST).weight) == (0.0, 0)


def test_changes_that_are_told_add_up_to_everything() -> None:
    """After random commands and sessions (:meth:`Rig.remember` compares)."""
    rng = Random(16)
    rig = made(persistence_timeout=40.0, slow_start=60.0, drain_timeout=50.0)
    choices: list[Command] = [
        DrainServer(KEY, FIRST, 20.0),
        EditServer(KEY, FIRST, ServerSettings(weight=3)),
        EditServer(KEY, SECOND, ServerSettings(weight=0)),
        EditServer(KEY, SECOND, replace(ServerSettings(), weight=2)),
        RemoveServer(KEY, SECOND),
        AddServer(KEY, SECOND, ServerSettings()),
        DrainAll(None),
    ]
    for turn in range(300):
        command = rng.choice(choices)
        there = SECOND in rig.controller.model.services[KEY].servers
        about_second = getattr(command, "server", None) == SECOND
        if not about_second or there is not isinstance(command, AddServer):
            rig.apply(command)
            rig.settle()
        rig.send(syn(10_000 + turn, client=ip("192.0.2.1", rng.randrange(5))))
        rig.settle()
        if rng.random() < 0.5 and rig.switch.injected:
            session = rig.switch.injected[-1].session_id
            if session in rig.switch.sessions():
                tell(rig, session, "SYN_ACK", "ESTABLISHED")
        rig.advance(rng.choice([0, 1, 30]))
        rig.remember()
    assert rig.controller.stats()["persistent_sessions"] > 20
