"""Two services, and what commands change of them."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

from fullnat.config.model import Interface, ServiceSettings, StaticRoute
from fullnat.core.declared.commands import (
    Command,
    ServiceKey,
)
from fullnat.core.interface import Op
from fullnat.net.flow import Address, Endpoint
from fullnat.net.parse import parse
from fullnat.p4constants import SessionFlag
from fullnat.tables.table import Entry

from .builders import RPORT, SERVER, SERVER2, VIP, VPORT, config, virtual
from .switch import Rig

KEY: ServiceKey = (6, Endpoint(VIP, VPORT))
OTHER: ServiceKey = (6, Endpoint(VIP, 81))
ABSENT: ServiceKey = (6, Endpoint(VIP, 99))
FIRST, SECOND = Endpoint(SERVER, RPORT), Endpoint(SERVER2, RPORT)
TOA = SessionFlag.TOA
SILENT = ServiceSettings(scheduler="rr", reset_on_miss=False, syn_proxy="off")
HERE = IPv4Interface("192.0.2.1/24")
THIRD = Interface(port=3, mac=0x02AA00000003, address=HERE)
DROP = StaticRoute(prefix=IPv4Network("192.0.2.0/24"), gateway=None)


def two() -> Rig:
    """Two services on one virtual address, with the same real server and local address."""
    both = virtual(scheduler="rr"), virtual(port=81, scheduler="rr")
    rig = Rig(config(*both))
    rig.switch.log_of_updates.clear()
    rig.switch.forwarded.clear()
    return rig


def updates(rig: Rig, *commands: Command) -> list[tuple[Op, Entry]]:
    """What the switch is told because of ``commands``."""
    rig.switch.log_of_updates.clear()
    rig.switch.forwarded.clear()
    rig.apply(*commands)
    rig.settle()
    return rig.switch.log_of_updates


def asked(rig: Rig) -> list[Address]:
    """Whose link-layer address was asked for."""
    found = [parse(effect.frame).arp for effect in rig.switch.forwarded]
    return [arp.target for arp in found if arp is not None and arp.sender != arp.target]


def announced(rig: Rig) -> list[Address]:
    found = [parse(effect.frame).arp for effect in rig.switch.forwarded]
    return [arp.target for arp in found if arp is not None and arp.sender == arp.target]
