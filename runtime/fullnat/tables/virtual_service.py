"""Tables ``virtual_service`` and ``virtual_service6``: what opens sessions, or does without."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Table, Wanted, register

_PUNT, _STATELESS = "service_punt", "service_stateless"


class VirtualService(NamedTuple):
    protocol: int
    vip: Address
    vport: int
    flags: int
    """ServiceFlags."""
    group: int | None = None
    """Of a service without sessions, whose buckets these are."""
    mask: int = 0
    """The number of its buckets less 1."""


class VirtualServiceTable(Table[VirtualService]):
    name = "virtual_service"
    name6 = "virtual_service6"
    entry = VirtualService
    key = ("protocol", "vip", "vport")
    actions = (Action(_PUNT, ("flags",)),)
    actions_stateless = (Action(_STATELESS, ("flags", "group", "mask")),)
    last = True

    def action(self, entry: VirtualService) -> tuple[str, tuple[Any, ...]]:
        return (_PUNT, (entry.flags,)) if entry.group is None else (_STATELESS, entry[len(self.key) :])

    def wanted(self, model: Wanted) -> Iterable[VirtualService]:
        """Those of one port; others are in ``service_match``."""
        for (protocol, virtual), flags in model.services.items():
            if virtual.port:
                group = model.groups.get((protocol, virtual))
                buckets = () if group is None else (group.number, group.size - 1)
                yield VirtualService(protocol, *virtual, flags, *buckets)


register(VirtualServiceTable)
