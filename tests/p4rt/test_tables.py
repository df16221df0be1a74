"""A table is one module: codec, mirror and writer know it by what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest
from finsy.proto import p4i, p4r
from fullnat.config.model import Config
from fullnat.core.interface import Op, Outcome
from fullnat.core.mirror import Mirror, desired_entries
from fullnat.p4rt import program
from fullnat.p4rt.binding import Binder
from fullnat.p4rt.errors import Code
from fullnat.p4rt.outcomes import outcome
from fullnat.p4rt.tables import ColdTables
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import TABLES, Action, Entry, EntryKey, Owner, Table, Wanted, entry_key, register

from p4rt import entries

PROGRAM = program.load()


class Color(NamedTuple):
    number: int
    shade: int


class ColorTable(Table[Color]):
    """A table that the program has not."""

    name = "color"
    entry = Color
    key = ("number",)
    actions = (Action("paint", ("shade",)),)

    def wanted(self, model: Wanted) -> Iterable[Color]:
        return (Color(1, 7),)


@pytest.fixture
def p4info() -> Iterator[p4i.P4Info]:
    """The program's P4Info with ColorTable in it, and ColorTable registered."""
    info = p4i.P4Info()
    info.CopyFrom(PROGRAM.p4info)
    table = info.tables.add(size=8)
    table.preamble.id, table.preamble.name = 0x02FFFFFE, "color"
    table.match_fields.add(id=1, name="number", bitwidth=8, match_type=p4i.MatchField.EXACT)
    table.action_refs.add(id=0x01FFFFFE)
    action = info.actions.add()
    action.preamble.id, action.preamble.name = 0x01FFFFFE, "paint"
    action.params.add(id=1, name="shade", bitwidth=4)
    register(ColorTable)
    yield info
    del TABLES[Color]


def test_a_registered_table_is_written_read_and_kept_as_configured(p4info: p4i.P4Info) -> None:
    binder = Binder(p4info)
    codecs = ColdTables(binder)
    assert binder.differences == []
    message = p4r.TableEntry(table_id=0x02FFFFFE)
    message.match.add(field_id=1).exact.value = b"\x01"
    message.action.action.action_id = 0x01FFFFFE
    message.action.action.params.add(param_id=1, value=b"\x07")
    assert codecs.encode(Color(1, 7), with_action=True) == message
    assert codecs.decode(message) == Color(1, 7)
    with pytest.raises(ValueError, match="shade = 0x10 does not fit in 4 bits"):
        codecs.encode(Color(1, 16), with_action=True)
    desired = desired_entries(Wanted(Config(interfaces=()), {}, (), {}))
    assert desired == {("color", 1): Color(1, 7)}
    mirror = Mirror()
    mirror.found([Color(1, 3), Color(2, 3)])
    assert mirror.change_to(desired) == [(Op.DELETE, Color(2, 3)), (Op.MODIFY, Color(1, 7))]


def test_an_unknown_action_is_no_entry(p4info: p4i.P4Info) -> None:
    message = p4r.TableEntry(table_id=0x02FFFFFE)
    message.action.action.action_id = 1
    with pytest.raises(ValueError, match="table color: unknown action 0x1"):
        ColdTables(Binder(p4info)).decode(message)


def test_every_table_of_the_program_is_described_here() -> None:
    described = {table.name for table in TABLES.values() if table.owner is not Owner.SESSIONS}
    assert {table.preamble.name for table in PROGRAM.p4info.tables} == described | {"session_in", "session_out"}


def test_a_session_is_two_entries_and_leads_to_its_server() -> None:
    session = entries.session(3)
    assert keys(session) == (
        ("session_in", 6, session.client, session.client_port, session.vip, 80),
        ("session_out", 6, session.server, 8080, session.local, session.local_port),
    )
    assert TABLES[SessionEntry].requires(session) == (("server_in", 7), ("server_out", 7))
    with pytest.raises(ValueError):
        entry_key(session)


def keys(entry: Entry) -> tuple[EntryKey, ...]:
    return TABLES[type(entry)].keys(entry)


@pytest.mark.parametrize(
    ("op", "code", "expected"),
    [
        (Op.INSERT, Code.ALREADY_EXISTS, Outcome.EXISTS),
        (Op.INSERT, Code.RESOURCE_EXHAUSTED, Outcome.FULL),
        (Op.INSERT, Code.UNKNOWN, Outcome.FULL),
        (Op.MODIFY, Code.UNKNOWN, Outcome.REFUSED),
        (Op.MODIFY, Code.NOT_FOUND, Outcome.ABSENT),
        (Op.DELETE, Code.NOT_FOUND, Outcome.ABSENT),
        (Op.INSERT, Code.NOT_FOUND, Outcome.REFUSED),
        (Op.DELETE, Code.UNAVAILABLE, Outcome.REFUSED),
    ],
)
def test_what_a_code_says_depends_on_the_operation(op: Op, code: Code, expected: Outcome) -> None:
    assert outcome(op, code) is expected
