"""Resources that sessions hold: ids, and local addresses with their ports.

A local port is free towards a real server when no session has the same (protocol, local address, port, server, server
port), so one local address serves as many sessions as it has ports, per server and protocol. Ports are handed out by a
counter per local address that starts at random: a freed port rests for a whole round, longer than the server's
TIME-WAIT in all but a nearly full pool.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from fullnat.net.flow import Address, Endpoint, made

PROBES = 32
"""Ports tried by the counter before the exact search."""
FEW = 1024
"""Ports that a set holds in less memory than a bitmap."""


class Peer(NamedTuple):
    """What local ports are free towards: TCP and UDP of one server have nothing to do with each other."""

    protocol: int
    server: Endpoint


class IdPool:
    """Numbers 0..size-1. Fresh ones first, then those freed the longest ago, so that late news of an old holder rarely
    reaches a new one; the last ``spare`` ones when there are no others."""

    def __init__(self, size: int, spare: int = 0) -> None:
        self.size = size
        self._most = size
        """Numbers below it may be claimed."""
        self._first_spare = size - spare
        self._used = bytearray()
        """A byte a number, for as many as were ever asked for."""
        self._count = 0
        self._fresh = 0
        self._freed: deque[int] = deque()

    def __len__(self) -> int:
        return self._count

    def resize(self, size: int, most: int, spare: int = 0) -> None:
        """Give no number but 0..size-1 from now on. Those below ``most`` that are in use stay so, and can be
        claimed."""
        self.size, self._first_spare = size, size - spare
        self._most = max(self._most, most)

    def __contains__(self, number: int) -> bool:
        """Whether it is in use."""
        return 0 <= number < len(self._used) and bool(self._used[number])

    def fits(self, size: int) -> bool:
        """Whether no number from ``size`` on is in use."""
        return self._used.find(1, size) < 0

    def take(self) -> int | None:
        """None when all are in use."""
        while self._fresh < self._first_spare:
            number = self._fresh
            self._fresh += 1
            if self.claim(number):
                return number
        while self._freed:
            number = self._freed.popleft()
            if number < self.size and self.claim(number):
                return number
        if self._count == self.size == self._most:
            return None
        return self._take_any()

    def _take_any(self) -> int | None:
        """A spare one, or one that was freed while there was no room for it."""
        used = self._used
        for start, end in ((self._first_spare, self.size), (0, self._first_spare)):
            number = used.find(0, start, end)
            number = number if number >= 0 else max(len(used), start)
            if number < end and self.claim(number):
                return number
        return None

    def take_spare(self, rng: Random) -> int | None:
        """One of the spare ones, which others that take numbers from the same range rarely have; None when none that is
        tried is free."""
        for _ in range(PROBES if self._first_spare < self.size else 0):
            number = rng.randrange(self._first_spare, self.size)
            if self.claim(number):
                return number
        return None

    def claim(self, number: int) -> bool:
        """Take this very number; False when it is in use or out of range."""
        used = self._used
        if number >= len(used):
            if number >= self._most:
                return False
            used.extend(bytes(min(self._most, 2 * number + 64) - len(used)))
        elif number < 0 or used[number]:
            return False
        used[number] = 1
        self._count += 1
        return True

    def release(self, number: int) -> None:
        """Raises KeyError for one that is not in use."""
        if number not in self:
            raise KeyError(number)
        self._used[number] = 0
        self._count -= 1
        if number < self._fresh:
            self._freed.append(number)


class _Ports:
    """Ports in use on one local address towards one peer."""

    __slots__ = ("bitmap", "count", "few")

    def __init__(self) -> None:
        self.count = 0
        self.few: set[int] = set()
        """Them, while there is no bitmap."""
        self.bitmap: bytearray | None = None
        """A byte a port, made when there are many, or the counter runs into a long row of them: smaller than a set
        then, and searched at C speed."""

    def __contains__(self, port: int) -> bool:
        return port in self.few if self.bitmap is None else bool(self.bitmap[port])

    def add(self, port: int) -> None:
        self.count += 1
        if self.bitmap is not None:
            self.bitmap[port] = 1
            return
        self.few.add(port)
        if self.count > FEW:
            self._map()

    def remove(self, port: int) -> None:
        """Raises KeyError for one that is not in use."""
        if self.bitmap is None:
            self.few.remove(port)
        elif self.bitmap[port]:
            self.bitmap[port] = 0
        else:
            raise KeyError(port)
        self.count -= 1

    def _map(self) -> bytearray:
        if self.bitmap is None:
            self.bitmap = bytearray(65536)
            for port in self.few:
                self.bitmap[port] = 1
            self.few.clear()
        return self.bitmap

    def search(self, start: int, low: int, high: int) -> int:
        """The first free port from ``start`` on, wrapping once; -1 when there is none."""
        bitmap = self._map()
        port = bitmap.find(0, start, high + 1)
        return port if port >= 0 else bitmap.find(0, low, start)


class LocalAddress:
    """One local address: its counters and its ports by peer."""

    __slots__ = ("address", "conflicts", "connections", "exhausted", "next_port", "ports", "services", "used")

    def __init__(self, address: Address, next_port: int) -> None:
        self.address = address
        self.next_port = next_port
        self.ports: dict[Peer, _Ports] = {}
        self.services = 0
        """How many list it."""
        self.used = 0
        """Sessions, over all peers."""
        self.connections = 0
        """Sessions ever that took it."""
        self.conflicts = 0
        """Ports that were found in use and passed over."""
        self.exhausted = 0
        """Times that no port was free towards the wanted peer."""

    @property
    def configured(self) -> bool:
        """New sessions may take it."""
        return self.services > 0

    def take(self, peer: Peer, low: int, high: int) -> int | None:
        ports = self.ports.get(peer)
        if ports is None:
            ports = self.ports[peer] = _Ports()
        port = self.next_port
        if not low <= port <= high:
            port = low
        for _ in range(PROBES):
            if port not in ports:
                break
            self.conflicts += 1
            port = port + 1 if port < high else low
        else:
            port = ports.search(port, low, high)
            if port < 0:
                self.exhausted += 1
                return None
        self._mark(ports, port)
        self.connections += 1
        self.next_port = port + 1
        return port

    def claim(self, peer: Peer, port: int) -> bool:
        ports = self.ports.get(peer)
        if ports is None:
            ports = self.ports[peer] = _Ports()
        if port in ports:
            return False
        self._mark(ports, port)
        return True

    def release(self, peer: Peer, port: int) -> None:
        ports = self.ports[peer]
        ports.remove(port)
        if not ports.count:
            del self.ports[peer]
        self.used -= 1

    def _mark(self, ports: _Ports, port: int) -> None:
        ports.add(port)
        self.used += 1


class ClientEndpoints:
    """Clients' endpoints in use towards a peer, where they are the local ones."""

    def __init__(self) -> None:
        self._used: set[tuple[Endpoint, Peer]] = set()

    def take(self, client: Endpoint, peer: Peer) -> bool:
        """False when it is in use towards ``peer``."""
        pair = client, peer
        if pair in self._used:
            return False
        self._used.add(pair)
        return True

    def release(self, client: Endpoint, peer: Peer) -> None:
        self._used.remove((client, peer))


def home(address: Address, switches: int) -> int:
    """Of so many switches that forward, which one answers to the local ``address`` come to first, from 0: addresses
    that follow each other have different ones."""
    return address[-1] % switches


class LocalPool:
    """All local addresses. One address may be listed by several services; its ports are shared."""

    def __init__(self, rng: Random, low: int, high: int) -> None:
        """``low`` and ``high``: first and last local port of new sessions; both may be changed."""
        self._rng = rng
        self._addresses: dict[Address, LocalAddress] = {}
        self.low = low
        self.high = high
        self.retired: list[Address] = []
        """Addresses that lost their last session and are no longer configured; taken by the reader."""
        self.homes = 1
        """Switches that forward, if there are several: answers to a local address come to its home first."""
        self.origin = 0
        """The switch that has brought what now asks for a session, from 1; 0: the only one."""

    def add(self, addresses: Iterable[Address]) -> None:
        """One service more lists each of ``addresses``."""
        for address in addresses:
            self._get(address).services += 1

    def remove(self, addresses: Iterable[Address]) -> None:
        """One service fewer lists each of ``addresses``; those that none lists stay until their sessions are gone."""
        for address in addresses:
            local = self._addresses[address]
            local.services -= 1
            if not local.configured and not local.used:
                del self._addresses[address]

    def take(self, addresses: Sequence[Address], start: int, peer: Peer) -> Endpoint | None:
        """A free address and port towards ``peer``; tries every address of its family, from position ``start``
        on."""
        count, size = len(addresses), len(peer.server.address)
        if self.homes > 1 and self.origin:
            start = self._at_home(addresses, start, size)
        for step in range(count):
            address = addresses[(start + step) % count]
            if len(address) != size:
                continue
            local = self._addresses[address]
            port = local.take(peer, self.low, self.high)
            if port is not None:
                return made(Endpoint, (local.address, port))
        return None

    def _at_home(self, addresses: Sequence[Address], start: int, size: int) -> int:
        """The first position from ``start`` on of an address of ``size`` bytes whose home the origin is, so that both
        directions of a session pass one switch; ``start``, if there is none."""
        wanted, count = self.origin - 1, len(addresses)
        for step in range(count):
            position = (start + step) % count
            address = addresses[position]
            if len(address) == size and home(address, self.homes) == wanted:
                return position
        return start

    def claim(self, place: Endpoint, peer: Peer) -> bool:
        """Take this very address and port, of a session found on the switch; False when it is in use."""
        return self._get(place.address).claim(peer, place.port)

    def has(self, place: Endpoint, peer: Peer) -> bool:
        """Whether ``place`` is taken towards this very ``peer``."""
        local = self._addresses.get(place.address)
        ports = None if local is None else local.ports.get(peer)
        return ports is not None and place.port in ports

    def is_free_beside(self, place: Endpoint, peer: Peer) -> bool:
        """Whether nobody has ``place`` towards another peer that ``peer`` has in it, or is in. Without port a peer is
        all ports of its address, and without address it is everyone."""
        local = self._addresses.get(place.address)
        if local is None:
            return True
        ports, port = local.ports, place.port
        protocol, (address, server_port) = peer
        everyone = Address(bytes(len(address)))
        if not any(address) and not server_port:
            return not any(
                port in each for other, each in ports.items() if other != peer and other.protocol == protocol
            )
        wider = [
            Peer(protocol, Endpoint(everyone, 0)),
            *((Peer(protocol, Endpoint(address, 0)),) if server_port else ()),
        ]
        return not any(port in ports[other] for other in wider if other in ports)

    def release(self, place: Endpoint, peer: Peer) -> None:
        local = self._addresses[place.address]
        local.release(peer, place.port)
        if not local.used and not local.configured:
            del self._addresses[local.address]
            self.retired.append(local.address)

    def jump(self, address: Address) -> None:
        """Go on elsewhere among the ports of ``address``."""
        local = self._addresses.get(address)
        if local is not None:
            local.next_port = self._rng.randint(self.low, self.high)

    def __contains__(self, address: Address) -> bool:
        return address in self._addresses

    def __iter__(self) -> Iterator[LocalAddress]:
        return iter(self._addresses.values())

    def _get(self, address: Address) -> LocalAddress:
        local = self._addresses.get(address)
        if local is None:
            local = LocalAddress(address, self._rng.randint(self.low, self.high))
            self._addresses[address] = local
        return local
