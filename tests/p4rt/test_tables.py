"""A table is one module: codec, mirror and writer know it by what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pytest
from finsy.proto import p4i, p4r
from fullnat.config.model import Config
from fullnat.core.interface import Op, Outcome
from fullnat.core.switch.mirror import Mirror, desired_entries
from fullnat.net.flow import v4
from fullnat.p4rt import program
from fullnat.p4rt.binding import Binder
from fullnat.p4rt.errors import Code
from fullnat.p4rt.outcomes import outcome
from fullnat.p4rt.schema import Schema
from fullnat.p4rt.tables import ColdTables
from fullnat.tables.host import Host
from fullnat.tables.session import SessionEntry
from fullnat.tables.table import TABLES, Action, Entry, EntryKey, Owner, Table, Wanted, entry_key, register
from hypothesis import given

from p4rt import entries

PROGRAM = program.load()
SCHEMA = Schema(PROGRAM.p4info, PROGRAM.sizes)


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
    assert codecs.encode(Color(1, 7), with_action=True) == message.SerializeToString(deterministic=True)
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
    cold = [table for table in TABLES.values() if table.owner is not Owner.SESSIONS]
    described = {name for table in cold for name in (table.name, table.name6) if name is not None}
    of_sessions = {f"session_{direction}{ending}" for direction in ("in", "out") for ending in ("", "6")}
    of_sessions |= {"session46"}
    assert {table.preamble.name for table in PROGRAM.p4info.tables} == described | of_sessions


def test_a_session_is_two_entries_and_leads_to_its_server() -> None:
    session = entries.session(3)
    assert keys(session) == (
        ("session_in", 6, session.client, session.client_port, session.vip, 80),
        ("session_out", 6, session.server, 8080, session.local, session.local_port),
    )
    assert TABLES[SessionEntry].requires(session) == (("server_in", 7), ("server_out", 7))
    with pytest.raises(ValueError):
        entry_key(session)


def leads_to(message: p4r.TableEntry) -> set[EntryKey]:
    """The keys of one number that an entry's values are said to be, by ``@refers_to(table, key)`` in P4Info."""
    tables = {table.preamble.id: table for table in PROGRAM.p4info.tables}
    actions = {action.preamble.id: action for action in PROGRAM.p4info.actions}
    action = message.action.action
    values = {field.field_id: field.exact.value for field in message.match}
    said = [(field.annotations, values.get(field.id, b"")) for field in tables[message.table_id].match_fields]
    params = {param.param_id: param.value for param in action.params}
    said += [(param.annotations, params[param.id]) for param in actions[action.action_id].params]
    found = set()
    for notes, value in said:
        for note in notes:
            if match := re.fullmatch(r"@refers_to\((\w+) ?, ?(\w+)\)", note):
                table = next(table for table in PROGRAM.p4info.tables if table.preamble.name == match[1])
                assert [field.name for field in table.match_fields] == [match[2]]
                found.add((match[1], int.from_bytes(value, "big")))
    return found


@given(entries.cold | entries.sessions)
def test_what_entries_lead_to_is_what_the_program_says(entry: Entry) -> None:
    """The order of writes comes from ``requires``, and other controllers know it by ``@refers_to``."""
    wires = [p4r.Update.FromString(wire) for wire in SCHEMA.encode(Op.INSERT, entry)]
    said = set().union(*(leads_to(wire.entity.table_entry) for wire in wires))
    assert set(TABLES[type(entry)].requires(entry)) == said


def test_the_program_says_of_every_id_where_it_leads() -> None:
    """A parameter that has the name of another table's only key leads there."""
    keys = [table.match_fields for table in PROGRAM.p4info.tables]
    of_ids = {fields[0].name for fields in keys if len(fields) == 1 and fields[0].name.endswith("_id")}
    assert of_ids == {"server_id", "next_hop_id"}
    params = [param for action in PROGRAM.p4info.actions for param in action.params if param.name in of_ids]
    assert len(params) == 14
    assert all(param.annotations for param in params)


def test_an_insert_that_finds_an_entry_leaves_one_of_unknown_content() -> None:
    mirror = Mirror()
    host = Host(v4(9), 1)
    key = entry_key(host)
    assert mirror.change(key, host) == (Op.INSERT, host)
    mirror.failed(Op.INSERT, host, Outcome.EXISTS)
    assert mirror.change(key, host) == (Op.MODIFY, host)
    assert mirror.change(key, None) == (Op.DELETE, host)
    mirror.failed(Op.INSERT, host, Outcome.EXISTS)
    assert mirror.change(key, None) is None


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
