"""Table ``port``: the interfaces that are ours, and the MAC address of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fullnat.tables.table import Action, Table, Wanted, register


class Port(NamedTuple):
    port: int
    """With its VLAN, as all ports of the tables (:mod:`fullnat.net.vlan`)."""
    mac: int


class PortTable(Table[Port]):
    name = "port"
    entry = Port
    key = ("port",)
    actions = (Action("port_set", ("mac",)),)
    gate = True

    def wanted(self, model: Wanted) -> Iterable[Port]:
        return (Port(interface.number, interface.mac) for interface in model.config.interfaces)


register(PortTable)
