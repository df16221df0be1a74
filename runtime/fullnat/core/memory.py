"""What a controller that starts is to know and the switch does not tell: templates, deadlines, slow starts,
servers that are down.

Whoever keeps it asks for what has changed since it last asked, and gives all of it back to the next controller. Times
are those of the day, which outlive a process.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from fullnat.core.declared.commands import ServiceKey
from fullnat.core.declared.modes import Mode
from fullnat.net.flow import Address, Endpoint


class Kind(StrEnum):
    TEMPLATE = "template"
    """Of a client: the server that its connections go to, until ``until``."""
    DRAIN = "drain"
    """Of a server: it is out since ``since``, and its sessions are reset at ``until``."""
    SLOW_START = "slow_start"
    """Of a server: it began at ``since``."""
    DOWN = "down"
    """Of a server: its checks have found it so."""


class MemoryKey(NamedTuple):
    """What is remembered: of a client (a template) or of a server."""

    kind: Kind
    service: ServiceKey
    client: Address | None = None
    server: Endpoint | None = None
    mode: Mode | None = None


class Memo(NamedTuple):
    """Seconds of the time of day, where it has them."""

    server: Endpoint
    mode: Mode
    since: float | None = None
    until: float | None = None
    by_command: bool = False
    """The configuration does not say so."""
    quic_id: str = ""
    """Of a server that is removed: its connections are found by that."""


class Memory:
    """Which memos have changed."""

    def __init__(self) -> None:
        self._changed: dict[MemoryKey, None] = {}

    def touch(self, key: MemoryKey) -> None:
        self._changed[key] = None

    def news(self, most: int) -> list[MemoryKey]:
        """Of what has changed, so many at most; the others are told the next time."""
        keys = list(islice(self._changed, most))
        for key in keys:
            del self._changed[key]
        return keys
