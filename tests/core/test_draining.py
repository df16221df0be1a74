"""Taking servers out: quiet, with a deadline, or at once; of one server, a service, or the whole balancer."""

from __future__ import annotations

import pytest
from fullnat.config.model import ServerSettings
from fullnat.core.declared.commands import (
    AddServer,
    Command,
    CommandError,
    DrainAll,
    DrainServer,
    DrainService,
    EditServer,
    Reason,
    RemoveServer,
)
from fullnat.core.interface import THE_SWITCH, SwitchDown
from fullnat.core.views import ServerView
from fullnat.net.flow import Endpoint

from .builders import SERVER, SERVER2, VIP, config, ip, real, syn, virtual
from .commandkit import ABSENT, FIRST, KEY, OTHER, SECOND
from .helpers import established, nothing_left, opened
from .switch import Rig

BOTH = (real(), real("10.0.2.12"))


def made(**changes: object) -> Rig:
    return Rig(config(virtual(real_servers=BOTH, scheduler="rr", established_timeout=9000.0, **changes)))


def view(rig: Rig, server: Endpoint, service: int = 0) -> ServerView:
    return next(each for each in rig.controller.services(rig.now)[service].servers if each.endpoint == server)


def sessions_of(rig: Rig, server: bytes) -> set[int]:
    return {number for number, entry in rig.switch.sessions().items() if entry.server == server}


def fill(rig: Rig, count: int = 6, port: int = 40000) -> None:
    for number in range(count):
        established(rig, port + number)


@pytest.mark.parametrize(
    "command",
    [DrainServer(KEY, FIRST), EditServer(KEY, FIRST, ServerSettings(weight=0)), RemoveServer(KEY, FIRST)],
    ids=lambda command: type(command).__name__,
)
def test_without_a_deadline_sessions_go_on_and_the_listing_says_how_many_since_when(command: Command) -> None:
    """B14."""
    rig = made()
    fill(rig)
    assert view(rig, FIRST).out_for is None
    rig.apply(command)
    rig.settle()
    rig.advance(1000)
    left = view(rig, FIRST)
    assert (left.sessions, left.out_for, left.reset_in) == (3, 1000.0, None)
    assert {opened(rig, 41000 + number).server for number in range(4)} == {SERVER2}
    assert rig.switch.resets == []


def test_at_the_deadline_both_sides_get_a_reset_and_nothing_else_is_touched() -> None:
    """B14."""
    rig = made()
    fill(rig)
    ending, others = sessions_of(rig, SERVER), sessions_of(rig, SERVER2)
    rig.apply(DrainServer(KEY, FIRST, 60.0))
    rig.settle()
    rig.advance(20)
    assert (view(rig, FIRST).out_for, view(rig, FIRST).reset_in) == (20.0, 40.0)
    rig.advance(39)
    assert rig.switch.resets == []
    assert set(rig.switch.sessions()) == ending | others
    rig.advance(2)
    assert sorted(reset.session_id for reset in rig.switch.resets) == sorted([*ending, *ending])
    rig.advance(5)
    assert set(rig.switch.sessions()) == others
    assert (view(rig, FIRST).sessions, view(rig, FIRST).reset_in) == (0, 0.0)


def test_reset_now_ends_what_there_is_at_once() -> None:
    """B14."""
    rig = made()
    fill(rig)
    ending = sessions_of(rig, SERVER)
    rig.apply(DrainServer(KEY, FIRST, 0.0))
    assert {reset.session_id for reset in rig.switch.resets} == ending
    rig.settle()
    rig.advance(3)
    assert sessions_of(rig, SERVER) == set()
    assert len(sessions_of(rig, SERVER2)) == 3


def test_a_server_that_is_removed_by_the_configuration_has_the_time_of_its_service() -> None:
    rig = made(drain_timeout=30.0)
    fill(rig)
    rig.reconfigure(config(virtual(real_servers=BOTH[1:], scheduler="rr", drain_timeout=30.0)))
    rig.settle()
    rig.advance(29)
    assert (view(rig, FIRST).draining, view(rig, FIRST).sessions) == (True, 3)
    rig.advance(4)
    assert len(rig.switch.resets) == 6
    (service,) = rig.controller.services()
    assert [server.endpoint for server in service.servers] == [SECOND]


def test_a_removed_server_with_sessions_left_can_be_given_another_deadline_or_none() -> None:
    rig = made(drain_timeout=30.0)
    fill(rig)
    rig.apply(RemoveServer(KEY, FIRST), DrainServer(KEY, SECOND, 10.0))
    rig.settle()
    rig.apply(DrainServer(KEY, FIRST, None), DrainServer(KEY, SECOND, None))
    rig.advance(100)
    assert rig.switch.resets == []
    rig.apply(DrainServer(KEY, FIRST, 0.0))
    assert len(rig.switch.resets) == 6


@pytest.mark.parametrize("within", [0.0, 10.0])
def test_a_server_can_be_given_a_time_and_removed_at_once(within: float) -> None:
    """It is this time that holds, and not the service's."""
    rig = made(drain_timeout=30.0)
    fill(rig)
    ending = sessions_of(rig, SERVER)
    rig.apply(DrainServer(KEY, FIRST, within), RemoveServer(KEY, FIRST))
    rig.settle()
    if within:
        rig.advance(within - 1)
        assert rig.switch.resets == []
    rig.advance(4)
    assert {reset.session_id for reset in rig.switch.resets} == ending
    assert sessions_of(rig, SERVER) == set()
    (service,) = rig.controller.services()
    assert [server.endpoint for server in service.servers] == [SECOND]


@pytest.mark.parametrize(
    "back", [EditServer(KEY, FIRST, ServerSettings()), AddServer(KEY, FIRST, ServerSettings())], ids=["edit", "add"]
)
def test_a_server_that_comes_back_keeps_its_sessions_and_loses_its_deadline(back: Command) -> None:
    rig = made()
    fill(rig)
    if isinstance(back, AddServer):
        rig.apply(RemoveServer(KEY, FIRST))
    rig.apply(DrainServer(KEY, FIRST, 10.0))
    rig.settle()
    rig.advance(9)
    rig.apply(back)
    rig.settle()
    rig.advance(100)
    assert rig.switch.resets == []
    assert (view(rig, FIRST).out_for, view(rig, FIRST).reset_in, view(rig, FIRST).sessions) == (None, None, 3)
    assert SERVER in {opened(rig, 41000 + number).server for number in range(2)}


def two_services() -> Rig:
    other = virtual(port=81, real_servers=BOTH, scheduler="rr", established_timeout=9000.0)
    rig = Rig(config(virtual(real_servers=BOTH, scheduler="rr", established_timeout=9000.0), other))
    fill(rig)
    for number in range(4):
        rig.send(syn(42000 + number, vport=81))
        rig.settle()
    return rig


def test_a_whole_service_is_taken_out_and_the_others_are_not() -> None:
    rig = two_services()
    rig.apply(DrainService(KEY, 5.0))
    rig.settle()
    assert [view(rig, server).reset_in for server in (FIRST, SECOND)] == [5.0, 5.0]
    assert [view(rig, server, 1).out_for for server in (FIRST, SECOND)] == [None, None]
    rig.send(syn(43000))
    assert rig.controller.stats()["no_real_server"] == 1
    rig.advance(8)
    assert {entry.vport for entry in rig.switch.sessions().values()} == {81}


def test_the_whole_balancer_is_taken_out_before_it_is_switched_off() -> None:
    """B15."""
    rig = two_services()
    rig.apply(DrainAll(5.0))
    rig.settle()
    for vport in (80, 81):
        rig.send(syn(43000, vport=vport))
    assert rig.controller.stats()["no_real_server"] == 2
    assert len(rig.switch.sessions()) == 10
    rig.advance(8)
    rig.settle()
    nothing_left(rig)
    assert len(rig.switch.resets) == 12
    assert rig.controller.stats()["sessions_reset"] == 6


@pytest.mark.parametrize(
    ("command", "reason", "message"),
    [
        (DrainServer(ABSENT, FIRST), Reason.UNKNOWN, "there is no virtual server tcp 198.51.100.10:99"),
        (DrainServer(OTHER, FIRST), Reason.UNKNOWN, "there is no virtual server tcp 198.51.100.10:81"),
        (
            DrainServer(KEY, Endpoint(VIP, 1)),
            Reason.UNKNOWN,
            "virtual server tcp 198.51.100.10:80 has no real server 198.51.100.10:1",
        ),
        (DrainService(KEY, -1.0), Reason.INVALID, "within -1.0 is not from 0 to 2678400"),
        (DrainAll(float("nan")), Reason.INVALID, "within nan is not from 0 to 2678400"),
    ],
)
def test_what_cannot_be_drained_is_refused(command: Command, reason: Reason, message: str) -> None:
    rig = made()
    with pytest.raises(CommandError) as refusal:
        rig.apply(command)
    assert [(problem.reason, problem.message) for problem in refusal.value.problems] == [(reason, message)]


def test_a_deadline_that_comes_while_the_switch_is_away_is_kept_when_it_is_back() -> None:
    rig = made()
    fill(rig)
    rig.apply(DrainServer(KEY, FIRST, 10.0))
    rig.settle()
    rig.controller.handle(SwitchDown("gone"), rig.now, THE_SWITCH)
    rig.advance(60, idle_notices=False)
    rig.up()
    rig.advance(3)
    assert sessions_of(rig, SERVER) == set()
    assert len(sessions_of(rig, SERVER2)) == 3


def test_adding_removing_and_reweighting_1000_times_fails_and_moves_no_connection() -> None:
    """Under load: a connection after each change goes to a living server, and the old ones stay where they are."""
    for scheduler in ("wrr", "wlc", "mh"):
        rig = Rig(config(virtual(real_servers=BOTH, scheduler=scheduler, established_timeout=9000.0)))
        homes = {established(rig, 10_000 + number).session_id: None for number in range(20)}
        before = {number: rig.switch.sessions()[number].server for number in homes}
        third = Endpoint(ip("10.0.2.13"), FIRST.port)
        there = False
        for turn in range(1000):
            commands: list[Command] = [EditServer(KEY, FIRST, ServerSettings(weight=1 + turn % 7))]
            if turn % 2:
                commands.append(RemoveServer(KEY, third) if there else AddServer(KEY, third, ServerSettings()))
                there = not there
            rig.apply(*commands)
            rig.settle()
            entry = opened(rig, 20_000 + turn)
            assert there or entry.server != third.address
            if turn % 50 == 49:
                rig.advance(31)
        assert {number: rig.switch.sessions()[number].server for number in homes} == before
        stats = rig.controller.stats()
        refused = ("no_real_server", "servers_full", "table_full", "no_local_port", "write_failed", "sessions_reset")
        assert [stats[name] for name in refused] == [0] * len(refused)
