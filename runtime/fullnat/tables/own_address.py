"""Tables ``own_address`` and ``own_address6``: what our addresses are to us."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fullnat.net.flow import Address, address, mark_of
from fullnat.tables.table import Action, Table, Wanted, register


class OwnAddress(NamedTuple):
    address: Address
    kind: str
    """The action: ``own_vip``, ``own_vip_silent``, ``own_local`` or ``own_interface``."""


class OwnAddressTable(Table[OwnAddress]):
    name = "own_address"
    name6 = "own_address6"
    entry = OwnAddress
    key = ("address",)
    actions = (Action("own_vip"), Action("own_vip_silent"), Action("own_local"), Action("own_interface"))

    def action(self, entry: OwnAddress) -> tuple[str, tuple[Any, ...]]:
        return entry.kind, ()

    def made(self, key: Sequence[Any], action: str, params: Sequence[Any]) -> OwnAddress:
        return OwnAddress(key[0], action)

    def wanted(self, model: Wanted) -> Iterable[OwnAddress]:
        """Where one address has several roles, a VIP wins, then an interface."""
        kinds = dict.fromkeys(model.local_addresses, "own_local")
        interfaces = (own for interface in model.config.interfaces for own in interface.addresses)
        kinds |= {address(own.ip): "own_interface" for own in interfaces}
        kinds |= {virtual.address: "own_vip" for _, virtual in model.services if mark_of(virtual) is None}
        rules = (rule for matches in model.matches.values() for rule in matches)
        kinds |= {virtual: "own_vip" for rule in rules for virtual in rule.addresses()}
        kinds |= dict.fromkeys(model.silent, "own_vip_silent")
        return (OwnAddress(own, kind) for own, kind in kinds.items())


register(OwnAddressTable)
