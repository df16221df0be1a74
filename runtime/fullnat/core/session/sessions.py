"""Sessions and their indices."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from fullnat.core.balancing.servers import Server
from fullnat.core.balancing.service import Service
from fullnat.core.interface import ProbeResult
from fullnat.core.session.lifecycle import Phase, Step, after
from fullnat.core.session.pool import IdPool
from fullnat.net.flow import Address, Endpoint, Flow, made
from fullnat.net.parse import Packet
from fullnat.tables.session import SessionEntry

if TYPE_CHECKING:
    from fullnat.core.balancing.templates import Template
    from fullnat.core.snat.mappings import Mapping

NEVER = float("-inf")
"""When a session that was found on the switch was created."""


SPARE = 64
"""One of so many session ids is for sessions that begin before it is known which ids are in use."""


class Held(NamedTuple):
    """A SYN that waits for its session."""

    packet: Packet
    port: int
    seq: int
    attempts: int = 0
    """Sessions already tried for it in vain."""
    end: int = 0
    """What the session's client had sent before, in the server's numbering; 0 = the switch does not tell."""
    came_again: bool = False
    """It is the repetition of one that is here."""


class Twice(NamedTuple):
    """What a session's counters in the switch have too much: packets that the switch has given to the controller, and
    that it counts when they come back."""

    in_packets: int
    in_bytes: int
    out_packets: int
    out_bytes: int


def once(counters: ProbeResult, twice: Twice | None) -> ProbeResult:
    """``counters`` without what they have ``twice``, which may be more than they have yet."""
    if twice is None:
        return counters
    found = {name: getattr(counters, name) for name in twice._fields}
    return counters._replace(**{name: value and max(0, value - getattr(twice, name)) for name, value in found.items()})


def added(counters: ProbeResult, before: ProbeResult | None) -> ProbeResult:
    """``counters`` that go on where those ``before`` have stopped."""
    if before is None:
        return counters
    return counters._replace(
        in_packets=counters.in_packets + before.in_packets,
        in_bytes=None if counters.in_bytes is None else counters.in_bytes + (before.in_bytes or 0),
        out_packets=counters.out_packets + before.out_packets,
        out_bytes=None if counters.out_bytes is None else counters.out_bytes + (before.out_bytes or 0),
    )


def begins_anew(counters: ProbeResult, last: ProbeResult | None) -> bool:
    """Whether another switch counts them than counted the ``last`` ones."""
    return last is not None and (counters.in_packets < last.in_packets or counters.out_packets < last.out_packets)


class Session:
    __slots__ = (
        "baseline",
        "began",
        "changed",
        "client_end",
        "counters",
        "created",
        "earlier",
        "entry",
        "events",
        "failures",
        "held",
        "key",
        "mapping",
        "new_entry",
        "not_before",
        "phase",
        "probing",
        "protocol",
        "server",
        "service",
        "source",
        "state",
        "still",
        "template",
        "token",
        "twice",
        "unjudged",
    )

    def __init__(self, entry: SessionEntry, key: Flow, service: Service, server: Server, now: float) -> None:
        self.entry = entry
        self.key = key
        """From the client, as it writes it."""
        self.service = service
        self.server = server
        self.phase = Phase.NEW
        self.source = service.limits.source(key.src.address)
        """The prefix that it counts for, if any does."""
        self.protocol = service.protocol.one_way if server.mode.keeps_destination else service.protocol
        self.state: IntEnum = self.protocol.initial
        self.changed = now
        """When the state of the protocol last changed."""
        self.created = now
        """NEVER for a session found on the switch."""
        self.began = NEVER
        """When its SYN was injected; NEVER for a session found on the switch."""
        self.events = 0
        """SessionEvent bits that stand; the state of the protocol follows from them."""
        self.unjudged = 0
        """Those of them that the switch could not judge."""
        self.baseline: ProbeResult | None = None
        """The counters that traffic after an unjudged end is seen by."""
        self.client_end = 0
        """The end of what the client has sent, in the server's numbering, as last told by the switch; 0 = never."""
        self.token = 0
        """Of the write under way, 0 = none."""
        self.new_entry: SessionEntry | None = None
        """What the modify under way makes of ``entry``."""
        self.held: Held | None = None
        self.probing = False
        self.not_before = 0.0
        """Idle notices before this time are known to be too early."""
        self.mapping: Mapping | None = None
        """Of SNAT, whose local endpoint it has."""
        self.template: Template | None = None
        """That of its client, while it is established."""
        self.failures = 0
        """Failed deletes in a row."""
        self.counters: ProbeResult | None = None
        """Of the last probe."""
        self.earlier: ProbeResult | None = None
        """What switches that forwarded before have counted, as far as probes tell."""
        self.still: tuple[int, float] | None = None
        """Packets so far, and since when the probes have found that number."""

        self.twice: Twice | None = None
        """None: nothing."""

    def counted(self, counters: ProbeResult) -> None:
        """A probe has found these."""
        if begins_anew(counters, self.counters) and self.counters is not None:
            self.earlier = added(self.counters, self.earlier)
        self.counters = counters

    def punted(self, packet: Packet, octets: int) -> None:
        """The switch has found it by ``packet``, of so many ``octets``, and gave it to the controller."""
        inward = packet.flow == self.key
        before = self.twice or Twice(0, 0, 0, 0)
        more = Twice(inward, inward * octets, not inward, (not inward) * octets)
        self.twice = Twice(*(old + new for old, new in zip(before, more, strict=True)))

    @property
    def repeats(self) -> int:
        """Of its SYN, that the controller has seen."""
        return 0 if self.twice is None else self.twice.in_packets

    def step(self, step: Step) -> None:
        """Change the phase. Raises IllegalStep."""
        self.phase = after(self.phase, step)

    @property
    def is_being_spliced(self) -> bool:
        """Its entries are written anew for the same connection, which may go on before that is answered."""
        return self.phase is Phase.REUSING and self.new_entry is not None and self.new_entry.splice is not None

    @property
    def is_over(self) -> bool:
        """Both its endpoints have ended it."""
        return self.protocol.is_over(self.events, self.unjudged)

    def is_unwanted(self, now: float) -> bool:
        """It is to end, whatever its endpoints say: its service is removed, or its server's time is over."""
        return not self.service.configured or self.server.is_overdue(now)

    @property
    def local(self) -> Endpoint:
        entry = self.entry
        return made(Endpoint, (entry.local, entry.local_port))

    @property
    def real(self) -> Endpoint:
        """Where the server answers."""
        entry = self.entry
        return made(Endpoint, (entry.server, entry.server_port))

    @property
    def named_server(self) -> Endpoint:
        """The real server as it is told, with the port that it answers on; of SNAT it is the host outside."""
        server = self.real if self.server.mode.is_outward else self.server.endpoint
        return server if server.port else server._replace(port=self.entry.flow_out.src.port)

    @property
    def receiver(self) -> Address:
        """Whom packets of the client are sent to."""
        return self.entry.server if self.server.mode.is_outward else self.server.endpoint.address

    @property
    def server_isn(self) -> int:
        """The ISN that the server saw."""
        return self.entry.client_isn + self.entry.delta & 0xFFFFFFFF


class SessionTable:
    """All sessions, by session id and by client. Owns the session ids."""

    def __init__(self, session_ids: int) -> None:
        self.ids = IdPool(session_ids, session_ids // SPARE)
        self.by_id: dict[int, Session] = {}
        self.by_key: dict[Flow, Session] = {}

    def resize(self, session_ids: int, most: int) -> None:
        """As :meth:`fullnat.core.session.pool.IdPool.resize`."""
        self.ids.resize(session_ids, most, session_ids // SPARE)

    def __len__(self) -> int:
        return len(self.by_id)

    def __iter__(self) -> Iterator[Session]:
        return iter(self.by_id.values())

    def add(self, session: Session) -> None:
        """``session`` owns its session id, taken or claimed before."""
        self.by_id[session.entry.session_id] = session
        self.by_key[session.key] = session

    def remove(self, session: Session) -> None:
        number = session.entry.session_id
        del self.by_id[number]
        del self.by_key[session.key]
        self.ids.release(number)
