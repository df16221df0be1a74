"""Whether a virtual address answers pings: as long as one of its services wants it to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.declared.commands import AddServer, AddService, EditServer, EditService, RemoveServer, RemoveService
from fullnat.core.interface import SwitchDown
from fullnat.net.flow import Endpoint
from fullnat.tables.own_address import OwnAddress

from .builders import RPORT, SERVER, VIP, VPORT, config, real, virtual
from .switch import Rig

KEY, OTHER = (6, Endpoint(VIP, VPORT)), (6, Endpoint(VIP, VPORT + 1))
SERVER_1 = Endpoint(SERVER, RPORT)


def kind(rig: Rig) -> str:
    """What the switch has of the virtual address."""
    rig.settle()
    entry = rig.switch.tables["own_address", VIP]
    assert isinstance(entry, OwnAddress)
    return entry.kind


def only_while_up(**changes: Any) -> Rig:
    return Rig(config(virtual(echo_while_up=True, **changes)))


def test_it_follows_the_weights_of_its_servers() -> None:
    rig = only_while_up()
    assert kind(rig) == "own_vip"
    rig.apply(EditServer(KEY, SERVER_1, ServerSettings(weight=0)))
    assert kind(rig) == "own_vip_silent"
    rig.apply(EditServer(KEY, SERVER_1, ServerSettings(weight=1)))
    assert kind(rig) == "own_vip"
    rig.apply(RemoveServer(KEY, SERVER_1))
    assert kind(rig) == "own_vip_silent"
    rig.apply(AddServer(KEY, SERVER_1, ServerSettings(weight=2)))
    assert kind(rig) == "own_vip"


def test_a_service_that_asks_for_nothing_answers_always() -> None:
    rig = Rig(config(virtual(real_servers=(real(weight=0),))))
    assert kind(rig) == "own_vip"
    settings = ServiceSettings(echo_while_up=True, reset_on_miss=False)
    rig.apply(EditService(KEY, settings))
    assert kind(rig) == "own_vip_silent"
    rig.apply(EditService(KEY, replace(settings, echo_while_up=False)))
    assert kind(rig) == "own_vip"


def test_another_service_of_the_address_answers_for_it() -> None:
    rig = only_while_up(real_servers=())
    assert kind(rig) == "own_vip_silent"
    rig.apply(AddService(OTHER, ServiceSettings()))
    assert kind(rig) == "own_vip"
    rig.apply(RemoveService(OTHER))
    assert kind(rig) == "own_vip_silent"


def test_a_switch_that_comes_back_is_told() -> None:
    rig = only_while_up(real_servers=(real(weight=0),))
    rig.switch.tables["own_address", VIP] = OwnAddress(VIP, "own_vip")
    rig.send(SwitchDown("gone"))
    rig.up()
    assert kind(rig) == "own_vip_silent"
