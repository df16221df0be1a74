"""Requests at random, and two services that are to serve them alike: one whose engine does, one that does it itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from finsy.proto import p4r
from hypothesis import strategies as st
from p4kit import (
    CPU_PORT,
    DELETE,
    DEVICE,
    acl,
    action,
    arbitration,
    between,
    config,
    exact,
    lpm,
    optional,
    route,
    session,
    ternary,
    write_request,
)
from p4soft.embedded import native_engine
from p4soft.server.errors import Code, RpcError
from p4soft.server.service import P4RuntimeService

Outcome = tuple[Code, str, list[tuple[Code, str]]]
Pair = tuple[P4RuntimeService, P4RuntimeService]
"""The first one's engine serves what is ordinary."""

VALUES = st.sampled_from(
    [b"", b"\0", b"\1", b"\2", b"\7", b"\x80", b"\xff", b"\1\0", b"\0\0\1", b"\1\0\0\0", b"\xff" * 5]
)
IDS = st.integers(0, 6)
MATCHES = st.one_of(
    st.builds(exact, IDS, VALUES),
    st.builds(ternary, IDS, VALUES, VALUES),
    st.builds(between, IDS, VALUES, VALUES),
    st.builds(optional, IDS, VALUES),
    st.builds(lpm, IDS, VALUES, st.sampled_from([-1, 0, 1, 8, 24, 32, 33])),
)
ACTIONS = st.one_of(
    st.none(),
    st.builds(action, st.just("set_session"), VALUES, VALUES, VALUES),
    st.builds(action, st.sampled_from(["forward", "to_cpu", "drop", "only_default", "miss"]), VALUES),
    st.sampled_from([action("session_drop"), action("drop"), p4r.TableAction(action_profile_member_id=1)]),
)
BYTE = st.integers(0, 3).map(lambda n: bytes([n]))
GOOD = st.one_of(
    st.builds(session, st.integers(1, 4)),
    st.builds(session, st.integers(1, 4), idle_timeout_ns=st.integers(0, 9), controller_metadata=st.integers(0, 9)),
    st.builds(route, st.just(b"\x0a\0\0\0"), st.sampled_from([0, 8, 16])),
    st.builds(
        lambda priority, masked, more: acl(priority, b"\x08\0", ternary(2, masked, b"\3"), *more),
        st.integers(1, 3),
        BYTE,
        st.sampled_from([[], [optional(4, b"\1")], [between(3, b"\1", b"\4"), optional(4, b"\1")]]),
    ),
)
EXTRAS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"is_default_action": True},
        {"is_const": True},
        {"metadata": b"note"},
        {"idle_timeout_ns": -1},
        {"idle_timeout_ns": 7},
        {"priority": -1},
        {"priority": 5},
        {"table_id": 0},
        {"table_id": 1 << 31},
        {"counter_data": p4r.CounterData(packet_count=3)},
        {"meter_config": p4r.MeterConfig(cir=1, cburst=1, pir=2, pburst=2)},
        {"time_since_last_hit": p4r.TableEntry.IdleTimeout()},
        {"controller_metadata": 2**64 - 1},
    ]
)


@st.composite
def entries(draw: st.DrawFn) -> p4r.TableEntry:
    """Mostly a good entry, of few enough that they meet again; sometimes one with something about it changed."""
    entry = p4r.TableEntry()
    entry.CopyFrom(draw(GOOD))
    for _ in range(draw(st.sampled_from([0] * 12 + [1, 2]))):
        kind = draw(st.integers(0, 4))
        if kind == 0:
            entry.MergeFrom(p4r.TableEntry(**draw(EXTRAS)))
        elif kind == 1 and (chosen := draw(ACTIONS)) is not None:
            entry.action.CopyFrom(chosen)
        elif kind == 2:
            entry.ClearField("action")
        elif kind == 3:
            entry.match.append(draw(MATCHES))
        elif entry.match:
            at = draw(st.integers(0, len(entry.match) - 1))
            entry.match[at].CopyFrom(draw(MATCHES))
    return entry


DAMAGE = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3)), max_size=4)


def damaged(data: bytes, damage: list[tuple[int, bytes, int]]) -> bytes:
    """``data`` with bytes put in and taken out."""
    for at, more, cut in damage:
        place = at % (len(data) + 1)
        data = data[:place] + more + data[place + cut :]
    return data


def refusal(error: RpcError) -> Outcome:
    details = [(d.code, d.message) if d is not None else (Code.OK, "") for d in error.details]
    return error.code, error.message, details


def start() -> P4RuntimeService:
    service = P4RuntimeService(native_engine(DEVICE, CPU_PORT), DEVICE, CPU_PORT)
    service.open_stream(lambda messages: None).handle(arbitration(1))
    service.load(config())
    return service


@contextmanager
def both() -> Iterator[Pair]:
    fast, slow = start(), start()
    slow._wire = None
    yield fast, slow
    fast.engine.close()
    slow.engine.close()


def empty(service: P4RuntimeService) -> None:
    for found in service.read(p4r.ReadRequest(device_id=DEVICE, entities=[p4r.Entity(table_entry=p4r.TableEntry())])):
        entries = [item.table_entry for item in found.entities if not item.table_entry.is_const]
        service.write(write_request(*((DELETE, entry) for entry in entries)))
