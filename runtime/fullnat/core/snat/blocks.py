"""Blocks of public ports, each for one host inside: its sessions take ports from these alone (RFC 6888 4, RFC 7422).

A block is of a public address and protocol. Blocks are given by turns, so that one that was given back rests; a host
gets another one when its own are full, and gives one back with the last session in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fullnat.core.interface import Log
from fullnat.core.protocols.base import BY_NUMBER
from fullnat.core.session.pool import LocalPool, Peer
from fullnat.core.stats import Stats
from fullnat.net.flow import Address, Endpoint, made, text

_Place = tuple[int, Address]
"""Protocol and public address."""
_Host = tuple[int, Address]
"""Protocol and address inside."""


class Block:
    __slots__ = ("high", "host", "low", "next", "place", "towards", "used", "written")

    def __init__(self, host: Address, place: _Place, low: int, size: int, *, written: bool) -> None:
        self.host = host
        self.place = place
        self.low = low
        self.high = low + size - 1
        self.next = low
        """The port that is tried first."""
        self.used = 0
        """Mappings that have a port of it."""
        self.towards: Counter[Peer] = Counter()
        """The same by what they are towards: a host that has all ports costs no look at each of them."""
        self.written = written
        """It is in the log."""

    def __str__(self) -> str:
        protocol, address = self.place
        return f"{BY_NUMBER[protocol].name} {text(self.host)} {text(address)} {self.low}-{self.high}"


class Blocks:
    def __init__(self, pool: LocalPool, stats: Stats) -> None:
        self._pool = pool
        self._stats = stats
        self._given: dict[_Place, dict[int, Block]] = {}
        """By the first port."""
        self._turn: dict[_Place, int] = {}
        """The first port of the block that comes next."""
        self._of_host: dict[_Host, list[Block]] = {}
        self.log: list[str] = []
        """What is to be told; see :meth:`told`."""

    def __len__(self) -> int:
        return sum(map(len, self._given.values()))

    def told(self) -> list[Log]:
        """Which hosts inside got blocks of ports, and gave them back, since this was last asked."""
        log, self.log = self.log, []
        return [Log("INFO", line) for line in log]

    def addresses(self, host: Address, protocol: int) -> Iterable[Address]:
        """The public addresses that a host has blocks of."""
        return (block.place[1] for block in self._of_host.get((protocol, host), ()))

    def take(self, host: Address, address: Address, peer: Peer, size: int, log: bool) -> tuple[Endpoint, Block] | None:
        """A port of the host's blocks of ``address`` that is free towards ``peer``; None when all are in use, and there
        is no other block."""
        place = peer.protocol, address
        for block in self._of_host.get((peer.protocol, host), ()):
            if block.place == place:
                public = self._port(block, peer)
                if public is not None:
                    return public, block
        new = self._free_block(host, place, size, written=log)
        if new is None:
            return None
        public = self._port(new, peer)
        if public is None:
            return None
        self._give(new)
        return public, new

    def claim(self, host: Address, peer: Peer, public: Endpoint, size: int, log: bool) -> Block | None:
        """The host's block with a port that it has already; None when it has none, or it is another's."""
        if not size or not self._pool.low <= public.port <= self._pool.high:
            return None
        place = peer.protocol, public.address
        low = public.port - (public.port - self._pool.low) % size
        block = self._given.get(place, {}).get(low)
        if block is None and low + size - 1 <= self._pool.high and self._is_clear(place, low, size):
            block = Block(host, place, low, size, written=log)
            self._give(block)
        if block is None or block.host != host:
            return None
        block.used += 1
        block.towards[peer] += 1
        return block

    def release(self, block: Block, peer: Peer) -> None:
        """A mapping towards ``peer`` that had a port of it is gone."""
        block.used -= 1
        block.towards[peer] -= 1
        if not block.towards[peer]:
            del block.towards[peer]
        if block.used:
            return
        protocol, _ = block.place
        given, of_host = self._given[block.place], self._of_host[protocol, block.host]
        del given[block.low]
        of_host.remove(block)
        if not given:
            del self._given[block.place]
        if not of_host:
            del self._of_host[protocol, block.host]
        self._stats["blocks_released"] += 1
        if block.written:
            self.log.append(f"snat block released: {block}")

    def _give(self, block: Block) -> None:
        protocol, _ = block.place
        self._given.setdefault(block.place, {})[block.low] = block
        self._of_host.setdefault((protocol, block.host), []).append(block)
        self._stats["blocks_allocated"] += 1
        if block.written:
            self.log.append(f"snat block allocated: {block}")

    def _port(self, block: Block, peer: Peer) -> Endpoint | None:
        """A port of ``block`` that is free towards ``peer``."""
        _, address = block.place
        size = block.high - block.low + 1
        for step in range(size if block.towards[peer] < size else 0):
            port = block.low + (block.next - block.low + step) % size
            public = made(Endpoint, (address, port))
            if self._pool.is_free_beside(public, peer) and self._pool.claim(public, peer):
                block.next = port + 1 if port < block.high else block.low
                block.used += 1
                block.towards[peer] += 1
                return public
        return None

    def _free_block(self, host: Address, place: _Place, size: int, *, written: bool) -> Block | None:
        """The next one that nobody has."""
        low, high = self._pool.low, self._pool.high
        count = (high - low + 1) // size
        turn = (self._turn.get(place, low) - low) // size
        for step in range(count):
            first = low + (turn + step) % count * size
            if self._is_clear(place, first, size):
                self._turn[place] = first + size
                return Block(host, place, first, size, written=written)
        return None

    def _is_clear(self, place: _Place, low: int, size: int) -> bool:
        """Whether no block that is given has any of these ports; those of another size begin elsewhere."""
        given = self._given.get(place)
        if not given:
            return True
        if low in given:
            return False
        return all(block.high < low or low + size - 1 < block.low for block in given.values())
