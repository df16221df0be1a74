"""The P4Runtime client of one switch: arbitration, pipeline, entries, counters, and the stream as the core's events."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from finsy.proto import p4r

from fullnat import named
from fullnat.core.interface import Event, ProbeResult
from fullnat.p4rt.binding import Array
from fullnat.p4rt.errors import Code, ConnectionLost, NotPrimary, RpcError
from fullnat.p4rt.halves import HalfSessions
from fullnat.p4rt.packetio import PacketOut
from fullnat.p4rt.pipeline import Pipeline, cookie, running
from fullnat.p4rt.program import Program
from fullnat.p4rt.schema import Schema
from fullnat.p4rt.transport import QUEUE_LIMIT, Hit, ShowsState, Stream, TellsHits, Transport, in_turns
from fullnat.p4rt.wire import delimited, scalar, u128, whole_table, write_request
from fullnat.p4rt.worth import WORTH_BRINGING
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry

DIGEST_LIST_SIZE = 256
DIGEST_DELAY_NS = 5_000_000
NEIGHBOR_DELAY_NS = 1_000_000
"""Shorter, for the neighbor's first packet follows its question. BMv2 takes less than a millisecond for never."""
DIGEST_ACK_NS = 1_000_000_000
HIGHEST_BID = (1 << 128) - 1
COMPLAINTS = 100
"""Different warnings about stream messages that a connection may give rise to."""

_LOGGER = logging.getLogger(__name__)
_OF_STREAM = named.logger(__name__)
_BATCH = 512
"""Updates or entities a request made here carries."""


class Mastership(Enum):
    PRIMARY = "primary"
    BACKUP = "backup"
    """Another controller is primary."""
    NONE = "none"
    """Nobody is primary: a higher election id would be."""


@dataclass(frozen=True, slots=True)
class Arbitration:
    mastership: Mastership
    election_id: int
    """Of the primary; with NONE, the highest the switch has seen."""


class Client:
    """Not connected until :meth:`open`; afterwards :meth:`receive` must be called continually.

    ``election_id`` is called per connection, so that every new connection can have a higher one.
    """

    def __init__(
        self, transport: Transport, program: Program, *, device_id: int, election_id: Callable[[], int]
    ) -> None:
        self.program = program
        self.schema = Schema(program.p4info, program.sizes)
        self.device_id = device_id
        self.highest_bid = HIGHEST_BID
        """What bids where nobody is primary may come to."""
        self.digest_lists = 0
        self.stream_errors = 0
        self._transport = transport
        self._new_election_id = election_id
        self._election_id = 0
        self._stream: Stream | None = None
        self._complaints: set[str] = set()

    # connection and arbitration

    async def open(self) -> None:
        """Open the stream and ask to become primary. Raises ConnectionLost or RpcError."""
        await self.close_stream()
        self._stream = await self._transport.open_stream(self.schema.packets.layout)
        await self.bid(self._new_election_id())

    async def bid(self, election_id: int) -> None:
        """Ask to become primary with ``election_id``; the answer comes by :meth:`receive`."""
        self._election_id = election_id
        request = p4r.StreamMessageRequest()
        request.arbitration.device_id = self.device_id
        _set_u128(request.arbitration.election_id, election_id)
        await self._send(request.SerializeToString())

    @property
    def election_id(self) -> int:
        return self._election_id

    @property
    def heard(self) -> int:
        """Grows with everything that comes from the switch."""
        return self._transport.heard

    @property
    def pushing(self) -> bool:
        """A pipeline is being set, during which some switches answer nothing else."""
        return self._transport.pushing

    @property
    def immediate(self) -> bool:
        """A :meth:`write` is done when it returns: nothing of it waits."""
        return self._transport.immediate

    async def ask(self) -> None:
        """Have the switch say something. Raises P4RuntimeError."""
        await self._transport.ask()

    async def close_stream(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.close()

    async def close(self) -> None:
        await self.close_stream()
        await self._transport.close()

    def _open_stream(self) -> Stream:
        if self._stream is None:
            raise ConnectionLost("not connected")
        return self._stream

    async def receive(self) -> list[Event | Arbitration]:
        """Everything that has arrived, at least one message; acknowledges digests. Raises P4RuntimeError."""
        events: list[Event | Arbitration] = []
        packets = self.schema.packets
        for message in await self._open_stream().receive():
            if isinstance(message, bytes):
                events.append(packets.decode_frame(message))
                continue
            try:
                if not isinstance(message, p4r.StreamMessageResponse):
                    self.digest_lists += 1
                    events.extend(packets.decode_packed(message))
                    await self._send(packets.digest_ack(message))
                    continue
                kind = message.WhichOneof("update")
                if kind == "packet":
                    events.append(packets.decode_packet(message.packet))
                elif kind == "digest":
                    self.digest_lists += 1
                    events.extend(packets.decode_digest(message.digest))
                    await self._send(packets.digest_ack(message.digest))
                elif kind == "idle_timeout_notification":
                    events.extend(packets.decode_idle(message.idle_timeout_notification))
                elif kind == "arbitration":
                    events.append(self._arbitration(message.arbitration))
                elif kind == "error":
                    error = message.error
                    self._complain(f"the switch refused a stream message: {error.message or error.canonical_code}")
            except ValueError as error:
                self._complain(f"the switch sent a message that cannot be read: {error}")
        return events

    def _complain(self, what: str) -> None:
        """A switch that has something against packets has it against all of them: a warning once a connection."""
        self.stream_errors += 1
        if what not in self._complaints and len(self._complaints) < COMPLAINTS:
            self._complaints.add(what)
            _OF_STREAM.warning("%s (further ones are only counted: stream_errors)", what)

    def _arbitration(self, update: p4r.MasterArbitrationUpdate) -> Arbitration:
        election_id = update.election_id.high << 64 | update.election_id.low
        if update.status.code == Code.OK:
            return Arbitration(Mastership.PRIMARY, election_id)
        if update.status.code == Code.NOT_FOUND:
            return Arbitration(Mastership.NONE, election_id)
        return Arbitration(Mastership.BACKUP, election_id)

    def packet_out(self, effect: PacketOut, limit: int = QUEUE_LIMIT) -> bool:
        """False when the switch is ``limit`` messages behind: there is :meth:`room` later. Raises ConnectionLost, and
        IndexError or OverflowError for a value too wide for its field."""
        stream, packets = self._open_stream(), self.schema.packets
        if stream.direct and stream.send_frame(packets.frame(effect)):
            return True
        return stream.send(packets.encode(effect), limit)

    async def room(self, limit: int = QUEUE_LIMIT) -> None:
        """Until another packet-out can be sent, or the stream has ended."""
        await self._open_stream().room(limit)

    async def _send(self, message: bytes) -> None:
        stream = self._open_stream()
        while not stream.send(message):
            await stream.room()

    # pipeline and set-up

    async def ensure_pipeline(self) -> bool:
        """Push the program unless the switch reports its cookie; True if pushed, which empties the switch."""
        if await self.cookie() == self.program.cookie:
            return False
        await self.push()
        return True

    async def cookie(self) -> int | None:
        """Of what the switch runs; None: nothing. Raises P4RuntimeError."""
        return await cookie(self._transport, self.device_id)

    async def pipeline(self) -> Pipeline | None:
        """What the switch runs. Raises P4RuntimeError."""
        return await running(self._transport, self.device_id)

    async def push(self) -> None:
        """Have the switch run the program, and hold nothing. Raises P4RuntimeError."""
        push = p4r.SetForwardingPipelineConfigRequest(
            device_id=self.device_id, action=p4r.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT
        )
        _set_u128(push.election_id, self._election_id)
        push.config.p4info.CopyFrom(self.program.p4info)
        push.config.p4_device_config = self.program.device_config
        push.config.cookie.cookie = self.program.cookie
        await self._checked(self._transport.set_pipeline(push))

    def go_by(self, program: Program, schema: Schema) -> None:
        """The switch runs this program, and goes on with it."""
        self.program, self.schema = program, schema

    async def enable_digests(self) -> None:
        """Have session events reported, neighbors that ask for our addresses, and who gets cookies."""
        await self._enable_digest(self.schema.packets.digest_id, DIGEST_DELAY_NS)
        for digest_id in self.schema.packets.other_digest_ids:
            await self._enable_digest(digest_id, NEIGHBOR_DELAY_NS)

    async def _enable_digest(self, digest_id: int, delay_ns: int) -> None:
        update = p4r.Update(type=p4r.Update.INSERT)
        entry = update.entity.digest_entry
        entry.digest_id = digest_id
        entry.config.max_timeout_ns = delay_ns
        entry.config.max_list_size = DIGEST_LIST_SIZE
        entry.config.ack_timeout_ns = DIGEST_ACK_NS
        failed = await self.write([update.SerializeToString()])
        if failed and failed[0][0] == Code.ALREADY_EXISTS:
            update.type = p4r.Update.MODIFY
            failed = await self.write([update.SerializeToString()])
        if failed:
            raise RpcError(*failed[0])

    async def limit_punts(self, rate: int, burst: int, reasons: Collection[int] | None = None) -> None:
        """Set the meters of these punt ``reasons``, or of all, to ``rate`` packets per second and ``burst`` packets, or
        what is worth bringing if that is less."""
        meter = self.schema.punt_meter
        updates = []
        for index in range(meter.size):
            if reasons is not None and index not in reasons:
                continue
            update = p4r.Update(type=p4r.Update.MODIFY)
            entry = update.entity.meter_entry
            entry.meter_id = meter.id
            entry.index.index = index
            most = WORTH_BRINGING.get(index, max(rate, burst))
            entry.config.cir = entry.config.pir = min(rate, most)
            entry.config.cburst = entry.config.pburst = min(burst, most)
            updates.append(update.SerializeToString())
        failed = await self.write(updates)
        if failed:
            raise RpcError(*next(iter(failed.values())))

    # entries

    async def write(self, updates: Sequence[bytes]) -> dict[int, tuple[int, str]]:
        """Carry out serialised p4.v1.Update in one request; the failed ones' positions with (code, message).

        Raises ConnectionLost, or NotPrimary when another controller has taken over.
        """
        head = scalar(1, self.device_id) + delimited(3, u128(self._election_id))
        request = write_request(head, updates)
        try:
            await self._checked(self._transport.write(request))
        except RpcError as error:
            if error.updates:
                if len(error.updates) == len(updates):
                    return {index: item for index, item in enumerate(error.updates) if item[0] != Code.OK}
                _LOGGER.warning("%d errors for a batch of %d updates", len(error.updates), len(updates))
            return dict.fromkeys(range(len(updates)), (error.code, error.message))
        return {}

    async def read_all(self) -> tuple[tuple[Entry, ...], int]:
        """Everything in our tables; half sessions are deleted, and counted in the second value."""
        found: list[Entry] = [*await self.read_but_sessions()]
        halves = self.schema.sessions.halves()
        async for sessions in self.read_sessions(halves):
            found += sessions
        await self.delete_halves(halves.orphans)
        return tuple(found), len(halves.orphans)

    async def read_but_sessions(self, table_ids: Sequence[int] | None = None) -> tuple[Entry, ...]:
        """Everything in our tables of which there is not much, or what is in those of ``table_ids``."""
        found: list[Entry] = []
        cold = self.schema.cold
        for table_id in cold.ids if table_ids is None else table_ids:
            entities = await self._read(whole_table(table_id))
            found += (entry for entity in entities if (entry := cold.decode(entity.table_entry)) is not None)
        return tuple(found)

    async def read_sessions(self, halves: HalfSessions) -> AsyncIterator[list[SessionEntry]]:
        """All sessions, as they come; what is left in ``halves`` at the end are half ones. Both tables of a family are
        read at once: few halves have to wait for the other one where the switch has them in one order."""
        tables = self.schema.session_tables
        for start in range(0, len(tables), 2):
            reads = [self._transport.read(self._reading(whole_table(table))) for table in tables[start : start + 2]]
            async for response in in_turns(reads):
                halves.add(response)
                yield halves.take()
        halves.finish()
        yield halves.take()

    async def delete_halves(self, halves: Sequence[tuple[SessionEntry, bool]]) -> None:
        """Delete half sessions (True: the ``session_in`` entry). One that is gone already is no error."""
        updates = [self.schema.sessions.delete_half(session, inward=inward) for session, inward in halves]
        for start in range(0, len(updates), _BATCH):
            failed = await self.write(updates[start : start + _BATCH])
            for code, message in failed.values():
                if code != Code.NOT_FOUND:
                    _LOGGER.warning("half a session could not be deleted: %s", message)

    async def probe(self, sessions: Sequence[SessionEntry]) -> tuple[tuple[int, ProbeResult | None], ...]:
        """Counters and time since last hit; None when an entry of the two is gone."""
        tables = self.schema.sessions
        results: list[tuple[int, ProbeResult | None]] = []
        for start in range(0, len(sessions), _BATCH // 2):
            asked = sessions[start : start + _BATCH // 2]
            request = self._reading(b"".join([delimited(2, entity) for entity in tables.probe_entities(asked)]))
            hits = self._hits(request)
            if hits is None:
                hits = tables.hits(asked, [response async for response in self._transport.read(request)])
            results += tables.probe_results(asked, hits)
        return tuple(results)

    def _hits(self, request: bytes) -> Sequence[Hit | None] | None:
        return self._transport.hits(request) if isinstance(self._transport, TellsHits) else None

    async def read(self, entity: p4r.Entity) -> list[p4r.Entity]:
        """What the switch has of this. Raises P4RuntimeError."""
        return await self._read(delimited(2, entity.SerializeToString()))

    def state(self) -> Any:
        """A switch in this process as a p4soft.interpreter.state.State; None for any other."""
        return self._transport.state() if isinstance(self._transport, ShowsState) else None

    async def counters(self, array: Array, indexes: Iterable[int]) -> dict[int, tuple[int, int]]:
        """(packets, bytes) of the cells of an indexed counter."""
        wanted = [delimited(2, _counter_entity(array.id, index)) for index in indexes]
        cells = {}
        for start in range(0, len(wanted), _BATCH):
            for entity in await self._read(b"".join(wanted[start : start + _BATCH])):
                cell = entity.counter_entry
                cells[cell.index.index] = (cell.data.packet_count, cell.data.byte_count)
        return cells

    async def _read(self, entities: bytes) -> list[p4r.Entity]:
        return await self._entities(self._reading(entities))

    async def _entities(self, request: bytes) -> list[p4r.Entity]:
        entities: list[p4r.Entity] = []
        async for response in self._transport.read(request):
            entities += p4r.ReadResponse.FromString(response).entities
        return entities

    def _reading(self, entities: bytes) -> bytes:
        """The serialised ReadRequest."""
        return scalar(1, self.device_id) + entities

    async def _checked(self, call: Awaitable[None]) -> None:
        try:
            await call
        except RpcError as error:
            if error.code == Code.PERMISSION_DENIED and not error.updates:
                raise NotPrimary(error.message or "another controller is primary") from None
            raise


def _counter_entity(counter_id: int, index: int) -> bytes:
    entity = p4r.Entity()
    entity.counter_entry.counter_id = counter_id
    entity.counter_entry.index.index = index
    return entity.SerializeToString()


def _set_u128(message: p4r.Uint128, value: int) -> None:
    message.high = value >> 64
    message.low = value & 0xFFFF_FFFF_FFFF_FFFF
