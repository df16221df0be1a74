"""Packets that the switch hands over: who takes each, by the reason that it gives."""

from __future__ import annotations

from collections.abc import Callable

from fullnat.core.access.refused import RefusedClients
from fullnat.core.access.talkers import ASKING, Talkers
from fullnat.core.declared.declaration import Declaration
from fullnat.core.interface import Effect, PacketIn
from fullnat.core.network.discovery import Discovery
from fullnat.core.network.icmp_errors import IcmpErrors
from fullnat.core.network.neighbors import Neighbors
from fullnat.core.network.senders import Senders
from fullnat.core.session.admission import Admission
from fullnat.core.session.datagrams import Datagrams
from fullnat.core.session.edits import Edits
from fullnat.core.session.misses import Misses
from fullnat.core.session.store import SessionStore
from fullnat.core.switch.configured import Configured
from fullnat.core.synproxy.syn_proxies import SynProxies
from fullnat.net.parse import Packet, parse
from fullnat.net.vlan import priority, switch_of, without_priority
from fullnat.p4constants import PuntReason

Taker = Callable[[PacketIn, Packet, float, list[Effect]], object]

_OF_A_SESSION = (PuntReason.SESSION_SYN, PuntReason.OPTIONS, PuntReason.SPLICE)


class Arrivals:
    def __init__(
        self,
        store: SessionStore,
        declaration: Declaration,
        tables: Configured,
        neighbors: Neighbors,
        admission: Admission,
        datagrams: Datagrams,
        syn_proxies: SynProxies,
        refused: RefusedClients,
        talkers: Talkers,
    ) -> None:
        self._store = store
        self._declaration = declaration
        self._neighbors = neighbors
        self._admission = admission
        self._datagrams = datagrams
        self._syn_proxies = syn_proxies
        self._talkers = talkers
        self._discovery = Discovery(neighbors, store.stats)
        self._senders = Senders(store, tables.own)
        self._misses = Misses(store)
        self._takers: dict[int, Taker] = {
            PuntReason.SERVICE_SYN: admission.syn,
            PuntReason.SESSION_SYN: admission.syn,
            PuntReason.SERVICE_DATAGRAM: datagrams.datagram,
            PuntReason.SNAT: self._outward,
            PuntReason.NO_NEIGHBOR: self._without_neighbor,
            PuntReason.ARP: self._arp,
            PuntReason.ND: self._nd,
            PuntReason.OPTIONS: Edits(store).packet,
            PuntReason.TTL_EXPIRED: self._ended,
            PuntReason.TOO_BIG: self._ended,
            PuntReason.ICMP_ERROR: IcmpErrors(store).error,
            PuntReason.NO_SESSION: self._without_session,
            PuntReason.LATE_ANSWER: self._late_answer,
            PuntReason.REFUSED: refused.packet,
            PuntReason.COOKIE_ACK: syn_proxies.packet,
            PuntReason.SPLICE: syn_proxies.packet,
        }

    def packet(self, event: PacketIn, now: float, out: list[Effect]) -> None:
        packet, reason = parse(event.frame), event.reason
        self._store.pool.origin = switch_of(event.ingress_port)
        if reason in _OF_A_SESSION:
            session = self._store.table.by_id.get(event.session_id)
            if session is not None:
                session.punted(packet, len(event.frame))
        if reason in ASKING and packet.src is not None:
            self._talkers.brought(packet.src, now)
        taker = self._takers.get(reason)
        if taker is None:
            self._store.stats["bad_frame"] += 1
        else:
            taker(event, packet, now, out)

    def _outward(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """The first packet of a flow of SNAT."""
        (self._admission.syn if packet.tcp is not None else self._datagrams.datagram)(event, packet, now, out)

    def _without_neighbor(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """What has no next hop yet, of a host inside by a rule of SNAT, is not translated either."""
        flow, outward = packet.flow, self._store.services.outward
        if flow is not None and outward.find(flow, without_priority(event.ingress_port)) is not None:
            self._outward(event, packet, now, out)
            return
        to = self._store.receiver(event.session_id, packet)
        self._neighbors.packet(packet, to, now, out, priority(event.ingress_port))

    def _arp(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        self._neighbors.arp(packet, without_priority(event.ingress_port), now, out)

    def _nd(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        number = without_priority(event.ingress_port)
        interface = self._declaration.model.interfaces.get(number)
        self._discovery.packet(packet, number, None if interface is None else interface.mac, now, out)

    def _ended(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        """By its TTL, or as it is longer than the MTU."""
        interfaces = self._declaration.model.interfaces
        self._senders.packet(event, packet, self._declaration.router, interfaces, now, out)

    def _without_session(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        if not self._syn_proxies.packet(event, packet, now, out):
            self._misses.segment(packet, event.ingress_port, now, out)

    def _late_answer(self, event: PacketIn, packet: Packet, now: float, out: list[Effect]) -> None:
        self._misses.segment(packet, event.ingress_port, now, out, of_server=True)
