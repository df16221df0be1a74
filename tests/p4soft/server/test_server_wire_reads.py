"""ReadRequests that the engine answers by itself: the same answers as the server's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from finsy.proto import p4r
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from p4kit import DEVICE, INSERT, acl, optional, route, session, table_id, ternary, write_request
from p4soft.api_read import Hits
from p4soft.server.errors import Code, RpcError
from p4soft.server.service import READ_CHUNK, P4RuntimeService
from requestkit import DAMAGE, Outcome, Pair, both, damaged, empty, entries, refusal

COUNTER = p4r.CounterData()
SINCE = p4r.TableEntry.IdleTimeout()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with both() as services:
        yield services


def request(*queries: p4r.TableEntry, device: int = DEVICE) -> bytes:
    entities = [p4r.Entity(table_entry=query) for query in queries]
    return p4r.ReadRequest(device_id=device, entities=entities).SerializeToString()


def by_key(entry: p4r.TableEntry, **asked: p4r.CounterData | p4r.TableEntry.IdleTimeout) -> p4r.TableEntry:
    return p4r.TableEntry(table_id=entry.table_id, match=entry.match, **asked)  # type: ignore[arg-type]


def answer(service: P4RuntimeService, data: bytes) -> tuple[list[p4r.Entity], Outcome]:
    """The entities, with no times since the last hit but 0 for those that are told, and how the call ended."""
    found: list[p4r.Entity] = []
    try:
        for response in service.read_bytes(data):
            found.extend(p4r.ReadResponse.FromString(response).entities)
    except RpcError as error:
        return found, refusal(error)
    finally:
        for entity in found:
            if entity.table_entry.HasField("time_since_last_hit"):
                entity.table_entry.time_since_last_hit.elapsed_ns = 0
    return found, (Code.OK, "", [])


@st.composite
def queries(draw: st.DrawFn) -> p4r.TableEntry:
    """Mostly what is ordinary: the key of a good entry, or the table's number alone."""
    entry = draw(entries())
    query = p4r.TableEntry(table_id=entry.table_id, match=entry.match if draw(st.booleans()) else [])
    if draw(st.booleans()):
        query.counter_data.SetInParent()
    if draw(st.booleans()):
        query.time_since_last_hit.SetInParent()
    if draw(st.sampled_from([False] * 9 + [True])):
        query.MergeFrom(entry)
    return query


REQUESTS = st.builds(
    lambda asked, device: request(*asked, device=device),
    st.lists(queries(), max_size=6),
    st.sampled_from([DEVICE] * 10 + [DEVICE + 1]),
)
CONTENTS = st.lists(entries(), max_size=8)


def fill(service: P4RuntimeService, contents: list[p4r.TableEntry]) -> None:
    empty(service)
    for entry in contents:
        try:
            service.write(write_request((INSERT, entry)))
        except RpcError:
            continue


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(CONTENTS, st.lists(REQUESTS, min_size=1, max_size=4), DAMAGE)
def test_both_paths_agree(
    pair: Pair, contents: list[p4r.TableEntry], requests: list[bytes], damage: list[tuple[int, bytes, int]]
) -> None:
    for service in pair:
        fill(service, contents)
    for data in (*requests, damaged(requests[0], damage)):
        found, expected = (answer(service, data) for service in pair)
        assert found == expected, data


@pytest.mark.parametrize(
    ("query", "ordinary"),
    [
        (by_key(session(1)), True),
        (by_key(session(1), counter_data=COUNTER, time_since_last_hit=SINCE), True),
        (p4r.TableEntry(table_id=table_id("session")), True),
        (p4r.TableEntry(), False),
        (p4r.TableEntry(table_id=table_id("session"), controller_metadata=3), False),
        (by_key(session(1), counter_data=p4r.CounterData(packet_count=1)), False),
        (by_key(route()), False),
        (by_key(acl(3, b"\x08\0", ternary(2, b"\x01", b"\x01"), optional(4, b"\x01"))), False),
        (p4r.TableEntry(table_id=table_id("last"), is_default_action=True), False),
    ],
)
def test_ordinary_requests_do_not_reach_the_server(pair: Pair, query: p4r.TableEntry, ordinary: bool) -> None:
    fast = pair[0]
    assert fast._wire is not None
    assert (fast._wire.reader.read(request(query), READ_CHUNK) is not None) is ordinary


def test_long_answers_come_in_pieces_of_whole_entities(pair: Pair) -> None:
    for service in pair:
        empty(service)
        service.write(write_request(*((INSERT, session(number)) for number in range(900))))
    all_of_it = p4r.TableEntry(table_id=table_id("session"))
    whole = request(all_of_it, by_key(session(7)), all_of_it)
    for service in pair:
        responses = [p4r.ReadResponse.FromString(data).entities for data in service.read_bytes(whole)]
        assert [len(entities) for entities in responses] == [512, 512, 512, 265]
    found, expected = (answer(service, whole) for service in pair)
    assert found == expected


def test_a_read_ends_when_the_tables_are_others(pair: Pair) -> None:
    fast = pair[0]
    fill(fast, [session(number) for number in range(600)])
    responses = fast.read_bytes(request(p4r.TableEntry(table_id=table_id("session"))))
    next(responses)
    fast.write(write_request((INSERT, session(1000, metadata=b"note"))))
    with pytest.raises(RpcError) as ended:
        next(responses)
    assert ended.value.code is Code.ABORTED


def test_hits_are_told_in_the_order_of_the_request(pair: Pair) -> None:
    fast, slow = pair
    fill(fast, [session(1), session(3)])
    asked = request(by_key(session(3)), by_key(session(2)), by_key(session(1)))
    third, second, first = fast.read_hits(asked) or ()
    assert second is None
    for hits in (first, third):
        assert isinstance(hits, Hits)
        assert (hits.packets, hits.bytes) == (0, 0)
        assert 0 <= hits.since_ns < 60e9
    assert fast.read_hits(request(p4r.TableEntry(table_id=table_id("session")))) is None
    assert slow.read_hits(asked) is None
