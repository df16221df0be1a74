"""Tables ``virtual_service`` and ``virtual_service6``: what opens sessions, or does without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Table, Wanted, register

_PUNT, _STATELESS = "service_punt", "service_stateless"
_POLICED = "_policed"
"""Ends the names of those with a policy."""


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
    policy: int = 0
    """The number of the one that says who may use it; 0: none does."""


class VirtualServiceTable(Table[VirtualService]):
    name = "virtual_service"
    name6 = "virtual_service6"
    entry = VirtualService
    key = ("protocol", "vip", "vport")
    actions = (Action(_PUNT, ("flags",)),)
    actions_stateless = (Action(_STATELESS, ("flags", "group", "mask")),)
    actions_policies = (Action(_PUNT + _POLICED, ("flags", "policy")),)
    actions_policies_stateless = (Action(_STATELESS + _POLICED, ("flags", "group", "mask", "policy")),)
    last = True

    def action(self, entry: VirtualService) -> tuple[str, tuple[Any, ...]]:
        name, params = (_PUNT, (entry.flags,)) if entry.group is None else (_STATELESS, entry[len(self.key) : -1])
        return (name + _POLICED, (*params, entry.policy)) if entry.policy else (name, params)

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> VirtualService:
        *others, policy = params if action.endswith(_POLICED) else (*params, 0)
        buckets = others if action.startswith(_STATELESS) else (*others, None, 0)
        make: Callable[..., VirtualService] = VirtualService
        return make(*key, *buckets, policy)

    def wanted(self, model: Wanted) -> Iterable[VirtualService]:
        """Those of one port; others are in ``service_match``."""
        for (protocol, virtual), flags in model.services.items():
            if virtual.port:
                group = model.groups.get((protocol, virtual))
                number, mask = (None, 0) if group is None else (group.number, group.size - 1)
                policy = model.policies.get((protocol, virtual), 0)
                yield VirtualService(protocol, virtual.address, virtual.port, flags, number, mask, policy)


register(VirtualServiceTable)
