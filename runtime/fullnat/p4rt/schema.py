"""The contract between this controller and a pipeline, bound to one P4Info by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from finsy.proto import p4i, p4r

from fullnat.core.interface import Op, Sizes
from fullnat.p4constants import CookieEvent, DropReason, PuntReason, ToaResult
from fullnat.p4rt import contract
from fullnat.p4rt.binding import Array, Binder
from fullnat.p4rt.errors import SchemaError
from fullnat.p4rt.packetio import PacketIo
from fullnat.p4rt.pipeline import encoding
from fullnat.p4rt.program import Program
from fullnat.p4rt.sessions import UPDATE_TYPES, SessionTables
from fullnat.p4rt.tables import ColdTables
from fullnat.p4rt.wire import delimited, scalar
from fullnat.tables.server_in import ServerIn
from fullnat.tables.server_out import ServerOut
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import Entry, shown


class Schema:
    """Encoders and decoders of everything the controller exchanges. Raises SchemaError that lists every difference."""

    def __init__(self, p4info: p4i.P4Info, sizes: Sizes) -> None:
        binder = Binder(p4info)
        self.encoding = encoding(p4info)
        """That of updates: those of another schema with the same one are the same bytes."""
        self.cold = ColdTables(binder)
        self.sessions = SessionTables(binder)
        counted = contract.sizes_of(p4info)
        self.drop_counter = binder.counter("drop_ctr", counted[DropReason])
        self.punt_counter = binder.counter("punt_ctr", counted[PuntReason])
        self.toa_counter = binder.counter("toa_ctr", counted[ToaResult])
        self.cookie_counter = binder.counter("cookie_ctr", counted[CookieEvent]) if binder.has_cookies else None
        self.server_in_counter = binder.counter("server_in_ctr", sizes.server_ids)
        self.server_out_counter = binder.counter("server_out_ctr", sizes.server_ids)
        self.punt_meter = binder.meter("punt_meter", counted[PuntReason])
        session_tables = () if binder.differences else self.sessions.ids
        self.packets = PacketIo(binder, session_tables)
        if binder.differences:
            raise SchemaError(binder.differences)
        self.session_tables = session_tables

    @cached_property
    def arrays(self) -> Mapping[str, Array]:
        """What counts, by name."""
        found = vars(self).values()
        return {each.name: each for each in found if isinstance(each, Array)}

    def encode(self, op: Op, entry: Entry) -> tuple[bytes, ...]:
        """The serialised p4.v1.Update: one, or two (in, out) for a session. Raises ValueError for a value too wide."""
        if isinstance(entry, SessionEntry):
            try:
                return self.sessions.encode(op, entry)
            except (LookupError, OverflowError) as error:
                raise ValueError(f"a value does not fit its field in {shown(entry)}") from error
        table_entry = self.cold.encode(entry, with_action=op is not Op.DELETE)
        return (scalar(1, UPDATE_TYPES[op]) + delimited(2, delimited(2, table_entry)),)

    def cell_to_clear(self, op: Op, entry: Entry) -> bytes | None:
        """The serialised p4.v1.Update that has the counter of a new server begin at zero: its id was another one's
        before, and no table's deletion clears an indexed counter (P4Runtime 1.3, section 9.4)."""
        if op is not Op.INSERT:
            return None
        if isinstance(entry, ServerIn):
            return _cleared(self.server_in_counter, entry.server_id)
        return _cleared(self.server_out_counter, entry.server_id) if isinstance(entry, ServerOut) else None

    def decode_all(self, entries: Iterable[p4r.TableEntry]) -> tuple[list[Entry], list[tuple[SessionEntry, bool]]]:
        """Join the halves of sessions; the second list is half sessions, True for a lone ``session_in`` entry."""
        halves = self.sessions.halves()
        others = (entry for entry in entries if not halves.add_entry(entry))
        found = [cold for entry in others if (cold := self.cold.decode(entry)) is not None]
        halves.finish()
        return [*found, *halves.sessions], halves.orphans


def of_another(theirs: Program, own: Program) -> Schema:
    """That of another program than our ``own``. Raises SchemaError with all that keeps us from going by it."""
    differences = [*contract.differences(theirs.p4info, own.p4info)]
    try:
        schema = Schema(theirs.p4info, theirs.sizes)
    except SchemaError as error:
        raise SchemaError([*error.differences, *differences]) from None
    if differences:
        raise SchemaError(differences)
    return schema


def _cleared(array: Array, index: int) -> bytes:
    """A CounterEntry whose data are zero."""
    cell = scalar(1, array.id) + delimited(2, scalar(1, index)) + delimited(3, b"")
    return scalar(1, p4r.Update.MODIFY) + delimited(2, delimited(7, cell))
