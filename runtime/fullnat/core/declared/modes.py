"""Forwarding modes: how packets reach a real server. A property of the server, so that one service can mix them."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

from fullnat.p4constants import SessionFlag


class Mode(StrEnum):
    """The value is what configurations call it."""

    FULLNAT = "fullnat"
    """Both addresses change: the server sees a local address of ours, and learns the client from TOA."""
    NAT = "nat"
    """The destination alone changes: the server sees the client, and its answers have to come back this way."""

    DR = "dr"
    """The frame alone changes: the server, which is next door, has the virtual address itself, and answers the client
    without us."""

    TUNNEL = "tunnel"
    """The same through a tunnel: the packet gets an outer header, which the server takes off, wherever it is."""

    GUE = "gue"
    """The same with UDP between the headers (Generic UDP Encapsulation), by which routers tell flows apart."""

    SNAT = "snat"
    """Clients are hosts inside, which show themselves outside by a public address of ours: that is what the "server"
    is. The destination stays."""

    @cached_property
    def takes_local(self) -> bool:
        """Sessions need an address and port of ours. In all other modes the client's own endpoint is the local one."""
        return self in (Mode.FULLNAT, Mode.SNAT)

    @cached_property
    def has_own_numbers(self) -> bool:
        """The server sees sequence numbers of ours. In all other modes the client's stay."""
        return self is Mode.FULLNAT

    @cached_property
    def is_outward(self) -> bool:
        """Sessions go from inside to whatever they are addressed to."""
        return self is Mode.SNAT

    @cached_property
    def keeps_destination(self) -> bool:
        """The server has the virtual address and port itself, and answers from there. What it answers, the switch does
        not see."""
        return self in (Mode.DR, Mode.TUNNEL, Mode.GUE)

    @property
    def outer_bytes(self) -> int:
        """Bytes in front of a client's packet; 0 without a tunnel."""
        return {Mode.TUNNEL: 20, Mode.GUE: 28}.get(self, 0)

    @property
    def takes_any_family(self) -> bool:
        """The server may have an address of the other family than its clients'. In FULLNAT packets are translated
        (NAT64, NAT46), because both addresses are others anyway; in a tunnel they stay as they are, and only the outer
        header goes there. All others leave an address in its place that the server's family does not have."""
        return self in (Mode.FULLNAT, Mode.TUNNEL, Mode.GUE)

    @property
    def needs_neighbors(self) -> bool:
        """A router on the way to the server would send packets for the virtual address back."""
        return self is Mode.DR

    def session_flags(self, asked: int) -> int:
        """Of the SessionFlags that a service asks for, those of a server's sessions. Where nothing is inserted, no room
        is made for it; and a client whose numbers stay may keep its timestamps."""
        if self.has_own_numbers:
            return asked
        flags = SessionFlag.KEEP_TIMESTAMPS | SessionFlag.KEEP_MSS
        return flags | SessionFlag.ONE_WAY if self.keeps_destination else flags
