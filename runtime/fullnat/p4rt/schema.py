"""The contract between this controller and a pipeline, bound to one P4Info by name."""

from __future__ import annotations

from collections.abc import Iterable

from finsy.proto import p4i, p4r

from fullnat.core.interface import Op, Sizes
from fullnat.p4constants import DropReason, PuntReason, ToaResult
from fullnat.p4rt.binding import Binder
from fullnat.p4rt.errors import SchemaError
from fullnat.p4rt.packetio import PacketIo
from fullnat.p4rt.sessions import UPDATE_TYPES, SessionTables, whole
from fullnat.p4rt.tables import ColdTables
from fullnat.p4rt.wire import delimited, scalar
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry, shown


class Schema:
    """Encoders and decoders of everything the controller exchanges. Raises SchemaError that lists every difference."""

    def __init__(self, p4info: p4i.P4Info, sizes: Sizes) -> None:
        binder = Binder(p4info)
        self.cold = ColdTables(binder)
        self.sessions = SessionTables(binder)
        self.drop_counter = binder.counter("drop_ctr", DropReason.DROP_REASONS)
        self.punt_counter = binder.counter("punt_ctr", PuntReason.PUNT_REASONS)
        self.toa_counter = binder.counter("toa_ctr", ToaResult.TOA_RESULTS)
        self.server_in_counter = binder.counter("server_in_ctr", sizes.server_ids)
        self.server_out_counter = binder.counter("server_out_ctr", sizes.server_ids)
        self.punt_meter = binder.meter("punt_meter", PuntReason.PUNT_REASONS)
        session_tables = (0, 0) if binder.differences else (self.sessions.in_id, self.sessions.out_id)
        self.packets = PacketIo(binder, session_tables)
        if binder.differences:
            raise SchemaError(binder.differences)
        self.table_ids = (*self.cold.ids, *session_tables)

    def encode(self, op: Op, entry: Entry) -> tuple[bytes, ...]:
        """The serialised p4.v1.Update: one, or two (in, out) for a session. Raises ValueError for a value too wide."""
        if isinstance(entry, SessionEntry):
            try:
                return self.sessions.encode(op, entry)
            except (IndexError, OverflowError) as error:
                raise ValueError(f"a value does not fit its field in {shown(entry)}") from error
        table_entry = self.cold.encode(entry, with_action=op is not Op.DELETE)
        return (scalar(1, UPDATE_TYPES[op]) + delimited(2, delimited(2, table_entry.SerializeToString())),)

    def decode_all(self, entries: Iterable[p4r.TableEntry]) -> tuple[list[Entry], list[tuple[SessionEntry, bool]]]:
        """Join the halves of sessions; the second list is half sessions, True for a lone ``session_in`` entry.

        Two halves belong together when they agree in every field that both tell.
        """
        found: list[Entry] = []
        inward: dict[int, SessionEntry] = {}
        outward: list[SessionEntry] = []
        orphans: list[tuple[SessionEntry, bool]] = []
        in_id, out_id = self.sessions.in_id, self.sessions.out_id
        for entry in entries:
            if entry.table_id == in_id:
                session = self.sessions.decode(entry)
                if session.session_id in inward:
                    orphans.append((session, True))
                else:
                    inward[session.session_id] = session
            elif entry.table_id == out_id:
                outward.append(self.sessions.decode(entry))
            elif (cold := self.cold.decode(entry)) is not None:
                found.append(cold)
        for half in outward:
            other = inward.get(half.session_id)
            joined = whole(other, half) if other is not None else None
            if joined is not None:
                found.append(joined)
                del inward[joined.session_id]
            else:
                orphans.append((half, False))
        orphans.extend((session, True) for session in inward.values())
        return found, orphans
