"""What is read of the session tables, by expressions and as messages: the same sessions, and the same halves without
another one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from finsy.proto import p4r
from fullnat.core.interface import Op, ProbeResult
from fullnat.net.flow import v4
from fullnat.p4rt import program
from fullnat.p4rt.halves import HalfSessions
from fullnat.p4rt.schema import Schema
from fullnat.tables.session import SessionEntry
from hypothesis import given
from hypothesis import strategies as st

from p4rt import entries

PROGRAM = program.load()
SCHEMA = Schema(PROGRAM.p4info, PROGRAM.sizes)
INWARD, OUTWARD, INWARD6, OUTWARD6, MIXED = SCHEMA.session_tables
TABLES = {table.preamble.id: table for table in PROGRAM.p4info.tables}
Form = Callable[[p4r.TableEntry], object]


def responses(sessions: Sequence[SessionEntry], *forms: Form, parts: int = 1) -> dict[int, list[bytes]]:
    """What a switch that holds ``sessions`` answers, by table; ``forms`` change each entry in place."""
    found: dict[int, list[p4r.Entity]] = {table: [] for table in SCHEMA.session_tables}
    for session in sessions:
        for wire in SCHEMA.encode(Op.INSERT, session):
            entity = p4r.Update.FromString(wire).entity
            for form in forms:
                form(entity.table_entry)
            found[entity.table_entry.table_id].append(entity)
    return {
        table: [p4r.ReadResponse(entities=entities[part::parts]).SerializeToString() for part in range(parts)]
        for table, entities in found.items()
    }


def joined(answers: dict[int, list[bytes]], order: Sequence[int] = SCHEMA.session_tables) -> HalfSessions:
    halves = SCHEMA.sessions.halves()
    for table in order:
        for response in answers.get(table, []):
            halves.add(response)
    halves.finish()
    return halves


def unlike_ours(entry: p4r.TableEntry) -> None:
    """Bytestrings as long as their fields, matches in another order, a priority."""
    widths = {field.id: (field.bitwidth + 7) // 8 for field in TABLES[entry.table_id].match_fields}
    for match in entry.match:
        match.exact.value = match.exact.value.rjust(widths[match.field_id], b"\0")
    matches = list(entry.match)
    del entry.match[:]
    entry.match.extend(reversed(matches))
    entry.priority = 1


DISTINCT = st.lists(entries.sessions, max_size=5, unique_by=lambda session: session.session_id)


@given(DISTINCT, st.sampled_from([SCHEMA.session_tables, (MIXED, OUTWARD6, OUTWARD, INWARD, INWARD6)]))
def test_sessions_are_found_as_they_were_written(sessions: list[SessionEntry], order: tuple[int, ...]) -> None:
    for forms in ((), (unlike_ours,)):
        halves = joined(responses(sessions, *forms), order)
        assert sorted(halves.sessions) == sorted(sessions)
        assert halves.orphans == []


@given(DISTINCT, st.randoms())
def test_halves_come_in_any_order(sessions: list[SessionEntry], chance: random.Random) -> None:
    parts = [part for answers in responses(sessions, parts=5).values() for part in answers]
    chance.shuffle(parts)
    halves = SCHEMA.sessions.halves()
    for part in parts:
        halves.add(part)
    halves.finish()
    assert sorted(halves.sessions) == sorted(sessions)
    assert halves.orphans == []


def test_one_half_as_a_message_belongs_to_the_other() -> None:
    """Numbers that are 0 are no different from those that are missing, nor strings that are longer than need be."""
    session = entries.session(0)._replace(client_isn=0, delta=7, idle_timeout=0.0)
    usual, other = responses([session]), responses([session], unlike_ours)
    for answers in ({**usual, INWARD: other[INWARD]}, {**usual, OUTWARD: other[OUTWARD]}):
        halves = joined(answers)
        assert (halves.sessions, halves.orphans) == ([session], [])


def test_entries_of_the_usual_form_are_never_made_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = responses([entries.session(number) for number in range(1000)], parts=3)
    monkeypatch.setattr("fullnat.p4rt.halves.p4r", None)
    halves = joined(answers)
    assert sorted(halves.sessions) == [entries.session(number) for number in range(1000)]
    assert halves.orphans == []


@pytest.mark.parametrize("forms", [(), (unlike_ours,)])
@pytest.mark.parametrize("field", ["server_id", "client", "client_port", "local", "local_port", "delta", "client_isn"])
def test_halves_that_do_not_agree_are_told(field: str, forms: tuple[Form, ...]) -> None:
    good, one = entries.session(1), entries.session(2)
    value = getattr(one, field)
    changes: dict[str, Any] = {field: value ^ 1 if isinstance(value, int) else value[::-1]}
    other = one._replace(**changes)
    answers, others = responses([good, one], *forms), responses([good, other], *forms)
    halves = joined({INWARD: answers[INWARD], OUTWARD: others[OUTWARD]})
    assert halves.sessions == [good]
    nowhere, port = v4(0), 0
    assert halves.orphans == [
        (other._replace(vip=nowhere, vport=port), False),
        (one._replace(server=nowhere, server_port=port), True),
    ]


@pytest.mark.interpreted
def test_addresses_and_ports_are_shared() -> None:
    """A million sessions hold each of them once."""
    first, second = joined(responses([entries.session(1), entries.session(2)])).sessions
    for field in ("vip", "local", "server", "server_port", "idle_timeout"):
        assert getattr(first, field) is getattr(second, field)


@pytest.mark.parametrize("damage", [lambda entry: entry.match.pop(), lambda entry: entry.action.Clear()])
def test_what_we_cannot_have_written_is_refused(damage: Form) -> None:
    with pytest.raises(ValueError, match=r"entry (with fields|of table)"):
        joined(responses([entries.session(1)], damage))


@pytest.mark.parametrize("forms", [(), (unlike_ours,)])
@pytest.mark.parametrize("told", [True, False])
def test_probes_are_answered_in_the_order_of_the_sessions(told: bool, forms: tuple[Form, ...]) -> None:
    def hit(entry: p4r.TableEntry) -> None:
        if told:
            entry.time_since_last_hit.elapsed_ns = 3_000_000_000 if entry.table_id == INWARD else 2_000_000_000
        entry.counter_data.packet_count = 300 if entry.table_id == INWARD else 0
        entry.counter_data.byte_count = 1 << 40

    held = [entries.session(number) for number in (1, 2)]
    answers = responses(held, hit, *forms)
    lone = responses([entries.session(3)], hit, *forms)[INWARD]
    tables = SCHEMA.sessions
    asked = [entries.session(number) for number in (2, 3, 1, 4)]
    hits = tables.hits(asked, [*answers[OUTWARD], *lone, *answers[INWARD]])
    since = (3_000_000_000, 2_000_000_000) if told else (None, None)
    inward, outward = (since[0], 300, 1 << 40), (since[1], 0, 1 << 40)
    assert hits == [inward, outward, inward, None, inward, outward, None, None]
    result = ProbeResult(2.0 if told else None, 300, 1 << 40, 0, 1 << 40, 3.0 if told else None)
    assert tables.probe_results(asked, hits) == [(2, result), (3, None), (1, result), (4, None)]
