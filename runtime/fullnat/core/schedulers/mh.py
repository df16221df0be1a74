"""mh: Maglev hashing of the client's address (Eisenbud et al., NSDI 2016, section 3.4; LVS: ip_vs_mh.c)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from fullnat.core.schedulers.base import Candidate, Scheduler, register
from fullnat.net.flow import Flow

SIZES = (4093, 65521)
"""Slots, primes: LVS's default, and what is needed for more servers."""
SLOTS_EACH = 100
"""At least, as the paper has it, so that shares differ by about a per cent."""


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


class Maglev(Scheduler):
    """Every server goes through the slots in an order of its own, and the servers take free ones in turn, those of less
    than the highest weight not in every turn. When one leaves, little but its own slots changes hands. A slot whose
    server is full leads to the next one with an open server (LVS: flag mh-fallback)."""

    name = "mh"

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._table: list[Candidate] = []

    def update(self, servers: Sequence[Candidate]) -> None:
        super().update(servers)
        size = next((size for size in SIZES if size >= len(self.servers) * SLOTS_EACH), SIZES[-1])
        owners = slots([(repr(server.endpoint).encode(), server.effective_weight) for server in self.servers], size)
        self._table = [self.servers[owner] for owner in owners]

    def pick(self, flow: Flow) -> Candidate | None:
        table = self._table
        return self.open_near(table, _hash(flow.src.address) % len(table)) if table else None


def slots(servers: Sequence[tuple[bytes, int]], size: int) -> list[int]:
    """Who of ``servers`` (name, weight) has each of ``size`` slots, a prime or a power of two; empty without them. In
    whatever order they are, each has the same slots."""
    if not servers:
        return []
    owners = [-1] * size
    most = max(weight for _, weight in servers)
    at = [_hash(b"start" + name) % size for name, _ in servers]
    # A power of two has no divisor in common with what is odd.
    stride = [_hash(b"stride" + name) % (size - 1) + 1 | 1 - size % 2 for name, _ in servers]
    credit = [0] * len(servers)
    free = size
    in_turn = sorted(range(len(servers)), key=servers.__getitem__)
    while True:
        for index in in_turn:
            credit[index] += servers[index][1]
            if credit[index] < most:
                continue
            credit[index] -= most
            slot = at[index]
            while owners[slot] >= 0:
                slot = (slot + stride[index]) % size
            owners[slot] = index
            at[index] = (slot + stride[index]) % size
            free -= 1
            if not free:
                return owners


register(Maglev)
