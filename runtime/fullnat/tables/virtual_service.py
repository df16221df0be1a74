"""Tables ``virtual_service`` and ``virtual_service6``: what opens sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Table, Wanted, register


class VirtualService(NamedTuple):
    protocol: int
    vip: Address
    vport: int
    flags: int
    """ServiceFlags."""


@register
class VirtualServiceTable(Table[VirtualService]):
    name = "virtual_service"
    name6 = "virtual_service6"
    entry = VirtualService
    key = ("protocol", "vip", "vport")
    actions = (Action("service_punt", ("flags",)),)
    last = True

    def wanted(self, model: Wanted) -> Iterable[VirtualService]:
        """Those of one port; others are in ``service_match``."""
        exact = ((protocol, virtual, flags) for (protocol, virtual), flags in model.services.items() if virtual.port)
        return (VirtualService(protocol, *virtual, flags) for protocol, virtual, flags in exact)
