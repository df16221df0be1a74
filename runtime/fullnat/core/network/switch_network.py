"""The network of one switch, of several that hold the same sessions and all forward: its interfaces, routes and next
hops, its own addresses, and its neighbors. All else is the same on each of them (docs/decisions/all-active.md)."""

from __future__ import annotations

from collections.abc import Iterable

from fullnat.config.model import Config
from fullnat.core.interface import (
    Effect,
    Event,
    Log,
    NeighborHeard,
    Op,
    Outcome,
    PacketIn,
    SwitchDown,
    SwitchUp,
    Write,
    Written,
)
from fullnat.core.network.awaited import Awaited
from fullnat.core.network.discovery import Discovery
from fullnat.core.network.neighbors import Neighbors, announce
from fullnat.core.network.next_hops import NextHops
from fullnat.core.network.routing import Router
from fullnat.core.network.senders import Senders
from fullnat.core.session.store import SessionStore
from fullnat.core.switch.mirror import Mirror, desired_entries
from fullnat.net.flow import Address, address
from fullnat.net.parse import parse
from fullnat.net.vlan import priority, without_priority
from fullnat.p4constants import PuntReason
from fullnat.tables.host import Host
from fullnat.tables.next_hop import NextHop
from fullnat.tables.own_address import OwnAddress
from fullnat.tables.route import Route
from fullnat.tables.table import Entry, Owner, Wanted, shown, table_of

Updates = tuple[tuple[Op, Entry], ...]

_INTERFACE = "own_interface"
OF_NETWORK = (PuntReason.ARP, PuntReason.ND, PuntReason.NO_NEIGHBOR, PuntReason.TTL_EXPIRED, PuntReason.TOO_BIG)
"""Why packets come that concern the network of the switch that brings them, and no other."""


def is_of_network(entry: Entry) -> bool:
    """Whether ``entry`` is one switch's own, and not the same on all."""
    if isinstance(entry, OwnAddress):
        return entry.kind == _INTERFACE
    table = table_of(entry)
    return table.owner is Owner.NEIGHBORS or table.gate or isinstance(entry, Route)


class SwitchNetwork:
    def __init__(self, config: Config, store: SessionStore) -> None:
        """``config``: interfaces and routes, which stay."""
        self.is_up = False
        self.is_open = False
        """The switch has said that it has its gate, and all else."""
        self.router = Router(config)
        self.next_hops = NextHops()
        self._config = config
        self._store = store
        self._own = {address(own.ip) for interface in config.interfaces for own in interface.addresses}
        self._interfaces = {interface.number: interface for interface in config.interfaces}
        self._gateways = tuple(dict.fromkeys(self.router.gateways.values()))
        self._awaited = Awaited(self.router)
        self._awaited.route(self.router)
        self.neighbors = Neighbors(self.router, store.stats, self.next_hops, self._write_next_hops)
        self.neighbors.configure(self.router, self._awaited.wanted, self._own, [])
        self._discovery = Discovery(self.neighbors, store.stats)
        self._senders = Senders(store, self._own)
        self._mirror = Mirror()
        self._writes: dict[int, Updates] = {}
        """Under way, by token."""
        self._gate: Updates = ()
        """What opens the gate, when all before is written."""
        self._is_refused = False
        """The switch does not open it."""

    def handle(self, event: Event, now: float, out: list[Effect]) -> None:
        """News of this switch alone."""
        match event:
            case SwitchUp():
                self._up(event, now, out)
                return
            case SwitchDown():
                self._down()
                return
            case _ if not self.is_up:
                return
            case PacketIn():
                self._packet(event, now, out)
            case NeighborHeard():
                self.neighbors.heard(event, now, out)
            case Written():
                self._written(event, out)
        if self.next_hops.changed:
            self._write_next_hops(out)

    def due(self, now: float, out: list[Effect]) -> None:
        if self.is_up:
            self.neighbors.due(now, out)
            if self.next_hops.changed:
                self._write_next_hops(out)

    def serve(self, new: Iterable[Address], gone: Iterable[Address], now: float, out: list[Effect]) -> None:
        """One service more lists each of the servers ``new``, one fewer those ``gone``."""
        hops = self._awaited.add(new)
        self._awaited.remove(gone)
        if self.is_up:
            self.neighbors.resolve(hops, now, out)

    def _up(self, event: SwitchUp, now: float, out: list[Effect]) -> None:
        self._down()
        self.is_up = True
        mine = [entry for entry in event.entries if is_of_network(entry)]
        self._mirror.found(entry for entry in mine if table_of(entry).owner is not Owner.NEIGHBORS)
        hops = [entry for entry in mine if isinstance(entry, NextHop | Host)]
        found = self.next_hops.switch_up(hops, self._mirror.of(Route), self.router.gateways)
        self.neighbors.switch_up(found, now)
        routed = self.next_hops.gateways(self._gateways)
        desired = desired_entries(Wanted(self._config, {}, (), routed))
        updates = self._mirror.change_to(desired)
        first = [update for update in updates if not table_of(update[1]).gate]
        self._gate = tuple(update for update in updates if table_of(update[1]).gate)
        self._write((*self.next_hops.updates(), *first), out)
        self._open(out)
        self.neighbors.resume(now, out)
        out += announce(self.router, self._own)

    def _down(self) -> None:
        self.is_up = self.is_open = self._is_refused = False
        self._writes.clear()
        self._gate = ()
        self.neighbors.switch_down()

    def _open(self, out: list[Effect]) -> None:
        """Once all that was asked for before has been answered."""
        if self.is_open or self._writes or self._is_refused:
            return
        gate, self._gate = self._gate, ()
        self._write(gate, out)
        self.is_open = not gate

    def _packet(self, event: PacketIn, now: float, out: list[Effect]) -> None:
        packet, port = parse(event.frame), without_priority(event.ingress_port)
        match event.reason:
            case PuntReason.ARP:
                self.neighbors.arp(packet, port, now, out)
            case PuntReason.ND:
                interface = self._interfaces.get(port)
                self._discovery.packet(packet, port, None if interface is None else interface.mac, now, out)
            case PuntReason.NO_NEIGHBOR:
                to = self._store.receiver(event.session_id, packet)
                self.neighbors.packet(packet, to, now, out, priority(event.ingress_port))
            case _:
                self._senders.packet(event, packet, self.router, self._interfaces, now, out)

    def _write_next_hops(self, out: list[Effect]) -> None:
        self._write(tuple(self.next_hops.updates()), out)

    def _write(self, updates: Updates, out: list[Effect]) -> None:
        if updates:
            token = self._store.new_token()
            self._writes[token] = updates
            out.append(Write(updates, token))

    def _written(self, event: Written, out: list[Effect]) -> None:
        updates = self._writes.pop(event.token, ())
        for position, (operation, entry) in enumerate(updates):
            failure = event.failed.get(position)
            if table_of(entry).owner is Owner.NEIGHBORS:
                outcome = Outcome.DONE if failure is None else failure.outcome
                self.next_hops.answered(operation, entry, outcome)  # type: ignore[arg-type]
            elif failure is not None:
                self._mirror.failed(operation, entry, failure.outcome)
                self._is_refused |= table_of(entry).gate
            if failure is not None:
                out.append(Log("ERROR", f"{operation.value} {shown(entry)}: {failure.message}"))
        if updates and not self._writes:
            self.next_hops.retain(self._mirror.of(Route))
            self._open(out)
