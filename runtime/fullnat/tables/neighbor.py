"""Table ``neighbor``: the port and link-layer addresses that lead to a next hop."""

from __future__ import annotations

from typing import NamedTuple

from fullnat.net.flow import Address
from fullnat.tables.table import Action, Owner, Table, register


class Neighbor(NamedTuple):
    address: Address
    port: int
    source: int
    destination: int
    mtu: int


@register
class NeighborTable(Table[Neighbor]):
    name = "neighbor"
    entry = Neighbor
    key = ("address",)
    actions = (Action("neighbor_set", ("port", "source", "destination", "mtu")),)
    owner = Owner.NEIGHBORS
