"""Sessions of services of several ports, as listings show and find them."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from typing import Any

import pytest
from core.builders import config, real, syn, virtual
from core.switch import Rig
from fullnat.app.filters import UnknownFilter
from fullnat.app.runner import CoreRunner
from fullnat.app.shown import session_json
from fullnat.app.snapshot import Snapshots
from fullnat.app.switch import SwitchOwner
from fullnat.core.declared.modes import Mode
from fullnat.net.flow import address, marked
from fullnat.net.match import parse
from fullnat.p4rt.client import Client

MARKED = {"address": IPv4Address(marked(7).address), "match": (parse("dst=198.51.100.20/31,dport=8000-8100"),)}
PORTS = (("198.51.100.10", 21), ("198.51.100.10", 443), ("198.51.100.20", 8080), ("198.51.100.30", 80))


def snapshots(mode: Mode = Mode.FULLNAT) -> Snapshots:
    """Of a service of all ports, one by match and one of a port, with their sessions."""
    several: dict[str, Any] = {"port": 0, "mode": mode, "persistence_timeout": 300.0}
    rig = Rig(
        config(
            virtual(**several, real_servers=(real(port=0),)),
            virtual(**several, **MARKED, real_servers=(real("10.0.2.12", 0),)),
            virtual(address=IPv4Address("198.51.100.30")),
        )
    )
    for number, (vip, port) in enumerate(PORTS):
        rig.send(syn(41000 + number, vip=address(vip), vport=port))
        rig.settle()
    assert len(list(rig.controller.sessions())) == len(PORTS)
    runner = CoreRunner(rig.controller)
    return Snapshots(runner, SwitchOwner(runner, Client))  # type: ignore[arg-type]


def found(shots: Snapshots, **filters: str) -> set[str]:
    async def asked() -> set[str]:
        return {session["virtual"] async for turn in shots.sessions(filters) for session in turn}

    return asyncio.run(asked())


@pytest.mark.parametrize("mode", [mode for mode in Mode if not mode.is_outward])
def test_a_session_shows_the_port_of_its_server(mode: Mode) -> None:
    shots = snapshots(mode)
    views = shots._core.sessions()
    servers = {shown["virtual"]: shown["server"] for shown in map(session_json, views)}
    assert servers["198.51.100.10:21"] == "10.0.2.11:21"
    assert servers["198.51.100.10:443"] == "10.0.2.11:443"
    assert servers["198.51.100.20:8080"] == "10.0.2.12:8080"
    assert found(shots, server="10.0.2.11:443") == {"198.51.100.10:443"}


@pytest.mark.parametrize(
    ("wanted", "virtuals"),
    [
        ("fwmark:7", {"198.51.100.20:8080"}),
        ("198.51.100.10:0", {"198.51.100.10:21", "198.51.100.10:443"}),
        ("198.51.100.10", {"198.51.100.10:21", "198.51.100.10:443"}),
        ("198.51.100.20:8080", {"198.51.100.20:8080"}),
        ("fwmark:8", set()),
        ("fwmark6:7", set()),
    ],
)
def test_a_service_is_found_by_the_name_that_stats_has(wanted: str, virtuals: set[str]) -> None:
    assert found(snapshots(), virtual=wanted) == virtuals


@pytest.mark.parametrize(
    ("wanted", "clients"),
    [
        ("fwmark:7", {"203.0.113.9"}),
        ("198.51.100.20:8080", {"203.0.113.9"}),
        ("198.51.100.10:21", {"203.0.113.9"}),
        ("198.51.100.10", {"203.0.113.9"}),
        ("198.51.100.30", set()),
        ("fwmark:8", set()),
    ],
)
def test_a_template_is_found_by_the_names_of_its_service(wanted: str, clients: set[str]) -> None:
    async def asked() -> set[str]:
        shots = snapshots()
        return {template["client"] async for turn in shots.templates({"virtual": wanted}) for template in turn}

    assert asyncio.run(asked()) == clients


@pytest.mark.parametrize(
    ("filters", "missing"),
    [
        ({"virtual": "fwmark:7", "server": "10.0.2.12:8001"}, None),
        ({"virtual": "198.51.100.21:8001"}, None),
        ({"virtual": "198.51.100.10:8001", "server": "10.0.2.11:8001"}, None),
        ({"virtual": "198.51.100.22:8001"}, "there is no virtual server 198.51.100.22:8001"),
        ({"virtual": "fwmark:8"}, "there is no virtual server fwmark:8"),
        ({"virtual": "198.51.100.30:81"}, "there is no virtual server 198.51.100.30:81"),
        ({"server": "10.0.2.13:80"}, "there is no real server 10.0.2.13:80"),
    ],
)
def test_what_is_not_there_is_told_and_what_may_come_is_not(filters: dict[str, str], missing: str | None) -> None:
    assert snapshots().missing(filters) == missing


@pytest.mark.parametrize(("name", "wanted"), [("virtual", "fwmark:0"), ("virtual", "fwmark:x"), ("server", "fwmark:7")])
def test_what_is_no_name_is_refused(name: str, wanted: str) -> None:
    with pytest.raises(UnknownFilter, match=f"{name} '{wanted}' is none of ADDRESS, ADDRESS:PORT and PREFIX/LENGTH"):
        snapshots().sessions({name: wanted})
