"""What sh and dh share: a table of buckets, filled with servers in proportion to their weights."""

from __future__ import annotations

from collections.abc import Sequence

from fullnat.core.schedulers.base import Candidate, Scheduler
from fullnat.net.flow import Address, Flow

BUCKETS = 4096
"""LVS has 256, which cannot hold 1,000 servers or the weights of a few hundred."""
_STRIDE = 1327
_MULTIPLIER = 2654435761
"""Knuth's, as in LVS (ip_vs_sh_hashkey)."""


def bucket(address: Address) -> int:
    """Of an address; the words of an IPv6 address are folded into one first."""
    folded = 0
    for start in range(0, len(address), 4):
        folded ^= int.from_bytes(address[start : start + 4], "big")
    # LVS takes the low bits, which the multiplication hardly mixes.
    return (folded * _MULTIPLIER & 0xFFFFFFFF) * BUCKETS >> 32


class Buckets(Scheduler):
    """A bucket whose server is full leads to a following one with an open server (LVS: flag sh-fallback; without it the
    client is refused)."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._table: tuple[Candidate, ...] = ()

    def address(self, flow: Flow) -> Address:
        """What is hashed."""
        raise NotImplementedError

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        shares: list[Candidate] = []
        total = sum(server.effective_weight for server in self.servers)
        given = 0
        for server in self.servers:
            given += server.effective_weight
            shares += [server] * (given * BUCKETS // total - len(shares))
        # A stride without a common divisor spreads each server's buckets over the table.
        self._table = tuple(shares[position * _STRIDE % BUCKETS] for position in range(len(shares)))

    def pick(self, flow: Flow) -> Candidate | None:
        return self.open_near(self._table, bucket(self.address(flow))) if self._table else None
