"""SNAT: which public address and port a host inside shows, for which destinations, and for how long.

A host's port is *mapped* to a public one (RFC 4787 4.1): for all destinations (endpoint-independent), or for those of
one address (address-dependent). While any session has a mapping it stays, and no other host's port gets the same public
one for a destination that it is for; so no two flows to one destination share a port. What is let in is one session's:
filtering is by address and port (RFC 4787 5), whatever the mapping.

Ports come from the pool of all hosts, or from blocks that a host has for itself (RFC 6888 4): then the log of blocks
tells who had which port when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fullnat.core.balancing.placement import Place, Refusal, place, without_server
from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.declared.values import INDEPENDENT
from fullnat.core.session.pool import LocalPool, Peer
from fullnat.core.snat.blocks import Block, Blocks
from fullnat.core.stats import Stats
from fullnat.net.flow import Address, Endpoint, Flow, made
from fullnat.net.parse import Packet

if TYPE_CHECKING:
    from fullnat.core.session.store import SessionStore

TRIES = 64
"""Ports that are tried for one flow where mappings from before a change of the rule have many: the next flow, which is
often the same one again, tries those behind them."""

_Key = tuple[Endpoint, Peer]
"""A host's endpoint, and what it is mapped towards."""


class Mapping:
    """One host's endpoint towards ``peer``, whose port 0 stands for all, and whose address 0 for all as well."""

    __slots__ = ("block", "holders", "host", "peer", "public")

    def __init__(self, host: Endpoint, peer: Peer, public: Endpoint, block: Block | None) -> None:
        self.host = host
        self.peer = peer
        self.public = public
        self.block = block
        self.holders = 0
        """Sessions that have it."""


class Mappings:
    def __init__(self, pool: LocalPool, stats: Stats) -> None:
        self._pool = pool
        self._by_key: dict[_Key, Mapping] = {}
        self._of_host: Counter[tuple[Service, Address]] = Counter()
        """Sessions of a service and host, where that is limited."""
        self.blocks = Blocks(pool, stats)

    def __len__(self) -> int:
        return len(self._by_key)

    def place(self, service: Service, flow: Flow, known: Server | None = None) -> Place | Refusal:
        """Where a new ``flow`` of a host inside goes out: ``known`` is the public address that its host is to have. The
        place holds its mapping; whoever does not use it gives it back."""
        host, limit = flow.src, service.hosts.sessions
        if limit and self._of_host[service, host.address] >= limit:
            return Refusal.HOST_FULL
        key = host, _peer(service, flow.protocol, flow.dst)
        mapping = self._by_key.get(key)
        server = None if mapping is None else service.servers.get(made(Endpoint, (mapping.public.address, 0)))
        if mapping is None or server is None or not server.takes_new or self._is_anothers(mapping, flow):
            found = self._new(service, key, known)
            if isinstance(found, Refusal):
                return found
            server, mapping = found
        self._hold(service, mapping)
        return made(Place, (server, mapping.public, mapping))

    def claim(self, service: Service, flow: Flow, public: Endpoint) -> Mapping | None:
        """The mapping of a session found on the switch, which shows ``public``; None when that is another one's."""
        wide, narrow = _peer(service, flow.protocol, flow.dst), _towards(flow.protocol, flow.dst.address)
        for peer in (wide, narrow):
            key = flow.src, peer
            mapping = self._by_key.get(key)
            if mapping is None or mapping.public != public:
                is_free = peer is narrow or self._pool.is_free_beside(public, peer)
                if not is_free or not self._pool.claim(public, peer):
                    continue
                block = self.blocks.claim(
                    flow.src.address, peer, public, service.hosts.block_size, service.hosts.block_log
                )
                mapping = Mapping(flow.src, peer, public, block)
                self._by_key.setdefault(key, mapping)
            self._hold(service, mapping)
            return mapping
        return None

    def release(self, service: Service, mapping: Mapping) -> None:
        """A session of ``service`` that had it is gone, or has come to nothing."""
        host = service, mapping.host.address
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]
        mapping.holders -= 1
        if mapping.holders:
            return
        key = mapping.host, mapping.peer
        if self._by_key.get(key) is mapping:
            del self._by_key[key]
        self._pool.release(mapping.public, mapping.peer)
        if mapping.block is not None:
            self.blocks.release(mapping.block, mapping.peer)

    def _hold(self, service: Service, mapping: Mapping) -> None:
        mapping.holders += 1
        self._of_host[service, mapping.host.address] += 1

    def _new(self, service: Service, key: _Key, known: Server | None) -> tuple[Server, Mapping] | Refusal:
        host, peer = key
        is_any = True
        for server in self._candidates(service, host, peer, known):
            is_any = False
            address = server.endpoint.address
            block: Block | None = None
            if service.hosts.block_size:
                found = self.blocks.take(host.address, address, peer, service.hosts.block_size, service.hosts.block_log)
                public, block = (None, None) if found is None else found
            else:
                public = self._take(address, peer)
            if public is not None:
                mapping = self._by_key[key] = Mapping(host, peer, public, block)
                return server, mapping
        return without_server(service) if is_any else Refusal.NO_LOCAL_PORT

    def _candidates(self, service: Service, host: Endpoint, peer: Peer, known: Server | None) -> Iterator[Server]:
        """Public addresses in the order in which they are tried: that of the host's blocks (RFC 6888 3 REQ-2), what the
        scheduler says, all others."""
        servers = service.servers
        own = self.blocks.addresses(host.address, peer.protocol) if service.hosts.block_size else ()
        of_blocks = (servers.get(made(Endpoint, (address, 0))) for address in own)
        first = known or next((each for each in of_blocks if each is not None and each.takes_new), None)
        # The scheduler takes a turn only for what it decides.
        first = first or service.schedule(made(Flow, (peer.protocol, host, peer.server)))
        if first is None:
            return
        yield first
        yield from (each for each in servers.values() if each is not first and each.takes_new)

    def _take(self, address: Address, peer: Peer) -> Endpoint | None:
        refused: list[Endpoint] = []
        found = None
        while found is None and len(refused) < TRIES:
            public = self._pool.take((address,), 0, peer)
            if public is None:
                break
            if self._pool.is_free_beside(public, peer):
                found = public
            else:
                refused.append(public)
        for each in refused:
            self._pool.release(each, peer)
        return found

    def _is_anothers(self, mapping: Mapping, flow: Flow) -> bool:
        """Whether a mapping of another kind has the public port for the destination: one from before the rule changed,
        or found on the switch after others had begun."""
        narrow = _towards(flow.protocol, flow.dst.address)
        return mapping.peer != narrow and self._pool.has(mapping.public, narrow)


def _peer(service: Service, protocol: int, destination: Endpoint) -> Peer:
    """What a mapping is towards."""
    address = destination.address
    return _towards(protocol, Address(bytes(len(address))) if service.hosts.mapping == INDEPENDENT else address)


def _towards(protocol: int, address: Address) -> Peer:
    """All ports there."""
    return made(Peer, (protocol, made(Endpoint, (address, 0))))


def placed(store: SessionStore, service: Service, flow: Flow, packet: Packet, now: float) -> Place | Refusal:
    """Where a new ``flow`` of ``service`` goes, which begins with ``packet``."""
    known = store.affinity.server(service, flow, packet, now) if service.knows_clients else None
    if service.is_outward:
        return store.mappings.place(service, flow, known)
    return place(store.pool, store.clients, service, flow, now, known)
