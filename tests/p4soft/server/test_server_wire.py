"""WriteRequests that the engine decodes and applies by itself: the same results and the same state as the server's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from finsy.proto import p4r
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from p4kit import (
    DELETE,
    DEVICE,
    INSERT,
    MODIFY,
    acl,
    action,
    between,
    optional,
    route,
    session,
    table_id,
    ternary,
    write_request,
)
from p4soft.server.errors import Code, RpcError
from p4soft.server.service import P4RuntimeService
from requestkit import DAMAGE, Outcome, Pair, both, damaged, empty, entries, refusal

REQUESTS = st.builds(
    lambda updates, election, role: write_request(*updates, election=election, role=role),
    st.lists(st.tuples(st.sampled_from([INSERT, INSERT, DELETE, MODIFY] * 10 + [0]), entries()), max_size=8),
    st.sampled_from([1] * 10 + [2, None]),
    st.sampled_from([""] * 10 + ["other"]),
)


def outcome(service: P4RuntimeService, request: bytes) -> Outcome:
    try:
        service.write_bytes(request)
    except RpcError as error:
        return refusal(error)
    return Code.OK, "", []


def state(service: P4RuntimeService) -> list[bytes]:
    """Every entry that a client can read, with its counters."""
    query = p4r.Entity(table_entry=p4r.TableEntry(counter_data=p4r.CounterData(), meter_config=p4r.MeterConfig()))
    responses = service.read(p4r.ReadRequest(device_id=DEVICE, entities=[query]))
    return sorted(item.SerializeToString(deterministic=True) for found in responses for item in found.entities)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with both() as services:
        yield services


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(REQUESTS, min_size=1, max_size=5))
def test_both_paths_agree(pair: Pair, requests: list[p4r.WriteRequest]) -> None:
    for service in pair:
        empty(service)
    for request in requests:
        data = request.SerializeToString()
        found, expected = (outcome(service, data) for service in pair)
        assert found == expected, request
        assert state(pair[0]) == state(pair[1]), request


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(REQUESTS, DAMAGE)
def test_both_paths_agree_on_damaged_bytes(
    pair: Pair, request: p4r.WriteRequest, damage: list[tuple[int, bytes, int]]
) -> None:
    data = damaged(request.SerializeToString(), damage)
    for service in pair:
        empty(service)
    found, expected = (outcome(service, data) for service in pair)
    assert found == expected
    assert state(pair[0]) == state(pair[1])


@pytest.mark.parametrize(
    ("entry", "ordinary"),
    [
        (session(1, idle_timeout_ns=5, controller_metadata=6), True),
        (route(), True),
        (acl(3, b"\x08\0", ternary(2, b"\x01", b"\x01"), between(3, b"\x01", b"\x02"), optional(4, b"\x01")), True),
        (session(1, metadata=b"note"), False),
        (session(1, counter_data=p4r.CounterData()), False),
        (session(1, priority=1), False),
        (p4r.TableEntry(table_id=table_id("last"), is_default_action=True, action=action("drop")), False),
    ],
)
def test_ordinary_requests_do_not_reach_the_server(pair: Pair, entry: p4r.TableEntry, ordinary: bool) -> None:
    fast = pair[0]
    empty(fast)
    assert fast._wire is not None
    assert (fast._wire.write(write_request((INSERT, entry)).SerializeToString()) == []) is ordinary


def test_tables_with_metadata_are_the_servers(pair: Pair) -> None:
    fast = pair[0]
    empty(fast)
    fast.write(write_request((INSERT, session(1, metadata=b"note"))))
    fast.write(write_request((DELETE, session(1))))
    fast.write(write_request((INSERT, session(1))))
    (found,) = fast.read(p4r.ReadRequest(device_id=DEVICE, entities=[p4r.Entity(table_entry=session(1, action=None))]))
    assert not found.entities[0].table_entry.metadata
    assert fast._wire is not None
    assert fast._wire.write(write_request((DELETE, session(1))).SerializeToString()) == []
