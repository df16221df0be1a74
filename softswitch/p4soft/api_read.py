"""Answering ReadRequests as they come off the wire (:class:`p4soft.api_optional.WritesBytes`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class Hits(NamedTuple):
    """What the data plane has added to an entry; ``since_ns`` counts from the last hit, or the insert."""

    since_ns: int
    packets: int
    bytes: int


class TablesChanged(Exception):
    """The tables are others than when a read began."""


class WireReader(Protocol):
    """Takes serialized ReadRequests whole and answers those in which everything is as it should be. All others are the
    server's, which knows what to say about them. It reads the tables that a :class:`~p4soft.api_write.WireWriter` was
    told of."""

    def read(self, request: bytes, limit: int) -> Iterator[bytes] | None:
        """Serialized ReadResponses of at most ``limit`` entities each; ``None``: it is the server's. The iterator
        raises TablesChanged."""
        ...

    def hits(self, request: bytes) -> Sequence[Hits | None] | None:
        """Of each entry that is asked for by its key, in the order of the request, None for one that is not there.
        ``None``: the request asks for anything else."""
        ...
