"""Applying WriteRequests as they come off the wire (:class:`p4soft.api_optional.WritesBytes`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from p4soft.api import EngineError, MatchKind
from p4soft.api_read import WireReader


@dataclass(frozen=True, slots=True)
class WireField:
    """A match field as WriteRequests name it."""

    id: int
    bits: int
    kind: MatchKind


@dataclass(frozen=True, slots=True)
class WireAction:
    """An action that entries of a table may have: its P4Info id, and the engine's number of it."""

    id: int
    index: int
    params: tuple[tuple[int, int], ...]
    """(id, bits) of each."""


@dataclass(frozen=True, slots=True)
class WireTable:
    """A table whose ordinary updates need nothing but the engine: its P4Info id, and the engine's number of it."""

    id: int
    index: int
    fields: tuple[WireField, ...]
    actions: tuple[WireAction, ...]
    priority: bool
    """Entries have one."""
    timeout: bool
    """Entries may have an idle timeout."""
    modify: bool
    """MODIFY with an action changes nothing but the entry."""
    read: bool
    """An entry is its exact key, one of ``actions``, and what the engine holds of it."""
    counter: bool
    """Entries have a direct counter."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to write: a role, and the election id of its primary controller."""

    role: str
    election: int


Failures = list[tuple[int, EngineError | None]]
"""P4Info id of the table, and the error or None, of every update of a request."""


class WireWriter(Protocol):
    """Takes serialized WriteRequests whole and applies those in which everything is as it should be, in order. All
    others are the server's, which knows what to say about them."""

    def set_tables(self, tables: Sequence[WireTable]) -> None:
        """The tables of the running program that may be written; none: every request is the server's."""
        ...

    def reader(self) -> WireReader:
        """What reads the same tables."""
        ...

    def set_grants(self, grants: Sequence[Grant]) -> None: ...

    def write(self, request: bytes) -> Failures | None:
        """Apply a request: empty if all went well, every update's result if not. ``None``: nothing was changed, it is
        the server's."""
        ...
