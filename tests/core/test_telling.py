"""Services that tell their servers' clients by PROXY protocol: flags, what is refused, and room on the way."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address
from random import Random

import pytest
from fullnat.config.diff import diff, model_of
from fullnat.config.model import ServerSettings, ServiceSettings
from fullnat.core.controller import Controller
from fullnat.core.declared.commands import CommandError, EditServer, EditService
from fullnat.core.declared.model import Model
from fullnat.core.declared.modes import Mode
from fullnat.core.declared.telling import session_flags, told_bytes
from fullnat.core.interface import Sizes
from fullnat.core.protocols.base import PROTOCOLS
from fullnat.net.flow import Endpoint, address
from fullnat.p4constants import SessionFlag
from fullnat.tables.server_in import ServerIn

from .builders import CLIENT, RPORT, SERVER, VIP, VPORT, config, virtual
from .switch import SECRET, Rig

KEY = 6, Endpoint(VIP, VPORT)
F = SessionFlag


@pytest.mark.parametrize(
    ("protocol", "settings", "flags"),
    [
        ("tcp", {}, F.TOA),
        ("tcp", {"toa": False}, 0),
        ("tcp", {"proxy_protocol": "first"}, F.PROXY),
        ("tcp", {"proxy_protocol": "first", "toa_kind": 253, "keep_mss": True}, F.PROXY | F.KEEP_MSS),
        ("tcp", {"proxy_protocol": "clients", "keep_timestamps": True}, F.KEEP_MSS | F.KEEP_TIMESTAMPS),
        ("udp", {}, 0),
        ("udp", {"proxy_protocol": "first"}, F.PROXY),
        ("udp", {"proxy_protocol": "every"}, F.PROXY | F.PROXY_EVERY),
    ],
)
def test_what_a_service_asks_of_the_switch(protocol: str, settings: dict[str, object], flags: int) -> None:
    asked = ServiceSettings(**settings)  # type: ignore[arg-type]
    assert session_flags(asked, PROTOCOLS[protocol]) == flags


def test_the_bytes_that_a_packet_may_grow_by() -> None:
    tcp, udp = PROTOCOLS["tcp"], PROTOCOLS["udp"]
    v6 = address(IPv6Address("2001:db8::1"))
    assert [told_bytes(client, F.PROXY, tcp) for client in (CLIENT, v6)] == [28, 52]
    assert [told_bytes(client, F.PROXY, udp) for client in (CLIENT, v6)] == [28, 52]
    assert [told_bytes(client, F.TOA, tcp) for client in (CLIENT, v6)] == [8, 20]
    assert [told_bytes(CLIENT, flags, udp) for flags in (0, F.TOA)] == [0, 0]


def test_an_edit_changes_the_servers_flags_and_no_session() -> None:
    rig = Rig(config(virtual()))
    rig.apply(EditService(KEY, ServiceSettings(proxy_protocol="first")))
    rig.settle()
    (entry,) = rig.switch.of(ServerIn)
    assert isinstance(entry, ServerIn)
    assert entry.flags == F.PROXY


def test_what_cannot_be_is_refused_by_name() -> None:
    rig = Rig(config(virtual()))
    asked = ServiceSettings(proxy_protocol="first")
    rig.apply(EditService(KEY, asked))
    for command, reason in (
        (EditService(KEY, replace(asked, proxy_protocol="v1")), "'v1' is not one of off, first, every, clients"),
        (EditService(KEY, replace(asked, proxy_protocol="every")), "every is of UDP, and this is a service of TCP"),
        (EditService(KEY, replace(asked, mode=Mode.DR)), "first is for servers in fullnat: in dr they see the client"),
        (
            EditServer(KEY, Endpoint(SERVER, RPORT), ServerSettings(mode=Mode.NAT)),
            "first is for servers in fullnat: in nat they see the client",
        ),
    ):
        with pytest.raises(CommandError, match=reason):
            rig.apply(command)


def test_a_program_that_has_none_refuses_it() -> None:
    for proxy, refused in (("off", False), ("clients", False), ("first", True)):
        controller = Controller(Sizes(64, 64, has_proxy=False), SECRET, Random(1))
        commands = diff(Model(), model_of(config(virtual(proxy_protocol=proxy))))
        if refused:
            with pytest.raises(CommandError, match="proxy_protocol first is not in this program of the switch"):
                controller.apply(commands, 0.0)
        else:
            controller.apply(commands, 0.0)
