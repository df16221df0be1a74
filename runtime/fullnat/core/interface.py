"""Events into and effects out of the controller core.

The core (:class:`fullnat.core.controller.Controller`) does no I/O and has no clock or randomness of its own:
``handle(event, now)`` and ``handle_deadline(now)`` return effects in the order they must be carried out, and
``deadline()`` says when to call again. The asyncio shell (:mod:`fullnat.app`) turns P4Runtime into these events and
these effects into P4Runtime. Addresses and MACs are plain ints here; ports of the switch are its port numbers; times
are seconds on a monotonic clock unless a name says otherwise.

Table entries are named tuples of ints in the order of P4Info; :mod:`fullnat.p4rt.schema` checks at connect that names,
order and widths agree with the P4Info of the pipeline, so nothing here repeats an id or a width.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

# ---------------------------------------------------------------------------------------------- table entries


class Port(NamedTuple):
    """Table ``port`` -> action ``port_set``."""

    port: int
    mac: int


class OwnAddress(NamedTuple):
    """Table ``own_address`` -> action ``own_vip``, ``own_local`` or ``own_interface``: ``kind`` is the action's
    name."""

    address: int
    kind: str


class VirtualService(NamedTuple):
    """Table ``virtual_service`` -> action ``service_punt``."""

    protocol: int
    vip: int
    vport: int
    flags: int


class Route(NamedTuple):
    """Table ``ipv4_route`` -> ``route_via`` (``gateway`` set), ``route_connected`` (``gateway`` None) or
    ``route_drop`` (-1)."""

    prefix: int
    prefix_len: int
    gateway: int | None


class Neighbor(NamedTuple):
    """Table ``neighbor`` -> action ``neighbor_set``."""

    address: int
    port: int
    source: int
    destination: int
    mtu: int


class ServerIn(NamedTuple):
    """Table ``server_in`` -> action ``to_server``: a real server of a virtual service, for what clients send.

    ``flags`` are SessionFlags. One of these and a :class:`ServerOut` must be there before the first session with
    ``server_id``, and until the last one is gone.
    """

    server_id: int
    flags: int
    address: int
    port: int


class ServerOut(NamedTuple):
    """Table ``server_out`` -> action ``from_vip``: the virtual service, for what its real server sends."""

    server_id: int
    flags: int
    vip: int
    vport: int


class SessionEntry(NamedTuple):
    """Both entries of a FULLNAT session: ``session_in`` -> ``fullnat_in`` and ``session_out`` -> ``fullnat_out``.

    ``controller_metadata`` of both entries is ``client_isn << 32 | session_id``, so that a restarted controller can
    tell a retransmitted SYN from a new one. ``idle_timeout`` (seconds) is the established timeout. What all sessions of
    a real server share, its flags above all, is in :class:`ServerIn` and :class:`ServerOut`.
    """

    session_id: int
    server_id: int
    protocol: int
    client: int
    client_port: int
    vip: int
    vport: int
    local: int
    local_port: int
    server: int
    server_port: int
    delta: int
    client_isn: int
    idle_timeout: float


ServerEntry = ServerIn | ServerOut
Entry = Port | OwnAddress | VirtualService | Route | Neighbor | ServerEntry | SessionEntry


class Op(Enum):
    INSERT = "insert"
    MODIFY = "modify"
    DELETE = "delete"


# ---------------------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class PacketIn:
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


@dataclass(frozen=True, slots=True)
class SessionEvents:
    """Newly set SessionEvent bits of one session (a digest); with RESUMED, the bits of RSTs and FINs are those taken
    back. May repeat or be lost."""

    session_id: int
    direction: int
    events: int
    seq: int = 0
    """The end of what the client is known to have sent, in the server's numbering; 0: the switch does not tell."""


@dataclass(frozen=True, slots=True)
class IdleNotice:
    """One direction's entry was not hit for its idle timeout. A hint: may repeat or be lost."""

    session_id: int


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a Write effect: ``failed`` maps the position in ``Write.updates`` to (canonical gRPC code,
    message).

    A SessionEntry stands for two P4Runtime updates: it failed if either did. The shell rolls the other half back on
    INSERT.
    """

    token: int
    failed: dict[int, tuple[int, str]]


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


@dataclass(frozen=True, slots=True)
class SwitchUp:
    """The controller is primary on a switch that runs our pipeline; ``entries`` is everything found in its tables."""

    entries: tuple[Entry, ...]
    orphans: int = 0
    """Half sessions that the shell found and already deleted."""


@dataclass(frozen=True, slots=True)
class SwitchDown:
    """The stream to the switch was lost. Effects are dropped until the next SwitchUp."""

    reason: str


Event = PacketIn | SessionEvents | IdleNotice | Written | Probed | SwitchUp | SwitchDown


# ---------------------------------------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True)
class Write:
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


@dataclass(frozen=True, slots=True)
class Inject:
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


Effect = Write | Forward | Inject | Reset | Probe | Log


# ---------------------------------------------------------------------------------------------- constants


class Constants(NamedTuple):
    """What the P4 program and its controller share, loaded by :mod:`fullnat.p4rt.program`.

    Enumerations (from compiled/fullnat.constants.json) are mappings of the P4 enum's member names to values.
    ``session_ids`` and ``server_ids`` are how many there may be, from P4Info.
    """

    PacketOutAction: dict[str, int]
    PacketOutFlag: dict[str, int]
    PuntReason: dict[str, int]
    ServiceFlag: dict[str, int]
    SessionFlag: dict[str, int]
    SessionEvent: dict[str, int]
    Direction: dict[str, int]
    ToaResult: dict[str, int]
    DropReason: dict[str, int]
    MSS_FLOOR: int
    TOA_V4_BYTES: int
    session_ids: int
    server_ids: int
