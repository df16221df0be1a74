"""Packets that end here by TTL or MTU: their senders are told, as a router tells them (RFC 1812 5.3.1, RFC 1191), at a
rate."""

from __future__ import annotations

from collections.abc import Mapping, Set

from fullnat.config.model import Interface
from fullnat.core.access.pace import Pace
from fullnat.core.declared.modes import Mode
from fullnat.core.declared.telling import told_bytes
from fullnat.core.interface import Effect, Inject, PacketIn
from fullnat.core.network.frames import icmp_error
from fullnat.core.network.routing import Router
from fullnat.core.session.sessions import Session
from fullnat.core.session.store import SessionStore
from fullnat.net.flow import Address, address, is_v6, same_family
from fullnat.net.headers import V6_MTU
from fullnat.net.icmp import FRAGMENTATION_NEEDED, TTL_EXCEEDED, is_answerable
from fullnat.net.parse import Packet
from fullnat.net.vlan import without_priority
from fullnat.p4constants import OF_SERVER, PuntReason

IPV6_MORE = 20
"""Bytes by which a header of IPv6 is longer than one of IPv4."""
TOLD_RATE = 1000.0
"""Messages per second (Linux: icmp_msgs_per_sec)."""
TOLD_BURST = 50.0
"""Linux: icmp_msgs_burst."""
WORTH_BRINGING: int = 2000
"""Of either kind, packets a second that a switch may bring, and at once: more than are told, as some need not be."""


class Senders:
    def __init__(self, store: SessionStore, own: Set[Address]) -> None:
        """``own``: the switch's addresses, kept by their owner."""
        self._store = store
        self._stats = store.stats
        self._own = own
        self._pace = Pace(TOLD_RATE, TOLD_BURST)

    def packet(
        self,
        event: PacketIn,
        packet: Packet,
        router: Router,
        interfaces: Mapping[int, Interface],
        now: float,
        out: list[Effect],
    ) -> None:
        """The answer is from the address of the port the packet came in by, and finds its way by the switch. None is
        given to ICMP errors, fragments but the first, and what came from or goes to a broadcast address
        (RFC 1812 4.3.2.7)."""
        interface = interfaces.get(without_priority(event.ingress_port))
        source = None if interface is None or packet.src is None else _address_for(interface, packet.src)
        if interface is None or packet.dst is None or packet.src is None or not is_answerable(packet):
            self._stats["bad_frame"] += 1
            return
        if source is None or router.is_broadcast(packet.dst) or router.is_broadcast(packet.src):
            return
        expired = event.reason == PuntReason.TTL_EXPIRED
        mtu = 0 if expired else self._room(event, packet, packet.dst, router)
        if mtu is None:
            return
        told = "time_exceeded" if expired else "too_big"
        if not self._pace.allows(now):
            self._stats[f"{told}_limited"] += 1
            return
        self._stats[told] += 1
        kind = TTL_EXCEEDED if expired else FRAGMENTATION_NEEDED
        frame = icmp_error(packet, kind, source, (interface.mac, interface.mac), mtu)
        out.append(Inject(event.ingress_port, frame, 0, False))

    def _room(self, event: PacketIn, packet: Packet, destination: Address, router: Router) -> int | None:
        """How long such a packet may be as its sender sends it: the link's MTU without what is added on the way. None
        where there is no way any more."""
        session = self._store.table.by_id.get(event.session_id)
        added, six = 0, is_v6(destination)
        server = self._store.services.ids.key(event.session_id & ~OF_SERVER) if event.session_id & OF_SERVER else None
        if server is not None:
            destination, added = server.endpoint.address, _outer(server.mode, server.endpoint.address)
        elif session is not None and packet.flow == session.key:
            destination, added = session.receiver, _added(session)
            added += _translated(destination, six) if session.server.mode.takes_local else 0
        elif session is not None and packet.flow == session.entry.flow_out:
            destination = session.key.src.address
            added = _translated(destination, six) if session.server.mode.takes_local else 0
        elif destination in self._own:
            self._stats["bad_frame"] += 1
            return None
        hop = router.next_hop(destination)
        link = None if hop is None else router.link(hop)
        if link is None:
            return None
        # No link of IPv6 has less, and no host believes less.
        return max(link.mtu - added, min(link.mtu, V6_MTU)) if six else link.mtu - added


def _address_for(interface: Interface, receiver: Address) -> Address | None:
    """The first one of the interface that is of the receiver's family."""
    own = (address(each.ip) for each in interface.addresses)
    return next((each for each in own if same_family(each, receiver)), None)


def _translated(destination: Address, six: bool) -> int:
    """Bytes by which a packet grows that is of IPv6 (``six``) or not, on its way to ``destination``."""
    return IPV6_MORE * (is_v6(destination) - six)


def _added(session: Session) -> int:
    """Bytes that a client's packet may get on its way to the server."""
    mode = session.server.mode
    if mode.outer_bytes:
        return _outer(mode, session.server.endpoint.address)
    return told_bytes(session.key.src.address, mode.session_flags(session.service.session_flags), session.protocol)


def _outer(mode: Mode, server: Address) -> int:
    """Bytes of the outer header on the way to the ``server``."""
    return mode.outer_bytes + (IPV6_MORE if mode.outer_bytes and is_v6(server) else 0)
