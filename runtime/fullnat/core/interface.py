"""Events into and effects out of the controller core.

The core (:class:`fullnat.core.controller.Controller`) does no I/O and has no clock or randomness of its own:
``handle(event, now, switch)``, ``conclude(now)`` after the events that have come together, ``apply(commands, now)``
(:mod:`fullnat.core.declared.commands`) and ``handle_deadline(now)`` return effects in the order they must be carried
out, and ``deadline()`` says when to call again. An event comes with the name of its switch, and effects go out in an
envelope for each switch that they are for. The asyncio shell (:mod:`fullnat.app`) turns P4Runtime into these events and
these effects into P4Runtime. Addresses are bytes (:mod:`fullnat.net.flow`), MACs plain ints here; ports of the switch
are numbers with their VLAN (:mod:`fullnat.net.vlan`), in PacketIn, Forward and Inject with the frame's priority; times
are seconds on a monotonic clock unless a name says otherwise.

Table entries are those of :mod:`fullnat.tables`: named tuples in the order of P4Info. :mod:`fullnat.p4rt.schema`
checks at connect that names, order and widths agree with the P4Info of the pipeline, so nothing here repeats an id or a
width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, NewType

from fullnat.net.flow import Address, Endpoint
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry

SwitchId = NewType("SwitchId", str)
"""What a switch is called among those of one controller."""
THE_SWITCH = SwitchId("switch")
"""The only one, where there is no other."""


class Op(Enum):
    INSERT = "insert"
    MODIFY = "modify"
    DELETE = "delete"
    __hash__ = object.__hash__  # By identity, as they are compared; Enum's own is Python, and every update asks for it.


class Outcome(Enum):
    """What became of an update; what the switch's error codes mean is decided by the P4Runtime client."""

    DONE = "done"
    EXISTS = "exists"
    """An insert found an entry with this key."""
    ABSENT = "absent"
    """A modify or delete found none."""
    FULL = "full"
    """There is no room for another entry."""
    REFUSED = "refused"
    """Anything else."""


class Failure(NamedTuple):
    """Why an update was not carried out."""

    outcome: Outcome
    message: str
    """The switch's, for people."""


# ---------------------------------------------------------------------------------------------- events


class PacketIn(NamedTuple):
    """A frame from the switch, from the Ethernet header on. ``reason`` is a PuntReason."""

    reason: int
    service_flags: int
    """A ServiceFlag with NO_SESSION, a PacketOutFlag with OPTIONS."""
    ingress_port: int
    session_id: int
    frame: bytes
    seq: int = 0
    """With SESSION_SYN, the end of what the session's client is known to have sent, in the server's numbering; 0: the
    switch does not tell."""


class SessionEvents(NamedTuple):
    """Newly set SessionEvent bits of one session (a digest); with RESUMED, the bits of RSTs and FINs are those taken
    back. May repeat or be lost."""

    session_id: int
    direction: int
    events: int
    seq: int = 0
    """The end of what the client is known to have sent, in the server's numbering; 0: the switch does not tell."""


@dataclass(frozen=True, slots=True)
class NeighborHeard:
    """A neighbor asked for an address of ours by ARP, and was answered (a digest). May repeat or be lost."""

    address: Address
    mac: int
    ingress_port: int


class Asked(NamedTuple):
    """The source of a SYN that the switch has answered with a cookie, chosen by chance (a digest)."""

    source: Address
    of: int
    """SYNs that it stands for."""


@dataclass(frozen=True, slots=True)
class IdleNotice:
    """One direction's entry was not hit for its idle timeout. A hint: may repeat or be lost."""

    session_id: int


class Written(NamedTuple):
    """The outcome of a Write effect: ``failed`` maps positions in ``Write.updates`` to why.

    A SessionEntry stands for two P4Runtime updates: it failed if either did. The shell rolls the other half back on
    INSERT.
    """

    token: int
    failed: dict[int, Failure]


@dataclass(frozen=True, slots=True)
class Probed:
    """The outcome of a Probe effect, one item per session asked for, in its order; None when its entries are gone.

    ``idle`` is the smaller time since last hit of the two directions, in seconds.
    """

    sessions: tuple[tuple[int, ProbeResult | None], ...]


class ProbeResult(NamedTuple):
    idle: float | None
    """None: the switch does not tell."""
    in_packets: int
    in_bytes: int | None
    """None: the switch counts only packets, as out_bytes."""
    out_packets: int
    out_bytes: int | None
    idle_in: float | None = None
    """That of the client's direction alone."""


@dataclass(frozen=True, slots=True)
class Shed:
    """Packets were dropped before they were handled."""

    syns: int
    """Those that asked for new sessions, because they had waited for too long."""
    others: int = 0
    """Because more of their kind came than may wait."""


@dataclass(frozen=True, slots=True)
class Behind:
    """More asks for new sessions than is handled soon, or has been given up. It may be told again and again."""


@dataclass(frozen=True, slots=True)
class SwitchUp:
    """The controller is primary on a switch that runs our pipeline; ``entries`` is everything found in its tables, or
    not ``whole``: everything but sessions, which come in :class:`SessionsFound` while others begin already."""

    entries: tuple[Entry, ...]
    orphans: int = 0
    """Half sessions that the shell found and already deleted."""
    whole: bool = True
    emptied: bool = False
    """It has come back without anything, so sessions that are missing are lost; else somebody has ended them."""


@dataclass(frozen=True, slots=True)
class SessionsFound:
    """Some of the sessions that the switch has."""

    sessions: Sequence[SessionEntry]


@dataclass(frozen=True, slots=True)
class SessionsRead:
    """These were all."""

    orphans: int = 0
    """As those of :class:`SwitchUp`."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Another switch of the group forwards from now on. It has all entries, but has counted nothing, and its registers
    know of no session."""

    again: bool = False
    """That was told before: neighbors are to hear once more where our addresses are."""


@dataclass(frozen=True, slots=True)
class SwitchDown:
    """The stream to the switch was lost. Effects are dropped until the next SwitchUp."""

    reason: str


Event = (
    PacketIn
    | SessionEvents
    | NeighborHeard
    | Asked
    | IdleNotice
    | Written
    | Probed
    | Shed
    | Behind
    | SwitchUp
    | SessionsFound
    | SessionsRead
    | Moved
    | SwitchDown
)


# ---------------------------------------------------------------------------------------------- effects


class Write(NamedTuple):
    """Write entries; the shell batches freely over many Write effects but keeps their order per entry, and writes a
    session only when the entries of its server that were written before are answered.

    With a token other than 0 a Written event follows; without, failures are logged by the shell.
    """

    updates: tuple[tuple[Op, Entry], ...]
    token: int = 0


@dataclass(frozen=True, slots=True)
class Forward:
    """Packet-out of a whole frame to a port, unchanged."""

    port: int
    frame: bytes


class Inject(NamedTuple):
    """Packet-out to be processed as if received on ``port``; ``new_session`` clears the registers of ``session_id``,
    ``options_edited`` tells the switch to leave the TCP options as they are."""

    port: int
    frame: bytes
    session_id: int
    new_session: bool
    options_edited: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """Packet-out of a bare RST frame of a session (client->VIP or server->local), filled in and rewritten by the
    switch."""

    frame: bytes
    session_id: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Read time since last hit and counters of sessions; a Probed event follows."""

    sessions: tuple[SessionEntry, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """``level`` is a name of the logging module; at most one INFO per life-cycle change, per-session lines are
    DEBUG."""

    level: str
    message: str
    fields: Mapping[str, object] | None = field(default=None, compare=False)
    """The same for programs that read the log."""


@dataclass(frozen=True, slots=True)
class Turned:
    """A real server, or the quorum of a service, is up or down from now on."""

    service: tuple[int, Endpoint]
    server: Endpoint | None
    """None: the quorum."""
    is_up: bool


@dataclass(frozen=True, slots=True)
class LimitPunts:
    """How many packets the switch may send to the controller from now on, where it can limit them."""

    rate: int
    """Per second."""
    burst: int
    reasons: tuple[int, ...] | None = None
    """The PuntReasons that it is for, each by itself; None: all of them."""


Effect = Write | Forward | Inject | Reset | Probe | Log | Turned | LimitPunts
Envelope = tuple[SwitchId, list[Effect]]
"""What one switch is to do. A plain tuple: there is one for almost every event."""


# ---------------------------------------------------------------------------------------------- sizes


class Sizes(NamedTuple):
    """What the program has room for, by its P4Info."""

    session_ids: int
    server_ids: int
    has_ipv6: bool = True
    """It has tables for IPv6."""
    has_stateless: bool = True
    """It has services without sessions."""
    has_match: bool = True
    """It has services of all ports of an address, and by match."""
    has_proxy: bool = True
    """It puts headers of PROXY protocol in."""
    has_cookies: bool = True
    """It answers SYNs with cookies."""
    has_vlans: bool = True
    """Its ports are numbers with a VLAN."""
    list_size: int = 1 << 18
    """Prefixes of one family that its lists have room for, those of services and that of all apart; 0: it does not know
    who may use services."""
