"""Commands beside everything else: they touch nothing that they do not name, and need no switch."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fullnat.config.model import GlobalSettings, ServerSettings
from fullnat.core.controller import SeveralSwitches
from fullnat.core.declared.commands import (
    AddLocal,
    AddRoute,
    AddServer,
    CommandError,
    EditGlobals,
    EditServer,
    EditService,
    RemoveLocal,
    RemoveService,
)
from fullnat.core.interface import Op, SwitchDown, SwitchId, SwitchUp
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.route import Route
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.virtual_service import VirtualService

from .builders import LOCAL, LOCAL2, SERVER, SERVER2, VIP, VPORT, config, ip, real, virtual
from .commandkit import DROP, FIRST, KEY, OTHER, SECOND, SILENT, two, updates
from .helpers import established, opened
from .switch import Rig

# ---- what is not touched


def test_schedulers_of_other_services_keep_their_turn_and_servers_their_counts() -> None:
    servers = tuple(real(f"10.0.2.{host}") for host in (11, 12, 13))
    rig = Rig(config(virtual(scheduler="rr", real_servers=servers), virtual(port=81)))
    entries = [established(rig, 40000), established(rig, 40001)]
    assert [entry.server for entry in entries] == [SERVER, SERVER2]
    rig.apply(AddServer(OTHER, SECOND, ServerSettings()))
    rig.settle()
    assert opened(rig, 40002).server == ip("10.0.2.13")
    rig.apply(EditService(KEY, replace(SILENT, established_timeout=50.0)))
    rig.settle()
    assert opened(rig, 40003).server == SERVER
    assert opened(rig, 40004).server == SERVER2, "an edit that concerns no server is none of the scheduler's"
    rig.apply(EditServer(KEY, SECOND, ServerSettings(weight=5)))
    rig.settle()
    service, _ = rig.controller.services()
    assert [(server.weight, server.active, server.inactive, server.connections) for server in service.servers] == [
        (1, 1, 1, 2),
        (5, 1, 1, 2),
        (1, 0, 1, 1),
    ]


# ---- the switch is away


def test_commands_while_the_switch_is_away_are_there_when_it_is_back() -> None:
    rig = two()
    kept = established(rig)
    rig.send(SwitchDown("lost"))
    rig.apply(AddServer(KEY, SECOND, ServerSettings(weight=2)), EditService(KEY, replace(SILENT, toa=False)))
    rig.apply(RemoveService(OTHER))
    rig.apply(AddLocal(KEY, LOCAL2), AddRoute(DROP), EditGlobals(GlobalSettings(punt_rate=3)))
    rig.apply(RemoveLocal(KEY, LOCAL), EditServer(KEY, FIRST, ServerSettings(weight=0)))
    with pytest.raises(CommandError):
        rig.apply(RemoveService(OTHER))
    assert not rig.switch.writes
    (service,) = rig.controller.services()
    assert [(server.endpoint, server.weight) for server in service.servers] == [(FIRST, 0), (SECOND, 2)]
    rig.up()
    assert rig.switch.of(VirtualService) == {VirtualService(6, VIP, VPORT, 0)}
    assert {entry[1:4] for entry in rig.switch.of(ServerIn)} == {(0, *FIRST), (0, *SECOND)}
    assert {entry[1:] for entry in rig.switch.of(ServerOut)} == {(0, VIP, VPORT)}
    assert Route(ip("192.0.2.0"), 24, "route_drop") in rig.switch.of(Route)
    assert {OwnAddress(LOCAL, "own_local"), OwnAddress(LOCAL2, "own_local")} <= rig.switch.of(OwnAddress)
    assert rig.switch.of(SessionEntry) == {kept}
    entry = opened(rig, 41000)
    assert (entry.server, entry.local) == (SERVER2, LOCAL2)


def test_what_the_switch_refused_is_tried_again_with_the_next_command_whatever_it_is_about() -> None:
    rig = two()
    rig.apply(AddRoute(DROP))
    (write,) = rig.switch.writes
    rig.switch.writes.clear()
    rig.send(rig.refusal(write))
    assert updates(rig, AddServer(KEY, SECOND, ServerSettings()))[-1] == (
        Op.INSERT,
        Route(ip("192.0.2.0"), 24, "route_drop"),
    )
    assert updates(rig) == []


# ---- switches have names


def test_events_of_a_switch_that_is_not_ours_do_nothing_and_a_second_switch_is_refused() -> None:
    rig = two()
    another = SwitchId("another")
    assert rig.controller.handle(SwitchDown("lost"), rig.now, another) == []
    established(rig)
    with pytest.raises(SeveralSwitches, match="another comes up while switch is"):
        rig.controller.handle(SwitchUp(()), rig.now, another)
    rig.send(SwitchDown("lost"))
    ((switch, effects),) = rig.controller.handle(SwitchUp(()), rig.now, another)
    assert switch == another
    assert effects
