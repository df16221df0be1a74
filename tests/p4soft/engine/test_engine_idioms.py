"""What many programs have: a marked copy of standard_metadata, a message without values, a union, an error as key."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from enginekit import Bench, with_workers
from p4soft.api import Entry, Replica

pytestmark = with_workers
NO_MATCH = 2
"""error.NoMatch, as p4c numbers the errors of core.p4."""


def packet(op: int, kind: int = 0, value: int = 0, rest: bytes = b"rest") -> bytes:
    return struct.pack("!BBH", op, kind, value) + rest


@pytest.fixture
def idioms(bench: Callable[[str], Bench]) -> Bench:
    engine = bench("idioms")
    engine.set_multicast_group(1, [Replica(1, 1), Replica(3, 2)])
    return engine


def test_an_action_drops_by_the_copy_it_is_given(idioms: Bench) -> None:
    assert idioms.send(packet(0)) == [(2, packet(0))]
    assert idioms.send(packet(1)) == []


def test_marking_a_copy_clears_its_multicast_group_too(idioms: Bench) -> None:
    assert idioms.send(packet(2, value=1)) == [(1, packet(2, value=1)), (3, packet(2, value=1))]
    assert idioms.send(packet(2, value=0)) == []


def test_a_message_without_values(idioms: Bench) -> None:
    assert idioms.send(packet(3)) == [(2, packet(3))]


def test_a_union_that_is_no_stack(idioms: Bench) -> None:
    assert idioms.send(packet(7, 0)) == [(2, packet(7, 0))]
    assert idioms.send(packet(7, 1, rest=b"ab")) == [(2, packet(7, 1, 0x7777, b"ab"))]
    assert idioms.send(packet(7, 2, rest=b"abcd")) == [(2, packet(7, 2, 0x7777, b"abcd"))]
    assert idioms.send(packet(6, 1, rest=b"abcd")) == [(2, packet(6, 1, rest=b"cd"))]
    # One member at a time.
    assert idioms.send(packet(4, 2, rest=b"abcdef")) == [(2, packet(4, 2, rest=b"\x12\x34ef"))]
    assert idioms.send(packet(5, 1, rest=b"abcd")) == [(2, packet(5, 1, rest=b"\x56\x78\x9a\xbccd"))]


def test_an_error_is_a_key(idioms: Bench) -> None:
    key = NO_MATCH.to_bytes(4, "big") + b"\0\0"
    idioms.insert(idioms.table("by_error"), Entry(key, idioms.action("by_error", "send"), b"\0\3", priority=1))
    assert idioms.send(packet(0)) == [(2, packet(0))]
    assert idioms.send(packet(0xEE)) == [(3, packet(0xEE))]


def test_headers_that_are_nothing_but_unions(bench: Callable[[str], Bench]) -> None:
    unions = bench("unions")
    assert unions.send(b"\0rest") == [(2, b"\0rest")]
    assert unions.send(b"\1abrest") == [(2, b"\1abrest")]
    assert unions.send(b"\2abcdrest") == [(2, b"\2\x12\x34rest")]
